//! How a client gets an access token: the stored one, or a renewed one.

use super::{Inner, Latch, bytes, granted};
use crate::capability::store::Store;
use crate::error::{Code, Error};
use crate::renewal::Renewal;
use crate::sandbox::{Instance, Session};
use crate::task::{Done, Imported, Task};
use crate::token::Token;
use latchstring_core::contract::{Action, Client, Demand, Reply, Tokens};
use latchstring_core::session::Envelope;

/// The demand for a new token whatever is stored.
const RENEWAL: Demand =
    Demand { min_ttl_ms: 0, force_refresh: true, examination: None, challenge: None };

impl Latch {
    /// Returns an access token that is valid now. Logs in if only that helps.
    ///
    /// # Errors
    ///
    /// Fails like [`token`](Self::token) and [`login`](Self::login).
    pub async fn token_or_login(&self) -> Result<Token, Error> {
        match self.token().await {
            Err(error) if error.code() == Code::LoginRequired => self.login().await,
            result => result,
        }
    }

    /// Returns an access token that is valid now: the stored one, or a renewed one. Never
    /// opens a browser.
    ///
    /// # Errors
    ///
    /// Returns `login-required` if only a login can help, and a retryable error if the
    /// network failed.
    pub async fn token(&self) -> Result<Token, Error> {
        self.token_for(Demand::default()).await
    }

    /// Returns an access token that meets `demand`.
    ///
    /// A renewal continues if the caller stops waiting, until the runtime ends: a provider
    /// that rotates refresh tokens may already have replaced the old one. To continue even
    /// if the process ends, see [`LatchBuilder::renew_in`](crate::LatchBuilder::renew_in).
    ///
    /// # Errors
    ///
    /// Returns `login-required` if only a login can help, and a retryable error if the
    /// network failed.
    pub async fn token_for(&self, demand: Demand) -> Result<Token, Error> {
        let token = match self.stored_token(&demand).await? {
            Some(token) => token,
            None => self.renewed(Task::Token(demand)).await?,
        };
        self.0.say_notices(&token);
        Ok(token)
    }

    /// Returns another token than the one with this [fingerprint](Token::fingerprint),
    /// which an API has refused: one that another process has stored since, or a renewed
    /// one. If several callers ask at once, only one of them renews.
    ///
    /// # Errors
    ///
    /// Fails like [`token`](Self::token).
    pub async fn token_instead_of(&self, refused: &str) -> Result<Token, Error> {
        match self.stored_token(&Demand::default()).await? {
            Some(token) if token.fingerprint() != refused => Ok(token),
            _ => self.renewed(Task::TokenInsteadOf(refused.to_owned())).await,
        }
    }

    /// Returns the stored access token if it meets `demand`, or `None` if it must be
    /// renewed or the provider must be asked about it. Sends no request and takes no lock.
    ///
    /// # Errors
    ///
    /// Returns `login-required` if only a login can help. Also fails if the stored session
    /// cannot be read.
    pub async fn stored_token(&self, demand: &Demand) -> Result<Option<Token>, Error> {
        let stored = self.0.read().await?;
        self.0.token_in(&mut self.0.instance()?, &stored, demand)
    }

    /// Stores another program's tokens as the session, without a login, if the provider
    /// accepts them. Renews them first if needed.
    ///
    /// If the provider cannot be reached, the tokens never replace another session; they
    /// are stored only if there is none and `even_unchecked` is set.
    ///
    /// # Errors
    ///
    /// Returns the provider's error if it rejects the tokens. What was stored before stays.
    pub async fn import(&self, tokens: &Tokens, even_unchecked: bool) -> Result<Imported, Error> {
        let task = Task::Import { tokens: tokens.clone(), even_unchecked };
        match self.protected(task).await? {
            Done::Imported(imported) => {
                // A store with several places looks up where another process put the
                // session.
                self.0.read().await?;
                Ok(imported)
            }
            Done::Token(_) => Err(super::unexpected_outcome()),
        }
    }

    async fn renewed(&self, task: Task) -> Result<Token, Error> {
        match self.protected(task).await? {
            Done::Token(token) => Ok(*token),
            Done::Imported(_) => Err(super::unexpected_outcome()),
        }
    }

    /// Carries out `task` so that it continues if the caller stops waiting.
    async fn protected(&self, task: Task) -> Result<Done, Error> {
        match &self.0.parts.renewal {
            #[cfg(not(target_os = "wasi"))]
            Renewal::OwnProcess(process) => {
                if let Some(result) = process.run(self, &task).await {
                    return result;
                }
            }
            Renewal::ThisProcess => {}
        }
        let latch = self.clone();
        run_to_completion(async move { latch.carry_out(task).await }).await
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

    /// Returns whether a token other than `refused` may be had without a login.
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

/// Runs a renewal that continues when its caller stops waiting.
#[cfg(not(target_os = "wasi"))]
async fn run_to_completion(
    renewal: impl Future<Output = Result<Done, Error>> + Send + 'static,
) -> Result<Done, Error> {
    tokio::spawn(renewal).await.unwrap_or_else(|stopped| match stopped.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Err(Error::new(
            Code::Interrupted,
            "the program ended while a token was being refreshed",
            "run it again",
        )),
    })
}

/// Runs a renewal. A program in a sandbox has one caller, which waits.
#[cfg(target_os = "wasi")]
async fn run_to_completion(
    renewal: impl Future<Output = Result<Done, Error>>,
) -> Result<Done, Error> {
    renewal.await
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
            // Starts from the session that was read above: if another process saves a newer
            // one from here on, that one is used and nothing is renewed again.
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

    /// Returns a token that meets `demand`, from the session in `store`.
    pub(super) async fn token_on(
        &self,
        store: &dyn Store,
        instance: &mut Instance,
        stored: &Option<Envelope>,
        demand: &Demand,
    ) -> Result<Token, Error> {
        let client = self.client().await?;
        let session = self.begin_token(instance, client, stored, demand)?;
        let egress = self.egress(stored);
        self.drive_on(store, instance, session, &egress, None).await.and_then(granted)
    }

    /// Returns the token in the stored session, or `None` if getting one needs an action.
    fn token_in(
        &self,
        instance: &mut Instance,
        stored: &Option<Envelope>,
        demand: &Demand,
    ) -> Result<Option<Token>, Error> {
        // Nothing is signed here, so the key need not be there.
        let session = self.begin_token(instance, &self.client, stored, demand)?;
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
        client: &Client,
        stored: &Option<Envelope>,
        demand: &Demand,
    ) -> Result<Session, Error> {
        instance
            .token(client, bytes(stored), demand, &self.context()?)
            .map_err(|error| self.placed(error))
    }
}
