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
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, urlsplit

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


def _address(name: tuple[object, ...]) -> str:
    """Returns the address in a socket's name, without the scope of a link-local one."""
    return str(name[0]).split("%")[0]


def _host(url: SplitResult) -> str:
    """Returns the host without brackets."""
    return url.hostname or ""


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


@dataclass
class _Progress:
    """What a request has come to. Two threads share it."""

    connection: socket.socket | None = None
    # Whether the server may have received the request.
    sent: bool = False
    # Whether the caller no longer waits for a response.
    given_up: bool = False


def send(request: Request, reaches: Reaches, timeout: float | None = None) -> Response | NoResponse:
    """Sends a request that the egress policy has permitted, with the URL in its normal form.
    Returns the response, or why there is none.

    Runs in a thread, because nothing else limits the time of a name look-up, or of a server
    that sends a byte now and then.
    """
    timeout = TIMEOUT_SECONDS if timeout is None else min(timeout, TIMEOUT_SECONDS)
    url = urlsplit(request.url)
    progress = _Progress()
    answers: queue.SimpleQueue[Response | NoResponse] = queue.SimpleQueue()

    def run() -> None:
        answers.put(_attempt(request, url, reaches, timeout, progress))

    try:
        threading.Thread(target=run, name="request", daemon=True).start()
        return answers.get(timeout=timeout)
    except RuntimeError:
        return _unreachable(url, "this system starts no more threads", sent=False)
    except queue.Empty:
        progress.given_up = True
        if progress.connection is not None:
            # It may be closed already.
            with contextlib.suppress(OSError):
                progress.connection.shutdown(socket.SHUT_RDWR)
        return _unreachable(url, f"timed out after {timeout:g} s", progress.sent)


def _attempt(
    request: Request, url: SplitResult, reaches: Reaches, timeout: float, progress: _Progress
) -> Response | NoResponse:
    try:
        connection = _connect(url, reaches, timeout, progress)
    except _ForbiddenAddress as found:
        return NoResponse("denied", str(found))
    except (OSError, UnicodeError) as error:
        return _unreachable(url, _reason(error), sent=False)
    with connection:
        if progress.given_up:
            return _unreachable(url, "timed out", sent=False)
        try:
            return _exchange(connection, request, url, progress)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return _unreachable(url, _reason(error), progress.sent)


class _ForbiddenAddress(Exception):
    """The host has an address that the request may not connect to."""


def _connect(
    url: SplitResult, reaches: Reaches, timeout: float, progress: _Progress
) -> socket.socket:
    """Connects to one of the host's addresses, after all of them were checked."""
    deadline = time.monotonic() + timeout
    found = socket.getaddrinfo(_host(url), _port(url), type=socket.SOCK_STREAM)
    addresses = [(entry[0], entry[4]) for entry in found]
    for _, address in addresses:
        number = printable(_address(address))
        if not reaches(number):
            text = f"{_host(url)} leads to {number}, which is not a public address"
            raise _ForbiddenAddress(text)
        # A name server could give another address for `localhost`.
        if url.scheme == "http" and not ipaddress.ip_address(number).is_loopback:
            text = f"{_host(url)} leads to {number}, which is not this machine"
            raise _ForbiddenAddress(text)
    failure: OSError = OSError("it has no address")
    for number_left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            # An address that does not answer leaves time for the others.
            connection.settimeout(max(0.001, (deadline - time.monotonic()) / number_left))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if url.scheme == "https":
                connection = _tls().wrap_socket(connection, server_hostname=_host(url))
        except OSError as error:
            connection.close()
            failure = error
            continue
        connection.settimeout(timeout)
        progress.connection = connection
        return connection
    raise failure


@cache
def _tls() -> ssl.SSLContext:
    """Loads the system's certificates, which takes longer than a request to this machine."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _exchange(
    connection: socket.socket, request: Request, url: SplitResult, progress: _Progress
) -> Response | NoResponse:
    path = f"{url.path}?{url.query}" if url.query else url.path
    client = http.client.HTTPConnection(_host(url), _port(url))
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
    progress.sent = True
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


def _unreachable(url: SplitResult, reason: str, sent: bool) -> NoResponse:
    place = printable(f"{_host(url)}:{_port(url)}")
    return NoResponse("unreachable", Unreachable(f"cannot reach {place}: {reason}", sent))


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
            return "the connection closed before the answer was complete"
        case OSError():
            words = printable(error.strerror or str(error) or type(error).__name__)
            return _REASONS.get(error.errno or 0, words)
    return "the answer is not HTTP"
