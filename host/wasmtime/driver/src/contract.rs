//! The types of `wit/login.wit`, generated as imports.
//!
//! Their `Debug` prints tokens: never format one with `{:?}`.

mod generated {
    #![allow(clippy::all, missing_docs, unreachable_pub)]
    wit_bindgen::generate!({
        path: "../../../wit",
        inline: "package latchstring:driver; world driver { import latchstring:login/flow@0.1.0; }",
        world: "latchstring:driver/driver",
        generate_all,
    });
}

pub use generated::latchstring::login::flow::*;

impl Default for Demand {
    /// A token that is good for now.
    fn default() -> Self {
        Self { min_ttl_ms: 0, force_refresh: false, examination: None }
    }
}
