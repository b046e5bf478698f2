"""The host's loop: does what a session asks for, and tells it what came of it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from .clock import Clock
from .component import Session, name_of
from .contract import (
    Action,
    Answer,
    Authorization,
    Client,
    DevicePrompt,
    Done,
    Exchange,
    Grant,
    Lock,
    LogoutReport,
    NoResponse,
    Offer,
    Probe,
    Reply,
    Request,
    Response,
    Save,
    Visit,
)
from .errors import LatchError, printable
from .rules import Budget, Denied, Egress, Rules
from .store import Store
from .terminal import Terminal

if TYPE_CHECKING:
    from .user import User


# Whether a permitted request may go to an IP address.
Reaches = Callable[[str], bool]

# Sends a request that the egress policy has approved, and gives up after this many
# seconds; None is the sender's own limit. Returns the response, or why there is none.
Send = Callable[[Request, Reaches, float | None], Response | NoResponse]


# RFC 9110 §5.5, without bytes past ASCII.
_VALUE = re.compile(r"[\t -~]*")


@dataclass(frozen=True)
class Stored:
    """A stored session."""

    # Those that the host pinned when it saw the provider's metadata.
    origins: list[str]
    # The component's bytes.
    session: bytes = field(repr=False)


class Steps(Protocol):
    """What a session's next action comes from: an instance of the component."""

    def next(self, session: Session, reply: Reply, now_ms: int) -> Action: ...


@dataclass(eq=False, repr=False, kw_only=True)
class Drive:
    """What a session is driven with."""

    clock: Clock
    send: Send
    # The addresses of a host; empty if its name is not known.
    resolve: Callable[[str], Sequence[str]]
    store: Store
    rules: Rules
    client: Client
    # The origins stored with the session.
    pinned: Sequence[str]
    # The time that the user has; None for the default.
    patience_ms: int | None
    terminal: Terminal
    lock_seconds: float
    # Ends a wait for the lock; what has begun under it goes on to its end.
    stop: threading.Event
    # Only a login has one.
    user: User | None = None

    # A token that is still good needs neither of these two.

    @cached_property
    def egress(self) -> Egress:
        if self.user is not None:
            return self.user.egress
        return self.rules.egress(self.client, self.pinned, None)

    @cached_property
    def budget(self) -> Budget:
        return self.rules.budget(self.user is not None, self.patience_ms)

    def run(self, instance: Steps, session: Session) -> Grant | LogoutReport:
        """Steps the session to its end.

        The browser gets its page only now: after the code was exchanged and what it
        brought was saved.
        """
        try:
            outcome = self._steps(instance, session)
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

    def _steps(self, instance: Steps, session: Session) -> Grant | LogoutReport:
        with ExitStack() as held:
            is_locked = False
            reply = Reply("begin")
            while not isinstance(action := self._next(instance, session, reply), Done):
                wait_ms = self.budget.admit(name_of(action), *_asked(action))
                match action:
                    case Lock():
                        if not is_locked:
                            lock = self.store.lock(self.lock_seconds, self.terminal.say, self.stop)
                            held.callback(lock.release)
                            is_locked = True
                        stored = read(self.store, self.rules)
                        reply = Reply("locked", None if stored is None else stored.session)
                    case Probe():
                        self.store.probe()
                        reply = Reply("probed")
                    case Exchange() as exchange:
                        answer = self._exchange(exchange)
                        has_response = isinstance(answer, Response)
                        reply = Reply("answered", Answer("ok" if has_response else "error", answer))
                    case Authorization() as authorization:
                        user = self._needed("a browser")
                        reply = user.authorize(replace(authorization, wait_ms=wait_ms))
                    case DevicePrompt() as prompt:
                        reply = self._needed("a code to be shown").present(prompt)
                    case Visit() as visit:
                        reply = self._needed("a page to be shown").visit(visit)
                    case Offer() as offer:
                        reply = self._needed("a choice").offer(replace(offer, wait_ms=wait_ms))
                    case Save(saved):
                        reply = self._save(saved)
                self.budget.note(reply.tag)
            return action.outcome

    def _next(self, instance: Steps, session: Session, reply: Reply) -> Action:
        try:
            return instance.next(session, reply, self.clock.now_ms())
        except LatchError as error:
            raise placed(error, self.store) from None

    def _exchange(self, exchange: Exchange) -> Response | NoResponse:
        self.clock.sleep(exchange.wait_ms / 1000)
        url = exchange.request.url
        try:
            permit = self.egress.permit(exchange.request)
            _check_values(exchange.request)
        except Denied as denied:
            return NoResponse("denied", str(denied))
        # Read as the policy has read it: what was checked is what is connected to.
        request = replace(exchange.request, url=permit.url)
        reaches = _anywhere if permit.addresses == "any" else self._reaches
        begun = self.clock.monotonic()
        timeout = None if exchange.timeout_ms is None else exchange.timeout_ms / 1000
        answer = self.send(request, reaches, timeout)
        taken = f"in {(self.clock.monotonic() - begun) * 1000:.0f} ms"
        # A query can hold secrets.
        place = url.split("?")[0].split("#")[0]
        if isinstance(answer, Response):
            self._learn(exchange.purpose, url, answer)
            self.terminal.detail(f"{place} -> {answer.status} {taken}")
        else:
            self.terminal.detail(f"{place} -> no answer {taken}")
        return answer

    def _learn(self, purpose: str, url: str, response: Response) -> None:
        """No other response is shown to the rules: it may hold a token."""
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

    def _reaches(self, address: str) -> bool:
        """Resolves the issuer's name the first time that a private address depends on it.
        The sender asks within the time limit of its request."""
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

    def _needed(self, what: str) -> User:
        """Returns the user, whom only a login has. Raises `sandbox-fault` outside of one."""
        if self.user is None:
            raise LatchError(
                "sandbox-fault",
                f"the login component asked for {what} outside of a login",
                "report it with the version of this program",
            )
        return self.user


def _anywhere(_: str) -> bool:
    return True


def _check_values(request: Request) -> None:
    """Raises `Denied` for a header whose value could end it. The rules get only lengths:
    values may hold secrets."""
    for header in request.headers:
        if not _VALUE.fullmatch(header.value):
            name = printable(header.name)
            raise Denied(f"the request's header {name} has no valid value")


def _asked(action: Action) -> tuple[str | None, int]:
    """Where an action sends the user, and its wait in milliseconds."""
    match action:
        case Authorization(url=url, wait_ms=wait_ms):
            return url, wait_ms
        case Visit(url=url) | DevicePrompt(verification_uri=url):
            return url, 0
        case Exchange(wait_ms=wait_ms) | Offer(wait_ms=wait_ms):
            return None, wait_ms
    return None, 0


def read(store: Store, rules: Rules) -> Stored | None:
    """What is stored now; None if nothing is. Raises `stored-damaged`, `stored-newer` or
    `store-unusable`, naming the place, if it is no session that this host can read."""
    content = store.read()
    if content is None:
        return None
    line, newline, session = content.partition(b"\n")
    origins = rules.parse_header(line, len(session) if newline else None, store.place)
    return Stored(origins, session)


def placed(error: LatchError, store: Store) -> LatchError:
    """The component knows no places: what it could not read is named here."""
    if error.code in {"stored-damaged", "stored-newer"}:
        return error.at(store.place)
    return error
