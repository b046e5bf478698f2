//! How a client comes by an access token: the stored one, or a renewed one.

use std::sync::Arc;

use super::{Inner, Latch, bytes, granted};
use crate::contract::{Action, Demand, Reply};
use crate::envelope::Envelope;
use crate::error::{Code, Error};
use crate::sandbox::{Instance, Session};
use crate::token::Token;

/// Whatever is stored is not good enough.
const RENEWAL: Demand = Demand { min_ttl_ms: 0, force_refresh: true, examination: None };

impl Latch {
    /// An access token that is good for now, or a login where only that helps.
    pub async fn token_or_login(&self) -> Result<Token, Error> {
        match self.token().await {
            Err(error) if error.code() == Code::LoginRequired => self.login().await,
            result => result,
        }
    }

    /// An access token that is good for now: the stored one, or a renewed one.
    ///
    /// Never opens a browser. Fails with `login-required` where only a login
    /// can help, and with a retryable error where the network is at fault.
    pub async fn token(&self) -> Result<Token, Error> {
        self.token_for(Demand::default()).await
    }

    /// An access token that meets `demand`.
    ///
    /// A renewal that has begun goes on where the caller stops waiting for it, as
    /// long as the runtime lives: a provider that replaces refresh tokens has
    /// perhaps replaced this one already.
    pub async fn token_for(&self, demand: Demand) -> Result<Token, Error> {
        if demand.examination.is_none()
            && let Some(token) = self.stored_token(&demand).await?
        {
            return Ok(token);
        }
        let inner = Arc::clone(&self.0);
        to_its_end(async move { inner.token_for(&demand).await }).await
    }

    /// Another token than the one with this [fingerprint](Token::fingerprint), which
    /// an API has refused: what another process has stored meanwhile, or a renewed
    /// one. However many ask at once, one renews.
    pub async fn token_instead_of(&self, refused: &str) -> Result<Token, Error> {
        let (inner, refused) = (Arc::clone(&self.0), refused.to_owned());
        to_its_end(async move { inner.token_instead_of(&refused).await }).await
    }

    /// The stored access token, where it meets `demand` as it is; none where it
    /// has to be renewed. Asks nobody and takes no lock.
    pub async fn stored_token(&self, demand: &Demand) -> Result<Option<Token>, Error> {
        let stored = self.0.read().await?;
        self.0.token_in(&mut self.0.instance()?, &stored, demand)
    }

    /// Whether there may be another token than `refused` without a login.
    pub(crate) async fn can_replace(&self, refused: &Token) -> Result<bool, Error> {
        let stored = self.0.read().await?;
        let mut instance = self.0.instance()?;
        for demand in [Demand::default(), RENEWAL] {
            match self.0.token_in(&mut instance, &stored, &demand) {
                Ok(Some(token)) if token.access_token() == refused.access_token() => {}
                Ok(_) => return Ok(true),
                Err(error) if error.code() == Code::LoginRequired => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

/// A renewal that has begun goes on where nobody waits for it any more.
async fn to_its_end(
    renewal: impl Future<Output = Result<Token, Error>> + Send + 'static,
) -> Result<Token, Error> {
    tokio::spawn(renewal).await.unwrap_or_else(|stopped| match stopped.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Err(Error::new(
            Code::Interrupted,
            "the program ended while a token was being renewed",
            "run it again",
        )),
    })
}

impl Inner {
    async fn token_for(&self, demand: &Demand) -> Result<Token, Error> {
        let stored = self.read().await?;
        self.token_from(&mut self.instance()?, &stored, demand).await
    }

    async fn token_instead_of(&self, refused: &str) -> Result<Token, Error> {
        let stored = self.read().await?;
        let mut instance = self.instance()?;
        match self.token_in(&mut instance, &stored, &Demand::default())? {
            Some(token) if token.fingerprint() != refused => Ok(token),
            // From the very session that was looked at: what another process saves
            // from here on is newer than it, and is taken instead of renewed again.
            _ => self.token_from(&mut instance, &stored, &RENEWAL).await,
        }
    }

    async fn token_from(
        &self,
        instance: &mut Instance,
        stored: &Option<Envelope>,
        demand: &Demand,
    ) -> Result<Token, Error> {
        let session = self.begin_token(instance, stored, demand)?;
        let egress = self.egress(stored);
        self.drive(instance, session, &egress, None).await.and_then(granted)
    }

    /// The token in what is stored; none where it has to be renewed.
    fn token_in(
        &self,
        instance: &mut Instance,
        stored: &Option<Envelope>,
        demand: &Demand,
    ) -> Result<Option<Token>, Error> {
        let demand = Demand { examination: None, ..demand.clone() };
        let session = self.begin_token(instance, stored, &demand)?;
        let action = instance
            .next(&session, &Reply::Begin, self.parts.clock.now_ms())
            .map_err(|error| self.placed(error))?;
        match action {
            Action::Done(outcome) => granted(outcome).map(Some),
            _ => Ok(None),
        }
    }

    fn begin_token(
        &self,
        instance: &mut Instance,
        stored: &Option<Envelope>,
        demand: &Demand,
    ) -> Result<Session, Error> {
        instance
            .token(&self.client, bytes(stored), demand, &self.context()?)
            .map_err(|error| self.placed(error))
    }
}
