//! The real loop, with every part of it scripted from a file of the kit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latchstring::capability::http::{Http, Limits, Trouble};
use latchstring::capability::loopback::{Listener, Loopback, PendingPage, Redirect, Visit};
use latchstring::capability::surroundings::Surroundings;
use latchstring::pages::Pages;
use latchstring::{Demand, Error, Latch, LatchBuilder, LoginFlow, Recorder};
use latchstring_core::contract::{
    Endpoints, Examination, Facts, Header, Hexclave, HexclaveHeaders, Request, Response, Tokens,
};
use serde_json::Value;

use super::cast::{Answered, Fixed, Shelf, User, Virtual};

/// What a file of the kit says.
pub(crate) struct Script {
    function: String,
    parameters: Value,
    replies: Vec<Value>,
}

impl Script {
    /// None where no loop would do what the file shows.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(text).expect("JSON");
        let steps = document["steps"].as_array().expect("steps");
        if steps.iter().any(|step| step["failure"]["code"] == "unexpected-reply") {
            return None;
        }
        let opened = document["open"].as_object().expect("an object");
        let (function, parameters) = opened.iter().next().expect("an opening");
        Some(Self {
            function: function.clone(),
            parameters: parameters.clone(),
            replies: steps.iter().map(|step| step["reply"].clone()).collect(),
        })
    }

    /// Runs the loop; how it ends is in the recording.
    pub(crate) fn run(&self) -> Recorder {
        let recorder = Recorder::new();
        let latch = self.latch(recorder.clone());
        in_no_time(async {
            match self.function.as_str() {
                "login" => drop(latch.login().await),
                "token" => drop(latch.token_for(demand(&self.parameters["demand"])).await),
                "logout" => drop(latch.logout().await),
                "adopt" => drop(latch.adopt(&tokens(&self.parameters["tokens"])).await),
                function => panic!("the contract has no {function}"),
            }
        });
        recorder
    }

    fn latch(&self, recorder: Recorder) -> Latch {
        let request = &self.parameters["request"];
        let clock = Virtual::at(number(&self.parameters["context"]["now-ms"]));
        let clock = match self.told("timed-out").is_empty() {
            true => clock,
            false => clock.deserted(),
        };
        let pasted = self.told("pasted").pop().map(|text| string(&text));
        let mut builder = client(&self.parameters["client"])
            .redirect_ports(request["redirect-uri"].as_str().map(port))
            .open_browser(false)
            .draw_qr(false)
            .store(self.shelf())
            .http(Wire(Mutex::new(self.answers())))
            .loopback(self.listener())
            .surroundings(Machine(facts(&request["facts"])))
            .terminal(User::who(move |_| pasted.clone()))
            .clock(clock)
            .entropy(Fixed)
            .record(recorder);
        if let Some(name) = request["flow"].as_str() {
            builder = builder.flow(flow(name));
        }
        builder.build().expect("good settings")
    }

    /// The payloads of every reply of this name.
    fn told(&self, name: &str) -> Vec<Value> {
        let payload = |reply: &Value| match reply {
            Value::String(found) if found == name => Some(Value::Null),
            reply => reply.get(name).cloned(),
        };
        self.replies.iter().filter_map(payload).collect()
    }

    fn shelf(&self) -> Shelf {
        let shelf = Shelf::default();
        *shelf.bytes.lock().expect("no panic") = sealed(&self.parameters["stored"]);
        let locked = self.told("locked").into_iter().next();
        *shelf.at_lock.lock().expect("no panic") = locked.and_then(|stored| sealed(&stored));
        let registration = self.told("registration").into_iter().next();
        *shelf.registration.lock().expect("no panic") =
            registration.and_then(|stored| sealed(&stored));
        shelf
    }

    fn answers(&self) -> VecDeque<Answered> {
        self.replies.iter().filter_map(answered).collect()
    }

    fn listener(&self) -> Redirects {
        let targets = self.told("redirected").iter().map(string).collect();
        let uri = self.parameters["request"]["redirect-uri"].as_str().unwrap_or_default();
        Redirects { uri: uri.to_owned(), targets: Arc::new(Mutex::new(targets)) }
    }
}

/// Waits of the runtime's own end at once.
fn in_no_time(future: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(future);
}

/// As the native host keeps a session: one line of its own before it.
fn sealed(stored: &Value) -> Option<Vec<u8>> {
    let session = bytes(stored)?;
    let line = format!(r#"{{"latchstring":1,"origins":[],"bytes":{}}}"#, session.len());
    Some([line.as_bytes(), b"\n", &session].concat())
}

/// None of what is no bytes.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    match (value["text"].as_str(), value["base64"].as_str()) {
        (Some(text), _) => Some(text.as_bytes().to_vec()),
        (None, Some(text)) => Some(STANDARD.decode(text).expect("base64")),
        (None, None) => None,
    }
}

fn answered(reply: &Value) -> Option<Answered> {
    let answered = reply.get("answered")?;
    if let Some(response) = answered.get("ok") {
        let headers = response["headers"].as_array().expect("headers").iter();
        let header = |header: &Value| Header {
            name: string(&header["name"]),
            value: string(&header["value"]),
        };
        return Some(Ok(Response {
            status: u16::try_from(number(&response["status"])).expect("a status"),
            headers: headers.map(header).collect(),
            body: bytes(&response["body"]).expect("a body"),
        }));
    }
    // A request that the policy denies is not sent.
    let unreachable = answered["error"].get("unreachable")?;
    let sent = unreachable["sent"].as_bool().expect("true or false");
    Some(Err(Trouble::Unreachable { reason: string(&unreachable["reason"]), sent }))
}

struct Wire(Mutex<VecDeque<Answered>>);

#[async_trait]
impl Http for Wire {
    async fn send(&self, _: Request, _: Limits) -> Answered {
        self.0.lock().expect("no panic").pop_front().expect("an answer for every request")
    }
}

/// A listener that the recorded redirects come to.
struct Redirects {
    uri: String,
    targets: Arc<Mutex<VecDeque<String>>>,
}

#[async_trait]
impl Loopback for Redirects {
    async fn bind(&self, _: &Redirect, _: &Pages) -> Result<Box<dyn Listener>, Error> {
        let (uri, targets) = (self.uri.clone(), Arc::clone(&self.targets));
        Ok(Box::new(Self { uri, targets }))
    }
}

#[async_trait]
impl Listener for Redirects {
    fn redirect_uri(&self) -> &str {
        &self.uri
    }

    async fn visit(&mut self) -> Visit {
        let target = self.targets.lock().expect("no panic").pop_front();
        let Some(target) = target else { return std::future::pending().await };
        let (answer, page) = PendingPage::pair(Pages::default());
        // Whoever has the page ends the connection.
        drop(page);
        Visit::new(target, "", answer)
    }
}

struct Machine(Facts);

impl Surroundings for Machine {
    fn facts(&self) -> Facts {
        self.0
    }
}

fn client(client: &Value) -> LatchBuilder {
    let mut builder = match (client["resource-url"].as_str(), client["issuer"].as_str()) {
        (Some(url), _) => Latch::for_resource(url),
        (None, Some(issuer)) => Latch::builder(issuer, string(&client["client-id"])),
        (None, None) => Latch::builder_without_issuer(string(&client["client-id"])),
    };
    builder = builder
        .discover(client["discover"] == true)
        .https_issuer(client["https-issuer"] == true)
        .scopes(strings(&client["scopes"]))
        .resources(strings(&client["resources"]))
        .endpoints(endpoints(&client["endpoints"]))
        .assumed_endpoints(endpoints(&client["assumed-endpoints"]));
    if let Some(secret) = client["client-secret"].as_str() {
        builder = builder.client_secret(secret);
    }
    let hexclave = &client["protocol"]["hexclave"];
    if let Some(app_url) = hexclave["app-url"].as_str() {
        builder = builder.hexclave(Hexclave {
            app_url: app_url.to_owned(),
            publishable_client_key: optional(&hexclave["publishable-client-key"]),
            headers: match string(&hexclave["headers"]).as_str() {
                "stack" => HexclaveHeaders::Stack,
                _ => HexclaveHeaders::Hexclave,
            },
        });
    }
    builder
}

fn endpoints(endpoints: &Value) -> Endpoints {
    let at = |name: &str| optional(&endpoints[name]);
    Endpoints {
        authorization: at("authorization"),
        token: at("token"),
        userinfo: at("userinfo"),
        revocation: at("revocation"),
        device_authorization: at("device-authorization"),
        jwks: at("jwks"),
        end_session: at("end-session"),
        introspection: at("introspection"),
        tokeninfo: at("tokeninfo"),
    }
}

fn facts(facts: &Value) -> Facts {
    let is = |name: &str| facts[name] == true;
    Facts {
        terminal: is("terminal"),
        unattended: is("unattended"),
        browser_command: is("browser-command"),
        shows_address: is("shows-address"),
        display: is("display"),
        remote_shell: is("remote-shell"),
        windows_interop: is("windows-interop"),
        container: is("container"),
        editor_terminal: is("editor-terminal"),
        offers_device: facts["offers-device"].as_bool(),
    }
}

fn demand(demand: &Value) -> Demand {
    let examination = demand["examination"].as_str().map(|name| match name {
        "userinfo" => Examination::Userinfo,
        "verification" => Examination::Verification,
        "introspection" => Examination::Introspection,
        "tokeninfo" => Examination::Tokeninfo,
        name => panic!("the contract has no {name}"),
    });
    Demand {
        min_ttl_ms: number(&demand["min-ttl-ms"]),
        force_refresh: demand["force-refresh"] == true,
        examination,
        challenge: optional(&demand["challenge"]),
    }
}

fn tokens(tokens: &Value) -> Tokens {
    Tokens {
        access_token: optional(&tokens["access-token"]),
        refresh_token: optional(&tokens["refresh-token"]),
        expires_at_ms: tokens["expires-at-ms"].as_u64(),
        scopes: tokens["scopes"].is_array().then(|| strings(&tokens["scopes"])),
    }
}

fn flow(name: &str) -> LoginFlow {
    match name {
        "browser" => LoginFlow::Browser,
        "paste" => LoginFlow::Paste,
        "device" => LoginFlow::Device,
        name => panic!("the contract has no {name}"),
    }
}

fn port(redirect_uri: &str) -> u16 {
    let url = url::Url::parse(redirect_uri).expect("a URL");
    url.port().expect("a port")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn string(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn optional(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(string).collect()
}
