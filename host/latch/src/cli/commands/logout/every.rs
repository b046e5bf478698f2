//! `latch logout --all`.

use latchstring::Error;
use latchstring::capability::store::Key;

use super::{end, show};
use crate::cli::args::Global;
use crate::cli::output;
use crate::cli::profile::Profile;
use crate::cli::stores::Stores;

pub(super) async fn run(global: &Global, trust: &Profile) -> Result<(), Error> {
    let mut reports = Vec::new();
    let mut first_error = None;
    let keys = Stores::open(global, &Profile::default())?.chosen().list().await?;
    for key in keys.into_iter().filter(Key::is_session) {
        match end(global, trust, &key).await {
            Ok(Some(ended)) => reports.push(ended),
            Ok(None) => {}
            // A failure must not keep the other sessions logged in.
            Err(error) => {
                if let Some(earlier) = first_error.replace(error) {
                    output::report(&earlier, global.json);
                }
            }
        }
    }
    let shown = show(global, &reports);
    output::both(first_error.map_or(Ok(()), Err), shown, global.json)
}
