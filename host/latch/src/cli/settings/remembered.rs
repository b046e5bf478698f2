//! What a login saves in the profile.

use super::{Settings, absolute};
use crate::cli::args::Global;
use crate::cli::profile::Profile;
use crate::cli::stores::StoreChoice;

impl Settings {
    /// Returns what a login saves in the profile: what the user set, never what a folder's
    /// `.env` set, and nothing that was meant for one run only. Returns `None` if nothing
    /// changed, or if the profile alone would not lead to the same session.
    ///
    /// `store` is where the session is; the profile remembers it. `refused` names default
    /// parameters that the provider refuses.
    pub(crate) fn to_remember(
        &self,
        global: &Global,
        store: &StoreChoice,
        refused: &[String],
    ) -> Option<Profile> {
        // A session for a URL is found by the URL. Only a profile with a name of its own
        // remembers one: the default profile would forget its provider.
        if self.given.resource_url.is_some() && global.profile == Global::DEFAULT_PROFILE {
            return None;
        }
        let below = self.saved.clone().fitting(&self.given);
        let remembered = Profile {
            browser: below.browser.clone(),
            no_browser: below.no_browser,
            timeout: below.timeout,
            store: remembered_store(store, below.store.clone()),
            key_file: global.key_file.as_deref().map(absolute).or_else(|| below.key_file.clone()),
            encrypt: global.encrypt.then_some(true).or(below.encrypt),
            ..self.given.clone().over(below).leaving_out(refused)
        };
        let suffices = remembered.shares_session_with(&self.effective);
        (suffices && remembered != self.saved).then_some(remembered)
    }
}

/// Returns the store to remember. A password that is not in the profile already does not get
/// there.
fn remembered_store(store: &StoreChoice, saved: Option<StoreChoice>) -> Option<StoreChoice> {
    if *store == StoreChoice::Memory {
        return saved;
    }
    let is_saved = saved.as_ref() == Some(store);
    if is_saved { saved } else { Some(store.clone().without_password()) }
}
