//! The keys that a client signs with, which are asked for only when something may have to be
//! signed: a stored token needs neither a device nor its PIN.

use std::sync::Arc;

use super::Inner;
use crate::drive::Signing;
use crate::error::Error;
use latchstring_core::capability::signer::Signer;
use latchstring_core::contract::{Client, ClientKey, DpopKey, SigningAlgorithm};

/// How the client uses the key that it authenticates with.
#[derive(Default)]
pub(crate) struct KeyUse {
    /// Key identifier, as registered at the provider.
    pub(crate) id: Option<String>,
    /// Algorithm, if not the key's first one.
    pub(crate) algorithm: Option<SigningAlgorithm>,
    /// Whom assertions are for, if not the issuer.
    pub(crate) audience: Option<String>,
}

/// Tells the settings that there are keys, and nothing else about them. That is enough to find
/// out whether the stored token is still good: what the component asks to be signed with such a
/// stand-in is never signed.
pub(crate) fn announce(client: &mut Client, signs: bool, is_bound: bool) {
    let algorithm = SigningAlgorithm::Es256;
    if signs {
        client.key = Some(ClientKey { algorithm, id: None, audience: None });
    }
    if is_bound {
        client.dpop = Some(DpopKey { algorithm, jwk: "{}".to_owned() });
    }
}

/// Returns a key with its algorithm, if the client has one.
pub(super) fn signing(
    signer: &Option<Arc<dyn Signer>>,
    algorithm: Option<SigningAlgorithm>,
) -> Option<Signing<'_>> {
    let signer = signer.as_deref()?;
    algorithm.map(|algorithm| Signing { signer, algorithm })
}

impl Inner {
    /// Returns the settings with the keys, for whatever may have to sign.
    pub(super) async fn client(&self) -> Result<&Client, Error> {
        match (&self.parts.signer, &self.parts.dpop) {
            (None, None) => Ok(&self.client),
            _ => self.client_with_keys.get_or_try_init(|| self.with_keys()).await,
        }
    }

    async fn with_keys(&self) -> Result<Client, Error> {
        let mut client = self.client.clone();
        if let Some(signer) = &self.parts.signer {
            let KeyUse { id, algorithm, audience } = &self.parts.key_use;
            let key = signer.public_key().await?;
            client.key = Some(ClientKey {
                algorithm: key.algorithm(*algorithm)?,
                id: id.clone().or(key.id),
                audience: audience.clone(),
            });
        }
        if let Some(signer) = &self.parts.dpop {
            let key = signer.public_key().await?;
            client.dpop = Some(DpopKey { algorithm: key.algorithm(None)?, jwk: key.jwk });
        }
        Ok(client)
    }
}
