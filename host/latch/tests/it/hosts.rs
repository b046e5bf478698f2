//! The same bytes on every host: a login of each at a certified provider, and the
//! sessions of each read and renewed by every other. `./dev test hosts` makes what
//! the hosts need, runs this, and prints its tables.
#![allow(clippy::print_stdout, reason = "the tables are for people")]

use latchstring_testing::Home;
use latchstring_testing::hosting::{Client, Host, expire};
use latchstring_testing::servers::Server;

#[test]
#[ignore = "needs every host: ./dev test hosts"]
fn every_host_runs_the_same_bytes_and_logs_in_with_them() {
    let server = Server::oidc_provider();
    let client = Client { issuer: server.issuer(), id: "public" };
    let mut hashes = Vec::new();
    println!("\n{:<10} {:<10} component (SHA-256)", "host", "login");
    for host in Host::all() {
        let home = Home::new();
        let before = server.asked("token").len();
        host.log_in(&home, &client);
        let token = host.token(&home, &client);
        assert_eq!(server.get("/me", &token).status, 200, "{}", host.name);
        assert_eq!(server.asked("token").len(), before + 1, "{}", host.name);
        let hash = host.component(&home);
        println!("{:<10} {:<10} {hash}", host.name, "logged in");
        hashes.push(hash);
    }
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{hashes:?}");
    assert_eq!(server.asked("token")[0]["client_id"], client.id);
}

#[test]
#[ignore = "needs every host: ./dev test hosts"]
fn what_one_host_wrote_every_host_reads_and_renews() {
    let server = Server::oidc_provider();
    let client = Client { issuer: server.issuer(), id: "public" };
    let hosts = Host::all();
    println!("\n{:<22} read, then renewed, by", "session of");
    for writer in &hosts {
        let home = Home::new();
        writer.log_in(&home, &client);
        let mut token = writer.token(&home, &client);
        let mut row = Vec::new();
        for reader in &hosts {
            let pair = format!("{} after {}", reader.name, writer.name);
            assert_eq!(reader.token(&home, &client), token, "{pair}: not the stored token");
            let before = server.refreshes();
            expire(&home);
            let renewed = reader.token(&home, &client);
            assert_ne!(renewed, token, "{pair}: not renewed");
            assert_eq!(server.refreshes(), before + 1, "{pair}");
            assert_eq!(server.get("/me", &renewed).status, 200, "{pair}");
            token = renewed;
            row.push(reader.name);
        }
        // Each has renewed what the one before it had left.
        assert_eq!(home.session_files().len(), 1, "{}", writer.name);
        println!("{:<22} {}", writer.name, row.join(", "));
    }
}
