//! Every figure that has a budget, beside its budget, from one run.
//!
//! Times are medians. Ratios are medians of pairs taken in turn, so that a
//! machine whose speed drifts changes both sides alike.
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use latchstring::Demand;
use latchstring_core::contract::{Client, Context, Reply};
use latchstring_provider::visitor::Visitor;
use latchstring_provider::{Options, Provider};
use latchstring_sandbox::{COMPONENT, Sandbox};
use nix::sys::resource::{UsageWho, getrusage};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const LATCH: &str = env!("CARGO_BIN_EXE_latch");

const WARM_UP: usize = 10;
const TOKEN_RUNS: usize = 300;
const LOGIN_RUNS: usize = 30;
const STEP_RUNS: usize = 100;

/// Makes this program time one step in itself.
const STEP: &str = "--one-step";

fn main() -> Result<()> {
    if std::env::args().any(|argument| argument == STEP) {
        return step();
    }
    // Children's peak memory is one figure for all of them, so only programs
    // that are being measured are children.
    let provider = Provider::start(Options::default())?;
    let home = tempfile::tempdir()?;
    let logins = logins(&provider, home.path())?;
    let session = session_file(&home.path().join("state"))?;

    let login_memory = peak_child_memory()?;
    let (floor, token, ratio) = cached_token(home.path(), &session)?;
    let helper = helper(home.path())?;
    let step = load_and_step()?;
    let keyring = token_in_keyring(home.path())?;

    println!("{:<54} {:>12}   budget", "what", "measured");
    row("cached token, whole process", &ms(token), "5 ms");
    row("  a program that reads a file and prints it", &ms(floor), "");
    row("  ratio", &format!("{ratio:.2}"), "2.5");
    row("a credential helper, compared with latch token", &format!("{helper:.2}"), "1.2");
    row("cached token in the keyring, whole process", &keyring, "10 ms");
    row("component: load, instantiate, one step", &ms(step), "1 ms");
    row("peak memory, token and login", &mib(login_memory), "20 MiB");
    row("latch, this build", &mib(fs::metadata(LATCH)?.len()), "19 MiB");
    row("component", &format!("{} KiB", COMPONENT.len() / 1024), "1000 KiB");
    row("login, whole process, provider on loopback", &ms(logins), "25 ms");
    Ok(())
}

fn row(what: &str, measured: &str, budget: &str) {
    println!("{what:<54} {measured:>12}   {budget}");
}

/// One process after the other, floor and `latch` in turn.
fn cached_token(home: &Path, session: &Path) -> Result<(Duration, Duration, f64)> {
    let mut pairs = Vec::new();
    let program = floor_program(home)?;
    for run in 0..WARM_UP + TOKEN_RUNS {
        let floor = timed(Command::new(&program).arg(session))?;
        let token = timed(latch(home).arg("token"))?;
        if run >= WARM_UP {
            pairs.push((floor, token));
        }
    }
    let ratio = pairs.iter().map(|(floor, token)| token.as_secs_f64() / floor.as_secs_f64());
    Ok((
        median(pairs.iter().map(|pair| pair.0)),
        median(pairs.iter().map(|pair| pair.1)),
        median_f64(ratio),
    ))
}

/// A helper that another program runs, beside `latch token`.
fn helper(home: &Path) -> Result<f64> {
    let mut ratios = Vec::new();
    for run in 0..WARM_UP + TOKEN_RUNS {
        let token = timed(latch(home).arg("token"))?;
        let helper = timed(latch(home).args(["credential", "npm"]))?;
        if run >= WARM_UP {
            ratios.push(helper.as_secs_f64() / token.as_secs_f64());
        }
    }
    Ok(median_f64(ratios.into_iter()))
}

/// The session is moved to a keyring of its own, asked there, and left.
#[cfg(target_os = "linux")]
fn token_in_keyring(home: &Path) -> Result<String> {
    let desktop = latchstring_testing::desktop::Desktop::new();
    let on_desktop = |words: &[&str]| {
        let mut command = latch(home);
        command.args(words);
        for (name, value) in desktop.command(LATCH).get_envs() {
            if let Some(value) = value.filter(|_| name == "DBUS_SESSION_BUS_ADDRESS") {
                command.env(name, value);
            }
        }
        command
    };
    if !on_desktop(&["move", "keyring"]).stderr(Stdio::null()).status()?.success() {
        return Err("the session cannot be moved to the keyring".into());
    }
    let mut times = Vec::new();
    for run in 0..WARM_UP + TOKEN_RUNS {
        let time = timed(&mut on_desktop(&["token"]))?;
        if run >= WARM_UP {
            times.push(time);
        }
    }
    Ok(ms(median(times.into_iter())))
}

/// Other systems' keyrings belong to a user: nothing is put there for a bench.
#[cfg(not(target_os = "linux"))]
fn token_in_keyring(_: &Path) -> Result<String> {
    Ok("not here".to_owned())
}

fn timed(command: &mut Command) -> Result<Duration> {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let taken = begun.elapsed();
    if !output.status.success() || output.stdout.is_empty() {
        return Err(
            format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into()
        );
    }
    Ok(taken)
}

/// Logins from the start of the process to its end; the user takes no time.
fn logins(provider: &Provider, home: &Path) -> Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut times = Vec::new();
    for run in 0..WARM_UP + LOGIN_RUNS {
        let begun = Instant::now();
        let mut child = latch(home)
            .args(["login", "--no-browser", "--issuer", provider.issuer(), "--client-id", "demo"])
            .args(["--scope", "openid", "--scope", "offline_access", "--scope", "profile"])
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stderr = BufReader::new(child.stderr.take().ok_or("no standard error")?);
        let url = loop {
            let mut line = String::new();
            if stderr.read_line(&mut line)? == 0 {
                return Err("latch login printed no address".into());
            }
            if line.trim_start().starts_with("http") {
                break line.trim().to_owned();
            }
        };
        runtime.block_on(Visitor::default().visit(&url)).map_err(|lost| lost.to_string())?;
        stderr.read_to_string(&mut String::new())?;
        if !child.wait()?.success() {
            return Err("latch login failed".into());
        }
        if run >= WARM_UP {
            times.push(begun.elapsed());
        }
    }
    Ok(median(times.into_iter()))
}

/// What every process pays before its first action: once in a process, so each
/// run is one of its own.
fn load_and_step() -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..STEP_RUNS {
        let output = Command::new(std::env::current_exe()?).arg(STEP).output()?;
        let nanoseconds = String::from_utf8(output.stdout)?.trim().parse()?;
        times.push(Duration::from_nanos(nanoseconds));
    }
    Ok(median(times.into_iter()))
}

/// Prints how many nanoseconds load, instantiation and one step take.
fn step() -> Result<()> {
    let client = Client::new(Some("https://id.example.com".into()), "bench".into());
    let context = Context { now_ms: 0, entropy: (0..32).collect() };
    let begun = Instant::now();
    let mut instance = Sandbox::load()?.instantiate()?;
    let session = instance.token(&client, None, &Demand::default(), &context)?;
    // Nobody is logged in: the step ends with that failure.
    let _ = instance.next(&session, &Reply::Begin, 0);
    println!("{}", begun.elapsed().as_nanos());
    Ok(())
}

fn latch(home: &Path) -> Command {
    let mut command = Command::new(LATCH);
    command
        .env_clear()
        .env("LATCH_STATE_DIR", home.join("state"))
        .env("LATCH_CONFIG_DIR", home.join("config"))
        .current_dir(home)
        .stdin(Stdio::null());
    command
}

/// The program that is measured beside, compiled as anyone would.
fn floor_program(folder: &Path) -> Result<PathBuf> {
    let program = folder.join("floor");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/budget/floor.rs");
    let status = Command::new("rustc").arg("-O").arg(source).arg("-o").arg(&program).status()?;
    if status.success() {
        Ok(program)
    } else {
        Err("benches/budget/floor.rs does not compile".into())
    }
}

fn session_file(state: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(state)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "session") {
            return Ok(path);
        }
    }
    Err("no session was stored".into())
}

fn peak_child_memory() -> Result<u64> {
    let kib = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    Ok(u64::try_from(kib)? * 1024)
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[times.len() / 2]
}

fn median_f64(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
