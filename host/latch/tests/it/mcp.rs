//! The bridge between an MCP client and an MCP server that requires a login.

mod parties;

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use latchstring_testing::http::Trap;
use latchstring_testing::session::Session;
use latchstring_testing::{built, run};
use serde_json::{Value, json};

use parties::{Call, Client, World, error, lock};

/// Code of the errors that the bridge itself answers with.
const TRANSPORT_ERROR: i64 = -32000;

/// A server with a session and one tool.
fn plain(call: Call) {
    let Some(mut call) = call.in_session() else { return };
    match call.message()["method"].as_str() {
        Some("tools/list") => call.result(json!({ "tools": [{ "name": "echo" }] })),
        _ => call.status("405 Method Not Allowed"),
    }
}

/// Makes a receiver that scripts on several threads can wait on.
fn gate() -> (Sender<()>, Mutex<Receiver<()>>) {
    let (sender, receiver) = channel();
    (sender, Mutex::new(receiver))
}

#[test]
fn messages_go_to_the_server_and_its_answers_come_back() {
    let world = World::logged_in(plain);
    let mut client = world.client(&[]);
    client.initialize();
    let line = r#"{"id":"x", "method":"tools/list","jsonrpc":"2.0","unknown":[1.0,"é"]}"#;
    client.send_line(line.as_bytes());
    let answer = client.receive();
    assert_eq!(answer["id"], "x");
    assert_eq!(answer["result"]["tools"][0]["name"], "echo");
    let end = client.finish().succeeded();
    assert_eq!((end.stdout.as_str(), end.stderr.as_str()), ("", ""));

    let asked = world.asked();
    let posts: Vec<_> = asked.iter().filter(|asked| asked.line.starts_with("POST /mcp ")).collect();
    assert_eq!(posts.len(), 3);
    let token = format!("Bearer {}", world.token());
    for (position, post) in posts.iter().enumerate() {
        assert_eq!(post.header("authorization"), Some(token.as_str()));
        assert_eq!(post.header("content-type"), Some("application/json"));
        assert_eq!(post.header("accept"), Some("application/json, text/event-stream"));
        let (session, version) = match position {
            0 => (None, None),
            _ => (Some("s1"), Some("2025-11-25")),
        };
        assert_eq!(post.header("mcp-session-id"), session);
        assert_eq!(post.header("mcp-protocol-version"), version);
    }
    assert_eq!(posts[2].body, line.as_bytes(), "passed on as it is");
    let last = asked.last().expect("a request");
    assert!(last.line.starts_with("DELETE /mcp "), "{}", last.line);
    assert_eq!(last.header("mcp-session-id"), Some("s1"));
}

#[test]
fn requests_are_reported_without_the_token() {
    let world = World::logged_in(plain);
    let mut client = world.client(&["--verbose"]);
    client.initialize();
    client.notify("notifications/\u{1b}[31m");
    client.ask(1, "tools/list");
    let end = client.finish().succeeded();
    let reported = format!("POST {} -> 200 in ", world.url());
    assert!(end.stderr.contains(&reported), "{}", end.stderr);
    assert!(end.stderr.contains("405 Method Not Allowed"), "{}", end.stderr);
    assert!(!end.stderr.contains(&world.token()) && !end.stderr.contains('\u{1b}'));
}

#[test]
fn every_form_of_an_answer_becomes_one_line() {
    let world = World::logged_in(|mut call| {
        let id = call.message()["id"].as_u64().unwrap_or_default();
        let text =
            format!("{{\n  \"jsonrpc\": \"2.0\",\r\n  \"id\": {id},\n \"result\": \"a\\nb\"}}\n");
        match id {
            0 => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: Application/JSON; charset=utf-8\r\n\
                    connection: close\r\n\r\n";
                call.stream.write_all((head.to_owned() + &text).as_bytes()).expect("a reader");
            }
            1 => {
                call.begin_events();
                call.event(": a comment");
                call.event("event: other\ndata: nothing");
                let lines: String = text.lines().map(|line| format!("data: {line}\r\n")).collect();
                call.event(&format!("event: message\r\n{lines}\r"));
            }
            _ => {
                call.begin_events();
                call.event(r#"data: {"jsonrpc":"2.0","method":"notifications/progress"}"#);
                call.event(r#"data: {"jsonrpc":"2.0","id":9,"method":"ping"}"#);
                call.event(&format!(
                    "data:{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":\"a\\nb\"}}"
                ));
            }
        }
    });
    let mut client = world.client(&[]);
    for id in [0, 1] {
        assert_eq!(client.ask(id, "tools/call")["result"], "a\nb");
    }
    client.request(2, "tools/call");
    assert_eq!(client.receive()["method"], "notifications/progress");
    assert_eq!(client.receive()["method"], "ping");
    assert_eq!(client.receive()["result"], "a\nb");
    client.finish().succeeded();
}

#[test]
fn what_is_not_a_message_is_refused_and_the_next_one_passes() {
    let world = World::logged_in(plain);
    let mut client = world.client(&[]);
    for (line, code) in [
        (&b"garbage"[..], -32700),
        (b"{\"jsonrpc\":", -32700),
        (b"\"\xff\"", -32700),
        (b"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}", -32700),
        (b"{}", -32600),
        (b"3", -32600),
        (b"[3]", -32600),
    ] {
        client.send_line(line);
        let answer = client.receive();
        assert_eq!((error(&answer).0, &answer["id"]), (code, &Value::Null), "{answer}");
    }
    client.send_line(b"");
    client.initialize();
    client.finish().succeeded();
    assert!(world.asked().iter().all(|asked| !asked.body.contains(&b'g') || asked.body[0] == b'{'));
}

#[test]
fn messages_of_ten_mebibytes_pass_both_ways() {
    let world = World::logged_in(|mut call| {
        let message = call.message();
        match message["params"]["stream"].as_bool() {
            Some(true) => {
                call.begin_events();
                let answer =
                    json!({ "jsonrpc": "2.0", "id": message["id"], "result": message["params"] });
                call.event(&format!("data: {answer}"));
            }
            _ => call.result(message["params"].clone()),
        }
    });
    let mut client = world.client(&[]);
    let text = "x".repeat(10 << 20);
    for is_stream in [false, true] {
        let params = json!({ "text": text, "stream": is_stream });
        client.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "a", "params": params }));
        let answer = client.receive();
        assert!(answer["result"] == params, "another answer than was sent");
    }
    client.finish().succeeded();
}

#[test]
fn requests_run_at_once_and_answers_come_as_they_are_ready() {
    let (open, gate) = gate();
    let world = World::logged_in(move |mut call| match call.message()["method"].as_str() {
        Some("slow") => {
            lock(&gate).recv().expect("the fast one");
            call.result(json!("slow"));
        }
        _ => call.result(json!("fast")),
    });
    let mut client = world.client(&[]);
    client.request(1, "slow");
    assert_eq!(client.ask(2, "fast")["result"], "fast");
    // The input ends, and what was asked is still answered.
    client.close_input();
    open.send(()).expect("a server");
    assert_eq!(client.receive()["result"], "slow");
    client.finish().succeeded();
}

#[test]
fn a_notification_arrives_before_what_follows_it() {
    let world = World::logged_in(|mut call| match call.message()["id"].is_null() {
        true => call.status("202 Accepted"),
        false => call.result(json!({})),
    });
    let mut client = world.client(&[]);
    for id in 0..20 {
        client.notify(&format!("before/{id}"));
        client.request(id, &format!("request/{id}"));
    }
    for _ in 0..20 {
        client.receive();
    }
    client.finish().succeeded();
    let asked = world.asked();
    let place = |method: String| {
        let found = asked.iter().position(|asked| {
            serde_json::from_slice::<Value>(&asked.body).is_ok_and(|it| it["method"] == method)
        });
        found.expect("it arrived")
    };
    for id in 0..20 {
        assert!(place(format!("before/{id}")) < place(format!("request/{id}")));
    }
}

#[test]
fn messages_from_the_server_come_on_a_stream_that_goes_on_after_a_cut() {
    let streams = AtomicUsize::new(0);
    let world = World::logged_in(move |call| {
        let Some(mut call) = call.in_session() else { return };
        call.begin_events();
        let from = call.asked.header("last-event-id").unwrap_or("nothing").to_owned();
        let count = streams.fetch_add(1, Ordering::SeqCst);
        let message = json!({ "jsonrpc": "2.0", "method": "changed", "params": { "from": from } });
        call.event(&format!("id: e{count}\nretry: 1\ndata: {message}"));
        if count == 2 {
            call.wait_for_end();
        }
    });
    let mut client = world.client(&[]);
    client.initialize();
    for from in ["nothing", "e0", "e1"] {
        assert_eq!(client.receive()["params"]["from"], from);
    }
    client.finish().succeeded();
    let gets: Vec<_> =
        world.asked().into_iter().filter(|asked| asked.line.starts_with("GET /mcp ")).collect();
    assert_eq!(gets.len(), 3);
    for get in gets {
        assert_eq!(get.header("accept"), Some("text/event-stream"));
        assert_eq!(get.header("mcp-session-id"), Some("s1"));
        assert_eq!(get.header("mcp-protocol-version"), Some("2025-11-25"));
    }
}

#[test]
fn an_answer_that_is_cut_is_taken_up_where_it_was_left() {
    let world = World::logged_in(|mut call| {
        let last = call.asked.header("last-event-id").map(str::to_owned);
        call.begin_events();
        match (call.message()["method"].as_str(), last.as_deref()) {
            (Some("resumable"), _) => call.event("id: 7\nretry: 1\ndata:"),
            (Some("unreadable"), _) => {
                call.stream.write_all(b"id: 9\ndata: \xff\n\n").expect("a reader");
            }
            (Some(_), _) => call.event(r#"data: {"jsonrpc":"2.0","method":"progress"}"#),
            // Once more nothing, as a server does that has no answer yet.
            (None, Some("7")) => call.event("id: 8\ndata:"),
            (None, _) => call.event(r#"data: {"jsonrpc":"2.0","id":1,"result":"late"}"#),
        }
    });
    let mut client = world.client(&[]);
    assert_eq!(client.ask(1, "resumable")["result"], "late");
    client.request(2, "tools/call");
    assert_eq!(client.receive()["method"], "progress");
    let (code, text) = error(&client.receive());
    assert_eq!(code, TRANSPORT_ERROR);
    assert!(text.contains("ended before its answer was complete"), "{text}");
    let answer = client.ask(3, "unreadable");
    assert_eq!(error(&answer).0, TRANSPORT_ERROR);
    assert_eq!(answer["error"]["data"]["code"], "invalid-response");
    client.finish().succeeded();
}

#[test]
fn a_token_that_the_server_refuses_is_renewed_and_the_message_sent_again() {
    let world = World::logged_in(plain);
    let first = world.token();
    world.refuse(&first);
    let mut client = world.client(&[]);
    client.initialize();
    assert!(client.ask(1, "tools/list")["result"]["tools"].is_array());
    client.finish().succeeded();
    assert_eq!(world.renewals(), 1);
    assert_ne!(world.token(), first);
}

#[test]
fn sixteen_bridges_renew_an_expired_token_once() {
    let world = World::logged_in(plain);
    Session::read(&world.session_file()).later(7200).write();
    let mut clients: Vec<_> = (0..16).map(|_| world.client(&[])).collect();
    clients.iter_mut().for_each(|client| client.request(0, "initialize"));
    for client in &mut clients {
        assert_eq!(client.receive()["result"]["protocolVersion"], "2025-11-25");
    }
    clients.into_iter().for_each(|client| drop(client.finish().succeeded()));
    assert_eq!(world.renewals(), 1);
}

#[test]
fn without_a_login_the_error_names_the_command_and_a_login_elsewhere_helps() {
    let world = World::with(plain);
    let mut client = world.client(&[]);
    let answer = client.ask(0, "initialize");
    let (code, text) = error(&answer);
    assert_eq!(
        (code, &answer["error"]["data"]["code"]),
        (TRANSPORT_ERROR, &json!("login-required"))
    );
    assert!(text.contains(&format!("latch login {}", world.url())), "{text}");
    assert!(world.asked().is_empty(), "nothing is sent without a token");
    world.log_in(&[]);
    client.initialize();
    client.finish().succeeded();
}

/// A client whose bridge opens a browser in which Ada Lovelace logs in.
fn logging_in(world: &World) -> Client {
    let visitor = built("visitor");
    let browser = latchstring::words::quote(visitor.to_str().expect("a path")).expect("a word");
    world.client(&["--login", "--flow", "browser", "--browser", &browser])
}

#[test]
fn with_login_a_browser_is_opened_and_the_message_waits() {
    let world = World::with(plain);
    let mut client = logging_in(&world);
    client.initialize();
    assert!(client.ask(1, "tools/list")["result"]["tools"].is_array());
    let end = client.finish().succeeded();
    assert_eq!((world.logins(), end.stdout.as_str()), (1, ""));
    assert!(end.stderr.contains("you are not logged in"), "{}", end.stderr);
}

#[test]
fn a_login_at_another_issuer_than_the_named_one_is_refused() {
    let world = World::with(plain);
    let mut client = world.client(&["--login", "--accept-issuer", "id.example.com"]);
    let (code, text) = error(&client.ask(0, "initialize"));
    assert!(code == TRANSPORT_ERROR && text.contains("127.0.0.1"), "{text}");
    client.finish().succeeded();
    assert_eq!(world.logins(), 0);
}

/// Requires the scope `email` for a tool: of the first token, or of every one if `always`.
fn demanding(always: bool) -> World {
    let granted = Arc::new(Mutex::new(None::<String>));
    World::logged_in(move |call| {
        let Some(mut call) = call.in_session() else { return };
        let token = call.asked.header("authorization").unwrap_or_default().to_owned();
        let first = lock(&granted).get_or_insert_with(|| token.clone()).clone();
        match call.message()["method"].as_str() {
            Some("tools/call") if always || token == first => {
                let challenge =
                    "Bearer error=\"insufficient_scope\", scope=\"email\", realm=\"it's\"";
                call.status(&format!("403 Forbidden\r\nwww-authenticate: {challenge}"));
            }
            Some("tools/call") => call.result(json!("done")),
            _ => call.status("405 Method Not Allowed"),
        }
    })
}

#[test]
fn a_tool_that_requires_more_names_the_command_that_gets_it() {
    let world = demanding(false);
    let mut client = world.client(&[]);
    client.initialize();
    let (code, text) = error(&client.ask(1, "tools/call"));
    assert_eq!(code, TRANSPORT_ERROR);
    assert!(text.contains("scopes email"), "{text}");
    let command = text.split("log in with: ").nth(1).expect("a command");
    let words = shlex::split(command).expect("words of a shell");
    assert_eq!(words[..3], ["latch", "login", &world.url()]);
    let challenge = words.iter().position(|word| word == "--challenge").expect("the challenge");
    world.log_in(&["--challenge", &words[challenge + 1]]);
    assert_eq!(client.ask(2, "tools/call")["result"], "done");
    client.finish().succeeded();
}

#[test]
fn with_login_a_tool_gets_what_it_requires_and_at_most_twice() {
    for (always, logins) in [(false, 2), (true, 3)] {
        let world = demanding(always);
        let mut client = logging_in(&world);
        client.initialize();
        let answer = client.ask(1, "tools/call");
        match always {
            false => assert_eq!(answer["result"], "done", "{answer}"),
            true => assert_eq!(error(&answer).0, TRANSPORT_ERROR),
        }
        client.finish().succeeded();
        assert_eq!(world.logins(), logins);
        let asked = world.home.asked("/authorize");
        let scope = asked.last().expect("a login").parameter("scope").expect("scopes");
        assert!(scope.split(' ').any(|scope| scope == "email"), "{scope}");
    }
}

#[test]
fn requests_that_require_the_same_share_one_login() {
    let world = demanding(false);
    let mut client = logging_in(&world);
    client.initialize();
    for id in 1..=8 {
        client.request(id, "tools/call");
    }
    for _ in 1..=8 {
        assert_eq!(client.receive()["result"], "done");
    }
    client.finish().succeeded();
    assert_eq!(world.logins(), 2);
}

#[test]
fn a_session_that_the_server_has_forgotten_is_not_begun_again_by_the_bridge() {
    let is_restarted = Arc::new(Mutex::new(false));
    let restarted = Arc::clone(&is_restarted);
    let world = World::logged_in(move |mut call| {
        let is_known = call.message()["method"] == "initialize" || !*lock(&restarted);
        match is_known {
            true => plain(call),
            false => {
                let gone = json!({ "code": -32001, "message": "Session not found" });
                let answer = json!({ "jsonrpc": "2.0", "id": null, "error": gone });
                call.json_with("404 Not Found", &answer);
            }
        }
    });
    let mut client = world.client(&[]);
    client.initialize();
    *lock(&is_restarted) = true;
    let answer = client.ask(1, "tools/list");
    assert_eq!(error(&answer).0, TRANSPORT_ERROR);
    assert_eq!(answer["error"]["data"]["code"], "session-over");
    *lock(&is_restarted) = false;
    client.initialize();
    assert!(client.ask(2, "tools/list")["result"]["tools"].is_array());
    client.finish().succeeded();
    let begun = world.asked().into_iter().filter(|asked| {
        serde_json::from_slice::<Value>(&asked.body).is_ok_and(|it| it["method"] == "initialize")
    });
    let sessions: Vec<_> =
        begun.map(|asked| asked.header("mcp-session-id").map(str::to_owned)).collect();
    assert_eq!(sessions, [None, None]);
}

#[test]
fn answers_with_an_error_status_reach_the_request() {
    let world = World::logged_in(|mut call| {
        let message = call.message();
        let failure = json!({ "code": -32601, "message": "no such method" });
        let failed = |id: &Value| json!({ "jsonrpc": "2.0", "id": id, "error": failure });
        match message["method"].as_str() {
            Some("own") => call.json_with("404 Not Found", &failed(&message["id"])),
            Some("without an ID") => call.json_with("400 Bad Request", &failed(&Value::Null)),
            Some("bare") => call.status("503 Service Unavailable"),
            Some("empty") => call.status("202 Accepted"),
            Some("text") => call.status("200 OK"),
            _ => call.result(json!({})),
        }
    });
    let mut client = world.client(&[]);
    client.ask(0, "ping");
    for (method, code, words) in [
        ("own", -32601, "no such method"),
        ("without an ID", TRANSPORT_ERROR, "400 Bad Request: no such method"),
        ("bare", TRANSPORT_ERROR, "503 Service Unavailable"),
        ("empty", TRANSPORT_ERROR, "not a JSON-RPC message"),
        ("text", TRANSPORT_ERROR, "not a JSON-RPC message"),
    ] {
        let found = error(&client.ask(1, method));
        assert!(found.0 == code && found.1.contains(words), "{method}: {found:?}");
    }
    client.finish().succeeded();
}

#[test]
fn a_client_that_reads_no_more_ends_the_bridge_and_the_session() {
    let world = World::logged_in(plain);
    let mut client = world.client(&[]);
    client.initialize();
    client.close_output();
    client.request(1, "tools/list");
    assert_eq!(client.wait(), Some(1));
    let last = world.asked().pop().expect("a request");
    assert!(last.line.starts_with("DELETE /mcp "), "{}", last.line);
}

#[test]
fn a_batch_gets_one_error_for_each_request_in_it() {
    let world = World::logged_in(|mut call| call.status("500 Internal Server Error"));
    let mut client = world.client(&[]);
    client.send(&json!([
        { "jsonrpc": "2.0", "id": 1, "method": "a" },
        { "jsonrpc": "2.0", "method": "b" },
        { "jsonrpc": "2.0", "id": "2", "method": "c" },
        { "jsonrpc": "2.0", "id": 3, "result": {} },
    ]));
    for id in [json!(1), json!("2")] {
        let answer = client.receive();
        assert_eq!((&answer["id"], error(&answer).0), (&id, TRANSPORT_ERROR));
    }
    client.finish().succeeded();
}

#[test]
fn a_server_that_cannot_be_reached_is_an_error_for_the_request_alone() {
    let is_away = Arc::new(Mutex::new(true));
    let away = Arc::clone(&is_away);
    let world = World::logged_in(move |call| {
        if !*lock(&away) {
            plain(call);
        }
    });
    let mut client = world.client(&[]);
    let answer = client.ask(0, "initialize");
    assert_eq!(error(&answer).0, TRANSPORT_ERROR);
    assert_eq!(answer["error"]["data"]["code"], "unreachable");
    client.notify("notifications/lost");
    client.wait_for("latch: cannot reach");
    *lock(&is_away) = false;
    client.initialize();
    client.finish().succeeded();
}

#[test]
fn a_redirect_is_not_followed() {
    let trap = Trap::set();
    let origin = trap.origin();
    let world = World::logged_in(move |mut call| {
        call.status(&format!("307 Temporary Redirect\r\nlocation: {origin}/mcp"));
    });
    let mut client = world.client(&[]);
    let (code, text) = error(&client.ask(0, "initialize"));
    assert!(code == TRANSPORT_ERROR && text.contains("redirects are not followed"), "{text}");
    client.finish().succeeded();
    assert!(trap.is_untouched());
}

#[test]
fn a_revision_without_sessions_gets_its_headers_and_cancels_by_hanging_up() {
    let (hung_up, ended) = channel();
    let hung_up = Mutex::new(hung_up);
    let world = World::logged_in(move |mut call| match call.message()["method"].as_str() {
        Some("subscriptions/listen") => {
            call.begin_events();
            call.event(r#"data: {"jsonrpc":"2.0","method":"acknowledged"}"#);
            call.wait_for_end();
            lock(&hung_up).send(()).expect("a test");
        }
        _ => call.result(json!({})),
    });
    let mut client = world.client(&[]);
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
    for (method, member, value, header) in [
        ("tools/call", "name", "get_weather", Some("get_weather")),
        ("tools/call", "name", "wetter für alle", Some("=?base64?d2V0dGVyIGbDvHIgYWxsZQ==?=")),
        ("prompts/get", "name", " x", Some("=?base64?IHg=?=")),
        ("resources/read", "uri", "file:///a", Some("file:///a")),
        ("tools/list", "name", "x", None),
    ] {
        let params = json!({ member: value, "_meta": meta });
        client.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }));
        client.receive();
        let asked = world.asked().pop().expect("a request");
        assert_eq!(asked.header("mcp-protocol-version"), Some("2026-07-28"));
        assert_eq!(asked.header("mcp-method"), Some(method));
        assert_eq!(asked.header("mcp-name"), header);
    }
    let listen = json!({ "jsonrpc": "2.0", "id": 2, "method": "subscriptions/listen",
        "params": { "_meta": meta } });
    client.send(&listen);
    assert_eq!(client.receive()["method"], "acknowledged");
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": { "requestId": 2, "_meta": meta } });
    client.send(&cancel);
    ended.recv().expect("the connection ends");
    client.finish().succeeded();
    let relayed = world.asked().into_iter().filter(|asked| {
        serde_json::from_slice::<Value>(&asked.body)
            .is_ok_and(|it| it["method"] == "notifications/cancelled")
    });
    assert_eq!(relayed.count(), 0);
}

#[test]
fn arguments_are_repeated_in_the_headers_that_the_tool_names() {
    let world = World::logged_in(|mut call| {
        let region = json!({ "type": "string", "x-mcp-header": "Region" });
        let schema = json!({ "type": "object", "properties": { "region": region } });
        match call.message()["method"].as_str() {
            Some("tools/list") => {
                call.result(json!({ "tools": [{ "name": "query", "inputSchema": schema }] }));
            }
            _ => call.result(json!({})),
        }
    });
    let mut client = world.client(&[]);
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
    let mut ask = |method, params: Value| {
        let mut params = params;
        params["_meta"] = meta.clone();
        client.send(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }));
        client.receive();
        world.asked().pop().expect("a request")
    };
    let call = json!({ "name": "query", "arguments": { "region": "eu-west" } });
    assert_eq!(ask("tools/call", call.clone()).header("mcp-param-region"), None);
    ask("tools/list", json!({}));
    assert_eq!(ask("tools/call", call).header("mcp-param-region"), Some("eu-west"));
    client.finish().succeeded();
}

#[test]
fn what_never_ends_or_fails_leaves_room_for_other_requests() {
    let world = World::logged_in(|call| {
        let Some(mut call) = call.in_session() else { return };
        match (call.method(), call.message()["method"].as_str()) {
            ("POST", Some("slow" | "subscriptions/listen")) => call.wait_for_end(),
            (_, Some("notifications/cancelled")) => call.status("202 Accepted"),
            (_, Some("failing")) => call.status("500 Internal Server Error"),
            (_, Some("tools/list")) => call.result(json!({ "tools": [] })),
            _ => call.status("405 Method Not Allowed"),
        }
    });
    let mut client = world.client(&[]);
    client.initialize();
    for id in 1..=70 {
        client.request(id, "slow");
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": { "requestId": id } }));
        client.request(1000 + id, "subscriptions/listen");
        assert_eq!(error(&client.ask(2000 + id, "failing")).0, TRANSPORT_ERROR);
    }
    assert!(client.ask(100, "tools/list")["result"]["tools"].is_array());
    client.finish().succeeded();
}

#[test]
fn a_cancellation_in_a_session_is_passed_on() {
    let (cancelled, gate) = gate();
    let cancelled = Mutex::new(cancelled);
    let world = World::logged_in(move |call| {
        let Some(mut call) = call.in_session() else { return };
        match call.message()["method"].as_str() {
            Some("slow") => {
                lock(&gate).recv().expect("a cancellation");
                call.result(json!("cancelled"));
            }
            Some("notifications/cancelled") => {
                call.status("202 Accepted");
                lock(&cancelled).send(()).expect("a request");
            }
            _ => call.status("405 Method Not Allowed"),
        }
    });
    let mut client = world.client(&[]);
    client.initialize();
    client.request(1, "slow");
    client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": { "requestId": 1 } }));
    assert_eq!(client.receive()["result"], "cancelled");
    client.finish().succeeded();
}

/// A server of the revision 2024-11-05 that names this endpoint.
fn older(endpoint: impl Fn(&str) -> String + Send + Sync + 'static) -> World {
    let (sender, messages) = channel::<Value>();
    let (sender, messages) = (Mutex::new(sender), Mutex::new(messages));
    World::logged_in(move |mut call| {
        let target = call.asked.line.split(' ').nth(1).unwrap_or_default().to_owned();
        match (call.method(), target.as_str()) {
            ("GET", "/mcp") => {
                let origin = format!("http://{}", call.asked.header("host").expect("a host"));
                call.begin_events();
                call.event(&format!("event: endpoint\ndata: {}", endpoint(&origin)));
                while let Ok(message) = lock(&messages).recv() {
                    if message["method"] == "leave" {
                        return;
                    }
                    let answer = json!({ "jsonrpc": "2.0", "id": message["id"],
                        "result": message["method"] });
                    call.event(&format!("event: message\ndata: {answer}"));
                }
            }
            ("POST", "/messages?session=1") => {
                lock(&sender).send(call.message()).expect("a stream");
                call.status("202 Accepted");
            }
            _ => call.status("405 Method Not Allowed"),
        }
    })
}

#[test]
fn the_older_transport_is_used_if_the_server_speaks_no_other() {
    let world = older(|_| "/messages?session=1".to_owned());
    let mut client = world.client(&[]);
    for (id, method) in [(0, "initialize"), (1, "tools/list")] {
        assert_eq!(client.ask(id, method)["result"], method);
    }
    let (code, text) = error(&client.ask(2, "leave"));
    assert!(code == TRANSPORT_ERROR && text.contains("ended before"), "{text}");
    // It connects again.
    assert_eq!(client.ask(3, "initialize")["result"], "initialize");
    client.finish().succeeded();
}

#[test]
fn an_older_server_cannot_send_the_token_elsewhere() {
    let trap = Trap::set();
    let elsewhere = trap.origin();
    let world = older(move |_| format!("{elsewhere}/messages"));
    let mut client = world.client(&[]);
    let (code, text) = error(&client.ask(0, "initialize"));
    assert!(code == TRANSPORT_ERROR && text.contains("405"), "{text}");
    client.wait_for("another origin");
    client.finish().succeeded();
    assert!(trap.is_untouched());
}

#[test]
fn the_configuration_of_a_client_starts_this_bridge() {
    let world = World::with(plain);
    let url = "https://mcp.example.com/mcp";
    let configured = |extra: &[&str]| {
        run(&mut world.command(&[&["mcp", "config", url], extra].concat())).succeeded()
    };
    let server = |words: &[&str]| json!({ "command": "latch", "args": words });
    let plain = json!({ "mcpServers": { "mcp-example-com": server(&["mcp", url]) } });
    assert_eq!(configured(&[]).json(), plain);
    assert_eq!(configured(&["--client", "claude-desktop"]).json(), plain);
    let named = configured(&["--client", "vscode", "--name", "work", "--profile", "work"]);
    let entry = named.json()["servers"]["work"].clone();
    assert_eq!(entry["args"], json!(["mcp", url, "--profile", "work"]));
    assert!(named.stderr.contains(".vscode/mcp.json"), "{}", named.stderr);
    run(&mut world.command(&["mcp", "config", "nonsense"])).failed(2, "invalid-configuration");
    let run = run(&mut world.command(&["mcp"]));
    assert_eq!(run.code, 2, "{}", run.stderr);
}
