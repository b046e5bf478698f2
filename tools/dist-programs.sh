# shellcheck shell=bash disable=SC2034,SC2154 # some variables are those of the others
# The program of a release, for every target. Read by ./dev.

# make_programs STAGE BIN: STAGE/TARGET/latch for each target. BIN has a program of this machine,
# whose components become a part of each. Sets $released, the targets.
make_programs() {
  local stage=$1 bin=$2 name
  setup_zig
  released=()
  for name in "${linux_targets[@]}"; do
    say "building for $name"
    rust_target "$name"
    reproducibly build_for "$bin" "$name" --release
    take_program "$stage" "$name" latch
  done
  say "building for $windows"
  reproducibly build_for_windows "$bin"
  take_program "$stage" "$windows" latch.exe
  make_programs_for_macos "$stage" "$bin"
}

# take_program STAGE TARGET FILE
take_program() {
  mkdir -p "$1/$2"
  cp "${CARGO_TARGET_DIR:-target}/$2/release/$3" "$1/$2/$3"
  released+=("$2")
}

build_for_windows() {
  setup_windows_compiler
  components_of "$1" "$1/components"
  LATCHSTRING_COMPONENT_FILE=$1/components/login.wasm \
    LATCHSTRING_RULES_FILE=$1/components/rules.wasm \
    RUSTFLAGS="$RUSTFLAGS -Clink-arg=-Wl,--no-insert-timestamp" \
    cargo build --quiet --locked --release --target "$windows" -p latchstring-cli --bin latch \
    --features latchstring/cross
}

# Apple's libraries, which a program for macOS is linked with, are on no other system.
make_programs_for_macos() {
  local name
  if [ "$(uname)" != Darwin ]; then
    say "SKIPPED: the programs for macOS; make the release on a Mac to have them"
    return
  fi
  for name in aarch64-apple-darwin x86_64-apple-darwin; do
    say "building for $name"
    rust_target "$name"
    reproducibly build_for "$2" "$name" --release
    take_program "$1" "$name" latch
  done
}

# reproducibly COMMAND...: keeps this machine's folders out of what cargo builds, so that the
# same sources and compiler give the same bytes everywhere. The last name that fits wins.
reproducibly() {
  local folder flags
  flags="--remap-path-prefix=$PWD=/latchstring"
  flags+=" --remap-path-prefix=$(target_folder)=/target"
  flags+=" --remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=/rust"
  for folder in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
    flags+=" --remap-path-prefix=${folder%/}=/crates"
  done
  RUSTFLAGS=$flags "$@"
}
