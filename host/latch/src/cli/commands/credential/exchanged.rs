//! What another service gives for an ID token: fetched once, kept beside the session, and
//! encrypted like it.

use std::time::{Duration, SystemTime};

use latchstring::capability::clock::{Clock as _, SystemClock};
use latchstring::capability::http::{Http as _, Limits, SystemHttp, Trouble};
use latchstring::capability::store::{Key, Store};
use latchstring::contract::{Header, Method, Request, Response};
use latchstring::{Code, Error, describe, is_allowed, printable};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use super::helper::{Issued, Kind, Session, fingerprint, unix_seconds};
use crate::cli::equipment;

/// Limits of a request to the other service.
const TIMEOUT: Duration = Duration::from_secs(20);
const BODY_BYTES: u64 = 1 << 20;

/// What is kept. Holds a secret: has no `Debug`.
#[derive(Serialize, Deserialize)]
struct Kept<T> {
    /// The login that it belongs to: after another one, it counts as nothing.
    logged_in_at_ms: u64,
    expires_at: u64,
    given: T,
}

/// What a service has given, and when it expires.
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) expires_at: SystemTime,
}

/// Why a service has given nothing.
pub(super) enum Refusal {
    /// The ID token has expired: another one may help.
    Expired(Error),
    Final(Error),
}

/// Returns what is kept under `name` if it stays valid for at least `at_least`, or what
/// `exchange` gets for an ID token. Of several processes, one exchanges.
pub(super) async fn kept<T: Serialize + DeserializeOwned>(
    session: &Session,
    name: &str,
    at_least: Duration,
    exchange: impl AsyncFn(&Issued) -> Result<Given<T>, Refusal>,
) -> Result<T, Error> {
    let store = session.store()?;
    let hash = fingerprint(&format!("{} {name}", session.name()));
    let key = Key::of_exchanged(&hash[..32]);
    let logged_in_at_ms = match session.described().await? {
        Some(description) => description.logged_in_at_ms,
        // Says how to log in.
        None => session.issue(Kind::Id, None).await.map(|_| 0)?,
    };
    let usable = async || -> Result<Option<T>, Error> {
        let bytes = store.read(&key).await?.map(Zeroizing::new);
        // What cannot be read is fetched again.
        let kept = bytes.and_then(|bytes| serde_json::from_slice::<Kept<T>>(&bytes).ok());
        let now = unix_seconds(SystemTime::now());
        Ok(kept
            .filter(|kept| {
                kept.logged_in_at_ms == logged_in_at_ms
                    && kept.expires_at > now + at_least.as_secs()
            })
            .map(|kept| kept.given))
    };
    if let Some(given) = usable().await? {
        return Ok(given);
    }
    let held = store.lock(&key).await?;
    if let Some(given) = usable().await? {
        return Ok(given);
    }
    let issued = session.issue(Kind::Id, None).await?;
    let given = match exchange(&issued).await {
        Err(Refusal::Expired(_)) => {
            let issued = session.issue(Kind::Id, Some(&issued.fingerprint)).await?;
            exchange(&issued).await
        }
        given => given,
    };
    let Given { value, expires_at } =
        given.map_err(|(Refusal::Expired(error) | Refusal::Final(error))| error)?;
    let kept = Kept { logged_in_at_ms, expires_at: unix_seconds(expires_at), given: value };
    // OK because the values have no map with other keys than text.
    let bytes = Zeroizing::new(serde_json::to_vec(&kept).expect("JSON"));
    store.write(&held, &bytes).await?;
    Ok(kept.given)
}

/// Sends a POST request to a service that the profile names.
pub(super) async fn post(
    session: &Session,
    url: &Url,
    media_type: &str,
    body: Vec<u8>,
) -> Result<Response, Refusal> {
    let origins = session.profile.api_origins.iter().flatten();
    if !origins.into_iter().any(|origin| is_allowed(origin, url)) {
        let origin = printable(&url.origin().ascii_serialization());
        return Err(Refusal::Final(Error::new(
            Code::EgressDenied,
            format!(
                "the profile {} does not allow its ID token to be sent to {origin}",
                session.name()
            ),
            format!(
                "if it is meant for that service: latch profile add {} --api-origin {origin}",
                session.name()
            ),
        )));
    }
    let header =
        |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned() };
    let request = Request {
        method: Method::Post,
        url: url.to_string(),
        headers: vec![header("content-type", media_type), header("accept", "*/*")],
        body: Some(body),
    };
    let limits = Limits { timeout: TIMEOUT, body_bytes: BODY_BYTES, private_addresses: true };
    let http = equipment::http(&session.profile).map_err(Refusal::Final)?;
    let http = http.unwrap_or_else(SystemHttp::new);
    http.send(request, limits).await.map_err(|trouble| {
        let reason = match trouble {
            Trouble::Unreachable { reason, .. } | Trouble::Denied(reason) => reason,
            Trouble::TooLarge(limit) => format!("its answer has more than {limit} bytes"),
        };
        Refusal::Final(Error::new(
            Code::Unreachable,
            format!("{} cannot be reached: {reason}", url.host_str().unwrap_or_default()),
            "check the network and the address of the service, then try again",
        ))
    })
}

/// The refusal in words of the service.
pub(super) fn refused(who: &str, code: &str, message: &str, remedy: &str) -> Error {
    Error::new(
        Code::ProviderRefused,
        format!("{who} refused: {} ({})", printable(message), printable(code)),
        remedy,
    )
}

impl Session {
    fn store(&self) -> Result<std::sync::Arc<dyn Store>, Error> {
        self.settings()?.store(&self.global)
    }

    /// Returns what is known about the stored session, or `None` if there is none.
    async fn described(&self) -> Result<Option<latchstring::Description>, Error> {
        let settings = self.settings()?;
        let latch = settings.latch(&self.global, false)?;
        describe(settings.store(&self.global)?.as_ref(), latch.key(), SystemClock.now_ms()).await
    }
}
