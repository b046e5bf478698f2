//! Programs that run a bare name, without arguments of the user's: a link to `latch` with
//! such a name is the helper. What stands behind the name is the profile.
//!
//! ```text
//! docker-credential-latch-work get  ->  latch --profile work credential docker get
//! ```

use std::ffi::OsString;
use std::path::Path;

/// The names, and the protocols that they stand for.
const NAMES: [(&str, &str); 7] = [
    ("docker-credential-latch", "docker"),
    ("git-credential-latch", "git"),
    ("cargo-credential-latch", "cargo"),
    ("terraform-credentials-latch", "terraform"),
    ("bazel-credential-latch", "bazel"),
    ("pnpm-credential-latch", "npm"),
    ("keyring", "keyring"),
];

/// How cargo runs a provider, whatever arguments are configured.
const CARGO_PLUGIN: &str = "--cargo-plugin";

/// Returns the command line that a program means that was run with these words.
pub(super) fn meant(words: Vec<OsString>) -> Vec<OsString> {
    let name = words.first().and_then(|word| Path::new(word).file_stem()?.to_str());
    let named = name.and_then(|name| {
        let found = NAMES.iter().find_map(|(prefix, protocol)| {
            let profile = name.strip_prefix(prefix)?;
            let profile = if profile.is_empty() { None } else { Some(profile.strip_prefix('-')?) };
            Some((*protocol, profile.map(str::to_owned)))
        });
        let is_plugin = words.get(1).is_some_and(|word| word == CARGO_PLUGIN);
        found.or(is_plugin.then_some(("cargo", None)))
    });
    let Some((protocol, profile)) = named else { return words };
    let mut meant: Vec<OsString> = vec!["latch".into()];
    if let Some(profile) = profile {
        meant.extend(["--profile".into(), profile.into()]);
    }
    meant.extend(["credential".into(), protocol.into()]);
    meant.extend(words.into_iter().skip(1).filter(|word| word != CARGO_PLUGIN));
    meant
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_a_protocol_and_a_profile() {
        for (given, expected) in [
            ("latch token", "latch token"),
            ("/usr/bin/docker-credential-latch get", "latch credential docker get"),
            ("docker-credential-latch-work get", "latch --profile work credential docker get"),
            ("docker-credential-latchkey get", "docker-credential-latchkey get"),
            ("cargo-credential-latch --cargo-plugin", "latch credential cargo"),
            ("latch --cargo-plugin", "latch credential cargo"),
            ("keyring get a b", "latch credential keyring get a b"),
            ("pnpm-credential-latch-work", "latch --profile work credential npm"),
        ] {
            let words = given.split(' ').map(OsString::from).collect();
            let meant: Vec<_> = meant(words).into_iter().collect();
            let meant: Vec<&str> = meant.iter().filter_map(|word| word.to_str()).collect();
            assert_eq!(meant.join(" "), expected);
        }
    }
}
