//! Generated types of `wit/login.wit`.
//!
//! Never format one with `{:?}`: their `Debug` prints tokens.

#[allow(missing_docs, unreachable_pub)]
pub(crate) mod generated {
    wit_bindgen::generate!({
        path: "../wit/login.wit",
        world: "login",
        pub_export_macro: true,
    });
}

pub(crate) use generated::exports::latchstring::login::flow::*;

impl Client {
    /// The client identifier. Empty while it is still to be found.
    pub(crate) fn id(&self) -> &str {
        self.client_id.as_deref().unwrap_or_default()
    }

    /// Whether tokens are granted without a user, who would log in.
    pub(crate) fn is_unattended(&self) -> bool {
        !matches!(self.grant, GrantType::User)
    }

    /// Whether the provider speaks OAuth. One with a protocol of its own has no metadata,
    /// no ID tokens and no endpoints to configure.
    pub(crate) fn speaks_oauth(&self) -> bool {
        matches!(self.protocol, Protocol::Oauth)
    }
}
