# shellcheck shell=bash disable=SC2154 # some variables are those of the others
# What a release consists of, in dist/. Read by ./dev, whose functions it uses.

dist=$PWD/dist
# Versions, so that two releases differ by nothing but their sources.
cyclonedx=cargo-cyclonedx@0.5.9
cyclonedx_schemas='cyclonedx-python-lib[json-validation]==11.12.0'
wkg=wkg@0.16.1
# A WASI program around the component, where it has been built.
composed=${LATCHSTRING_COMPOSED:-host/wasmtime/latch.wasm}

# What the packages hold beside their sources: put there while they are packed.
packages=(latchstring-core latchstring-engine latchstring-sandbox latchstring latchstring-cli)
folders=(host/core host/engine host/sandbox host/latchstring host/latch)

make_dist() {
  has sha256sum || fail "sha256sum is missing; install GNU coreutils"
  say "building with optimisation; the first time takes many minutes"
  cargo build --quiet --release -p latchstring-cli
  wasi_target
  cargo build --quiet --workspace --bins
  local target=${CARGO_TARGET_DIR:-target} version file
  version=$(version)
  rm -rf "$dist"
  mkdir "$dist"
  cp "$target/release/latch" wit/login.wit wit/rules.wit "$dist"
  "$dist/latch" component --output "$dist/login.wasm"
  "$dist/latch" component --rules --output "$dist/rules.wasm"
  if [ -e "$composed" ]; then cp "$composed" "$dist/latch.wasm"; fi
  package "$dist" --quiet --no-verify "${packages[@]/#/-p}"
  for file in "${packages[@]}"; do cp "$target/package/$file-$version.crate" "$dist"; done
  bills_of_materials
  for file in "$dist"/*.wasm; do
    "$target/debug/layout" write "$file" "$dist/oci/$(basename "$file" .wasm)" "$version" >/dev/null
  done
  (cd "$dist" && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum) >"$target/SHA256SUMS"
  mv "$target/SHA256SUMS" "$dist"
  (cd "$dist" && sha256sum --check --quiet SHA256SUMS)
  say "made $(find "$dist" -type f | wc -l) files in dist/"
  (cd "$dist" && ls -l)
}

version() { cargo pkgid -p latchstring | sed 's/.*[#@]//'; }

# package FOLDER ARGUMENT...: cargo package, with everything in its place. FOLDER has the
# components.
package() {
  local components=$1 status=0 folder
  shift
  for folder in "${folders[@]}"; do cp LICENSE-APACHE LICENSE-MIT "$folder"; done
  cp wit/login.wit host/core
  cp -R docs host/latch
  cp "$components/login.wasm" host/sandbox/component.wasm
  cp "$components/rules.wasm" host/sandbox/rules.wasm
  # Git knows nothing of what was just put there.
  cargo package --allow-dirty "$@" 2> >(grep -v '^warning: ignoring' >&2) || status=$?
  # A build of the checkout needs none of them.
  rm -rf host/*/LICENSE-* host/core/login.wit host/latch/docs host/sandbox/{component,rules}.wasm
  return $status
}

# The package lists, which cost no build: what they must hold, and what they must not.
test_package() {
  test_list latchstring-core build.rs login.wit src/lib.rs src/pages/page.html
  test_list latchstring-engine src/component.rs src/settings.rs
  test_list latchstring-sandbox build.rs component.wasm rules.wasm src/lib.rs
  test_list latchstring src/lib.rs presets/github.toml
  test_list latchstring-cli build.rs docs/cli.md src/main.rs
}

# test_list PACKAGE FILE...
test_list() {
  local package=$1 list name components
  shift
  # Any components: a list does not look inside.
  components=$(mktemp -d)
  touch "$components/login.wasm" "$components/rules.wasm"
  list=$(package "$components" --list -p "$package")
  rm -rf "$components"
  for name in "$@" Cargo.lock LICENSE-APACHE LICENSE-MIT README.md; do
    grep -qx "$name" <<<"$list" || fail "the package $package lacks $name"
  done
  if grep -q '^tests/\|^benches/\|\.wat$' <<<"$list"; then
    fail "the package $package holds what only the workspace can use"
  fi
  say "the package $package holds $(wc -l <<<"$list") files, and all that it must"
}

# What the program and the component are made of, build tools left out.
bills_of_materials() {
  local tool=$cache/${cyclonedx/@/-} copy
  if [ ! -x "$tool/bin/cargo-cyclonedx" ]; then
    say "installing what writes the bills of materials"
    env -u CARGO_TARGET_DIR cargo install --quiet --locked "$cyclonedx" --root "$tool"
  fi
  # It writes beside each Cargo.toml, and names the folder.
  copy=$(mktemp -d)
  tracked_files_to "$copy"
  bill latch host/latch latch_bin "$(rustc -vV | sed -n 's/^host: //p')"
  bill login guest latchstring_guest_cdylib-rlib wasm32-unknown-unknown
  bill rules host/rules latchstring_rules_cdylib wasm32-unknown-unknown
  rm -rf "$copy"
}

# bill NAME FOLDER FILE TARGET
bill() {
  local file=$copy/$2/$3.cdx.json
  (cd "$copy" && SOURCE_DATE_EPOCH=0 "$tool/bin/cargo-cyclonedx" cyclonedx -q --format json --spec-version 1.5 \
    --describe binaries --no-build-deps --manifest-path "$2/Cargo.toml" --target "$4")
  sed -i "/\"timestamp\":/d; s|file://$copy|file:///latchstring|g" "$file"
  cargo tree --locked --manifest-path "$2/Cargo.toml" --target "$4" --edges normal --prefix none |
    "${CARGO_TARGET_DIR:-target}/debug/layout" bill "$file" >"$dist/$1.cdx.json"
}

tracked_files_to() { git ls-files -z | tar --null --files-from=- --create | tar -x -C "$1"; }

hash_of() { sha256sum "$1" | cut -d' ' -f1; }

# same NAME FILE: the component of that file name again, by another way.
same() {
  local here there name
  name=$(basename "$2")
  here=$(hash_of "$dist/$name")
  there=$(hash_of "$2")
  printf '%s  %s, %s\n' "$there" "$name" "$1"
  [ "$here" = "$there" ] || fail "$name is another one, $1"
}

# same_in NAME PROGRAM FOLDER: both components of a program.
same_in() {
  "$2" component --output "$3/login.wasm"
  "$2" component --rules --output "$3/rules.wasm"
  same "$1" "$3/login.wasm"
  same "$1" "$3/rules.wasm"
}

# Everything that a release promises, by doing it.
check_dist() {
  local work name
  work=$(mktemp -d)
  for name in login rules; do printf '%s  %s.wasm, here\n' "$(hash_of "$dist/$name.wasm")" "$name"; done
  check_folder "$work"
  check_package "$work"
  check_layout "$work"
  check_bills
  rm -rf "$work"
  say "all of it holds"
}

# Another checkout, another target folder, another place for crates.
check_folder() {
  local elsewhere=$1/another/checkout home=$1/cargo from=${CARGO_HOME:-$HOME/.cargo} part
  say "building the component in another folder; this takes minutes"
  mkdir -p "$elsewhere" "$home/registry"
  tracked_files_to "$elsewhere"
  for part in config.toml credentials.toml registry/cache registry/index; do
    if [ -e "$from/$part" ]; then ln -s "$from/$part" "$home/$part"; fi
  done
  (cd "$elsewhere" && CARGO_HOME=$home CARGO_TARGET_DIR=$1/target cargo build --quiet -p latchstring-cli)
  same_in "built in $elsewhere" "$1/target/debug/latch" "$1"
  rm -rf "$1/target" "$1/another" "$home"
}

# The packages alone, where nothing could build a component.
check_package() {
  local package
  say "building the packages by themselves; this takes minutes"
  for package in "${packages[@]}"; do
    mkdir "$1/$package"
    tar -xzf "$dist/$package-$(version)".crate -C "$1/$package" --strip-components 1
  done
  (cd "$1/latchstring-cli" && CARGO_TARGET_DIR=$1/target cargo build --quiet \
    --config "patch.crates-io.latchstring.path='$1/latchstring'" \
    --config "patch.crates-io.latchstring-core.path='$1/latchstring-core'" \
    --config "patch.crates-io.latchstring-engine.path='$1/latchstring-engine'" \
    --config "patch.crates-io.latchstring-sandbox.path='$1/latchstring-sandbox'")
  [ ! -e "$1/target/latchstring-component" ] || fail "the package built a component"
  same_in "in the package's program" "$1/target/debug/latch" "$1"
  rm -rf "$1/target" "${packages[@]/#/$1/}"
}

# Pulled by wkg, as from any registry.
check_layout() {
  local tool=$cache/${wkg/@/-} address server version
  if [ ! -x "$tool/bin/wkg" ]; then
    say "installing wkg; this takes many minutes"
    env -u CARGO_TARGET_DIR cargo install --quiet --locked "$wkg" --root "$tool"
  fi
  version=$(version)
  mkfifo "$1/address"
  "${CARGO_TARGET_DIR:-target}/debug/layout" serve "$dist/oci/login" >"$1/address" &
  server=$!
  read -r address <"$1/address"
  mkdir "$1/pulled"
  "$tool/bin/wkg" oci pull --insecure "$address" --output "$1/pulled/login.wasm" "$address/latchstring/login:$version" ||
    fail "wkg cannot pull from the layout"
  kill "$server"
  same "pulled by wkg" "$1/pulled/login.wasm"
}

# Against the schema of CycloneDX.
check_bills() {
  local folder=$cache/cyclonedx-schemas name
  if [ ! -e "$folder/complete" ]; then
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$cyclonedx_schemas"
    touch "$folder/complete"
  fi
  for name in latch login rules; do
    "$folder/bin/python" - "$dist/$name.cdx.json" <<'END'
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

text = open(sys.argv[1], encoding="utf-8").read()
error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
sys.exit(f"{sys.argv[1]} does not follow the schema: {error}" if error else 0)
END
    say "$name.cdx.json follows its schema, and names $(grep -c '"purl"' "$dist/$name.cdx.json") parts"
  done
}
