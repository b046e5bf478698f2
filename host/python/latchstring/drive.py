"""The host's loop: carries out the actions of a session, and replies with the results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from .contract import (
    Action,
    AnsweredResult,
    Authorization,
    Client,
    DevicePrompt,
    Exchange,
    Grant,
    LogoutReport,
    NoResponse,
    Offer,
    Outcome,
    Reply,
    Response,
    Visit,
)
from .egress import egress, permit
from .errors import LatchError, misbehaviour
from .rules import Budget, Egress, Event, Rules
from .settings import Settings
from .store import HeldLock, Store, naming_place, read_session

if TYPE_CHECKING:
    from .user import User


# What the actions for the user ask for.
_FOR_USER = {
    "authorize": "a browser",
    "present": "a code to be shown",
    "visit": "a page to be shown",
    "offer": "a choice",
}


class Steps(Protocol):
    """A session of the login component, or what stands for it in a test."""

    def next(self, reply: Reply, now_ms: int) -> Action: ...


def _addresses_of(host: str) -> list[str]:
    from . import http

    return http.addresses_of(host)


@dataclass(eq=False, repr=False, kw_only=True)
class Drive:
    """Drives one session to its end."""

    settings: Settings
    store: Store
    rules: Rules
    client: Client
    # The origins stored with the session.
    pinned: Sequence[str]
    # Ends a wait for the lock. Does not interrupt what happens under the lock.
    stop: threading.Event
    # None outside of a login.
    user: User | None = None
    # Returns the addresses of a host name, and none if it is not known.
    resolve: Callable[[str], Sequence[str]] = _addresses_of

    # A token that is still valid needs neither of these two.

    @cached_property
    def egress(self) -> Egress:
        if self.user is not None:
            return self.user.egress
        return egress(self.rules, self.client, self.pinned, None)

    @cached_property
    def budget(self) -> Budget:
        return Budget(self.rules, self.user is not None, self.settings.patience_ms)

    def run(self, session: Steps) -> Grant | LogoutReport:
        """Drives the session to its end. Only then, after the session was saved, the browser
        gets its last page."""
        try:
            outcome = self._steps(session)
        except LatchError as error:
            if self.user is not None:
                self.user.close(error)
            raise
        except BaseException:
            if self.user is not None:
                self.user.abandon()
            raise
        if self.user is not None:
            self.user.close(None)
        return outcome

    def _steps(self, session: Steps) -> Grant | LogoutReport:
        with ExitStack() as locked:
            reply = Reply("begin")
            is_locked = False
            while True:
                with naming_place(self.store):
                    action = session.next(reply, self.settings.clock.now_ms())
                match action:
                    case Action("done", Outcome(_, Grant() | LogoutReport() as outcome)):
                        return outcome
                wait_ms = self.budget.admit(action.tag, *_url_and_wait(action))
                match action:
                    case Action("lock"):
                        if not is_locked:
                            lock = self._lock()
                            locked.callback(lock.release)
                            is_locked = True
                        reply = Reply("locked", read_session(self.store, self.rules).session)
                    case Action("probe"):
                        self.store.probe()
                        reply = Reply("probed")
                    case Action("exchange", Exchange() as exchange):
                        answer = self._exchange(replace(exchange, wait_ms=wait_ms))
                        tag = "ok" if isinstance(answer, Response) else "error"
                        reply = Reply("answered", AnsweredResult(tag, answer))
                    case Action("save", bytes() | None as saved):
                        if not is_locked:
                            raise misbehaviour("saved a session without the session's lock")
                        reply = self._save(saved)
                    case Action(tag, payload):
                        if self.user is None:
                            raise misbehaviour(f"asked for {_FOR_USER[tag]} outside of a login")
                        if isinstance(payload, (Authorization, Offer)):
                            payload = replace(payload, wait_ms=wait_ms)
                        reply = self.user.reply_to(Event(tag, payload))
                self.budget.note(reply.tag)

    def _lock(self) -> HeldLock:
        settings = self.settings
        return self.store.lock(settings.lock_seconds, settings.terminal.say, self.stop)

    def _exchange(self, exchange: Exchange) -> Response | NoResponse:
        self.settings.clock.sleep(exchange.wait_ms / 1000)
        url = exchange.request.url
        permitted = permit(self.egress, exchange.request)
        if isinstance(permitted, str):
            return NoResponse("denied", permitted)
        # In its normal form, so that the sender reads the same host in the URL as the policy.
        request = replace(exchange.request, url=permitted.url)
        reaches = _any_address if permitted.addresses == "any" else self._reaches_as_issuer
        begun = self.settings.clock.monotonic()
        timeout = None if exchange.timeout_ms is None else exchange.timeout_ms / 1000
        answer = self.settings.send(request, reaches, timeout)
        taken = f"in {(self.settings.clock.monotonic() - begun) * 1000:.0f} ms"
        # A query can contain secrets.
        place = url.split("?")[0].split("#")[0]
        if isinstance(answer, Response):
            self._learn(exchange.purpose, url, answer)
            self.settings.terminal.detail(f"{place} -> {answer.status} {taken}")
        else:
            self.settings.terminal.detail(f"{place} -> no answer {taken}")
        return answer

    def _learn(self, purpose: str, url: str, response: Response) -> None:
        """Shows a response to the egress policy. Other responses can contain tokens, and are
        not shown to it."""
        if purpose not in {"metadata", "device-authorization"}:
            return
        try:
            body = response.body.decode()
        except UnicodeDecodeError:
            return
        if purpose == "metadata":
            self.egress.learn_metadata(url, response.status, body)
        else:
            self.egress.learn_device_authorization(body)

    def _reaches_as_issuer(self, address: str) -> bool:
        """Returns whether an address is public, or private as the issuer's are. Resolves the
        issuer's name when the first private address depends on it. The sender calls this
        within the time limit of its request."""
        if self.rules.is_public(address):
            return True
        issuer = self.egress.unresolved_issuer()
        if issuer is not None:
            self.egress.learn_issuer_addresses(self.resolve(urlsplit(issuer).hostname or ""))
        return self.egress.issuer_is_private()

    def _save(self, session: bytes | None) -> Reply:
        try:
            if session is None:
                self.store.delete()
            else:
                line = self.rules.header_line(self.egress.pinned_origins(), len(session))
                self.store.write(line.encode() + session)
        except LatchError as error:
            return Reply("not-saved", error.message)
        return Reply("saved")


def _any_address(_: str) -> bool:
    return True


def _url_and_wait(action: Action) -> tuple[str | None, int]:
    """Returns the URL that an action sends the user to, and its wait in milliseconds."""
    match action.payload:
        case Authorization(url=url, wait_ms=wait_ms):
            return url, wait_ms
        case Visit(url=url) | DevicePrompt(verification_uri=url):
            return url, 0
        case Exchange(wait_ms=wait_ms) | Offer(wait_ms=wait_ms):
            return None, wait_ms
    return None, 0
