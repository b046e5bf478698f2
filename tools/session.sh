# shellcheck shell=bash disable=SC2154 # some variables are those of the others
# A session at the demo provider, from login to logout. Read by ./dev.

# try_session BIN COMMAND...: goes through a session with COMMAND, which is `latch`, perhaps
# with what runs it. BIN is the folder with demo-provider and visitor, of this machine.
try_session() {
  local bin=$1 folder provider
  shift
  folder=$(mktemp -d)
  # The provider serves until its standard input closes.
  mkfifo "$folder/hold" "$folder/said"
  "$bin/demo-provider" <"$folder/hold" >"$folder/said" &
  provider=$!
  exec 8>"$folder/hold"
  attempt go_through_session "$bin" "$folder" "$@"
  exec 8>&-
  wait "$provider" || true
  rm -rf "$folder"
  [ "$status" = 0 ] || fail "no whole session with: $*"
}

# go_through_session BIN FOLDER COMMAND...
go_through_session() {
  local bin=$1 folder=$2 url token number calls=()
  shift 2
  read -r _ url <"$folder/said"
  log_in "$bin" "$folder" "$url" "$@"
  token=$("$@" token)
  [ -n "$token" ] || fail "$* token printed nothing"
  # Many at once have the same token.
  for number in {1..16}; do
    "$@" token >"$folder/token-$number" &
    calls+=("$!")
  done
  for number in "${calls[@]}"; do wait "$number"; done
  for number in {1..16}; do
    [ "$(cat "$folder/token-$number")" = "$token" ] || fail "call $number of 16 got another token"
  done
  "$@" status >/dev/null
  "$@" whoami | grep '^name ' >/dev/null || fail "$* whoami does not say the name"
  "$@" logout 2>/dev/null
  if "$@" token >/dev/null 2>&1; then fail "$* token has a token after the logout"; fi
}

# log_in BIN FOLDER URL COMMAND...: the visitor goes to the address that the login prints, so
# the browser need not run where the command does.
log_in() {
  local bin=$1 folder=$2 url=$3 login
  shift 3
  mkfifo "$folder/login"
  "$@" login --issuer "$url" --client-id demo --flow browser --no-browser \
    --scope openid --scope profile --scope offline_access 2>"$folder/login" >/dev/null &
  login=$!
  # Reads on after the address: the login has more to say.
  grep --line-buffered -o "$url/[^[:space:]]*" <"$folder/login" | {
    read -r address || fail "$* login printed no address"
    "$bin/visitor" "$address" >/dev/null
    cat >/dev/null
  }
  wait "$login" || fail "$* login ended with code $?"
}
