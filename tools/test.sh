# shellcheck shell=bash disable=SC2034,SC2154 # some variables are those of the others
# The tests of the whole workspace and of the other hosts. Read by ./dev.

# Suites that failed, and the labels of tests that were skipped, for the summary.
failed=()
skipped=()

web_tests="what is tested against servers in Node"
fief_tests="logins at a real Fief server"
program_tests="some programs with latch as their credential helper"
shell_tests="completions in elvish, fish and zsh, and how man shows the manual"
mcp_tests="logins by URL at MCP servers"
mcp_python_tests="logins by URL at an MCP server in Python"

# Most tests wait for other processes most of the time.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-8}

test_all() {
  local programs wasmtime in_wasmtime python
  setup
  use_shared_target
  need wasi_target "the host in wasmtime"
  ! lacks wasi_target || workspace+=(--exclude latchstring-wasmtime)
  case "$*" in
    --quick)
      cargo test -p latchstring-guest -p latchstring-core -p latchstring-sandbox -p latchstring \
        -p latchstring-cli --lib --bins
      return
      ;;
    hosts)
      need setup_web "$web_tests"
      test_hosts
      ;;
    windows)
      need setup_windows "$windows_tests"
      lacks setup_windows || suite test_windows
      ;;
    targets)
      need setup_web "$web_tests"
      need setup_targets "$targets_tests"
      lacks setup_targets || suite test_targets
      ;;
    mcp)
      need setup_mcp "$mcp_tests"
      need setup_mcp_python "$mcp_python_tests"
      lacks setup_mcp || suite test_mcp
      ;;
    '')
      need setup_web "$web_tests"
      need setup_browser "what is tested in a browser"
      need setup_keyring "what is tested with a keyring"
      need setup_tokens "keys in PKCS#11 tokens and SSH agents"
      need setup_stores "sessions in PostgreSQL and Redis"
      need setup_fief "$fief_tests"
      need setup_programs "$program_tests"
      need setup_shells "$shell_tests"
      need setup_mcp "$mcp_tests"
      need setup_mcp_python "$mcp_python_tests"
      need setup_targets "$targets_tests"
      suite test_rust
      test_hosts
      lacks setup_mcp || suite test_mcp
      lacks setup_targets || suite test_targets
      suite test_package
      ;;
    *)
      setup_web
      setup_browser
      setup_keyring
      setup_tokens
      need setup_stores "sessions in PostgreSQL and Redis"
      need setup_fief "$fief_tests"
      need setup_programs "$program_tests"
      need setup_shells "$shell_tests"
      cargo test "${workspace[@]}" --no-fail-fast "$@"
      return
      ;;
  esac
  summary
}

# need FUNCTION LABEL: runs FUNCTION, which installs something. If that fails, the tests
# described by LABEL are skipped.
need() {
  attempt "$1"
  if [ "$status" != 0 ]; then
    missing+=" $1 "
    skip "$2"
    return
  fi
  # Once more here, for the variables that it sets; there is nothing left to install.
  "$1"
}

missing=
lacks() { [[ $missing == *" $1 "* ]]; }

skip() {
  skipped+=("$*")
  say "SKIPPED: $*"
}

# suite FUNCTION: runs a suite and notes a failure, so that the others still run.
suite() {
  attempt "$1"
  [ "$status" = 0 ] || failed+=("$1")
}

# What failed and what was skipped, after all that the suites have printed.
summary() {
  local name
  for name in ${skipped[@]+"${skipped[@]}"}; do say "SKIPPED: $name"; done
  for name in ${failed[@]+"${failed[@]}"}; do say "FAILED: ${name/test_/}"; done
  [ ${#failed[@]} = 0 ] || fail "${#failed[@]} suites failed"
  say "every suite that ran has passed"
}

# The tests of the whole workspace, except for those whose servers, browser, keyring or
# places of keys cannot be had.
test_rust() {
  local file outcome=0 left_out=()
  for file in host/latch/tests/it/*.rs; do
    if lacks setup_web && grep -Eq 'servers::(Server|node|\{)|testing::storm' "$file" ||
      lacks setup_browser && grep -q CHROMIUM "$file" ||
      lacks setup_keyring && grep -q 'testing::desktop' "$file" ||
      lacks setup_stores && grep -q 'testing::shared' "$file" ||
      lacks setup_tokens && grep -Eq '"(softhsm2-util|ssh-agent)"' "$file"; then
      left_out+=("$(basename "$file" .rs)::")
    fi
  done
  if [ ${#left_out[@]} = 0 ]; then
    cargo test "${workspace[@]}" --no-fail-fast || outcome=1
  else
    say "SKIPPED: ${left_out[*]}"
    cargo test "${workspace[@]}" --exclude latchstring-cli --no-fail-fast || outcome=1
    cargo test -p latchstring-cli --no-fail-fast -- "${left_out[@]/#/--skip=}" || outcome=1
  fi
  lacks wasi_target || test_shared "$(programs)/latch-wasi" || outcome=1
  return $outcome
}

# test_shared PROGRAM: what the native host and the one for WASI are both held to.
test_shared() {
  local name left_out=()
  if lacks setup_web; then left_out=(--skip=device::); fi
  # What takes a session over: a sandbox has no command for that.
  for name in a_file_without_a_session a_logout_revokes a_refresh_token_is_replaced \
    a_session_that_is_over a_session_that_was_revoked a_token_that_is_no_longer \
    asking_for_the_token_again whoami_tells; do
    left_out+=("--skip=systems::$name")
  done
  LATCHSTRING_PROGRAM=$1 cargo test --quiet "${workspace[@]}" --test it -- api_origins:: device:: \
    egress:: faulty_provider:: hostile_callback:: request_answers:: systems:: "${left_out[@]}"
}

# The hosts of the component, with that and the programs of this build.
test_hosts() {
  local suites=()
  attempt build_programs
  if [ "$status" != 0 ]; then
    failed+=(build_programs)
    return
  fi
  programs=$(programs)
  suite test_hostile
  lacks setup_web || need install_node_host "the host in Node"
  lacks setup_web || lacks install_node_host || suites+=(test_node)
  need install_python_host "the host in Python"
  lacks install_python_host || suites+=(test_python)
  lacks wasi_target || need stock_wasmtime "the host in wasmtime"
  lacks wasi_target || lacks stock_wasmtime || suites+=(test_wasmtime)
  in_wasmtime=$programs/latch-in-stock-wasmtime
  [ ${#suites[@]} = 0 ] || at_once "${suites[@]}"
  if [ ${#suites[@]} = 3 ]; then suite test_together; else skip "logins on every host"; fi
}

build_programs() {
  cargo build --quiet "${workspace[@]}" --bins
}

programs() {
  cd "${CARGO_TARGET_DIR:-target}/debug" && pwd
}

# Everything that a host needs: $programs is where the programs are, $python and
# $in_wasmtime run those that are none by themselves.
setup_hosts() {
  wasi_target
  build_programs
  programs=$(programs)
  in_wasmtime=$programs/latch-in-stock-wasmtime
  install_node_host
  install_python_host
  stock_wasmtime
  make_node_host
  make_python_host
  make_wasmtime_host
}

# at_once FUNCTION...: suites beside each other. Prints what each has said as soon as
# all before it have ended.
at_once() {
  local folder job jobs=()
  folder=$(mktemp -d)
  for job in "$@"; do
    "$job" >"$folder/$job" 2>&1 &
    jobs+=("$!")
  done
  for job in "$@"; do
    wait "${jobs[0]}" || failed+=("$job")
    jobs=("${jobs[@]:1}")
    cat "$folder/$job"
  done
  rm -rf "$folder"
}

# What a component that breaks every rule is told, as tables.
test_hostile() {
  cargo test --quiet -p latchstring --lib hostile -- --nocapture --test-threads=1
}

make_node_host() {
  local host=host/node
  mkdir -p "$host/component"
  "$programs/latch" component --output "$host/component/login.wasm"
  "$programs/latch" component --rules --output "$host/component/rules.wasm"
  npm --prefix "$host" run --silent build
}

test_node() {
  make_node_host
  npm --prefix host/node run --silent types
  LATCHSTRING_BIN=$programs npm --prefix host/node run --silent test
}

make_python_host() {
  "$programs/latch" component --output host/python/latchstring/login.wasm
  "$programs/latch" component --rules --output host/python/latchstring/rules.wasm
}

test_python() {
  make_python_host
  cd host/python || return
  "${python%/*}/mypy"
  LATCHSTRING_BIN=$programs "${python%/*}/pytest" --quiet
}

# The tests of the component for wasmtime, in the stock program; the whole workspace,
# as it was compiled for its tests.
test_wasmtime() {
  local outcome=0
  make_wasmtime_host
  LATCHSTRING_PROGRAM=$in_wasmtime LATCHSTRING_WASMTIME=$wasmtime \
    cargo test --quiet --workspace --test 'sandbox*' --test denied --no-fail-fast || outcome=1
  test_shared "$in_wasmtime" || outcome=1
  return $outcome
}

# One login on every host, and sessions that all share, as tables.
test_together() {
  LATCHSTRING_BIN=$programs LATCHSTRING_PYTHON=$python LATCHSTRING_IN_WASMTIME=$in_wasmtime \
    cargo test --quiet "${workspace[@]}" --test it -- hosts:: --ignored --nocapture --test-threads=1
}

# Logins by URL at servers that others wrote.
test_mcp() {
  local outcome=0
  build_programs
  setup_node "${mcp_node[@]}"
  LATCHSTRING_BIN=$(programs)
  export LATCHSTRING_BIN
  cd testing/mcp || return
  node conformance.mjs || outcome=1
  npm run --silent test || outcome=1
  return $outcome
}

make_wasmtime_host() {
  # What it compiles stays, though every test has a home of its own.
  printf '#!/bin/sh\nexec env LATCHSTRING_WASMTIME=%q XDG_CACHE_HOME=%q %q "$@"\n' \
    "$wasmtime" "$programs" "$PWD/host/wasmtime/latch" >"$in_wasmtime"
  chmod +x "$in_wasmtime"
  # Compiled now, and not by every test that comes first.
  "$in_wasmtime" component >/dev/null
}
