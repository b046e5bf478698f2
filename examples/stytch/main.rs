//! `auth` logs in to a Stytch Connected App, `get_resources` calls an API with the
//! token.
//!
//! STYTCH_PROJECT_ID, STYTCH_CLIENT_ID and STYTCH_AUTHORIZE_URL name the project;
//! RESOURCES_URL is what is called.
#![allow(clippy::print_stdout, reason = "it is what the program is for")]

fn main() {}
