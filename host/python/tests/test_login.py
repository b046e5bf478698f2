"""Whole sessions against the demo provider."""

from __future__ import annotations

import fcntl
import http.client
import json
import signal
import socket
import sys
import urllib.parse
from dataclasses import replace

import pytest

import latchstring
from latchstring import Client, LatchError, Redirect, Tokens

from .conftest import PATIENCE, PYTHON, VISITOR, Home, Server, log_in, settings_of, wait_for, words


def client_of(server: Server) -> Client:
    return Client(
        client_id="demo", issuer=server.issuer, scopes=["openid", "profile", "offline_access"]
    )


def test_a_whole_session(home: Home, demo: Server) -> None:
    login = log_in(home, demo)
    assert "Logged in" in login.stderr and login.stdout == ""
    first = home.python("token", *words(demo)).succeeded().stdout
    assert first == home.python("token", *words(demo)).succeeded().stdout
    renewed = home.python("token", *words(demo), "--force-refresh").succeeded().stdout
    assert renewed != first
    assert home.python("logout", *words(demo)).succeeded().stderr == "Logged out\n"
    assert home.sessions() == []
    ended = home.python("token", *words(demo)).failed("login-required")
    assert ended.code == 3


def test_an_empty_variable_counts_as_unset(home: Home, demo: Server) -> None:
    folder = home.folder / "elsewhere"
    variables = ["LATCH_STATE_DIR=", "LATCH_BROWSER=", f"BROWSER={VISITOR}"]
    command = ["env", *variables, f"XDG_STATE_HOME={folder}", *PYTHON, "login", *words(demo)]
    home.start(*command, "--flow", "browser").finish().succeeded()
    assert list(folder.glob("latchstring/*.session"))


def test_the_library_logs_in_and_returns_the_token(home: Home, demo: Server) -> None:
    client, settings = client_of(demo), settings_of(home)
    granted = latchstring.login(client, settings)
    assert granted.source == "login" and "openid" in granted.scopes
    assert granted.claims is not None and granted.claims["iss"] == demo.issuer
    assert granted.headers == {"authorization": f"Bearer {granted.access_token}"}
    again = latchstring.token(client, settings)
    assert (again.source, again.access_token) == ("cached", granted.access_token)
    asked = latchstring.token(client, settings, examination=latchstring.Examination("userinfo"))
    assert asked.claims is not None and asked.claims["name"]
    report = latchstring.logout(client, settings)
    assert report.was_logged_in and set(report.revoked) == {"access-token", "refresh-token"}


def test_token_or_login_logs_in_only_if_needed(home: Home, demo: Server) -> None:
    client, settings = client_of(demo), settings_of(home)
    first = latchstring.token_or_login(client, settings)
    again = latchstring.token_or_login(client, settings)
    assert (first.source, again.source) == ("login", "cached")


def test_another_programs_tokens_become_a_session(home: Home, demo: Server) -> None:
    client, settings = client_of(demo), settings_of(home)
    granted = latchstring.login(client, settings)
    tokens = Tokens(access_token=granted.access_token, expires_at_ms=granted.expires_at_ms)
    elsewhere = replace(settings, profile="elsewhere")
    assert latchstring.adopt(client, tokens, elsewhere).access_token == granted.access_token
    held = latchstring.token(client, elsewhere)
    assert (held.source, held.access_token) == ("cached", granted.access_token)
    assert granted.access_token not in repr(tokens)


def test_a_cached_token_needs_no_request_and_a_renewal_does(home: Home, demo: Server) -> None:
    log_in(home, demo)
    demo.stop()
    home.python("token", *words(demo)).succeeded()
    failed = home.python("token", *words(demo), "--force-refresh").failed("unreachable")
    assert "cannot reach" in failed.stderr
    # A network failure is not a logout.
    home.python("token", *words(demo)).succeeded()


def test_the_user_may_open_the_address_and_deny_access(home: Home, demo: Server) -> None:
    login = home.start(*PYTHON, "login", *words(demo), "--flow", "browser", "--no-browser")
    assert login.visit("--refuse").returncode == 0
    login.finish().failed("access-denied")
    assert home.sessions() == []


def test_a_login_without_a_visit_times_out(home: Home, demo: Server) -> None:
    settings = settings_of(home, open_browser=False, patience_seconds=0.2)
    with pytest.raises(LatchError) as failure:
        latchstring.login(client_of(demo), settings)
    assert failure.value.code == "timed-out"


def test_a_login_without_a_terminal_or_a_browser_is_refused(home: Home, demo: Server) -> None:
    with pytest.raises(LatchError) as failure:
        latchstring.login(client_of(demo), settings_of(home, flow=None, browser=None))
    assert failure.value.code == "login-required"


def test_a_port_that_is_in_use(home: Home, demo: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = settings_of(home, redirect=Redirect(ports=[port]))
        with pytest.raises(LatchError) as failure:
            latchstring.login(client_of(demo), settings)
    assert failure.value.code == "port-in-use" and str(port) in failure.value.message


def ask(address: str, request: str) -> int:
    """Sends a request, and returns the status of the response."""
    parsed = urllib.parse.urlsplit(address)
    with socket.create_connection((parsed.hostname or "", parsed.port or 0), PATIENCE) as stream:
        stream.sendall(request.encode("latin-1"))
        answer = http.client.HTTPResponse(stream)
        answer.begin()
        return answer.status


def test_hostile_callbacks_neither_end_nor_finish_a_login(home: Home, demo: Server) -> None:
    login = home.start(*PYTHON, "login", *words(demo), "--flow", "browser", "--no-browser")
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(login.address()).query)
    callback = query["redirect_uri"][0]
    place = urllib.parse.urlsplit(callback).netloc
    host = f"Host: {place}\r\n\r\n"
    rows = [
        ("GET /callback?code=forged&state=forged HTTP/1.1\r\n" + host, 400),
        ("GET /callback?error=access_denied HTTP/1.1\r\n" + host, 400),
        (f"GET /callback?code=forged&state={query['state'][0]}&iss=x HTTP/1.1\r\n" + host, 400),
        ("GET /callback HTTP/1.1\r\n" + host, 400),
        ("GET /favicon.ico HTTP/1.1\r\n" + host, 404),
        ("GET /latchstring/start?ticket=x HTTP/1.1\r\n" + host, 410),
        ("OPTIONS /callback?code=x HTTP/1.1\r\n" + host, 405),
        ("POST /callback?code=x HTTP/1.1\r\nContent-Length: 0\r\n" + host, 405),
        ("GET /callback?code=x HTTP/1.1\r\nSec-Purpose: prefetch\r\n" + host, 503),
        ("GET /callback?code=x HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
    ]
    for request, status in rows:
        assert ask(callback, request) == status, request
    assert login.visit().returncode == 0
    login.finish().succeeded()


def test_the_browsers_command_line_does_not_reveal_the_login(home: Home, demo: Server) -> None:
    note = home.folder / "note"
    script = home.folder / "browser"
    # The shell reads this file. Executing it could fail while it is still open for writing.
    script.write_text(f'printf %s "$1" > {note}.part\nmv {note}.part {note}\n')
    login = home.start(
        *PYTHON, "login", *words(demo), "--flow", "browser", "--browser", f"sh {script}"
    )
    printed = login.address()
    wait_for(note.exists)
    opened = note.read_text()
    assert opened != printed
    for address in (opened, printed):
        assert "/latchstring/start?ticket=" in address and "state=" not in address
    # Another browser opens it first. Then the cookies of both do not count.
    place = urllib.parse.urlsplit(opened).netloc
    start = opened.split(place)[1]
    request = f"GET {start} HTTP/1.1\r\nHost: {place}\r\n\r\n"
    assert [ask(opened, request) for _ in range(3)] == [303, 410, 410]
    # The address on the terminal still works.
    assert login.visit().returncode == 0
    login.finish().succeeded()


def test_no_secret_is_shown(home: Home, demo: Server) -> None:
    runs = [log_in(home, demo)]
    stored = json.loads(home.sessions()[0].read_bytes().split(b"\n", 1)[1])
    token = home.python("token", *words(demo), "-v").succeeded()
    runs.append(home.python("token", *words(demo), "--force-refresh", "-v"))
    runs.append(home.python("logout", *words(demo), "-v"))
    secrets = [token.stdout.strip(), *long_texts(stored, "token")]
    assert len(secrets) > 2
    for secret in secrets:
        assert not any(secret in run.stderr for run in runs)
    assert not any(mark in run.stderr for run in runs for mark in ("code=", "state="))


def long_texts(value: object, mark: str, name: str = "") -> list[str]:
    """Returns the long texts, except addresses, of all members with `mark` in their name."""
    if isinstance(value, dict):
        return [text for key, below in value.items() for text in long_texts(below, mark, key)]
    is_secret = isinstance(value, str) and mark in name and len(value) > 10
    return [str(value)] if is_secret and not str(value).startswith("http") else []


def test_repr_shows_no_secret(home: Home, demo: Server) -> None:
    client = Client(client_id="demo", issuer=demo.issuer, client_secret="hush-hush")
    granted = latchstring.login(client_of(demo), settings_of(home))
    for text in (repr(client), str(granted), repr([granted])):
        assert "hush-hush" not in text and granted.access_token not in text


def test_a_damaged_session_is_set_aside_by_a_login(home: Home, demo: Server) -> None:
    log_in(home, demo)
    session = home.sessions()[0]
    session.write_bytes(session.read_bytes()[:-10])
    failed = home.python("token", *words(demo)).failed("stored-damaged")
    assert str(session) in failed.stderr
    log_in(home, demo)
    home.python("token", *words(demo)).succeeded()
    assert session.with_suffix(".damaged").exists()


def test_an_interrupted_login_frees_its_port(home: Home, demo: Server) -> None:
    login = home.start(*PYTHON, "login", *words(demo), "--flow", "browser", "--no-browser")
    login.address()
    login.interrupt()
    assert login.finish().code == 130


def test_an_interrupted_wait_for_a_lock_ends_at_once(home: Home, demo: Server) -> None:
    log_in(home, demo)
    with open(next(home.state.glob("*.lock"))) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = home.start(*PYTHON, "token", *words(demo), "--force-refresh")
        waiting.shown("Waiting for another process")
        waiting.interrupt()
        assert waiting.finish().code == 130


# Gets signals during a request.
INTERRUPTED = """
import os, signal
import latchstring.http, latchstring.latch
from latchstring.__main__ import main
send, held = latchstring.http.send, latchstring.latch._signals_held
stops = []
def holding(stop):
    stops.append(stop)
    return held(stop)
def interrupted(*arguments):
    for number in [NUMBERS]:
        os.kill(os.getpid(), number)
        # Wait until the handler has run.
        stops[0].wait()
    return send(*arguments)
latchstring.http.send, latchstring.latch._signals_held = interrupted, holding
main()
"""


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ([signal.SIGINT], 130),
        ([signal.SIGTERM], -signal.SIGTERM),
        ([signal.SIGHUP], -signal.SIGHUP),
        # Ctrl-C, and then the terminal is closed.
        ([signal.SIGINT, signal.SIGHUP], -signal.SIGHUP),
        ([signal.SIGINT, signal.SIGINT], 130),
    ],
)
def test_an_interruption_waits_for_the_end_of_a_refresh(
    home: Home, demo: Server, numbers: list[int], code: int
) -> None:
    log_in(home, demo)
    first = home.python("token", *words(demo)).succeeded().stdout
    program = INTERRUPTED.replace("NUMBERS", ", ".join(map(str, map(int, numbers))))
    command = [sys.executable, "-c", program, "token", *words(demo), "--force-refresh"]
    assert home.start(*command).finish().code == code
    assert home.python("token", *words(demo)).succeeded().stdout != first
    home.python("token", *words(demo), "--force-refresh").succeeded()
