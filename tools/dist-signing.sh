# shellcheck shell=bash disable=SC2154 # some variables are those of the others
# What tells users that a release is this project's: checksums, a signature, and where it
# comes from. Read by ./dev.

# list_checksums: every file of dist/.
list_checksums() {
  cd "$dist" || return
  find . -type f ! -name 'SHA256SUMS*' -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum
}

is_clean() { [ -z "$(git status --porcelain)" ]; }

# make_provenance VERSION: a statement in the format of in-toto with SLSA's provenance (v1) for
# every file of dist/. LATCHSTRING_BUILDER is the address of what builds.
make_provenance() {
  if ! is_clean; then
    say "SKIPPED: the provenance: no commit has what is built here"
    return
  fi
  list_checksums | python3 tools/provenance.py "$1" "$(git rev-parse HEAD)" \
    "$(rustc --version | cut -d' ' -f2)" "${LATCHSTRING_BUILDER:-$home/blob/main/dev}" \
    >"$(target_folder)/provenance"
  mv "$(target_folder)/provenance" "$dist/latchstring-$1.intoto.json"
}

# sign VERSION: signs the checksums with the secret key of minisign in the file
# $LATCHSTRING_SIGNING_KEY, whose public key has to be a part of the programs.
sign() {
  if [ -z "${LATCHSTRING_SIGNING_KEY:-}" ]; then
    say "SKIPPED: the signature; LATCHSTRING_SIGNING_KEY names the file of the secret key"
    return
  fi
  is_clean || fail "the checkout has changes that are not committed; no release is made of them"
  has minisign || apt "what signs releases" minisign
  minisign -S -H -s "$LATCHSTRING_SIGNING_KEY" -m "$dist/SHA256SUMS" -t "latchstring $1" >/dev/null
  "$dist_bin/latch" self verify "$dist/SHA256SUMS" >/dev/null ||
    fail "the programs cannot verify the signature; put the public key in \
host/latch/src/cli/release.pub, or in LATCHSTRING_RELEASE_KEY"
}
