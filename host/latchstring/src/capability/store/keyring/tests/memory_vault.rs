//! A keyring in memory that can be made to fail.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};

use zeroize::Zeroizing;

use crate::capability::store::keyring::vault::{Trouble, Vault};

pub(super) type Entries = BTreeMap<String, Vec<u8>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    Fails,
    Locked,
    ReadOnly,
    /// Connects and reads, and never answers a change.
    HangsOnChange,
    /// Makes this many changes, and then no more.
    DiesAfter(usize),
}

pub(super) struct MemoryVault {
    state: Mutex<State>,
    awake: Condvar,
    hanging: Condvar,
    largest: Option<usize>,
}

struct State {
    entries: Entries,
    fault: Fault,
    /// The entries after each change.
    history: Vec<Entries>,
    /// Number of changes that hang.
    hangs: usize,
}

impl MemoryVault {
    pub(super) fn new(largest: Option<usize>) -> Self {
        Self::with(largest, Entries::new())
    }

    pub(super) fn with(largest: Option<usize>, entries: Entries) -> Self {
        let history = vec![entries.clone()];
        let state = State { entries, fault: Fault::None, history, hangs: 0 };
        let [awake, hanging] = [Condvar::new(), Condvar::new()];
        Self { state: Mutex::new(state), awake, hanging, largest }
    }

    pub(super) fn become_faulty(&self, fault: Fault) {
        self.state.lock().expect("state").fault = fault;
        self.awake.notify_all();
    }

    pub(super) fn entries(&self) -> Entries {
        self.state.lock().expect("state").entries.clone()
    }

    pub(super) fn history(&self) -> Vec<Entries> {
        self.state.lock().expect("state").history.clone()
    }

    /// Blocks until a change hangs.
    pub(super) fn wait_for_hang(&self) {
        let state = self.state.lock().expect("state");
        drop(self.hanging.wait_while(state, |state| state.hangs == 0).expect("state"));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Entries) -> T) -> Result<T, Trouble> {
        let mut state = self.state.lock().expect("state");
        while state.fault == Fault::HangsOnChange {
            state.hangs += 1;
            self.hanging.notify_all();
            state = self.awake.wait(state).expect("state");
            state.hangs -= 1;
        }
        match &mut state.fault {
            Fault::ReadOnly | Fault::DiesAfter(0) => {
                return Err(Trouble::Failed("it takes nothing".to_owned()));
            }
            Fault::DiesAfter(left) => *left -= 1,
            _ => {}
        }
        let changed = change(&mut state.entries);
        let now = state.entries.clone();
        state.history.push(now);
        Ok(changed)
    }
}

impl Vault for MemoryVault {
    fn connect(&self) -> Result<(), Trouble> {
        match self.state.lock().expect("state").fault {
            Fault::Fails => Err(Trouble::Failed("it is out of order".to_owned())),
            Fault::Locked => Err(Trouble::Locked),
            _ => Ok(()),
        }
    }

    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        Ok(self.entries().remove(entry).map(Zeroizing::new))
    }

    fn set(&self, entry: &str, value: &[u8]) -> Result<(), Trouble> {
        assert!(self.largest.is_none_or(|largest| value.len() <= largest), "too large");
        self.change(|entries| entries.insert(entry.to_owned(), value.to_vec())).map(drop)
    }

    fn delete(&self, entry: &str) -> Result<bool, Trouble> {
        self.change(|entries| entries.remove(entry).is_some())
    }

    fn largest(&self) -> Option<usize> {
        self.largest
    }

    fn disconnect(&self) {}

    fn name(&self) -> &'static str {
        "a keyring in memory"
    }
}
