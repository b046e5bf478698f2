//! Every misbehaviour of the hostile component, and how the host ends it.

use super::{Denied, Occasion, Surroundings, actor, block_on, print_table};
use crate::Latch;
use crate::error::{Code, Error};

macro_rules! denied {
    ($occasion:ident, $code:ident: $($part:literal => $words:literal),* $(,)?) => {
        &[$(Denied {
            part: $part,
            occasion: Occasion::$occasion,
            code: Code::$code,
            words: $words,
        }),*]
    };
}

const EXCESS: &[&[Denied]] = &[
    denied!(Token, SandboxFault:
        "a loop without end" => "it went past its time limit",
        "a loop of large steps" => "it went past its time limit",
        "memory without end" => "meets a fault or its memory limit",
        "calls without end" => "it called itself without end",
        "sessions without end" => "it held more sessions than a host opens",
        "a trap" => "it gave up",
        "gigabytes to store" => "it handed over more than a host takes",
        "gigabytes in a request" => "it handed over more than a host takes",
        "gigabytes of headers" => "it handed over more than a host takes",
        "100000 headers" => "it handed over more than a host takes",
        "too many words" => "it handed over more than a host takes",
        "the lock without end" => "more than 100 actions without end",
        "probes without end" => "more than 100 actions without end",
        "saves without end" => "more than 100 actions without end",
        "requests without end" => "more than 100 actions without end",
        "polls without end" => "14400 s are the most",
        "a wait of years" => "14400 s are the most",
    ),
    denied!(Login, SandboxFault:
        "a browser without end" => "more than 100 actions without end",
        "choices without end" => "more than 100 actions without end",
        "a storm of windows" => "a second address, unasked",
        "a choice of nothing" => "offered a choice of nothing",
    ),
    denied!(Token, NotSaved: "more to store than there is room" => "at most 1048576 can be kept"),
    denied!(Token, EgressDenied:
        "more in a request than anybody sends" => "at most 1048576 are sent",
        "1000 headers" => "at most 32 are sent",
    ),
    denied!(Setup, SandboxFault:
        "a path for a name" => "a name that no file may have",
        "gigabytes for a name" => "it handed over more than a host takes",
    ),
    denied!(Status, SandboxFault:
        "a description of gigabytes" => "it handed over more than a host takes",
    ),
];

const ELSEWHERE: &[&[Denied]] = &[
    denied!(Token, EgressDenied:
        "the refresh token to another origin" => "https://evil.example is neither the issuer's",
        "the refresh token to a look-alike" => "https://id.example.evil.example is neither",
        "the refresh token behind an @" => "https://evil.example is neither",
        "the refresh token to another port" => "https://id.example:8443 is neither",
        "the refresh token in clear text" => "http is neither https nor http on a loopback",
        "a request for a file" => "file is neither https nor http",
        "a request to the cloud's metadata" => "http is neither https nor http",
        "the same over https" => "https://169.254.169.254 is neither the issuer's",
        "a request to a neighbour" => "https://192.168.0.1 is neither the issuer's",
        "a request to this machine" => "http://127.0.0.1:22 is neither the issuer's",
        "a request to no address" => "its address is no URL",
        "a header with a line break in its value" => "header x-a has no valid value",
        "a header with a line break in its name" => "has no valid name",
        "a Host header" => "is for the client alone to set",
        "a Content-Length header" => "is for the client alone to set",
        "a Transfer-Encoding header" => "is for the client alone to set",
        "a Proxy-Authorization header" => "is for the client alone to set",
        "a Cookie header" => "is for the client alone to set",
    ),
    denied!(Login, EgressDenied:
        "a browser on a file" => "a URL with scheme file",
        "a browser on a script" => "a URL with scheme javascript",
        "a browser on clear text" => "an http URL of another machine",
        "a browser on another program" => "a URL with scheme ms-settings",
        "an option for the browser's command" => "what is not a URL",
        "a browser on another's page" => "nobody is sent to https://evil.example",
        "a browser on a page with a line break" => "nobody is sent to https://id.example.evil",
        "an answer that goes elsewhere" => "anywhere but to where this login waits",
        "an answer that goes to another port here" => "anywhere but to where this login waits",
        "an answer that goes to two places" => "anywhere but to where this login waits",
        "an answer that goes nowhere named" => "anywhere but to where this login waits",
        "a code for another's page" => "nobody is sent to https://evil.example",
        "a code for a script" => "a URL with scheme javascript",
        "a picture of another's page" => "nobody is sent to https://evil.example",
        "a visit to another's page" => "nobody is sent to https://evil.example",
        "a visit to a file" => "a URL with scheme file",
    ),
    denied!(Logout, EgressDenied:
        "another's page for the logout" => "nobody is sent to https://evil.example",
    ),
];

const UNASKED: &[&[Denied]] = &[
    denied!(Token, SandboxFault:
        "a person, for a token" => "asked for a browser outside of a login",
        "a code, for a token" => "asked for a code to be shown outside of a login",
        "a page, for a token" => "asked for a page to be shown outside of a login",
        "a choice, for a token" => "asked for a choice outside of a login",
        "a logout instead of a token" => "another outcome than was asked for",
        "a token of two lines" => "a token that no line of text may hold",
        "a header of two lines" => "a token that no line of text may hold",
    ),
    denied!(Logout, SandboxFault:
        "a token instead of a logout" => "another outcome than was asked for",
    ),
];

/// Runs every part and prints the host's error for each.
#[track_caller]
fn all_end(title: &str, parts: &[&[Denied]], check: impl Fn(&Denied, &Surroundings)) {
    let parts = parts.iter().copied().flatten();
    let ends: Vec<(&str, Error)> = parts
        .map(|denied| {
            let surroundings = Surroundings::default();
            let error = denied.run(&surroundings);
            denied.check(&error);
            check(denied, &surroundings);
            (denied.part, error)
        })
        .collect();
    print_table(title, ends.iter().map(|(part, error)| (*part, error)));
}

#[test]
fn endless_and_oversized_actions_are_stopped() {
    all_end("a component that asks for too much", EXCESS, |_, _| {});
}

#[test]
fn no_request_and_no_browser_is_sent_elsewhere() {
    all_end("a component that wants to reach", ELSEWHERE, |denied, surroundings| {
        surroundings.kept(|kept| {
            assert_eq!(kept.sent, Vec::<String>::new(), "{}", denied.part);
            assert_eq!(kept.opened, Vec::<String>::new(), "{}", denied.part);
            let said = kept.said.join("\n");
            assert!(!said.contains("evil") && !said.contains("://"), "{}: {said}", denied.part);
        });
    });
}

#[test]
fn metadata_cannot_lead_to_an_internal_address() {
    let part = "an address inside that the metadata names";
    let surroundings = Surroundings::default();
    let client = surroundings.equip(Latch::builder("https://1.1.1.1", part));
    let error = block_on(client.build_on(actor()).unwrap().token()).err().unwrap();
    assert_eq!(error.code(), Code::EgressDenied);
    assert_eq!(error.message(), "169.254.169.254 is not a public address");
    print_table("a component that knows", [(part, &error)]);
}

#[test]
fn an_answer_to_another_question_is_refused() {
    all_end("a component that offers", UNASKED, |_, _| {});
}
