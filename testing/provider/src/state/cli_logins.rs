//! Hexclave's command-line logins, which a user completes on a page.

use super::users::UserId;
use crate::random::random_letters;

/// Base32 in lower case, without letters that look like digits.
const ALPHABET: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Length of a code: 225 bits.
const LENGTH: usize = 45;

/// Result of a poll.
pub(crate) enum Poll {
    Waiting,
    /// Holds the refresh token. Returned only to the first poll.
    Success(String),
    Used,
    Expired,
}

/// A login that a page can still complete.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    index: usize,
    /// The anonymous user of the command line, if there is one.
    pub(crate) anonymous: Option<UserId>,
}

#[derive(Default)]
pub(crate) struct CliLogins(Vec<CliLogin>);

struct CliLogin {
    polling_code: String,
    login_code: String,
    anonymous: Option<UserId>,
    expires_at_ms: u64,
    outcome: Outcome,
}

enum Outcome {
    Waiting,
    /// The refresh token, which no poll has received yet.
    Completed(String),
    Fetched,
}

impl CliLogins {
    /// Begins a login. Returns a polling code and a login code.
    pub(crate) fn begin(
        &mut self,
        anonymous: Option<UserId>,
        expires_at_ms: u64,
    ) -> (String, String) {
        let [polling_code, login_code] = [(); 2].map(|()| random_letters(ALPHABET, LENGTH));
        self.0.push(CliLogin {
            polling_code: polling_code.clone(),
            login_code: login_code.clone(),
            anonymous,
            expires_at_ms,
            outcome: Outcome::Waiting,
        });
        (polling_code, login_code)
    }

    /// Returns the state of a login, or `None` for an unknown polling code.
    pub(crate) fn poll(&mut self, polling_code: &str, now_ms: u64) -> Option<Poll> {
        let login = self.0.iter_mut().find(|login| login.polling_code == polling_code)?;
        if matches!(login.outcome, Outcome::Fetched) {
            return Some(Poll::Used);
        }
        if now_ms >= login.expires_at_ms {
            return Some(Poll::Expired);
        }
        Some(match std::mem::replace(&mut login.outcome, Outcome::Fetched) {
            Outcome::Completed(refresh_token) => Poll::Success(refresh_token),
            Outcome::Fetched => Poll::Used,
            Outcome::Waiting => {
                login.outcome = Outcome::Waiting;
                Poll::Waiting
            }
        })
    }

    /// Returns a login that can still be completed. Returns `None` for a login code that
    /// is unknown, expired or already used.
    pub(crate) fn open(&self, login_code: &str, now_ms: u64) -> Option<Open> {
        let index = self.0.iter().position(|login| {
            login.login_code == login_code
                && now_ms < login.expires_at_ms
                && matches!(login.outcome, Outcome::Waiting)
        })?;
        Some(Open { index, anonymous: self.0[index].anonymous })
    }

    pub(crate) fn complete(&mut self, open: Open, refresh_token: String) {
        self.0[open.index].outcome = Outcome::Completed(refresh_token);
    }
}
