//! Clients with a certificate (RFC 8705).

use serde_json::json;

use super::given::{Given, openid};
use super::provider::{id_token, metadata, tokens, usual_keys};
use super::script::Script;

fn login(given: Given) -> Script {
    let mut metadata = metadata();
    metadata["mtls_endpoint_aliases"] = json!({
        "token_endpoint": "https://mtls.id.example/token",
        "revocation_endpoint": "https://mtls.id.example/revoke",
    });
    given.login().discovers(metadata).redirects("code=c0de&state={state}")
}

#[test]
fn requests_with_a_certificate_go_where_it_is_expected() {
    let with_certificate = || openid().client(|client| client.certificate = true);
    assert_eq!(login(openid()).sent().url, "https://id.example/token");
    let login = login(with_certificate());
    assert_eq!(login.sent().url, "https://mtls.id.example/token");
    assert_eq!(login.sent().form.one("client_id"), Some("cli"));
    let login = login.redeems(tokens(1).and(id_token())).fetches_keys(usual_keys());
    let stored = login.locks(None).saves().stored();
    let token = with_certificate().stored(stored.clone()).force_refresh().token();
    assert_eq!(token.locks(stored.clone()).sent().url, "https://mtls.id.example/token");
    let logout = with_certificate().stored(stored.clone()).logout().locks(stored);
    assert_eq!(logout.sent().url, "https://mtls.id.example/revoke");
}
