"""Binds the ports of a redirect URI on loopback addresses."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .errors import LatchError
from .rules import Rules

# Attempts to find a port that is free in both address families.
_EPHEMERAL_ATTEMPTS = 16
# Connections that the system holds until they are accepted. If the queue is full, a browser
# tries again only after a second.
_LONGEST_QUEUE = 4096

_FAMILY_MISSING = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


@dataclass(frozen=True)
class Redirect:
    """The redirect URI of a login, on this machine (RFC 8252 §7.3)."""

    # The host in the redirect URI. `localhost` binds the same port in both address families:
    # another program on the other one would get the answer of the login.
    host: Literal["127.0.0.1", "[::1]", "localhost"] = "127.0.0.1"
    # Ports to try, in order. Empty: any free port.
    ports: Sequence[int] = ()
    path: str = "/callback"

    def __post_init__(self) -> None:
        # Importing this package loads no component. The default path is valid.
        if self.path != Redirect.path:
            Rules().check_redirect_path(self.path)

    def first_uri(self) -> str:
        """Returns the redirect URI for a login without a listener."""
        port = f":{self.ports[0]}" if self.ports else ""
        return f"http://{self.host}{port}{self.path}"


def bind(redirect: Redirect) -> tuple[list[socket.socket], int]:
    """Returns one or two listening sockets and their port. Raises `port-in-use` if no port
    can be bound."""
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
    """Returns one socket for each address family of `host` that the machine has."""
    if host != "localhost":
        return [_listen(socket.AF_INET if host == "127.0.0.1" else socket.AF_INET6, port)]
    attempts = 1 if port else _EPHEMERAL_ATTEMPTS
    while True:
        attempts -= 1
        try:
            first = _listen(socket.AF_INET, port)
        except OSError as error:
            if error.errno not in _FAMILY_MISSING:
                raise
            return [_listen(socket.AF_INET6, port)]
        try:
            return [first, _listen(socket.AF_INET6, first.getsockname()[1])]
        except OSError as error:
            if error.errno in _FAMILY_MISSING:
                return [first]
            first.close()
            # Another program has this port in the other address family.
            if error.errno != errno.EADDRINUSE or attempts == 0:
                raise


def _listen(family: socket.AddressFamily, port: int) -> socket.socket:
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    # Also binds a port that is still in TIME_WAIT, but none that another socket listens on.
    listening = socket.create_server((address, port), family=family, backlog=_LONGEST_QUEUE)
    # A connection may be closed before it is accepted.
    listening.setblocking(False)
    return listening


def _reason(port: int, error: OSError | OverflowError) -> str:
    name = f"port {port}" if port else "any port"
    if not isinstance(error, OSError):
        return f"{name} is not a port"
    if error.errno == errno.EADDRINUSE:
        return f"{name} is in use"
    if error.errno == errno.EACCES:
        return f"{name} is not permitted"
    return f"{name} failed ({os.strerror(error.errno or 0)})"
