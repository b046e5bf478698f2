//! Faults that a test can inject.
//!
//! A fault changes a response on its way out: it replaces the endpoint's response, or
//! rewrites it. A few cannot be seen in one response: those an endpoint looks up itself.
//! The functions below create the variants; those that tests need most are in `named`.

use serde_json::{Map, Value, json};
use url::Url;

use crate::answer::{Answer, Body};
use crate::endpoint::Endpoint;
use crate::jwt::Jwt;
use crate::keys::Keys;
use crate::misbehaviour::Misbehaviour;

mod named;

/// A fault, which lasts until [`Provider::behave`] or for a number of responses.
///
/// Faults add up: the first one that replaces the endpoint's response wins, and the
/// others rewrite the result, in the order they were given.
///
/// A member, claim or parameter set to [`Value::Null`] is removed.
///
/// [`Provider::behave`]: crate::Provider::behave
pub struct Fault {
    place: Place,
    left: Option<usize>,
    act: Act,
}

enum Act {
    Instead(Answer),
    Rewrite(Rewrite),
    /// The endpoint looks it up.
    Within(Misbehaviour),
}

/// The requests that a fault concerns.
enum Place {
    Path(String),
    Endpoint(Endpoint),
    /// All that take an access token.
    Protected,
    Everywhere,
}

/// What a request arrived at.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) path: &'a str,
    /// `None`: a path that the dialect does not have, or has alone.
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) is_protected: bool,
}

/// The present faults, in the order they were given.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether an endpoint has to go wrong in this way.
    pub(crate) fn has(&self, misbehaviour: Misbehaviour) -> bool {
        let is_it = |act: &Act| matches!(act, Act::Within(within) if *within == misbehaviour);
        self.0.iter().any(|fault| is_it(&fault.act))
    }

    /// Returns what replaces the endpoint's response, if a fault does.
    pub(crate) fn instead(&mut self, target: Target<'_>) -> Option<Answer> {
        self.0.iter_mut().find_map(|fault| fault.instead_of(target))
    }

    /// Changes a response on its way out.
    pub(crate) fn apply(&mut self, target: Target<'_>, answer: &mut Answer, keys: &Keys) {
        for fault in &mut self.0 {
            fault.apply(target, answer, keys);
        }
    }
}

/// A change of a response. Returns whether there was anything to change; only that counts
/// as one time.
type Rewrite = Box<dyn Fn(&mut Answer, &Keys) -> bool + Send + Sync>;

impl Fault {
    /// Limits the fault to this many responses.
    pub fn times(mut self, times: usize) -> Self {
        self.left = Some(times);
        self
    }

    // ---- Faults that replace the response: the endpoint gets no request -----------

    /// Replaces the endpoint's response.
    pub fn instead(path: &str, answer: Answer) -> Self {
        Self::new(Place::path(path), Act::Instead(answer))
    }

    /// Replaces the endpoint's response by this status, content type and body.
    pub fn answer(path: &str, status: u16, content_type: &str, body: &str) -> Self {
        Self::instead(path, Answer::new(status, content_type, body))
    }

    /// Replaces the endpoint's response by this many bytes of JSON without an end.
    pub fn flood(path: &str, bytes: u64) -> Self {
        let flood = Answer::json(200, &Value::Null);
        Self::instead(path, with_body(flood, Body::Flood(bytes)))
    }

    /// Closes the connection before the endpoint gets the request.
    pub fn hang_up(path: &str) -> Self {
        let nothing = Answer::new(200, "text/plain", "");
        Self::instead(path, with_body(nothing, Body::HangUp))
    }

    /// Keeps the connection open without a response.
    pub fn silence(path: &str) -> Self {
        let nothing = Answer::new(200, "text/plain", "");
        Self::instead(path, with_body(nothing, Body::Silence))
    }

    // ---- Faults that change the endpoint's response ------------------------------

    /// Changes the endpoint's response in any way.
    pub fn rewrite(path: &str, change: impl Fn(&mut Answer) + Send + Sync + 'static) -> Self {
        Self::rewriting(Place::path(path), move |answer, _| {
            change(answer);
            true
        })
    }

    /// Drops the endpoint's response, such as a rotated refresh token that never arrives.
    pub fn lose_answer(path: &str) -> Self {
        Self::rewrite(path, |answer| answer.body = Body::HangUp)
    }

    /// Sets a member of the JSON object that a path returns with status 200.
    pub fn member(path: &str, name: &str, value: Value) -> Self {
        Self::object(Place::path(path), name, value)
    }

    /// Sets a member of the metadata (RFC 8414 §2).
    pub fn metadata(name: &str, value: Value) -> Self {
        Self::object(Place::Endpoint(Endpoint::Metadata), name, value)
    }

    /// Sets a claim of the ID token, which is signed again.
    pub fn claim(name: &str, value: Value) -> Self {
        let name = name.to_owned();
        Self::id_token(move |token| set(&mut token.claims, &name, &value))
    }

    /// Sets a member of the ID token's header (RFC 7515 §4). The token is signed again by
    /// `alg`: with the key's own algorithm, with `HS256` and the public key as secret, or
    /// not at all for any other.
    pub fn jose_header(name: &str, value: Value) -> Self {
        let name = name.to_owned();
        Self::id_token(move |token| set(&mut token.header, &name, &value))
    }

    /// Sets a parameter of the authorization response, such as `state`, `iss` or `code`.
    /// `None` removes it.
    pub fn redirect(name: &str, value: Option<&str>) -> Self {
        let (name, value) = (name.to_owned(), value.map(str::to_owned));
        Self::rewriting(Place::Endpoint(Endpoint::Authorization), move |answer, _| {
            let mut headers = answer.headers.iter_mut();
            let Some((_, location)) = headers.find(|(name, _)| name == "location") else {
                return false;
            };
            let Ok(mut url) = Url::parse(location) else {
                return false;
            };
            let pairs = url.query_pairs().into_owned();
            let mut pairs: Vec<_> = pairs.filter(|(known, _)| *known != name).collect();
            pairs.extend(value.clone().map(|value| (name.clone(), value)));
            url.query_pairs_mut().clear().extend_pairs(pairs);
            *location = url.into();
            true
        })
    }

    // ---- Application of faults ---------------------------------------------------

    /// Returns the replacement for the endpoint's response, if this fault is of that kind
    /// and concerns the request.
    fn instead_of(&mut self, target: Target<'_>) -> Option<Answer> {
        if !self.concerns(target) {
            return None;
        }
        let Act::Instead(answer) = &self.act else {
            return None;
        };
        let answer = answer.clone();
        self.count();
        Some(answer)
    }

    /// Changes a response on its way out, if this fault is of that kind and concerns the
    /// request.
    fn apply(&mut self, target: Target<'_>, answer: &mut Answer, keys: &Keys) {
        if !self.concerns(target) {
            return;
        }
        if let Act::Rewrite(rewrite) = &self.act
            && rewrite(answer, keys)
        {
            self.count();
        }
    }

    fn concerns(&self, target: Target<'_>) -> bool {
        let is_there = match &self.place {
            Place::Path(path) => path == target.path,
            Place::Endpoint(endpoint) => target.endpoint == Some(*endpoint),
            Place::Protected => target.is_protected,
            Place::Everywhere => true,
        };
        self.left != Some(0) && is_there
    }

    fn count(&mut self) {
        self.left = self.left.map(|left| left.saturating_sub(1));
    }

    fn new(place: Place, act: Act) -> Self {
        Self { place, left: None, act }
    }

    fn rewriting(
        place: Place,
        rewrite: impl Fn(&mut Answer, &Keys) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::new(place, Act::Rewrite(Box::new(rewrite)))
    }

    /// Rewrites the JSON object of a successful response. `change` returns `None` if the
    /// object does not fit.
    fn json(
        place: Place,
        change: impl Fn(&mut Map<String, Value>, &Keys) -> Option<()> + Send + Sync + 'static,
    ) -> Self {
        Self::rewriting(place, move |answer, keys| {
            let Body::Bytes(bytes) = &mut answer.body else {
                return false;
            };
            let Ok(mut object) = serde_json::from_slice(bytes) else {
                return false;
            };
            if answer.status != 200 || change(&mut object, keys).is_none() {
                return false;
            }
            *bytes = Value::Object(object).to_string().into();
            true
        })
    }

    fn object(place: Place, name: &str, value: Value) -> Self {
        let name = name.to_owned();
        Self::json(place, move |object, _| {
            set(object, &name, &value);
            Some(())
        })
    }

    fn id_token(change: impl Fn(&mut Jwt) + Send + Sync + 'static) -> Self {
        Self::json(Place::Endpoint(Endpoint::Token), move |response, keys| {
            let id_token = response.get_mut("id_token")?;
            let mut token = Jwt::parse(id_token.as_str()?)?;
            change(&mut token);
            *id_token = json!(keys.sign(&token));
            Some(())
        })
    }
}

impl Place {
    fn path(path: &str) -> Self {
        Self::Path(path.to_owned())
    }
}

fn set(object: &mut Map<String, Value>, name: &str, value: &Value) {
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value.clone());
    }
}

fn with_body(answer: Answer, body: Body) -> Answer {
    Answer { body, ..answer }
}
