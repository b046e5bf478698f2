"""What a program does with a client of a provider: log in, get tokens, log out."""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from .bind import Redirect
from .component import LoginComponent, Session
from .contract import (
    Client,
    Context,
    Demand,
    Examination,
    Grant,
    LoginRequest,
    LogoutReport,
    Tokens,
)
from .drive import Drive
from .egress import egress
from .errors import LatchError, misbehaviour
from .rules import Rules
from .settings import Settings
from .store import FileStore, Replacing, Store, default_folder, naming_place, read_session
from .surroundings import facts
from .terminal import sentence
from .token import Token

if TYPE_CHECKING:
    from .listener import Listening
    from .user import Events, User

T = TypeVar("T")


def login(
    client: Client, settings: Settings = Settings(), *, challenge: str | None = None
) -> Token:
    """Logs the user in, and stores the session.

    `challenge` is the `WWW-Authenticate` value with which the resource at `client.resource_url`
    refused a token (RFC 6750 §3, RFC 9728 §5.1): the login then asks for what the resource
    demands. A stored session that is damaged is moved to another file, not deleted.
    """
    try:
        return _log_in(client, settings, challenge)
    except LatchError as error:
        if error.code != "stored-damaged":
            raise
        return _log_in(client, settings, challenge, damage=error)


def _log_in(
    client: Client, settings: Settings, challenge: str | None, damage: LatchError | None = None
) -> Token:
    """Logs in with a redirect to `127.0.0.1`, or to `localhost` if the provider registers no
    other client."""
    redirect = settings.redirect
    try:
        return _Latch(client, settings, damage).login(redirect, challenge)
    except LatchError as error:
        is_refused = error.provider_error == "invalid_redirect_uri"
        if not is_refused or redirect.host != "127.0.0.1":
            raise
    settings.terminal.say(
        "The provider registers no client that is called back at 127.0.0.1; trying localhost"
    )
    redirect = replace(redirect, host="localhost")
    return _Latch(client, settings, damage).login(redirect, challenge)


def login_to(url: str, challenge: str | None = None, settings: Settings = Settings()) -> Token:
    """Logs the user in to the protected resource at this URL, such as an MCP server, and stores
    the session.

    Asks the resource who issues tokens for it (RFC 9728), and registers a client there if none
    is known (RFC 7591). The same as `login` with `Client(resource_url=url)`.
    """
    return login(Client(resource_url=url), settings, challenge=challenge)


def token(
    client: Client,
    settings: Settings = Settings(),
    *,
    min_ttl_seconds: float = 0.0,
    force_refresh: bool = False,
    examination: Examination | None = None,
    challenge: str | None = None,
) -> Token:
    """Returns the stored access token, refreshed if needed.

    `challenge` is the `WWW-Authenticate` value with which the resource at `client.resource_url`
    refused the stored token. The token is then refreshed if that can help.

    Never opens a browser. Raises `login-required` if only a login helps, and a retryable
    error if the network failed. An interruption waits for the end of a refresh that has
    begun: the provider may have replaced the old refresh token already.
    """
    demand = Demand(
        min_ttl_ms=max(0, int(min_ttl_seconds * 1000)),
        force_refresh=force_refresh,
        examination=examination,
        challenge=challenge,
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
            # Not a daemon, so the program does not end before it. Not joined: up to Python
            # 3.12, a join that is interrupted takes the thread for ended.
            threading.Thread(target=run, name="renewal").start()
            result = results.get()
    except BaseException:
        latch.stop.set()
        raise
    if isinstance(result, BaseException):
        raise result
    return result


def token_for(
    url: str,
    challenge: str | None = None,
    settings: Settings = Settings(),
    *,
    min_ttl_seconds: float = 0.0,
    force_refresh: bool = False,
) -> Token:
    """Returns the stored access token for the protected resource at this URL, refreshed if
    needed.

    If the resource has refused that token, `challenge` is its `WWW-Authenticate` value. Raises
    `login-required` if only `login_to` with the same challenge helps. The same as `token` with
    `Client(resource_url=url)`.
    """
    return token(
        Client(resource_url=url),
        settings,
        min_ttl_seconds=min_ttl_seconds,
        force_refresh=force_refresh,
        challenge=challenge,
    )


@contextlib.contextmanager
def _signals_held(stop: threading.Event) -> Iterator[None]:
    """Delays SIGTERM, SIGHUP and SIGINT until the end of a refresh. They end a wait for the
    lock at once. Does not change signals that the program handles itself, and does nothing
    outside the main thread, where Python allows no handlers."""
    received: set[int] = set()

    def hold(number: int, _: FrameType | None) -> None:
        received.add(number)
        stop.set()

    is_main = threading.current_thread() is threading.main_thread()
    # SIGINT last: it raises KeyboardInterrupt, and the others end the program.
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
            if name in received:
                signal.raise_signal(name)


def token_or_login(client: Client, settings: Settings = Settings()) -> Token:
    """Returns the stored access token, refreshed if needed. Logs the user in if only that
    helps."""
    try:
        return token(client, settings)
    except LatchError as error:
        if error.code != "login-required":
            raise
    return login(client, settings)


def adopt(client: Client, tokens: Tokens, settings: Settings = Settings()) -> Token:
    """Makes a session of another program's tokens, without a login. Replaces what is
    stored."""
    return _Latch(client, settings).adopt(tokens)


def logout(
    client: Client, settings: Settings = Settings(), *, unregister: bool = False
) -> LogoutReport:
    """Revokes the tokens at the provider if that is possible (RFC 7009), and deletes the
    stored session. With `unregister`, also removes the client that `login_to` registered,
    at the provider too (RFC 7592 §2.3): all other sessions that were made with it end."""
    return _Latch(client, settings).logout(unregister)


class _Latch:
    """A client and the store of its session, for one call."""

    def __init__(
        self, client: Client, settings: Settings, damage: LatchError | None = None
    ) -> None:
        """`damage` is the error of a stored session that this one replaces."""
        self._client = client
        self._settings = settings
        self._component = LoginComponent()
        self._rules = Rules()
        account = self._component.account_key(client)
        self._store = (settings.store or self._file_store)(settings.profile, account)
        if damage is not None:
            self._store = Replacing(self._store, settings.terminal.say, damage)
        self.stop = threading.Event()

    def _file_store(self, profile: str, account: str) -> Store:
        return FileStore.of_session(self._folder, profile, account, self._rules)

    def _registration(self, name: str) -> Store:
        stem = self._rules.registration_stem(name)
        if self._settings.store is None:
            return FileStore(self._folder, stem, "its registration", self._rules)
        return self._settings.store(*stem.split(".", 1))

    @property
    def _folder(self) -> Path:
        return self._settings.state_folder or default_folder()

    def login(self, redirect: Redirect, challenge: str | None) -> Token:
        # `token` does not load these.
        from .browser import user_browser
        from .listener import Listener
        from .user import User

        settings, terminal = self._settings, self._settings.terminal
        stored = read_session(self._store, self._rules)
        browser = user_browser(settings.browser) if settings.open_browser else None
        known = facts(
            terminal=terminal.is_attended(),
            browser_command=settings.browser is not None,
            shows_address=browser is None,
        )
        if self._client.resource_url is not None:
            redirect = redirect.for_resource()
        flow, redirect_uri = settings.flow, redirect.first_uri()
        events: Events = queue.SimpleQueue()
        listener: Listening | None = None
        if flow != "device":
            try:
                listener = (settings.listen or Listener)(redirect, events.put)
                redirect_uri = listener.redirect_uri
            except LatchError as error:
                if flow == "browser" or not terminal.is_attended():
                    raise
                # No browser can come back here, so the user pastes the address.
                terminal.say(str(error))
                flow = "paste"
        try:
            request = LoginRequest(
                flow=flow,
                facts=known,
                redirect_uri=redirect_uri,
                patience_ms=settings.patience_ms,
                anonymous_refresh_token=None,
                challenge=challenge,
                accepted_issuer_host=settings.accept_issuer,
                register=settings.register_anew,
                initial_access_token=settings.initial_access_token,
            )
            session = self._open(Session.login, stored.session, request)
            user = User(
                rules=self._rules,
                settings=settings,
                # Without the origins that an earlier login pinned.
                egress=egress(self._rules, self._client, [], redirect_uri),
                events=events,
                listener=listener,
                browser=browser,
                browser_is_elsewhere=known.editor_terminal,
            )
        except BaseException:
            if listener is not None:
                listener.close()
            raise
        granted = Token.of(_expected(Grant, self._drive([], user).run(session)))
        for notice in granted.notices:
            terminal.say(sentence(notice))
        return granted

    def token(self, demand: Demand) -> Token:
        stored = read_session(self._store, self._rules)
        session = self._open(Session.token, stored.session, demand)
        return Token.of(_expected(Grant, self._drive(stored.origins).run(session)))

    def adopt(self, tokens: Tokens) -> Token:
        session = self._open(Session.adopt, tokens)
        return Token.of(_expected(Grant, self._drive([]).run(session)))

    def logout(self, unregister: bool) -> LogoutReport:
        stored = read_session(self._store, self._rules)
        session = self._open(Session.logout, stored.session, unregister)
        drive = self._drive(stored.origins)
        report = _expected(LogoutReport, drive.run(session))
        if report.end_session_url is not None:
            drive.egress.permit_page(report.end_session_url)
        return report

    def _open(self, function: Callable[..., Session], *arguments: object) -> Session:
        """Opens a session with the arguments that stand between client and context."""
        context = Context(self._settings.clock.now_ms(), self._settings.entropy())
        with naming_place(self._store):
            return function(self._component, self._client, *arguments, context)

    def _drive(self, pinned: Sequence[str], user: User | None = None) -> Drive:
        return Drive(
            settings=self._settings,
            store=self._store,
            registrations=self._registration,
            rules=self._rules,
            client=self._client,
            pinned=pinned,
            stop=self.stop,
            user=user,
        )


def _expected(kind: type[T], outcome: Grant | LogoutReport) -> T:
    if not isinstance(outcome, kind):
        raise misbehaviour("ended with another outcome than was requested")
    return outcome
