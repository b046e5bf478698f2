use std::fmt::Write as _;

use super::*;
use crate::contract::Client;

const PROVIDER: &str = "https://id.example/authorize";
const REDIRECT: &str = "http://127.0.0.1:8000/callback";

/// A login whose commands are written down as lines.
struct Login {
    interaction: Interaction,
    egress: Egress,
    /// The address that the browser was started on last.
    launched: String,
    /// The address that was shown last.
    shown: String,
    /// The cookie that was set last.
    cookie: String,
}

fn url(state: &str) -> String {
    format!("{PROVIDER}?redirect_uri=http%3A%2F%2F127.0.0.1%3A8000%2Fcallback&state={state}")
}

fn authorization(state: &str) -> Authorization {
    Authorization {
        url: url(state),
        flow: LoginFlow::Browser,
        reason: None,
        wait_ms: 1_000,
        notice: None,
        alternatives: Vec::new(),
    }
}

fn means() -> Means {
    Means {
        redirect_uri: Some(REDIRECT.to_owned()),
        has_browser: true,
        browser_is_elsewhere: false,
        is_attended: true,
        hides_typing: true,
    }
}

fn request(id: u32, target: &str, cookies: &str) -> Request {
    let (target, cookies) = (target.to_owned(), cookies.to_owned());
    Request { id, target, cookies, peer: Peer::SameUser, keeps_connection: true }
}

impl Login {
    fn new(means: Means) -> Self {
        let client = Client::new(Some("https://id.example".to_owned()), "cli".to_owned());
        Self {
            interaction: Interaction::new(means, Pages::default(), [7; 32]),
            egress: Egress::new(&client, &[]).coming_back_to(REDIRECT),
            launched: String::new(),
            shown: String::new(),
            cookie: String::new(),
        }
    }

    /// A login whose browser was started.
    fn begun() -> Self {
        let mut login = Self::new(means());
        login.authorize(authorization("s"));
        login.handle(Event::Opened(Ok(Opened::Address)));
        login
    }

    fn authorize(&mut self, authorization: Authorization) -> String {
        let commands = self.interaction.authorize(&self.egress, authorization);
        self.told(commands.expect("an allowed address"))
    }

    fn handle(&mut self, event: Event) -> String {
        let commands = self.interaction.handle(event);
        self.told(commands)
    }

    fn requests(&mut self, id: u32, target: &str, cookies: &str) -> String {
        self.handle(Event::Requested(request(id, target, cookies)))
    }

    /// The started browser gets its cookie.
    fn open(&mut self, id: u32) -> String {
        let target = target(&self.launched);
        self.requests(id, &target, "")
    }

    fn told(&mut self, commands: Vec<Command>) -> String {
        let mut lines = String::new();
        for command in commands {
            let line = match command {
                Command::Say(text) => format!("say {}", text.trim().lines().next().unwrap_or("")),
                Command::Address(url) => {
                    let line = format!("address {}", without_ticket(&url));
                    self.shown = url;
                    line
                }
                Command::Draw(_) => "draw".to_owned(),
                Command::Wait(_) => "wait".to_owned(),
                Command::Countdown { end_ms, .. } => format!("countdown {end_ms}"),
                Command::Launch(url) => {
                    let line = format!("launch {}", without_ticket(&url));
                    self.launched = url;
                    line
                }
                Command::Open(url) => format!("open {url}"),
                Command::EndLaunch => "end launch".to_owned(),
                Command::Answer { request, page } => {
                    if let Some(cookie) = &page.cookie {
                        self.cookie = cookie.split(';').next().unwrap_or("").to_owned();
                    }
                    let to = page.location.map_or(String::new(), |location| format!(" {location}"));
                    format!("answer {request} {}{to}", page.status)
                }
                Command::Ask { question, is_hidden } => {
                    let question = question.lines().next().unwrap_or("");
                    format!("ask {question}{}", if is_hidden { " (hidden)" } else { "" })
                }
                Command::Limit(limit_ms) => format!("limit {limit_ms}"),
                Command::Reply(Reply::Redirected(target)) => format!("redirected {target}"),
                Command::Reply(Reply::Pasted(text)) => format!("pasted {text}"),
                Command::Reply(Reply::Presented) => "presented".to_owned(),
                Command::Reply(Reply::Chosen(flow)) => format!("chosen {}", in_words(flow)),
                Command::Reply(Reply::Confirmed) => "confirmed".to_owned(),
                Command::Reply(Reply::Cancelled) => "cancelled".to_owned(),
                Command::Reply(Reply::TimedOut) => "timed out".to_owned(),
                Command::Finish => "finish".to_owned(),
            };
            writeln!(lines, "{line}").expect("a string");
        }
        lines
    }
}

fn target(address: &str) -> String {
    address.strip_prefix("http://127.0.0.1:8000").expect("a local address").to_owned()
}

fn without_ticket(url: &str) -> &str {
    url.split("?ticket=").next().unwrap_or(url)
}

const START: &str = "http://127.0.0.1:8000/latchstring/start";
const PASTE: &str =
    "ask When the login is done, copy the whole address from the browser's address bar, (hidden)\n";

#[test]
fn a_login_in_a_browser() {
    let mut login = Login::new(means());
    assert_eq!(login.authorize(authorization("s")), format!("limit 1000\nlaunch {START}\n"));
    assert_eq!(
        login.handle(Event::Opened(Ok(Opened::Address))),
        format!(
            "say Your browser opens to log you in. If it does not, open:\naddress {START}\nwait\n"
        )
    );
    assert_eq!(login.open(1), format!("answer 1 303 {}\n", url("s")));
    let cookie = login.cookie.clone();
    assert_eq!(
        login.requests(2, "/callback?code=c&state=s", &cookie),
        "redirected /callback?code=c&state=s\n"
    );
    let closing = login.interaction.close(None);
    assert_eq!(
        login.told(closing),
        format!("end launch\nanswer 2 303 {END_ADDRESS}\nlimit 2000\n")
    );
    assert_eq!(login.requests(3, END_ADDRESS, ""), "answer 3 200\nfinish\n");
    // Too late.
    assert_eq!(login.requests(4, "/callback?code=c&state=s", &cookie), "answer 4 410\n");
    assert_eq!(login.requests(5, END_ADDRESS, ""), "answer 5 200\n");
}

#[test]
fn a_browser_that_does_not_start_leaves_the_address_to_the_user() {
    let mut login = Login::new(means());
    login.authorize(authorization("s"));
    let told = login.handle(Event::Opened(Err("no \u{1b}[1mfirefox".to_owned())));
    let address = url("s");
    assert_eq!(
        told,
        format!(
            "say No browser could be started (no \\u{{1b}}[1mfirefox).\nsay To log in, open:\naddress {address}\n{PASTE}"
        )
    );
    assert_eq!(login.handle(Event::Typed("?code=c".to_owned())), "pasted ?code=c\n");
}

#[test]
fn a_browser_that_fails_later_does_too() {
    let mut login = Login::begun();
    let told = login.handle(Event::BrowserFailed("it ended with 1".to_owned()));
    let said = "end launch\nsay The browser failed (it ended with 1). Open the address above.\n";
    assert_eq!(told, format!("{said}{PASTE}"));
    // The address above still works in any browser.
    let shown = target(&login.shown);
    assert_eq!(login.requests(1, &shown, ""), format!("answer 1 303 {}\n", url("s")));
}

/// What is asked and shown in each case.
#[test]
fn the_user_is_asked_to_paste_where_the_browser_may_not_come_back() {
    let by_hand = format!("limit 1000\nsay To log in, open:\naddress {}\n", url("s"));
    let rows = [
        ("no browser is started", Means { has_browser: false, ..means() }, "wait\n"),
        ("no listener", Means { redirect_uri: None, ..means() }, PASTE),
        (
            "the browser of an editor, opened by hand",
            Means { has_browser: false, browser_is_elsewhere: true, ..means() },
            PASTE,
        ),
        (
            "no listener, and nobody to ask",
            Means { redirect_uri: None, is_attended: false, ..means() },
            "wait\n",
        ),
    ];
    for (case, means, asked) in rows {
        let mut login = Login::new(means);
        assert_eq!(login.authorize(authorization("s")), format!("{by_hand}{asked}"), "{case}");
    }
    let mut login = Login::new(Means { browser_is_elsewhere: true, ..means() });
    login.authorize(authorization("s"));
    assert!(login.handle(Event::Opened(Ok(Opened::Address))).ends_with(PASTE));
}

#[test]
fn a_login_by_hand_says_why_and_offers_other_flows() {
    let mut login = Login::new(means());
    let told = login.authorize(Authorization {
        flow: LoginFlow::Paste,
        reason: Some("there is no display".to_owned()),
        alternatives: vec![LoginFlow::Device],
        ..authorization("s")
    });
    let address = url("s");
    assert_eq!(
        told,
        format!(
            "limit 1000\nsay There is no display.\nsay To log in, open:\naddress {address}\n{PASTE}"
        )
    );
    assert_eq!(
        login.handle(Event::Typed(" Device ".to_owned())),
        "chosen use a code on any device\n"
    );
}

#[test]
fn a_paste_that_does_not_count_is_asked_for_again() {
    let mut login = Login::new(Means { redirect_uri: None, ..means() });
    login.authorize(authorization("s"));
    login.handle(Event::Typed("nonsense".to_owned()));
    let again = login.authorize(Authorization {
        notice: Some("it carried no state".to_owned()),
        ..authorization("s")
    });
    assert_eq!(
        again,
        "say That does not finish the login: it carried no state\nlimit 1000\nask Paste the whole address (it is not displayed): (hidden)\n"
    );
}

#[test]
fn a_redirect_that_does_not_count_is_answered_and_the_login_waits_on() {
    let mut login = Login::begun();
    login.open(1);
    let cookie = login.cookie.clone();
    login.requests(2, "/callback?code=c", &cookie);
    let again = login.authorize(Authorization {
        notice: Some("it carried no state".to_owned()),
        ..authorization("s")
    });
    assert_eq!(again, "answer 2 400\nlimit 1000\nwait\n");
}

#[test]
fn another_address_opens_in_the_same_tab() {
    let mut login = Login::begun();
    login.open(1);
    let cookie = login.cookie.clone();
    login.requests(2, "/callback?error=invalid_request", &cookie);
    let told = login.authorize(Authorization {
        notice: Some("the provider refused it".to_owned()),
        ..authorization("t")
    });
    let address = url("t");
    assert_eq!(
        told,
        format!("say The provider refused it.\nanswer 2 303 {address}\nlimit 1000\nwait\n")
    );
    // The cookie still counts, and the local address leads to the new one.
    let shown = target(&login.shown);
    assert_eq!(login.requests(3, &shown, &cookie), format!("answer 3 303 {address}\n"));
    assert_eq!(login.requests(4, "/callback?code=c", &cookie), "redirected /callback?code=c\n");
}

#[test]
fn another_browser_does_not_count_and_the_user_can_paste() {
    let mut login = Login::begun();
    login.open(1);
    let said = "say The login came back in a different browser from the one it started in, so it does not count.\n";
    let told = login.requests(2, "/callback?code=c", "");
    assert_eq!(told, format!("answer 2 403\n{said}{PASTE}"));
    // Asked once.
    assert_eq!(login.requests(3, "/callback?code=c", ""), "answer 3 403\n");
}

#[test]
fn another_users_browser_uses_nothing_up() {
    let mut login = Login::begun();
    let start = target(&login.launched);
    let stranger =
        |id| Event::Requested(Request { peer: Peer::OtherUser, ..request(id, &start, "") });
    let told = login.handle(stranger(1));
    assert!(told.starts_with("answer 1 403\nsay A browser that runs as another user"), "{told}");
    assert!(told.ends_with("\nwait\n"), "{told}");
    assert_eq!(login.handle(stranger(2)), "answer 2 403\n");
    assert_eq!(login.open(3), format!("answer 3 303 {}\n", url("s")));
}

#[test]
fn an_address_that_was_opened_twice_is_replaced_at_enter() {
    let mut login = Login::begun();
    let first = login.launched.clone();
    login.open(1);
    let told = login.open(2);
    assert!(told.starts_with("answer 2 410\nsay The address that your browser"), "{told}");
    assert!(told.ends_with("\nask \n"), "{told}");
    assert_eq!(login.handle(Event::Typed(String::new())), format!("launch {START}\n"));
    assert_ne!(login.launched, first);
    assert_eq!(login.handle(Event::Opened(Ok(Opened::Address))), "wait\n");
    assert_eq!(login.open(3), format!("answer 3 303 {}\n", url("s")));
}

#[test]
fn whoever_is_asked_to_paste_replaces_it_with_an_empty_line() {
    let mut login = Login::new(Means { browser_is_elsewhere: true, ..means() });
    login.authorize(authorization("s"));
    login.handle(Event::Opened(Ok(Opened::Address)));
    login.open(1);
    login.open(2);
    assert_eq!(login.handle(Event::Typed(" ".to_owned())), format!("launch {START}\n"));
    assert_eq!(
        login.handle(Event::Opened(Err("gone".to_owned()))),
        format!("say No browser could be started (gone).\n{PASTE}")
    );
    assert_eq!(login.handle(Event::Typed("?code=c".to_owned())), "pasted ?code=c\n");
}

#[test]
fn a_choice_is_asked_for_until_it_is_made() {
    let mut login = Login::begun();
    let offer = || Offer {
        reason: "nobody finished the login".to_owned(),
        flows: vec![LoginFlow::Paste, LoginFlow::Device],
        wait_ms: 500,
    };
    let asked = "ask Press Enter to use any browser and paste the address it ends on. Or type\n";
    let commands = login.interaction.offer(offer()).expect("flows");
    assert_eq!(
        login.told(commands),
        format!("end launch\nsay Nobody finished the login.\nlimit 500\n{asked}")
    );
    assert_eq!(login.requests(1, "/callback?code=c", ""), "answer 1 503\n");
    assert_eq!(login.handle(Event::Typed("fax".to_owned())), asked);
    assert_eq!(
        login.handle(Event::Typed(String::new())),
        "chosen use any browser and paste the address it ends on\n"
    );
    login.interaction.offer(offer()).expect("flows");
    assert_eq!(
        login.handle(Event::Typed("device".to_owned())),
        "chosen use a code on any device\n"
    );
    login.interaction.offer(offer()).expect("flows");
    assert_eq!(login.handle(Event::TimedOut), "timed out\n");
    assert!(login.interaction.offer(Offer { flows: Vec::new(), ..offer() }).is_err());
}

#[test]
fn a_code_is_always_shown_beside_an_address_that_has_it() {
    let mut login = Login::new(means());
    let client = Client::new(Some("https://id.example".to_owned()), "cli".to_owned());
    let egress = Egress::new(&client, &[]);
    egress.learn_device_authorization(
        br#"{"verification_uri":"https://id.example/d","verification_uri_complete":"https://id.example/d?c=A"}"#,
    );
    let prompt = DevicePrompt {
        user_code: "A-1".to_owned(),
        verification_uri: "https://id.example/d".to_owned(),
        verification_uri_complete: Some("https://id.example/d?c=A".to_owned()),
        expires_at_ms: 9,
    };
    let commands = login.interaction.present(&egress, &prompt).expect("allowed pages");
    assert_eq!(
        login.told(commands),
        "countdown 9\ndraw\nsay To log in, open this address on any device:\naddress https://id.example/d\nsay and enter this code:\nsay Or open this address, which contains the code:\naddress https://id.example/d?c=A\nsay \nsay Only enter a code if you started this login yourself.\npresented\n"
    );
}

#[test]
fn the_end_waits_only_for_a_browser_that_can_still_ask() {
    let ended = |event: Event, keeps_connection| {
        let mut login = Login::begun();
        login.open(1);
        let cookie = login.cookie.clone();
        let redirect = request(2, "/callback?code=c", &cookie);
        login.handle(Event::Requested(Request { keeps_connection, ..redirect }));
        login.interaction.close(None);
        login.handle(event)
    };
    assert_eq!(ended(Event::Closed(2), true), "finish\n");
    // It announced that it would open another connection.
    assert_eq!(ended(Event::Closed(2), false), "");
    assert_eq!(ended(Event::Closed(1), true), "");
    assert_eq!(ended(Event::TimedOut, true), "finish\n");
    // The same redirect sent twice is answered twice.
    let again = Event::Requested(request(3, "/callback?code=c", ""));
    assert_eq!(ended(again, true), format!("answer 3 303 {END_ADDRESS}\n"));
    let stranger = Request { peer: Peer::OtherUser, ..request(3, END_ADDRESS, "") };
    assert_eq!(ended(Event::Requested(stranger), true), "answer 3 403\n");
}

#[test]
fn without_a_waiting_browser_the_end_is_at_once() {
    let mut login = Login::begun();
    let commands = login.interaction.close(None);
    assert_eq!(login.told(commands), "end launch\nfinish\n");
    assert_eq!(login.requests(1, "/callback?code=c", ""), "answer 1 410\n");
}

fn confirmation(issuer_host: &str, asks: bool) -> Confirmation {
    let resource_host = "mcp.example".to_owned();
    Confirmation { issuer_host: issuer_host.to_owned(), resource_host, asks, wait_ms: 1000 }
}

#[test]
fn the_user_hears_who_will_ask_for_the_password() {
    let mut login = Login::new(means());
    for (issuer, said) in [
        ("mcp.example", "say mcp.example asks for your login itself.\nconfirmed\n"),
        ("id.ex\u{1b}ample", "say mcp.example has you log in at id.ex\\u{1b}ample.\nconfirmed\n"),
    ] {
        let told = login.interaction.confirm(&confirmation(issuer, false));
        assert_eq!(login.told(told), said);
    }
}

#[test]
fn a_strange_issuer_is_confirmed_by_enter_and_by_nothing_else() {
    for (event, outcome) in [
        (Event::Typed(" ".to_owned()), "confirmed\n"),
        (Event::Typed("n".to_owned()), "cancelled\n"),
        (Event::TimedOut, "timed out\n"),
    ] {
        let mut login = Login::new(means());
        let told = login.interaction.confirm(&confirmation("id.example", true));
        let told = login.told(told);
        assert!(told.contains("limit 1000\nask Press Enter"), "{told}");
        assert!(told.contains("id.example"), "{told}");
        assert_eq!(login.handle(event), outcome);
    }
    // Nobody can answer.
    let mut login = Login::new(Means { is_attended: false, ..means() });
    let told = login.interaction.confirm(&confirmation("id.example", true));
    assert!(login.told(told).ends_with("confirmed\n"));
}
