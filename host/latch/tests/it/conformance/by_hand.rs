//! What no host should do, and what a session makes of it: stepped by hand.

use latchstring::Recorder;
use latchstring_core::contract::{
    Client, Context, Demand, Facts, LoginFlow, LoginRequest, NoResponse, Reply, Unreachable,
};
use latchstring_sandbox::{Instance, Sandbox, Session};

use super::cast::{BEGINNING_MS, CALLBACK_PORT, Desktop, Fixed, PROVIDER_PORT};
use super::scenes::Scene;
use latchstring::capability::entropy::Entropy as _;
use latchstring::capability::surroundings::Surroundings as _;

pub(crate) const SCENES: [Scene; 2] = [
    ("replies-that-do-not-fit", replies_that_do_not_fit),
    ("replies-after-the-end", replies_after_the_end),
];

struct Hand {
    instance: Instance,
    recorder: Recorder,
}

impl Hand {
    fn new() -> Self {
        let mut instance =
            Sandbox::load().expect("a component").instantiate().expect("an instance");
        let recorder = Recorder::new();
        instance.record(recorder.clone());
        Self { instance, recorder }
    }

    /// What is answered is in the recording.
    fn tell(&mut self, session: &Session, replies: &[Reply]) {
        for reply in replies {
            let _ = self.instance.next(session, reply, BEGINNING_MS);
        }
    }
}

fn client() -> Client {
    let issuer = format!("http://127.0.0.1:{PROVIDER_PORT}");
    Client { scopes: vec!["openid".to_owned()], ..Client::new(Some(issuer), "demo".to_owned()) }
}

fn context() -> Context {
    let entropy = Fixed.draw().expect("entropy").to_vec();
    Context { now_ms: BEGINNING_MS, entropy }
}

fn request() -> LoginRequest {
    LoginRequest {
        flow: Some(LoginFlow::Browser),
        facts: Facts { shows_address: true, ..Desktop.facts() },
        redirect_uri: format!("http://127.0.0.1:{CALLBACK_PORT}/callback"),
        patience_ms: None,
        anonymous_refresh_token: None,
        challenge: None,
        accepted_issuer_host: None,
        register: false,
        initial_access_token: None,
    }
}

/// One that comes too early ends the session; from then on, none fits.
fn replies_that_do_not_fit() -> Recorder {
    let mut hand = Hand::new();
    let opened = hand.instance.login(&client(), None, &request(), &context());
    let session = opened.expect("a session");
    let early = Reply::Redirected("/callback".to_owned());
    let replies = [Reply::Begin, Reply::Probed, early, too_large(), Reply::Begin];
    hand.tell(&session, &replies);
    hand.recorder
}

/// A session that has failed stays so.
fn replies_after_the_end() -> Recorder {
    let mut hand = Hand::new();
    let demand = Demand::default();
    let session = hand.instance.token(&client(), None, &demand, &context()).expect("a session");
    let reason = "cannot reach the provider: connection refused".to_owned();
    let unreachable = NoResponse::Unreachable(Unreachable { reason, sent: false });
    let unreachable = Reply::Answered(Err(unreachable));
    hand.tell(&session, &[Reply::Begin, Reply::Begin, unreachable, Reply::Cancelled]);
    hand.recorder
}

fn too_large() -> Reply {
    Reply::Answered(Err(NoResponse::TooLarge(1 << 20)))
}
