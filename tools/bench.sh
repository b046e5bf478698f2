# shellcheck shell=bash disable=SC2034,SC2154 # some variables are those of the others
# The benches. Read by ./dev.

bench() {
  setup
  setup_keyring
  say "building with optimisation; the first time takes many minutes"
  case ${1:-all} in
    all)
      bench_one budget
      bench_hosts
      ;;
    bridge) bench_one bridge ;;
    hosts) bench_hosts ;;
    storm)
      setup_web
      bench_one storm
      ;;
    stores)
      setup_stores
      bench_one stores
      ;;
    *) fail "there is no bench $1; there are bridge, hosts, storm and stores, and without a name budget and hosts" ;;
  esac
}

bench_one() {
  cargo bench --quiet -p latchstring-cli --bench "$1"
}

bench_hosts() {
  local programs wasmtime in_wasmtime python
  setup_web
  setup_hosts
  LATCHSTRING_BIN=$programs LATCHSTRING_PYTHON=$python LATCHSTRING_IN_WASMTIME=$in_wasmtime \
    bench_one hosts
}
