//! Generated types of `wit/login.wit`.

#[allow(missing_docs, unreachable_pub)]
pub(crate) mod generated {
    wit_bindgen::generate!({
        path: "../../../wit/login.wit",
        world: "login",
        pub_export_macro: true,
    });
}

pub(crate) use generated::exports::latchstring::login::flow::*;
