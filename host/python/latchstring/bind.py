"""Binding a redirect's ports on loopback addresses, once and for good."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .errors import LatchError
from .rules import Rules

# How often a port that the system chose may turn out to be taken in the other
# address family.
_EPHEMERAL_ATTEMPTS = 16
# Connections that the system holds until they are accepted: whoever finds the queue
# full knocks again after a second, the browser too.
_LONGEST_QUEUE = 4096

_FAMILY_MISSING = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


@dataclass(frozen=True)
class Redirect:
    """Where a provider lets the browser come back to."""

    # As it stands in the redirect URI. For `localhost` both families are bound to
    # one port: whoever held the other one would get the login's answer.
    host: Literal["127.0.0.1", "[::1]", "localhost"] = "127.0.0.1"
    # Tried in order; any free one where there are none.
    ports: Sequence[int] = ()
    path: str = "/callback"

    def __post_init__(self) -> None:
        # The default is known to be good, and an import need not load a component.
        if self.path != Redirect.path:
            Rules().check_redirect_path(self.path)

    def first_uri(self) -> str:
        """The redirect URI where nobody listens."""
        port = f":{self.ports[0]}" if self.ports else ""
        return f"http://{self.host}{port}{self.path}"


def bind(redirect: Redirect) -> tuple[list[socket.socket], int]:
    """Listening sockets, never none, and their port."""
    failures = []
    for port in redirect.ports or [0]:
        try:
            sockets = _bind_port(redirect.host, port)
            return sockets, sockets[0].getsockname()[1]
        except (OSError, OverflowError) as error:
            failures.append(_reason(port, error))
    raise LatchError(
        "port-in-use",
        f"no port could be bound on {redirect.host}: {', '.join(failures)}",
        "end the program that listens there, or allow another port that the provider accepts",
    )


def _bind_port(host: str, port: int) -> list[socket.socket]:
    if host == "127.0.0.1":
        return [_bind_address(socket.AF_INET, port)]
    if host == "[::1]":
        return [_bind_address(socket.AF_INET6, port)]
    for _ in range(1 if port else _EPHEMERAL_ATTEMPTS):
        try:
            return _bind_both(port)
        except OSError as error:
            failure = error
            if error.errno != errno.EADDRINUSE:
                break
    raise failure


def _bind_both(port: int) -> list[socket.socket]:
    """One socket for each family that the machine has."""
    try:
        first = _bind_address(socket.AF_INET, port)
    except OSError as error:
        if error.errno in _FAMILY_MISSING:
            return [_bind_address(socket.AF_INET6, port)]
        raise
    try:
        return [first, _bind_address(socket.AF_INET6, first.getsockname()[1])]
    except OSError as error:
        if error.errno in _FAMILY_MISSING:
            return [first]
        first.close()
        raise


def _bind_address(family: socket.AddressFamily, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Lets a port in TIME_WAIT be bound at once and never one that is listened on.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1" if family == socket.AF_INET else "::1", port))
        listening.listen(_LONGEST_QUEUE)
        # A connection may be gone again before it is accepted.
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def _reason(port: int, error: OSError | OverflowError) -> str:
    name = f"port {port}" if port else "any port"
    if not isinstance(error, OSError):
        return f"{name} is no port"
    if error.errno == errno.EADDRINUSE:
        return f"{name} is in use"
    if error.errno == errno.EACCES:
        return f"{name} is not permitted"
    return f"{name} failed ({error.strerror})"
