//! How a client comes by an access token: the stored one, or a renewed one.

use std::sync::Arc;

use super::{Inner, Latch, bytes, granted};
use crate::contract::{Action, Demand, Reply};
use crate::envelope::Envelope;
use crate::error::{Code, Error};
use crate::sandbox::{Instance, Session};
use crate::token::Token;

impl Latch {
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
        let renewal = tokio::spawn(async move { inner.token_for(&demand).await });
        renewal.await.unwrap_or_else(|stopped| match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::new(
                Code::Interrupted,
                "the program ended while a token was being renewed",
                "run it again",
            )),
        })
    }

    /// The stored access token, where it meets `demand` as it is; none where it
    /// has to be renewed. Asks nobody and takes no lock.
    pub async fn stored_token(&self, demand: &Demand) -> Result<Option<Token>, Error> {
        let inner = &self.0;
        let stored = inner.read().await?;
        let demand = Demand { examination: None, ..demand.clone() };
        let mut instance = inner.instance()?;
        let session = inner.begin_token(&mut instance, &stored, &demand)?;
        let action = instance
            .next(&session, &Reply::Begin, inner.parts.clock.now_ms())
            .map_err(|error| inner.placed(error))?;
        match action {
            Action::Done(outcome) => granted(outcome).map(Some),
            _ => Ok(None),
        }
    }
}

impl Inner {
    async fn token_for(&self, demand: &Demand) -> Result<Token, Error> {
        let stored = self.read().await?;
        let mut instance = self.instance()?;
        let session = self.begin_token(&mut instance, &stored, demand)?;
        let egress = self.egress(&stored);
        self.drive(&mut instance, session, &egress, None).await.and_then(granted)
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
