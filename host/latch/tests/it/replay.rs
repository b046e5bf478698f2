//! `latch replay`: a transcript stepped through, and the files of `--record`.

use std::fs;

use latchstring_provider::Fault;
use latchstring_testing::{Home, Run, run};
use serde_json::{Value, json};

#[test]
fn a_failed_login_is_recorded_and_replayed_step_by_step() {
    let home = Home::new();
    home.provider.misbehave(Fault::other_issuer());
    let file = home.path("failed.json").display().to_string();
    let mut command = home.login_command(&["--record", &file]);
    run(&mut command).failed(6, "invalid-metadata").saying(&["Recorded, without secrets, in"]);
    let told = home.latch(&["replay", &file]).succeeded().stdout;
    for words in [
        format!("login at {} as demo", home.provider.issuer()),
        "-> exchange metadata: GET http://127.0.0.1".to_owned(),
        "response 200".to_owned(),
        "-> fails with invalid-metadata".to_owned(),
    ] {
        assert!(told.contains(&words), "no {words:?} in: {told}");
    }
    let document = home.latch(&["replay", &file, "--json"]).succeeded().json();
    assert_eq!(document["as_recorded"], true);
    assert_eq!(document["same_component"], true);
    assert_eq!(document["steps"].as_array().map(Vec::len), Some(4));
}

/// A transcript of a login, changed.
fn changed(change: impl Fn(&mut Value)) -> Run {
    let home = Home::new();
    let file = home.path("login.json").display().to_string();
    home.login_with(&["--record", &file]);
    let text = fs::read_to_string(&file).expect("a transcript");
    let mut document = serde_json::from_str(&text).expect("JSON");
    change(&mut document);
    let file = home.file("changed.json", &document.to_string());
    home.latch(&["replay", &file])
}

#[test]
fn the_first_difference_is_named_and_ends_with_an_exit_code_of_its_own() {
    let url = "/action/exchange/request/url";
    let replay = changed(|document| {
        *document["steps"][1].pointer_mut(url).expect("a URL") = json!("https://id.example/");
    });
    assert_eq!(replay.code, 6, "{}", replay.stderr);
    let words = "Not as recorded, step 2, exchange, request, url: recorded \"https://id.example/\"";
    assert!(replay.stdout.contains(words), "{}", replay.stdout);
    let replay = changed(|document| {
        let failure = json!({ "code": "unreachable", "message": "m", "remedy": "r", "provider": null, "retryable": true });
        let step = document["steps"][0].as_object_mut().expect("a step");
        step.remove("action");
        step.insert("failure".to_owned(), failure);
    });
    assert_eq!(replay.code, 6, "{}", replay.stderr);
    assert!(replay.stdout.contains("step 1: recorded fails with unreachable"), "{}", replay.stdout);
}

#[test]
fn what_a_strangers_transcript_says_does_not_steer_the_terminal() {
    let replay = changed(|document| {
        let url = document["steps"][1].pointer_mut("/action/exchange/request/url");
        *url.expect("a URL") = json!("https://id.example/\u{9b}31m\u{202e}\u{200b}\u{7f}");
    });
    assert!(replay.stdout.contains("Not as recorded"), "{}", replay.stdout);
    assert!(replay.stdout.contains("\\u{9b}31m\\u{202e}\\u{200b}\\u{7f}"), "{}", replay.stdout);
    let text = replay.stdout + &replay.stderr;
    assert!(text.chars().all(|c| c == '\n' || latchstring::is_printable(c)), "{text:?}");
}

#[test]
fn another_component_may_replay_and_is_told() {
    let replay = changed(|document| document["component"] = json!("00"));
    assert!(replay.succeeded().stderr.contains("another version of the component"));
}

#[test]
fn what_is_no_transcript_is_refused_in_clear_words() {
    type Change = fn(&mut Value);
    let rows: [(Change, &str); 9] = [
        (|document| document["transcript"] = json!(2), "has format 2; this version reads 1"),
        (|document| document["contract"] = json!("other:login@1.0.0"), "made for another contract"),
        (
            |document| document["contract"] = json!("latchstring:login@0.1.0"),
            "made for another contract",
        ),
        (
            |document| document["open"] = json!({ "listen": {} }),
            "something that is not in the contract",
        ),
        (|document| document["open"]["login"]["client"]["issuer"] = json!(7), "at client.issuer"),
        (|document| document["steps"] = json!(null), "it has no steps"),
        (|document| document["steps"][0]["failure"] = json!({}), "either an action or a failure"),
        (|document| document["steps"][0]["reply"] = json!("dance"), "expected another case"),
        (|document| document["steps"][2]["now-ms"] = json!("now"), "no time `now-ms`"),
    ];
    for (change, words) in rows {
        changed(change).failed(2, "invalid-configuration").saying(&[words]);
    }
    let home = Home::new();
    for (text, words) in [
        ("{\"transcript\":1,".to_owned(), "it is not the JSON of a recording"),
        ("[]".to_owned(), "no format number"),
        (" ".repeat((16 << 20) + 1), "longer than 16 MiB"),
    ] {
        let file = home.file("none.json", &text);
        home.latch(&["replay", &file]).failed(2, "invalid-configuration").saying(&[words]);
    }
    home.latch(&["replay", "/nowhere/x.json"]).failed(1, "host-fault").saying(&["/nowhere/x.json"]);
}

#[test]
#[cfg(unix)]
fn a_transcript_is_for_its_owner_and_replaced_as_a_whole() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let home = Home::new();
    let file = home.file("old.json", "old");
    let before = fs::metadata(&file).expect("a file").ino();
    home.latch(&[
        "token",
        "--issuer",
        home.provider.issuer(),
        "--client-id",
        "demo",
        "--record",
        &file,
    ])
    .failed(3, "login-required");
    let metadata = fs::metadata(&file).expect("a file");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_ne!(metadata.ino(), before);
    let text = fs::read_to_string(&file).expect("text");
    assert!(text.ends_with("}\n") && text.contains("login-required"), "{text}");
}

#[test]
fn a_transcript_that_cannot_be_written_fails_nothing_else() {
    let home = Home::new();
    home.login();
    let token = home.latch(&["token", "--record", "/nowhere/transcript.json"]).succeeded();
    assert!(!token.stdout.is_empty());
    token.saying(&["the recording cannot be written to /nowhere/transcript.json"]);
}

/// What cannot be shown is left out, and said to be.
#[test]
fn a_session_that_goes_another_way_without_its_secrets_is_cut_short() {
    let home = Home::new();
    home.login();
    for (body, words) in [
        // Twice the same member is no JSON for the component, and once in a transcript.
        (
            r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#,
            "ended in the failure invalid-token-response",
        ),
        (r#"{"access_token":"a","token_type":"Bearer","expires_in":1e300}"#, "a number above 2^53"),
    ] {
        home.provider.misbehave(Fault::answer("/token", 200, "application/json", body));
        let file = home.path("short.json").display().to_string();
        let renewal = home.latch(&["token", "--force-refresh", "--record", &file]);
        assert!(renewal.stderr.contains("The recording is incomplete"), "{}", renewal.stderr);
        let replay = home.latch(&["replay", &file]).succeeded();
        assert!(replay.stdout.contains(words), "{}", replay.stdout);
        assert!(replay.stdout.contains("-> exchange token"), "{}", replay.stdout);
        home.provider.behave();
        home.login();
    }
}
