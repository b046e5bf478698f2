# shellcheck shell=bash disable=SC2154 # some variables are those of the others
# Tries a release out: ./dev dist --check. Read by ./dev.

cyclonedx_schemas='cyclonedx-python-lib[json-validation]==11.12.0'
in_toto='in-toto-attestation==0.9.3'
wkg=wkg@0.16.1
# The oldest system that the packages are for.
debian=bullseye

# Everything that a release promises, by doing it.
check_dist() {
  local work name version
  work=$(mktemp -d)
  version=$(version)
  dist_bin=$(target_folder)/debug
  (cd "$dist" && sha256sum --check --quiet SHA256SUMS)
  check_archives "$work" "$version"
  check_debian "$work" "$version"
  check_rpm "$work" "$version"
  check_node "$work" "$version"
  check_python "$work" "$version"
  check_image "$work" "$version"
  check_manifests
  check_provenance "$version"
  check_bills
  for name in login rules; do printf '%s  %s.wasm, here\n' "$(hash_of "$dist/$name.wasm")" "$name"; done
  check_package "$work"
  check_layout "$work"
  check_folder "$work"
  rm -rf "$work"
  say "all of it holds"
}

# check_archives FOLDER VERSION: each of them has what it must, and what runs here has the same
# component and goes through a session.
check_archives() {
  local archive target folder file
  for archive in "$dist"/latch-"$2"-*.tar.gz "$dist"/latch-"$2"-*.zip; do
    target=${archive##*/latch-"$2"-}
    target=${target%.tar.gz} target=${target%.zip}
    folder=$1/latch-$2-$target
    case $archive in
      *.zip)
        has unzip || apt "what unpacks archives for Windows" unzip
        unzip -q "$archive" -d "$1"
        ;;
      *) tar -xzf "$archive" -C "$1" ;;
    esac
    for file in README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT; do
      [ -e "$folder/$file" ] || fail "the archive for $target lacks $file"
    done
    case $target in
      *-linux-musl | "$(uname -m)"-*-linux-gnu)
        try_program "$folder/latch" "$(emulator "${target%%-*}")"
        say "the archive for $target: a whole session"
        ;;
      *) say "the archive for $target is complete; its program was not run" ;;
    esac
    rm -rf "$folder"
  done
}

# try_program PROGRAM RUNNER
try_program() {
  local home run
  home=$(mktemp -d)
  [ -z "$2" ] || has "$2" || apt "an emulator of other processors" qemu-user
  run=(env -i "PATH=$PATH" "HOME=$home" LATCH_STORE=file ${2:+"$2"} "$1")
  [ "$("${run[@]}" component)" = "$("$dist_bin/latch" component)" ] ||
    fail "$1 has another component"
  try_session "$dist_bin" "${run[@]}"
  rm -rf "$home"
}

# clean_root FOLDER: makes a root of the oldest Debian, with nothing but what it must have.
clean_root() {
  local kept=$cache/root-$debian
  [ "$(id -u)" = 0 ] || fail "packages are tried in a root of their own, which needs root"
  has debootstrap || apt "what makes clean systems" debootstrap
  if [ ! -e "$kept/complete" ]; then
    say "making a clean system"
    rm -rf "$kept"
    mkdir -p "$kept"
    debootstrap --variant=minbase --include=man-db,bash-completion $debian "$kept/root" \
      >"$kept/log" || fail "no clean system can be made; see $kept/log"
    touch "$kept/complete"
  fi
  cp -a "$kept/root" "$1"
}

# in_root ROOT COMMAND...
in_root() {
  local root=$1
  shift
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LATCH_STORE=file \
    chroot "$root" "$@"
}

# Everything but what the users of the system and its package manager keep.
files_in() { (cd "$1" && find usr etc opt ! -type d | LC_ALL=C sort); }

# try_installed ROOT VERSION: the program, its manual and completions.
try_installed() {
  local words
  [ "$(in_root "$1" latch --version)" = "latch $2" ]
  try_session "$dist_bin" in_root "$1" latch
  [ -e "$1/usr/share/man/man1/latch.1.gz" ] || return 0
  in_root "$1" man latch | grep latch >/dev/null || fail "man shows no page of latch"
  in_root "$1" latch profile add somewhere --issuer https://id.example.com --client-id demo
  # shellcheck disable=SC2016 # for the other shell
  words=$(in_root "$1" bash -c '
    . /usr/share/bash-completion/bash_completion
    _completion_loader latch
    COMP_WORDS=(latch token --profile some) COMP_CWORD=3 COMP_TYPE=9 COMP_KEY=9
    COMP_LINE=${COMP_WORDS[*]} COMP_POINT=${#COMP_LINE}
    "$(complete -p latch | sed "s/.*-F \([^ ]*\).*/\1/")" latch some --profile
    echo "${COMPREPLY[@]}"')
  [[ $words == *somewhere* ]] || fail "bash does not complete the name of a profile: $words"
}

# check_removed ROOT BEFORE WHAT
check_removed() {
  files_in "$1" | diff "$2" - >&2 || fail "$3 leaves files behind"
  say "$3: installed, a whole session, removed without a trace"
  rm -rf "$1" "$2"
}

# check_debian FOLDER VERSION
check_debian() {
  local root=$1/debian
  clean_root "$root"
  files_in "$root" >"$1/before"
  cp "$dist/${name}_$2_amd64.deb" "$root/tmp/latch.deb"
  in_root "$root" dpkg --install /tmp/latch.deb >/dev/null
  try_installed "$root" "$2"
  in_root "$root" dpkg --purge "$name" >/dev/null 2>&1
  check_removed "$root" "$1/before" "the package for Debian"
}

# check_rpm FOLDER VERSION: in the same system, which has all that the package needs under
# other names.
check_rpm() {
  local root=$1/rpm package=$dist/$name-$2-1.x86_64.rpm
  clean_root "$root"
  files_in "$root" >"$1/before"
  rpm --query --requires --package "$package" | grep -F 'libc.so.6(GLIBC_2' >/dev/null ||
    fail "the RPM package does not say which glibc it needs"
  rpm --root "$root" --dbpath /var/lib/rpm --install --nodeps "$package"
  try_installed "$root" "$2"
  rpm --root "$root" --dbpath /var/lib/rpm --erase --nodeps "$name"
  check_removed "$root" "$1/before" "the RPM package"
}

# check_node FOLDER VERSION: from the packed file alone.
check_node() {
  local folder=$1/node
  mkdir "$folder"
  (
    cd "$folder" || return
    npm install --silent --no-audit --no-fund "$dist/latchstring-$2.tgz"
    node --input-type=module --eval '
      const { token, LatchError } = await import("latchstring");
      try {
        await token({ issuer: "https://id.example", clientId: "demo" }, { stateDir: "sessions" });
      } catch (error) {
        if (!(error instanceof LatchError) || error.code !== "login-required") throw error;
        process.exit(0);
      }
      process.exit(1);'
  ) || fail "the package for Node does not run"
  say "the package for Node: installed, and its component runs"
  rm -rf "$folder"
}

# check_python FOLDER VERSION: the wheel, and the sources.
check_python() {
  local package folder=$1/python
  for package in "latchstring-$2-py3-none-any.whl" "latchstring-$2.tar.gz"; do
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$dist/$package"
    (cd "$folder" && HOME=$folder bin/python -c '
import latchstring

try:
    latchstring.token(latchstring.Client(issuer="https://id.example", client_id="demo"))
except latchstring.LatchError as error:
    assert error.code == "login-required", error
else:
    raise SystemExit("a token without a login")
') || fail "$package does not run"
    say "$package: installed, and its component runs"
    rm -rf "$folder"
  done
}

# check_image FOLDER VERSION: what others read of it, and its program in a root of its files.
check_image() {
  local root=$1/image architecture layers layer
  has skopeo || apt "a client of container registries" skopeo
  for architecture in amd64 arm64; do
    skopeo inspect --override-arch "$architecture" "oci:$dist/oci/latch:$2" >"$1/inspected"
    grep -q "\"Architecture\": \"$architecture\"" "$1/inspected" ||
      fail "the image has nothing for $architecture"
  done
  skopeo inspect --override-arch amd64 "oci:$dist/oci/latch:$2" >"$1/inspected"
  layers=$(python3 -c '
import json, sys
for layer in json.load(open(sys.argv[1]))["Layers"]: print(layer.split(":")[1])' "$1/inspected")
  mkdir "$root"
  for layer in $layers; do tar -xzf "$dist/oci/latch/blobs/sha256/$layer" -C "$root"; done
  [ "$(chroot --userspec=65532:65532 "$root" /usr/bin/latch --version)" = "latch $2" ]
  try_session "$dist_bin" env -i "PATH=$PATH" HOME=/home/latch LATCH_STORE=file \
    chroot "$root" /usr/bin/latch
  say "the image: two architectures, and a whole session in its files"
  rm -rf "$root" "$1/inspected"
}

# What can be said about the files for package managers without these package managers.
check_manifests() {
  local file
  has ruby || apt "what reads Homebrew's formulas" ruby
  ruby -c "$dist/manifests/latchstring.rb" >/dev/null
  bash -n "$dist/manifests/PKGBUILD"
  python3 -m json.tool "$dist/manifests/latchstring.json" >/dev/null
  for file in "$dist"/manifests/winget/*.yaml; do
    ruby -ryaml -e 'exit YAML.load_file(ARGV[0])["PackageVersion"].to_s == ARGV[1]' \
      "$file" "$version" || fail "${file##*/} cannot be read"
  done
  say "the files for Homebrew, Scoop, winget and Arch can be read"
}

# check_provenance VERSION: against the definition of in-toto and of SLSA.
check_provenance() {
  local folder file=$dist/latchstring-$1.intoto.json
  [ -e "$file" ] || return 0
  folder=$cache/in-toto-$(hash_of_text "$in_toto")
  if [ ! -e "$folder/complete" ]; then
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$in_toto"
    touch "$folder/complete"
  fi
  "$folder/bin/python" - "$file" <<'END'
import json, sys
from google.protobuf import json_format
import in_toto_attestation.predicates.provenance.v1.provenance_pb2 as provenance
import in_toto_attestation.v1.statement_pb2 as statement
from in_toto_attestation.v1.statement import Statement

document = json.load(open(sys.argv[1], encoding="utf-8"))
Statement.copy_from_pb(json_format.ParseDict(document, statement.Statement())).validate()
json_format.ParseDict(document["predicate"], provenance.Provenance())
END
  say "the provenance follows its definition, and names $(grep -c '"uri"' "$file") materials"
}

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

# Another checkout, another target folder, another place for crates: the same components, and
# the same program.
check_folder() {
  local elsewhere=$1/another/checkout home=$1/cargo from=${CARGO_HOME:-$HOME/.cargo} part
  local target=x86_64-unknown-linux-musl again
  setup_zig
  say "building the program in another folder; this takes many minutes"
  mkdir -p "$elsewhere" "$home/registry"
  tracked_files_to "$elsewhere"
  for part in config.toml credentials.toml registry/cache registry/index; do
    if [ -e "$from/$part" ]; then ln -s "$from/$part" "$home/$part"; fi
  done
  (cd "$elsewhere" && CARGO_HOME=$home CARGO_TARGET_DIR=$1/target build_again "$1" "$target")
  again=$1/target/$target/release/latch
  mkdir "$1/released"
  tar -xzf "$dist/latch-$version-$target.tar.gz" -C "$1/released" --strip-components 1
  printf '%s  latch for %s, built in %s\n' "$(hash_of "$again")" "$target" "$elsewhere"
  [ "$(hash_of "$again")" = "$(hash_of "$1/released/latch")" ] ||
    fail "the program for $target is another one, built in $elsewhere"
  rm -rf "$1/target" "$1/another" "$1/released" "$home"
}

# build_again FOLDER TARGET: in the current folder.
build_again() {
  cargo build --quiet -p latchstring-cli
  same_in "built in $PWD" "$1/target/debug/latch" "$1"
  reproducibly build_for "$1/target/debug" "$2" --release
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
