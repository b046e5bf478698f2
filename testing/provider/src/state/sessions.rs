//! Sessions and their tokens.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::users::UserId;
use crate::random::random_text;

/// A user's consent.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) user: UserId,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    /// Resource indicators (RFC 8707 §2).
    pub(crate) resources: Vec<String>,
    pub(crate) nonce: Option<String>,
    /// Time of the login, in seconds since 1970-01-01T00:00:00Z.
    pub(crate) auth_time: u64,
    /// Claims that the user typed, in a system that allows it.
    pub(crate) claims: Map<String, Value>,
}

impl Grant {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope == name)
    }
}

/// Index of a session in its `Sessions`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionId(usize);

/// State of an access token.
pub(crate) enum Bearer {
    Good(Good),
    Expired,
    Revoked,
    Unknown,
}

/// A valid access token.
#[derive(Clone)]
pub(crate) struct Good {
    pub(crate) session: SessionId,
    /// Its scopes, which may be fewer than those of the session.
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at_ms: u64,
}

/// State of a refresh token.
pub(crate) enum Renewal {
    Good(SessionId),
    /// Replaced by another one. Using it again may be an attack.
    Spent(SessionId),
    Revoked,
    Unknown,
}

#[derive(Default)]
pub(crate) struct Sessions {
    sessions: Vec<Session>,
    access_tokens: HashMap<String, Good>,
    refresh_tokens: HashMap<String, RefreshToken>,
}

struct Session {
    grant: Grant,
    revoked: bool,
}

struct RefreshToken {
    session: SessionId,
    spent: bool,
}

impl Sessions {
    pub(crate) fn open(&mut self, grant: Grant) -> SessionId {
        self.sessions.push(Session { grant, revoked: false });
        SessionId(self.sessions.len() - 1)
    }

    pub(crate) fn grant(&self, session: SessionId) -> &Grant {
        &self.sessions[session.0].grant
    }

    pub(crate) fn keep_access_token(&mut self, access_token: &str, good: Good) {
        self.access_tokens.insert(access_token.to_owned(), good);
    }

    pub(crate) fn issue_refresh_token(&mut self, session: SessionId) -> String {
        let text = random_text();
        self.refresh_tokens.insert(text.clone(), RefreshToken { session, spent: false });
        text
    }

    /// Issues a refresh token in place of `old`, which is remembered as used.
    pub(crate) fn replace_refresh_token(&mut self, old: &str, session: SessionId) -> String {
        if let Some(old) = self.refresh_tokens.get_mut(old) {
            old.spent = true;
        }
        self.issue_refresh_token(session)
    }

    pub(crate) fn bearer(&self, access_token: &str, now_ms: u64) -> Bearer {
        match self.access_tokens.get(access_token) {
            None => Bearer::Unknown,
            Some(token) if self.sessions[token.session.0].revoked => Bearer::Revoked,
            Some(token) if now_ms >= token.expires_at_ms => Bearer::Expired,
            Some(token) => Bearer::Good(token.clone()),
        }
    }

    pub(crate) fn renewal(&self, refresh_token: &str) -> Renewal {
        match self.refresh_tokens.get(refresh_token) {
            None => Renewal::Unknown,
            Some(token) if self.sessions[token.session.0].revoked => Renewal::Revoked,
            Some(token) if token.spent => Renewal::Spent(token.session),
            Some(token) => Renewal::Good(token.session),
        }
    }

    pub(crate) fn revoke(&mut self, session: SessionId) {
        self.sessions[session.0].revoked = true;
    }

    pub(crate) fn revoke_all(&mut self) {
        for session in &mut self.sessions {
            session.revoked = true;
        }
    }

    /// Revokes a token: a refresh token together with its session, an access token alone
    /// (RFC 7009 §2.1).
    pub(crate) fn revoke_token(&mut self, token: &str) {
        if self.access_tokens.remove(token).is_none() {
            self.revoke_refresh_token(token);
        }
    }

    pub(crate) fn revoke_refresh_token(&mut self, refresh_token: &str) {
        if let Some(token) = self.refresh_tokens.get(refresh_token) {
            self.revoke(token.session);
        }
    }

    /// Expires all access tokens issued so far.
    pub(crate) fn expire_access_tokens(&mut self) {
        for token in self.access_tokens.values_mut() {
            token.expires_at_ms = 0;
        }
    }
}
