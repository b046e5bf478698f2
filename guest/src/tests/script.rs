//! A session as a script: each line is one action of the session and the host's reply.
//! The first line that does not match fails the test, with what was expected and what
//! came.
//!
//! Time is a number, which changes only if a line says so.

use super::known::Known;
use super::provider::{Answer, IdToken, status};
use super::replies::{describe, name, replies};
use super::seen::{Sent, Shown};
use crate::contract::{
    Action, AssertionPurpose, AssertionRequest, Code, EpochMs, Failure, Grant, LoginFlow,
    LogoutReport, NoResponse, Outcome, Purpose, Reply, Response,
};
use crate::protocol::request::header;
use crate::session::Session;

/// A session under test, and the last action that it returned.
pub(super) struct Script {
    session: Session,
    pub(super) last: Result<Action, Failure>,
    pub(super) known: Known,
    pub(super) saved: Option<Vec<u8>>,
    /// What was saved last about the client's registration.
    pub(super) registration: Option<Vec<u8>>,
}

impl Script {
    pub(super) fn begin(session: Session, now_ms: EpochMs) -> Self {
        let known = Known::at(now_ms);
        // A placeholder: there is no action before `begin`.
        let last = Ok(Action::Lock);
        Self { session, last, known, saved: None, registration: None }.reply(Reply::Begin)
    }

    // ---- Replies from the provider -----------------------------------------------

    #[track_caller]
    pub(super) fn discovers(self, answer: impl Answer) -> Self {
        self.answers(Purpose::Metadata, answer)
    }

    /// The authorization code is redeemed.
    #[track_caller]
    pub(super) fn redeems(self, answer: impl Answer) -> Self {
        assert_eq!(self.sent().parameter("grant_type").as_deref(), Some("authorization_code"));
        self.answers(Purpose::Token, answer)
    }

    #[track_caller]
    pub(super) fn refreshes(self, answer: impl Answer) -> Self {
        assert_eq!(self.sent().parameter("grant_type").as_deref(), Some("refresh_token"));
        self.answers(Purpose::Token, answer)
    }

    /// The token request of a grant without a user.
    #[track_caller]
    pub(super) fn asks_token(self, answer: impl Answer) -> Self {
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

    /// Answers the device authorization request.
    /// The authorization request is pushed.
    #[track_caller]
    pub(super) fn pushes(self, answer: impl Answer) -> Self {
        self.answers(Purpose::PushedAuthorization, answer)
    }

    #[track_caller]
    pub(super) fn codes(self, answer: impl Answer) -> Self {
        self.answers(Purpose::DeviceAuthorization, answer)
    }

    /// Answers a poll, which was sent after a delay of `seconds`.
    #[track_caller]
    pub(super) fn polls_after(self, seconds: u64, answer: impl Answer) -> Self {
        let waited_ms = self.pause_ms();
        assert_eq!(waited_ms, seconds * 1000, "the poll came after {waited_ms} ms");
        self.answers(Purpose::Poll, answer)
    }

    /// Answers the introspection or tokeninfo request.
    #[track_caller]
    pub(super) fn introspects(self, answer: impl Answer) -> Self {
        self.answers(Purpose::Introspection, answer)
    }

    #[track_caller]
    pub(super) fn revokes(self, answer: impl Answer) -> Self {
        self.answers(Purpose::Revocation, answer)
    }

    /// Replies once. The same request may be sent again.
    #[track_caller]
    pub(super) fn stumbles(mut self, reply: Reply) -> Self {
        self.known.now_ms += self.exchange().wait_ms;
        self.reply(reply)
    }

    /// Replies, and repeats the reply while the same request is sent again.
    #[track_caller]
    fn answers(mut self, purpose: Purpose, answer: impl Answer) -> Self {
        let exchange = self.exchange();
        if exchange.purpose != purpose {
            self.expected(&format!("a request for {}", name(purpose)));
        }
        self.known.now_ms += exchange.wait_ms;
        self.known.read_request(&self.sent());
        let reply = answer.reply(&self.known);
        if let Reply::Answered(Ok(response)) = &reply {
            self.known.read_response(response);
        }
        let passing = purpose != Purpose::Poll
            && matches!(
                &reply,
                Reply::Answered(
                    Err(NoResponse::Unreachable(_)) | Ok(Response { status: 429.., .. })
                )
            );
        let mut script = self.reply(reply.clone());
        while passing && matches!(&script.last, Ok(Action::Exchange(again)) if again.wait_ms > 0) {
            script = script.stumbles(reply.clone());
        }
        script
    }

    // ---- Replies from the user ---------------------------------------------------

    /// The browser is redirected with this query. `{state}` stands for the state that was
    /// sent.
    #[track_caller]
    pub(super) fn redirects(self, query: &str) -> Self {
        self.visits(&format!("/callback?{query}"))
    }

    /// The browser requests this path and query from the listener.
    #[track_caller]
    pub(super) fn visits(self, target: &str) -> Self {
        self.shown();
        let target = target.replace("{state}", &self.known.state);
        self.reply(Reply::Redirected(target))
    }

    /// The browser is redirected with this signed response (JARM). It has the state that was
    /// sent, unless it has another.
    #[track_caller]
    pub(super) fn responds(self, response: IdToken) -> Self {
        let response = response.or_claim("state", self.known.state.as_str()).issue(&self.known, "");
        self.redirects(&format!("response={response}"))
    }

    /// The user pastes this text. `{state}` stands for the state that was sent.
    #[track_caller]
    pub(super) fn pastes(self, text: &str) -> Self {
        self.shown();
        let text = text.replace("{state}", &self.known.state);
        self.reply(Reply::Pasted(text))
    }

    /// Answers Hexclave's renewal request.
    #[track_caller]
    pub(super) fn renews(self, answer: impl Answer) -> Self {
        assert!(self.sent().url.ends_with("/sessions/current/refresh"), "{}", self.sent().url);
        self.answers(Purpose::Token, answer)
    }

    /// The page is shown.
    #[track_caller]
    pub(super) fn brings(self) -> Self {
        self.page();
        self.reply(Reply::Presented)
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

    /// The user chooses one of the flows offered.
    #[track_caller]
    pub(super) fn chooses(self, flow: LoginFlow) -> Self {
        match &self.last {
            Ok(Action::Offer(_) | Action::Authorize(_)) => self.reply(Reply::Chosen(flow)),
            _ => self.expected("an offer"),
        }
    }

    /// The user does not choose in time.
    #[track_caller]
    pub(super) fn declines(self) -> Self {
        self.offer();
        self.reply(Reply::TimedOut)
    }

    // ---- Replies from the store --------------------------------------------------

    /// The lock is taken, and this is stored now.
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

    /// A save or deletion is requested and fails.
    #[track_caller]
    pub(super) fn cannot_save(self) -> Self {
        match &self.last {
            Ok(Action::Save(_)) => self.reply(Reply::NotSaved("disk full".to_owned())),
            _ => self.expected("a save or deletion"),
        }
    }

    // ---- Proofs ------------------------------------------------------------------

    /// The host reads this assertion, for this use.
    #[track_caller]
    pub(super) fn reads(self, used: AssertionPurpose, assertion: &str) -> Self {
        match &self.last {
            Ok(Action::ReadAssertion(request)) if request.purpose == used => {
                self.reply(Reply::Assertion(assertion.to_owned()))
            }
            _ => self.expected("a look at an assertion"),
        }
    }

    /// What the host is told about the assertion that it is to read.
    #[track_caller]
    pub(super) fn assertion_request(&self) -> &AssertionRequest {
        match &self.last {
            Ok(Action::ReadAssertion(request)) => request,
            _ => self.expected("a look at an assertion"),
        }
    }

    /// The host signs, with this result.
    #[track_caller]
    pub(super) fn signs(self, signature: &[u8]) -> Self {
        match &self.last {
            Ok(Action::Sign(_)) => self.reply(Reply::Signed(signature.to_vec())),
            _ => self.expected("a signature"),
        }
    }

    /// The host decrypts a token, and finds this one in it.
    #[track_caller]
    pub(super) fn decrypts(self, token: IdToken) -> Self {
        let text = token.issue(&self.known, "");
        self.decrypts_text(&text)
    }

    /// The host decrypts a token, and finds this text in it.
    #[track_caller]
    pub(super) fn decrypts_text(self, text: &str) -> Self {
        match &self.last {
            Ok(Action::Decrypt(token)) if token.split('.').count() == 5 => {
                self.reply(Reply::Decrypted(text.to_owned()))
            }
            _ => self.expected("a decryption"),
        }
    }

    // ---- A resource, and the client's registration -------------------------------

    /// The resource refuses a request without a token, with this challenge.
    #[track_caller]
    pub(super) fn refuses(self, challenge: &str) -> Self {
        let headers = vec![header("WWW-Authenticate", challenge)];
        let response = Response { status: 401, headers, body: Vec::new() };
        self.answers(Purpose::Challenge, Reply::Answered(Ok(response)))
    }

    /// The resource lets a request without a token pass, or does not know it.
    #[track_caller]
    pub(super) fn passes_unrefused(self) -> Self {
        self.answers(Purpose::Challenge, status(405, ""))
    }

    /// The resource's metadata is fetched.
    #[track_caller]
    pub(super) fn describes(self, answer: impl Answer) -> Self {
        self.answers(Purpose::ResourceMetadata, answer)
    }

    /// This is known about the client's registration.
    #[track_caller]
    pub(super) fn knows(self, stored: Option<Vec<u8>>) -> Self {
        match &self.last {
            Ok(Action::ReadRegistration(_)) => self.reply(Reply::Registration(stored)),
            _ => self.expected("a look at the registration"),
        }
    }

    /// The user is told who will ask for the password, and whether that is asked.
    #[track_caller]
    pub(super) fn confirms(self, asked: bool) -> Self {
        match &self.last {
            Ok(Action::Confirm(confirmation)) if confirmation.asks == asked => {
                self.reply(Reply::Confirmed)
            }
            _ => self.expected(&format!("a confirmation with asks: {asked}")),
        }
    }

    /// The user does not consent.
    #[track_caller]
    pub(super) fn answers_consent(self, reply: Reply) -> Self {
        match &self.last {
            Ok(Action::Confirm(confirmation)) if confirmation.asks => self.reply(reply),
            _ => self.expected("a question"),
        }
    }

    /// The registration is locked, and this is stored now.
    #[track_caller]
    pub(super) fn locks_registration(self, stored: Option<Vec<u8>>) -> Self {
        match &self.last {
            Ok(Action::LockRegistration(_)) => self.reply(Reply::Registration(stored)),
            _ => self.expected("the lock of the registration"),
        }
    }

    #[track_caller]
    pub(super) fn registers(self, answer: impl Answer) -> Self {
        self.answers(Purpose::Registration, answer)
    }

    #[track_caller]
    pub(super) fn saves_registration(mut self) -> Self {
        match &self.last {
            Ok(Action::SaveRegistration(Some(bytes))) => {
                self.registration = Some(bytes.clone());
                self.reply(Reply::Saved)
            }
            _ => self.expected("a save of the registration"),
        }
    }

    #[track_caller]
    pub(super) fn answers_save(self, reply: Reply) -> Self {
        match &self.last {
            Ok(Action::SaveRegistration(Some(_))) => self.reply(reply),
            _ => self.expected("a save of the registration"),
        }
    }

    // ---- Time passes ---------------------------------------------------------

    pub(super) fn later(mut self, ms: u64) -> Self {
        self.known.now_ms += ms;
        self
    }

    // ---- Outcomes ----------------------------------------------------------------

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

    /// Checks that the session fails with this code, and that the texts are safe to show.
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

    /// Returns the session, to continue step by step.
    pub(super) fn position(self) -> (Session, Option<Action>) {
        (self.session, self.last.ok())
    }

    // ---- Steps -------------------------------------------------------------------

    /// Replies, after a probe if there is one. The probe always succeeds: a failed one is
    /// up to the host.
    fn reply(self, reply: Reply) -> Self {
        let script = self.reply_once(reply);
        match script.last {
            Ok(Action::Probe) => script.reply_once(Reply::Probed),
            _ => script,
        }
    }

    fn reply_once(mut self, reply: Reply) -> Self {
        self.last = self.session.next(reply, self.known.now_ms);
        // What the browser brings back was shown to the user, or pushed before.
        let sent = match &self.last {
            Ok(Action::Authorize(authorization)) => Some(Shown::read(authorization).query),
            Ok(Action::Exchange(exchange)) if exchange.purpose == Purpose::PushedAuthorization => {
                Some(Sent::read(exchange).form)
            }
            _ => None,
        };
        if let Some(sent) = sent.filter(|sent| sent.one("request_uri").is_none()) {
            self.known.state = sent.asked("state").unwrap_or_default();
            self.known.nonce = sent.asked("nonce");
        }
        self
    }

    #[track_caller]
    pub(super) fn expected(&self, what: &str) -> ! {
        panic!("expected {what}; came {}", describe(&self.last))
    }
}

/// Checks that the session has ended: no reply fits.
#[track_caller]
pub(super) fn takes_nothing_more(mut session: Session) {
    for reply in replies() {
        match session.next(reply, 0) {
            Err(failure)
                if failure.message.ends_with("; expected nothing more: this session has ended") => {
            }
            came => panic!("expected unexpected-reply; came {}", describe(&came)),
        }
    }
}
