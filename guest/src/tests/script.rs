//! A conversation as a script: each line is one action of the session and what
//! the host replies to it. The first that does not match ends the test, saying
//! what was expected and what came.
//!
//! Time is a number here: it passes where a line says so.

use serde_json::Value;

use super::provider::Answer;
use super::replies::{describe, fits, name, replies};
use super::seen::{Sent, Shown};
use crate::contract::{
    Action, Code, DevicePrompt, EpochMs, Exchange, Failure, Grant, LoginFlow, LogoutReport, Offer,
    Outcome, Purpose, Reply, Response,
};
use crate::session::Session;

/// A session under test, at the action it asked for last.
pub(super) struct Script {
    session: Session,
    last: Result<Action, Failure>,
    known: Known,
    /// Whether every reply that does not fit is tried before the one that does.
    misfits: bool,
    saved: Option<Vec<u8>>,
}

/// What the other side knows by now.
pub(super) struct Known {
    pub(super) now_ms: EpochMs,
    pub(super) nonce: Option<String>,
    state: String,
    /// What must never show up in a failure.
    secrets: Vec<String>,
}

impl Script {
    pub(super) fn begin(session: Session, now_ms: EpochMs, misfits: bool) -> Self {
        let known = Known { now_ms, nonce: None, state: String::new(), secrets: Vec::new() };
        // A stand-in: nothing was asked for before `begin`.
        let last = Ok(Action::Lock);
        Self { session, last, known, misfits, saved: None }.reply(Reply::Begin)
    }

    // ---- The provider answers ------------------------------------------------

    #[track_caller]
    pub(super) fn discovers(self, answer: impl Answer) -> Self {
        self.answers(Purpose::Metadata, answer)
    }

    /// The authorization code is redeemed.
    #[track_caller]
    pub(super) fn redeems(self, answer: impl Answer) -> Self {
        assert_eq!(self.sent().form.one("grant_type"), Some("authorization_code"));
        self.answers(Purpose::Token, answer)
    }

    #[track_caller]
    pub(super) fn refreshes(self, answer: impl Answer) -> Self {
        assert_eq!(self.sent().form.one("grant_type"), Some("refresh_token"));
        self.answers(Purpose::Token, answer)
    }

    #[track_caller]
    pub(super) fn fetches_keys(self, answer: impl Answer) -> Self {
        self.answers(Purpose::Keys, answer)
    }

    #[track_caller]
    pub(super) fn asks_userinfo(self, answer: impl Answer) -> Self {
        self.answers(Purpose::Userinfo, answer)
    }

    /// Answers the request for a code.
    #[track_caller]
    pub(super) fn codes(self, answer: impl Answer) -> Self {
        self.answers(Purpose::DeviceAuthorization, answer)
    }

    /// Answers a poll, which came after so many seconds.
    #[track_caller]
    pub(super) fn polls_after(self, seconds: u64, answer: impl Answer) -> Self {
        let waited_ms = self.pause_ms();
        assert_eq!(waited_ms, seconds * 1000, "the poll came after {waited_ms} ms");
        self.answers(Purpose::Poll, answer)
    }

    #[track_caller]
    pub(super) fn revokes(self, answer: impl Answer) -> Self {
        self.answers(Purpose::Revocation, answer)
    }

    /// One answer, after which the same request may come again.
    #[track_caller]
    pub(super) fn stumbles(mut self, reply: Reply) -> Self {
        self.known.now_ms += self.exchange().wait_ms;
        self.reply(reply)
    }

    /// Answers, and goes on answering so while the same request comes again.
    #[track_caller]
    fn answers(mut self, purpose: Purpose, answer: impl Answer) -> Self {
        let exchange = self.exchange();
        if exchange.purpose != purpose {
            self.expected(&format!("a request for {}", name(purpose)));
        }
        self.known.now_ms += exchange.wait_ms;
        let form = self.sent().form;
        for field in
            ["code", "code_verifier", "refresh_token", "token", "client_secret", "device_code"]
        {
            self.known.secrets.extend(form.all(field).into_iter().map(str::to_owned));
        }
        let reply = answer.reply(&self.known);
        if let Reply::Response(Response { body, .. }) = &reply
            && let Ok(body) = serde_json::from_slice::<Value>(body)
        {
            for field in ["access_token", "refresh_token", "id_token"] {
                self.known.secrets.extend(body[field].as_str().map(str::to_owned));
            }
        }
        let passing = purpose != Purpose::Poll
            && matches!(
                &reply,
                Reply::Unreachable(_) | Reply::Response(Response { status: 429.., .. })
            );
        let mut script = self.reply(reply.clone());
        while passing && matches!(&script.last, Ok(Action::Exchange(again)) if again.wait_ms > 0) {
            script = script.stumbles(reply.clone());
        }
        script
    }

    // ---- The person answers --------------------------------------------------

    /// The browser comes back to the redirect URI with this query; `{state}` is
    /// the state that was sent.
    #[track_caller]
    pub(super) fn redirects(self, query: &str) -> Self {
        self.visits(&format!("/callback?{query}"))
    }

    /// The browser asks the listener for this path and query.
    #[track_caller]
    pub(super) fn visits(self, target: &str) -> Self {
        self.shown();
        let target = target.replace("{state}", &self.known.state);
        self.reply(Reply::Redirected(target))
    }

    /// The person brings this back; `{state}` is the state that was sent.
    #[track_caller]
    pub(super) fn pastes(self, text: &str) -> Self {
        self.shown();
        let text = text.replace("{state}", &self.known.state);
        self.reply(Reply::Pasted(text))
    }

    /// The code is shown.
    #[track_caller]
    pub(super) fn presents(self) -> Self {
        self.prompt();
        self.reply(Reply::Presented)
    }

    #[track_caller]
    pub(super) fn gives_up(self) -> Self {
        self.shown();
        self.reply(Reply::Cancelled)
    }

    #[track_caller]
    pub(super) fn times_out(self) -> Self {
        self.shown();
        self.reply(Reply::TimedOut)
    }

    /// The person goes on in another way, one of those offered.
    #[track_caller]
    pub(super) fn chooses(self, flow: LoginFlow) -> Self {
        match &self.last {
            Ok(Action::Offer(_) | Action::Authorize(_)) => self.reply(Reply::Chosen(flow)),
            _ => self.expected("an offer"),
        }
    }

    /// Nobody takes the offer.
    #[track_caller]
    pub(super) fn declines(self) -> Self {
        self.offer();
        self.reply(Reply::TimedOut)
    }

    // ---- The store answers ---------------------------------------------------

    /// The lock is taken, and this is what is stored then.
    #[track_caller]
    pub(super) fn locks(self, stored: Option<Vec<u8>>) -> Self {
        match &self.last {
            Ok(Action::Lock) => self.reply(Reply::Locked(stored)),
            _ => self.expected("the lock"),
        }
    }

    #[track_caller]
    pub(super) fn saves(mut self) -> Self {
        match &self.last {
            Ok(Action::Save(Some(bytes))) => {
                self.saved = Some(bytes.clone());
                self.reply(Reply::Saved)
            }
            _ => self.expected("a save"),
        }
    }

    #[track_caller]
    pub(super) fn deletes(self) -> Self {
        match &self.last {
            Ok(Action::Save(None)) => self.reply(Reply::Saved),
            _ => self.expected("a deletion"),
        }
    }

    /// A save or deletion is asked for and fails.
    #[track_caller]
    pub(super) fn cannot_save(self) -> Self {
        match &self.last {
            Ok(Action::Save(_)) => self.reply(Reply::NotSaved("disk full".to_owned())),
            _ => self.expected("a save or deletion"),
        }
    }

    // ---- Time passes ---------------------------------------------------------

    pub(super) fn later(mut self, ms: u64) -> Self {
        self.known.now_ms += ms;
        self
    }

    // ---- The end -------------------------------------------------------------

    #[track_caller]
    pub(super) fn grants(self) -> Grant {
        match self.last {
            Ok(Action::Done(Outcome::Granted(grant))) => {
                takes_nothing_more(self.session);
                grant
            }
            last => panic!("expected a grant; came {}", describe(&last)),
        }
    }

    #[track_caller]
    pub(super) fn logs_out(self) -> LogoutReport {
        match self.last {
            Ok(Action::Done(Outcome::LoggedOut(report))) => {
                takes_nothing_more(self.session);
                report
            }
            last => panic!("expected the end of a logout; came {}", describe(&last)),
        }
    }

    /// Fails, in words that are safe to show.
    #[track_caller]
    pub(super) fn fails(self, code: Code) -> Failure {
        match self.last {
            Err(failure) if failure.code == code => {
                takes_nothing_more(self.session);
                self.known.check_texts(&failure);
                failure
            }
            last => panic!("expected the failure {code:?}; came {}", describe(&last)),
        }
    }

    // ---- What was asked ------------------------------------------------------

    /// The request that waits for its answer.
    #[track_caller]
    pub(super) fn sent(&self) -> Sent {
        Sent::read(&self.exchange())
    }

    /// The URL that waits for the person.
    #[track_caller]
    pub(super) fn shown(&self) -> Shown {
        match &self.last {
            Ok(Action::Authorize(authorization)) => Shown::read(authorization),
            _ => self.expected("a URL for the person"),
        }
    }

    /// How long to wait before the request that waits for its answer.
    #[track_caller]
    pub(super) fn pause_ms(&self) -> u64 {
        self.exchange().wait_ms
    }

    /// The code that waits to be shown.
    #[track_caller]
    pub(super) fn prompt(&self) -> DevicePrompt {
        match &self.last {
            Ok(Action::Present(prompt)) => prompt.clone(),
            _ => self.expected("a code to show"),
        }
    }

    /// What the person is asked to choose from.
    #[track_caller]
    pub(super) fn offer(&self) -> Offer {
        match &self.last {
            Ok(Action::Offer(offer)) => offer.clone(),
            _ => self.expected("an offer"),
        }
    }

    /// What was saved last.
    pub(super) fn stored(&self) -> Option<Vec<u8>> {
        self.saved.clone()
    }

    /// One field of what was saved last.
    pub(super) fn stored_field(&self, field: &str) -> Value {
        let document: Value = serde_json::from_slice(self.saved.as_deref().unwrap()).unwrap();
        document[field].clone()
    }

    #[track_caller]
    fn exchange(&self) -> Exchange {
        match &self.last {
            Ok(Action::Exchange(exchange)) => exchange.clone(),
            _ => self.expected("a request"),
        }
    }

    // ---- Underneath ----------------------------------------------------------

    /// The store is always ready: what follows a probe that fails is the host's.
    fn reply(self, reply: Reply) -> Self {
        let script = self.reply_once(reply);
        match script.last {
            Ok(Action::Probe) => script.reply_once(Reply::Probed),
            _ => script,
        }
    }

    fn reply_once(mut self, reply: Reply) -> Self {
        if self.misfits {
            let action = self.last.as_ref().ok().filter(|_| !matches!(reply, Reply::Begin));
            let misfits = replies().into_iter().filter(|other| !fits(action, other));
            refuses(&mut self.session, misfits);
        }
        self.last = self.session.next(reply, self.known.now_ms);
        if let Ok(Action::Authorize(authorization)) = &self.last {
            let query = Shown::read(authorization).query;
            self.known.state = query.one("state").unwrap_or_default().to_owned();
            self.known.nonce = query.one("nonce").map(str::to_owned);
        }
        self
    }

    #[track_caller]
    fn expected(&self, what: &str) -> ! {
        panic!("expected {what}; came {}", describe(&self.last))
    }
}

impl Known {
    /// A failure's texts are single lines without controls and without secrets.
    #[track_caller]
    fn check_texts(&self, failure: &Failure) {
        let said = failure.provider.iter();
        let foreign = said.flat_map(|said| [Some(&said.error), said.description.as_ref()]);
        let secrets = self.secrets.iter().chain([&self.state]).chain(&self.nonce);
        let secrets: Vec<&String> = secrets.filter(|secret| !secret.is_empty()).collect();
        for text in [&failure.message, &failure.remedy].into_iter().chain(foreign.flatten()) {
            assert!(!text.chars().any(char::is_control), "not one safe line: {text:?}");
            assert!(!secrets.iter().any(|secret| text.contains(*secret)), "a secret: {text}");
        }
    }
}

#[track_caller]
fn takes_nothing_more(mut session: Session) {
    refuses(&mut session, replies());
}

/// Each of these is refused as one that does not fit.
#[track_caller]
fn refuses(session: &mut Session, replies: impl IntoIterator<Item = Reply>) {
    for reply in replies {
        match session.next(reply, 0) {
            Err(failure) if failure.code == Code::UnexpectedReply => {}
            came => panic!("expected unexpected-reply; came {}", describe(&came)),
        }
    }
}
