//! `latch logout --all`.

use latchstring::Error;

use super::{end, show};
use crate::cli::args::Global;
use crate::cli::config::Config;
use crate::cli::output;
use crate::cli::profile::Profile;
use crate::cli::stores;

pub(super) async fn run(global: &Global, trust: &Profile) -> Result<(), Error> {
    let mut reports = Vec::new();
    let mut first_error = None;
    let everywhere =
        stores::everywhere(global, &Config::read(global.config_dir.as_deref())?).await?;
    for (_, error) in everywhere.unreadable {
        if let Some(earlier) = first_error.replace(error) {
            output::report(&earlier, global.json);
        }
    }
    for key in everywhere.sessions {
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
