//! State of a stand-in. It does not depend on HTTP. Time is an argument: milliseconds
//! since 1970-01-01T00:00:00Z.

pub(crate) mod cli_logins;
pub(crate) mod codes;
pub(crate) mod devices;
pub(crate) mod sessions;
pub(crate) mod users;

use cli_logins::CliLogins;
use codes::Codes;
use devices::Devices;
use sessions::Sessions;
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
