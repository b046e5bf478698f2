//! Converts values of the contract to JSON and back, in the form that `values` of the native
//! host has.
//!
//! The generated types carry no names, so each is listed here once. A member too many or too
//! few does not compile.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::error::code_name;
use latchstring_core::contract::*;

/// The greatest integer that every JSON reader keeps exactly.
const GREATEST_INTEGER: u64 = (1 << 53) - 1;

/// Says where a value does not have its type, and what was expected.
pub(super) struct Misfit {
    path: Vec<String>,
    expected: &'static str,
}

impl Misfit {
    fn new(expected: &'static str) -> Self {
        Self { path: Vec::new(), expected }
    }

    pub(super) fn within(mut self, name: &str) -> Self {
        self.path.insert(0, name.to_owned());
        self
    }

    /// Returns what was expected, and where, in one phrase.
    pub(super) fn in_words(&self) -> String {
        format!("expected {} at {}", self.expected, self.path.join("."))
    }
}

/// A type that a host sends to the component.
pub(super) trait Decode: Sized {
    fn decode(json: &Value) -> Result<Self, Misfit>;
}

/// A type that the component answers with.
pub(super) trait Encode {
    fn encode(&self) -> Value;
}

/// Returns a name such as `now_ms` or `NowMs` as the contract spells it: `now-ms`.
fn in_kebab_case(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c == '_' {
            kebab.push('-');
        } else if c.is_ascii_uppercase() {
            if !kebab.is_empty() {
                kebab.push('-');
            }
            kebab.push(c.to_ascii_lowercase());
        } else {
            kebab.push(c);
        }
    }
    kebab
}

fn member<T: Decode>(members: &Map<String, Value>, name: &str) -> Result<T, Misfit> {
    let name = in_kebab_case(name);
    let json = members.get(&name).ok_or_else(|| Misfit::new("a value").within(&name))?;
    T::decode(json).map_err(|misfit| misfit.within(&name))
}

macro_rules! told_records {
    ($($record:ident { $($field:ident),* })*) => {$(
        impl Decode for $record {
            fn decode(json: &Value) -> Result<Self, Misfit> {
                let members = json.as_object().ok_or_else(|| Misfit::new("an object"))?;
                if members.len() != [$(stringify!($field)),*].len() {
                    return Err(Misfit::new("each member once and no other"));
                }
                Ok(Self { $($field: member(members, stringify!($field))?),* })
            }
        }
    )*};
}

macro_rules! answered_records {
    ($($record:ident { $($field:ident),* })*) => {$(
        impl Encode for $record {
            fn encode(&self) -> Value {
                let Self { $($field),* } = self;
                let members = [$((in_kebab_case(stringify!($field)), $field.encode())),*];
                Value::Object(members.into_iter().collect())
            }
        }
    )*};
}

macro_rules! told_enums {
    ($($kind:ident { $($case:ident),* })*) => {$(
        impl Decode for $kind {
            fn decode(json: &Value) -> Result<Self, Misfit> {
                let name = json.as_str().ok_or_else(|| Misfit::new("a name"))?;
                let known = [$((stringify!($case), Self::$case)),*];
                let found = known.into_iter().find(|(case, _)| in_kebab_case(case) == name);
                found.map(|(_, value)| value).ok_or_else(|| Misfit::new("another name"))
            }
        }
    )*};
}

macro_rules! answered_enums {
    ($($kind:ident { $($case:ident),* })*) => {$(
        impl Encode for $kind {
            fn encode(&self) -> Value {
                match self {
                    $(Self::$case => in_kebab_case(stringify!($case)).into(),)*
                }
            }
        }
    )*};
}

macro_rules! told_variants {
    ($($variant:ident { $($bare:ident),* ; $($case:ident),* })*) => {$(
        impl Decode for $variant {
            fn decode(json: &Value) -> Result<Self, Misfit> {
                let (name, payload) = case(json).ok_or_else(|| Misfit::new("one case"))?;
                match payload {
                    None => {
                        $(if in_kebab_case(stringify!($bare)) == name {
                            return Ok(Self::$bare);
                        })*
                    }
                    Some(payload) => {
                        $(if in_kebab_case(stringify!($case)) == name {
                            let value = Decode::decode(payload);
                            return value.map(Self::$case).map_err(|misfit| misfit.within(name));
                        })*
                    }
                }
                Err(Misfit::new("another case"))
            }
        }
    )*};
}

macro_rules! answered_variants {
    ($($variant:ident { $($bare:ident),* ; $($case:ident),* })*) => {$(
        impl Encode for $variant {
            fn encode(&self) -> Value {
                match self {
                    $(Self::$bare => in_kebab_case(stringify!($bare)).into(),)*
                    $(Self::$case(payload) => {
                        json!({ in_kebab_case(stringify!($case)): payload.encode() })
                    })*
                }
            }
        }
    )*};
}

told_records! {
    AccessRules { scopes, acr, permissions }
    Client {
        issuer, resource_url, discover, endpoints, assumed_endpoints, https_issuer, client_id,
        client_metadata_url, client_secret, authentication, key, decrypts, dpop, certificate, security, grant, scopes,
        resources, audience, authorization_details, signs_request, demands_signed_response,
        parameters, pkce, token_type_optional, request_format, protocol
    }
    ClientKey { algorithm, id, audience }
    Context { now_ms, entropy }
    Demand { min_ttl_ms, force_refresh, examination, challenge }
    DpopKey { algorithm, jwk }
    Endpoints {
        authorization, token, userinfo, revocation, device_authorization, jwks, end_session,
        introspection, tokeninfo
    }
    Facts {
        terminal, unattended, browser_command, shows_address, display, remote_shell,
        windows_interop, container, editor_terminal, offers_device
    }
    Header { name, value }
    Hexclave { app_url, publishable_client_key, headers }
    LoginRequest {
        flow, facts, redirect_uri, patience_ms, anonymous_refresh_token, challenge,
        accepted_issuer_host, register, initial_access_token
    }
    Parameter { name, value }
    Response { status, headers, body }
    TokenExchange { subject_token_type, requested_token_type }
    Tokens { access_token, refresh_token, expires_at_ms, scopes }
    Unreachable { reason, sent }
}

told_enums! {
    ClientAuthentication {
        None, ClientSecretBasic, ClientSecretPost, ClientSecretJwt, PrivateKeyJwt, Assertion
    }
    HexclaveHeaders { Hexclave, Stack }
    LoginFlow { Browser, Paste, Device }
    Pkce { Discovered, Known, Required }
    RequestFormat { Form, Json }
    Security { Usual, Fapi2 }
    SigningAlgorithm { Es256, Eddsa, Ps256, Rs256 }
}

told_variants! {
    Audience { ; Resource, Name }
    Examination { Userinfo, Verification, Introspection, Tokeninfo; Local }
    GrantType { User, ClientCredentials, JwtBearer; TokenExchange }
    Protocol { Oauth; Hexclave }
    NoResponse { ; Unreachable, TooLarge, Denied }
    Reply {
        Begin, Probed, Confirmed, Presented, Cancelled, TimedOut, Saved;
        Locked, Registration, Answered, Redirected, Pasted, Chosen, Assertion, Signed, Decrypted, NotSaved
    }
}

answered_records! {
    AssertionRequest { purpose, audience, resources, scopes }
    Authorization { url, flow, reason, wait_ms, notice, alternatives }
    Confirmation { issuer_host, resource_host, asks, wait_ms }
    DevicePrompt { user_code, verification_uri, verification_uri_complete, expires_at_ms }
    Exchange { purpose, wait_ms, timeout_ms, remark, request }
    Failure { code, message, remedy, provider, retryable }
    Grant {
        access_token, token_type, scopes, expires_at_ms, renew_at_ms, id_token, claims, report,
        refresh_token_hint, headers, authorization_details, source, notices,
        refused_parameters
    }
    Header { name, value }
    LogoutReport { was_logged_in, revoked, not_revoked, end_session_url, registration }
    Offer { reason, flows, wait_ms }
    ProviderError { error, description }
    RegistrationEnd { kept }
    SigningRequest { key, algorithm, input }
    Request { method, url, headers, body }
    Unrevoked { token, cause, reason }
    Visit { url, opens, expires_at_ms }
}

answered_enums! {
    AssertionPurpose { Client, Subject }
    LoginFlow { Browser, Paste, Device }
    Method { Get, Post, Delete }
    Purpose {
        Metadata, Challenge, ResourceMetadata, Registration, Token, Keys, Userinfo, Revocation,
        PushedAuthorization, DeviceAuthorization, Poll, Introspection
    }
    SigningAlgorithm { Es256, Eddsa, Ps256, Rs256 }
    SigningKey { Client, Dpop }
    TokenHint { AccessToken, RefreshToken }
    TokenSource { Login, Cached, Renewed, Adopted }
    UnrevokedCause { NotOffered, Refused, Unreachable }
}

answered_variants! {
    Action {
        Lock, Probe;
        Exchange, Authorize, Present, Visit, Offer, ReadRegistration, LockRegistration,
        SaveRegistration, Confirm, ReadAssertion, Sign, Decrypt, Save, Done
    }
    Outcome { ; Granted, LoggedOut }
}

impl Encode for Code {
    fn encode(&self) -> Value {
        code_name((*self).into()).into()
    }
}

/// Returns the name of a case, and its payload if it has one.
fn case(json: &Value) -> Option<(&str, Option<&Value>)> {
    match json {
        Value::String(name) => Some((name, None)),
        Value::Object(members) if members.len() == 1 => {
            members.iter().next().map(|(name, payload)| (name.as_str(), Some(payload)))
        }
        _ => None,
    }
}

impl Decode for bool {
    fn decode(json: &Value) -> Result<Self, Misfit> {
        json.as_bool().ok_or_else(|| Misfit::new("true or false"))
    }
}

impl Decode for String {
    fn decode(json: &Value) -> Result<Self, Misfit> {
        json.as_str().map(str::to_owned).ok_or_else(|| Misfit::new("a text"))
    }
}

impl Decode for u64 {
    fn decode(json: &Value) -> Result<Self, Misfit> {
        let number = json.as_u64().filter(|number| *number <= GREATEST_INTEGER);
        number.ok_or_else(|| Misfit::new("a smaller whole number"))
    }
}

impl Decode for u16 {
    fn decode(json: &Value) -> Result<Self, Misfit> {
        let number = u64::decode(json)?;
        Self::try_from(number).map_err(|_| Misfit::new("a smaller whole number"))
    }
}

impl Decode for Vec<u8> {
    fn decode(json: &Value) -> Result<Self, Misfit> {
        let bytes = match case(json) {
            Some(("text", Some(Value::String(text)))) => Some(text.clone().into_bytes()),
            Some(("base64", Some(Value::String(text)))) => STANDARD.decode(text).ok(),
            _ => None,
        };
        bytes.ok_or_else(|| Misfit::new("bytes as text or base64"))
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(json: &Value) -> Result<Self, Misfit> {
        let items = json.as_array().ok_or_else(|| Misfit::new("a list"))?;
        let decoded = items.iter().enumerate().map(|(position, json)| {
            T::decode(json).map_err(|misfit| misfit.within(&position.to_string()))
        });
        decoded.collect()
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(json: &Value) -> Result<Self, Misfit> {
        if json.is_null() { Ok(None) } else { T::decode(json).map(Some) }
    }
}

impl<T: Decode, E: Decode> Decode for Result<T, E> {
    fn decode(json: &Value) -> Result<Self, Misfit> {
        match case(json) {
            Some(("ok", Some(payload))) => {
                T::decode(payload).map(Ok).map_err(|misfit| misfit.within("ok"))
            }
            Some(("error", Some(payload))) => {
                E::decode(payload).map(Err).map_err(|misfit| misfit.within("error"))
            }
            _ => Err(Misfit::new("ok or error")),
        }
    }
}

impl Encode for bool {
    fn encode(&self) -> Value {
        (*self).into()
    }
}

impl Encode for u64 {
    fn encode(&self) -> Value {
        (*self).into()
    }
}

impl Encode for String {
    fn encode(&self) -> Value {
        self.as_str().into()
    }
}

impl Encode for Vec<u8> {
    fn encode(&self) -> Value {
        match std::str::from_utf8(self) {
            Ok(text) => json!({ "text": text }),
            Err(_) => json!({ "base64": STANDARD.encode(self) }),
        }
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self) -> Value {
        self.iter().map(T::encode).collect()
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::encode)
    }
}
