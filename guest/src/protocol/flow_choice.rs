//! Choice of the login flow that fits a machine. A pure function, so that all hosts
//! choose the same way.

use crate::contract::{Facts, FlowChoice, LoginFlow};

/// Chooses a flow. The first rule that matches decides.
pub(crate) fn choose(facts: &Facts) -> FlowChoice {
    let choice = |flow, reason: &str| FlowChoice { flow: Some(flow), reason: reason.to_owned() };
    let remote = |why: &str| match facts.offers_device {
        Some(true) => choice(
            LoginFlow::Device,
            &format!("{why}, and the provider accepts a code on any device"),
        ),
        _ => choice(
            LoginFlow::Paste,
            &format!("{why}, so you paste the address your browser ends on"),
        ),
    };
    if facts.browser_command {
        return choice(LoginFlow::Browser, "a command for the browser is set");
    }
    if facts.shows_address {
        return choice(LoginFlow::Browser, "the address is shown and no browser is opened");
    }
    if facts.unattended {
        return no_flow("this is an automated job");
    }
    if !facts.terminal {
        return no_flow("there is no terminal");
    }
    if facts.editor_terminal {
        return choice(LoginFlow::Browser, "the editor opens the browser on its own machine");
    }
    if facts.windows_interop {
        return choice(LoginFlow::Browser, "the Windows browser is available");
    }
    if facts.remote_shell {
        return remote("this is a remote shell, and no browser can come back to it");
    }
    if facts.container {
        return remote("this is a container, and no browser can come back to it");
    }
    if facts.display {
        return choice(LoginFlow::Browser, "there is a display for a browser");
    }
    remote("there is no display for a browser")
}

/// Returns the flows that the user may try after `tried` has failed: first the same one,
/// then the others, each only if it can work.
pub(crate) fn flows_after(facts: &Facts, tried: LoginFlow) -> Vec<LoginFlow> {
    let local = Facts { offers_device: Some(false), ..*facts };
    let can_work = |flow: &LoginFlow| match flow {
        LoginFlow::Device => facts.offers_device == Some(true),
        LoginFlow::Browser => *flow == tried || choose(&local).flow == Some(LoginFlow::Browser),
        LoginFlow::Paste => true,
    };
    let others = [LoginFlow::Browser, LoginFlow::Device, LoginFlow::Paste];
    let others = others.into_iter().filter(|flow| *flow != tried);
    [tried].into_iter().chain(others).filter(can_work).collect()
}

fn no_flow(reason: &str) -> FlowChoice {
    FlowChoice { flow: None, reason: reason.to_owned() }
}
