"""Binds the ports of a redirect URI on loopback addresses."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .errors import LatchError
from .rules import Rules

# Attempts to find a port that is free in both address families.
_EPHEMERAL_ATTEMPTS = 16
# Ports of the redirect URI of a client that a login registers, in the order in which they are
# tried. Many servers compare the port of a redirect URI, so a registration serves later logins
# only if they get the same port again. The last one is any free port.
_REGISTERED_PORTS = (51571, 51572, 51573, 51574, 0)
# Connections that the system holds until they are accepted. If the queue is full, a browser
# tries again only after a second.
_LONGEST_QUEUE = 4096

_ADDRESSES = {"127.0.0.1": ["127.0.0.1"], "[::1]": ["::1"], "localhost": ["127.0.0.1", "::1"]}
_FAMILY_MISSING = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


@dataclass(frozen=True)
class Redirect:
    """The redirect URI of a login, on this machine (RFC 8252 §7.3)."""

    # The host in the redirect URI. `localhost` binds the same port in both address families:
    # another program on the other one would get the answer of the login.
    host: Literal["127.0.0.1", "[::1]", "localhost"] = "127.0.0.1"
    # Ports to try, in order. Empty: any free port; for a client with a `resource_url`, first
    # 51571 to 51574.
    ports: Sequence[int] = ()
    path: str = "/callback"

    def __post_init__(self) -> None:
        # Importing this package loads no component. The default path is valid.
        if self.path != Redirect.path:
            Rules().check_redirect_path(self.path)

    def for_resource(self) -> Redirect:
        """Returns the redirect URI of a login by the URL of a resource."""
        return self if self.ports else replace(self, ports=_REGISTERED_PORTS)

    def first_uri(self) -> str:
        """Returns the redirect URI for a login without a listener."""
        port = f":{self.ports[0]}" if self.ports else ""
        return f"http://{self.host}{port}{self.path}"


def bind(redirect: Redirect) -> tuple[list[socket.socket], int]:
    """Returns one or two listening sockets and their port. Raises `port-in-use` if no port
    can be bound."""
    failures: dict[str, None] = {}
    for port in redirect.ports or [0]:
        # The other address family may use any port that is found.
        for _ in range(1 if port else _EPHEMERAL_ATTEMPTS):
            try:
                sockets = _bind_port(_ADDRESSES[redirect.host], port)
                return sockets, sockets[0].getsockname()[1]
            except (OSError, OverflowError) as error:
                failures[_reason(port, error)] = None
    raise LatchError(
        "port-in-use",
        f"no port could be bound on {redirect.host}: {', '.join(failures)}",
        "stop the program that uses the port, or allow another port that the provider accepts",
    )


def _bind_port(addresses: list[str], port: int) -> list[socket.socket]:
    """Binds the same port on each address whose family the machine has."""
    sockets: list[socket.socket] = []
    missing = OSError()
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        place = address, sockets[0].getsockname()[1] if sockets else port
        try:
            # Also binds a port that is still in TIME_WAIT, but none that another socket
            # listens on.
            listening = socket.create_server(place, family=family, backlog=_LONGEST_QUEUE)
        except OSError as error:
            if error.errno not in _FAMILY_MISSING:
                for other in sockets:
                    other.close()
                raise
            missing = error
            continue
        # A connection may be closed before it is accepted.
        listening.setblocking(False)
        sockets.append(listening)
    if not sockets:
        raise missing
    return sockets


def _reason(port: int, error: OSError | OverflowError) -> str:
    name = f"port {port}" if port else "any port"
    if not isinstance(error, OSError):
        return f"{name} is not a port"
    if error.errno == errno.EADDRINUSE:
        return f"{name} is in use"
    if error.errno == errno.EACCES:
        return f"{name} is not permitted"
    return f"{name} failed ({os.strerror(error.errno or 0)})"
