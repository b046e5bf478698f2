# shellcheck shell=bash disable=SC2154 # some variables are those of the others
# What a release consists of, in dist/. Read by ./dev, whose functions it uses. The programs
# are made by dist-programs.sh, packages by dist-packages.sh; dist-check.sh tries it all out.

dist=$PWD/dist
# Versions, so that two releases differ by nothing but their sources.
cyclonedx=cargo-cyclonedx@0.5.9
# A WASI program around the component, where it has been built.
composed=${LATCHSTRING_COMPOSED:-host/wasmtime/latch.wasm}

# What the packages hold beside their sources: put there while they are packed.
packages=(latchstring-core latchstring-engine latchstring-sandbox latchstring latchstring-cli)
folders=(host/core host/engine host/sandbox host/latchstring host/latch)

make_dist() {
  local target version stage
  has sha256sum || fail "sha256sum is missing; install GNU coreutils"
  say "building for every target with optimisation; the first time takes an hour"
  wasi_target
  cargo build --quiet --workspace --bins
  target=$(target_folder) version=$(version)
  dist_bin=$target/debug stage=$target/dist
  rm -rf "$dist" "$stage"
  mkdir "$dist" "$stage"
  cp wit/login.wit wit/rules.wit "$dist"
  "$dist_bin/latch" component --output "$dist/login.wasm"
  "$dist_bin/latch" component --rules --output "$dist/rules.wasm"
  if [ -e "$composed" ]; then cp "$composed" "$dist/latch.wasm"; fi
  make_programs "$stage" "$dist_bin"
  make_crates "$target" "$version"
  bills_of_materials
  make_layouts "$version"
  make_packages "$stage" "$version"
  make_provenance "$version"
  list_checksums >"$stage/SHA256SUMS"
  mv "$stage/SHA256SUMS" "$dist"
  sign "$version"
  say "made $(find "$dist" -type f | wc -l) files in dist/"
  (cd "$dist" && ls -l)
}

# make_crates TARGET_FOLDER VERSION
make_crates() {
  local file
  package "$dist" --quiet --no-verify "${packages[@]/#/-p}"
  for file in "${packages[@]}"; do cp "$1/package/$file-$2.crate" "$dist"; done
}

# make_layouts VERSION: the components, as registries keep them.
make_layouts() {
  local file
  for file in "$dist"/*.wasm; do
    "$dist_bin/layout" write "$file" "$dist/oci/$(basename "$file" .wasm)" "$1" >/dev/null
  done
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

# What costs no build: the package lists, and the files for package managers.
test_package() {
  test_list latchstring-core build.rs login.wit src/lib.rs src/pages/page.html
  test_list latchstring-engine src/component.rs src/settings.rs
  test_list latchstring-sandbox build.rs component.wasm rules.wasm src/lib.rs
  test_list latchstring src/lib.rs presets/github.toml
  test_list latchstring-cli build.rs docs/cli.md src/main.rs
  test_manifests
}

# Every template is filled in, and names only files that a release has.
test_manifests() {
  local dist version target
  dist=$(mktemp -d)
  version=$(version)
  for target in "${linux_targets[@]}"; do touch "$dist/latch-$version-$target.tar.gz"; done
  touch "$dist/latch-$version-$windows.zip" "$dist/latchstring-cli-$version.crate"
  manifests "$version"
  if grep -rn '@[A-Z0-9]*[@:]' "$dist/manifests" >&2; then fail "a template is not filled in"; fi
  bash -n "$dist/manifests/PKGBUILD"
  python3 -m json.tool "$dist/manifests/latchstring.json" >/dev/null
  say "$(find "$dist/manifests" -type f | wc -l) files for package managers are filled in"
  rm -rf "$dist"
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
