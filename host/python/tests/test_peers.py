"""Which user's browser is at the other end of a connection."""

from __future__ import annotations

import os
import socket
import sys
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from latchstring.browser import Launched
from latchstring.listener import Listener
from latchstring.peers import Peers, Users, end, other_end, users

from .conftest import PATIENCE, wait_for
from .fakes import ISSUER, Login, Recorder

OURS, THEIRS = end("127.0.0.1", 8000), end("127.0.0.1", 40000)
ADDRESS = "http://127.0.0.1:8000/latchstring/start?ticket=a-b_c"


def written(address: str, port: int) -> str:
    """Returns an address as the kernel of this machine writes it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    words = [int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4)]
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def line(local: tuple[str, int], remote: tuple[str, int], state: str, uid: int, inode: int) -> str:
    return (
        f"  12: {written(*local)} {written(*remote)} {state} 00000000:00000000 00:00000000"
        f" 00000000 {uid:5} {0:8} {inode} 1 000000002c0f7c18 20 4 30 10 -1\n"
    )


def status(address: str) -> bytes:
    """Returns the status of a response to a request for an address."""
    url = urlsplit(address)
    with socket.create_connection((url.hostname or "", url.port or 0), PATIENCE) as stream:
        request = f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n"
        stream.sendall(request.encode())
        return stream.recv(4096)[9:12]


ME, YOU = ("127.0.0.1", 8000), ("127.0.0.1", 40000)
MAPPED_ME, MAPPED_YOU = ("::ffff:127.0.0.1", 8000), ("::ffff:127.0.0.1", 40000)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([line(ME, YOU, "01", 1000, 7), line(YOU, ME, "01", 1001, 8)], 1001),
        ([line(YOU, ME, "05", 1001, 8)], 1001),
        ([line(ME, YOU, "01", 1000, 7), line(MAPPED_YOU, MAPPED_ME, "01", 1001, 8)], 1001),
        ([line(YOU, ME, "01", 0, 8)], 0),
        # Closed by its owner. The user 0 is not root.
        ([line(ME, YOU, "08", 1000, 7), line(YOU, ME, "05", 0, 0)], "gone"),
        ([line(ME, YOU, "07", 1000, 7)], "gone"),
        ([], "gone"),
        ([line(ME, YOU, "01", 1000, 7)], "elsewhere"),
        (["nonsense", "12: x y z", "", " 1: 0100007F:1F40 0100007F:9C40 01\n"], "gone"),
    ],
)
def test_the_user_at_the_other_end_is_found_in_the_table(lines: list[str], found: object) -> None:
    heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n"
    assert other_end([heading, *lines], OURS, THEIRS) == found


@pytest.mark.parametrize(
    ("own", "unmapped", "uid", "peer"),
    [
        ({1000}, None, 1000, "same-user"),
        ({1000}, None, 1001, "other-user"),
        ({1000}, None, 0, "unknown"),
        ({0}, None, 0, "same-user"),
        ({0}, None, 65534, "other-user"),
        ({1000}, 65534, 65534, "unknown"),
        ({500, 1000}, None, 1000, "same-user"),
    ],
)
def test_users_are_told_apart(own: set[int], unmapped: int | None, uid: int, peer: str) -> None:
    assert Users(frozenset(own), unmapped).peer(uid) == peer


def test_users_without_an_id_are_unknown_if_their_number_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_text(path: Path) -> str:
        if path.name != "uid_map":
            raise PermissionError
        return "0 1000 1"

    monkeypatch.setattr(Path, "read_text", read_text)
    assert users().unmapped == 65534


@pytest.mark.parametrize(
    ("told", "names"), [("1234567", True), ("1_234_567", False), ("1234567x", False)]
)
def test_sudo_uid_counts_only_if_it_is_a_number(
    monkeypatch: pytest.MonkeyPatch, told: str, names: bool
) -> None:
    monkeypatch.setenv("SUDO_UID", told)
    assert (1234567 in users().own) is names


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the table")
def test_this_machine_shows_this_users_and_closed_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        peers = Peers(end(*server.getsockname()))
        assert peers.tells
        client = socket.create_connection(server.getsockname())
        accepted, theirs = server.accept()
        with accepted:
            ours = end(*accepted.getsockname())
            assert peers.peer(ours, end(*theirs)) == "same-user"
            client.close()
            assert peers.peer(ours, end(*theirs)) is None


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can play two users"
)
def test_another_users_visit_uses_up_no_address_and_the_user_is_told_once() -> None:
    login = Login(listen=Listener)
    visitors: list[tuple[int, socket.socket]] = []

    def visit(user: int) -> None:
        ours, theirs = socket.socketpair()
        # Forked, because other users may not be able to execute this interpreter.
        child = os.fork()
        if child == 0:
            try:
                os.setuid(user)
                theirs.sendall(status(login.opened[0]))
            finally:
                os._exit(0)
        theirs.close()
        visitors.append((child, ours))
        wait_for(lambda: not login.user.events.empty())

    def answer(child: int, stream: socket.socket) -> bytes:
        os.waitpid(child, 0)
        with stream:
            return stream.recv(3)

    steps = [partial(visit, user) for user in (65534, 65534, 0, 0)]
    back = quote(login.listener.redirect_uri, safe="")
    login.authorize(*steps, url=f"{ISSUER}/authorize?redirect_uri={back}")
    assert [answer(*visitor) for visitor in visitors] == [b"403", b"403", b"303", b"410"]
    assert sum("runs as another user" in text for text in login.terminal.said) == 1
    login.user.abandon()


def test_if_users_cannot_be_told_apart_the_address_is_only_in_a_private_file() -> None:
    browser = Recorder(shows_address=True)
    launched = Launched(browser, ADDRESS, False, lambda *_: None)
    assert launched.opened == "file"
    path = Path(browser.opened[0].removeprefix("file://"))
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert f'content="0; url={ADDRESS}"' in path.read_text()
    launched.end()
    assert not path.parent.exists()


@pytest.mark.parametrize(("shows_address", "tells_peers"), [(True, True), (False, False)])
def test_otherwise_the_browser_gets_the_address_itself(
    shows_address: bool, tells_peers: bool
) -> None:
    browser = Recorder(shows_address)
    launched = Launched(browser, ADDRESS, tells_peers, lambda *_: None)
    assert (browser.opened, launched.opened) == ([ADDRESS], "address")
