//! The types of `wit/login.wit`, generated.
//!
//! Their `Debug` prints tokens: never format one with `{:?}`.

mod generated {
    #![allow(missing_docs, clippy::all, unreachable_pub)]
    wasmtime::component::bindgen!({ path: "../wit", world: "login" });
}

pub use generated::Login;
pub use generated::exports::latchstring::login::flow::*;

impl Default for Demand {
    /// A token that is good for now.
    fn default() -> Self {
        Self { min_ttl_ms: 0, force_refresh: false, userinfo: false }
    }
}

impl Default for Endpoints {
    /// None given by hand.
    fn default() -> Self {
        Self {
            authorization: None,
            token: None,
            userinfo: None,
            revocation: None,
            device_authorization: None,
            jwks: None,
            end_session: None,
        }
    }
}
