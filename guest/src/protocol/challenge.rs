//! Challenges with which a resource refuses a request: the field `WWW-Authenticate`
//! (RFC 9110 §11.6.1), and what its parameters mean for bearer tokens (RFC 6750 §3,
//! RFC 9470 §3, RFC 9728 §5.1).

use crate::contract::Header;
use crate::protocol::dpop::DPOP;

/// Returns the values of the fields that hold challenges.
pub(crate) fn fields(headers: &[Header]) -> impl Iterator<Item = &str> + Clone {
    let headers = headers.iter();
    let fields = headers.filter(|header| header.name.eq_ignore_ascii_case("www-authenticate"));
    fields.map(|header| header.value.as_str())
}

/// What a resource demands of a bearer token. Unknown parameters are ignored.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub(crate) struct Demanded {
    /// Error code (RFC 6750 §3.1, RFC 9470 §3). `None` if the request had no token.
    pub(crate) error: Option<String>,
    /// Scopes that the request needs.
    pub(crate) scopes: Vec<String>,
    /// URL of the resource's metadata (RFC 9728 §5.1).
    pub(crate) resource_metadata: Option<String>,
    /// Authentication that the resource accepts (RFC 9470 §3).
    pub(crate) acr_values: Option<String>,
    /// Greatest age of the user's authentication, in seconds (RFC 9470 §3).
    pub(crate) max_age: Option<String>,
    /// Whether only a token with a proof is accepted (RFC 9449 §7.1).
    pub(crate) is_proof: bool,
}

impl Demanded {
    /// Returns the demands in these field values. One that names the resource's metadata is
    /// preferred, then the first of `Bearer`, then the first of `DPoP`. Returns `None` if
    /// there is none.
    pub(crate) fn of_fields<'a>(fields: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let challenges: Vec<Challenge> = fields.into_iter().flat_map(parse).flatten().collect();
        let of = |scheme: &str| {
            let ours = challenges.iter().filter(|one| one.scheme.eq_ignore_ascii_case(scheme));
            ours.clone().find(|one| one.get("resource_metadata").is_some()).or(ours.clone().next())
        };
        of("Bearer").or(of(DPOP)).map(|challenge| {
            let scope = challenge.get("scope").unwrap_or_default();
            let text = |name: &str| challenge.get(name).map(str::to_owned);
            Self {
                error: text("error"),
                scopes: scope.split_ascii_whitespace().map(str::to_owned).collect(),
                resource_metadata: text("resource_metadata"),
                acr_values: text("acr_values"),
                max_age: text("max_age"),
                is_proof: challenge.scheme.eq_ignore_ascii_case(DPOP),
            }
        })
    }

    /// Whether a challenge in these field values cannot be read, and is skipped.
    pub(crate) fn skips_any<'a>(fields: impl IntoIterator<Item = &'a str>) -> bool {
        fields.into_iter().flat_map(parse).any(|challenge| challenge.is_none())
    }

    /// Whether only the user can meet the demands: with more scopes, or by authenticating in
    /// another way. A renewed token would be refused just the same (RFC 6749 §6).
    pub(crate) fn requires_login(&self) -> bool {
        matches!(
            self.error.as_deref(),
            Some("insufficient_scope" | "insufficient_user_authentication")
        )
    }
}

/// One challenge: a scheme and its parameters.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    fn get(&self, name: &str) -> Option<&str> {
        let named = self.parameters.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is given twice, which makes the whole challenge void: two readers
    /// could take two different values.
    fn repeats(&self) -> bool {
        let names = self.parameters.iter().map(|(name, _)| name);
        names.enumerate().any(|(position, name)| {
            self.parameters[..position]
                .iter()
                .any(|(earlier, _)| earlier.eq_ignore_ascii_case(name))
        })
    }
}

/// Returns the challenges of one field value: `None` for one that cannot be read. It ends at
/// the next comma that is not quoted.
fn parse(field: &str) -> Vec<Option<Challenge>> {
    let mut reader = Reader(field);
    let mut challenges = Vec::new();
    while reader.skip_separators() {
        let challenge = reader.challenge();
        if challenge.is_none() {
            reader.skip_element();
        }
        challenges.push(challenge.filter(|challenge| !challenge.repeats()));
    }
    challenges
}

/// The part of a field value that is still to be read.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    /// Reads a scheme and its parameters. What looks like one more parameter after a comma
    /// belongs to this challenge; anything else begins the next one.
    fn challenge(&mut self) -> Option<Challenge> {
        let scheme = self.token()?.to_owned();
        let mut parameters = Vec::new();
        if self.is_at_end_of_element() {
            return Some(Challenge { scheme, parameters });
        }
        if !self.0.starts_with(is_space) {
            return None;
        }
        self.take_while(is_space);
        if self.parameter_follows() {
            loop {
                parameters.push(self.parameter().filter(|_| self.is_at_end_of_element())?);
                let here = *self;
                if !(self.skip_separators() && self.parameter_follows()) {
                    *self = here;
                    break;
                }
            }
        } else {
            // A token in base64 (`token68`), which no scheme that is read here has.
            self.take_while(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
            self.take_while(|c| c == '=');
            if !self.is_at_end_of_element() {
                return None;
            }
        }
        Some(Challenge { scheme, parameters })
    }

    fn parameter_follows(mut self) -> bool {
        self.parameter().is_some()
    }

    /// Reads a name and a value, which is a token or a quoted string.
    fn parameter(&mut self) -> Option<(String, String)> {
        let name = self.token()?.to_owned();
        self.take_while(is_space);
        self.0 = self.0.strip_prefix('=')?;
        self.take_while(is_space);
        let value = match self.0.strip_prefix('"') {
            Some(rest) => {
                self.0 = rest;
                self.quoted()?
            }
            None => self.token()?.to_owned(),
        };
        Some((name, value))
    }

    /// Reads a quoted string after its first quote (RFC 9110 §5.6.4).
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.0.char_indices();
        while let Some((position, c)) = characters.next() {
            match c {
                '"' => {
                    self.0 = &self.0[position + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                c => value.push(c),
            }
        }
        None
    }

    /// Reads a token (RFC 9110 §5.6.2).
    fn token(&mut self) -> Option<&'a str> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        Some(self.take_while(is_part)).filter(|token| !token.is_empty())
    }

    fn is_at_end_of_element(&self) -> bool {
        let rest = self.0.trim_start_matches(is_space);
        rest.is_empty() || rest.starts_with(',')
    }

    /// Skips commas and spaces. Returns whether something follows.
    fn skip_separators(&mut self) -> bool {
        self.take_while(|c| c == ',' || is_space(c));
        !self.0.is_empty()
    }

    /// Skips to the next comma that is not in a quoted string.
    fn skip_element(&mut self) {
        while let Some(c) = self.0.chars().next() {
            if c == ',' {
                return;
            }
            self.0 = &self.0[c.len_utf8()..];
            if c == '"' && self.quoted().is_none() {
                self.0 = "";
            }
        }
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !is_part(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }
}

fn is_space(c: char) -> bool {
    c == ' ' || c == '\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(field: &str) -> Vec<(String, Vec<String>)> {
        let challenges = parse(field).into_iter().flatten();
        let joined = |(name, value): (String, String)| format!("{name}={value}");
        challenges
            .map(|one| (one.scheme, one.parameters.into_iter().map(joined).collect()))
            .collect()
    }

    #[test]
    fn challenges_are_read_as_rfc_9110_writes_them() {
        for (field, expected) in [
            ("", &[][..]),
            (" , ,", &[]),
            ("Bearer", &[("Bearer", &[][..])]),
            ("bearer realm=api", &[("bearer", &["realm=api"])]),
            (
                "Bearer realm = \"a, b\" ,\tscope=\"x y\"",
                &[("Bearer", &["realm=a, b", "scope=x y"])],
            ),
            (r#"Bearer realm="say \"hi\" \\o/""#, &[("Bearer", &[r#"realm=say "hi" \o/"#])]),
            (
                "Basic realm=\"x\", Bearer scope=a",
                &[("Basic", &["realm=x"]), ("Bearer", &["scope=a"])],
            ),
            ("Negotiate, Bearer scope=a", &[("Negotiate", &[]), ("Bearer", &["scope=a"])]),
            ("Negotiate YWJj==, Bearer scope=a", &[("Negotiate", &[]), ("Bearer", &["scope=a"])]),
            (
                "Digest a=1, b=\"2\", c=3,DPoP algs=\"ES256\"",
                &[("Digest", &["a=1", "b=2", "c=3"]), ("DPoP", &["algs=ES256"])],
            ),
            (",, Bearer ,, Basic ,,", &[("Bearer", &[]), ("Basic", &[])]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|(scheme, parameters)| {
                    let parameters = parameters.iter().map(|one| (*one).to_owned()).collect();
                    ((*scheme).to_owned(), parameters)
                })
                .collect();
            assert_eq!(read(field), expected, "{field}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_skipped_and_hides_nothing_behind_it() {
        for field in [
            "Bearer scope=a scope=b, Bearer scope=good",
            "Bearer scope=a, scope=b, Bearer scope=good",
            "Bearer SCOPE=a, scope=b, Bearer scope=good",
            "=, Bearer scope=good",
            "\"quoted, Bearer scope=bad\", Bearer scope=good",
            "Bearer=x, Bearer scope=good",
            "Bearer scope=\"a\"b, Bearer scope=good",
            "Bear\u{e9}r scope=bad, Bearer scope=good",
            "Other x=\"Bearer scope=bad\", Bearer scope=good",
            "Bearer x_scope=bad, scope=good",
        ] {
            let demanded = Demanded::of_fields([field]).expect(field);
            assert_eq!(demanded.scopes, ["good"], "{field}");
        }
        for field in ["Basic realm=x", "Bearer scope=\"endless", "Bearer a=1, a=2", "\u{0}", "\\\""]
        {
            assert_eq!(Demanded::of_fields([field]), None, "{field}");
        }
    }

    #[test]
    fn what_was_skipped_is_told() {
        for (field, skips) in [
            ("Bearer scope=a", false),
            (" , Negotiate YWJj==,, Bearer", false),
            ("Bearer a=1, a=2", true),
            ("=, Bearer scope=good", true),
            ("Bearer scope=\"endless", true),
        ] {
            assert_eq!(Demanded::skips_any(["Basic", field]), skips, "{field}");
        }
    }

    #[test]
    fn the_challenge_that_names_the_metadata_is_preferred() {
        let fields =
            ["Bearer", "DPoP algs=ES256", "bearer resource_metadata=\"https://a.example/m\""];
        let demanded = Demanded::of_fields(fields).expect("a challenge");
        assert_eq!(demanded.resource_metadata.as_deref(), Some("https://a.example/m"));
        let fields = ["DPoP scope=d", "Bearer scope=b"];
        assert_eq!(Demanded::of_fields(fields).expect("a challenge").scopes, ["b"]);
    }

    #[test]
    fn any_field_is_read_to_its_end() {
        arbtest::arbtest(|u| {
            let pieces =
                ["Bearer", "Basic", " ", ",", "=", "\"", "\\", "scope", "a", "\u{e9}", "\t", "=="];
            let count = u.int_in_range(0..=20)?;
            let mut field = String::new();
            for _ in 0..count {
                field.push_str(u.choose(&pieces)?);
            }
            for challenge in parse(&field).into_iter().flatten() {
                assert!(!challenge.scheme.is_empty() && !challenge.repeats(), "{field}");
            }
            // A challenge of its own is found whatever stands before it, unless that is an
            // open quotation or a parameter that it ends.
            if !field.contains('"') {
                let field = format!("{field}, Bearer resource_metadata=\"https://a.example\"");
                let mut found = parse(&field).into_iter().flatten();
                assert!(found.any(|one| one.get("resource_metadata").is_some()), "{field}");
            }
            Ok(())
        });
    }
}
