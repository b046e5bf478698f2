//! The tests of everything together: the program, the library, and the providers that they
//! log in to. One binary, since each one links the sandbox: a module is a flow.
//!
//! They run beside each other in one process. What belongs to the whole of it (variables,
//! the folder, limits, the mask of new files) is set on the programs that a test starts.
//! A test for which that is not enough runs alone, with `latchstring_testing::alone`.

mod api_origins;
mod audience;
mod authgate;
mod authgate_default;
mod authgate_import;
mod authgate_ssh;
mod binding;
mod by_url;
mod chromium;
mod commands;
mod component;
mod concurrency;
mod conformance;
mod crash;
mod credential;
mod device;
mod dpop;
mod dpop_proxy;
mod egress;
mod exec;
mod faulty_provider;
mod fief;
mod fief_server;
mod first_login;
mod fresh_token;
mod hardening;
mod helpers;
mod hexclave;
mod hexclave_anonymous;
mod homes;
mod hostile_callback;
mod hosts;
mod kernel;
mod keyring;
mod library;
mod listening;
mod login;
mod looks;
mod mcp;
mod mock;
mod oauth2_mock_server;
mod oidc_provider;
mod pages;
mod parallel;
mod pkcs11;
mod private_issuer;
mod profiles;
mod readme;
mod renewal;
mod replay;
mod request;
mod request_answers;
mod secrets;
mod security;
mod settings;
#[cfg(target_os = "linux")]
mod shared_store;
mod shells;
mod ssh_agent;
mod stored_session;
mod stores;
mod stytch;
mod systems;
mod terminal;
mod terminal_modes;
mod thief;
mod torture;
mod transcripts;
mod trust;
mod two_users;
mod unattended;
mod usage;
mod waiting;
mod windows_console;
