//! Sessions that several machines share, on a real PostgreSQL and a real Redis server.

use std::process::Command;
use std::time::{Duration, Instant};

use latchstring::capability::store::Encryption;
use latchstring_testing::shared::{
    Fault, Machines, Moment, Namespaces, PASSWORD, SharedStorm, StoreKind, StoreServer,
};
use latchstring_testing::{Home, Pending, run};

use super::trust::Authority;

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
fn a_server_with_tls_has_to_have_a_certificate_of_a_trusted_authority() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let [certificate, key] = ["server.pem", "server.key"].map(|name| authority.path(name));
    for kind in StoreKind::ALL {
        let Some(server) = StoreServer::start_with_tls(kind, &certificate, &key) else { continue };
        let home = Home::new();
        Encryption::create_key_file(&home.path("key")).expect("a key file");
        let key_file = home.path("key").display().to_string();
        let at = |url: &str, mut command: Command| {
            command.env("LATCH_STORE", url).env("LATCH_KEY_FILE", &key_file);
            command.env("LATCH_LOCK_TIMEOUT", "5");
            command
        };
        let url = server.url_with_tls("localhost", &authority.path("ca.pem"));
        run(&mut at(&url, home.command(&["store", "init"]))).succeeded();
        let login = Pending::start(&mut at(&url, home.login_command(&[])));
        login.visit();
        login.finish().succeeded();
        run(&mut at(&url, home.command(&["token", "--force-refresh"]))).succeeded();
        for other in [
            server.url_with_tls("localhost", &stranger.path("ca.pem")),
            // The certificate is for another name.
            server.url_with_tls("127.0.0.1", &authority.path("ca.pem")),
        ] {
            let run = run(&mut at(&other, home.command(&["token"])));
            let run = run.failed(8, "store-unusable").saying(&["certificate"]);
            assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
        }
    }
}

/// Plays a round in which nothing goes wrong.
fn sixteen_get_one_token(storm: &mut SharedStorm) {
    let round = storm.round(Fault::None, Moment::Random);
    assert_eq!((round.refreshes, round.tokens, round.served), (1, 1, 16), "{:?}", round.complaints);
}

#[test]
fn many_callers_on_several_machines_refresh_once() {
    for server in servers() {
        let mut storm = SharedStorm::brew(Machines::new(server, 4), 4, SEED);
        for _ in 0..3 {
            sixteen_get_one_token(&mut storm);
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
        sixteen_get_one_token(&mut storm);
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

#[test]
fn a_server_that_cannot_be_reached_is_named_within_the_time_limit() {
    for server in servers() {
        let machines = Machines::new(server, 1);
        machines.server.stop();
        let begun = Instant::now();
        let limit = ["--lock-timeout", "1"];
        let host = format!("127.0.0.1:{}", machines.relays[0].port());
        for words in [&["token"][..], &["login"], &["whoami"], &["status"]] {
            let run = machines.latch(0, &[words, &limit].concat());
            run.failed(8, "store-unusable").saying(&[&host]);
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up_within_the_time_limit() {
    for server in servers() {
        let machines = Machines::new(server, 1);
        machines.relays[0].hold();
        let run = machines.latch(0, &["token", "--lock-timeout", "1"]);
        run.failed(8, "store-unusable").saying(&["did not answer in time"]);
        machines.relays[0].let_go();
        machines.latch(0, &["token"]).succeeded();
    }
}

#[test]
fn a_session_for_another_key_is_named_and_left_alone() {
    for server in servers() {
        let machines = Machines::new(server, 1);
        let other = machines.home.path("other-key");
        Encryption::create_key_file(&other).expect("a key file");
        let other = other.display().to_string();
        for words in [&["token"][..], &["login"]] {
            let run = machines.latch(0, &[words, &["--key-file", &other]].concat());
            run.failed(8, "store-unusable").saying(&["encrypted for the key", "this is the key"]);
        }
        machines.latch(0, &["token"]).succeeded();
    }
}

#[test]
fn without_a_key_nothing_is_stored_and_the_user_is_not_asked_to_log_in() {
    for server in servers() {
        let machines = Machines::new(server, 1);
        for command in ["token", "login"] {
            let mut command = machines.command(0, &[command]);
            // The profile remembers a key file, another profile does not.
            command.env_remove("LATCH_KEY_FILE").env("LATCH_PROFILE", "other");
            command.args(["--issuer", machines.home.provider.issuer(), "--client-id", "demo"]);
            let run = run(&mut command);
            run.failed(8, "store-unusable").saying(&["there is no key", "--key-file"]);
        }
    }
}

#[test]
fn the_key_can_be_in_the_environment() {
    for server in servers() {
        let machines = Machines::new(server, 1);
        let key = std::fs::read_to_string(machines.home.path("key")).expect("a key file");
        let key = key.lines().find(|line| line.starts_with("AGE-")).expect("a key");
        let mut command = machines.command(0, &["token", "--force-refresh"]);
        command.env_remove("LATCH_KEY_FILE").env("LATCH_STORE_KEY", key);
        run(&mut command).succeeded();
    }
}

#[test]
fn what_a_newer_version_keeps_is_refused() {
    for server in servers() {
        let machines = Machines::new(server, 1);
        match machines.server.kind() {
            StoreKind::Postgres => {
                machines.server.tell(&["UPDATE latchstring SET version = 2 WHERE name = 'schema'"])
            }
            StoreKind::Redis => machines.server.tell(&["SET", "latchstring:schema", "2"]),
        };
        for command in ["token", "login", "logout"] {
            let run = machines.latch(0, &[command]);
            run.failed(8, "stored-newer").saying(&["version 2"]);
        }
    }
}

#[test]
fn a_row_in_the_place_of_another_is_refused() {
    let Some(server) = StoreServer::start(StoreKind::Postgres) else { return };
    let machines = Machines::new(server, 1);
    let names = "SELECT name FROM latchstring WHERE sealed IS NOT NULL";
    let session = machines.server.tell(&[names]);
    machines.latch(0, &["logout"]).succeeded();
    let mut login = machines.home.login_arguments();
    login.extend(["--profile", "other"].map(str::to_owned));
    let login: Vec<&str> = login.iter().map(String::as_str).collect();
    let pending = Pending::start(&mut machines.command(0, &login));
    pending.visit();
    pending.finish().succeeded();
    machines.server.tell(&[&format!(
        "UPDATE latchstring SET sealed = (SELECT sealed FROM latchstring WHERE sealed IS NOT NULL) \
         WHERE name = '{session}'"
    )]);
    machines.latch(0, &["token"]).failed(8, "store-unusable").saying(&["another session"]);
}

#[test]
fn the_server_sees_neither_tokens_nor_profiles() {
    let Some(server) = StoreServer::start(StoreKind::Postgres) else { return };
    let machines = Machines::new(server, 1);
    let rows = machines.server.tell(&["SELECT name, encode(sealed, 'escape') FROM latchstring"]);
    let token = machines.latch(0, &["token"]).succeeded().stdout;
    assert!(rows.contains("latchstring-1 "), "{rows}");
    for secret in [token.trim(), "default", machines.home.provider.issuer()] {
        assert!(!rows.contains(secret), "{secret}");
    }
}

#[test]
fn a_table_that_is_missing_is_created_by_the_printed_statements() {
    let Some(server) = StoreServer::start(StoreKind::Postgres) else { return };
    let machines = Machines::new(server, 1);
    machines.server.tell(&["DROP TABLE latchstring"]);
    let run = machines.latch(0, &["token"]).failed(8, "store-unusable");
    run.saying(&["latch store init"]);
    let statements = machines.latch(0, &["store", "init", "--print"]).succeeded().stdout;
    machines.server.tell(&[&statements]);
    machines.latch(0, &["token"]).failed(3, "login-required");
}

#[test]
fn a_session_moves_to_a_shared_store_and_back() {
    for server in servers() {
        let machines = Machines::new(server, 1);
        let token = machines.latch_here(&["token"]).succeeded().stdout;
        machines.latch_here(&["move", "file"]).succeeded();
        // The profile says where the session is, from here on.
        let latch = |words: &[&str]| {
            let mut command = machines.command_here(words);
            run(command.env_remove("LATCH_STORE").env("LATCH_STORE_PASSWORD", PASSWORD))
        };
        assert_eq!(latch(&["token"]).succeeded().stdout, token);
        machines.latch(0, &["token"]).failed(3, "login-required");
        let url = machines.url(0).replace(&format!(":{PASSWORD}@"), "@").replace("//@", "//");
        latch(&["move", &url]).succeeded();
        assert_eq!(latch(&["token"]).succeeded().stdout, token);
        assert_eq!(machines.latch(0, &["token"]).succeeded().stdout, token);
        assert_eq!(latch(&["status"]).succeeded().stdout.matches("good").count(), 1);
        latch(&["logout"]).succeeded();
        machines.latch(0, &["token"]).failed(3, "login-required");
    }
}

#[test]
fn a_profile_with_a_shared_session_keeps_its_name() {
    let Some(server) = StoreServer::start(StoreKind::Redis) else { return };
    let machines = Machines::new(server, 1);
    let rename = machines.latch_here(&["profile", "rename", "default", "work"]);
    rename.failed(2, "invalid-configuration").saying(&["latch move file"]);
    machines.latch_here(&["token"]).succeeded();
}
