"""The listener, with requests of browsers and of other programs."""

from __future__ import annotations

import contextlib
import queue
import random
import socket
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from latchstring import LatchError, Redirect
from latchstring.listener import BrowserVisit, Head, Listener
from latchstring.rules import Page, Rules

from .conftest import PATIENCE

RULES = Rules()
END_ADDRESS = RULES.end_address()
SUCCESS = Page(200, "<p>You are logged in.", "default-src 'none'", None, None)
TO_THE_END = replace(SUCCESS, status=303, location=END_ADDRESS)


class Fixture:
    def __init__(self, redirect: Redirect) -> None:
        self.visits: queue.SimpleQueue[BrowserVisit] = queue.SimpleQueue()
        self.listener = Listener(redirect, self.visits.put)
        self.authority = urlsplit(self.listener.redirect_uri).netloc

    def connect(self) -> socket.socket:
        host, port = self.authority.rsplit(":", 1)
        return socket.create_connection((host.strip("[]"), int(port)), PATIENCE)

    def request(self, target: str) -> bytes:
        """Returns a GET request as a browser sends it."""
        return f"GET {target} HTTP/1.1\r\nHost: {self.authority}\r\nAccept: */*\r\n\r\n".encode()

    def exchange(self, request: bytes) -> bytes:
        with self.connect() as stream:
            with contextlib.suppress(ConnectionError):
                stream.sendall(request)
            return read(stream)

    def still_works(self) -> bool:
        with self.connect() as stream:
            stream.sendall(self.request("/callback?code=real"))
            visit = self.visits.get(timeout=PATIENCE)
            assert visit.target == "/callback?code=real"
            visit.send(SUCCESS)
            return read(stream).startswith(b"HTTP/1.1 200 ")


def read(stream: socket.socket) -> bytes:
    answer = b""
    # A reset after the answer ends it too.
    try:
        while piece := stream.recv(4096):
            answer += piece
    except ConnectionError:
        pass
    return answer


@pytest.fixture
def fixture() -> Iterator[Fixture]:
    fixture = Fixture(Redirect())
    yield fixture
    fixture.listener.close()


def test_every_answer_carries_the_same_protection(fixture: Fixture) -> None:
    with fixture.connect() as stream:
        stream.sendall(fixture.request("/callback?code=a"))
        fixture.visits.get(timeout=PATIENCE).send(RULES.abandoned())
        page = read(stream)
    for answer in (page, fixture.exchange(fixture.request("/favicon.ico"))):
        for line in [
            b"Content-Security-Policy: default-src 'none'; ",
            b"frame-ancestors 'none'",
            b"Referrer-Policy: no-referrer",
            b"X-Content-Type-Options: nosniff",
            b"Cache-Control: no-store",
            b"Connection: close",
        ]:
            assert line in answer, line


def test_no_bytes_stop_the_listener(fixture: Fixture) -> None:
    noise = random.Random(1)
    for garbage in [
        b"\0\0\0\0\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /callback?\xff\xfe HTTP/1.1\r\n\r\n",
        b"GET /callback?a HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"GET /callback?" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /callback?a HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        *(noise.randbytes(length) + b"\r\n\r\n" for length in range(1, 200, 7)),
    ]:
        assert not fixture.exchange(garbage).startswith(b"HTTP/1.1 2"), garbage
    assert fixture.still_works()


def test_silent_connections_do_not_keep_the_redirect_out(fixture: Fixture) -> None:
    silent = [fixture.connect() for _ in range(200)]
    assert fixture.still_works()
    # The oldest one was closed.
    assert read(silent[0]) == b""
    for stream in silent:
        stream.close()


def test_if_all_connections_wait_for_a_page_the_next_one_waits(fixture: Fixture) -> None:
    streams = [fixture.connect() for _ in range(64)]
    visits = []
    for stream in streams:
        stream.sendall(fixture.request("/callback?code=a"))
        visits.append(fixture.visits.get(timeout=PATIENCE))
    with fixture.connect() as last:
        last.sendall(fixture.request("/callback?code=last"))
        with pytest.raises(queue.Empty):
            fixture.visits.get(timeout=0.1)
        visits[0].send(SUCCESS)
        assert read(streams[0]).startswith(b"HTTP/1.1 200 ")
        for stream in streams:
            stream.close()
        assert fixture.visits.get(timeout=PATIENCE).target == "/callback?code=last"


def test_refused_connections_that_stay_open_do_not_keep_the_redirect_out(fixture: Fixture) -> None:
    refused = [fixture.connect() for _ in range(20)]
    for stream in refused:
        stream.sendall(fixture.request("/favicon.ico"))
    assert fixture.still_works()
    for stream in refused:
        stream.close()


def test_a_slow_request_does_not_keep_the_redirect_out(fixture: Fixture) -> None:
    with fixture.connect() as slow:
        slow.sendall(b"GET /callback?code=slow HTT")
        assert fixture.still_works()
        slow.sendall(b"P/1.1\r\nHost: " + fixture.authority.encode() + b"\r\n\r\n")
        assert fixture.visits.get(timeout=PATIENCE).target == "/callback?code=slow"


def test_a_connection_without_a_request_is_closed(fixture: Fixture) -> None:
    with fixture.connect() as silent:
        assert read(silent).startswith(b"HTTP/1.1 408 ")


def test_a_browser_that_waits_when_the_listener_closes_gets_a_page() -> None:
    fixture = Fixture(Redirect())
    with fixture.connect() as stream:
        stream.sendall(fixture.request("/callback?code=a"))
        fixture.visits.get(timeout=PATIENCE)
        fixture.listener.close()
        assert b"Login stopped" in read(stream)


def test_localhost_answers_on_every_family() -> None:
    fixture = Fixture(Redirect(host="localhost"))
    assert fixture.still_works()
    fixture.listener.close()


def test_if_a_port_is_in_use_the_next_one_is_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        taken = busy.getsockname()[1]
        fixture = Fixture(Redirect(ports=[taken, 0]))
        assert str(taken) not in fixture.authority
        fixture.listener.close()


@pytest.mark.parametrize("path", ["", "callback", "//a", "/a b", "/a?b", "/a#b", "/ä", "/a\r\n"])
def test_a_path_that_no_request_could_match_is_refused(path: str) -> None:
    with pytest.raises(LatchError):
        Redirect(path=path)


@pytest.mark.parametrize(
    ("request_line", "fields", "status"),
    [
        ("GET /callback?a HTTP/1.1", [], 421),
        ("GET /callback?a HTTP/1.1", ["Host: evil.example:8000"], 421),
        ("GET /callback?a HTTP/1.1", ["Host: HERE.evil.example"], 421),
        ("GET /callback?a HTTP/1.1", ["Host: HERE", "Host: HERE"], 421),
        ("HEAD /callback?a HTTP/1.1", ["Host: HERE"], 405),
        ("get /callback?a HTTP/1.1", ["Host: HERE"], 405),
        ("GET / HTTP/1.1", ["Host: HERE"], 404),
        ("GET /call%62ack?a HTTP/1.1", ["Host: HERE"], 404),
        ("GET http://HERE/callback?a HTTP/1.1", ["Host: HERE"], 404),
        ("GET /callback? HTTP/1.1", ["Host: HERE"], 400),
        ("GET /callback?a HTTP/1.1", ["Host: HERE", "Sec-Purpose: Prefetch;prerender"], 503),
        ("GET /callback?a HTTP/1.1", ["Host: HERE", "Content-Length: 1"], 400),
        ("GET /callback?a HTTP/1.1", ["Host: HERE", "Transfer-Encoding: chunked"], 400),
        ("GET /callback?a HTTP/1.1", ["Host: HERE", " folded"], 400),
        ("GET /callback?a HTTP/1.1", ["Host : HERE"], 400),
    ],
)
def test_other_requests_are_refused(
    fixture: Fixture, request_line: str, fields: list[str], status: int
) -> None:
    head = "\r\n".join([request_line, *fields, "", ""]).replace("HERE", fixture.authority)
    answer = fixture.exchange(head.encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"\r\nAllow: GET\r\n" in answer) is (status == 405)
    assert fixture.visits.empty()


def test_the_redirect_is_passed_on(fixture: Fixture) -> None:
    more = b"Cookie: a=b\r\ncookie: c=d\r\nContent-Length: 0\r\n\r\n"
    with fixture.connect() as stream:
        stream.sendall(fixture.request("/callback?code=a").removesuffix(b"\r\n") + more)
        visit = fixture.visits.get(timeout=PATIENCE)
        assert (visit.target, visit.cookies) == ("/callback?code=a", "a=b; c=d")
        visit.send(SUCCESS)


@pytest.mark.parametrize(
    ("version", "fields", "keeps"),
    [
        ("1.1", [], True),
        ("1.1", ["Connection: keep-alive, upgrade"], True),
        ("1.1", ["Connection: Upgrade, Close"], False),
        ("1.1", ["Connection: keep-alive", "Connection: close"], False),
        ("1.0", ["Connection: keep-alive"], False),
    ],
)
def test_a_connection_is_kept_open_if_the_request_allows_it(
    version: str, fields: list[str], keeps: bool
) -> None:
    lines = [f"GET /callback?code=a HTTP/{version}", "Host: 127.0.0.1:8000", *fields]
    assert Head.parse("\r\n".join(lines).encode()).keeps is keeps


def sent_to_the_end(fixture: Fixture, more: str = "") -> tuple[socket.socket, BrowserVisit, bytes]:
    stream = fixture.connect()
    request = fixture.request("/callback?code=a")
    stream.sendall(request.replace(b"Accept: */*\r\n", more.encode()))
    visit = fixture.visits.get(timeout=PATIENCE)
    visit.send(TO_THE_END)
    visit.settle()
    answer = stream.recv(4096)
    assert answer.startswith(b"HTTP/1.1 303 ")
    return stream, visit, answer


def test_the_way_to_the_last_page_leaves_the_connection_open(fixture: Fixture) -> None:
    stream, _, answer = sent_to_the_end(fixture)
    assert b"Connection: keep-alive\r\n" in answer
    with stream:
        stream.sendall(fixture.request(END_ADDRESS))
        last = fixture.visits.get(timeout=PATIENCE)
        assert last.target == END_ADDRESS and not last.is_gone
        last.send(SUCCESS)
        page = read(stream)
    assert page.startswith(b"HTTP/1.1 200 ") and b"Connection: close\r\n" in page


def test_a_request_that_came_with_the_first_one_gets_its_answer(fixture: Fixture) -> None:
    with fixture.connect() as stream:
        stream.sendall(fixture.request("/callback?code=a") + fixture.request(END_ADDRESS))
        fixture.visits.get(timeout=PATIENCE).send(TO_THE_END)
        last = fixture.visits.get(timeout=PATIENCE)
        assert last.target == END_ADDRESS and not last.is_gone
        last.send(SUCCESS)
        assert b"HTTP/1.1 200 " in read(stream)


def test_the_login_is_told_if_the_browser_closes_the_connection_instead_of_asking(
    fixture: Fixture,
) -> None:
    stream, visit, _ = sent_to_the_end(fixture)
    stream.close()
    assert fixture.visits.get(timeout=PATIENCE) is visit
    assert visit.is_gone


def test_a_browser_that_closes_by_itself_may_ask_on_another_connection(fixture: Fixture) -> None:
    stream, _, answer = sent_to_the_end(fixture, "Connection: close\r\n")
    assert b"Connection: close\r\n" in answer
    with stream:
        assert read(stream) == b""
    assert fixture.visits.empty()


def test_redirect_paths_of_the_listeners_own_are_refused() -> None:
    for path in ("/latchstring/start", "/latchstring/startle", "/latchstring/"):
        with pytest.raises(LatchError, match="/latchstring/ is reserved"):
            Redirect(path=path)
    assert Redirect(path="/latchstrings").path == "/latchstrings"
