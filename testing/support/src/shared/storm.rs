//! Many callers on several machines, on one expired token, while something goes wrong.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use super::machines::Machines;
use super::relay::Relay;
use crate::held::Held;
use crate::storm::{Chance, Round, end};

/// What goes wrong in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Every process of one machine is killed.
    Kill,
    /// The server ends without telling its clients, and starts again.
    Restart,
    /// Every connection to the server is dropped.
    Cut,
    /// One machine is cut off from the server for a while, and its connections stay open.
    Partition,
}

/// When it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At a random moment.
    Random,
    /// When the provider has spent the refresh token, and before it answers.
    Refresh,
}

/// The part of a round in which most of it happens.
const MOST: u64 = 3;

/// Machines with a session, and the processes that want its token.
pub struct SharedStorm {
    /// The machines.
    pub machines: Machines,
    callers: usize,
    chance: Chance,
    /// How long a round takes if nothing goes wrong.
    calm: Duration,
}

impl SharedStorm {
    /// Callers on each machine. `seed`, any number but zero, decides when things go wrong.
    pub fn brew(machines: Machines, callers: usize, seed: u64) -> Self {
        Self { machines, callers, chance: Chance { seed }, calm: Duration::from_secs(1) }
    }

    /// The token expires, every caller wants one, and something goes wrong.
    pub fn round(&mut self, fault: Fault, moment: Moment) -> Round {
        self.machines.expire();
        let calm = u64::try_from(self.calm.as_micros()).unwrap_or(u64::MAX);
        let after = Duration::from_micros(self.chance.next() % (calm / MOST).max(1));
        let victim =
            usize::try_from(self.chance.next()).unwrap_or_default() % self.machines.count();
        let length = Duration::from_millis(self.chance.next() % 3000);
        let before = self.machines.refreshes();
        let begun = Instant::now();
        let held = (fault != Fault::None && moment == Moment::Refresh)
            .then(|| Held::next(&self.machines.home.provider, "/token"));
        let callers: Vec<Child> = thread::scope(|scope| {
            let starting = scope.spawn(|| self.start());
            match held {
                Some(held) => {
                    held.arrives();
                    self.go_wrong(fault, victim, length);
                    held.let_go();
                }
                None => {
                    thread::sleep(after);
                    self.go_wrong(fault, victim, length);
                }
            }
            starting.join().expect("callers")
        });
        let ends = callers.into_iter().map(end).collect();
        let taken = begun.elapsed();
        // Those of killed callers may still be about to ask.
        self.machines.wait_for_processes();
        if fault == Fault::None {
            self.calm = taken;
        }
        Round { refreshes: self.machines.refreshes() - before, ..Round::of(ends, taken) }
    }

    /// Starts every caller.
    fn start(&self) -> Vec<Child> {
        let count = self.machines.count();
        let callers = (0..count * self.callers).map(|number| {
            self.machines.command(number % count, &["token"]).spawn().expect("latch starts")
        });
        callers.collect()
    }

    fn go_wrong(&self, fault: Fault, victim: usize, length: Duration) {
        match fault {
            Fault::None => {}
            Fault::Kill => self.machines.kill(victim),
            Fault::Restart => {
                self.machines.server.stop();
                self.machines.server.start_again();
            }
            Fault::Cut => self.machines.relays.iter().for_each(Relay::cut),
            Fault::Partition => {
                self.part(victim, true);
                thread::sleep(length);
                self.part(victim, false);
            }
        }
    }

    fn part(&self, machine: usize, is_parted: bool) {
        match (&self.machines.namespaces, is_parted) {
            (Some(namespaces), _) => namespaces.connect(machine, !is_parted),
            (None, true) => self.machines.relays[machine].hold(),
            (None, false) => self.machines.relays[machine].let_go(),
        }
    }
}
