//! Choice of the login flow for a machine.

use serde_json::json;

use super::given::{desk, openid};
use super::provider::{metadata, metadata_with};
use crate::contract::{Code, Facts, LoginFlow};
use crate::protocol::flow_choice::choose;

fn facts(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = desk();
    facts.display = false;
    change(&mut facts);
    facts
}

#[test]
fn each_machine_gets_the_flow_that_fits_it() {
    use LoginFlow::{Browser, Device, Paste};
    let offers = |facts: Facts| Facts { offers_device: Some(true), ..facts };
    let lacks = |facts: Facts| Facts { offers_device: Some(false), ..facts };
    let ssh = facts(|f| f.remote_shell = true);
    let ssh_with_display = facts(|f| (f.remote_shell, f.display) = (true, true));
    let container = facts(|f| f.container = true);
    let editor = facts(|f| (f.editor_terminal, f.remote_shell, f.container) = (true, true, true));
    let wsl = facts(|f| f.windows_interop = true);
    let bare = facts(|_| ());
    let script = facts(|f| f.terminal = false);
    let job = facts(|f| f.unattended = true);
    let rows = [
        ("a desk", desk(), Some(Browser)),
        ("a desk, device offered", offers(desk()), Some(Browser)),
        ("a remote shell", ssh, Some(Paste)),
        ("a remote shell, device offered", offers(ssh), Some(Device)),
        ("a remote shell, no device", lacks(ssh), Some(Paste)),
        ("a remote shell with X forwarded", ssh_with_display, Some(Paste)),
        ("the same, device offered", offers(ssh_with_display), Some(Device)),
        ("a container", container, Some(Paste)),
        ("a container, device offered", offers(container), Some(Device)),
        ("a container with a display", Facts { display: true, ..container }, Some(Paste)),
        ("an editor's terminal in a container over SSH", editor, Some(Browser)),
        ("the same, device offered", offers(editor), Some(Browser)),
        ("Linux beside Windows", wsl, Some(Browser)),
        ("the same with a display", Facts { display: true, ..wsl }, Some(Browser)),
        ("the same over SSH", Facts { remote_shell: true, ..wsl }, Some(Browser)),
        ("no display", bare, Some(Paste)),
        ("no display, device offered", offers(bare), Some(Device)),
        ("a script", script, None),
        ("a script, device offered", offers(script), None),
        ("a script on a desk", Facts { display: true, ..script }, None),
        ("a script over SSH", Facts { remote_shell: true, ..script }, None),
        ("a job with a terminal", job, None),
        ("a job on a desk", Facts { display: true, ..job }, None),
        (
            "a script with a browser command",
            Facts { browser_command: true, ..script },
            Some(Browser),
        ),
        ("a job with a browser command", Facts { browser_command: true, ..job }, Some(Browser)),
        ("SSH with a browser command", Facts { browser_command: true, ..ssh }, Some(Browser)),
        ("a script that shows the address", Facts { shows_address: true, ..script }, Some(Browser)),
        ("SSH that shows the address", Facts { shows_address: true, ..ssh }, Some(Browser)),
    ];
    for (name, facts, flow) in rows {
        let choice = choose(&facts);
        assert_eq!(choice.flow, flow, "{name}: {}", choice.reason);
        assert!(!choice.reason.is_empty());
    }
}

#[test]
fn a_login_chooses_when_it_knows_what_the_provider_offers() {
    let ssh = || openid().flow(None).facts(facts(|f| f.remote_shell = true)).login();
    let shown = ssh().discovers(metadata()).shown();
    assert_eq!(shown.flow, LoginFlow::Paste);
    assert!(shown.reason.unwrap().contains("remote shell"));
    let device = json!("https://id.example/device_authorization");
    let login = ssh().discovers(metadata_with("device_authorization_endpoint", device));
    assert_eq!(login.sent().url, "https://id.example/device_authorization");
}

#[test]
fn a_login_without_a_user_fails_with_a_remedy() {
    let login = openid().flow(None).facts(facts(|f| f.terminal = false)).login();
    let failure = login.discovers(metadata()).fails(Code::LoginRequired);
    assert!(failure.message.contains("no terminal"), "{}", failure.message);
    assert!(failure.remedy.contains("--flow"), "{}", failure.remedy);
}

#[test]
fn the_users_choice_takes_precedence() {
    let over_ssh = openid().flow(Some(LoginFlow::Browser)).facts(facts(|f| f.remote_shell = true));
    let shown = over_ssh.login().discovers(metadata()).shown();
    assert_eq!(shown.flow, LoginFlow::Browser);
    assert_eq!(shown.reason, None);
}
