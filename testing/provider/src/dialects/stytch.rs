//! Stytch Connected Apps: requests and responses in JSON, each response with its status
//! and a request id.
//!
//! It has a route of its own, `/api/resources`, which is the API of an application. The
//! authorization endpoint is the application's too: it is not under the issuer.

use serde_json::{Map, Value, json};

use super::demo::STANDARD;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::bearer::bearer;
use crate::claims::{Login, by_scope, members};
use crate::context::Context;
use crate::dialect::{AccessToken, Body, Dialect, Pages, Route, Wanted};
use crate::endpoint::Endpoint;
use crate::issuer::IssuerRule;
use crate::keys::Signing;
use crate::random::random_text;

/// Path of the issuers, before the project.
const PROJECTS: &str = "/v1/public/";

/// Stytch Connected Apps.
pub static STYTCH: Dialect = Dialect {
    name: "stytch",
    issuer: IssuerRule { scheme: "http", path: "/v1/public/{project_id}", any_path: false },
    routes: &[
        Route::new("{issuer}/.well-known/openid-configuration", Endpoint::Metadata),
        Route::new("{issuer}/.well-known/jwks.json", Endpoint::Jwks),
        Route::new("/oauth/authorize", Endpoint::Authorization),
        Route::new("{issuer}/oauth2/token", Endpoint::Token),
        Route::new("{issuer}/oauth2/userinfo", Endpoint::Userinfo),
        Route::new("{issuer}/oauth2/revoke", Endpoint::Revocation),
        Route::protected("/api/resources", resources),
    ],
    more_metadata: |_| json!({}),
    drops_unknown_scopes: false,

    client_id: "cli-app",
    redirect_uris: &["http://127.0.0.1/callback"],

    names_issuer: false,
    pages: Pages::LoginThenConsent,

    body: Body::Json,
    // Stytch's own client omits it.
    redirect_uri: Wanted::IfSent,

    signing: Signing::Rs256,
    access_token: AccessToken::Signed(|login| {
        members(json!({
            "aud": [login.issuer.path.trim_start_matches(PROJECTS)],
            "client_id": login.grant.client_id,
            "scope": login.scopes.join(" "),
        }))
    }),
    id_token_claims: |login| by_scope(login, true),
    reuse_ends_session: false,

    userinfo: |login| by_scope(login, true),
    userinfo_scope: None,

    granted,
    refused: |refusal| {
        let status = if refusal.error == "invalid_client" { 401 } else { 400 };
        error(status, refusal.error, &refusal.description)
    },
    not_found: |_, asked| match asked.path.strip_prefix(PROJECTS) {
        Some(_) => error(404, "project_not_found", "there is no such project"),
        None => error(404, "route_not_found", "there is nothing here"),
    },
    ..STANDARD
};

fn resources(context: &Context, asked: &Asked) -> Answer {
    let state = &context.state();
    match bearer(context, state, asked, None) {
        Ok(good) => {
            let user = Login::of_bearer(state, &good, &context.issuer).user;
            let resources = json!([{ "id": "1", "name": "First resource" }]);
            Answer::json(200, &json!({ "user_id": user.id, "resources": resources }))
        }
        Err(refusal) => refusal,
    }
}

fn granted(mut members: Map<String, Value>) -> Answer {
    members.insert("status_code".into(), json!(200));
    members.insert("request_id".into(), json!(request_id()));
    Answer::json(200, &Value::Object(members)).not_stored()
}

fn error(status: u16, kind: &str, message: &str) -> Answer {
    let document = json!({
        "status_code": status,
        "request_id": request_id(),
        "error_type": kind,
        "error_message": message,
        "error_url": format!("https://stytch.com/docs/api/errors/{status}"),
    });
    Answer::json(status, &document).not_stored()
}

fn request_id() -> String {
    format!("request-id-test-{}", random_text())
}
