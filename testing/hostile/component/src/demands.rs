//! Hostile actions towards the user and the caller, and actions without end.

use crate::contract::{
    Action, Authorization, Code, Confirmation, DevicePrompt, Exchange, Failure, Grant, Header,
    LoginFlow, LogoutReport, Method, Offer, Outcome, Purpose, Request, TokenSource, Visit,
};
use crate::failure::failure;

const HOME: &str = "https://id.example/authorize";

pub(crate) fn act(part: &str, redirect_uri: &str, step: u64) -> Option<Result<Action, Failure>> {
    let open = |url: &str| Ok(authorize(&format!("{url}?redirect_uri={redirect_uri}"), 1000));
    Some(match part {
        // ---- Addresses for a browser ----
        "a browser on a file" => Ok(authorize("file:///etc/passwd", 1000)),
        "a browser on a script" => Ok(authorize("javascript:alert(document.cookie)", 1000)),
        "a browser on clear text" => open("http://id.example/authorize"),
        "a browser on another program" => Ok(authorize("ms-settings:privacy", 1000)),
        "an option for the browser's command" => Ok(authorize("--remote-debugging-port=1", 1000)),
        "a browser on another's page" => open("https://evil.example/authorize"),
        "a browser on a page with a line break" => open("https://id.exa\r\nmple.evil.example/a"),
        "an answer that goes elsewhere" => {
            let url = format!("{HOME}?redirect_uri=https://evil.example/callback");
            Ok(authorize(&url, 1000))
        }
        "an answer that goes to another port here" => {
            let url = format!("{HOME}?redirect_uri=http://127.0.0.1:1/callback");
            Ok(authorize(&url, 1000))
        }
        "an answer that goes to two places" => {
            let elsewhere = "redirect_uri=https://evil.example/callback";
            Ok(authorize(&format!("{HOME}?redirect_uri={redirect_uri}&{elsewhere}"), 1000))
        }
        "an answer that goes nowhere named" => Ok(authorize(HOME, 1000)),
        "a code for another's page" => Ok(present("https://evil.example/device", None)),
        "a code for a script" => Ok(present("javascript:alert(1)", None)),
        "a picture of another's page" => {
            Ok(present("https://id.example/device", Some("https://evil.example/device?code=A")))
        }
        "a visit to another's page" => Ok(visit("https://evil.example/confirm")),
        "a visit to a file" => Ok(visit("file:///etc/passwd")),
        "another's page for the logout" => done(logged_out(Some("https://evil.example/logout"))),

        // ---- Actions without end ----
        "a storm of windows" => {
            Ok(authorize(&format!("{HOME}?redirect_uri={redirect_uri}&n={step}"), 1000))
        }
        "a browser without end" => open(HOME),
        "the lock without end" => Ok(Action::Lock),
        "probes without end" => Ok(Action::Probe),
        "saves without end" => Ok(Action::Save(Some(step.to_le_bytes().to_vec()))),
        "registrations without end" => Ok(Action::ReadRegistration("a".to_owned())),
        "consents without end" => Ok(confirm()),
        "requests without end" => Ok(poll(0)),
        "polls without end" => Ok(poll(60_000)),
        "a wait of years" => Ok(poll(u64::MAX)),
        "choices without end" => Ok(offer(vec![LoginFlow::Browser], u64::MAX)),
        "a choice of nothing" => Ok(offer(Vec::new(), 1000)),

        // ---- Actions that do not belong to the session ----
        "a save without the lock" => Ok(Action::Save(Some(b"session".to_vec()))),
        "a registration without its lock" => Ok(Action::SaveRegistration(None)),
        "a path for a registration" => Ok(Action::ReadRegistration("../../.ssh".to_owned())),
        "a consent, for a token" => Ok(confirm()),
        "a user, for a token" => open(HOME),
        "a code, for a token" => Ok(present("https://id.example/device", None)),
        "a page, for a token" => Ok(visit("https://id.example/confirm")),
        "a choice, for a token" => Ok(offer(vec![LoginFlow::Browser], 1000)),
        "a logout instead of a token" => done(logged_out(None)),
        "a token instead of a logout" => done(granted("a", "b")),

        // ---- Line breaks and control characters in text ----
        "a token of two lines" => done(granted("secret\nexport PATH=/evil", "Bearer secret")),
        "a header of two lines" => done(granted("secret", "Bearer secret\r\nhost: evil.example")),
        "a terminal's commands in a failure" => Err(failure(Code::ProviderRefused, CONTROLS)),
        "a terminal's commands in an offer" => {
            Ok(Action::Offer(Offer { reason: CONTROLS.to_owned(), flows: Vec::new(), wait_ms: 0 }))
        }
        "a terminal's commands in a notice" => Ok(Action::Authorize(Authorization {
            notice: Some(CONTROLS.to_owned()),
            flow: LoginFlow::Paste,
            reason: Some(CONTROLS.to_owned()),
            ..authorization(&format!("{HOME}?redirect_uri={redirect_uri}&n={step}"), 1000)
        })),
        "a terminal's commands in a code" => Ok(Action::Present(DevicePrompt {
            user_code: format!("AB{step}{CONTROLS}"),
            ..prompt("https://id.example/device", None)
        })),
        _ => return None,
    })
}

/// Clears the screen, sets the window title, starts a new line, and reverses the reading
/// direction.
const CONTROLS: &str = "\u{1b}[2J\u{1b}]0;evil\u{7}\nlatch: all is well\u{202e}";

fn done(outcome: Outcome) -> Result<Action, Failure> {
    Ok(Action::Done(outcome))
}

fn authorize(url: &str, wait_ms: u64) -> Action {
    Action::Authorize(authorization(url, wait_ms))
}

fn authorization(url: &str, wait_ms: u64) -> Authorization {
    Authorization {
        url: url.to_owned(),
        flow: LoginFlow::Browser,
        reason: None,
        wait_ms,
        notice: None,
        alternatives: Vec::new(),
    }
}

fn confirm() -> Action {
    Action::Confirm(Confirmation {
        issuer_host: "id.example".to_owned(),
        resource_host: "api.example".to_owned(),
        asks: false,
        wait_ms: 1000,
    })
}

fn present(uri: &str, complete: Option<&str>) -> Action {
    Action::Present(prompt(uri, complete))
}

fn prompt(uri: &str, complete: Option<&str>) -> DevicePrompt {
    DevicePrompt {
        user_code: "ABCD".to_owned(),
        verification_uri: uri.to_owned(),
        verification_uri_complete: complete.map(str::to_owned),
        expires_at_ms: u64::MAX,
    }
}

fn visit(url: &str) -> Action {
    Action::Visit(Visit { url: url.to_owned(), opens: true, expires_at_ms: u64::MAX })
}

fn offer(flows: Vec<LoginFlow>, wait_ms: u64) -> Action {
    Action::Offer(Offer { reason: "nothing came of it".to_owned(), flows, wait_ms })
}

fn poll(wait_ms: u64) -> Action {
    let request = Request {
        method: Method::Get,
        url: "https://id.example/token".to_owned(),
        headers: Vec::new(),
        body: None,
    };
    Action::Exchange(Exchange {
        purpose: Purpose::Poll,
        wait_ms,
        timeout_ms: None,
        remark: None,
        request,
    })
}

fn logged_out(end_session_url: Option<&str>) -> Outcome {
    Outcome::LoggedOut(LogoutReport {
        was_logged_in: true,
        revoked: Vec::new(),
        not_revoked: Vec::new(),
        end_session_url: end_session_url.map(str::to_owned),
        registration: None,
    })
}

fn granted(access_token: &str, header: &str) -> Outcome {
    Outcome::Granted(Grant {
        access_token: access_token.to_owned(),
        token_type: "Bearer".to_owned(),
        scopes: Vec::new(),
        expires_at_ms: Some(u64::MAX),
        renew_at_ms: Some(u64::MAX),
        id_token: None,
        authorization_details: None,
        claims: None,
        report: None,
        refresh_token_hint: None,
        notices: Vec::new(),
        refused_parameters: Vec::new(),
        headers: vec![Header { name: "authorization".to_owned(), value: header.to_owned() }],
        source: TokenSource::Cached,
    })
}
