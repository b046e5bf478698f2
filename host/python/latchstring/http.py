"""Sends one HTTP request, with the system's certificates, and without proxies, redirects or
cookies.

Not with `urllib.request`, which does not let the caller check the addresses that it connects
to.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import cache
from urllib.parse import urlsplit

from .contract import Header, NoResponse, Request, Response, Unreachable
from .errors import printable

# Returns whether a request may connect to an IP address.
Reaches = Callable[[str], bool]

# Time limit of a request, from name look-up to last byte.
TIMEOUT_SECONDS = 10.0

# Most bytes of a response's body.
RESPONSE_BYTES = 1 << 20

USER_AGENT = "latchstring-python/0.1"

# Reasons in the native host's words.
_REASONS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "the connection was reset",
    errno.EPIPE: "the connection was reset",
    errno.ECONNABORTED: "the connection was closed early",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ENETUNREACH: "the network cannot be reached",
    errno.EACCES: "this system does not permit the connection",
    errno.EPERM: "this system does not permit the connection",
    errno.ETIMEDOUT: "the connection timed out",
}


def addresses_of(host: str) -> list[str]:
    """Returns the addresses that a name resolves to; none if it does not."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [_address(entry[4]) for entry in found]


def send(request: Request, reaches: Reaches, timeout: float | None = None) -> Response | NoResponse:
    """Sends a request that the egress policy has permitted, with the URL in its normal form.
    Returns the response, or why there is none."""
    timeout = TIMEOUT_SECONDS if timeout is None else min(timeout, TIMEOUT_SECONDS)
    attempt = _Attempt(request, reaches, timeout)
    try:
        attempt.start()
    except RuntimeError:
        return attempt.unreachable("this system cannot start another thread")
    attempt.join(timeout)
    return attempt.answer or attempt.give_up()


class _ForbiddenAddress(Exception):
    """The host has an address that the request may not connect to."""


class _Attempt(threading.Thread):
    """A thread, because nothing else limits the time of a name look-up, or of a server that
    sends a byte now and then."""

    def __init__(self, request: Request, reaches: Reaches, timeout: float) -> None:
        super().__init__(name="request", daemon=True)
        self.answer: Response | NoResponse | None = None
        self._request, self._reaches, self._timeout = request, reaches, timeout
        self._url = urlsplit(request.url)
        # Without brackets.
        self._host = self._url.hostname or ""
        self._port = self._url.port or (443 if self._url.scheme == "https" else 80)
        self._connection: socket.socket | None = None
        # Whether the server may have received the request.
        self._is_sent = False
        # Whether the caller no longer waits for a response.
        self._is_given_up = False

    def run(self) -> None:
        try:
            with self._connect() as connection:
                self._connection = connection
                if not self._is_given_up:
                    self.answer = self._exchange(connection)
        except _ForbiddenAddress as found:
            self.answer = NoResponse("denied", str(found))
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.answer = self.unreachable(_reason(error))

    def give_up(self) -> NoResponse:
        """Ends the attempt, whose time is over."""
        self._is_given_up = True
        if self._connection is not None:
            # It may be closed already.
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
        return self.unreachable(f"timed out after {self._timeout:g} s")

    def unreachable(self, reason: str) -> NoResponse:
        text = f"cannot reach {printable(f'{self._host}:{self._port}')}: {reason}"
        return NoResponse("unreachable", Unreachable(text, self._is_sent))

    def _connect(self) -> socket.socket:
        """Connects to one of the host's addresses, after all of them were checked."""
        deadline = time.monotonic() + self._timeout
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        for *_, address in found:
            number = printable(_address(address))
            if not self._reaches(number):
                text = f"{self._host} leads to {number}, which is not a public address"
                raise _ForbiddenAddress(text)
            # A name server could give another address for `localhost`.
            if self._url.scheme == "http" and not ipaddress.ip_address(number).is_loopback:
                text = f"{self._host} leads to {number}, which is not this machine"
                raise _ForbiddenAddress(text)
        failure: OSError = OSError("it has no address")
        for at, (family, _, _, _, address) in enumerate(found):
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                # An address that does not answer leaves time for the others.
                left = (deadline - time.monotonic()) / (len(found) - at)
                connection.settimeout(max(0.001, left))
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._url.scheme == "https":
                    connection = _tls().wrap_socket(connection, server_hostname=self._host)
            except OSError as error:
                connection.close()
                failure = error
                continue
            connection.settimeout(self._timeout)
            return connection
        raise failure

    def _exchange(self, connection: socket.socket) -> Response | NoResponse:
        request, url = self._request, self._url
        path = f"{url.path}?{url.query}" if url.query else url.path
        client = http.client.HTTPConnection(self._host, self._port)
        # It opens no connection, and so uses no proxy.
        client.sock = connection
        client.putrequest(request.method.upper(), path, skip_host=True, skip_accept_encoding=True)
        client.putheader("host", url.netloc.rpartition("@")[2])
        client.putheader("user-agent", USER_AGENT)
        client.putheader("connection", "close")
        for header in request.headers:
            client.putheader(header.name, header.value)
        if request.body is not None:
            client.putheader("content-length", str(len(request.body)))
        self._is_sent = True
        client.endheaders(request.body)
        incoming = client.getresponse()
        length = incoming.length
        if length is not None and length > RESPONSE_BYTES:
            return NoResponse("too-large", RESPONSE_BYTES)
        body = incoming.read(RESPONSE_BYTES + 1)
        if len(body) > RESPONSE_BYTES:
            return NoResponse("too-large", RESPONSE_BYTES)
        if length is not None and len(body) < length:
            raise http.client.IncompleteRead(body, length - len(body))
        headers = tuple(Header(name.lower(), value) for name, value in incoming.getheaders())
        return Response(incoming.status, headers, body)


@cache
def _tls() -> ssl.SSLContext:
    """Loads the system's certificates, which takes longer than a request to this machine."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _address(name: tuple[object, ...]) -> str:
    """Returns the address in a socket's name, without the scope of a link-local one."""
    return str(name[0]).split("%")[0]


def _reason(error: Exception) -> str:
    """Returns a text without anything that was sent or received."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {printable(error.verify_message)}"
        case ssl.SSLError():
            return f"TLS failed ({printable(error.reason or 'no reason was given')})"
        case socket.gaierror():
            return f"name not found ({printable(error.strerror or 'no reason was given')})"
        case TimeoutError():
            return "the connection timed out"
        case http.client.IncompleteRead() | http.client.RemoteDisconnected():
            return "the connection closed before the response was complete"
        case OSError():
            words = printable(error.strerror or str(error) or type(error).__name__)
            return _REASONS.get(error.errno or 0, words)
    return "the response is not HTTP"
