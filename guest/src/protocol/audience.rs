//! Several access tokens in one session: the login's own, and one for each other audience
//! that was asked for (RFC 8707 §2.2).

use serde::{Deserialize, Serialize};

use crate::contract::{Audience, Client, EpochMs};
use crate::protocol::access_token::audiences_in;
use crate::protocol::failure::printable;
use crate::protocol::stored::Stored;

/// Most tokens that a session keeps besides the login's own.
const MOST: usize = 16;

/// An access token for an audience, and what came with it. Holds a secret: has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ForAudience {
    audience: Name,
    access_token: Option<String>,
    token_type: String,
    scopes: Vec<String>,
    received_at_ms: EpochMs,
    expires_at_ms: Option<EpochMs>,
}

/// The parameter that names an audience in requests, and its value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Resource(String),
    Audience(String),
}

impl From<&Audience> for Name {
    fn from(audience: &Audience) -> Self {
        match audience {
            Audience::Resource(uri) => Self::Resource(uri.clone()),
            Audience::Name(name) => Self::Audience(name.clone()),
        }
    }
}

impl ForAudience {
    /// Exchanges this token and the session's.
    fn swap(&mut self, session: &mut Stored) {
        std::mem::swap(&mut self.access_token, &mut session.access_token);
        std::mem::swap(&mut self.token_type, &mut session.token_type);
        std::mem::swap(&mut self.scopes, &mut session.scopes);
        std::mem::swap(&mut self.received_at_ms, &mut session.received_at_ms);
        std::mem::swap(&mut self.expires_at_ms, &mut session.expires_at_ms);
    }
}

impl Stored {
    /// Puts the token for the client's audience in the place of the login's own: what reads,
    /// renews and grants the session's token then does so with that one. What is saved has
    /// them back in their places.
    pub(crate) fn turned_to_audience(mut self, client: &Client) -> Self {
        let Some(audience) = &client.audience else { return self };
        let audience = Name::from(audience);
        let known = self.others.iter().position(|other| other.audience == audience);
        let mut token = match known {
            Some(position) => self.others.remove(position),
            None => ForAudience {
                audience,
                access_token: None,
                token_type: String::new(),
                // A response without scopes grants those of the session (RFC 6749 §5.1).
                scopes: self.scopes.clone(),
                received_at_ms: 0,
                expires_at_ms: None,
            },
        };
        token.swap(&mut self);
        self.displaced = Some(Box::new(token));
        self
    }

    /// Puts the login's own token back in its place.
    pub(crate) fn turned_back(mut self) -> Self {
        if let Some(mut token) = self.displaced.take() {
            token.swap(&mut self);
            if token.access_token.is_some() {
                self.others.push(*token);
            }
            let surplus = self.others.len().saturating_sub(MOST);
            self.others.drain(..surplus);
        }
        self
    }

    /// The access tokens for other audiences.
    pub(crate) fn other_access_tokens(&self) -> impl Iterator<Item = &String> {
        self.others.iter().filter_map(|other| other.access_token.as_ref())
    }
}

/// Returns the client's audience, safe to show.
pub(crate) fn wanted(client: &Client) -> Option<String> {
    let (Audience::Resource(wanted) | Audience::Name(wanted)) = client.audience.as_ref()?;
    Some(printable(wanted))
}

/// Returns a notice if this access token says that it is not for the client's audience: some
/// providers ignore what they are asked.
pub(crate) fn mistaken(client: &Client, access_token: &str) -> Option<String> {
    let (Audience::Resource(wanted) | Audience::Name(wanted)) = client.audience.as_ref()?;
    let found = audiences_in(access_token)?;
    let is_wanted = |one: &String| one.trim_end_matches('/') == wanted.trim_end_matches('/');
    (!found.iter().any(is_wanted)).then(|| {
        let found: Vec<String> = found.iter().map(|one| printable(one)).collect();
        format!(
            "the provider's access token is for {}; {} was requested",
            found.join(" and "),
            printable(wanted)
        )
    })
}
