"""One HTTP request: this system's certificates, no proxy, no redirect, no cookie."""

from __future__ import annotations

import http.client
import ipaddress
import queue
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .contract import Header, NoResponse, Request, Response, Unreachable
from .errors import printable

if TYPE_CHECKING:
    from .drive import Reaches

# From name look-up to last byte.
TIMEOUT_SECONDS = 10.0

# No honest answer in these protocols comes near it.
RESPONSE_BYTES = 1 << 20

USER_AGENT = "latchstring-python/0.1"


@dataclass(frozen=True)
class _Target:
    """Where a request goes, from the normal form of its URL."""

    scheme: str
    # Without brackets.
    host: str
    port: int
    # The `Host` header.
    authority: str
    # Path and query.
    path: str

    @classmethod
    def of(cls, url: str) -> _Target:
        parts = urlsplit(url)
        return cls(
            scheme=parts.scheme,
            host=parts.hostname or "",
            port=parts.port or (443 if parts.scheme == "https" else 80),
            authority=parts.netloc.rpartition("@")[2],
            path=f"{parts.path}?{parts.query}" if parts.query else parts.path,
        )


def addresses_of(host: str) -> list[str]:
    """What a name resolves to; empty if it is not known."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [_address(entry[4]) for entry in found]


def _address(name: tuple[object, ...]) -> str:
    """The address in a socket's name, without the scope of a link-local one."""
    return str(name[0]).split("%")[0]


@dataclass
class _Errand:
    """What the thread that sends has come to."""

    sent: bool = False
    connection: socket.socket | None = None
    given_up: bool = False


def send(request: Request, reaches: Reaches, timeout: float | None = None) -> Response | NoResponse:
    """Sends a request that the egress policy has approved, with the URL in its normal form.
    Returns the response, or why there is none.

    It runs in a thread of its own: nothing else bounds a name look-up, its own or the
    one that `reaches` makes, or a server that sends a byte now and then.
    """
    timeout = TIMEOUT_SECONDS if timeout is None else min(timeout, TIMEOUT_SECONDS)
    url = _Target.of(request.url)
    errand = _Errand()
    answers: queue.SimpleQueue[Response | NoResponse] = queue.SimpleQueue()

    def run() -> None:
        answers.put(_attempt(request, url, reaches, timeout, errand))

    try:
        threading.Thread(target=run, name="request", daemon=True).start()
        return answers.get(timeout=timeout)
    except RuntimeError:
        return _unreachable(url, "the system gives no more threads", sent=False)
    except queue.Empty:
        errand.given_up = True
        _hang_up(errand.connection)
        return _unreachable(url, f"timed out after {timeout:g} s", errand.sent)


def _attempt(
    request: Request,
    url: _Target,
    reaches: Reaches,
    timeout: float,
    errand: _Errand,
) -> Response | NoResponse:
    try:
        connection = _connect(url, reaches, timeout, errand)
    except _NotPublic as found:
        return NoResponse("denied", str(found))
    except (OSError, UnicodeError) as error:
        return _unreachable(url, _reason(error), sent=False)
    try:
        if errand.given_up:
            return _unreachable(url, "given up", sent=False)
        return _exchange(connection, request, url, errand)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _unreachable(url, _reason(error), errand.sent)
    finally:
        connection.close()


class _NotPublic(Exception):
    pass


def _connect(url: _Target, reaches: Reaches, timeout: float, errand: _Errand) -> socket.socket:
    """Goes to one of the addresses that were checked, and to no other."""
    deadline = time.monotonic() + timeout
    found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    addresses = [(entry[0], entry[4]) for entry in found]
    for _, address in addresses:
        number = _address(address)
        if not reaches(number):
            raise _NotPublic(f"{url.host} has the address {number}, which is not public")
        # Whatever a name server says of this machine's own name.
        if url.scheme == "http" and not ipaddress.ip_address(number).is_loopback:
            raise _NotPublic(f"{url.host} has the address {number}, which is not this machine's")
    failure: OSError = OSError("it has no address")
    for number_left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            # One that swallows everything leaves time for the others.
            connection.settimeout(max(0.001, (deadline - time.monotonic()) / number_left))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if url.scheme == "https":
                connection = _tls().wrap_socket(connection, server_hostname=url.host)
        except OSError as error:
            connection.close()
            failure = error
            continue
        connection.settimeout(timeout)
        errand.connection = connection
        return connection
    raise failure


@cache
def _tls() -> ssl.SSLContext:
    """Loading the system's certificates takes longer than a request to this machine."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _exchange(
    connection: socket.socket, request: Request, url: _Target, errand: _Errand
) -> Response | NoResponse:
    # Handed its socket, it opens none, and so knows nothing of proxies.
    client = http.client.HTTPConnection(url.host, url.port)
    client.sock = connection
    client.putrequest(request.method.upper(), url.path, skip_host=True, skip_accept_encoding=True)
    client.putheader("host", url.authority)
    client.putheader("user-agent", USER_AGENT)
    client.putheader("connection", "close")
    for header in request.headers:
        client.putheader(header.name, header.value)
    if request.body is not None:
        client.putheader("content-length", str(len(request.body)))
    errand.sent = True
    client.endheaders(request.body)
    incoming = client.getresponse()
    if incoming.length is not None and incoming.length > RESPONSE_BYTES:
        return NoResponse("too-large", RESPONSE_BYTES)
    expected = incoming.length
    body = incoming.read(RESPONSE_BYTES + 1)
    if len(body) > RESPONSE_BYTES:
        return NoResponse("too-large", RESPONSE_BYTES)
    if expected is not None and len(body) < expected:
        return _unreachable(url, "its answer was cut short", sent=True)
    headers = tuple(Header(name.lower(), value) for name, value in incoming.getheaders())
    return Response(incoming.status, headers, body)


def _hang_up(connection: socket.socket | None) -> None:
    if connection is not None:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            # It is gone already.
            return


def _unreachable(url: _Target, reason: str, sent: bool) -> NoResponse:
    place = printable(f"{url.host}:{url.port}")
    return NoResponse("unreachable", Unreachable(f"cannot reach {place}: {reason}", sent))


def _reason(error: Exception) -> str:
    """The innermost text that shows nothing of what was sent or received."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {printable(error.verify_message)}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({printable(error.reason or 'no reason was given')})"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError):
        return printable(error.strerror or type(error).__name__)
    return f"its answer is not HTTP ({type(error).__name__})"
