# shellcheck shell=bash disable=SC2154 # its variables are those of examples/demo
# The whole of one system, for examples/demo: a login, what a program does with the
# session, what goes wrong and how that is told, and the session of the system's own
# program imported.

# A session as the system's own program would have got it.
forged() { curl -sS -X POST "$url/standin/session?name=Grace%20Hopper"; }
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
misbehaves() { curl -sS -X POST "$url/standin/misbehave?name=$1"; }
behaves() { curl -sS -X POST "$url/standin/behave"; }
# A login that must fail while this goes wrong; what was stored before stays.
login_fails_with() {
  misbehaves "$1"
  run_to_fail latch login --provider "$system" "${login[@]}" --timeout 4
  behaves
}

# login: the words of the login. api: what is called with the token. existing: writes
# the own program's session and sets import to the words that take it over. special:
# what only this system has. failing: what goes wrong there.
# shellcheck source=/dev/null
. "$here/$system/demo"

say "A user logs in"
run latch login --provider "$system" "${login[@]}"
say "A program asks for a token: the stored one, and a renewed one"
run latch token --output json | masked
run latch token --force-refresh >/dev/null
echo "(renewed; the token itself is not shown)"
say "Who is it, and what does an API say?"
run latch whoami
run latch request GET "$api"
echo
special
failing
say "The provider is down: the session stays"
misbehaves down
run_to_fail latch token --force-refresh
behaves
say "The user logs out"
run latch logout
run_to_fail latch token
say "The session that $system's own program keeps is imported, without a login"
existing
if [ -n "${import[*]:-}" ]; then
  run latch import --provider "$system" "${login[@]}" "${import[@]}"
  run latch whoami
  say "The provider ends the session: the next token needs a login"
  curl -sS -X POST "$url/standin/revoke-all"
  run_to_fail latch token --force-refresh
fi
echo
echo "That was all of $system."
