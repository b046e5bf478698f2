//! A program of one's own that renews in a process of its own: this very program,
//! by its first argument. Apart from the other tests because of what that process prints:
//! its answer and nothing else, so no test runner can be around it.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use latchstring::blocking::{Latch, serve_renewal};
use latchstring::capability::browser::Browser;
use latchstring::capability::store::FileStore;
use latchstring::capability::terminal::Silence;
use latchstring::{Demand, Error, LatchBuilder, Renewal, RenewalProcess, TokenSource};
use latchstring_provider::visitor::Visitor;
use latchstring_provider::{Options, Provider};
use latchstring_testing::held::Held;

/// The first argument of the process that renews, and of one that asks for a token.
const RENEWS: &str = "renew";
const ASKS: &str = "ask";

/// The store's folder, as the settings of the process that renews.
fn store(folder: &str) -> FileStore {
    FileStore::new(PathBuf::from(folder))
}

fn builder(issuer: &str, folder: &str) -> LatchBuilder {
    let process = RenewalProcess::this_program([RENEWS]).settings(folder.to_owned());
    latchstring::Latch::builder(issuer, "demo")
        .scopes(["openid", "profile", "offline_access"])
        .store(store(folder))
        .browser(Visiting)
        .terminal(Silence)
        .renew_in(Renewal::OwnProcess(process))
}

struct Visiting;

impl Browser for Visiting {
    fn open(&self, url: &str) -> Result<(), Error> {
        let url = url.to_owned();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let visitor = Visitor::default();
            runtime.expect("a runtime").block_on(visitor.visit(&url)).map(drop)
        });
        Ok(())
    }
}

fn renewed(latch: &Latch) -> Result<latchstring::Token, Error> {
    latch.token_for(Demand { force_refresh: true, ..Demand::default() })
}

fn main() -> Result<(), Error> {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [RENEWS] => serve_renewal(|builder, folder| Ok(builder.store(store(folder)))),
        [ASKS, issuer, folder] => renewed(&Latch::new(builder(issuer, folder))?).map(drop),
        _ => test(),
    }
}

fn test() -> Result<(), Error> {
    let provider = Provider::start(Options::default()).expect("a provider");
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("state").display().to_string();
    let latch = Latch::new(builder(provider.issuer(), &folder))?;
    latch.login()?;

    let token = renewed(&latch)?;
    assert_eq!(token.source(), TokenSource::Renewed);
    assert_eq!(latch.token()?.access_token(), token.access_token());

    // The program that asks is killed when the provider has the request.
    let held = Held::next(&provider, "/token");
    let mut asking = Command::new(env::current_exe().expect("this program"));
    asking.args([ASKS, provider.issuer(), &folder]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut asking = asking.spawn().expect("it starts");
    held.arrives();
    asking.kill().expect("a signal");
    asking.wait().expect("its end");
    held.let_go();
    assert_ne!(renewed(&latch)?.access_token(), token.access_token());
    renewed(&latch)?;

    // A process that cannot be started, or is something else, is done without.
    for program in ["/nowhere/program", "false"] {
        let process = RenewalProcess::program(program, [RENEWS]);
        let settings = builder(provider.issuer(), &folder);
        let latch = Latch::new(settings.renew_in(Renewal::OwnProcess(process)))?;
        renewed(&latch)?;
    }
    Ok(())
}
