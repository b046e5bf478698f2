# shellcheck shell=bash disable=SC2034,SC2154 # some variables are those of the others
# The tests of the program for Windows, built with MinGW and run in Wine. Read by ./dev.

windows=x86_64-pc-windows-gnu
windows_tests="the program for Windows, in Wine"

# The packages whose tests depend on the system.
windows_packages=(-p latchstring-cli -p latchstring -p latchstring-core -p latchstring-provider
  -p latchstring-sandbox -p latchstring-testing)

# What compiles and links for Windows.
setup_windows_compiler() {
  rust_target $windows
  has x86_64-w64-mingw32-gcc || apt "a C compiler for Windows" gcc-mingw-w64-x86-64-posix
  export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc
  export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS="-Clink-arg=-fno-use-linker-plugin \
-Clink-arg=-wrapper -Clink-arg=$PWD/tools/windows/ld"
}

# Wine, with a Windows folder below the target folder.
setup_windows() {
  [ "$(uname -sm)" = "Linux x86_64" ] || fail "Wine runs it only on Linux on x86-64"
  setup_windows_compiler
  has wine || apt "Wine, which runs programs for Windows" wine64 wine
  windows_folder=$(target_folder)/windows
  export WINEPREFIX=$windows_folder/wine WINEDEBUG=-all
  export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=$PWD/tools/windows/run
  [ ! -e "$windows_folder/complete" ] || return 0
  say "preparing Wine"
  rm -rf "$windows_folder"
  mkdir -p "$WINEPREFIX"
  wine wineboot --init >/dev/null 2>&1 || fail "Wine does not start; see: wine wineboot --init"
  x86_64-w64-mingw32-gcc -O2 -shared -s tools/windows/bcryptprimitives.c -ladvapi32 \
    -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll"
  # As on every Unix.
  for name in true false; do
    x86_64-w64-mingw32-gcc -x c - -o "$WINEPREFIX/drive_c/windows/system32/$name.exe" \
      <<<"#include <stdbool.h>
int main(void) { return !$name; }"
  done
  touch "$windows_folder/complete"
}

# on_windows ARGUMENTS: cargo test for Windows.
on_windows() {
  cargo test --quiet --target $windows "${windows_packages[@]}" "$@"
}

# Every test that Windows has, except for those in tools/windows/left-out; then tests of
# Linux, with signals and terminals, of the same program. A table at the end.
test_windows() {
  local pattern reason modules left_out=() outcome=0
  while read -r pattern reason; do
    [[ -z $pattern || $pattern == "#" ]] || left_out+=("--skip=$pattern")
  done <tools/windows/left-out
  # A server of Wine that was started here: it makes the files, so the mask is its.
  wineserver --kill || true
  # The tests start these.
  cargo build --quiet --target $windows "${windows_packages[@]}" --bins
  rm -f "$windows_folder/output"
  noted on_windows --lib --bins --no-fail-fast -- --format pretty "${left_out[@]}" || outcome=1
  on_windows --test own_process || outcome=1
  on_windows --test it -- --list 2>/dev/null | names_of_tests | sed 's/::.*/::/' | sort -u |
    xargs -n 12 >"$windows_folder/modules"
  # In parts, because the server of Wine keeps files of programs that have ended.
  while read -r modules; do
    # shellcheck disable=SC2086 # one word for each module
    noted on_windows --test it -- --format pretty "${left_out[@]}" $modules || outcome=1
    wineserver --kill || true
  done <"$windows_folder/modules"
  make_wine_host
  export LATCHSTRING_PROGRAM=$in_wine
  noted cargo test --quiet -p latchstring-cli --test it -- --format pretty --include-ignored \
    "${in_wine_tests[@]}" || outcome=1
  wineserver --kill || true
  cargo test --quiet "${windows_packages[@]}" --lib --bins --test it -- --list 2>/dev/null |
    names_of_tests >"$windows_folder/on-linux"
  windows_table || outcome=1
  return $outcome
}

# noted COMMAND...: runs it, shows what it says, and adds that to $windows_folder/output. Not
# by a pipe: the server of Wine inherits it and may live longer.
noted() {
  local outcome=0
  "$@" </dev/null >"$windows_folder/said" 2>&1 || outcome=1
  tee -a "$windows_folder/output" <"$windows_folder/said"
  return $outcome
}

# Tests of Linux that also hold for the program in Wine, which takes its signals.
in_wine_tests=(windows_console:: renewal::a_renewal_is_reported renewal::a_terminal_that_stops
  renewal::no_command_loses renewal::the_hidden_command waiting::a_ waiting::an_ waiting::nobody
  waiting::on_a_full_disk waiting::whoever_waited)

# $in_wine runs the program in Wine as if it were one of Linux.
make_wine_host() {
  in_wine=$windows_folder/latch-in-wine
  cat >"$in_wine" <<END
#!/bin/sh
umask 077
export WINEPREFIX=$(printf %q "$WINEPREFIX") WINEDEBUG=-all LATCH_STORE="\${LATCH_STORE:-file}"
exec $(printf '%q %q' "$(wine_itself)" "$(target_folder)/$windows/debug/latch.exe") "\$@"
END
  chmod +x "$in_wine"
}

# The program that `wine` starts, so that a signal reaches the program in it.
wine_itself() {
  local place
  for place in /usr/lib/wine/wine64 "$(command -v wine64)" "$(command -v wine)"; do
    [ -x "$place" ] && echo "$place" && return
  done
}

names_of_tests() { sed -n 's/: test$//p' | sort -u; }

# What ran, what failed, and which tests of Linux did not run here and why. Fails if no
# reason is known.
windows_table() {
  sed -n 's/^test \(.*\) \.\.\. \(ok\|FAILED\|ignored\).*/\1 \2/p' "$windows_folder/output" |
    sort -u >"$windows_folder/ran"
  awk '
    FILENAME ~ /^tools\// {
      if (NF > 1 && $1 != "#") { patterns[++count] = $1; sub(/^[^ ]+ +/, ""); reasons[count] = $0 }
      next
    }
    FILENAME ~ /ran$/ {
      ran[$1] = $2
      if ($2 == "FAILED") failed[++failures] = $1
      if ($2 == "ok") passed++
      next
    }
    !($1 in ran) {
      reason = "no reason is known"
      for (i = 1; i <= count; i++) if (index($1, patterns[i])) { reason = reasons[i]; break }
      if (reason == "no reason is known") { unknown++; print "  " $1 }
      left_out[reason]++
      total++
    }
    END {
      printf "Windows, in Wine: %d tests passed, %d failed, %d of Linux did not run\n", \
        passed, failures, total
      for (i = 1; i <= failures; i++) print "  FAILED " failed[i]
      for (reason in left_out) printf "  %4d  %s\n", left_out[reason], reason
      exit unknown > 0
    }
  ' tools/windows/left-out tools/windows/only-unix "$windows_folder/ran" "$windows_folder/on-linux"
}
