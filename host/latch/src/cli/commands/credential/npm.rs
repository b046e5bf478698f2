//! pnpm: `tokenHelper` in the user's `.npmrc`
//! ([pnpm settings](https://pnpm.io/npmrc#urltokenhelper)).
//!
//! The program has no arguments and is not told the registry, so its path or name has to
//! choose the profile. Standard output is the whole value of the header `Authorization`.
//! Standard error is hidden.

use super::End;
use super::helper::{Helper, Kind};
use crate::cli::output;

pub(super) async fn run(helper: &Helper) -> End {
    let issued = match helper.session_of_profile() {
        Ok(session) => session.issue(Kind::Access, None).await,
        Err(error) => Err(error),
    };
    End::with_terminal(issued.and_then(|issued| output::line(&issued.bearer())))
}
