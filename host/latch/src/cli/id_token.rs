//! ID tokens for programs: valid for a while, which is not as long as the access token's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchstring::{Code, Demand, Error, Latch, Token};
use serde::Deserialize;
use zeroize::Zeroizing;

/// A verified ID token. Holds a secret: has no `Debug`.
pub(crate) struct IdToken {
    pub(crate) text: Zeroizing<String>,
    pub(crate) expires_at: SystemTime,
    /// The fingerprint of the access token that it came with.
    pub(crate) came_with: String,
}

#[derive(Deserialize)]
struct Claims {
    exp: u64,
}

impl IdToken {
    /// Returns an ID token that is valid for this long: the stored one, or one that comes
    /// with a refreshed access token. With `refused`, the fingerprint of an access token, it
    /// is one that came with another access token.
    pub(crate) async fn get(
        latch: &Latch,
        usable_for: Duration,
        refused: Option<&str>,
    ) -> Result<Self, Error> {
        let token = match refused {
            Some(refused) => latch.token_instead_of(refused).await?,
            None => latch.token_for(Demand::default()).await?,
        };
        if let Some(id_token) = Self::of(&token).filter(|one| one.is_usable(usable_for)) {
            return Ok(id_token);
        }
        let token = latch.token_instead_of(&token.fingerprint()).await?;
        Self::of(&token).filter(|one| one.is_usable(usable_for)).ok_or_else(|| {
            let message = match token.id_token() {
                None => "the session has no ID token",
                Some(_) => {
                    "the ID token has expired, and the provider sent no new one with the \
                     refreshed access token"
                }
            };
            Error::new(Code::LoginRequired, message, "log in again, with the scope openid")
        })
    }

    fn of(token: &Token) -> Option<Self> {
        let text = token.id_token()?;
        // The component has verified it. What is still to be known is its expiry.
        let payload = URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?;
        let Claims { exp } = serde_json::from_slice(&payload).ok()?;
        let expires_at = UNIX_EPOCH.checked_add(Duration::from_secs(exp))?;
        let text = Zeroizing::new(text.to_owned());
        Some(Self { text, expires_at, came_with: token.fingerprint() })
    }

    fn is_usable(&self, usable_for: Duration) -> bool {
        self.expires_at > SystemTime::now() + usable_for
    }
}
