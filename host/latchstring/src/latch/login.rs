//! How a user logs in.

use latchstring_core::capability::browser::Launcher;

use super::replacement::Replacing;
use super::{Inner, Latch, Parts, bytes, granted};
use crate::capability::browser::Launching;
use crate::capability::loopback::{Redirect, RedirectHost};
use crate::capability::store::Store;
use crate::drive::read;
use crate::egress::Egress;
use crate::error::{Code, Error};
use crate::token::Token;
use crate::user::{User, Ways};
use latchstring_core::contract::{Facts, LoginFlow, LoginRequest};

impl Latch {
    /// Logs the user in through a browser and keeps the session.
    ///
    /// A stored session that cannot be read is set aside, not deleted.
    ///
    /// # Errors
    ///
    /// Returns `access-denied` if the user or the provider refuses, `timed-out` if the user
    /// takes too long, and `port-in-use` if no listener can be bound and no other flow is
    /// possible. Fails too if the provider, the network or the store fails; a store that
    /// cannot keep the session fails before the user is asked to log in.
    pub async fn login(&self) -> Result<Token, Error> {
        self.login_or_set_aside(None).await
    }

    /// Logs the user in so that the resource accepts the token that it has refused with this
    /// `WWW-Authenticate` value ([RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3),
    /// [RFC 9728 §5.1](https://www.rfc-editor.org/rfc/rfc9728#section-5.1)): with more
    /// scopes, or by another authentication. The session stays as it is until then. For a
    /// client made by [`for_resource`](Self::for_resource).
    ///
    /// # Errors
    ///
    /// Fails like [`login`](Self::login).
    pub async fn login_for(&self, challenge: &str) -> Result<Token, Error> {
        self.login_or_set_aside(Some(challenge)).await
    }

    async fn login_or_set_aside(&self, challenge: Option<&str>) -> Result<Token, Error> {
        let Parts { store, terminal, .. } = &self.0.parts;
        let token = match self.0.login(store.as_ref(), challenge).await {
            Err(damage) if damage.code() == Code::StoredDamaged => {
                let (store, terminal) = (store.as_ref(), terminal.as_ref());
                let store = Replacing::new(store, terminal, &self.0.key, damage);
                self.0.login(&store, challenge).await?
            }
            result => result?,
        };
        self.0.say_notices(&token);
        Ok(token)
    }
}

impl Inner {
    async fn login(&self, store: &dyn Store, challenge: Option<&str>) -> Result<Token, Error> {
        let redirect = &self.parts.redirect;
        match self.login_through(redirect, store, challenge).await {
            Err(error) if redirect.host == RedirectHost::Ipv4 && refuses_redirect_uri(&error) => {
                self.parts.terminal.say(&format!(
                    "The provider registers no client that is called back at {}; trying {}",
                    redirect.host.name(),
                    RedirectHost::Localhost.name(),
                ));
                let redirect = Redirect { host: RedirectHost::Localhost, ..redirect.clone() };
                self.login_through(&redirect, store, challenge).await
            }
            result => result,
        }
    }

    async fn login_through(
        &self,
        redirect: &Redirect,
        store: &dyn Store,
        challenge: Option<&str>,
    ) -> Result<Token, Error> {
        let stored = read(store, &self.key).await?;
        // A key that cannot be used ends the login here, before the user is sent anywhere.
        let client = self.client().await?;
        let facts = self.facts();
        let mut flow = self.parts.flow;
        let mut listener = match flow {
            Some(LoginFlow::Device) => None,
            _ => match self.parts.loopback.bind(redirect, &self.parts.pages).await {
                Ok(listener) => Some(listener),
                // No browser can come back to this machine, so the user pastes its address.
                Err(error) if may_paste(&error, flow, &facts) => {
                    self.parts.terminal.say(&error.to_string());
                    flow = Some(LoginFlow::Paste);
                    None
                }
                Err(error) => return Err(error),
            },
        };
        let redirect_uri = listener.as_ref().map(|listener| listener.redirect_uri().to_owned());
        let anonymous = self.parts.anonymous_refresh_token.as_ref();
        let initial = self.parts.initial_access_token.as_ref();
        let request = LoginRequest {
            flow,
            facts,
            redirect_uri: redirect_uri.unwrap_or_else(|| redirect.first_uri()),
            anonymous_refresh_token: anonymous.map(|token| token.to_string()),
            challenge: challenge.map(str::to_owned),
            accepted_issuer_host: self.parts.accepted_issuer_host.clone(),
            register: self.parts.registers_anew,
            initial_access_token: initial.map(|token| token.to_string()),
            patience_ms: self
                .parts
                .patience
                .map(|patience| u64::try_from(patience.as_millis()).unwrap_or(u64::MAX)),
        };
        let context = self.context()?;
        let mut instance = self.instance()?;
        let session = match instance.login(client, bytes(&stored), &request, &context) {
            Ok(session) => session,
            Err(error) => {
                // The next attempt needs the same port.
                if let Some(listener) = &mut listener {
                    listener.close().await;
                }
                return Err(self.placed(error));
            }
        };
        // Origins that an earlier login pinned do not apply to this one.
        let egress = Egress::new(&self.client, &[]).coming_back_to(&request.redirect_uri);
        let browser = self.parts.browser.as_deref().map(Launching);
        let ways = Ways {
            clock: self.parts.clock.as_ref(),
            terminal: self.parts.terminal.as_ref(),
            egress: &egress,
            pages: &self.parts.pages,
            listener,
            browser: browser.as_ref().map(|browser| browser as &dyn Launcher),
            browser_is_elsewhere: facts.editor_terminal,
            draws_qr: self.parts.draws_qr,
        };
        let user = User::new(ways, self.parts.entropy.draw()?);
        self.drive_on(store, &mut instance, session, &egress, Some(user)).await.and_then(granted)
    }

    pub(super) fn facts(&self) -> Facts {
        Facts {
            terminal: self.parts.terminal.is_attended(),
            browser_command: self.parts.browser_command,
            shows_address: self.parts.browser.is_none(),
            ..self.parts.surroundings.facts()
        }
    }
}

/// Returns whether a registration was refused for its redirect URI
/// ([RFC 7591 §3.2.2](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.2)).
fn refuses_redirect_uri(error: &Error) -> bool {
    error.provider().is_some_and(|provider| provider.error == "invalid_redirect_uri")
}

/// Returns whether a login without a free port can go on by pasting.
fn may_paste(error: &Error, flow: Option<LoginFlow>, facts: &Facts) -> bool {
    error.code() == Code::PortInUse && flow != Some(LoginFlow::Browser) && facts.terminal
}
