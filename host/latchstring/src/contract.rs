//! Types of the contract between host and component that a caller or a capability meets:
//! those of [`wit/login.wit`](https://github.com/latchstring/latchstring/blob/main/wit/login.wit).
//!
//! The `Debug` of [`Tokens`], [`Request`] and [`Response`] prints tokens: never format one
//! with `{:?}`.

pub use latchstring_core::contract::{
    AccessRules, AssertionPurpose, AssertionRequest, Audience, ClientAuthentication, ClientKey,
    Demand, Description, Endpoints, Examination, Facts, FlowChoice, GrantType, Header, Hexclave,
    HexclaveHeaders, LoginFlow, LogoutReport, Method, Pkce, RegistrationEnd, Request,
    RequestFormat, Response, SigningAlgorithm, TokenExchange, TokenHint, TokenSource, TokenState,
    Tokens, Unrevoked, UnrevokedCause,
};
