"""The rules component (`wit/rules.wit`): what every host decides in the same way.

Where requests and the user's browser may go, how much a session may ask for, which
requests to the listener count, what the user is told and asked, what the browser shows,
and what a stored session looks like. No token or client secret is given to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, cast

from wasmtime.component import Record, Variant

from .contract import (
    Case,
    Client,
    Endpoints,
    Header,
    ProviderError,
    Reply,
    Request,
)
from .errors import Code, LatchError
from .sandbox import Sandbox, SandboxInstance, fault, lift

NAME = "rules"
INTERFACE = "latchstring:rules/host@0.1.0"

RedirectHost = Literal["ipv4", "ipv6", "localhost"]
Addresses = Literal["any", "as-issuer"]

# The user that this login belongs to; another user of this machine, whose visit is
# refused; or unknown: the system does not say, or says root, who carries connections
# for others (tunnels, containers).
Peer = Literal["same-user", "other-user", "unknown"]

# What a browser was started on: the address, or a private file that leads to it. By hand:
# none was started, and the user opens the address.
Opened = Literal["address", "file", "by-hand"]


class Denied(Exception):
    """A request that is not sent; the reason in one line."""


# ---- Records and variants ----------------------------------------------------------


@dataclass(eq=False, repr=False)
class Failure:
    code: Code
    message: str
    remedy: str


@dataclass(eq=False, repr=False)
class Provider:
    """The client's settings that name origins."""

    issuer: str | None
    https_issuer: bool
    endpoints: list[str]
    pages: list[str]

    @classmethod
    def of(cls, client: Client) -> Provider:
        named = [client.endpoints, client.assumed_endpoints]
        pages = [endpoints.end_session for endpoints in named]
        if client.protocol is not None:
            pages.append(client.protocol.app_url)
        return cls(
            issuer=client.issuer,
            https_issuer=client.https_issuer,
            endpoints=[url for endpoints in named for url in _for_requests(endpoints)],
            pages=[url for url in pages if url is not None],
        )


def _for_requests(endpoints: Endpoints) -> list[str]:
    urls = vars(endpoints) | {"end_session": None}
    return [url for url in urls.values() if url is not None]


@dataclass(eq=False, repr=False)
class HeaderSize:
    name: str
    value_bytes: int


@dataclass(eq=False, repr=False)
class Outgoing:
    url: str
    headers: list[HeaderSize]
    body_bytes: int

    @classmethod
    def of(cls, request: Request) -> Outgoing:
        sizes = [HeaderSize(header.name, len(header.value.encode())) for header in request.headers]
        return cls(request.url, sizes, len(request.body or b""))


@dataclass(frozen=True)
class Permit:
    """How a request may be sent."""

    # To this URL: the request's own in its normal form.
    url: str
    addresses: Addresses


@dataclass(frozen=True)
class Refusal:
    """The response to a request that does not count."""

    status: int
    # The `Content-Security-Policy` header.
    policy: str
    # The body, in plain text.
    text: str


@dataclass(frozen=True)
class Page:
    """A complete response for a browser."""

    status: int
    html: str
    # The `Content-Security-Policy` header.
    policy: str
    # The `Location` header; None for a page that is shown.
    location: str | None
    # The `Set-Cookie` header.
    cookie: str | None


@dataclass(frozen=True, kw_only=True)
class Means:
    """What this host has to reach the user with."""

    # The listener's redirect URI, with its port. None if no browser can come back.
    redirect_uri: str | None
    # Whether a browser is started. If not, the user opens the address by hand.
    has_browser: bool
    # Whether that browser may run on another machine, as an editor's does.
    browser_is_elsewhere: bool
    # Whether a user can read messages and answer.
    is_attended: bool
    # Whether the terminal can hide what is typed.
    hides_typing: bool


@dataclass(eq=False, repr=False)
class Arrival:
    """A request that the listener's rules accepted."""

    # This host's number for it.
    id: int
    # Path and query as sent.
    target: str
    # The `Cookie` headers as one.
    cookies: str
    peer: Peer
    # Whether the browser can send its next request on the same connection.
    keeps_connection: bool


@dataclass(frozen=True)
class Event(Case):
    """What a login takes: an action of the session with its record, its end (`close`, with
    `Ended` or None), or what happened. `requested` takes an `Arrival`, `closed` the number of
    the request whose answer was written and whose connection is closed. `opened` takes a
    `Result` of `Opened`, or the reason in one line; `browser-failed` takes the reason, and
    `typed` the line."""

    tag: Literal[
        "authorize",
        "present",
        "visit",
        "offer",
        "close",
        "requested",
        "closed",
        "opened",
        "browser-failed",
        "typed",
        "timed-out",
    ]


@dataclass(eq=False, repr=False)
class Answer:
    """The response to the request with this number."""

    request: int
    page: Page


@dataclass(frozen=True)
class Ask:
    """A question for the user."""

    # May be empty.
    text: str
    # Whether typing is not shown, from before the question appears.
    is_hidden: bool


@dataclass(frozen=True)
class Command(Case):
    """What this host does. `answer` takes an `Answer`, `ask` an `Ask`, `limit` milliseconds
    and `reply` a `Reply`; `end-launch` and `finish` take nothing. The others take a text or
    a URL, but for `countdown`, which this host does not show."""

    tag: Literal[
        "say",
        "address",
        "draw",
        "wait",
        "countdown",
        "launch",
        "open",
        "end-launch",
        "answer",
        "ask",
        "limit",
        "reply",
        "finish",
    ]


@dataclass(eq=False, repr=False)
class Ended:
    """How a login failed."""

    failure: Failure
    provider: ProviderError | None

    @classmethod
    def of(cls, error: LatchError) -> Ended:
        provider = None
        if error.provider_error is not None:
            provider = ProviderError(error.provider_error, error.provider_description)
        return cls(Failure(error.code, error.message, error.remedy), provider)


# ---- The component -----------------------------------------------------------------


@cache
def sandbox() -> Sandbox:
    """Loaded once in a process for everybody in it."""
    return Sandbox.load(NAME, INTERFACE)


class Rules(SandboxInstance):
    """One instance of the rules component. Every method may raise `sandbox-fault`."""

    def __init__(self) -> None:
        super().__init__(sandbox())

    def egress(self, client: Client, pinned: Sequence[str], redirect_uri: str | None) -> Egress:
        """`pinned` are the origins stored with the session; `redirect_uri` is where the
        login waits, None outside of a login."""
        provider = Provider.of(client)
        return Egress(self, self.call("[constructor]egress", provider, pinned, redirect_uri))

    def budget(self, has_user: bool, patience_ms: int | None) -> Budget:
        """`patience_ms` is the time that the user has; None for the default."""
        return Budget(self, self.call("[constructor]budget", has_user, patience_ms))

    def listener(self, host: RedirectHost, port: int, path: str) -> ListenerRules:
        """Raises `invalid-configuration` if the path cannot be used."""
        return ListenerRules(self, _answer(self.call("[static]listener.bind", host, port, path)))

    def interaction(self, egress: Egress, means: Means, seed: bytes) -> Interaction:
        """`egress` is the login's; `seed` has at least 32 bytes that nobody can guess."""
        made = self.call("[constructor]interaction", egress._handle, means, seed)
        return Interaction(self, made)

    def is_public(self, address: str) -> bool:
        """Whether an IP address is globally reachable (RFC 6890)."""
        return cast(bool, self.call("is-public", address))

    def check_redirect_path(self, path: str) -> None:
        """Raises `invalid-configuration` if the path cannot be used."""
        _answer(self.call("check-redirect-path", path))

    def end_address(self) -> str:
        """Path and query of the last page."""
        return cast(str, self.call("end-address"))

    def abandoned(self) -> Page:
        """The page for a browser whose request nobody waits for any more."""
        return cast(Page, lift(Page, self.call("abandoned")))

    def session_limit(self) -> int:
        """Most bytes of a stored session."""
        return cast(int, self.call("session-limit"))

    def parse_header(self, line: bytes, rest_bytes: int | None, place: str) -> list[str]:
        """The pinned origins in the first line of a stored session. `rest_bytes` counts
        the bytes after its line end; None if there is none. Raises
        `stored-damaged`, `stored-newer` or `store-unusable`, naming `place`."""
        return cast("list[str]", _answer(self.call("parse-header", line, rest_bytes, place)))

    def header_line(self, origins: Sequence[str], session_bytes: int) -> str:
        """The first line of a stored session, with its line end. Raises `not-saved` if
        the session is too large."""
        return cast(str, _answer(self.call("header-line", origins, session_bytes)))

    def file_stem(self, profile: str, account: str) -> str:
        """What the names of a session's files begin with. Raises
        `invalid-configuration` for a profile that cannot be part of one."""
        return cast(str, _answer(self.call("file-stem", profile, account)))

    def aside_name(self, turn: int) -> str:
        """The extension for the `turn`th damaged session, from 1."""
        return cast(str, self.call("aside-name", turn))


class _Resource:
    """A resource inside an instance of the component."""

    # Its name in the contract.
    KIND: ClassVar[str]

    def __init__(self, rules: Rules, handle: object) -> None:
        self._rules = rules
        self._handle = handle

    def _call(self, name: str, *arguments: object) -> Any:
        handles = [one._handle if isinstance(one, _Resource) else one for one in arguments]
        return self._rules.call(f"[method]{self.KIND}.{name}", self._handle, *handles)


class Egress(_Resource):
    """Where the requests of one session, and the user's browser, may go."""

    KIND = "egress"

    def permit(self, request: Request) -> Permit:
        """Raises `Denied` if the request may not be sent."""
        permit = self._call("permit", Outgoing.of(request))
        if isinstance(permit, str):
            raise Denied(permit)
        return cast(Permit, lift(Permit, permit))

    def permit_page(self, url: str) -> str:
        """The URL as a browser may be given it; raises `egress-denied`."""
        return cast(str, _answer(self._call("permit-page", url)))

    def learn_metadata(self, url: str, status: int, body: str) -> None:
        """Pins the origins of the endpoints if it is the issuer's own metadata."""
        self._call("learn-metadata", url, status, body)

    def learn_device_authorization(self, body: str) -> None:
        self._call("learn-device-authorization", body)

    def pinned_origins(self) -> list[str]:
        """What to store with the session."""
        return cast("list[str]", self._call("pinned-origins"))

    def unresolved_issuer(self) -> str | None:
        """The issuer's URL if its name has to be resolved before `issuer_is_private`
        can tell."""
        return cast("str | None", self._call("unresolved-issuer"))

    def learn_issuer_addresses(self, addresses: Sequence[str]) -> None:
        self._call("learn-issuer-addresses", addresses)

    def issuer_is_private(self) -> bool:
        """Whether all of the issuer's addresses are private; False if not known."""
        return cast(bool, self._call("issuer-is-private"))


class Budget(_Resource):
    """How much a session may ask for. Both methods raise `sandbox-fault` when it is
    used up."""

    KIND = "budget"

    def admit(self, action: str, url: str | None, wait_ms: int) -> int:
        """Counts an action, and returns the wait to use instead of `wait_ms`."""
        return cast(int, _answer(self._call("admit", action, url, wait_ms)))

    def note(self, reply: str) -> None:
        """Counts the reply to an action."""
        _answer(self._call("note", reply))


class ListenerRules(_Resource):
    """What requests to one listener must match."""

    KIND = "listener"

    def judge(self, method: str, target: str, headers: Sequence[Header]) -> Refusal | None:
        """None if the request could be the redirect, or one to the listener's own
        addresses."""
        return cast("Refusal | None", lift(Refusal, self._call("judge", method, target, headers)))


class Interaction(_Resource):
    """One login, as far as the user and the browser see it."""

    KIND = "interaction"

    def handle(self, event: Event) -> list[Command]:
        """Takes what the session asks for, and then what happens. Carry out the commands in
        order, until one of them is `reply`, or after `close` `finish`.

        Raises `egress-denied` for an address that the user may not be sent to, and
        `sandbox-fault` if there is nothing to choose from."""
        commands = cast("list[object]", _answer(self._call("handle", event)))
        return [_command(command) for command in commands]


def _command(value: object) -> Command:
    match value:
        case Variant(tag="answer", payload=answer):
            return Command("answer", lift(Answer, answer))
        case Variant(tag="ask", payload=question):
            return Command("ask", lift(Ask, question))
        case Variant(tag="reply", payload=Variant(tag=tag, payload=payload)):
            return Command("reply", Reply(cast(Any, tag), payload))
        case Variant(tag=tag, payload=payload):
            return Command(cast(Any, tag), payload)
    raise fault(NAME, "it told this host to do what it does not know")


def _answer(value: object) -> object:
    """What a `result` holds; its error is the only record among them."""
    if isinstance(value, Record):
        failure: Failure = lift(Failure, value)
        raise LatchError(failure.code, failure.message, failure.remedy)
    return value
