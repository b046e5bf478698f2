"""The host's loop: does what a session asks for, and tells it what came of it."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, cast

from .component import Instance, Session
from .contract import (
    Action,
    Authorization,
    DevicePrompt,
    Done,
    Exchange,
    Grant,
    Lock,
    LogoutReport,
    Offer,
    Probe,
    Reply,
    Response,
    Save,
    Visit,
)
from .egress import Denied, Egress
from .envelope import Envelope, open_envelope
from .errors import LatchError
from .store import FileStore
from .terminal import Terminal

if TYPE_CHECKING:
    from .door import Door


class Drive:
    """What a session is driven with."""

    def __init__(
        self,
        store: FileStore,
        egress: Egress,
        terminal: Terminal,
        lock_seconds: float,
        stop: threading.Event,
        door: Door | None = None,
    ) -> None:
        self._store = store
        self._egress = egress
        self._terminal = terminal
        self._lock_seconds = lock_seconds
        # Ends a wait for the lock; what has begun under it goes on to its end.
        self._stop = stop
        # Only a login has one.
        self._door = door

    def run(self, instance: Instance, session: Session) -> Grant | LogoutReport:
        """Steps the session to its end.

        The browser gets its page only now: after the code was exchanged and what it
        brought was saved.
        """
        try:
            outcome = self._steps(instance, session)
        except LatchError as error:
            if self._door is not None:
                self._door.close(error)
            raise
        except BaseException:
            if self._door is not None:
                self._door.abandon()
            raise
        if self._door is not None:
            self._door.close(None)
        return outcome

    def _steps(self, instance: Instance, session: Session) -> Grant | LogoutReport:
        with ExitStack() as held:
            is_locked = False
            reply = Reply("begin")
            while True:
                match self._next(instance, session, reply):
                    case Lock():
                        if not is_locked:
                            lock = self._store.lock(
                                self._lock_seconds, self._terminal.say, self._stop
                            )
                            held.callback(lock.release)
                            is_locked = True
                        envelope = read(self._store)
                        reply = Reply("locked", None if envelope is None else envelope.session)
                    case Probe():
                        self._store.probe()
                        reply = Reply("probed")
                    case Exchange() as exchange:
                        reply = self._exchange(exchange)
                    case Authorization() as authorization:
                        reply = self._person("a browser").authorize(authorization)
                    case DevicePrompt() as prompt:
                        reply = self._person("a code to be shown").present(prompt)
                    case Visit() as visit:
                        reply = self._person("a page to be shown").send(visit)
                    case Offer() as offer:
                        reply = self._person("a choice").offer(offer)
                    case Save(envelope_session):
                        reply = self._save(envelope_session)
                    case Done(outcome):
                        return outcome

    def _next(self, instance: Instance, session: Session, reply: Reply) -> Action:
        try:
            return instance.next(session, reply, now_ms())
        except LatchError as error:
            raise placed(error, self._store) from None

    def _exchange(self, exchange: Exchange) -> Reply:
        # Most calls find a token that is still good, and need not load HTTP and TLS.
        from . import http

        time.sleep(exchange.wait_ms / 1000)
        url = exchange.request.url
        try:
            private_addresses = self._egress.permit(url)
        except Denied as denied:
            return Reply("denied", str(denied))
        begun = time.monotonic()
        reply = http.send(exchange.request, private_addresses)
        taken = f"in {(time.monotonic() - begun) * 1000:.0f} ms"
        # A query can hold secrets.
        place = url.split("?")[0].split("#")[0]
        if reply.tag == "response":
            response = cast(Response, reply.payload)
            self._egress.learn(url, response)
            self._terminal.detail(f"{place} -> {response.status} {taken}")
        else:
            self._terminal.detail(f"{place} -> no answer {taken}")
        return reply

    def _save(self, session: bytes | None) -> Reply:
        try:
            if session is None:
                self._store.delete()
            else:
                self._store.write(Envelope(self._egress.pinned_origins(), session).seal())
        except LatchError as error:
            return Reply("not-saved", error.message)
        return Reply("saved")

    def _person(self, what: str) -> Door:
        """The way to the person, which only a login has."""
        if self._door is None:
            raise LatchError(
                "sandbox-fault",
                f"the login component asked for {what} outside of a login",
                "report it with the version of this program",
            )
        return self._door


def read(store: FileStore) -> Envelope | None:
    """What is stored now."""
    sealed = store.read()
    return None if sealed is None else open_envelope(sealed, store.place)


def placed(error: LatchError, store: FileStore) -> LatchError:
    """The component knows no places: what it could not read is named here."""
    if error.code in {"stored-damaged", "stored-newer"}:
        return error.at(store.place)
    return error


def now_ms() -> int:
    return time.time_ns() // 1_000_000
