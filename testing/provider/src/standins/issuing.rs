//! What each system issues in its own way.

use crate::standins::shared::Shared;
use crate::standins::state::State;
use crate::standins::state::sessions::SessionId;
use crate::standins::state::users::UserId;
use crate::standins::system::System;
use crate::standins::{authgate, fief, hexclave, mock, stytch};

/// Returns the issuer identifier of the system.
pub(crate) fn issuer(shared: &Shared) -> String {
    match shared.system {
        System::Hexclave | System::Authgate => shared.url.clone(),
        System::Stytch => stytch::issuer(shared),
        System::Fief => fief::issuer(shared),
        System::Mock => mock::issuer(shared, mock::DEFAULT_PATH),
    }
}

/// Issues an access token of the system's own kind.
pub(crate) fn access_token(shared: &Shared, state: &mut State, session: SessionId) -> String {
    match shared.system {
        System::Hexclave => hexclave::access_token(shared, state, session),
        System::Authgate => authgate::access_token(shared, state, session),
        System::Stytch => stytch::access_token(shared, state, session),
        System::Fief => fief::access_token(shared, state, session, fief::LOGGED_IN),
        System::Mock => mock::access_token(shared, state, session, mock::DEFAULT_PATH),
    }
}

/// Returns the subject under which the system names a user to a client.
pub(crate) fn subject(shared: &Shared, state: &State, user: UserId) -> String {
    let user = state.users.user(user);
    match (shared.system, &user.name) {
        (System::Mock, Some(name)) => name.clone(),
        _ => user.id.clone(),
    }
}
