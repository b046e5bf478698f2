//! Limits on what one session may ask of its host.
//!
//! A component could ask for actions forever. No single action shows that, so the host
//! counts them. The counts start again at zero when the user chooses how to go on.

use std::time::Duration;

use crate::contract::{Action, Authorization, Reply};
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

/// An action, as far as it counts.
pub enum Asked<'a> {
    /// To take the lock, to use the store, or to prove who the client is.
    Step,
    /// To send a request after this delay.
    Request {
        /// In milliseconds.
        wait_ms: u64,
    },
    /// To send the user to `url` and to wait for the redirect.
    Redirect {
        /// Where the user is sent.
        url: &'a str,
        /// In milliseconds.
        wait_ms: u64,
    },
    /// To show the user a page that nothing comes back from.
    Page {
        /// Where the user is sent.
        url: &'a str,
    },
    /// To ask the user how to continue.
    Choice {
        /// In milliseconds.
        wait_ms: u64,
    },
    /// To tell the user who will ask for the password.
    Consent {
        /// In milliseconds.
        wait_ms: u64,
    },
    /// Nothing more.
    End,
}

impl<'a> Asked<'a> {
    fn by(action: &'a Action) -> Self {
        match action {
            Action::Lock
            | Action::Probe
            | Action::Save(_)
            | Action::ReadRegistration(_)
            | Action::LockRegistration(_)
            | Action::SaveRegistration(_)
            | Action::ReadAssertion(_)
            | Action::Sign(_)
            | Action::Decrypt(_) => Self::Step,
            Action::Exchange(exchange) => Self::Request { wait_ms: exchange.wait_ms },
            Action::Authorize(Authorization { url, wait_ms, .. }) => {
                Self::Redirect { url, wait_ms: *wait_ms }
            }
            Action::Present(prompt) => Self::Page { url: &prompt.verification_uri },
            Action::Visit(visit) => Self::Page { url: &visit.url },
            Action::Offer(offer) => Self::Choice { wait_ms: offer.wait_ms },
            Action::Confirm(confirmation) => Self::Consent { wait_ms: confirmation.wait_ms },
            Action::Done(_) => Self::End,
        }
    }

    /// Returns what an action with this name in the contract asks for, or `None` if the
    /// contract has no such action. `url` and `wait_ms` are the action's, if it has them.
    pub fn named(action: &str, url: &'a str, wait_ms: u64) -> Option<Self> {
        Some(match action {
            "lock" | "probe" | "save" | "read-registration" | "lock-registration"
            | "save-registration" | "read-assertion" | "sign" | "decrypt" => Self::Step,
            "exchange" => Self::Request { wait_ms },
            "authorize" => Self::Redirect { url, wait_ms },
            "present" | "visit" => Self::Page { url },
            "offer" => Self::Choice { wait_ms },
            "confirm" => Self::Consent { wait_ms },
            "done" => Self::End,
            _ => return None,
        })
    }
}

/// A reply, as far as it counts.
pub enum Answered {
    /// The user chose how to go on.
    Choice,
    /// The browser came back, or the user brought its address.
    Return,
    /// The time for the user is over.
    Timeout,
    /// Anything else.
    Other,
}

impl Answered {
    fn by(reply: &Reply) -> Self {
        match reply {
            Reply::Chosen(_) => Self::Choice,
            Reply::Redirected(_) | Reply::Pasted(_) => Self::Return,
            Reply::TimedOut => Self::Timeout,
            _ => Self::Other,
        }
    }

    /// Returns what a reply with this name in the contract tells.
    pub fn named(reply: &str) -> Self {
        match reply {
            "chosen" => Self::Choice,
            "redirected" | "pasted" => Self::Return,
            "timed-out" => Self::Timeout,
            _ => Self::Other,
        }
    }
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
        let wait_ms = self.count(&Asked::by(&action))?;
        match &mut action {
            Action::Authorize(authorization) => authorization.wait_ms = wait_ms,
            Action::Offer(offer) => offer.wait_ms = wait_ms,
            Action::Confirm(confirmation) => confirmation.wait_ms = wait_ms,
            _ => {}
        }
        Ok(action)
    }

    /// Counts an action and returns its wait, cut to the time that the user has.
    ///
    /// # Errors
    ///
    /// See [`admit`](Self::admit).
    pub fn count(&mut self, asked: &Asked<'_>) -> Result<u64, Error> {
        match *asked {
            Asked::Step => {
                self.act()?;
                Ok(0)
            }
            Asked::Request { wait_ms } => {
                self.wait(wait_ms)?;
                if wait_ms < PAUSE_MS {
                    self.act()?;
                }
                Ok(wait_ms)
            }
            Asked::Redirect { url, wait_ms } => {
                self.send(url)?;
                Ok(wait_ms.min(self.patience_ms))
            }
            Asked::Page { url } => {
                self.act()?;
                self.send(url)?;
                Ok(0)
            }
            Asked::Choice { wait_ms } => Ok(wait_ms.min(self.patience_ms)),
            Asked::Consent { wait_ms } => {
                self.act()?;
                Ok(wait_ms.min(self.patience_ms))
            }
            Asked::End => Ok(0),
        }
    }

    /// Counts the reply to an action. Requests to the listener are not limited.
    ///
    /// # Errors
    ///
    /// Returns `sandbox-fault` if the session has used up its actions.
    pub fn note(&mut self, reply: &Reply) -> Result<(), Error> {
        self.note_answer(Answered::by(reply))
    }

    /// Counts the reply to an action.
    ///
    /// # Errors
    ///
    /// See [`note`](Self::note).
    pub fn note_answer(&mut self, answered: Answered) -> Result<(), Error> {
        match answered {
            Answered::Choice => self.spent = Spent::default(),
            Answered::Return => self.spent.has_returned = true,
            Answered::Timeout => self.act()?,
            Answered::Other => {}
        }
        Ok(())
    }

    fn act(&mut self) -> Result<(), Error> {
        self.spent.actions += 1;
        if self.spent.actions > ACTIONS {
            return Err(Error::misbehaviour(format_args!(
                "was stopped: it asked for more than {ACTIONS} actions without finishing"
            )));
        }
        Ok(())
    }

    fn wait(&mut self, wait_ms: u64) -> Result<(), Error> {
        let most_ms = self.patience_ms.saturating_add(milliseconds(WAIT));
        self.spent.waited_ms = self.spent.waited_ms.saturating_add(wait_ms);
        if self.spent.waited_ms > most_ms {
            return Err(Error::misbehaviour(format_args!(
                "was stopped: it asked to wait for {} s in total; at most {} s are allowed",
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
                    "wanted to send the user to a second address without being asked",
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
    use crate::contract::LoginFlow;

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
    fn names_count_as_the_contract_s_actions_do() {
        let mut budget = Budget::of_login(Some(Duration::from_secs(10)));
        let mut counted = |action, wait_ms| {
            let asked = Asked::named(action, "https://id.example/1", wait_ms)?;
            Some(budget.count(&asked).expect(action))
        };
        assert_eq!(counted("authorize", 60_000), Some(10_000));
        assert_eq!(counted("offer", 5_000), Some(5_000));
        assert_eq!(counted("exchange", 60_000), Some(60_000));
        for action in ["lock", "probe", "save", "present", "visit", "done"] {
            assert_eq!(counted(action, 0), Some(0), "{action}");
        }
        assert_eq!(counted("launch", 0), None);
        for action in 0..u64::from(ACTIONS) {
            budget.note_answer(Answered::named("timed-out")).map_or_else(
                |error| assert!(action + 6 > u64::from(ACTIONS), "{error}"),
                |()| assert!(action + 5 <= u64::from(ACTIONS)),
            );
        }
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
