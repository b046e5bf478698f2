"""Finds out which user's browser is at the other end of a connection to the listener.

Both ends of a loopback connection are sockets of this machine. Linux lists each with the user
that created it (`proc_pid_net(5)`).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .rules import Peer

# An address and a port, as the kernel writes them.
End = frozenset[str]

# The sockets of this process's network namespace.
_TABLES = ("/proc/self/net/tcp", "/proc/self/net/tcp6")
# The kernel writes the table in pieces, and can leave out a socket that changes meanwhile.
_PASSES = 3
# States of a socket (`tcp_states.h`): ESTABLISHED and CLOSE_WAIT.
_OPEN = (1, 8)
_LISTEN = 10


@dataclass(frozen=True)
class Users:
    """What user ids mean to this process."""

    # The effective user, and the one that called `sudo`, whose browser it is.
    own: frozenset[int]
    # The id of all users that have none in this user namespace. None: every user has one.
    unmapped: int | None

    def peer(self, uid: int) -> Peer:
        """Root may carry the connections of other users: tunnels and containers."""
        if (uid == 0 and 0 not in self.own) or uid == self.unmapped:
            return "unknown"
        return "same-user" if uid in self.own else "other-user"


def end(address: str, port: int) -> End:
    """Returns an end of a connection. IPv4 addresses are also in the table of IPv6. Each group
    of eight digits is four bytes of the address as one number: on a little-endian machine,
    `0100007F:1F90` is 127.0.0.1:8080."""
    ip = ipaddress.ip_address(address)
    forms = [ip.packed]
    if isinstance(ip, ipaddress.IPv4Address):
        forms.append(bytes(10) + b"\xff\xff" + ip.packed)
    words = [[word for (word,) in struct.iter_unpack("=I", form)] for form in forms]
    return frozenset("".join(f"{word:08X}" for word in form) + f":{port:04X}" for form in words)


def other_end(lines: Iterable[str], ours: End, theirs: End) -> int | Literal["elsewhere", "gone"]:
    """Returns the user id at the other end of a connection; `elsewhere` if the connection
    is open but its other end is not listed (another network namespace or machine); `gone`
    if it is closed. A socket that its owner has closed has user 0 and inode 0, which does not
    mean root."""
    found: Literal["elsewhere", "gone"] = "gone"
    for local, remote, state, uid, inode in _sockets(lines):
        if local in theirs and remote in ours:
            return uid if inode else "gone"
        if local in ours and remote in theirs and state in _OPEN:
            found = "elsewhere"
    return found


class Peers:
    """Finds out whose the connections of a listener are."""

    def __init__(self, listener: End) -> None:
        self._users = users()
        # Whether it can tell another user's connection from this user's: the listener itself
        # is listed.
        self.tells = any(
            local in listener and state == _LISTEN and uid in self._users.own
            for local, _, state, uid, _ in _sockets(_lines())
        )

    def peer(self, ours: End, theirs: End) -> Peer | None:
        """Returns whose the other end of a connection is; None if that end is closed."""
        if not self.tells:
            return "unknown"
        found: int | Literal["elsewhere", "gone"] = "gone"
        for _ in range(_PASSES):
            found = other_end(_lines(), ours, theirs)
            if isinstance(found, int):
                return self._users.peer(found)
        return "unknown" if found == "elsewhere" else None


def users() -> Users:
    own = {os.geteuid()}
    sudo = os.environ.get("SUDO_UID", "")
    if re.fullmatch("[0-9]+", sudo):
        own.add(int(sudo))
    unmapped = None
    # Without this file, the kernel has no user namespaces. In the initial one, every user has
    # an id, and 65534 is a user.
    with contextlib.suppress(OSError):
        if Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
            unmapped = 65534
            unmapped = int(Path("/proc/sys/kernel/overflowuid").read_text())
    return Users(frozenset(own), unmapped)


def _lines() -> Iterator[str]:
    for path in _TABLES:
        with contextlib.suppress(OSError), open(path, encoding="latin-1") as table:
            yield from table


def _sockets(lines: Iterable[str]) -> Iterator[tuple[str, str, int, int, int]]:
    """Returns both ends, the state, the user id and the inode of each socket. The inode is 0 if
    its owner has closed it."""
    for line in lines:
        # The heading, or a line that was cut short.
        with contextlib.suppress(ValueError, IndexError):
            _, local, remote, state, *rest = line.split()
            yield local, remote, int(state, 16), int(rest[3]), int(rest[5])
