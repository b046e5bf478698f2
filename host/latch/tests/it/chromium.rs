//! A login in a real browser, at the demo provider.

use std::env;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use latchstring::pages::{self, Page, Pages};
use latchstring::{Code, Error};
use latchstring_testing::servers::node;
use latchstring_testing::{Home, PATIENCE, Run, run};
use serde_json::{Value, json};

/// Logs in while Grace Hopper sits before Chromium, in some mood, and returns
/// what came of it and what she saw in the end.
fn log_in(home: &Home, mood: &[&str]) -> (Run, Value) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let report_to = listener.local_addr().expect("an address").to_string();
    let (sender, report) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = listener.accept().and_then(|(mut stream, _)| stream.read_to_string(&mut text));
        // Nobody waits any more where the test has failed.
        let _ = sender.send(read.map(|_| text));
    });
    let browser = browser(mood);
    let words = ["login", "--issuer", home.provider.issuer(), "--client-id", "demo"];
    let words = [&words[..], &["--scope", "openid", "--scope", "profile"]].concat();
    let mut command = home.command(&words);
    command.args(["--browser", &browser]);
    command.env("BROWSER_REPORT_TO", report_to).env("CHROMIUM", chromium());
    if let Some(folder) = env::var_os("BROWSER_SCREENSHOTS") {
        command.env("BROWSER_SCREENSHOTS", folder);
    }
    let login = run(&mut command);
    let report = report.recv_timeout(PATIENCE).expect("a report from the browser");
    let seen: Value = serde_json::from_str(&report.expect("a report")).expect("JSON");
    assert_eq!(seen["failure"], Value::Null);
    (login, seen)
}

/// The browser's command, as a user would type it.
fn browser(mood: &[&str]) -> String {
    let node = node("browser.mjs");
    let words = [node.get_program()].into_iter().chain(node.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let words = words.iter().map(String::as_str).chain(mood.iter().copied());
    latchstring::words::join(words).expect("words")
}

/// What `CHROMIUM` names, else `chromium` as a shell would find it.
fn chromium() -> PathBuf {
    let named = env::var_os("CHROMIUM").filter(|named| !named.is_empty()).map(PathBuf::from);
    let folders = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&folders).map(|folder| folder.join("chromium"));
    let mut places = named.map_or_else(|| places.collect(), |named| vec![named]).into_iter();
    places.find(|place| place.is_file()).expect(
        "chromium is missing: run ./dev test, which installs it, or name its file in CHROMIUM",
    )
}

/// The pages loaded nothing from anywhere else, and broke no rule of their own.
#[track_caller]
fn kept_to_themselves(home: &Home, seen: &Value) {
    let provider = home.provider.issuer().trim_start_matches("http://");
    let listener = seen["host"].as_str().expect("a host");
    let asked = seen["hosts"].as_array().expect("hosts");
    assert!(asked.iter().all(|host| host == provider || host == listener), "{asked:?}");
    assert_eq!(seen["complaints"], json!([]));
    // Round only where the page's policy lets its own style through.
    assert_eq!(seen["corner"], "16px");
}

#[test]
fn a_user_who_logs_in_lands_on_the_success_page() {
    let home = Home::new();
    let (login, seen) = log_in(&home, &[]);
    login.succeeded().saying(&["Logged in as Grace Hopper"]);
    assert_eq!(seen["title"], "You are logged in · latchstring");
    assert_eq!(seen["heading"], "You are logged in");
    assert_eq!(seen["query"], "?done");
    let text = seen["text"].as_str().expect("text");
    assert!(text.contains("You can close this window and go back to your terminal."), "{text}");
    assert!(text.contains("Never paste this page’s address anywhere."), "{text}");
    kept_to_themselves(&home, &seen);
    assert_eq!(home.latch(&["whoami", "--json"]).succeeded().json()["name"], "Grace Hopper");
}

#[test]
fn a_user_who_refuses_is_told_so_in_browser_and_terminal() {
    let home = Home::new();
    let (login, seen) = log_in(&home, &["--refuse"]);
    login.failed(4, "access-denied").saying(&["the login was refused", "the user refused"]);
    assert_eq!(seen["title"], "Login refused · latchstring");
    assert_eq!(seen["heading"], "Login refused");
    let text = seen["text"].as_str().expect("text");
    assert!(text.contains("No access was granted."), "{text}");
    assert!(text.contains("the user refused"), "{text}");
    kept_to_themselves(&home, &seen);
    home.latch(&["token"]).failed(3, "login-required");
}

#[test]
fn a_stranger_with_the_right_answer_is_refused_and_the_user_still_gets_in() {
    let home = Home::new();
    let (login, seen) = log_in(&home, &["--overheard"]);
    login.succeeded().saying(&["Logged in as Grace Hopper"]);
    assert_eq!(seen["stranger"], "This is not the browser that started the login · latchstring");
    assert_eq!(seen["title"], "You are logged in · latchstring");
    // One code, redeemed once.
    assert_eq!(home.asked("/token").len(), 1);
}

/// How pages look in every window.
fn looks(pages: &Value) -> Vec<Value> {
    let home = Home::new();
    let mut command = node("pages.mjs");
    command.arg(home.file("pages.json", &pages.to_string())).env("CHROMIUM", chromium());
    let run = run(&mut command).succeeded();
    run.json().as_array().expect("looks").clone()
}

/// Every page of a login, with the longest words on it that may come.
fn every(language: &str, pages: &Pages) -> Vec<Value> {
    let error = Error::new(
        Code::Unreachable,
        "the token endpoint https://login.a-very-long-name.identity.example.com/oauth2/default/v1/token could not be reached: the connection was closed before a response came",
        "check the network, then try again",
    );
    let all = [
        ("success", pages.success()),
        ("refused", pages.refused(&error)),
        ("failed", pages.failed(&error)),
        ("finished", pages.finished()),
        ("stray", pages.stray("it carried another login's state")),
        ("used-address", pages.used_address()),
        ("another-browser", pages.another_browser()),
        ("another-user", pages.another_user()),
        ("abandoned", pages.abandoned()),
    ];
    let page = |(name, page): (&str, Page)| json!({ "name": format!("{language}-{name}"), "html": page.html, "policy": page.policy });
    all.into_iter().map(page).collect()
}

#[test]
fn every_page_can_be_read_in_light_and_dark_wide_and_narrow_in_any_direction() {
    let arabic = "lang = \"ar\"\n\
        [warning]\ntitle = \"لا تلصق عنوان هذه الصفحة في أي مكان.\"\n\
        text = \"من يطلبه منك يريد تسجيل الدخول باسمك.\"\n\
        [success]\ntitle = \"تم تسجيل دخولك\"\n\
        text = \"يمكنك إغلاق هذه النافذة والعودة إلى الطرفية.\"\n\
        [failed]\ntitle = \"فشل تسجيل الدخول\"\n\
        text = \"يمكنك إغلاق هذه النافذة والعودة إلى الطرفية.\"\n\
        [terms]\nwhat-happened = \"ماذا حدث\"\nwhat-to-do = \"ما العمل\"\ncode = \"الرمز\"\n";
    let translations =
        Pages::languages().flat_map(|language| every(language, &Pages::for_languages([language])));
    let pages: Vec<_> = every("en", &Pages::default())
        .into_iter()
        .chain(translations)
        .chain(every("ar", &pages::from_toml(arabic, "").expect("good pages")))
        .collect();
    for looks in looks(&json!(pages)) {
        let name = looks["name"].as_str().expect("a name");
        // WCAG 2.2 §1.4.3 asks for so much, §1.4.10 for no sideways scrolling.
        assert!(looks["contrast"].as_f64().is_some_and(|contrast| contrast >= 4.5), "{looks}");
        assert_eq!(looks["overflow"], 0, "{name}");
        assert_eq!(looks["complaints"], json!([]), "{name}");
        assert_eq!(
            looks["direction"],
            if name.starts_with("ar") { "rtl" } else { "ltr" },
            "{name}"
        );
    }
}

#[test]
fn a_template_of_ones_own_has_its_style_and_runs_no_script() {
    let home = Home::new();
    home.file(
        "page.html",
        "<!doctype html><html lang={{lang}} dir={{dir}}><title>{{title}}</title>\r\n\
         <style>\r\nbody { direction: rtl; background: #003; color: #fff; font: 1.5rem serif; padding: 2rem }\r\n</style>\r\n\
         <body class=\"{{tone}}\"><h1>{{title}}</h1><p>{{text}}<p>{{warning}}\
         <script>document.documentElement.dataset.ran = 'yes'</script>\
         <img src=\"https://example.com/a.png\">",
    );
    let file = home.file("pages.toml", "template = \"page.html\"\n");
    let pages = pages::read(file).expect("good pages");
    for looks in looks(&json!(every("own", &pages)[..1])) {
        assert_eq!(looks["direction"], "rtl", "its style counts: {looks}");
        assert_eq!(looks["ran"], Value::Null);
        // Its script and its picture.
        assert_eq!(looks["complaints"].as_array().map(Vec::len), Some(2), "{looks}");
    }
}
