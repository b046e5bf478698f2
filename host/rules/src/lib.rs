//! The rules of `latchstring-core` as a component: WIT calls, forwarded to the crate.
//!
//! Hosts in Rust link the crate instead.

mod contract;
mod egress;
mod interaction;
mod limits;
mod listener;
mod sessions;

use latchstring_core::error::{Error, code_name};

use crate::contract as wit;

struct Component;

/// Exports every function of the interface in one place: the modules hold the resources.
impl wit::Guest for Component {
    type Egress = egress::Policy;
    type Budget = limits::Limits;
    type Listener = listener::Requests;
    type Interaction = interaction::Login;

    fn is_public(address: String) -> bool {
        egress::is_public(&address)
    }

    fn check_redirect_path(path: String) -> Result<(), wit::Failure> {
        listener::check_redirect_path(path)
    }

    fn end_address() -> String {
        latchstring_core::listener::END_ADDRESS.to_owned()
    }

    fn abandoned() -> wit::Page {
        latchstring_core::pages::Pages::default().abandoned().into()
    }

    fn session_limit() -> u64 {
        latchstring_core::session::SESSION_LIMIT
    }

    fn parse_header(
        line: Vec<u8>,
        rest_bytes: Option<u64>,
        place: String,
    ) -> Result<Vec<String>, wit::Failure> {
        sessions::parse_header(&line, rest_bytes, &place)
    }

    fn header_line(origins: Vec<String>, session_bytes: u64) -> Result<String, wit::Failure> {
        sessions::header_line(&origins, session_bytes)
    }

    fn file_stem(profile: String, account: String) -> Result<String, wit::Failure> {
        sessions::file_stem(profile, account)
    }

    fn registration_stem(name: String) -> Result<String, wit::Failure> {
        sessions::registration_stem(&name)
    }

    fn aside_name(turn: u32) -> String {
        latchstring_core::session::aside_name(turn)
    }
}

impl From<Error> for wit::Failure {
    fn from(error: Error) -> Self {
        Self {
            code: code_name(error.code()).to_owned(),
            message: error.message().to_owned(),
            remedy: error.remedy().to_owned(),
        }
    }
}

contract::generated::export!(Component with_types_in contract::generated);
