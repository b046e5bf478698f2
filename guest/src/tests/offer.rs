//! Offers of another flow after an attempt that failed.

use serde_json::json;

use super::given::{Given, desk, openid};
use super::provider::{
    id_token, metadata, metadata_with, not_found, oauth_error, tokens, usual_keys,
};
use super::script::Script;
use crate::contract::{Code, Facts, LoginFlow};

const DEVICE_ENDPOINT: &str = "https://id.example/device_authorization";

fn code() -> serde_json::Value {
    json!({
        "device_code": "device-secret",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://id.example/device",
        "expires_in": 600,
    })
}

fn with_device(given: Given) -> Script {
    let endpoint = json!(DEVICE_ENDPOINT);
    given.login().discovers(metadata_with("device_authorization_endpoint", endpoint))
}

fn by(flow: LoginFlow) -> Given {
    openid().flow(Some(flow))
}

fn by_device(login: Script) {
    let login = login.codes(code()).presents().polls_after(5, tokens(1).and(id_token()));
    login.fetches_keys(usual_keys()).locks(None).saves().grants();
}

fn by_redirect(login: Script) {
    let login = login.redirects("code=c0de&state={state}").redeems(tokens(1).and(id_token()));
    login.fetches_keys(usual_keys()).locks(None).saves().grants();
}

#[test]
fn after_a_timeout_in_the_browser_every_flow_is_offered() {
    use LoginFlow::*;
    let late = || with_device(by(Browser)).times_out();
    assert_eq!(late().offer().flows, [Browser, Device, Paste]);
    assert!(late().offer().reason.contains("in time"));
    by_redirect(late().chooses(Browser));
    by_redirect(late().chooses(Paste));
    by_device(late().chooses(Device));
}

#[test]
fn only_flows_that_can_work_are_offered() {
    use LoginFlow::*;
    let without_device = by(Browser).login().discovers(metadata()).times_out();
    assert_eq!(without_device.offer().flows, [Browser, Paste]);
    let remote = Facts { remote_shell: true, ..desk() };
    let login = with_device(by(Paste).facts(remote)).times_out();
    assert_eq!(login.offer().flows, [Paste, Device]);
}

#[test]
fn an_expired_code_can_be_replaced_by_a_new_one() {
    let login = with_device(by(LoginFlow::Device)).codes(code()).presents();
    let login = login.polls_after(5, oauth_error("expired_token"));
    assert_eq!(login.offer().flows[0], LoginFlow::Device);
    by_device(login.chooses(LoginFlow::Device));
}

#[test]
fn without_device_login_another_flow_is_offered() {
    use LoginFlow::*;
    let login = by(Device).login().discovers(metadata());
    assert_eq!(login.offer().flows, [Browser, Paste]);
    assert!(login.offer().reason.contains("no device login"), "{}", login.offer().reason);
    by_redirect(login.chooses(Paste));
    let login = with_device(by(Device)).codes(not_found());
    assert_eq!(login.offer().flows, [Browser, Paste]);
    by_redirect(login.chooses(Browser));
}

#[test]
fn another_flow_may_be_chosen_while_waiting() {
    let login = with_device(by(LoginFlow::Paste));
    assert_eq!(login.shown().alternatives, [LoginFlow::Browser, LoginFlow::Device]);
    by_device(login.chooses(LoginFlow::Device));
}

#[test]
fn another_attempt_shares_no_secret_with_the_last_one() {
    let first = by(LoginFlow::Browser).login().discovers(metadata());
    let one = first.shown();
    let second = first.times_out().chooses(LoginFlow::Browser);
    let two = second.shown();
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(one.query.one(name), two.query.one(name), "{name}");
    }
    let state = one.query.one("state").unwrap();
    let waiting = second.visits(&format!("/callback?code=c0de&state={state}"));
    assert!(waiting.shown().notice.is_some());
}

#[test]
fn without_a_terminal_no_flow_is_offered() {
    let unattended = Facts { terminal: false, browser_command: true, ..desk() };
    let login = with_device(by(LoginFlow::Browser).facts(unattended));
    login.times_out().fails(Code::TimedOut);
    let login = by(LoginFlow::Device).facts(unattended).login().discovers(metadata());
    login.fails(Code::DeviceLoginUnavailable);
}
