"""The host's loop: does what a session asks for, and tells it what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from .clock import Clock
from .component import Session
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
    Request,
    Response,
    Save,
    Visit,
)
from .egress import Denied, Egress, Permit
from .envelope import Envelope, open_envelope
from .errors import LatchError
from .store import Store
from .terminal import Terminal

if TYPE_CHECKING:
    from .door import Door


# Sends a request that the egress policy has approved, to private addresses too if the
# permit says so, and gives up after this many seconds; None is the sender's own
# limit. Answers with `response`, `unreachable`, `too-large` or `denied`.
Send = Callable[[Request, Permit, float | None], Reply]


class Steps(Protocol):
    """What a session's next action comes from: an instance of the component."""

    def next(self, session: Session, reply: Reply, now_ms: int) -> Action: ...


@dataclass(eq=False, repr=False, kw_only=True)
class Drive:
    """What a session is driven with."""

    clock: Clock
    send: Send
    store: Store
    egress: Egress
    terminal: Terminal
    lock_seconds: float
    # Ends a wait for the lock; what has begun under it goes on to its end.
    stop: threading.Event
    # Only a login has one.
    door: Door | None = None

    def run(self, instance: Steps, session: Session) -> Grant | LogoutReport:
        """Steps the session to its end.

        The browser gets its page only now: after the code was exchanged and what it
        brought was saved.
        """
        try:
            outcome = self._steps(instance, session)
        except LatchError as error:
            if self.door is not None:
                self.door.close(error)
            raise
        except BaseException:
            if self.door is not None:
                self.door.abandon()
            raise
        if self.door is not None:
            self.door.close(None)
        return outcome

    def _steps(self, instance: Steps, session: Session) -> Grant | LogoutReport:
        with ExitStack() as held:
            is_locked = False
            reply = Reply("begin")
            while True:
                match self._next(instance, session, reply):
                    case Lock():
                        if not is_locked:
                            lock = self.store.lock(
                                self.lock_seconds, self.terminal.say, self.stop
                            )
                            held.callback(lock.release)
                            is_locked = True
                        envelope = read(self.store)
                        reply = Reply("locked", None if envelope is None else envelope.session)
                    case Probe():
                        self.store.probe()
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

    def _next(self, instance: Steps, session: Session, reply: Reply) -> Action:
        try:
            return instance.next(session, reply, self.clock.now_ms())
        except LatchError as error:
            raise placed(error, self.store) from None

    def _exchange(self, exchange: Exchange) -> Reply:
        self.clock.sleep(exchange.wait_ms / 1000)
        url = exchange.request.url
        try:
            private_addresses = self.egress.permit(url)
        except Denied as denied:
            return Reply("denied", str(denied))
        begun = self.clock.monotonic()
        timeout = None if exchange.timeout_ms is None else exchange.timeout_ms / 1000
        reply = self.send(exchange.request, private_addresses, timeout)
        taken = f"in {(self.clock.monotonic() - begun) * 1000:.0f} ms"
        # A query can hold secrets.
        place = url.split("?")[0].split("#")[0]
        if reply.tag == "response":
            response = cast(Response, reply.payload)
            self.egress.learn(url, response)
            self.terminal.detail(f"{place} -> {response.status} {taken}")
        else:
            self.terminal.detail(f"{place} -> no answer {taken}")
        return reply

    def _save(self, session: bytes | None) -> Reply:
        try:
            if session is None:
                self.store.delete()
            else:
                self.store.write(Envelope(self.egress.pinned_origins(), session).seal())
        except LatchError as error:
            return Reply("not-saved", error.message)
        return Reply("saved")

    def _person(self, what: str) -> Door:
        """The way to the person, which only a login has."""
        if self.door is None:
            raise LatchError(
                "sandbox-fault",
                f"the login component asked for {what} outside of a login",
                "report it with the version of this program",
            )
        return self.door


def read(store: Store) -> Envelope | None:
    """What is stored now."""
    sealed = store.read()
    return None if sealed is None else open_envelope(sealed, store.place)


def placed(error: LatchError, store: Store) -> LatchError:
    """The component knows no places: what it could not read is named here."""
    if error.code in {"stored-damaged", "stored-newer"}:
        return error.at(store.place)
    return error

