//! What the same component costs on each host, side by side: `./dev bench hosts`.
//!
//! Times are medians; the processes of all hosts are run in turn, so that a machine
//! whose speed drifts changes every row alike.
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use latchstring::Demand;
use latchstring_core::contract::{self, Action, Context, Reply};
use latchstring_sandbox::{Instance, Sandbox};
use latchstring_testing::hosting::{Client, Host, Measure};
use latchstring_testing::session::Session;
use latchstring_testing::{Home, run};

const WARM_UP: usize = 2;
const RUNS: usize = 20;

/// Sessions in one instance, and instances.
const SESSIONS: u32 = 50;
const INSTANCES: u32 = 40;

/// A session of one step, and how often it is replayed in a process.
const TRANSCRIPT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../testing/conformance/token-cached.json");
const REPLAYS: u32 = 400;

/// Makes this program measure the component in itself.
const NATIVE: &str = "--native";

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let Some(at) = words.iter().position(|word| word == NATIVE) {
        return native(&words[at + 1..]);
    }
    let home = Home::new();
    let client = Client { issuer: home.provider.issuer(), id: "demo" };
    let hosts = Host::all();
    hosts[0].log_in(&home, &client);
    let transcript = home.state_folder().join("transcript.json");
    fs::copy(TRANSCRIPT, &transcript).expect("a transcript");

    let program = std::env::current_exe().expect("this program");
    let here = [program.into(), NATIVE.into()];

    let mut costs: Vec<Cost> = hosts.iter().map(|_| Cost::default()).collect();
    for run in 0..WARM_UP + RUNS {
        for (host, cost) in hosts.iter().zip(&mut costs) {
            let begun = Instant::now();
            host.token(&home, &client);
            let token = begun.elapsed();
            let [load, session] = match &host.measure {
                Measure::Here => measured(host, &here, &home, &client),
                Measure::Program(words) => measured(host, words, &home, &client),
                Measure::Outside => from_outside(host, &home, &transcript),
            };
            if run >= WARM_UP {
                cost.token.push(token);
                cost.load.push(load);
                cost.session.push(session);
            }
        }
    }

    println!(
        "{:<10} {:>18} {:>18} {:>24}",
        "host", "load, one step", "further session", "cached token, process"
    );
    for (host, cost) in hosts.iter().zip(&costs) {
        let times = |of: fn(&Cost) -> &Vec<Duration>| {
            let (own, native) = (median(of(cost)), median(of(&costs[0])));
            format!("{} ({:.1})", ms(own), own.as_secs_f64() / native.as_secs_f64())
        };
        let (load, session) = (times(|cost| &cost.load), times(|cost| &cost.session));
        println!("{:<10} {load:>18} {session:>18} {:>24}", host.name, times(|cost| &cost.token));
    }
    println!("in brackets: times the native host's");
    println!("wasmtime, but for the token: from outside, processes that replay transcripts");
}

#[derive(Default)]
struct Cost {
    /// From nothing to the answer of the first step.
    load: Vec<Duration>,
    /// A session of one step in an instance that is there.
    session: Vec<Duration>,
    /// The whole process that prints a stored token.
    token: Vec<Duration>,
}

/// What a program in the host measures.
fn measured(host: &Host, words: &[OsString], home: &Home, client: &Client) -> [Duration; 2] {
    let mut command = host.command(home, words);
    command.args([client.issuer, client.id]).arg(home.session_file()).stderr(Stdio::inherit());
    let printed = run(&mut command).succeeded().stdout;
    let mut numbers = printed.split_whitespace().map(|number| number.parse().expect("a number"));
    [(); 2].map(|()| Duration::from_nanos(numbers.next().expect("two numbers")))
}

/// A process that replays one session, and what each further one adds to it.
fn from_outside(host: &Host, home: &Home, transcript: &Path) -> [Duration; 2] {
    let replaying = |count: u32| {
        let mut command = host.command(home, host.program());
        command.arg("replay").args((0..count).map(|_| transcript));
        let begun = Instant::now();
        run(&mut command).succeeded();
        begun.elapsed()
    };
    let (one, all) = (replaying(1), replaying(1 + REPLAYS));
    [one, all.saturating_sub(one) / REPLAYS]
}

fn native(words: &[String]) {
    let [issuer, id, file] = words else { panic!("expected issuer, client and file") };
    let stored = Session::read(file.as_ref()).inner.to_string().into_bytes();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    let now_ms = u64::try_from(since.as_millis()).expect("a time");
    let context = Context { now_ms, entropy: (0..32).collect() };
    let client = contract::Client::new(Some(issuer.clone()), id.clone());

    let session = |instance: &mut Instance| {
        let session = instance.token(&client, Some(&stored), &Demand::default(), &context);
        let action = session.and_then(|session| instance.next(&session, &Reply::Begin, now_ms));
        assert!(matches!(action, Ok(Action::Done(_))), "the stored token was to be good enough");
    };
    let instance = || Sandbox::load().and_then(Sandbox::instantiate).expect("the component");
    let begun = Instant::now();
    session(&mut instance());
    let load = begun.elapsed();

    let mut stepping = Duration::ZERO;
    for _ in 0..INSTANCES {
        let mut instance = instance();
        session(&mut instance);
        let begun = Instant::now();
        for _ in 0..SESSIONS {
            session(&mut instance);
        }
        stepping += begun.elapsed();
    }
    println!("{} {}", load.as_nanos(), (stepping / (INSTANCES * SESSIONS)).as_nanos());
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

fn ms(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1000.0)
}
