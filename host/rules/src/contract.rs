//! Generated types of `wit/rules.wit`.

#[allow(missing_docs, unreachable_pub)]
pub(crate) mod generated {
    wit_bindgen::generate!({
        path: "../../wit/rules.wit",
        world: "rules",
        pub_export_macro: true,
    });
}

pub(crate) use generated::exports::latchstring::rules::host::*;
