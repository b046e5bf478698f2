//! Sessions that several machines share, on a real PostgreSQL and a real Redis server.

use latchstring_testing::shared::{
    Fault, Machines, Moment, Namespaces, PASSWORD, SharedStorm, StoreKind, StoreServer,
};

const SEED: u64 = 0x2545_f491_4f6c_dd1d;

/// The servers that are installed.
fn servers() -> impl Iterator<Item = StoreServer> {
    StoreKind::ALL.into_iter().filter_map(StoreServer::start)
}

#[test]
fn a_session_is_used_on_every_machine_and_ends_on_all() {
    for server in servers() {
        let machines = Machines::new(server, 2);
        let first = machines.latch(0, &["token"]).succeeded();
        assert_eq!(machines.latch(1, &["token"]).succeeded().stdout, first.stdout);
        let newer = machines.latch(1, &["token", "--force-refresh"]).succeeded();
        assert_ne!(newer.stdout, first.stdout);
        assert_eq!(machines.latch(0, &["token"]).succeeded().stdout, newer.stdout);
        machines.latch(0, &["logout"]).succeeded();
        machines.latch(1, &["token"]).failed(3, "login-required");
    }
}

#[test]
fn many_callers_on_several_machines_refresh_once() {
    for server in servers() {
        let mut storm = SharedStorm::brew(Machines::new(server, 4), 4, SEED);
        for _ in 0..3 {
            let round = storm.round(Fault::None, Moment::Random);
            assert_eq!(
                (round.refreshes, round.tokens, round.served),
                (1, 1, 16),
                "{:?}",
                round.complaints
            );
        }
        assert!(storm.machines.survives());
    }
}

#[test]
fn machines_in_networks_of_their_own_refresh_once() {
    for server in servers() {
        let Some(namespaces) = Namespaces::create(4) else { return };
        let machines = Machines::in_namespaces(server, namespaces, 4);
        let mut storm = SharedStorm::brew(machines, 4, SEED);
        let round = storm.round(Fault::None, Moment::Random);
        assert_eq!(
            (round.refreshes, round.tokens, round.served),
            (1, 1, 16),
            "{:?}",
            round.complaints
        );
        assert!(storm.machines.survives());
    }
}

#[test]
fn a_session_survives_a_restart_and_connections_that_are_cut() {
    for server in servers() {
        let mut storm = SharedStorm::brew(Machines::new(server, 2), 2, SEED);
        storm.round(Fault::None, Moment::Random);
        for fault in [Fault::Restart, Fault::Cut, Fault::Partition] {
            let round = storm.round(fault, Moment::Refresh);
            assert_eq!(
                (round.refreshes, round.served),
                (1, 4),
                "{fault:?}: {:?}",
                round.complaints
            );
            assert!(storm.machines.survives(), "{fault:?}");
        }
    }
}

#[test]
fn no_message_contains_the_password() {
    for server in servers() {
        let machines = Machines::new(server, 1);
        let said = |words: &[&str]| {
            let run = machines.latch(0, words);
            let said = format!("{}{}", run.stdout, run.stderr);
            assert!(!said.contains(PASSWORD), "{words:?}: {said}");
        };
        let store = machines.url(0);
        for words in [
            &["doctor"][..],
            &["status"],
            &["whoami"],
            &["profile", "show"],
            &["--help"],
            &["token", "--help"],
            &["token", "--verbose", "--force-refresh"],
            &["store", "init"],
            &["token", "--store", &store],
        ] {
            said(words);
        }
        assert!(!machines.home.config().contains(PASSWORD));
    }
}
