//! What a provider remembers. It does not depend on HTTP. Time is an argument:
//! milliseconds since 1970-01-01T00:00:00Z.

pub(crate) mod cli_logins;
pub(crate) mod codes;
pub(crate) mod devices;
pub(crate) mod sessions;
pub(crate) mod users;

use cli_logins::CliLogins;
use codes::{Codes, Proof, Redemption};
use devices::Devices;
use sessions::{SessionId, Sessions};
use users::Users;

/// The whole state under one lock, so that each request is one step.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) users: Users,
    pub(crate) sessions: Sessions,
    pub(crate) codes: Codes,
    pub(crate) devices: Devices,
    pub(crate) cli_logins: CliLogins,
}

impl State {
    /// Redeems a code, which is valid for one attempt, successful or not. A second attempt
    /// revokes what the first one granted (RFC 6749 §4.1.2). An error is the reason, for
    /// `error_description`.
    pub(crate) fn redeem(
        &mut self,
        code: &str,
        proof: &Proof<'_>,
        now_ms: u64,
    ) -> Result<SessionId, &'static str> {
        match self.codes.redeem(code, proof, now_ms)? {
            Redemption::Granted(grant) => {
                let session = self.sessions.open(grant);
                self.codes.opened(code, session);
                Ok(session)
            }
            Redemption::Spent(session) => {
                if let Some(session) = session {
                    self.sessions.revoke(session);
                }
                Err("this code was used before; what it granted is revoked")
            }
        }
    }
}
