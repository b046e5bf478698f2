"""Replacements for parts of this host."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

import latchstring
from latchstring import Client, Redirect, http
from latchstring.clock import Clock
from latchstring.contract import NoResponse, Request, Response
from latchstring.http import Reaches
from latchstring.listener import BrowserVisit, Listener

from .conftest import Home, Server, settings_of, visit
from .fakes import Memory

T = TypeVar("T")


class Hurried(Clock):
    """Does not wait."""

    def wait(self, events: queue.SimpleQueue[T], seconds: float) -> T | None:
        return super().wait(events, 0)


class Later(Clock):
    """A clock that is ahead."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


def test_every_part_can_be_replaced(home: Home, demo: Server) -> None:
    memory, clock = Memory(), Later()
    places: list[tuple[str, str]] = []
    asked: list[str] = []
    people: list[threading.Thread] = []

    def store(profile: str, account: str) -> Memory:
        places.append((profile, account))
        return memory

    def send(request: Request, reaches: Reaches, timeout: float | None) -> Response | NoResponse:
        asked.append(request.url)
        return http.send(request, reaches, timeout)

    def browser(address: str) -> None:
        people.append(threading.Thread(target=visit, args=[address]))
        people[-1].start()

    drawn: list[bytes] = []

    def entropy() -> bytes:
        drawn.append(os.urandom(48))
        return drawn[-1]

    listeners: list[Listener] = []

    def listen(redirect: Redirect, arrived: Callable[[BrowserVisit], None]) -> Listener:
        listeners.append(Listener(redirect, arrived))
        return listeners[-1]

    client = Client(client_id="demo", issuer=demo.issuer, scopes=["offline_access"])
    settings = settings_of(
        home,
        store=store,
        send=send,
        browser=browser,
        clock=clock,
        entropy=entropy,
        listen=listen,
    )
    assert latchstring.login(client, settings).source == "login"
    people[0].join()
    # For the component's context, and for one-time addresses.
    assert len(drawn) == 2 and len(listeners) == 1
    assert all(url.startswith(demo.issuer) for url in asked) and len(asked) > 1
    assert latchstring.token(client, settings).source == "cached"
    clock.ahead_ms = 24 * 3600 * 1000
    assert latchstring.token(client, settings).source == "renewed"
    assert memory.kept is not None and memory.kept.startswith(b'{"latchstring":1')
    assert latchstring.logout(client, settings).was_logged_in
    assert memory.kept is None and not home.state.exists()
    assert {profile for profile, _ in places} == {"default"} and len(set(places)) == 1


def test_the_user_is_told_if_the_browser_does_not_open(home: Home, demo: Server) -> None:
    said: list[str] = []

    class Paper(latchstring.Terminal):
        def say(self, text: str) -> None:
            said.append(text)

    def browser(address: str) -> None:
        raise OSError("out of order")

    client = Client(client_id="demo", issuer=demo.issuer)
    settings = settings_of(home, browser=browser, terminal=Paper(), clock=Hurried())
    with pytest.raises(latchstring.LatchError) as failure:
        latchstring.login(client, settings)
    assert failure.value.code == "timed-out"
    assert "No browser could be started (out of order)." in said
