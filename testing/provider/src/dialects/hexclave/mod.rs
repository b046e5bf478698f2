//! Hexclave: a code to poll with, a page to confirm the login on, and refresh tokens that
//! do not rotate.
//!
//! None of this is OAuth: all routes are its own.

mod api;
mod cli;
mod errors;
mod page;
mod sessions;

use super::demo::STANDARD;
use crate::dialect::{AccessToken, Dialect, Route};
use crate::issuer::IssuerRule;
use crate::keys::Signing;
use api::{call, post};

/// Hexclave, formerly Stack Auth.
pub static HEXCLAVE: Dialect = Dialect {
    name: "hexclave",
    // Only its access tokens name an issuer.
    issuer: IssuerRule { scheme: "http", path: "/api/v1/projects/{project_id}", any_path: false },
    routes: &[
        Route::own(page::PATH, page::confirm),
        Route::own("/api/v1/auth/cli", |context, asked| post(context, asked, cli::begin)),
        Route::own("/api/v1/auth/cli/poll", |context, asked| post(context, asked, cli::poll)),
        Route::own("/api/v1/auth/anonymous/sign-up", |context, asked| {
            post(context, asked, sessions::sign_up_anonymously)
        }),
        Route::own("/api/v1/auth/sessions/current/refresh", |context, asked| {
            post(context, asked, sessions::refresh)
        }),
        Route::own("/api/v1/auth/sessions/current", |context, asked| {
            call(context, asked, "DELETE", sessions::sign_out)
        }),
        Route::protected("/api/v1/users/me", |context, asked| {
            call(context, asked, "GET", sessions::me)
        }),
    ],
    client_id: "demo-project",
    signing: Signing::Rs256,
    expires_in: 600,
    access_token: AccessToken::Signed(sessions::claims),
    polls_own_route: true,
    ..STANDARD
};
