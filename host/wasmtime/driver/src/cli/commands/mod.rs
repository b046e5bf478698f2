//! One file per command; those that need nothing of the system are the native
//! program's own.

pub(crate) mod component;
pub(crate) mod login;
pub(crate) mod logout;
#[path = "../../../../../../host/latch/src/cli/commands/profile.rs"]
pub(crate) mod profile;
#[path = "../../../../../../host/latch/src/cli/commands/replay.rs"]
pub(crate) mod replay;
#[path = "../../../../../../host/latch/src/cli/commands/status.rs"]
pub(crate) mod status;
#[path = "../../../../../../host/latch/src/cli/commands/token.rs"]
pub(crate) mod token;
#[path = "../../../../../../host/latch/src/cli/commands/whoami.rs"]
pub(crate) mod whoami;
