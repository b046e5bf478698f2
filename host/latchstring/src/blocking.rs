//! A blocking [`Latch`](crate::Latch) for programs without an async runtime.
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
use crate::error::{Code, Error};
use crate::token::Token;
use latchstring_core::contract::{Demand, Description, LogoutReport};

/// A client of one provider with blocking methods.
///
/// A program that ends during a renewal (for example by Ctrl-C) loses the session if the
/// provider rotates refresh tokens. To renew in a process that does not end with it, set
/// [`LatchBuilder::renew_in`] and call [`serve_renewal`] there.
///
/// Not for a thread that already runs a runtime: await the methods of
/// [`latchstring::Latch`](crate::Latch) there.
pub struct Latch {
    latch: crate::Latch,
    runtime: Runtime,
}

/// Answers one request of a renewal process; see [`serve_renewal`](crate::serve_renewal).
///
/// # Errors
///
/// Fails like [`serve_renewal`](crate::serve_renewal), and with `host-fault` if no runtime
/// can be started.
pub fn serve_renewal(
    prepare: impl FnOnce(LatchBuilder, &str) -> Result<LatchBuilder, Error>,
) -> Result<(), Error> {
    runtime()?.block_on(crate::serve_renewal(prepare))
}

fn runtime() -> Result<Runtime, Error> {
    Builder::new_current_thread().enable_all().build().map_err(|error| {
        Error::new(
            Code::HostFault,
            format!("cannot start a runtime for the login: {error}"),
            "check whether this process has reached a limit of the system",
        )
    })
}

/// An API's response with its whole body.
pub struct Answer {
    /// The status code ([RFC 9110 §15](https://www.rfc-editor.org/rfc/rfc9110#section-15)).
    pub status: u16,
    /// The headers in order, as pairs of name and value.
    pub headers: Vec<(String, String)>,
    /// The body, unchanged.
    pub body: Vec<u8>,
}

impl Latch {
    /// Creates a client from its settings.
    ///
    /// # Errors
    ///
    /// Fails like [`LatchBuilder::build`], and with `host-fault` if no runtime can be
    /// started.
    pub fn new(builder: LatchBuilder) -> Result<Self, Error> {
        Ok(Self { latch: builder.build()?, runtime: runtime()? })
    }

    /// Logs in; see [`Latch::login`](crate::Latch::login).
    ///
    /// # Errors
    ///
    /// Fails like that method.
    pub fn login(&self) -> Result<Token, Error> {
        self.runtime.block_on(self.latch.login())
    }

    /// Returns a valid token; see [`Latch::token`](crate::Latch::token).
    ///
    /// # Errors
    ///
    /// Fails like that method.
    pub fn token(&self) -> Result<Token, Error> {
        self.runtime.block_on(self.latch.token())
    }

    /// Returns a token that meets `demand`; see
    /// [`Latch::token_for`](crate::Latch::token_for).
    ///
    /// # Errors
    ///
    /// Fails like that method.
    pub fn token_for(&self, demand: Demand) -> Result<Token, Error> {
        self.runtime.block_on(self.latch.token_for(demand))
    }

    /// Returns a valid token or logs in; see
    /// [`Latch::token_or_login`](crate::Latch::token_or_login).
    ///
    /// # Errors
    ///
    /// Fails like that method.
    pub fn token_or_login(&self) -> Result<Token, Error> {
        self.runtime.block_on(self.latch.token_or_login())
    }

    /// Returns a description of the stored session; see
    /// [`Latch::status`](crate::Latch::status).
    ///
    /// # Errors
    ///
    /// Fails like that method.
    pub fn status(&self) -> Result<Option<Description>, Error> {
        self.runtime.block_on(self.latch.status())
    }

    /// Ends the session; see [`Latch::logout`](crate::Latch::logout).
    ///
    /// # Errors
    ///
    /// Fails like that method.
    pub fn logout(&self) -> Result<LogoutReport, Error> {
        self.runtime.block_on(self.latch.logout())
    }

    /// Ends the session and removes its client; see
    /// [`Latch::logout_and_unregister`](crate::Latch::logout_and_unregister).
    ///
    /// # Errors
    ///
    /// Fails like that method.
    pub fn logout_and_unregister(&self) -> Result<LogoutReport, Error> {
        self.runtime.block_on(self.latch.logout_and_unregister())
    }

    /// Sends a request to an API and reads the whole response; see
    /// [`Latch::request`](crate::Latch::request).
    ///
    /// # Errors
    ///
    /// Fails like that method.
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

    /// Returns the asynchronous client, for everything that is not here.
    pub fn inner(&self) -> &crate::Latch {
        &self.latch
    }
}
