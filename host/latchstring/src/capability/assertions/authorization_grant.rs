//! Identity assertion authorization grants (ID-JAG): an identity provider's word that a user
//! may use an application at another authorization server
//! (draft-ietf-oauth-identity-assertion-authz-grant).
//!
//! ```no_run
//! use async_trait::async_trait;
//! use latchstring::capability::assertions::{Assertions, Places, Source};
//! use latchstring::contract::AssertionRequest;
//! use latchstring::{Error, GrantType, Latch};
//! use zeroize::Zeroizing;
//!
//! /// The employer's identity provider.
//! struct Employer;
//!
//! #[async_trait]
//! impl Assertions for Employer {
//!     async fn read(&self, request: &AssertionRequest) -> Result<Zeroizing<String>, Error> {
//!         let id_token = Places::new().subject(Source::parse("env:ID_TOKEN")?);
//!         Latch::builder("https://id.employer.example", "agent")
//!             .assertions(id_token)
//!             .authorization_grant(request)
//!             .await
//!     }
//! }
//!
//! # async fn run() -> Result<(), latchstring::Error> {
//! let latch = Latch::builder("https://id.chat.example", "agent-at-chat")
//!     .grant(GrantType::JwtBearer)
//!     .assertions(Employer)
//!     .build()?;
//! let token = latch.token().await?;
//! # Ok(())
//! # }
//! ```

use zeroize::Zeroizing;

use crate::builder::LatchBuilder;
use crate::capability::store::MemoryStore;
use crate::error::{Code, Error};
use crate::renewal::Renewal;
use latchstring_core::contract::{AssertionRequest, Audience, GrantType, TokenExchange};

const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

impl LatchBuilder {
    /// Has the provider issue an identity assertion authorization grant for the issuer, the
    /// resources and the scopes that `request` names, in exchange for the ID token that
    /// [`assertions`](Self::assertions) finds. Nothing is stored: it is good for minutes, and
    /// often once.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if the request names no issuer, and fails like
    /// [`Latch::token`](crate::Latch::token).
    pub async fn authorization_grant(
        self,
        request: &AssertionRequest,
    ) -> Result<Zeroizing<String>, Error> {
        let issuer = request.audience.clone().ok_or_else(|| {
            Error::new(
                Code::InvalidConfiguration,
                "an identity provider has to know for whom its grant is, and no issuer is set",
                "set the issuer of the authorization server",
            )
        })?;
        let grant = GrantType::TokenExchange(TokenExchange {
            subject_token_type: ID_TOKEN.to_owned(),
            requested_token_type: Some(ID_JAG.to_owned()),
        });
        let latch = self
            .grant(grant)
            .audience(Audience::Name(issuer))
            .resources(request.resources.clone())
            .scopes(request.scopes.clone())
            .store(MemoryStore::default())
            // No other process could know where the ID token is.
            .renew_in(Renewal::default())
            .build()?;
        let token = latch.token().await?;
        Ok(Zeroizing::new(token.access_token().to_owned()))
    }
}
