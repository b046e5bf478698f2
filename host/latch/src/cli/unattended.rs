//! Clients that get tokens without a user, and how they prove who they are.

use async_trait::async_trait;
use latchstring::capability::assertions::{Assertions, Places, Source};
use latchstring::contract::{AssertionPurpose, AssertionRequest, GrantType, TokenExchange};
use latchstring::{Code, Error, LatchBuilder};
use zeroize::Zeroizing;

use super::args::Global;
use super::choices::Grant;
use super::profile::Profile;
use super::settings::Settings;

/// What the short names of token types stand for
/// ([RFC 8693 §3](https://www.rfc-editor.org/rfc/rfc8693#section-3)).
const TYPE_PREFIX: &str = "urn:ietf:params:oauth:token-type:";

const ACCESS_TOKEN: &str = "access_token";
const ID_TOKEN: &str = "id_token";
const JWT: &str = "jwt";

/// Returns how tokens are granted to a client with these settings.
pub(super) fn grant(profile: &Profile) -> Result<GrantType, Error> {
    Ok(match profile.grant {
        None | Some(Grant::User) => GrantType::User,
        Some(Grant::ClientCredentials) => GrantType::ClientCredentials,
        Some(Grant::JwtBearer) if profile.assertion.is_some() => GrantType::JwtBearer,
        Some(Grant::JwtBearer) => {
            return Err(missing("--grant jwt-bearer needs an assertion", "set --assertion"));
        }
        Some(Grant::TokenExchange) => {
            if profile.subject_token.is_none() && profile.subject_profile.is_none() {
                let remedy = "set --subject-token or --subject-profile";
                return Err(missing("--grant token-exchange needs a token to exchange", remedy));
            }
            GrantType::TokenExchange(TokenExchange {
                subject_token_type: subject_token_type(profile),
                requested_token_type: profile.requested_token_type.as_deref().map(in_full),
            })
        }
        Some(Grant::IdJag) if profile.subject_profile.is_some() || profile.idp_issuer.is_some() => {
            // The identity provider's grant is presented like any assertion.
            GrantType::JwtBearer
        }
        Some(Grant::IdJag) => {
            let remedy = "set --subject-profile, or --idp-issuer and --idp-client-id";
            return Err(missing("--grant id-jag needs your identity provider", remedy));
        }
    })
}

/// Whether a client need not say who it is: what it presents says enough (RFC 7523 §2.1, RFC
/// 8693 §2.1).
pub(super) fn is_anonymous(profile: &Profile) -> bool {
    matches!(profile.grant, Some(Grant::JwtBearer | Grant::TokenExchange))
        && profile.client_auth.is_none()
}

/// Refuses a command that is not in a saved profile: whatever sets a variable or an argument
/// must not decide what is run.
pub(super) fn check_commands(given: &Profile) -> Result<(), Error> {
    match places(given).any(|place| place.starts_with("command:")) {
        false => Ok(()),
        true => Err(missing(
            "a command for an assertion is taken from a profile only",
            "save it first with: latch profile add NAME",
        )),
    }
}

/// Checks the places of assertions before they are saved.
pub(super) fn check_places(given: &Profile) -> Result<(), Error> {
    places(given).try_for_each(|place| Source::parse(place).map(drop))
}

/// The places of assertions in these settings.
fn places(profile: &Profile) -> impl Iterator<Item = &String> {
    [&profile.assertion, &profile.subject_token, &profile.client_assertion].into_iter().flatten()
}

/// Adds the places of assertions.
pub(super) fn present(
    builder: LatchBuilder,
    global: &Global,
    profile: &Profile,
) -> Result<LatchBuilder, Error> {
    let source = |place: &Option<String>| place.as_deref().map(Source::parse).transpose();
    let mut places = Places::new();
    if let Some(source) = source(&profile.client_assertion)? {
        places = places.client(source);
    }
    if let Some(source) = source(&profile.assertion)?.or(source(&profile.subject_token)?) {
        places = places.subject(source);
    }
    if let Some(audience) = &profile.assertion_audience {
        places = places.audience(audience);
    }
    let Some(other) = Other::of(global, profile) else { return Ok(builder.assertions(places)) };
    Ok(match profile.grant {
        Some(Grant::IdJag) => {
            let has_place = profile.subject_token.is_some();
            builder.assertions(Authorized { places, idp: other, has_place })
        }
        _ => {
            let is_id_token = subject_token_type(profile) == in_full(ID_TOKEN);
            builder.assertions(Exchanged { places, source: other, is_id_token })
        }
    })
}

/// Another client than the one that asks for a token.
#[derive(Clone)]
struct Other {
    global: Global,
    /// `None`: it is in the profile that `global` names.
    described: Option<Box<Profile>>,
}

impl Other {
    fn of(global: &Global, profile: &Profile) -> Option<Self> {
        if let Some(name) = &profile.subject_profile {
            let global = Global { profile: name.clone(), ..global.clone() };
            return Some(Self { global, described: None });
        }
        let idp = Profile {
            issuer: Some(profile.idp_issuer.clone()?),
            client_id: profile.idp_client_id.clone(),
            scopes: Some(vec!["openid".to_owned()]),
            ca_file: profile.ca_file.clone(),
            store: profile.store.clone(),
            key_file: profile.key_file.clone(),
            encrypt: profile.encrypt,
            ..Profile::default()
        };
        Some(Self { global: global.clone(), described: Some(Box::new(idp)) })
    }

    fn settings(&self) -> Result<Settings, Error> {
        let settings = match &self.described {
            Some(profile) => Settings::described((**profile).clone()),
            None => Settings::read_without_folder(&self.global, Profile::default())?,
        };
        let own = &settings.effective;
        match own.subject_profile.is_some() || own.idp_issuer.is_some() {
            false => Ok(settings),
            true => Err(missing(
                format!("the profile {} exchanges a token itself", self.global.profile),
                "name a profile that logs in",
            )),
        }
    }
}

/// Assertions, and the token of another client to exchange.
struct Exchanged {
    places: Places,
    /// The client whose token is exchanged.
    source: Other,
    is_id_token: bool,
}

#[async_trait]
impl Assertions for Exchanged {
    async fn read(&self, request: &AssertionRequest) -> Result<Zeroizing<String>, Error> {
        match request.purpose {
            AssertionPurpose::Client => self.places.read(request).await,
            AssertionPurpose::Subject => self.token().await,
        }
    }
}

impl Exchanged {
    /// Returns the other client's token. An error names the login of that client.
    async fn token(&self) -> Result<Zeroizing<String>, Error> {
        let global = &self.source.global;
        let settings = self.source.settings()?;
        let latch = settings.latch(global, false)?;
        let token = match self.is_id_token {
            true => id_token(&latch).await,
            false => {
                latch.token().await.map(|token| Zeroizing::new(token.access_token().to_owned()))
            }
        };
        token.map_err(|error| settings.advise(global, error))
    }
}

/// Assertions, and the grant that an identity provider issues.
struct Authorized {
    places: Places,
    /// The client at the identity provider.
    idp: Other,
    /// Whether the user's ID token is in a place. Otherwise it is that of the client's session.
    has_place: bool,
}

#[async_trait]
impl Assertions for Authorized {
    async fn read(&self, request: &AssertionRequest) -> Result<Zeroizing<String>, Error> {
        let Self { places, idp, has_place } = self;
        if request.purpose == AssertionPurpose::Client {
            return places.read(request).await;
        }
        let settings = idp.settings()?;
        let builder = settings.builder(&idp.global, false)?;
        let builder = match has_place {
            true => builder.assertions(places.clone()),
            false => builder.assertions(Exchanged {
                places: places.clone(),
                source: idp.clone(),
                is_id_token: true,
            }),
        };
        let grant = builder.authorization_grant(request).await;
        grant.map_err(|error| settings.advise_again(&idp.global, error))
    }
}

#[cfg(not(target_os = "wasi"))]
async fn id_token(latch: &latchstring::Latch) -> Result<Zeroizing<String>, Error> {
    use super::id_token::IdToken;

    /// Time for which it must still be valid.
    const USABLE_FOR: std::time::Duration = std::time::Duration::from_secs(30);

    IdToken::get(latch, USABLE_FOR, None).await.map(|token| token.text)
}

#[cfg(target_os = "wasi")]
async fn id_token(latch: &latchstring::Latch) -> Result<Zeroizing<String>, Error> {
    let token = latch.token().await?;
    let text = token.id_token().map(str::to_owned).map(Zeroizing::new);
    text.ok_or_else(|| missing("the session has no ID token", "log in with the scope openid"))
}

fn subject_token_type(profile: &Profile) -> String {
    let default = if profile.subject_profile.is_some() { ACCESS_TOKEN } else { JWT };
    in_full(profile.subject_token_type.as_deref().unwrap_or(default))
}

/// Returns the URN of a token type.
fn in_full(name: &str) -> String {
    match name.contains(':') {
        true => name.to_owned(),
        false => format!("{TYPE_PREFIX}{name}"),
    }
}

fn missing(message: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::new(Code::InvalidConfiguration, message, remedy)
}
