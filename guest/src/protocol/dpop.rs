//! Proofs of possession (RFC 9449): a token that is bound to a key is worth nothing without
//! it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::contract::{
    Context, DpopKey, EpochMs, Exchange, Failure, Method, ProvenRequest, Purpose, Response,
};
use crate::protocol::assertion::{BACKDATED_S, algorithm_name, signing_input};
use crate::protocol::challenge::{Demanded, fields};
use crate::protocol::entropy::Entropy;
use crate::protocol::request::find_header;

/// The header of a proof, and the token type of a bound token.
pub(crate) const DPOP: &str = "DPoP";

/// The header in which a server names the nonce of the next proof (RFC 9449 §8).
const NONCE: &str = "dpop-nonce";

const USE_NONCE: &str = "use_dpop_nonce";

/// What a proof says (RFC 9449 §4.2).
pub(crate) struct Proof<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    /// The token that goes with it. `None` if the request asks for one.
    pub(crate) access_token: Option<&'a str>,
    pub(crate) nonce: Option<&'a str>,
    /// Different for each request.
    pub(crate) jti: String,
    pub(crate) now_ms: EpochMs,
}

impl Proof<'_> {
    /// Returns what is to be signed. Fails with `invalid-configuration` if the key is not a
    /// JSON Web Key, or the URL not a URL.
    pub(crate) fn signing_input(&self, key: &DpopKey) -> Result<String, Failure> {
        let jwk = serde_json::from_str::<Value>(&key.jwk).ok().filter(Value::is_object);
        let jwk = jwk.ok_or_else(|| {
            Failure::configuration("the DPoP key is not a JSON Web Key", "correct the key")
        })?;
        let mut url = Url::parse(self.url).map_err(|_| {
            Failure::configuration("the URL of the request cannot be read", "correct the URL")
        })?;
        url.set_query(None);
        url.set_fragment(None);
        let header = json!({ "alg": algorithm_name(key.algorithm), "jwk": jwk, "typ": "dpop+jwt" });
        let mut claims = json!({
            "htm": self.method,
            "htu": url.as_str(),
            "iat": (self.now_ms / 1000).saturating_sub(BACKDATED_S),
            "jti": self.jti,
        });
        if let Some(token) = self.access_token {
            claims["ath"] = URL_SAFE_NO_PAD.encode(Sha256::digest(token)).into();
        }
        if let Some(nonce) = self.nonce {
            claims["nonce"] = nonce.into();
        }
        Ok(signing_input(&header, &claims))
    }
}

/// Returns what to sign for a request to an API (RFC 9449 §7).
pub(crate) fn proof_input(
    key: &DpopKey,
    request: &ProvenRequest,
    context: Context,
) -> Result<String, Failure> {
    let proof = Proof {
        method: &request.method,
        url: &request.url,
        access_token: Some(&request.access_token),
        nonce: request.nonce.as_deref(),
        jti: Entropy::new(context.entropy)?.secret("jti"),
        now_ms: context.now_ms,
    };
    proof.signing_input(key)
}

/// Returns the thumbprint of a public key (RFC 7638), which binds an authorization code to it
/// (RFC 9449 §10).
pub(crate) fn thumbprint(key: &DpopKey) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(&key.jwk))
}

/// Whether a request to the provider carries a proof: those that get a token, and those with
/// one.
pub(crate) fn is_proven(purpose: Purpose) -> bool {
    matches!(
        purpose,
        Purpose::Token | Purpose::Poll | Purpose::PushedAuthorization | Purpose::Userinfo
    )
}

pub(crate) fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Delete => "DELETE",
    }
}

/// Returns the token in a request, if it has a bound one.
pub(crate) fn bound_token(exchange: &Exchange) -> Option<&str> {
    find_header(&exchange.request.headers, "authorization")?.strip_prefix("DPoP ")
}

/// Returns the nonce for the next proof, if the response names one.
pub(crate) fn nonce(response: &Response) -> Option<&str> {
    find_header(&response.headers, NONCE).filter(|nonce| !nonce.is_empty())
}

/// Whether the request was refused for its nonce alone (RFC 9449 §8, §9).
pub(crate) fn asks_for_nonce(response: &Response) -> bool {
    let is_refused = matches!(response.status, 400 | 401) && nonce(response).is_some();
    let named = || {
        let body: Option<Value> = serde_json::from_slice(&response.body).ok();
        body.is_some_and(|body| body["error"] == USE_NONCE)
    };
    let challenged = || {
        let demanded = Demanded::of_fields(fields(&response.headers));
        demanded.is_some_and(|demanded| demanded.error.as_deref() == Some(USE_NONCE))
    };
    is_refused && (named() || challenged())
}
