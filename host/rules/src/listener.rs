//! Which requests to the loopback listener count.

use latchstring_core::listener::request::{Expected, judge};
use latchstring_core::listener::{Redirect, RedirectHost};
use latchstring_core::pages::NOTHING;

use crate::contract as wit;

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
