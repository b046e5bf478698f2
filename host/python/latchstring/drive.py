"""The host's loop: carries out the actions of a session, and replies with the results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from .contract import (
    Action,
    AnsweredResult,
    Client,
    Exchange,
    Grant,
    LogoutReport,
    NoResponse,
    Outcome,
    Reply,
    Response,
)
from .egress import egress, permit
from .errors import LatchError, misbehaviour, printable
from .rules import Budget, Egress, Event, Rules
from .settings import Settings
from .store import HeldLock, Store, naming_place, read_registration, read_session

T = TypeVar("T")

if TYPE_CHECKING:
    from .user import User


# What the actions for the user ask for.
_FOR_USER = {
    "authorize": "a browser",
    "present": "a code to be shown",
    "visit": "a page to be shown",
    "offer": "a choice",
    "confirm": "a consent",
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
    # Returns the store of a client's registration. Raises `sandbox-fault` if its name cannot
    # be part of a file's.
    registrations: Callable[[str], Store]
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
    _is_locked: bool = False
    # The registration whose lock is held, and that lock.
    _registration: tuple[Store, HeldLock] | None = None

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
        reply = Reply("begin")
        with ExitStack() as locked:
            locked.callback(self._release_registration)
            while True:
                with naming_place(self.store):
                    action = session.next(reply, self.settings.clock.now_ms())
                match action:
                    case Action("done", Outcome(_, Grant() | LogoutReport() as outcome)):
                        return outcome
                reply = self._carry_out(action.tag, action.payload, locked)
                self.budget.note(reply.tag)

    def _carry_out(self, tag: str, payload: Any, locked: ExitStack) -> Reply:
        """Carries out an action within the budget, and returns the reply. `locked` releases
        the lock at the end of the session."""
        url = getattr(payload, "url", getattr(payload, "verification_uri", None))
        wait_ms = self.budget.admit(tag, url, getattr(payload, "wait_ms", 0))
        if hasattr(payload, "wait_ms"):
            payload = replace(payload, wait_ms=wait_ms)
        match tag:
            case "lock":
                if not self._is_locked:
                    locked.callback(self._lock(self.store).release)
                    self._is_locked = True
                return Reply("locked", read_session(self.store, self.rules).session)
            case "probe":
                self.store.probe()
                return Reply("probed")
            case "exchange":
                answer = self._exchange(payload)
                kind = "ok" if isinstance(answer, Response) else "error"
                return Reply("answered", AnsweredResult(kind, answer))
            case "read-assertion":
                what = "presents an assertion, but nothing says where to find it"
                return Reply(
                    "assertion", _needed("assertion", self.settings.assertion, what)(payload)
                )
            case "sign":
                what = "signs with a key, but nothing signs for it"
                return Reply("signed", _needed("sign", self.settings.sign, what)(payload))
            case "decrypt":
                what = "decrypts with a key, but nothing decrypts for it"
                return Reply("decrypted", _needed("decrypt", self.settings.decrypt, what)(payload))
            case "save":
                if not self._is_locked:
                    raise misbehaviour("saved a session without the session's lock")
                return self._save(self.store, payload)
            case "read-registration":
                return Reply(
                    "registration", read_registration(self.registrations(payload), self.rules)
                )
            case "lock-registration":
                registration = self.registrations(payload)
                # The old lock first: two processes must not wait for each other.
                self._release_registration()
                self._registration = registration, self._lock(registration)
                return Reply("registration", read_registration(registration, self.rules))
            case "save-registration":
                if self._registration is None:
                    raise misbehaviour("saved a registration without its lock")
                try:
                    return self._save(self._registration[0], payload)
                finally:
                    self._release_registration()
        if self.user is None:
            raise misbehaviour(f"asked for {_FOR_USER[tag]} outside of a login")
        return self.user.reply_to(Event(tag, payload))

    def _lock(self, store: Store) -> HeldLock:
        return store.lock(self.settings.lock_seconds, self.settings.terminal.say, self.stop)

    def _release_registration(self) -> None:
        held, self._registration = self._registration, None
        if held is not None:
            held[1].release()

    def _exchange(self, exchange: Exchange) -> Response | NoResponse:
        if exchange.remark is not None:
            self.settings.terminal.detail(printable(exchange.remark))
        self.settings.clock.sleep(exchange.wait_ms / 1000)
        url = exchange.request.url
        permitted = permit(self.egress, exchange.request)
        if isinstance(permitted, str):
            return NoResponse("denied", permitted)
        # In its normal form, so that the sender reads the same host in the URL as the policy.
        request = replace(exchange.request, url=permitted.url)
        is_any = permitted.addresses == "any"
        reaches = (lambda _: True) if is_any else self._reaches_as_issuer
        begun = self.settings.clock.monotonic()
        timeout = None if exchange.timeout_ms is None else exchange.timeout_ms / 1000
        answer = self.settings.send(request, reaches, timeout)
        taken = f"in {(self.settings.clock.monotonic() - begun) * 1000:.0f} ms"
        # A query can contain secrets.
        place = url.split("?")[0].split("#")[0]
        status = answer.status if isinstance(answer, Response) else "no answer"
        self.settings.terminal.detail(f"{place} -> {status} {taken}")
        if isinstance(answer, Response):
            self._learn(exchange, answer)
        return answer

    def _learn(self, exchange: Exchange, response: Response) -> None:
        """Shows a response to the egress policy. Other responses can contain tokens, and are
        not shown to it."""
        purpose, url = exchange.purpose, exchange.request.url
        shown = {"metadata", "resource-metadata", "device-authorization", "pushed-authorization"}
        if purpose not in shown:
            return
        try:
            body = response.body.decode()
        except UnicodeDecodeError:
            return
        match purpose:
            case "metadata":
                self.egress.learn_metadata(url, response.status, body)
            case "resource-metadata":
                self.egress.learn_resource_metadata(url, response.status, body)
            case "device-authorization":
                self.egress.learn_device_authorization(body)
            case "pushed-authorization":
                form = (exchange.request.body or b"").decode(errors="replace")
                self.egress.learn_pushed_authorization(form, body)

    def _reaches_as_issuer(self, address: str) -> bool:
        """Returns whether an address is public, or private as the issuer's are, or those of the
        resource that named it. Resolves the name of that one when the first private address
        depends on it. The sender calls this within the time limit of its request."""
        if self.rules.is_public(address):
            return True
        issuer = self.egress.unresolved_issuer()
        if issuer is not None:
            self.egress.learn_issuer_addresses(self.resolve(urlsplit(issuer).hostname or ""))
        return self.egress.issuer_is_private()

    def _save(self, store: Store, session: bytes | None) -> Reply:
        """Saves a session or a registration in its store. None: deletes it."""
        try:
            if session is None:
                store.delete()
            else:
                line = self.rules.header_line(self.egress.pinned_origins(), len(session))
                store.write(line.encode() + session)
        except LatchError as error:
            return Reply("not-saved", error.message)
        return Reply("saved")


def _needed(setting: str, value: T | None, what: str) -> T:
    """Returns a setting that only some clients need."""
    if value is None:
        raise LatchError("invalid-configuration", f"the client {what}", f"set Settings.{setting}")
    return value
