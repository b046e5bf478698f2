//! Fills in a preset's file and applies it to the builder.

use serde_json::Value;

#[cfg(feature = "keyring")]
use super::document::ImportPlan;
use super::document::{Filled, GrantPart, UnattendedPart};
use super::{Preset, Settings};
use crate::builder::LatchBuilder;
use crate::capability::loopback::Redirect;
use crate::error::Error;
use crate::latch::Latch;
use latchstring_core::contract::{Audience, GrantType, Hexclave, TokenExchange};

impl Latch {
    /// Returns the settings of a client of a known provider, one of [`Preset::names`].
    /// Settings that are not in `settings` are taken from the environment variables that
    /// the preset names.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if there is no such preset or a setting is missing;
    /// the error names it.
    pub fn known(name: &str, settings: &[(&str, &str)]) -> Result<LatchBuilder, Error> {
        let preset = Preset::named(name, None)?;
        let mut all = preset.from_environment(|name| std::env::var(name).ok())?;
        let given = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        all.extend(given);
        Self::of(&preset, &all)
    }

    /// Returns the settings of a client of the provider that this preset is for.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if a setting is missing; the error names it.
    pub fn of(preset: &Preset, settings: &Settings) -> Result<LatchBuilder, Error> {
        preset.filled(settings).map(into_builder)
    }
}

/// How a preset's client gets tokens without a user.
#[derive(Clone, Debug)]
pub struct Unattended {
    /// How tokens are granted.
    pub grant: GrantType,
    /// Whom tokens are for.
    pub audience: Option<String>,
    /// Whom the assertions or tokens that the client presents are made for, where that can be
    /// asked for. `None`: the issuer.
    pub assertion_audience: Option<String>,
}

impl Preset {
    /// Returns how the client gets tokens without a user, or `None` if users log in.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if a setting is missing; the error names it.
    pub fn unattended(&self, settings: &Settings) -> Result<Option<Unattended>, Error> {
        match self.is_unattended() {
            false => Ok(None),
            true => Ok(self.filled(settings)?.unattended.map(Unattended::from)),
        }
    }

    /// Returns where the provider's own program keeps sessions.
    #[cfg(feature = "keyring")]
    pub(crate) fn import_plan(&self, settings: &Settings) -> Result<ImportPlan, Error> {
        self.filled(settings).map(|filled| filled.import)
    }

    /// Returns the refresh token of an anonymous session from the environment variables
    /// that the provider's own program uses, or `None` if none is set. `variable` returns a
    /// variable's value.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if a setting is missing or two variables disagree.
    pub fn anonymous_refresh_token(
        &self,
        settings: &Settings,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<String>, Error> {
        let names = self.filled(settings)?.hexclave.map(|part| part.anonymous_variables);
        let remedy = "unset one of them, or set LATCH_ANONYMOUS_REFRESH_TOKEN";
        super::agreed(&names.unwrap_or_default(), variable, remedy)
    }

    fn filled(&self, settings: &Settings) -> Result<Filled, Error> {
        let settings = self.complete(settings)?;
        self.fill_with(&settings)
            .map_err(|reason| super::faulty(&format!("the preset {}", self.name()), &reason))
    }

    /// Returns the document with its placeholders replaced. The error is the parser's
    /// message: nothing in a preset is secret.
    pub(super) fn fill_with(&self, settings: &Settings) -> Result<Filled, String> {
        let mut document = self.document.clone();
        if let Value::Object(members) = &mut document {
            for (name, value) in members.iter_mut() {
                if !matches!(name.as_str(), "about" | "notes" | "settings") {
                    fill(value, self, settings)?;
                }
            }
        }
        serde_json::from_value(document).map_err(|error| error.to_string())
    }
}

/// Replaces the placeholders in all texts below `value`. Returns false if `value` is a text
/// that needs a setting that is not set, and is to be removed.
fn fill(value: &mut Value, preset: &Preset, settings: &Settings) -> Result<bool, String> {
    match value {
        Value::String(text) => {
            let mut filled = String::with_capacity(text.len());
            let mut rest = text.as_str();
            while let Some((before, after)) = rest.split_once('{') {
                let (name, after) = after.split_once('}').ok_or("a { without its }")?;
                if !preset.settings().contains_key(name) {
                    return Err(format!("{{{name}}} stands for no setting"));
                }
                let Some(value) = settings.get(name) else { return Ok(false) };
                filled.push_str(before);
                filled.push_str(value);
                rest = after;
            }
            filled.push_str(rest);
            *text = filled;
        }
        Value::Array(items) => {
            let mut kept = Vec::with_capacity(items.len());
            for mut item in std::mem::take(items) {
                if fill(&mut item, preset, settings)? {
                    kept.push(item);
                }
            }
            *items = kept;
        }
        Value::Object(members) => {
            let mut unset = Vec::new();
            for (name, value) in members.iter_mut() {
                if !fill(value, preset, settings)? {
                    unset.push(name.clone());
                }
            }
            unset.iter().for_each(|name| drop(members.remove(name)));
        }
        _ => {}
    }
    Ok(true)
}

impl From<UnattendedPart> for Unattended {
    fn from(part: UnattendedPart) -> Self {
        let grant = match part.grant {
            GrantPart::ClientCredentials => GrantType::ClientCredentials,
            GrantPart::JwtBearer => GrantType::JwtBearer,
            GrantPart::TokenExchange => GrantType::TokenExchange(TokenExchange {
                subject_token_type: part.subject_token_type.unwrap_or_else(|| JWT.to_owned()),
                requested_token_type: part.requested_token_type,
            }),
        };
        Self { grant, audience: part.audience, assertion_audience: part.assertion_audience }
    }
}

/// The type of a JSON Web Token that is exchanged (RFC 8693 §3).
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

fn into_builder(filled: Filled) -> LatchBuilder {
    let client = filled.client;
    let client_id = client.client_id.unwrap_or_default();
    let mut builder = match client.issuer {
        Some(issuer) => Latch::builder(issuer, client_id),
        None => Latch::builder_without_issuer(client_id),
    };
    if let Some(discover) = client.discovery {
        builder = builder.discover(discover);
    }
    if let Some(authentication) = client.authentication {
        builder = builder.client_authentication(authentication.into());
    }
    if let Some(unattended) = filled.unattended.map(Unattended::from) {
        builder = builder.grant(unattended.grant);
        if let Some(audience) = unattended.audience {
            builder = builder.audience(Audience::Name(audience));
        }
    }
    if let Some(hexclave) = filled.hexclave {
        builder = builder.hexclave(Hexclave::from(hexclave));
    }
    if let Some(flow) = filled.login.flow {
        builder = builder.flow(flow.into());
    }
    for (name, value) in filled.parameters {
        builder = builder.parameter(name, value);
    }
    for scope in client.added_scopes {
        builder = builder.scope(scope);
    }
    builder
        .https_issuer(client.https_issuer)
        .request_format(client.request_format.unwrap_or_default().into())
        .pkce(client.pkce.unwrap_or_default().into())
        .token_type_optional(client.token_type_optional)
        .scopes(client.scopes)
        .endpoints(filled.endpoints.into())
        .assumed_endpoints(filled.assumed_endpoints.into())
        .redirect(Redirect {
            host: filled.login.redirect_host.unwrap_or_default().into(),
            ports: filled.login.ports,
            path: filled.login.redirect_path.unwrap_or_else(|| "/callback".to_owned()),
        })
        .api_origins(filled.api.origins)
}
