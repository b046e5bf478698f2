//! Named faults that tests need most.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Act, Fault, Place};
use crate::answer::Answer;
use crate::endpoint::Endpoint;
use crate::jwt::at_hash;
use crate::misbehaviour::Misbehaviour;

/// A description in which RFC 6749 §5.2 allows no part.
const DESCRIPTION: &str = "<script>alert(1)</script><img src=x onerror=alert(1)> \u{1b}[2J\u{1b}]0;owned\u{7}\r\nlatch: logged in";

impl Fault {
    /// Metadata of another issuer (RFC 8414 §3.3).
    pub fn other_issuer() -> Self {
        Self::metadata("issuer", json!("https://other.example"))
    }

    /// Metadata without this endpoint, such as `token_endpoint`.
    pub fn missing_endpoint(name: &str) -> Self {
        Self::metadata(name, Value::Null)
    }

    /// Metadata in which this endpoint uses plain http over the Internet.
    pub fn plain_http_endpoint(name: &str) -> Self {
        Self::metadata(name, json!("http://login.example.com/endpoint"))
    }

    /// An ID token of another login (OpenID Connect Core §3.1.3.7, item 11).
    pub fn wrong_nonce() -> Self {
        Self::claim("nonce", json!("the nonce of another login"))
    }

    /// An ID token for another client (item 3).
    pub fn wrong_audience() -> Self {
        Self::claim("aud", json!("another-client"))
    }

    /// An ID token that expired in 1970 (item 9).
    pub fn expired_id_token() -> Self {
        Self::claim("exp", json!(1))
    }

    /// An ID token with the algorithm `none` (RFC 8725 §2.1).
    pub fn alg_none() -> Self {
        Self::jose_header("alg", json!("none"))
    }

    /// An ID token signed with the public key as secret (RFC 8725 §2.1).
    pub fn hs256_with_public_key() -> Self {
        Self::jose_header("alg", json!("HS256"))
    }

    /// An ID token with an invalid signature. Add this fault last, because other faults
    /// sign the token again.
    pub fn tampered_signature() -> Self {
        Self::json(Place::Endpoint(Endpoint::Token), |response, _| {
            let id_token = response.get_mut("id_token")?;
            let (input, signature) = id_token.as_str()?.rsplit_once('.')?;
            let mut signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
            *signature.first_mut()? ^= 1;
            *id_token = json!(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)));
            Some(())
        })
    }

    /// A key set without the current key, as a cache would serve it after
    /// [`Provider::rotate_keys`](crate::Provider::rotate_keys). With `times(1)`, the
    /// second request finds the key.
    pub fn stale_keys() -> Self {
        Self::json(Place::Endpoint(Endpoint::Jwks), |set, keys| {
            let listed = set.get_mut("keys")?.as_array_mut()?;
            listed.retain(|key| key["kid"].as_str() != keys.current_kid());
            Some(())
        })
    }

    /// Claims about another user (OpenID Connect Core §5.3.2).
    pub fn other_userinfo_subject() -> Self {
        Self::object(Place::Endpoint(Endpoint::Userinfo), "sub", json!("somebody else"))
    }

    /// A token error whose description contains markup, terminal escapes and a second
    /// line (RFC 6749 §5.2 allows none of them).
    pub fn hostile_token_error() -> Self {
        let error = Answer::error(400, "invalid_grant", DESCRIPTION);
        Self::new(Place::Endpoint(Endpoint::Token), Act::Instead(error))
    }

    /// An authorization response with the description of [`Self::hostile_token_error`].
    pub fn hostile_redirect() -> Self {
        Self::redirect("error_description", Some(DESCRIPTION))
    }

    /// The fault of a name. `None` if it happens once, to what was granted before.
    pub(crate) fn named(misbehaviour: Misbehaviour) -> Option<Self> {
        let down = |place| {
            let error = Answer::json(503, &json!({ "error": "temporarily_unavailable" }));
            Self::new(place, Act::Instead(error.not_stored()))
        };
        Some(match misbehaviour {
            Misbehaviour::ExpireAccess | Misbehaviour::RevokeSession => return None,
            Misbehaviour::UserinfoDown => down(Place::Protected),
            Misbehaviour::Down => down(Place::Everywhere),
            Misbehaviour::NoStateEcho => Self::redirect("state", None),
            Misbehaviour::WrongNonce => Self::wrong_nonce(),
            Misbehaviour::BadAtHash => {
                Self::claim("at_hash", json!(at_hash("another access token")))
            }
            within @ (Misbehaviour::CodeExpired
            | Misbehaviour::PollUsed
            | Misbehaviour::PollExpired
            | Misbehaviour::OmitRefreshToken) => Self::new(Place::Everywhere, Act::Within(within)),
        })
    }
}
