//! The same for programs without a runtime of their own.
//!
//! ```
//! use latchstring::blocking::Latch;
//!
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/ada.rs"));
//! # fn main() -> Result<(), latchstring::Error> {
//! # let provider = provider();
//! # let issuer = provider.issuer();
//! let settings = latchstring::Latch::builder(issuer, "demo").scopes(["openid", "profile"]);
//! # let settings = settings.browser(Ada).terminal(latchstring::capability::terminal::Silence);
//! # let settings = settings.store(latchstring::capability::store::MemoryStore::default());
//! let latch = Latch::new(settings)?;
//! let token = latch.token_or_login()?;
//! assert_eq!(token.claim("name").as_deref(), Some("Ada Lovelace"));
//! # Ok(())
//! # }
//! ```

use tokio::runtime::{Builder, Runtime};

use crate::builder::LatchBuilder;
use crate::capability::http::ApiRequest;
use crate::contract::{Demand, Description, LogoutReport};
use crate::error::{Code, Error};
use crate::token::Token;

/// A client of one provider, whose calls wait.
///
/// A program that ends in the middle of a renewal (by Ctrl-C, say) loses the
/// session if the provider rotates refresh tokens. To renew in a process that this
/// does not reach, set [`LatchBuilder::renew_in`] and answer by [`serve_renewal`].
///
/// Not for a thread that drives a runtime already: there the calls of
/// [`latchstring::Latch`](crate::Latch) can be awaited.
pub struct Latch {
    latch: crate::Latch,
    runtime: Runtime,
}

/// [`serve_renewal`](crate::serve_renewal), for programs without a runtime.
pub fn serve_renewal(
    prepare: impl FnOnce(LatchBuilder, &str) -> Result<LatchBuilder, Error>,
) -> Result<(), Error> {
    runtime()?.block_on(crate::serve_renewal(prepare))
}

fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread().enable_all().build().map_err(|error| {
        Error::new(
            Code::HostFault,
            format!("no runtime for the login can be started: {error}"),
            "see whether this process has reached a limit of the system",
        )
    })
}

/// What an API answered, whole.
pub struct Answer {
    /// RFC 9110 §15.
    pub status: u16,
    /// Pairs of a header's name and its value, in order.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Vec<u8>,
}

impl Latch {
    /// Fails as [`LatchBuilder::build`] does.
    pub fn new(builder: LatchBuilder) -> Result<Self, Error> {
        Ok(Self { latch: builder.build()?, runtime: runtime()? })
    }

    /// [`Latch::login`](crate::Latch::login).
    pub fn login(&self) -> Result<Token, Error> {
        self.runtime.block_on(self.latch.login())
    }

    /// [`Latch::token`](crate::Latch::token).
    pub fn token(&self) -> Result<Token, Error> {
        self.runtime.block_on(self.latch.token())
    }

    /// [`Latch::token_for`](crate::Latch::token_for).
    pub fn token_for(&self, demand: Demand) -> Result<Token, Error> {
        self.runtime.block_on(self.latch.token_for(demand))
    }

    /// [`Latch::token_or_login`](crate::Latch::token_or_login).
    pub fn token_or_login(&self) -> Result<Token, Error> {
        self.runtime.block_on(self.latch.token_or_login())
    }

    /// [`Latch::status`](crate::Latch::status).
    pub fn status(&self) -> Result<Option<Description>, Error> {
        self.runtime.block_on(self.latch.status())
    }

    /// [`Latch::logout`](crate::Latch::logout).
    pub fn logout(&self) -> Result<LogoutReport, Error> {
        self.runtime.block_on(self.latch.logout())
    }

    /// [`Latch::request`](crate::Latch::request), with the answer's body in memory.
    pub fn request(&self, request: &ApiRequest) -> Result<Answer, Error> {
        self.runtime.block_on(async {
            let mut response = self.latch.request(request).await?;
            let headers = response.headers();
            let headers =
                headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let (status, mut body) = (response.status(), Vec::new());
            while let Some(piece) = response.chunk().await? {
                body.extend_from_slice(&piece);
            }
            Ok(Answer { status, headers, body })
        })
    }

    /// The same client, for what is not here.
    pub fn inner(&self) -> &crate::Latch {
        &self.latch
    }
}
