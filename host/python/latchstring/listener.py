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

_HOSTS: dict[str, RedirectHost] = {"127.0.0.1": "ipv4", "[::1]": "ipv6", "localhost": "localhost"}

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
# Time for what has arrived to be read, before a connection that has sent nothing is closed.
_LOOK_SECONDS = 0.001
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
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.visit: BrowserVisit | None = None
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
        while True:
            try:
                stream, _ = await self._loop.sock_accept(listening)
                await self._make_room()
                streams = await asyncio.open_connection(sock=stream, limit=_LONGEST_REQUEST)
            except OSError:
                await asyncio.sleep(_ACCEPT_PAUSE_SECONDS)
                continue
            connection = _Connection(*streams)
            self._connections.append(connection)
            connection.task = self._loop.create_task(self._serve(connection))

    async def _make_room(self) -> None:
        """Returns when there is room for another connection. Closes the oldest one that waits
        for no page: if the newest were refused, many silent connections could keep the
        browser out. If all wait for a page, the newest waits to be accepted, because each of
        them may be the browser."""
        while len(self._connections) >= _MOST_CONNECTIONS:
            # A request that has arrived is looked at first.
            await asyncio.sleep(_LOOK_SECONDS)
            silent = next((c for c in self._connections if c.visit is None), None)
            if silent is not None and silent.task is not None:
                self._connections.remove(silent)
                silent.task.cancel()
            else:
                self._has_left.clear()
                await self._has_left.wait()

    async def _serve(self, connection: _Connection) -> None:
        writer = connection.writer
        # What was written has left this process.
        writer.transport.set_write_buffer_limits(0)
        stays_open = True
        try:
            # The browser may close the connection at any time.
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                while stays_open:
                    answer, stays_open = await self._answer(connection)
                    writer.write(_response(answer, stays_open))
                    await asyncio.wait_for(writer.drain(), _WRITING_SECONDS)
                    if not stays_open:
                        writer.write_eof()
                    if connection.visit is not None:
                        connection.visit.written()
                await asyncio.wait_for(_discard(connection.reader), _LINGER_SECONDS)
        finally:
            if connection.visit is not None:
                connection.visit.written()
            if connection in self._connections:
                self._connections.remove(connection)
            self._has_left.set()
            writer.close()

    async def _answer(self, connection: _Connection) -> tuple[Page | Refusal, bool]:
        """Returns the response to a request, and whether the connection stays open."""
        try:
            head = Head.parse(await self._read_head(connection))
            refusal = self._expected.judge(head.method, head.target, head.fields)
            if refusal is not None:
                return refusal, False
        except Refused as refused:
            return Refusal(refused.status, _POLICY, f"{refused}\n"), False
        # The connection must be open for this. Few requests come this far.
        stream = connection.writer.get_extra_info("socket")
        peer = self._peers.peer(end(*stream.getsockname()[:2]), end(*stream.getpeername()[:2]))
        if peer is None:
            # The browser has closed the connection.
            raise ConnectionResetError
        if self._is_closing:
            return self._rules.abandoned(), False
        went = self._arrived if head.keeps else None
        visit = connection.visit = BrowserVisit(head.target, head.cookies, peer, went)
        self._arrived(visit)
        page = await visit.page()
        return page, head.keeps and page.location == self._end_address

    async def _read_head(self, connection: _Connection) -> bytes:
        """Tells the login if a browser that was redirected to the last page closes the
        connection instead of asking for it."""
        reader, visit = connection.reader, connection.visit
        try:
            return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _REQUEST_SECONDS)
        except asyncio.LimitOverrunError:
            raise Refused(431, "The request is too long.") from None
        except (asyncio.IncompleteReadError, asyncio.TimeoutError, OSError) as error:
            if visit is not None:
                visit.is_gone = True
                self._arrived(visit)
                raise ConnectionResetError from None
            if isinstance(error, asyncio.TimeoutError):
                raise Refused(408, "The request took too long.") from None
            raise Refused(400, "This is not a request.") from None


async def _discard(reader: asyncio.StreamReader) -> None:
    while await reader.read(4096):
        pass


class Refused(Exception):
    """A request that is not passed on, for this reason."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


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
        line, *rest = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        request = _REQUEST_LINE.fullmatch(line)
        matches = [_FIELD.fullmatch(field) for field in rest]
        fields = [Header(match[1], match[2]) for match in matches if match]
        if request is None or len(fields) != len(matches) or len(fields) > _MOST_FIELDS:
            raise Refused(400, "This is not a request.")
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


def _response(answer: Page | Refusal, stays_open: bool) -> bytes:
    """Returns a response that runs no script and loads nothing, that browsers neither store
    nor show in a frame, and whose address they send to no other site (RFC 9700 §4.2.4)."""
    more: dict[str, str | None]
    if isinstance(answer, Page):
        kind, text = "text/html", answer.html
        more = {"Location": answer.location, "Set-Cookie": answer.cookie}
    else:
        kind, text = "text/plain", answer.text
        more = {"Allow": "GET" if answer.status == HTTPStatus.METHOD_NOT_ALLOWED else None}
    body = text.encode()
    fields = {
        "Content-Type": f"{kind}; charset=utf-8",
        "Content-Length": str(len(body)),
        "Content-Security-Policy": answer.policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Connection": "keep-alive" if stays_open else "close",
        **more,
    }
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
