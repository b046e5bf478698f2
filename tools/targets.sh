# shellcheck shell=bash disable=SC2034,SC2154 # some variables are those of the others
# The program for other processors and C libraries than this machine's. Read by ./dev.

linux_targets=(x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu
  x86_64-unknown-linux-musl aarch64-unknown-linux-musl)
# Debian 11 has this one.
oldest_glibc=2.31

# What runs in the tests: programs that need no other file, so an emulator needs none either.
tested_targets=(x86_64-unknown-linux-musl aarch64-unknown-linux-musl)
targets_tests="the programs for arm64 and for musl"

# build_for BIN TARGETS ARGUMENT...: cargo build for the targets, which are words of one
# argument. BIN has a program of the same sources, whose components become a part of it.
build_for() {
  local components=$1/components name targets=()
  for name in $2; do
    case $name in
      *-gnu) targets+=(--target "$name.$oldest_glibc") ;;
      *) targets+=(--target "$name") ;;
    esac
  done
  components_of "$1" "$components"
  shift 2
  LATCHSTRING_COMPONENT_FILE=$components/login.wasm LATCHSTRING_RULES_FILE=$components/rules.wasm \
    cargo zigbuild --quiet --locked -p latchstring-cli --bin latch \
    --features latchstring/cross "${targets[@]}" "$@"
}

# components_of BIN FOLDER: writes the program's components to FOLDER, where they have
# changed: cargo looks at their times.
components_of() {
  local name new
  new=$(mktemp -d)
  mkdir -p "$2"
  "$1/latch" component --output "$new/login.wasm"
  "$1/latch" component --rules --output "$new/rules.wasm"
  for name in login rules; do
    cmp -s "$new/$name.wasm" "$2/$name.wasm" || cp "$new/$name.wasm" "$2"
  done
  rm -rf "$new"
}

# emulator ARCHITECTURE: prints what runs its programs here; nothing if this machine does.
emulator() { [ "$(uname -m)" = "$1" ] || echo "qemu-$1"; }

setup_targets() {
  local target emulator
  [ "$(uname)" = Linux ] || fail "programs for Linux run on Linux only"
  setup_zig
  for target in "${tested_targets[@]}"; do
    rust_target "$target"
    emulator=$(emulator "${target%%-*}")
    [ -z "$emulator" ] || has "$emulator" || apt "an emulator of other processors" qemu-user
  done
}

# Each of the programs: that it needs no other file, the same component, and a session; for
# this machine's processor also what every host is held to.
test_targets() {
  local target outcome=0 programs
  build_programs
  programs=$(programs)
  build_for "$programs" "${tested_targets[*]}"
  for target in "${tested_targets[@]}"; do
    attempt test_target "$target"
    [ "$status" = 0 ] || outcome=1
  done
  return $outcome
}

# test_target TARGET
test_target() {
  local program emulator started=$SECONDS home run
  program=${programs%/debug}/$1/debug/latch
  home=$(mktemp -d)
  # An emulator that has to look for a loader would find this machine's.
  if readelf --program-headers "$program" | grep INTERP >/dev/null; then
    fail "the program for $1 needs a loader; it was to need no other file"
  fi
  emulator=$(emulator "${1%%-*}")
  run=(env -i "PATH=$PATH" "HOME=$home" LATCH_STORE=file ${emulator:+"$emulator"} "$program")
  [ "$("${run[@]}" --version)" = "$("$programs/latch" --version)" ]
  [ "$("${run[@]}" component)" = "$("$programs/latch" component)" ] ||
    fail "the program for $1 has another component"
  try_session "$programs" "${run[@]}"
  [ "${1%%-*}" != "$(uname -m)" ] || test_shared "$program"
  rm -rf "$home"
  say "$1: it holds, in $((SECONDS - started)) s"
}
