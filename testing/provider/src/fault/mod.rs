//! Faults that a test can inject.
//!
//! A fault changes a response on its way out: it replaces the endpoint's response, or
//! rewrites it. The functions below create the variants; those that tests need most are
//! in `named`.

use serde_json::{Map, Value, json};
use url::Url;

use crate::answer::{Answer, Body};
use crate::id_token::IdToken;
use crate::keys::Keys;
use crate::metadata;

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
    paths: Vec<String>,
    left: Option<usize>,
    act: Act,
}

enum Act {
    Instead(Answer),
    Rewrite(Rewrite),
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
        Self::new(&[path], Act::Instead(answer))
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
        Self::rewriting(&[path], move |answer, _| {
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
        Self::object(&[path], name, value)
    }

    /// Sets a member of the metadata, at both of its paths (RFC 8414 §2).
    pub fn metadata(name: &str, value: Value) -> Self {
        Self::object(&metadata::PATHS, name, value)
    }

    /// Sets a claim of the ID token, which is signed again.
    pub fn claim(name: &str, value: Value) -> Self {
        let name = name.to_owned();
        Self::id_token(move |token| set(&mut token.claims, &name, &value))
    }

    /// Sets a member of the ID token's header (RFC 7515 §4). The token is signed again by
    /// `alg`: with `ES256`, with `HS256` and the public key as secret, or not at all for
    /// any other.
    pub fn jose_header(name: &str, value: Value) -> Self {
        let name = name.to_owned();
        Self::id_token(move |token| set(&mut token.header, &name, &value))
    }

    /// Sets a parameter of the authorization response, such as `state`, `iss` or `code`.
    /// `None` removes it.
    pub fn redirect(name: &str, value: Option<&str>) -> Self {
        let (name, value) = (name.to_owned(), value.map(str::to_owned));
        Self::rewriting(&["/authorize"], move |answer, _| {
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
    /// and is for this path.
    pub(crate) fn instead_of(&mut self, path: &str) -> Option<Answer> {
        if !self.concerns(path) {
            return None;
        }
        let Act::Instead(answer) = &self.act else {
            return None;
        };
        let answer = answer.clone();
        self.count();
        Some(answer)
    }

    /// Changes a response on its way out, if this fault is of that kind and is for this
    /// path.
    pub(crate) fn apply(&mut self, path: &str, answer: &mut Answer, keys: &Keys) {
        if !self.concerns(path) {
            return;
        }
        if let Act::Rewrite(rewrite) = &self.act
            && rewrite(answer, keys)
        {
            self.count();
        }
    }

    fn concerns(&self, path: &str) -> bool {
        self.left != Some(0) && self.paths.iter().any(|known| known == path)
    }

    fn count(&mut self) {
        self.left = self.left.map(|left| left.saturating_sub(1));
    }

    fn new(paths: &[&str], act: Act) -> Self {
        Self { paths: paths.iter().map(|path| (*path).to_owned()).collect(), left: None, act }
    }

    fn rewriting(
        paths: &[&str],
        rewrite: impl Fn(&mut Answer, &Keys) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::new(paths, Act::Rewrite(Box::new(rewrite)))
    }

    /// Rewrites the JSON object of a successful response. `change` returns `None` if the
    /// object does not fit.
    fn json(
        paths: &[&str],
        change: impl Fn(&mut Map<String, Value>, &Keys) -> Option<()> + Send + Sync + 'static,
    ) -> Self {
        Self::rewriting(paths, move |answer, keys| {
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

    fn object(paths: &[&str], name: &str, value: Value) -> Self {
        let name = name.to_owned();
        Self::json(paths, move |object, _| {
            set(object, &name, &value);
            Some(())
        })
    }

    fn id_token(change: impl Fn(&mut IdToken) + Send + Sync + 'static) -> Self {
        Self::json(&["/token"], move |response, keys| {
            let id_token = response.get_mut("id_token")?;
            let mut token = IdToken::parse(id_token.as_str()?)?;
            change(&mut token);
            *id_token = json!(keys.sign(&token));
            Some(())
        })
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
