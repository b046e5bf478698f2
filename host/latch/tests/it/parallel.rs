//! Sixty-four processes at once on an expired token, against npm `oidc-provider`.
//! `./dev bench storm` does the same for longer, and prints the figures.
#![cfg(unix)]

use latchstring_testing::storm::{CALLERS, Storm};

#[test]
fn sixty_four_processes_at_once_renew_once_and_get_the_same_token() {
    let mut storm = Storm::brew(1);
    for _ in 0..3 {
        let round = storm.round();
        assert_eq!(round.complaints, Vec::<String>::new());
        assert_eq!((round.refreshes, round.tokens, round.served), (1, 1, CALLERS));
    }
    assert!(storm.survives());
}

#[test]
fn callers_that_are_killed_at_any_moment_take_no_session_with_them() {
    let mut storm = Storm::brew(0x9e37_79b9_7f4a_7c15);
    storm.round();
    for _ in 0..8 {
        let round = storm.round_with_victims();
        assert_eq!(round.complaints, Vec::<String>::new());
        assert_eq!((round.refreshes, round.tokens), (1, 1));
        assert_eq!(round.served + round.killed, CALLERS);
    }
    assert!(storm.survives());
}
