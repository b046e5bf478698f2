//! Users, derived from a name.

use crate::{random_text, subject, user_name};
use serde_json::{Map, Value, json};

/// Index of a user in its `Users`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct UserId(usize);

/// A user, who may be anonymous.
pub(crate) struct User {
    /// The user's id. Does not change when an anonymous user gets a name.
    pub(crate) id: String,
    /// The user's name. `None` if anonymous.
    pub(crate) name: Option<String>,
}

#[derive(Default)]
pub(crate) struct Users(Vec<User>);

impl Users {
    /// Returns the user of this name. The same name has the same id at every start.
    pub(crate) fn named(&mut self, name: &str) -> UserId {
        let known = self.0.iter().position(|user| user.name.as_deref() == Some(name));
        match known {
            Some(index) => UserId(index),
            None => self.add(User { id: subject(name), name: Some(name.to_owned()) }),
        }
    }

    pub(crate) fn anonymous(&mut self) -> UserId {
        self.add(User { id: random_text(), name: None })
    }

    /// Gives a name to an anonymous user. A user who has a name keeps it.
    pub(crate) fn upgrade(&mut self, user: UserId, name: &str) {
        self.0[user.0].name.get_or_insert_with(|| name.to_owned());
    }

    pub(crate) fn user(&self, user: UserId) -> &User {
        &self.0[user.0]
    }

    fn add(&mut self, user: User) -> UserId {
        self.0.push(user);
        UserId(self.0.len() - 1)
    }
}

impl User {
    pub(crate) fn email(&self) -> Option<String> {
        let name = self.name.as_deref()?;
        Some(format!("{}@example.com", user_name(name)))
    }

    /// Returns the claims that `scopes` request, and `sub` (OpenID Connect Core §5.4).
    pub(crate) fn claims(&self, scopes: &[String]) -> Map<String, Value> {
        let has = |name: &str| scopes.iter().any(|scope| scope == name);
        let mut claims = Map::new();
        claims.insert("sub".into(), json!(self.id));
        if has("profile") {
            claims.insert("name".into(), json!(self.name));
            let user_name = self.name.as_deref().map(user_name);
            claims.insert("preferred_username".into(), json!(user_name));
        }
        if has("email") {
            claims.insert("email".into(), json!(self.email()));
            claims.insert("email_verified".into(), json!(true));
        }
        claims
    }
}
