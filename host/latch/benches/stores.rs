//! Four machines with sixteen callers each on one expired token in a shared store, against a
//! provider that ends the session when a refresh token is used twice: `./dev bench stores`.
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::env;
    use std::process::ExitCode;
    use std::time::Duration;

    use latchstring_testing::shared::{
        Fault, Machines, Moment, Namespaces, SharedStorm, StoreKind, StoreServer,
    };

    const MACHINES: usize = 4;
    const CALLERS: usize = 16;
    const CALM_ROUNDS: usize = 50;
    /// For each of four faults.
    const FAULTY_ROUNDS: usize = 50;

    /// Any number but zero; printed, so that a run can be repeated.
    const SEED: u64 = 0x2545_f491_4f6c_dd1d;

    /// What came of the rounds with one fault.
    #[derive(Default)]
    struct Sum {
        rounds: usize,
        refreshes: [usize; 3],
        served: usize,
        killed: usize,
        complaints: usize,
        lost: usize,
        times: Vec<Duration>,
    }

    /// Numbers of rounds can be given: without faults, and with each fault.
    pub(super) fn main() -> ExitCode {
        let mut counts = env::args().skip(1).filter_map(|word| word.parse().ok());
        let calm = counts.next().unwrap_or(CALM_ROUNDS);
        let faulty = counts.next().unwrap_or(FAULTY_ROUNDS);
        println!("{MACHINES} machines, {CALLERS} callers each; seed {SEED:#x}");
        println!(
            "{:<9} {:<9} {:>6} {:>15} {:>7} {:>6} {:>6} {:>5} {:>9} {:>9}",
            "store",
            "fault",
            "rounds",
            "refreshed 0/1/2",
            "served",
            "killed",
            "failed",
            "lost",
            "median",
            "longest"
        );
        let mut is_good = true;
        for kind in StoreKind::ALL {
            for (fault, rounds) in [
                (Fault::None, calm),
                (Fault::Restart, faulty),
                (Fault::Cut, faulty),
                (Fault::Partition, faulty),
                (Fault::Kill, faulty),
            ] {
                let Some(sum) = rounds_with(kind, fault, rounds) else { return ExitCode::FAILURE };
                is_good &= is_right(fault, &sum);
                print(kind, fault, sum);
            }
        }
        if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn rounds_with(kind: StoreKind, fault: Fault, rounds: usize) -> Option<Sum> {
        let mut sum = Sum::default();
        let mut storm = brew(kind, 0)?;
        for number in 0..rounds {
            // Every second time in the middle of a refresh.
            let moment = if number % 2 == 0 { Moment::Refresh } else { Moment::Random };
            let round = storm.round(fault, moment);
            sum.rounds += 1;
            sum.refreshes[round.refreshes.min(2)] += 1;
            sum.served += round.served;
            sum.killed += round.killed;
            sum.complaints += round.complaints.len();
            sum.times.push(round.taken);
            // A machine that took the new session with it leaves everybody to log in again.
            if fault != Fault::Kill {
                for complaint in &round.complaints {
                    println!("  round {number}: {}", complaint.trim_end());
                }
            }
            if !storm.machines.survives() {
                sum.lost += 1;
                // One after the other: the networks of both would have the same addresses.
                drop(storm);
                storm = brew(kind, number as u64 + 1)?;
            }
        }
        Some(sum)
    }

    /// Starts the machines, and knows how long a round takes.
    fn brew(kind: StoreKind, number: u64) -> Option<SharedStorm> {
        let server = StoreServer::start(kind)?;
        let machines = match Namespaces::create(MACHINES) {
            Some(namespaces) => Machines::in_namespaces(server, namespaces, MACHINES),
            None => Machines::new(server, MACHINES),
        };
        let mut storm = SharedStorm::brew(machines, CALLERS, SEED + number);
        storm.round(Fault::None, Moment::Random);
        Some(storm)
    }

    /// Whether each round had one refresh, and no session was lost. A machine that is killed
    /// may have to be followed by a second refresh, or may have taken the answer with it.
    fn is_right(fault: Fault, sum: &Sum) -> bool {
        match fault {
            Fault::Kill => true,
            _ => sum.refreshes[1] == sum.rounds && sum.lost == 0 && sum.complaints == 0,
        }
    }

    fn print(kind: StoreKind, fault: Fault, mut sum: Sum) {
        sum.times.sort();
        let at = |index: usize| sum.times.get(index).map_or(0, Duration::as_millis);
        println!(
            "{:<9} {:<9} {:>6} {:>15} {:>7} {:>6} {:>6} {:>5} {:>6} ms {:>6} ms",
            format!("{kind:?}"),
            format!("{fault:?}"),
            sum.rounds,
            format!("{}/{}/{}", sum.refreshes[0], sum.refreshes[1], sum.refreshes[2]),
            sum.served,
            sum.killed,
            sum.complaints,
            sum.lost,
            at(sum.times.len() / 2),
            at(sum.times.len().saturating_sub(1)),
        );
    }
}
