//! One reply of each kind, and descriptions of actions and replies.

use super::provider::{denied, status, too_large, unsent};
use crate::contract::{Action, Authorization, Failure, LoginFlow, Outcome, Purpose, Reply};

/// One reply of every kind, and all results of a request.
pub(super) fn replies() -> [Reply; 20] {
    [
        Reply::Begin,
        Reply::Locked(None),
        Reply::Probed,
        Reply::Registration(None),
        Reply::Confirmed,
        status(200, ""),
        unsent(),
        too_large(1),
        denied("no"),
        Reply::Redirected("/callback".to_owned()),
        Reply::Pasted("?".to_owned()),
        Reply::Presented,
        Reply::Chosen(LoginFlow::Device),
        Reply::Cancelled,
        Reply::TimedOut,
        Reply::Assertion("a.b.c".to_owned()),
        Reply::Signed(vec![1]),
        Reply::Decrypted("a.b.c".to_owned()),
        Reply::Saved,
        Reply::NotSaved("disk full".to_owned()),
    ]
}

/// Whether a reply of this kind answers the action; `begin` answers none.
pub(super) fn fits(action: Option<&Action>, reply: &Reply) -> bool {
    let Some(action) = action else { return matches!(reply, Reply::Begin) };
    match action {
        Action::Lock => matches!(reply, Reply::Locked(_)),
        Action::Probe => matches!(reply, Reply::Probed),
        Action::Exchange(_) => matches!(reply, Reply::Answered(_)),
        Action::Authorize(authorization) => match reply {
            Reply::Redirected(_) | Reply::Pasted(_) | Reply::Cancelled | Reply::TimedOut => true,
            Reply::Chosen(flow) => authorization.alternatives.contains(flow),
            _ => false,
        },
        Action::Offer(offer) => match reply {
            Reply::Cancelled | Reply::TimedOut => true,
            Reply::Chosen(flow) => offer.flows.contains(flow),
            _ => false,
        },
        Action::Present(_) | Action::Visit(_) => matches!(reply, Reply::Presented),
        Action::Save(_) | Action::SaveRegistration(_) => {
            matches!(reply, Reply::Saved | Reply::NotSaved(_))
        }
        Action::ReadRegistration(_) | Action::LockRegistration(_) => {
            matches!(reply, Reply::Registration(_))
        }
        Action::Confirm(_) => {
            matches!(reply, Reply::Confirmed | Reply::Cancelled | Reply::TimedOut)
        }
        Action::ReadAssertion(_) => matches!(reply, Reply::Assertion(_)),
        Action::Sign(_) => matches!(reply, Reply::Signed(_)),
        Action::Decrypt(_) => matches!(reply, Reply::Decrypted(_)),
        Action::Done(_) => false,
    }
}

pub(super) fn describe(last: &Result<Action, Failure>) -> String {
    match last {
        Ok(Action::Lock) => "the lock".to_owned(),
        Ok(Action::Probe) => "a probe".to_owned(),
        Ok(Action::Exchange(exchange)) => {
            format!("a request for {} to {}", name(exchange.purpose), exchange.request.url)
        }
        Ok(Action::Authorize(Authorization { notice, .. })) => {
            format!("a URL for the user (notice: {notice:?})")
        }
        Ok(Action::Visit(visit)) => format!("a page for the user: {}", visit.url),
        Ok(Action::Present(_)) => "a code to show".to_owned(),
        Ok(Action::Offer(offer)) => format!("an offer after: {}", offer.reason),
        Ok(Action::ReadRegistration(_)) => "a look at the registration".to_owned(),
        Ok(Action::LockRegistration(_)) => "the lock of the registration".to_owned(),
        Ok(Action::SaveRegistration(_)) => "a save of the registration".to_owned(),
        Ok(Action::Confirm(_)) => "a confirmation".to_owned(),
        Ok(Action::ReadAssertion(_)) => "a look at an assertion".to_owned(),
        Ok(Action::Sign(_)) => "a signature".to_owned(),
        Ok(Action::Decrypt(_)) => "a decryption".to_owned(),
        Ok(Action::Save(Some(_))) => "a save".to_owned(),
        Ok(Action::Save(None)) => "a deletion".to_owned(),
        Ok(Action::Done(Outcome::Granted(_))) => "a grant".to_owned(),
        Ok(Action::Done(Outcome::LoggedOut(_))) => "the end of a logout".to_owned(),
        Err(failure) => format!("the failure {:?}: {}", failure.code, failure.message),
    }
}

pub(super) fn name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Metadata => "metadata",
        Purpose::Challenge => "a challenge",
        Purpose::ResourceMetadata => "the resource's metadata",
        Purpose::Registration => "a client",
        Purpose::Token => "tokens",
        Purpose::Keys => "keys",
        Purpose::Userinfo => "userinfo",
        Purpose::Revocation => "revocation",
        Purpose::PushedAuthorization => "a pushed authorization request",
        Purpose::DeviceAuthorization => "a device code",
        Purpose::Introspection => "introspection",
        Purpose::Poll => "the user's decision",
    }
}
