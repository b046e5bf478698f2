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


# ---- Functions, documented in `rules.wit` --------------------------------------------


class Rules(Instance):
    """One instance of the rules component. Every method, also those of its resources, may
    raise the failure that the component returns, or `sandbox-fault`."""

    NAME = "rules"
    INTERFACE = "latchstring:rules/host@0.1.0"

    def egress(self, client: Client, pinned: Sequence[str], redirect_uri: str | None) -> Egress:
        provider = Provider.of(client)
        return Egress(self, self.call("[constructor]egress", provider, pinned, redirect_uri))

    def budget(self, has_user: bool, patience_ms: int | None) -> Budget:
        return Budget(self, self.call("[constructor]budget", has_user, patience_ms))

    def listener(self, host: RedirectHost, port: int, path: str) -> ListenerRules:
        return ListenerRules(self, self.call("[static]listener.bind", host, port, path))

    def interaction(self, egress: Egress, means: Means, seed: bytes) -> Interaction:
        return Interaction(self, self.call("[constructor]interaction", egress, means, seed))

    def is_public(self, address: str) -> bool:
        return self.call("is-public", address)

    def check_redirect_path(self, path: str) -> None:
        self.call("check-redirect-path", path)

    def end_address(self) -> str:
        return self.call("end-address")

    def abandoned(self) -> Page:
        return self.call("abandoned", kind=Page)

    def session_limit(self) -> int:
        return self.call("session-limit")

    def parse_header(self, line: bytes, rest_bytes: int | None, place: str) -> tuple[str, ...]:
        return self.call("parse-header", line, rest_bytes, place)

    def header_line(self, origins: Sequence[str], session_bytes: int) -> str:
        return self.call("header-line", origins, session_bytes)

    def file_stem(self, profile: str, account: str) -> str:
        return self.call("file-stem", profile, account)

    def aside_name(self, turn: int) -> str:
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
        return self.call("permit-page", url)

    def learn_metadata(self, url: str, status: int, body: str) -> None:
        self.call("learn-metadata", url, status, body)

    def learn_device_authorization(self, body: str) -> None:
        self.call("learn-device-authorization", body)

    def pinned_origins(self) -> tuple[str, ...]:
        return self.call("pinned-origins")

    def unresolved_issuer(self) -> str | None:
        return self.call("unresolved-issuer")

    def learn_issuer_addresses(self, addresses: Sequence[str]) -> None:
        self.call("learn-issuer-addresses", addresses)

    def issuer_is_private(self) -> bool:
        return self.call("issuer-is-private")


class Budget(Resource):
    """The limits of one session. Both methods raise `sandbox-fault` when one is exceeded."""

    KIND = "budget"

    def admit(self, action: str, url: str | None, wait_ms: int) -> int:
        return self.call("admit", action, url, wait_ms)

    def note(self, reply: str) -> None:
        self.call("note", reply)


class ListenerRules(Resource):
    """What requests to one listener must match."""

    KIND = "listener"

    def judge(self, method: str, target: str, headers: Sequence[Header]) -> Refusal | None:
        """Returns the response to a request that does not count. None: it counts."""
        return self.call("judge", method, target, headers, kind=Refusal)


class Interaction(Resource):
    """One login, as far as the user and the browser see it."""

    KIND = "interaction"

    def handle(self, event: Event) -> tuple[Command, ...]:
        """Takes what the session asks for, and then what happens. Carry out the returned
        commands in order, until one of them is `reply`, or after `close` `finish`."""
        return self.call("handle", event, kind=tuple[Command, ...])
