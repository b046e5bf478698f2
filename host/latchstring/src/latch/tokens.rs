//! How a client comes by an access token: the stored one, or a renewed one.

use super::{Imported, Inner, Latch, bytes, granted};
use crate::capability::store::Store;
use crate::contract::{Action, Demand, Reply, Tokens};
use crate::error::{Code, Error};
use crate::renewal::{Done, Renewal, Task};
use crate::sandbox::{Instance, Session};
use crate::token::Token;
use latchstring_core::session::Envelope;

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
    /// A renewal that has begun goes on if the caller stops waiting for it, for as
    /// long as the runtime lives: a provider that rotates refresh tokens may have
    /// replaced this one already. To protect it from the end of the process too,
    /// see [`LatchBuilder::renew_in`](crate::LatchBuilder::renew_in).
    pub async fn token_for(&self, demand: Demand) -> Result<Token, Error> {
        let token = match self.stored_token(&demand).await? {
            Some(token) => token,
            None => self.renewed(Task::Token(demand)).await?,
        };
        self.0.say_notices(&token);
        Ok(token)
    }

    /// Another token than the one with this [fingerprint](Token::fingerprint), which
    /// an API has refused: what another process has stored meanwhile, or a renewed
    /// one. However many ask at once, one renews.
    pub async fn token_instead_of(&self, refused: &str) -> Result<Token, Error> {
        match self.stored_token(&Demand::default()).await? {
            Some(token) if token.fingerprint() != refused => Ok(token),
            _ => self.renewed(Task::TokenInsteadOf(refused.to_owned())).await,
        }
    }

    /// The stored access token if it meets `demand` as it is; None if it has to be
    /// renewed, or if the provider has to be asked about it. Sends no request and
    /// takes no lock.
    pub async fn stored_token(&self, demand: &Demand) -> Result<Option<Token>, Error> {
        let stored = self.0.read().await?;
        self.0.token_in(&mut self.0.instance()?, &stored, demand)
    }

    /// Makes another program's tokens the session here, without a login, if the
    /// provider accepts them. They are renewed first if they have to be.
    ///
    /// Fails with what the provider says against them, and leaves what is stored
    /// as it was. If the provider cannot be asked, they replace no other session;
    /// they are stored only where there is none and `even_unchecked` is set.
    pub async fn import(&self, tokens: &Tokens, even_unchecked: bool) -> Result<Imported, Error> {
        let task = Task::Import { tokens: tokens.clone(), even_unchecked };
        match self.protected(task).await? {
            Done::Imported(imported) => {
                // A store with several places finds out where another process put it.
                self.0.read().await?;
                Ok(imported)
            }
            Done::Token(_) => Err(super::misfit()),
        }
    }

    async fn renewed(&self, task: Task) -> Result<Token, Error> {
        match self.protected(task).await? {
            Done::Token(token) => Ok(*token),
            Done::Imported(_) => Err(super::misfit()),
        }
    }

    /// Carries out `task` where the caller's end does not interrupt it.
    async fn protected(&self, task: Task) -> Result<Done, Error> {
        if let Renewal::OwnProcess(process) = &self.0.parts.renewal
            && let Some(result) = process.run(self, &task).await
        {
            return result;
        }
        let latch = self.clone();
        to_its_end(async move { latch.carry_out(task).await }).await
    }

    /// Carries out `task` in this process.
    pub(crate) async fn carry_out(&self, task: Task) -> Result<Done, Error> {
        match task {
            Task::Token(demand) => Ok(Done::Token(Box::new(self.0.token_for(&demand).await?))),
            Task::TokenInsteadOf(refused) => {
                Ok(Done::Token(Box::new(self.0.token_instead_of(&refused).await?)))
            }
            Task::Import { tokens, even_unchecked } => {
                self.0.import(&tokens, even_unchecked).await.map(Done::Imported)
            }
        }
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

/// Runs a renewal that goes on when its caller stops waiting.
async fn to_its_end(
    renewal: impl Future<Output = Result<Done, Error>> + Send + 'static,
) -> Result<Done, Error> {
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
        self.token_on(self.parts.store.as_ref(), instance, stored, demand).await
    }

    /// A token that meets `demand`, of the session that is stored in `store`.
    pub(super) async fn token_on(
        &self,
        store: &dyn Store,
        instance: &mut Instance,
        stored: &Option<Envelope>,
        demand: &Demand,
    ) -> Result<Token, Error> {
        let session = self.begin_token(instance, stored, demand)?;
        let egress = self.egress(stored);
        self.drive_on(store, instance, session, &egress, None).await.and_then(granted)
    }

    /// The token in what is stored, if no action is needed for it.
    fn token_in(
        &self,
        instance: &mut Instance,
        stored: &Option<Envelope>,
        demand: &Demand,
    ) -> Result<Option<Token>, Error> {
        let session = self.begin_token(instance, stored, demand)?;
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
