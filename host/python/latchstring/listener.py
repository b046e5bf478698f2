"""The loopback listener that the browser is redirected to (RFC 8252 §7.3).

A connection carries one request, and another one if the first is redirected to the last
page. Only a request that the rules accept is passed on, and waits for its page. No request
stops the listener.

Not with `http.server`, which limits neither the connections nor the time of a request.
"""

from __future__ import annotations

import contextlib
import queue
import re
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from .bind import Redirect, bind
from .contract import Header
from .peers import Peers, end
from .rules import Page, Peer, RedirectHost, Refusal, Rules

_HOSTS: dict[str, RedirectHost] = {
    "127.0.0.1": "ipv4",
    "[::1]": "ipv6",
    "localhost": "localhost",
}

_MOST_CONNECTIONS = 64
_REQUEST_SECONDS = 5.0
# Most bytes of the request line and headers.
_LONGEST_REQUEST = 16 * 1024
# Time limit for a page: the session exchanges the code and is saved first.
_PAGE_SECONDS = 120.0
# Time limit for writing a page.
_WRITING_SECONDS = 2.0
# How long to read what a browser still sends after its page. A socket that is closed with
# unread bytes resets the connection, and the browser may lose the page.
_LINGER_SECONDS = 1.0
# Pause after a connection could not be accepted.
_ACCEPT_PAUSE_SECONDS = 0.05

_REQUEST_LINE = re.compile(r"([A-Za-z]+) ([!-~]+) HTTP/(1\.[01])")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*")
_MOST_FIELDS = 100

# The `Content-Security-Policy` of a response without a page.
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class BrowserVisit:
    """A request that the rules accepted, and that waits for its page."""

    def __init__(
        self,
        target: str,
        cookies: str,
        peer: Peer = "unknown",
        went: Callable[[BrowserVisit], None] | None = None,
    ) -> None:
        # Path and query as sent.
        self.target = target
        # The `Cookie` headers joined with `; `.
        self.cookies = cookies
        self.peer = peer
        # Called if the browser closes the connection instead of sending its next request.
        # None: it cannot send another one on this connection.
        self.went = went
        # Whether the browser has closed the connection so.
        self.is_gone = False
        # The number of the request in its login.
        self.number = 0
        self._page: queue.SimpleQueue[Page] = queue.SimpleQueue()
        self._written = threading.Event()

    def send(self, page: Page) -> None:
        """Answers the request, without waiting until the browser has read the page."""
        self._page.put(page)

    def settle(self) -> None:
        """Waits until the page was written, or two seconds. The program may end then."""
        self._written.wait(_WRITING_SECONDS)

    def page(self) -> Page:
        """Waits for the page."""
        try:
            return self._page.get(timeout=_PAGE_SECONDS)
        except queue.Empty:
            return Rules().abandoned()

    def written(self) -> None:
        self._written.set()

    @property
    def is_written(self) -> bool:
        return self._written.is_set()


class Listening(Protocol):
    """A listener."""

    redirect_uri: str
    # Whether it can tell another user's connection from this user's. If not, no address of
    # the login is put on a command line.
    tells_peers: bool

    def close(self) -> None: ...


# Starts a listener, which passes on the visits.
Listen = Callable[[Redirect, Callable[[BrowserVisit], None]], Listening]


class _Connection:
    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        # Set when what it has sent so far was looked at.
        self.seen = threading.Event()
        self.visit: BrowserVisit | None = None
        # Bytes after the current request.
        self.rest = b""


class Listener:
    """Passes visits on to `arrived`, in threads of its own, until it is closed."""

    def __init__(self, redirect: Redirect, arrived: Callable[[BrowserVisit], None]) -> None:
        self._rules = Rules()
        self._end_address = self._rules.end_address()
        self._sockets, port = bind(redirect)
        self.redirect_uri = f"http://{redirect.host}:{port}{redirect.path}"
        self._expected = self._rules.listener(_HOSTS[redirect.host], port, redirect.path)
        self._arrived = arrived
        self._peers = Peers(end(*self._sockets[0].getsockname()[:2]))
        self.tells_peers = self._peers.tells
        # Oldest first.
        self._connections: list[_Connection] = []
        # Guards the connections. Notified when one has ended.
        self._left = threading.Condition()
        self._closing = False
        self._wake, self._woken = socket.socketpair()
        self._accepting = threading.Thread(target=self._accept, name="listener", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Frees the port. Browsers that still wait get a page that says that the login is
        over."""
        # Before `_closing` is set: the accepting thread closes this socket when it sees that.
        self._wake.send(b"x")
        with self._left:
            self._closing = True
            self._left.notify_all()
        self._accepting.join()
        with self._left:
            connections = list(self._connections)
        # All are answered before the first is waited for: a browser may not read.
        visits = [connection.visit for connection in connections if connection.visit]
        for visit in visits:
            visit.send(self._rules.abandoned())
        for connection in connections:
            if connection.visit is None:
                _hang_up(connection.stream)
        for visit in visits:
            visit.settle()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            for listening in (*self._sockets, self._woken):
                selector.register(listening, selectors.EVENT_READ)
            while not self._closing:
                for ready, _ in selector.select():
                    if ready.fileobj is not self._woken and self._make_room():
                        self._take(ready.fileobj)  # type: ignore[arg-type]
        for listening in (*self._sockets, self._woken, self._wake):
            listening.close()

    def _take(self, listening: socket.socket) -> None:
        try:
            stream, _ = listening.accept()
        except OSError:
            time.sleep(_ACCEPT_PAUSE_SECONDS)
            return
        connection = _Connection(stream)
        with self._left:
            self._connections.append(connection)
        thread = threading.Thread(
            target=self._serve, args=[connection], name="connection", daemon=True
        )
        try:
            thread.start()
        # The system starts no more threads at the moment.
        except RuntimeError:
            self._leave(connection)
            time.sleep(_ACCEPT_PAUSE_SECONDS)
            return
        # Many connections at once must not close one before its request was looked at.
        connection.seen.wait(_REQUEST_SECONDS)

    def _make_room(self) -> bool:
        """Returns when there is room for another connection. Closes the oldest one that waits
        for no page: if the newest were refused, many silent connections could keep the
        browser out. If all wait for a page, the next one waits to be accepted, because each
        of them may be the browser. Returns whether the listener is still open."""
        with self._left:
            while len(self._connections) >= _MOST_CONNECTIONS and not self._closing:
                silent = next((c for c in self._connections if c.visit is None), None)
                if silent is not None:
                    self._connections.remove(silent)
                    _hang_up(silent.stream)
                else:
                    self._left.wait()
        return not self._closing

    def _serve(self, connection: _Connection) -> None:
        stream = connection.stream
        try:
            # The browser may close the connection at any time.
            with contextlib.suppress(OSError):
                while True:
                    answer, stays_open = self._answer(connection)
                    _send(stream, answer)
                    if not stays_open:
                        break
                    self._await_more(connection)
                stream.shutdown(socket.SHUT_WR)
            if connection.visit is not None:
                connection.visit.written()
            with contextlib.suppress(OSError):
                _drain(stream)
        finally:
            self._leave(connection)

    def _leave(self, connection: _Connection) -> None:
        connection.seen.set()
        with self._left:
            if connection in self._connections:
                self._connections.remove(connection)
            self._left.notify_all()
        connection.stream.close()

    def _await_more(self, connection: _Connection) -> None:
        """Waits for the next request of a browser that was redirected to the last page. Tells
        the login if the browser closes the connection instead."""
        visit = connection.visit
        assert visit is not None
        visit.written()
        try:
            connection.stream.settimeout(_REQUEST_SECONDS)
            connection.rest = connection.rest or connection.stream.recv(4096)
        finally:
            if not connection.rest:
                visit.is_gone = True
                if visit.went is not None:
                    visit.went(visit)
        if not connection.rest:
            raise ConnectionResetError

    def _answer(self, connection: _Connection) -> tuple[bytes, bool]:
        """Returns the response to a request, and whether the connection stays open."""
        try:
            head = Head.parse(_read_head(connection))
            refusal = self._expected.judge(head.method, head.target, head.fields)
            if refusal is not None:
                raise Refused(refusal)
        except Refused as refused:
            # The next connection is accepted before this one has ended.
            connection.seen.set()
            status, text = refused.refusal.status, refused.refusal.text
            more = [("Allow", "GET")] if status == 405 else []
            return _response(status, "text/plain", refused.refusal.policy, text, more), False
        stream = connection.stream
        # The connection must be open for this. Few requests come this far.
        peer = self._peers.peer(end(*stream.getsockname()[:2]), end(*stream.getpeername()[:2]))
        if peer is None:
            # The browser has closed the connection.
            raise ConnectionResetError
        went = self._arrived if head.keeps else None
        visit = BrowserVisit(head.target, head.cookies, peer, went)
        with self._left:
            if self._closing:
                return _page(self._rules.abandoned(), False), False
            connection.visit = visit
        connection.seen.set()
        self._arrived(visit)
        page = visit.page()
        stays_open = head.keeps and page.location == self._end_address
        return _page(page, stays_open), stays_open


class Refused(Exception):
    """A request that is answered without a page, and not passed on."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal

    @classmethod
    def by(cls, status: int, text: str) -> Refused:
        return cls(Refusal(status, _POLICY, text + "\n"))


@dataclass(frozen=True)
class Head:
    """Request line and headers."""

    method: str
    target: str
    version: str
    fields: list[Header]

    @classmethod
    def parse(cls, head: bytes) -> Head:
        """Raises `Refused` if they are not well-formed."""
        line, *rest = head.decode("latin-1").split("\r\n")
        request = _REQUEST_LINE.fullmatch(line)
        matches = [_FIELD.fullmatch(field) for field in rest]
        fields = [Header(match[1], match[2]) for match in matches if match]
        if request is None or len(fields) != len(matches) or len(fields) > _MOST_FIELDS:
            raise Refused.by(400, "This is not a request.")
        return cls(request[1], request[2], request[3], fields)

    @property
    def cookies(self) -> str:
        """The `Cookie` headers, joined with `; `."""
        return "; ".join(self._values("cookie"))

    @property
    def keeps(self) -> bool:
        """Whether the browser may use the connection again (RFC 9112 §9.3)."""
        options = ",".join(self._values("connection")).lower().split(",")
        return self.version == "1.1" and "close" not in (option.strip() for option in options)

    def _values(self, name: str) -> list[str]:
        return [field.value for field in self.fields if field.name.lower() == name]


def _read_head(connection: _Connection) -> bytes:
    deadline = time.monotonic() + _REQUEST_SECONDS
    head, connection.rest = connection.rest, b""
    patience = 0.0
    while b"\r\n\r\n" not in head:
        connection.stream.settimeout(patience)
        try:
            piece = connection.stream.recv(4096)
        except BlockingIOError:
            piece = None
        except TimeoutError:
            raise Refused.by(408, "The request took too long.") from None
        if piece == b"":
            raise Refused.by(400, "This is not a request.")
        head += piece or b""
        if len(head) > _LONGEST_REQUEST:
            raise Refused.by(431, "The request is too long.")
        if b"\r\n\r\n" not in head:
            connection.seen.set()
            patience = deadline - time.monotonic()
            if patience <= 0:
                raise Refused.by(408, "The request took too long.")
    head, _, connection.rest = head.partition(b"\r\n\r\n")
    return head


def _page(page: Page, stays_open: bool) -> bytes:
    more = [("Location", page.location), ("Set-Cookie", page.cookie)]
    set_fields = [(name, value) for name, value in more if value is not None]
    return _response(page.status, "text/html", page.policy, page.html, set_fields, stays_open)


def _response(
    status: int,
    kind: str,
    policy: str,
    text: str,
    more: list[tuple[str, str]],
    stays_open: bool = False,
) -> bytes:
    """Returns a response that runs no script and loads nothing, that browsers neither store
    nor show in a frame, and whose address they send to no other site (RFC 9700 §4.2.4)."""
    body = text.encode()
    fields = [
        ("Content-Type", f"{kind}; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Connection", "keep-alive" if stays_open else "close"),
        *more,
    ]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _send(stream: socket.socket, answer: bytes) -> None:
    stream.settimeout(_WRITING_SECONDS)
    stream.sendall(answer)


def _drain(stream: socket.socket) -> None:
    deadline = time.monotonic() + _LINGER_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        stream.settimeout(left)
        if not stream.recv(4096):
            return


def _hang_up(stream: socket.socket) -> None:
    # The thread that serves it closes it.
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)
