"""The loopback listener that the browser is redirected to (RFC 8252 §7.3).

A connection carries one request, and another one if the first is redirected to the last
page. Only a request that the rules accept is passed on, and waits for its page. No request
stops the listener.

Not with `http.server`, which limits neither the connections nor the time of a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from .bind import Redirect, bind
from .contract import Header
from .peers import Peers, end
from .rules import Listener as Expected
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
        self._page: Future[Page] = Future()
        self._written = threading.Event()

    def send(self, page: Page) -> None:
        """Answers the request, without waiting until the browser has read the page. Only the
        first answer counts."""
        with contextlib.suppress(InvalidStateError):
            self._page.set_result(page)

    def settle(self) -> None:
        """Waits until the page was written, or two seconds. The program may end then."""
        self._written.wait(_WRITING_SECONDS)

    async def page(self) -> Page:
        """Waits for the page."""
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self._page), _PAGE_SECONDS)
        except asyncio.TimeoutError:
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
        self.visit: BrowserVisit | None = None
        # Bytes after the current request.
        self.rest = b""
        # Serves it.
        self.task: asyncio.Task[None] | None = None


class Listener:
    """Passes visits on to `arrived`, in a thread of its own, until it is closed."""

    def __init__(self, redirect: Redirect, arrived: Callable[[BrowserVisit], None]) -> None:
        self._rules = Rules()
        self._end_address = self._rules.end_address()
        self._sockets, port = bind(redirect)
        self.redirect_uri = f"http://{redirect.host}:{port}{redirect.path}"
        self._expected = Expected.bind(self._rules, _HOSTS[redirect.host], port, redirect.path)
        self._arrived = arrived
        self._peers = Peers(end(*self._sockets[0].getsockname()[:2]))
        self.tells_peers = self._peers.tells
        # Oldest first.
        self._connections: list[_Connection] = []
        # Set when a connection has ended.
        self._has_left = asyncio.Event()
        self._is_closing = False
        self._is_closed = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._accepting = [self._loop.create_task(self._accept(one)) for one in self._sockets]
        threading.Thread(target=self._run, name="listener", daemon=True).start()

    def close(self) -> None:
        """Frees the port. Browsers that still wait get a page that says that the login is
        over."""
        for visit in asyncio.run_coroutine_threadsafe(self._close(), self._loop).result():
            visit.settle()

    async def _close(self) -> list[BrowserVisit]:
        self._is_closing = True
        for accepting in self._accepting:
            accepting.cancel()
        await asyncio.wait(self._accepting)
        for listening in self._sockets:
            listening.close()
        visits = []
        for connection in self._connections:
            if connection.visit is not None:
                connection.visit.send(self._rules.abandoned())
                visits.append(connection.visit)
            elif connection.task is not None:
                connection.task.cancel()
        self._is_closed.set()
        return visits

    def _run(self) -> None:
        async def run() -> None:
            await self._is_closed.wait()
            # The browsers may still read the last pages.
            tasks = [connection.task for connection in self._connections if connection.task]
            await asyncio.gather(*tasks, return_exceptions=True)

        self._loop.run_until_complete(run())
        self._loop.close()

    async def _accept(self, listening: socket.socket) -> None:
        arrived = asyncio.Event()
        while True:
            arrived.clear()
            self._loop.add_reader(listening, arrived.set)
            try:
                await arrived.wait()
            finally:
                self._loop.remove_reader(listening)
            await self._make_room()
            try:
                stream, _ = listening.accept()
            except OSError:
                await asyncio.sleep(_ACCEPT_PAUSE_SECONDS)
                continue
            stream.setblocking(False)
            connection = _Connection(stream)
            self._connections.append(connection)
            connection.task = self._loop.create_task(self._serve(connection))
            # Many connections at once must not close one before its request was looked at:
            # the task reads what is already there.
            await asyncio.sleep(0)

    async def _make_room(self) -> None:
        """Returns when there is room for another connection. Closes the oldest one that waits
        for no page: if the newest were refused, many silent connections could keep the
        browser out. If all wait for a page, the newest waits to be accepted, because each of
        them may be the browser."""
        while len(self._connections) >= _MOST_CONNECTIONS:
            silent = next((c for c in self._connections if c.visit is None), None)
            if silent is not None and silent.task is not None:
                self._connections.remove(silent)
                silent.task.cancel()
            else:
                self._has_left.clear()
                await self._has_left.wait()

    async def _serve(self, connection: _Connection) -> None:
        stream = connection.stream
        try:
            # The browser may close the connection at any time.
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                while True:
                    answer, stays_open = await self._answer(connection)
                    await asyncio.wait_for(
                        self._loop.sock_sendall(stream, answer), _WRITING_SECONDS
                    )
                    if not stays_open:
                        break
                    await self._await_more(connection)
                stream.shutdown(socket.SHUT_WR)
            if connection.visit is not None:
                connection.visit.written()
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                await asyncio.wait_for(self._drain(stream), _LINGER_SECONDS)
        finally:
            if connection in self._connections:
                self._connections.remove(connection)
            self._has_left.set()
            stream.close()

    async def _await_more(self, connection: _Connection) -> None:
        """Waits for the next request of a browser that was redirected to the last page. Tells
        the login if the browser closes the connection instead."""
        visit = connection.visit
        assert visit is not None
        visit.written()
        try:
            if not connection.rest:
                more = self._loop.sock_recv(connection.stream, 4096)
                connection.rest = await asyncio.wait_for(more, _REQUEST_SECONDS)
        finally:
            if not connection.rest:
                visit.is_gone = True
                if visit.went is not None:
                    visit.went(visit)
        if not connection.rest:
            raise ConnectionResetError

    async def _answer(self, connection: _Connection) -> tuple[bytes, bool]:
        """Returns the response to a request, and whether the connection stays open."""
        try:
            head = Head.parse(await self._read_head(connection))
            refusal = self._expected.judge(head.method, head.target, head.fields)
            if refusal is not None:
                raise Refused(refusal)
        except Refused as refused:
            status, text = refused.refusal.status, refused.refusal.text
            more = [("Allow", "GET")] if status == 405 else []
            return _response(status, "text/plain", refused.refusal.policy, text, more), False
        stream = connection.stream
        # The connection must be open for this. Few requests come this far.
        peer = self._peers.peer(end(*stream.getsockname()[:2]), end(*stream.getpeername()[:2]))
        if peer is None:
            # The browser has closed the connection.
            raise ConnectionResetError
        if self._is_closing:
            return _page(self._rules.abandoned(), False), False
        went = self._arrived if head.keeps else None
        visit = connection.visit = BrowserVisit(head.target, head.cookies, peer, went)
        self._arrived(visit)
        page = await visit.page()
        stays_open = head.keeps and page.location == self._end_address
        return _page(page, stays_open), stays_open

    async def _read_head(self, connection: _Connection) -> bytes:
        end_seconds = self._loop.time() + _REQUEST_SECONDS
        head, connection.rest = connection.rest, b""
        while b"\r\n\r\n" not in head:
            try:
                piece = connection.stream.recv(4096)
            except BlockingIOError:
                more = self._loop.sock_recv(connection.stream, 4096)
                try:
                    piece = await asyncio.wait_for(more, end_seconds - self._loop.time())
                except asyncio.TimeoutError:
                    raise Refused.by(408, "The request took too long.") from None
            if not piece:
                raise Refused.by(400, "This is not a request.")
            head += piece
            if len(head) > _LONGEST_REQUEST:
                raise Refused.by(431, "The request is too long.")
        head, _, connection.rest = head.partition(b"\r\n\r\n")
        return head

    async def _drain(self, stream: socket.socket) -> None:
        while await self._loop.sock_recv(stream, 4096):
            pass


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
