//! Where a token may be sent, and where not.

use latchstring_provider::{Options, Provider};
use latchstring_testing::api::Api;
use latchstring_testing::http::Trap;
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Run, run};

fn get(home: &Home, api: &Api, words: &[&str]) -> Run {
    home.latch(&[&["request", "GET", &api.url("/")], words].concat())
}

#[track_caller]
fn refused(home: &Home, api: &Api, words: &[&str]) {
    get(home, api, words).failed(6, "egress-denied").saying(&[api.origin()]);
    assert!(api.log().is_empty());
}

#[test]
fn an_origin_that_nobody_named_hears_nothing_and_costs_no_renewal() {
    let home = Home::new();
    home.login();
    let mut session = Session::read(&home.session_file());
    session.inner["expires_at_ms"] = 1.into();
    session.header["origins"] = serde_json::json!([home.provider.issuer(), "https://api.example"]);
    session.write();
    let (trap, asked) = (Trap::set(), home.provider.log().len());
    let origin = trap.origin();
    let add = format!("latch profile add default --api-origin {origin}");
    let once = format!("--allow-origin {origin}");
    let url = format!("{origin}/steal?a=b");
    let run = home.latch(&["request", "GET", &url]).failed(6, "egress-denied");
    run.saying(&[&origin, &add, &once]);
    for url in ["https://api.example/", "http://192.0.2.1/", "file:///etc/passwd"] {
        home.latch(&["request", "GET", url]).failed(6, "egress-denied");
    }
    let with_name = url.replace("http://", "http://ada:hunter2@");
    let run = home.latch(&["request", "GET", &with_name, "--allow-origin", &origin]);
    assert!(!run.failed(2, "invalid-configuration").stderr.contains("hunter2"));
    assert!(trap.is_untouched());
    assert_eq!(home.provider.log().len(), asked);
}

#[test]
fn an_origin_may_be_named_for_one_request_by_flag_or_by_variable() {
    let (home, api) = (Home::new(), Api::answering("200 OK", ""));
    home.login();
    get(&home, &api, &["--allow-origin", "https://api.example", "--allow-origin", api.origin()])
        .succeeded();
    let url = api.url("/");
    for variable in ["LATCH_ALLOW_ORIGIN", "LATCH_API_ORIGIN"] {
        let mut command = home.command(&["request", "GET", &url]);
        run(command.env(variable, format!("https://api.example {}", api.origin()))).succeeded();
    }
    assert_eq!(api.log().len(), 3);
    let (home, api) = (Home::new(), Api::answering("200 OK", ""));
    home.login();
    refused(&home, &api, &[]);
}

#[test]
fn a_login_remembers_origins_and_so_does_a_profile() {
    let (home, api) = (Home::new(), Api::answering("200 OK", ""));
    home.login_with(&["--api-origin", api.origin()]);
    let line = format!("api-origins = [\"{}\"]", api.origin());
    assert!(home.config().contains(&line), "{}", home.config());
    get(&home, &api, &[]).succeeded();
    home.login();
    get(&home, &api, &[]).succeeded();

    let other = Api::answering("200 OK", "");
    let add = ["profile", "add", "default", "--api-origin"];
    home.latch(&[&add[..], &[other.origin()]].concat()).succeeded();
    get(&home, &other, &[]).succeeded();
    for origin in ["http://api.example", "https://api.example/v1", "https://*.example"] {
        home.latch(&[&add[..], &[origin]].concat()).failed(2, "invalid-configuration");
    }
}

#[test]
fn the_resource_that_a_token_is_for_may_have_it() {
    let (home, api) = (Home::new(), Api::answering("200 OK", ""));
    home.login_with(&["--resource", &api.url("/v1")]);
    get(&home, &api, &[]).succeeded();
}

#[test]
fn what_was_named_for_one_provider_is_not_for_another() {
    let (home, api) = (Home::new(), Api::answering("200 OK", ""));
    home.login_with(&["--api-origin", api.origin()]);
    let other = Provider::start(Options::default()).expect("a provider");
    refused(&home, &api, &["--issuer", other.issuer(), "--client-id", "demo"]);
    // A folder's .env leads nowhere else: the profile stays what it is.
    home.write_dotenv(&format!("LATCH_ISSUER={}\nLATCH_CLIENT_ID=demo\n", other.issuer()));
    get(&home, &api, &[]).succeeded();
    assert!(other.log().is_empty());
}

#[test]
fn a_folder_names_no_origins() {
    let (home, api) = (Home::new(), Api::answering("200 OK", ""));
    home.login();
    home.write_dotenv(&format!(
        "LATCH_API_ORIGIN={origin}\nLATCH_ALLOW_ORIGIN={origin}\nLATCH_RESOURCE={origin}\n\
         LATCH_USERINFO_ENDPOINT={origin}/\n",
        origin = api.origin()
    ));
    refused(&home, &api, &[]);
}

#[test]
fn a_header_that_would_replace_the_token_or_bring_others_along_is_refused() {
    let (home, api) = (Home::new(), Api::answering("200 OK", ""));
    home.login_with(&["--api-origin", api.origin()]);
    for header in [
        "authorization: Bearer hunter2",
        "AUTHORIZATION:hunter2",
        "X-A: hunter2\r\nX-B: c",
        "X-A: hunter2\n",
        "X-A\r\nX-B: hunter2",
        "Host: hunter2",
        "Content-Length: 7",
        " : hunter2",
        "hunter2",
    ] {
        let run = get(&home, &api, &["-H", header]).failed(2, "invalid-configuration");
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    }
    for method in ["TRACE", "CONNECT", "GET / HTTP/1.1\r\nX-A: b\r\n\r\nGET"] {
        home.latch(&["request", method, &api.url("/")]).failed(2, "invalid-configuration");
    }
    assert!(api.log().is_empty());
}
