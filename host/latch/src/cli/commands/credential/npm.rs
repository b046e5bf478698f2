//! pnpm: `tokenHelper` in the user's `.npmrc`
//! ([pnpm settings](https://pnpm.io/npmrc#urltokenhelper)).
//!
//! The program has no arguments and is not told the registry, so its path or name has to
//! choose the profile. Standard output is the whole value of the header `Authorization`.
//! Standard error is hidden.

use super::End;
use super::helper::{Helper, Kind, tell_terminal};
use crate::cli::output;

pub(super) async fn run(helper: &Helper) -> End {
    let issued = match helper.session_of_profile() {
        Ok(session) => session.issue(Kind::Access, None).await,
        Err(error) => Err(error),
    };
    match issued.and_then(|issued| output::line(&issued.bearer())) {
        Ok(()) => End::Answered,
        Err(error) => {
            tell_terminal(&error);
            End::Failed(error)
        }
    }
}
