//! A model of a session that several machines share, checked exhaustively: every order of
//! steps of two and three clients, with crashes, connections that are cut, and saves that
//! arrive late or twice, or whose answers are lost.
//!
//! The model has the rules of `capability/store/shared`:
//!
//! - Each holder of the lock gets the next number, which is stored in the row.
//! - The lock ends with its connection, and the client may not notice.
//! - Before a refresh, the holder announces it in the row. Until the announcement ends, no
//!   other client becomes the holder. In Redis, the lock itself is the announcement.
//! - A save succeeds if the row still has the number of its holder and the version that the
//!   holder knows. If another client is the holder, the lock is taken again, and the save
//!   repeated if nothing was saved meanwhile.
//!
//! Each rule is needed, which the broken variants show:
//!
//! - Without announcements, a client that was cut off has spent the refresh token, and the
//!   next holder spends it again: the provider ends the session.
//! - Without numbers of holders, a client that was delayed for too long saves the token that
//!   it got first, and the newer one of the next holder is refused.
//! - Without versions, a save that arrives late replaces a newer one of the same holder.
//!
//! One loss stays, and is no error of the model: a client that dies with the provider's
//! answer before it has saved it.

use stateright::{Checker as _, Model, Property};

/// Most times that a client sends one save.
const SENDS: u8 = 2;

/// The rules, and what can happen.
#[derive(Clone, Copy)]
struct Rules {
    clients: usize,
    /// Most refreshes of one client.
    refreshes: u8,
    /// Whether the provider ends the session when a refresh token is used twice. If not, it
    /// issues another one, and the newest one counts.
    detects_reuse: bool,
    /// Whether one client with an answer may be delayed for longer than its announcement
    /// lasts. A request to the provider cannot: its time limit is shorter.
    is_delayed: bool,
    /// Whether refreshes are announced.
    announces: bool,
    /// Whether a save checks the number of the holder.
    checks_holder: bool,
    /// Whether a save checks the version.
    checks_version: bool,
}

impl Rules {
    /// The rules of the store, for clients that are cut off but never delayed for too long.
    const CUT_OFF: Self = Self {
        clients: 2,
        refreshes: 2,
        detects_reuse: true,
        is_delayed: false,
        announces: true,
        checks_holder: true,
        checks_version: true,
    };
    /// The same with a client that may be delayed for any time. Only a provider that allows
    /// reuse can keep a session then.
    const DELAYED: Self = Self { detects_reuse: false, is_delayed: true, ..Self::CUT_OFF };
}

/// Tokens are numbered in the order that the provider issues them.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct State {
    row: Row,
    /// The client whose connection has the lock.
    lock: Option<usize>,
    clients: Vec<Client>,
    /// Saves on their way, sorted: their order says nothing.
    saves: Vec<Save>,
    newest_token: u8,
    is_ended: bool,
    has_crashed: bool,
    was_delayed: bool,
    /// Whether a client died with an answer that it had not saved.
    is_answer_lost: bool,
    has_gone_back: bool,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct Row {
    token: u8,
    version: u8,
    holder: u8,
    announced_by: Option<usize>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct Client {
    step: Step,
    refreshes: u8,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Step {
    /// Wants the lock.
    Waiting,
    /// Has the lock, and has read the row.
    Holding {
        holder: u8,
        version: u8,
        token: u8,
    },
    /// Has sent the refresh token to the provider.
    Asking {
        holder: u8,
        version: u8,
        token: u8,
    },
    /// Has the provider's answer, and sends it to the store.
    Answered {
        holder: u8,
        version: u8,
        token: u8,
        sends: u8,
    },
    /// Was refused, and takes the lock again: the next holder may have died without a save.
    Returning {
        version: u8,
        token: u8,
    },
    Done,
    Dead,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
struct Save {
    client: usize,
    holder: u8,
    version: u8,
    token: u8,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Action {
    Lock(usize),
    Ask(usize),
    Answer(usize),
    Send(usize),
    Arrive { save: usize, is_answered: bool },
    Release(usize),
    Cut(usize),
    Crash(usize),
    ForgetAnnouncement,
}

impl Model for Rules {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let client = Client { step: Step::Waiting, refreshes: 0 };
        vec![State {
            row: Row { token: 1, version: 0, holder: 0, announced_by: None },
            lock: None,
            clients: vec![client; self.clients],
            saves: Vec::new(),
            newest_token: 1,
            is_ended: false,
            has_crashed: false,
            was_delayed: false,
            is_answer_lost: false,
            has_gone_back: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (number, client) in state.clients.iter().enumerate() {
            match &client.step {
                Step::Waiting | Step::Returning { .. }
                    if state.lock.is_none() && state.row.announced_by.is_none() =>
                {
                    actions.push(Action::Lock(number));
                }
                Step::Waiting | Step::Returning { .. } | Step::Done | Step::Dead => {}
                Step::Holding { .. } => {
                    if client.refreshes < self.refreshes {
                        actions.push(Action::Ask(number));
                    }
                    actions.push(Action::Release(number));
                }
                Step::Asking { .. } => actions.push(Action::Answer(number)),
                Step::Answered { sends, .. } => {
                    if *sends < SENDS {
                        actions.push(Action::Send(number));
                    }
                }
            }
            let is_alive = !matches!(client.step, Step::Waiting | Step::Done | Step::Dead);
            if is_alive && state.lock == Some(number) {
                actions.push(Action::Cut(number));
            }
            if is_alive && !state.has_crashed {
                actions.push(Action::Crash(number));
            }
        }
        for save in 0..state.saves.len() {
            actions.push(Action::Arrive { save, is_answered: true });
            // The last answer arrives: a client that is never answered saves nothing more.
            if state.clients[state.saves[save].client].can_send() {
                actions.push(Action::Arrive { save, is_answered: false });
            }
        }
        if let Some(client) = state.row.announced_by {
            let may_end = match state.clients[client].step {
                Step::Done | Step::Dead => true,
                Step::Asking { .. } => false,
                _ => self.is_delayed && !state.was_delayed,
            };
            if may_end {
                actions.push(Action::ForgetAnnouncement);
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Lock(client) => {
                state.row.holder += 1;
                state.lock = Some(client);
                let Row { holder, version, token, .. } = state.row;
                match state.clients[client].step {
                    Step::Returning { version: known, token } if known == version => {
                        state.clients[client].step =
                            Step::Answered { holder, version, token, sends: 0 };
                    }
                    Step::Returning { .. } => state.finish(client),
                    _ => state.clients[client].step = Step::Holding { holder, version, token },
                }
            }
            Action::Ask(client) => {
                let Step::Holding { holder, version, token } = state.clients[client].step else {
                    return None;
                };
                if self.announces && state.row.holder != holder {
                    state.clients[client].step = Step::Done;
                } else {
                    state.row.announced_by = self.announces.then_some(client);
                    state.clients[client].refreshes += 1;
                    state.clients[client].step = Step::Asking { holder, version, token };
                }
            }
            Action::Answer(client) => {
                let Step::Asking { holder, version, token } = state.clients[client].step else {
                    return None;
                };
                state.is_ended |= self.detects_reuse && token != state.newest_token;
                if state.is_ended {
                    state.finish(client);
                } else {
                    state.newest_token += 1;
                    let token = state.newest_token;
                    state.clients[client].step =
                        Step::Answered { holder, version, token, sends: 0 };
                }
            }
            Action::Send(client) => {
                let Step::Answered { holder, version, token, sends } =
                    &mut state.clients[client].step
                else {
                    return None;
                };
                *sends += 1;
                let save = Save { client, holder: *holder, version: *version, token: *token };
                state.saves.push(save);
                state.saves.sort();
            }
            Action::Arrive { save, is_answered } => {
                let save = state.saves.remove(save);
                self.arrive(&mut state, &save, is_answered);
            }
            Action::Release(client) => state.finish(client),
            Action::Cut(_) => state.lock = None,
            Action::Crash(client) => {
                state.has_crashed = true;
                if let Step::Answered { token, .. } | Step::Returning { token, .. } =
                    state.clients[client].step
                {
                    state.is_answer_lost |= state.row.token != token;
                }
                state.unlock(client);
                state.clients[client].step = Step::Dead;
            }
            Action::ForgetAnnouncement => {
                let client = state.row.announced_by.take()?;
                state.was_delayed |= !matches!(state.clients[client].step, Step::Done | Step::Dead);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no save replaces a newer one", |_, state: &State| {
                !state.has_gone_back
            }),
            Property::always("the newest token is kept", |_, state: &State| {
                !state.is_quiet()
                    || state.is_answer_lost
                    || !state.is_ended && state.row.token == state.newest_token
            }),
            Property::sometimes("a dead client takes an answer with it", |_, state: &State| {
                state.is_answer_lost
            }),
            Property::sometimes("everybody refreshes", |rules: &Self, state: &State| {
                state.is_quiet() && usize::from(state.newest_token) > rules.clients
            }),
        ]
    }
}

impl Rules {
    /// The store gets a save. It may have got the same one before.
    fn arrive(&self, state: &mut State, save: &Save, is_answered: bool) {
        let is_last_holder = !self.checks_holder || state.row.holder == save.holder;
        let is_known = !self.checks_version || state.row.version == save.version;
        let was_saved = state.row.token == save.token;
        if is_last_holder && is_known && !was_saved {
            state.has_gone_back |= state.row.token > save.token;
            state.row.token = save.token;
            // A version never comes back, not even after a late save.
            state.row.version = state.row.version.max(save.version) + 1;
            if state.row.announced_by == Some(save.client) {
                state.row.announced_by = None;
            }
        }
        let is_saved = state.row.token == save.token;
        let Step::Answered { holder, version, token, .. } = state.clients[save.client].step else {
            return;
        };
        if !is_answered || (holder, token) != (save.holder, save.token) {
            return;
        }
        if is_saved {
            let version = state.row.version;
            state.clients[save.client].step = Step::Holding { holder, version, token };
        } else {
            state.finish(save.client);
            state.clients[save.client].step = Step::Returning { version, token };
        }
    }
}

impl State {
    fn unlock(&mut self, client: usize) {
        if self.lock == Some(client) {
            self.lock = None;
        }
    }

    fn finish(&mut self, client: usize) {
        self.unlock(client);
        if self.row.announced_by == Some(client) {
            self.row.announced_by = None;
        }
        self.clients[client].step = Step::Done;
    }

    /// Whether nothing is under way.
    fn is_quiet(&self) -> bool {
        let is_over =
            |client: &Client| matches!(client.step, Step::Waiting | Step::Done | Step::Dead);
        self.saves.is_empty() && self.clients.iter().all(is_over)
    }
}

impl Client {
    fn can_send(&self) -> bool {
        matches!(self.step, Step::Answered { sends, .. } if sends < SENDS)
    }
}

#[track_caller]
fn holds(rules: Rules) {
    let checker = rules.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
}

#[track_caller]
fn is_broken(rules: Rules, property: &'static str) {
    let checker = rules.checker().threads(2).spawn_bfs().join();
    assert!(checker.discovery(property).is_some(), "{property}: no counterexample");
}

#[test]
fn two_clients_lose_nothing_that_was_answered_to_the_living() {
    holds(Rules::CUT_OFF);
    holds(Rules::DELAYED);
}

#[test]
fn three_clients_lose_nothing_that_was_answered_to_the_living() {
    holds(Rules { clients: 3, refreshes: 1, ..Rules::CUT_OFF });
    holds(Rules { clients: 3, refreshes: 1, ..Rules::DELAYED });
}

#[test]
fn without_announcements_a_client_that_was_cut_off_ends_the_session() {
    is_broken(Rules { announces: false, ..Rules::CUT_OFF }, "the newest token is kept");
}

#[test]
fn without_numbers_of_holders_a_delayed_client_keeps_a_newer_token_from_being_saved() {
    is_broken(Rules { checks_holder: false, ..Rules::DELAYED }, "the newest token is kept");
}

#[test]
fn without_versions_a_late_save_replaces_a_newer_one() {
    is_broken(Rules { checks_version: false, ..Rules::CUT_OFF }, "no save replaces a newer one");
}
