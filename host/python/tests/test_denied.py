"""Each part of the hostile component (`testing/hostile/denied.json`) ends as on the native
host."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wasmtime.component import Component

import latchstring
from latchstring import Client, Endpoints, LatchError, Settings, sandbox
from latchstring.component import LoginComponent
from latchstring.contract import Request, Response
from latchstring.http import Reaches

from .conftest import BINARIES, Home, settings_of
from .fakes import ISSUER, Memory, Nowhere, Steps, Typist

TABLE = Path(__file__).parents[3] / "testing/hostile/denied.json"

# The package `wasmtime` does not limit how much a call returns, and how many resources a
# component has.
UNLIMITED = ("it passed more data", "it kept more sessions")


class Listening(Nowhere):
    redirect_uri = "http://127.0.0.1:8000/callback"


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Returns each part with its occasion, code and words."""
    for group in json.loads(TABLE.read_text()):
        for part, words in group["parts"].items():
            is_limited = not words.startswith(UNLIMITED)
            # This host has no `status`.
            if is_limited and group["occasion"] != "status":
                yield part, group["occasion"], group["code"], words


@pytest.fixture(scope="module")
def hostile() -> Component:
    written = subprocess.run([BINARIES / "hostile-component"], stdout=subprocess.PIPE, check=True)
    return sandbox.load(written.stdout)


@pytest.mark.parametrize(("part", "occasion", "code", "words"), list(rows()))
def test_a_hostile_component_is_stopped(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    hostile: Component,
    part: str,
    occasion: str,
    code: str,
    words: str,
) -> None:
    monkeypatch.setattr(LoginComponent, "component", lambda *_: hostile)
    sent: list[Request] = []
    opened: list[str] = []
    terminal = Typist()

    def send(request: Request, _: Reaches, __: float | None) -> Response:
        sent.append(request)
        return Response(200, (), b"{}")

    client = Client(client_id=part, issuer=ISSUER, endpoints=Endpoints(token=f"{ISSUER}/token"))
    settings = settings_of(
        home,
        browser=opened.append,
        clock=Steps(),
        listen=lambda *_: Listening(),
        send=send,
        terminal=terminal,
        # Only the file store checks the name of a session.
        **({} if occasion == "setup" else {"store": lambda *_: Memory()}),
    )
    operations: dict[str, Callable[[Client, Settings], object]] = {
        "login": latchstring.login,
        "logout": latchstring.logout,
    }
    with pytest.raises(LatchError) as failure:
        operations.get(occasion, latchstring.token)(client, settings)
    assert failure.value.code == code
    assert words in failure.value.message
    if code == "egress-denied":
        assert not (sent or opened or terminal.printed)
        assert "evil" not in "".join(terminal.said)
