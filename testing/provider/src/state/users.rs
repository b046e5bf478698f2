//! Users, derived from a name. Every name can log in.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::random::random_text;

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
    /// Returns the user of this name. The same name has the same id at every start of a
    /// provider (OpenID Connect Core §2: locally unique and never reassigned).
    pub(crate) fn named(&mut self, name: &str) -> UserId {
        let known = self.0.iter().position(|user| user.name.as_deref() == Some(name));
        match known {
            Some(index) => UserId(index),
            None => self.add(User { id: id_of(name), name: Some(name.to_owned()) }),
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
    /// The user name: `ada.lovelace` for `Ada Lovelace`. For a name without Latin letters
    /// or digits, the id.
    pub(crate) fn user_name(&self) -> Option<String> {
        let words = self.name.as_deref()?.split(|letter: char| !letter.is_ascii_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        let joined = words.join(".").to_ascii_lowercase();
        Some(if joined.is_empty() { self.id.clone() } else { joined })
    }

    pub(crate) fn email(&self) -> Option<String> {
        Some(format!("{}@example.com", self.user_name()?))
    }
}

fn id_of(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(name)[..16])
}
