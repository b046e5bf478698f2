//! The storm of `tests/parallel.rs`, for as long as it takes to believe it:
//! `./dev bench storm`.
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::process::ExitCode;
use std::time::Duration;

use latchstring_testing::storm::{CALLERS, Round, Storm, VICTIMS};

const STORMS: usize = 10;
const KILLING_ROUNDS: usize = 200;

/// Any number but zero; printed, so that a run can be repeated.
const SEED: u64 = 0x2545_f491_4f6c_dd1d;

fn main() -> ExitCode {
    let mut storm = Storm::brew(SEED);
    println!(
        "{:<44} {:>8} {:>8} {:>8} {:>8} {:>9}",
        "", "rounds", "refresh", "tokens", "exit 0", "median"
    );
    let calm: Vec<Round> = (0..STORMS).map(|_| storm.round()).collect();
    let calm_is_good = row(&format!("{CALLERS} at once on an expired token"), &calm)
        && calm.iter().all(|round| round.served == CALLERS);
    let survived = storm.survives();

    let mut killing = Vec::new();
    let mut lost = 0;
    for _ in 0..KILLING_ROUNDS {
        killing.push(storm.round_with_victims());
        if !storm.survives() {
            lost += 1;
            storm = Storm::brew(SEED + lost);
            storm.round();
        }
    }
    let killed: usize = killing.iter().map(|round| round.killed).sum();
    let killing_is_good = row(&format!("the same, SIGKILL for {VICTIMS} of them"), &killing);
    println!("killed before they had ended: {killed}; sessions lost: {lost}; seed {SEED:#x}");
    match calm_is_good && survived && killing_is_good && lost == 0 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Prints the rounds in one line; whether each had one refresh, one token, and no
/// complaint.
fn row(what: &str, rounds: &[Round]) -> bool {
    let mut times: Vec<Duration> = rounds.iter().map(|round| round.taken).collect();
    times.sort();
    println!(
        "{what:<44} {:>8} {:>8} {:>8} {:>8} {:>6} ms",
        rounds.len(),
        span(rounds.iter().map(|round| round.refreshes)),
        span(rounds.iter().map(|round| round.tokens)),
        span(rounds.iter().map(|round| round.served)),
        times[times.len() / 2].as_millis(),
    );
    for complaint in rounds.iter().flat_map(|round| &round.complaints) {
        println!("  {complaint}");
    }
    rounds
        .iter()
        .all(|round| (round.refreshes, round.tokens) == (1, 1) && round.complaints.is_empty())
}

/// The least and the most in any round; one number where they are the same.
fn span(counts: impl Iterator<Item = usize> + Clone) -> String {
    let least = counts.clone().min().unwrap_or_default();
    let most = counts.max().unwrap_or_default();
    if least == most { least.to_string() } else { format!("{least}-{most}") }
}
