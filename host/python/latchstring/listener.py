"""The loopback listener that the browser comes back to (RFC 8252 §7.3).

Few connections with short lives. Each carries one request, and one more if that leads
to the last page. It goes on listening whatever comes;
only a request that could count is passed on, and waits for its page.
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
# Bytes of the request line and headers.
_LONGEST_REQUEST = 16 * 1024
# How long a browser waits for its page while codes are exchanged and saved.
_PAGE_SECONDS = 120.0
# How long a page may take to be written.
_WRITING_SECONDS = 2.0
# How long to read what a browser still sends after its page: a socket closed with
# unread bytes resets the connection, and the browser may lose the page.
_LINGER_SECONDS = 1.0
# How long to leave the system alone when it could not give a connection.
_ACCEPT_PAUSE_SECONDS = 0.05

_REQUEST_LINE = re.compile(r"([A-Za-z]+) ([!-~]+) HTTP/(1\.[01])")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*")
_MOST_FIELDS = 100

# Of an answer without a page.
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class BrowserVisit:
    """A browser that waits for its page."""

    def __init__(
        self,
        target: str,
        cookies: str,
        peer: Peer = "unknown",
        went: Callable[[BrowserVisit], None] | None = None,
    ) -> None:
        # Path and query as sent, and the `Cookie` headers as one.
        self.target = target
        self.cookies = cookies
        # Whose browser it is.
        self.peer = peer
        # If the browser can send its next request on the same connection: what is told
        # when that is closed instead.
        self.went = went
        self.is_gone = False
        # The login's number for its request.
        self.number = 0
        self._page: queue.SimpleQueue[Page] = queue.SimpleQueue()
        self._written = threading.Event()

    def send(self, page: Page) -> None:
        """Answers, without waiting until the browser has read it."""
        self._page.put(page)

    def settle(self) -> None:
        """Returns when the page was written, or after two seconds: a program may
        end right after."""
        self._written.wait(_WRITING_SECONDS)

    def page(self) -> Page:
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
    """Receives browsers that come back."""

    redirect_uri: str
    # Whether another user's connection can be told from this user's. If not, the login's
    # address is kept off command lines.
    tells_peers: bool

    def close(self) -> None: ...


# Listens where a redirect says, and passes on who comes.
Listen = Callable[[Redirect, Callable[[BrowserVisit], None]], Listening]


class _Connection:
    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        # Set once its request was looked at, whole or not.
        self.seen = threading.Event()
        self.visit: BrowserVisit | None = None
        # What came after the request that is answered.
        self.rest = b""


class Listener:
    """Serves until it is closed; visits go to `arrived`, from threads of its own."""

    def __init__(self, redirect: Redirect, arrived: Callable[[BrowserVisit], None]) -> None:
        self._rules = Rules()
        self._end_address = self._rules.end_address()
        self._sockets, port = bind(redirect)
        self.redirect_uri = f"http://{redirect.host}:{port}{redirect.path}"
        self._expected = self._rules.listener(_HOSTS[redirect.host], port, redirect.path)
        self._arrived = arrived
        self._peers = Peers(end(*self._sockets[0].getsockname()[:2]))
        # Whether another user's connection can be told from this user's.
        self.tells_peers = self._peers.tells
        # Oldest first. The condition is told whenever one has left.
        self._connections: list[_Connection] = []
        self._left = threading.Condition()
        self._closing = False
        self._wake, self._woken = socket.socketpair()
        self._accepting = threading.Thread(target=self._accept, name="listener", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Frees the port; visitors that still wait are told that nobody waits for
        them any more."""
        # First: whoever accepts closes it when it sees that this is the end.
        self._wake.send(b"x")
        with self._left:
            self._closing = True
            self._left.notify_all()
        self._accepting.join()
        with self._left:
            connections = list(self._connections)
        # All of them before any is waited for: one may not read.
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
        visitor = threading.Thread(
            target=self._serve, args=[connection], name="visitor", daemon=True
        )
        try:
            visitor.start()
        # The system gives no more threads for now.
        except RuntimeError:
            self._leave(connection)
            time.sleep(_ACCEPT_PAUSE_SECONDS)
            return
        # A burst is not to push out a connection before its request was looked at.
        connection.seen.wait(_REQUEST_SECONDS)

    def _make_room(self) -> bool:
        """A full house loses the oldest that waits for no page: refusing the newest
        would let a flood of silent connections keep the browser out. Where all wait
        for one, the newest waits outside: any of them may be the browser."""
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
            # A visitor may go away at any moment.
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
        """Waits for the next request of a browser that was sent to the last page. If it
        closes the connection instead, the login knows that it does not come."""
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
        """The answer to a request, and whether its connection stays open."""
        try:
            head = Head.parse(_read_head(connection))
            refusal = self._expected.judge(head.method, head.target, head.fields)
            if refusal is not None:
                raise Refused(refusal)
        except Refused as refused:
            # The next one need not wait until this one has gone.
            connection.seen.set()
            status, text = refused.refusal.status, refused.refusal.text
            more = [("Allow", "GET")] if status == 405 else []
            return _response(status, "text/plain", refused.refusal.policy, text, more), False
        stream = connection.stream
        # Asked now: the connection is open, and few requests come this far.
        peer = self._peers.peer(end(*stream.getsockname()[:2]), end(*stream.getpeername()[:2]))
        if peer is None:
            # Nobody is there to read an answer.
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
    """A request that gets an answer and nothing else."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal

    @classmethod
    def by(cls, status: int, text: str) -> Refused:
        return cls(Refusal(status, _POLICY, text + "\n"))


@dataclass(frozen=True)
class Head:
    """Request line and headers, well-formed."""

    method: str
    target: str
    version: str
    fields: list[Header]

    @classmethod
    def parse(cls, head: bytes) -> Head:
        line, *rest = head.decode("latin-1").split("\r\n")
        request = _REQUEST_LINE.fullmatch(line)
        matches = [_FIELD.fullmatch(field) for field in rest]
        fields = [Header(match[1], match[2]) for match in matches if match]
        if request is None or len(fields) != len(matches) or len(fields) > _MOST_FIELDS:
            raise Refused.by(400, "This is no request.")
        return cls(request[1], request[2], request[3], fields)

    @property
    def cookies(self) -> str:
        """The `Cookie` headers as one."""
        return "; ".join(self._values("cookie"))

    @property
    def keeps(self) -> bool:
        """Whether the browser means to use the connection again (RFC 9112 §9.3)."""
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
            raise Refused.by(400, "This is no request.")
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
    """Runs no script, loads nothing, is framed, kept and sniffed by nobody, and
    tells no other site about its address (RFC 9700 §4.2.4)."""
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
    # Its own thread closes it.
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)
