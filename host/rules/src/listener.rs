//! Which requests to the loopback listener count, and from which browser.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use latchstring_core::binding::{Binding, Passage};
use latchstring_core::capability::entropy::Entropy;
use latchstring_core::error::Error;
use latchstring_core::listener::request::{Expected, judge};
use latchstring_core::listener::{Redirect, RedirectHost};
use latchstring_core::pages::NOTHING;
use sha2::{Digest, Sha256};

use crate::contract as wit;
use crate::pages;

pub(crate) struct Requests(Expected);

impl wit::GuestListener for Requests {
    fn bind(
        host: wit::RedirectHost,
        port: u16,
        path: String,
    ) -> Result<wit::Listener, wit::Failure> {
        let host = match host {
            wit::RedirectHost::Ipv4 => RedirectHost::Ipv4,
            wit::RedirectHost::Ipv6 => RedirectHost::Ipv6,
            wit::RedirectHost::Localhost => RedirectHost::Localhost,
        };
        let redirect = Redirect { host, ports: Vec::new(), path };
        check(&redirect)?;
        Ok(wit::Listener::new(Self(redirect.expected(port))))
    }

    fn judge(
        &self,
        method: String,
        target: String,
        headers: Vec<wit::Header>,
    ) -> Result<(), wit::Refusal> {
        let headers: Vec<_> =
            headers.iter().map(|header| (&*header.name, header.value.as_bytes())).collect();
        judge(&self.0, &method, &target, &headers).map_err(|refusal| {
            let (status, text) = refusal.answer();
            wit::Refusal { status, policy: NOTHING.to_owned(), text: text.to_owned() }
        })
    }
}

pub(crate) fn check_redirect_path(path: String) -> Result<(), wit::Failure> {
    check(&Redirect { host: RedirectHost::Ipv4, ports: Vec::new(), path })
}

/// Checks the path. The remedy names no flag of the native program.
fn check(redirect: &Redirect) -> Result<(), wit::Failure> {
    let remedy = "use a path such as /callback, of letters, digits, / - . _ and ~";
    Ok(redirect.check().map_err(|error| error.with_remedy(remedy))?)
}

pub(crate) struct Browser {
    binding: RefCell<Binding>,
    secrets: Secrets,
}

impl wit::GuestBinding for Browser {
    fn new(redirect_uri: String, authorization_url: String, seed: Vec<u8>) -> Self {
        let secrets = Secrets { seed, drawn: AtomicU64::new(0) };
        let binding = Binding::new(&secrets, &redirect_uri, &authorization_url);
        Self { binding: RefCell::new(endless(binding)), secrets }
    }

    fn opened_address(&self) -> String {
        self.binding.borrow().opened_address()
    }

    fn printed_address(&self) -> String {
        self.binding.borrow().printed_address()
    }

    fn go_on_to(&self, authorization_url: String) {
        self.binding.borrow_mut().go_on_to(&authorization_url);
    }

    fn renew(&self) {
        endless(self.binding.borrow_mut().renew(&self.secrets));
    }

    fn goodbye(&self) -> String {
        self.binding.borrow().goodbye()
    }

    fn judge(&self, target: String, cookies: String) -> wit::Passage {
        match endless(self.binding.borrow_mut().judge(&target, &cookies, &self.secrets)) {
            Passage::Redirect => wit::Passage::Redirect,
            Passage::On(page) => wit::Passage::On(pages::of(page)),
            Passage::AnotherBrowser => wit::Passage::AnotherBrowser,
            Passage::UsedAddress => wit::Passage::UsedAddress,
            Passage::Taken => wit::Passage::Taken,
        }
    }
}

/// Random values from one seed: the hash of the seed and a counter. Who knows some of them
/// knows nothing about the others.
struct Secrets {
    seed: Vec<u8>,
    drawn: AtomicU64,
}

impl Entropy for Secrets {
    fn draw(&self) -> Result<[u8; 32], Error> {
        let turn = self.drawn.fetch_add(1, Ordering::Relaxed);
        let hash = Sha256::new().chain_update(&self.seed).chain_update(turn.to_be_bytes());
        Ok(hash.finalize().into())
    }
}

/// Takes what was made with [`Secrets`], which never run out.
fn endless<T>(made: Result<T, Error>) -> T {
    // OK because drawing from a seed cannot fail.
    made.expect("a value from a seed")
}
