"""What a program does with a client of a provider: log in, get tokens, log out."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from .bind import Redirect
from .clock import Clock
from .component import Instance
from .contract import (
    Client,
    Context,
    Demand,
    Examination,
    Grant,
    LoginFlow,
    LoginRequest,
    LogoutReport,
    NoResponse,
    Request,
    Response,
    Tokens,
)
from .drive import Drive, Reaches, Send, Stored, placed, read
from .entropy import entropy
from .errors import LatchError
from .rules import Rules
from .store import FileStore, Store, default_folder
from .surroundings import facts
from .terminal import Terminal, sentence
from .token import Token

if TYPE_CHECKING:
    from .listener import Listen, Listening
    from .user import Events, User


# Most calls find a token that is still good, and need not load HTTP and TLS.


def _send(request: Request, reaches: Reaches, timeout: float | None) -> Response | NoResponse:
    from . import http

    return http.send(request, reaches, timeout)


def _resolve(host: str) -> list[str]:
    from . import http

    return http.addresses_of(host)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How this program goes about it; every one has a default."""

    # Sessions of one client under different profiles have nothing to do with each
    # other.
    profile: str = "default"
    # None lets the component choose what fits this machine and the provider.
    flow: LoginFlow | None = None
    redirect: Redirect = Redirect()
    # How long the user may take. None: five minutes in a browser, and as long as the code
    # lives on another device.
    patience_seconds: float | None = None
    # Where False, the address is shown and nothing started.
    open_browser: bool = True
    # The words of this command are run without a shell, the address behind them; or
    # what is called with the address.
    browser: str | Callable[[str], object] | None = None
    # The user's own, shared with the native program, where none is given.
    state_folder: Path | None = None
    # How long to wait for another process that uses the same session.
    lock_seconds: float = 60.0
    terminal: Terminal = Terminal()
    # By profile and account; files in `state_folder` where none is given.
    store: Callable[[str, str], Store] | None = None
    # How requests go out that the egress policy has approved.
    send: Send = _send
    clock: Clock = Clock()
    # At least 32 random bytes, fresh for each call.
    entropy: Callable[[], bytes] = entropy
    # A listener on loopback where none is given.
    listen: Listen | None = None


def login(client: Client, settings: Settings = Settings()) -> Token:
    """Logs a user in and keeps the session.

    What is stored and cannot be read is set aside, not deleted.
    """
    latch = _Latch(client, settings)
    try:
        return latch.login()
    except LatchError as error:
        if error.code != "stored-damaged":
            raise
        latch.set_aside(error)
    return latch.login()


def token(
    client: Client,
    settings: Settings = Settings(),
    *,
    min_ttl_seconds: float = 0.0,
    force_refresh: bool = False,
    examination: Examination | None = None,
) -> Token:
    """An access token that is good for now: the stored one, or a renewed one.

    Never opens a browser. Fails with `login-required` where only a login can help,
    and with a retryable error where the network is at fault. An interruption waits for the
    end of a renewal that has begun: a provider that rotates refresh tokens may have revoked
    the old one already.
    """
    demand = Demand(
        min_ttl_ms=max(0, int(min_ttl_seconds * 1000)),
        force_refresh=force_refresh,
        examination=examination,
    )
    latch = _Latch(client, settings)
    results: queue.SimpleQueue[Token | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put(latch.token(demand))
        except BaseException as error:
            results.put(error)

    try:
        with _signals_held(latch.stop):
            # Not a daemon: the program ends only after it. Nor is it joined: up to Python
            # 3.12, a join that is interrupted takes the thread for ended.
            threading.Thread(target=run, name="renewal").start()
            result = results.get()
    except BaseException:
        latch.stop.set()
        raise
    if isinstance(result, BaseException):
        raise result
    return result


@contextlib.contextmanager
def _signals_held(stop: threading.Event) -> Iterator[None]:
    """Holds SIGTERM, SIGHUP and SIGINT back during a renewal: they end a wait for the lock
    at once, and the program once the renewal is over. Signals with a handler of the
    program's own are left alone. Does nothing outside the main thread, where Python allows
    no handlers."""
    came: set[int] = set()

    def hold(number: int, _: FrameType | None) -> None:
        came.add(number)
        stop.set()

    is_main = threading.current_thread() is threading.main_thread()
    # SIGINT last: it raises KeyboardInterrupt, where the others end the program.
    names = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT) if is_main else ()
    defaults = (signal.SIG_DFL, signal.default_int_handler)
    held = [(name, handler) for name in names if (handler := signal.getsignal(name)) in defaults]
    for name, _ in held:
        signal.signal(name, hold)
    try:
        yield
    finally:
        for name, handler in held:
            signal.signal(name, handler)
        for name, _ in held:
            if name in came:
                signal.raise_signal(name)


def token_or_login(client: Client, settings: Settings = Settings()) -> Token:
    """An access token that is good for now; where only a login can help, the user
    logs in."""
    try:
        return token(client, settings)
    except LatchError as error:
        if error.code != "login-required":
            raise
    return login(client, settings)


def adopt(client: Client, tokens: Tokens, settings: Settings = Settings()) -> Token:
    """Makes another program's tokens the session here, without a login. What was stored
    before is replaced."""
    return _Latch(client, settings).adopt(tokens)


def logout(client: Client, settings: Settings = Settings()) -> LogoutReport:
    """Ends the session: revoked at the provider where it can be (RFC 7009), deleted
    here in any case."""
    return _Latch(client, settings).logout()


class _Latch:
    """A client with its session's place, for one call."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._instance = Instance()
        self._rules = Rules()
        account = self._instance.account_key(client)
        self._store: Store
        if settings.store is not None:
            self._store = settings.store(settings.profile, account)
        else:
            folder = settings.state_folder or default_folder()
            self._store = FileStore(folder, settings.profile, account, self._rules)
        self.stop = threading.Event()

    def login(self) -> Token:
        # Most calls ask for a token, and need not load what only a login has.
        from .browser import Browser
        from .listener import Listener
        from .user import User

        settings, terminal = self._settings, self._settings.terminal
        stored = read(self._store, self._rules)
        opens: Callable[[str], object] | None = None
        opens_file: Callable[[str], object] | None = None
        named = settings.browser
        if settings.open_browser and callable(named):
            opens = named
        elif settings.open_browser and not callable(named):
            browser = Browser(named)
            opens, opens_file = browser.open, browser.open_file
        known = facts(
            terminal=terminal.is_attended(),
            browser_command=settings.browser is not None,
            shows_address=opens is None,
        )
        flow, redirect_uri = settings.flow, settings.redirect.first_uri()
        events: Events = queue.SimpleQueue()
        listener: Listening | None = None
        if flow != "device":
            try:
                listener = (settings.listen or Listener)(settings.redirect, events.put)
                redirect_uri = listener.redirect_uri
            except LatchError as error:
                # No browser can come back here, so the user brings its answer.
                if flow == "browser" or not terminal.is_attended():
                    raise
                terminal.say(str(error))
                flow = "paste"
        try:
            request = LoginRequest(
                flow=flow,
                facts=known,
                redirect_uri=redirect_uri,
                patience_ms=_milliseconds(settings.patience_seconds),
            )
            instance = Instance()
            try:
                session = instance.login(self._client, _bytes(stored), request, self._context())
            except LatchError as error:
                raise placed(error, self._store) from None
            user = User(
                rules=self._rules,
                # What an earlier login pinned says nothing about this one.
                egress=self._rules.egress(self._client, [], redirect_uri),
                clock=settings.clock,
                seed=settings.entropy(),
                terminal=terminal,
                events=events,
                listener=listener,
                browser=opens,
                browser_file=opens_file,
                browser_is_elsewhere=known.editor_terminal,
            )
        except BaseException:
            if listener is not None:
                listener.close()
            raise
        granted = _granted(self._drive(user=user).run(instance, session))
        for notice in granted.notices:
            terminal.say(sentence(notice))
        return granted

    def token(self, demand: Demand) -> Token:
        stored = read(self._store, self._rules)
        try:
            session = self._instance.token(self._client, _bytes(stored), demand, self._context())
        except LatchError as error:
            raise placed(error, self._store) from None
        return _granted(self._drive(_origins(stored)).run(self._instance, session))

    def adopt(self, tokens: Tokens) -> Token:
        session = self._instance.adopt(self._client, tokens, self._context())
        return _granted(self._drive().run(self._instance, session))

    def logout(self) -> LogoutReport:
        stored = read(self._store, self._rules)
        try:
            session = self._instance.logout(self._client, _bytes(stored), self._context())
        except LatchError as error:
            raise placed(error, self._store) from None
        drive = self._drive(_origins(stored))
        outcome = drive.run(self._instance, session)
        if not isinstance(outcome, LogoutReport):
            raise _misfit()
        if outcome.end_session_url is not None:
            drive.egress.permit_page(outcome.end_session_url)
        return outcome

    def set_aside(self, damage: LatchError) -> None:
        """Makes room for a new session where the stored one cannot be read."""
        terminal = self._settings.terminal
        lock = self._store.lock(self._settings.lock_seconds, terminal.say, self.stop)
        try:
            place = self._store.set_aside()
        finally:
            lock.release()
        terminal.say(f"{damage.message}; it is kept as {place}")

    def _drive(self, origins: Sequence[str] = (), user: User | None = None) -> Drive:
        settings = self._settings
        return Drive(
            clock=settings.clock,
            send=settings.send,
            resolve=_resolve,
            store=self._store,
            rules=self._rules,
            client=self._client,
            pinned=origins,
            patience_ms=_milliseconds(settings.patience_seconds),
            terminal=settings.terminal,
            lock_seconds=settings.lock_seconds,
            stop=self.stop,
            user=user,
        )

    def _context(self) -> Context:
        return Context(self._settings.clock.now_ms(), self._settings.entropy())


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else max(0, int(seconds * 1000))


def _bytes(stored: Stored | None) -> bytes | None:
    return None if stored is None else stored.session


def _origins(stored: Stored | None) -> list[str]:
    return [] if stored is None else stored.origins


def _granted(outcome: Grant | LogoutReport) -> Token:
    if not isinstance(outcome, Grant):
        raise _misfit()
    return Token.of(outcome)


def _misfit() -> LatchError:
    return LatchError(
        "sandbox-fault",
        "the login component ended with another outcome than was asked for",
        "report it with the version of this program",
    )
