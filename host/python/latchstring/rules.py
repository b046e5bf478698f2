"""The rules component (`wit/rules.wit`): decisions that every host makes in the same way.

Where requests and the user's browser may go, how much a session may ask for, which
requests to the listener count, what the user is told and asked, what the browser shows,
and what a stored session looks like. No token or client secret is given to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from .contract import (
    Authorization,
    Case,
    Client,
    DevicePrompt,
    Failure,
    Header,
    Offer,
    ProviderError,
    Reply,
    Request,
    Result,
    Visit,
)
from .errors import LatchError
from .sandbox import Instance, Resource

RedirectHost = Literal["ipv4", "ipv6", "localhost"]
Addresses = Literal["any", "as-issuer"]
Peer = Literal["same-user", "other-user", "unknown"]
Opened = Literal["address", "file", "by-hand"]


class Denied(Exception):
    """A request may not be sent, for this reason in one line."""


# ---- Records and variants, documented in `rules.wit` ---------------------------------


@dataclass(eq=False, repr=False)
class Provider:
    issuer: str | None
    https_issuer: bool
    endpoints: list[str]
    pages: list[str]

    @classmethod
    def of(cls, client: Client) -> Provider:
        """Returns the client's settings that name origins."""
        urls = [*vars(client.endpoints).items(), *vars(client.assumed_endpoints).items()]
        pages = [url for name, url in urls if url is not None and name == "end_session"]
        if client.protocol is not None:
            pages.append(client.protocol.app_url)
        return cls(
            issuer=client.issuer,
            https_issuer=client.https_issuer,
            endpoints=[url for name, url in urls if url is not None and name != "end_session"],
            pages=pages,
        )


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
    url: str
    addresses: Addresses


@dataclass(frozen=True)
class Refusal:
    status: int
    policy: str
    text: str


@dataclass(frozen=True)
class Page:
    status: int
    html: str
    policy: str
    location: str | None
    cookie: str | None


@dataclass(eq=False, repr=False, kw_only=True)
class Means:
    redirect_uri: str | None
    has_browser: bool
    browser_is_elsewhere: bool
    is_attended: bool
    hides_typing: bool


@dataclass(eq=False, repr=False)
class Arrival:
    """The record `request`."""

    id: int
    target: str
    cookies: str
    peer: Peer
    keeps_connection: bool


@dataclass(eq=False, repr=False)
class Ended:
    failure: Failure
    provider: ProviderError | None

    @classmethod
    def of(cls, error: LatchError) -> Ended:
        provider = None
        if error.provider_error is not None:
            provider = ProviderError(error.provider_error, error.provider_description)
        return cls(Failure(error.code, error.message, error.remedy), provider)


class Started(Result):
    CASES: ClassVar = {"ok": Opened, "error": str}


class Event(Case):
    CASES: ClassVar = {
        "authorize": Authorization,
        "present": DevicePrompt,
        "visit": Visit,
        "offer": Offer,
        "close": Ended | None,
        "requested": Arrival,
        "closed": int,
        "opened": Started,
        "browser-failed": str,
        "typed": str,
        "timed-out": None,
    }


@dataclass(eq=False, repr=False)
class Countdown:
    what: str
    end_ms: int


@dataclass(eq=False, repr=False)
class Answer:
    request: int
    page: Page


@dataclass(frozen=True)
class Ask:
    """The record `question`."""

    text: str
    is_hidden: bool


class Command(Case):
    # A reply is that of `login.wit`, which has more cases.
    CASES: ClassVar = {
        "say": str,
        "address": str,
        "draw": str,
        "wait": str,
        "countdown": Countdown,
        "launch": str,
        "open": str,
        "end-launch": None,
        "answer": Answer,
        "ask": Ask,
        "limit": int,
        "reply": Reply,
        "finish": None,
    }


# ---- The component -----------------------------------------------------------------


class Rules(Instance):
    """One instance of the rules component. Every method may raise `sandbox-fault`."""

    NAME = "rules"
    INTERFACE = "latchstring:rules/host@0.1.0"

    def egress(self, client: Client, pinned: Sequence[str], redirect_uri: str | None) -> Egress:
        """`pinned` are the origins stored with the session. `redirect_uri` is the one that
        the login waits at, and None outside of a login."""
        provider = Provider.of(client)
        return Egress(self, self.call("[constructor]egress", provider, pinned, redirect_uri))

    def budget(self, has_user: bool, patience_ms: int | None) -> Budget:
        """`patience_ms` is the time that the user has; None for the default."""
        return Budget(self, self.call("[constructor]budget", has_user, patience_ms))

    def listener(self, host: RedirectHost, port: int, path: str) -> ListenerRules:
        """Raises `invalid-configuration` if the path cannot be used."""
        return ListenerRules(self, self.call("[static]listener.bind", host, port, path))

    def interaction(self, egress: Egress, means: Means, seed: bytes) -> Interaction:
        """`seed` has at least 32 random bytes."""
        return Interaction(self, self.call("[constructor]interaction", egress, means, seed))

    def is_public(self, address: str) -> bool:
        """Returns whether an IP address is globally reachable (RFC 6890)."""
        return self.call("is-public", address)

    def check_redirect_path(self, path: str) -> None:
        """Raises `invalid-configuration` if the path of a redirect URI cannot be used."""
        self.call("check-redirect-path", path)

    def end_address(self) -> str:
        """Returns the path and query of the last page."""
        return self.call("end-address")

    def abandoned(self) -> Page:
        """Returns the page for a browser whose login has ended."""
        return self.call("abandoned", kind=Page)

    def session_limit(self) -> int:
        """Returns the most bytes of a stored session."""
        return self.call("session-limit")

    def parse_header(self, line: bytes, rest_bytes: int | None, place: str) -> tuple[str, ...]:
        """Returns the pinned origins in the first line of a stored session. `rest_bytes`
        counts the bytes after its line end; None: there is no line end. Raises
        `stored-damaged`, `stored-newer` or `store-unusable`, naming `place`."""
        return self.call("parse-header", line, rest_bytes, place)

    def header_line(self, origins: Sequence[str], session_bytes: int) -> str:
        """Returns the first line of a stored session, with its line end. Raises `not-saved`
        if the session is too large."""
        return self.call("header-line", origins, session_bytes)

    def file_stem(self, profile: str, account: str) -> str:
        """Returns the beginning of the names of a session's files. Raises
        `invalid-configuration` if the profile's name cannot be part of one."""
        return self.call("file-stem", profile, account)

    def aside_name(self, turn: int) -> str:
        """Returns the extension for the `turn`th damaged session, from 1."""
        return self.call("aside-name", turn)


class Egress(Resource):
    """Where the requests of one session, and the user's browser, may go."""

    KIND = "egress"

    def permit(self, request: Request) -> Permit:
        """Raises `Denied` if the request may not be sent."""
        permit = self.call("permit", Outgoing.of(request))
        if isinstance(permit, str):
            raise Denied(permit)
        return Permit(permit.url, permit.addresses)

    def permit_page(self, url: str) -> str:
        """Returns the URL as a browser may be given it. Raises `egress-denied`."""
        return self.call("permit-page", url)

    def learn_metadata(self, url: str, status: int, body: str) -> None:
        """Takes the response to a request for metadata. Pins the origins of its endpoints
        if it is the issuer's own."""
        self.call("learn-metadata", url, status, body)

    def learn_device_authorization(self, body: str) -> None:
        """Takes a device authorization response. Its verification pages may be opened from
        now on."""
        self.call("learn-device-authorization", body)

    def pinned_origins(self) -> tuple[str, ...]:
        """Returns the origins to store with the session."""
        return self.call("pinned-origins")

    def unresolved_issuer(self) -> str | None:
        """Returns the issuer's URL if its name has to be resolved before
        `issuer_is_private` can tell."""
        return self.call("unresolved-issuer")

    def learn_issuer_addresses(self, addresses: Sequence[str]) -> None:
        """Takes the addresses that the issuer's name resolves to; none if it does not."""
        self.call("learn-issuer-addresses", addresses)

    def issuer_is_private(self) -> bool:
        """Returns whether all addresses of the issuer are private. False if they are not
        known."""
        return self.call("issuer-is-private")


class Budget(Resource):
    """The limits of one session. Both methods raise `sandbox-fault` when one is exceeded."""

    KIND = "budget"

    def admit(self, action: str, url: str | None, wait_ms: int) -> int:
        """Counts an action. Returns the wait to use instead of `wait_ms`."""
        return self.call("admit", action, url, wait_ms)

    def note(self, reply: str) -> None:
        """Counts the reply to an action."""
        self.call("note", reply)


class ListenerRules(Resource):
    """What requests to one listener must match."""

    KIND = "listener"

    def judge(self, method: str, target: str, headers: Sequence[Header]) -> Refusal | None:
        """Returns None if a request could be the redirect, or one to the listener's own
        addresses. Otherwise returns the response to it."""
        return self.call("judge", method, target, headers, kind=Refusal)


class Interaction(Resource):
    """One login, as far as the user and the browser see it."""

    KIND = "interaction"

    def handle(self, event: Event) -> tuple[Command, ...]:
        """Takes what the session asks for, and then what happens. Carry out the returned
        commands in order, until one of them is `reply`, or after `close` `finish`.

        Raises `egress-denied` if the user may not be sent to an address, and `sandbox-fault`
        if there is nothing to choose from.
        """
        return self.call("handle", event, kind=tuple[Command, ...])
