//! Limits on what one session may ask of its host.
//!
//! A component could ask for actions forever. No single action shows that, so the host
//! counts them. The counts start again at zero when the user chooses how to go on.

use std::time::Duration;

use crate::contract::{Action, Reply};
use crate::error::Error;

/// Most actions of a session, not counting those that wait for the user or are delayed. A
/// login with every request tried three times needs about thirty.
const ACTIONS: u32 = 100;

/// Requests delayed by at least this much count against the total wait, not against the
/// number of actions.
const PAUSE_MS: u64 = 1000;

/// Longest total delay before requests, in addition to the time that the user has. A device
/// code usually lives for an hour at most.
const WAIT: Duration = Duration::from_secs(4 * 3600);

/// Time for the user in a browser if the caller sets no limit.
const PATIENCE: Duration = Duration::from_secs(300);

/// The limits of one session, and how much of them is used.
pub struct Budget {
    /// How long the user may take, in milliseconds.
    patience_ms: u64,
    spent: Spent,
}

#[derive(Default)]
struct Spent {
    actions: u32,
    waited_ms: u64,
    /// The address that the user was sent to.
    address: Option<String>,
    /// Whether the browser has come back from that address.
    has_returned: bool,
    /// Whether the user was sent to a second address after that.
    has_moved: bool,
}

impl Budget {
    /// Limits for a login. `patience` is how long the user may take; `None` means five
    /// minutes.
    pub fn of_login(patience: Option<Duration>) -> Self {
        let patience_ms = milliseconds(patience.unwrap_or(PATIENCE));
        Self { patience_ms, spent: Spent::default() }
    }

    /// Limits for a session without a user.
    pub fn without_user() -> Self {
        Self { patience_ms: 0, spent: Spent::default() }
    }

    /// Counts `action` and returns it with its wait cut to the time that the user has.
    ///
    /// # Errors
    ///
    /// Returns `sandbox-fault` if the session has used up its actions or its waiting time,
    /// or wants to send the user to an address that it may not.
    pub fn admit(&mut self, mut action: Action) -> Result<Action, Error> {
        match &mut action {
            Action::Exchange(exchange) => {
                self.wait(exchange.wait_ms)?;
                if exchange.wait_ms < PAUSE_MS {
                    self.act()?;
                }
            }
            Action::Authorize(authorization) => {
                authorization.wait_ms = authorization.wait_ms.min(self.patience_ms);
                self.send(&authorization.url)?;
            }
            Action::Offer(offer) => offer.wait_ms = offer.wait_ms.min(self.patience_ms),
            Action::Present(prompt) => {
                self.act()?;
                self.send(&prompt.verification_uri)?;
            }
            Action::Visit(visit) => {
                self.act()?;
                self.send(&visit.url)?;
            }
            Action::Lock | Action::Probe | Action::Save(_) => self.act()?,
            Action::Done(_) => {}
        }
        Ok(action)
    }

    /// Counts the reply to an action. Requests to the listener are not limited.
    ///
    /// # Errors
    ///
    /// Returns `sandbox-fault` if the session has used up its actions.
    pub fn note(&mut self, reply: &Reply) -> Result<(), Error> {
        match reply {
            Reply::Chosen(_) => self.spent = Spent::default(),
            Reply::Redirected(_) | Reply::Pasted(_) => self.spent.has_returned = true,
            Reply::TimedOut => self.act()?,
            _ => {}
        }
        Ok(())
    }

    fn act(&mut self) -> Result<(), Error> {
        self.spent.actions += 1;
        if self.spent.actions > ACTIONS {
            return Err(Error::misbehaviour(format_args!(
                "was stopped: it asked for more than {ACTIONS} actions without end"
            )));
        }
        Ok(())
    }

    fn wait(&mut self, wait_ms: u64) -> Result<(), Error> {
        let most_ms = self.patience_ms.saturating_add(milliseconds(WAIT));
        self.spent.waited_ms = self.spent.waited_ms.saturating_add(wait_ms);
        if self.spent.waited_ms > most_ms {
            return Err(Error::misbehaviour(format_args!(
                "was stopped: it wanted to wait for {} s in all, and {} s are the most",
                self.spent.waited_ms / 1000,
                most_ms / 1000
            )));
        }
        Ok(())
    }

    /// Allows one address for each choice of the user, and one more after the browser has
    /// come back from the first. Without this limit, a component could open any number of
    /// windows.
    fn send(&mut self, url: &str) -> Result<(), Error> {
        let Spent { address, has_returned, has_moved, .. } = &mut self.spent;
        match address {
            None => *address = Some(url.to_owned()),
            Some(address) if address == url => {}
            Some(address) if *has_returned && !*has_moved => {
                *has_moved = true;
                url.clone_into(address);
            }
            Some(_) => {
                return Err(Error::misbehaviour(
                    "wanted to send the person to a second address, unasked",
                ));
            }
        }
        Ok(())
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Authorization, LoginFlow};

    fn sends(budget: &mut Budget, url: &str) -> bool {
        let authorization = Authorization {
            url: url.to_owned(),
            flow: LoginFlow::Browser,
            reason: None,
            wait_ms: 0,
            notice: None,
            alternatives: Vec::new(),
        };
        budget.admit(Action::Authorize(authorization)).is_ok()
    }

    #[test]
    fn the_user_is_sent_on_once_after_the_browser_came_back() {
        let mut budget = Budget::of_login(None);
        assert!(sends(&mut budget, "https://id.example/1"));
        assert!(sends(&mut budget, "https://id.example/1"), "the same again");
        assert!(!sends(&mut budget, "https://id.example/2"), "nothing came back");
        budget.note(&Reply::Redirected("/callback".to_owned())).expect("a visit");
        assert!(sends(&mut budget, "https://id.example/2"));
        budget.note(&Reply::Redirected("/callback".to_owned())).expect("a visit");
        assert!(!sends(&mut budget, "https://id.example/3"), "once more than allowed");
        budget.note(&Reply::Chosen(LoginFlow::Browser)).expect("a choice");
        assert!(sends(&mut budget, "https://id.example/3"));
    }
}
