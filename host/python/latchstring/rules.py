"""The functions and their types of `wit/rules.wit`. Written by `generate.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from .contract import (
    U16,
    Authorization,
    Case,
    Confirmation,
    DevicePrompt,
    Header,
    LoginFlow,
    Offer,
    ProviderError,
    Result,
    Visit,
)
from .sandbox import Instance, Resource


@dataclass(eq=False, repr=False)
class Failure:
    """A failure without a secret. Texts are one line of printable characters."""

    # The code, such as `egress-denied`.
    code: str
    # What happened, and what was expected.
    message: str
    # What to do next.
    remedy: str


@dataclass(eq=False, repr=False)
class Provider:
    """The client's settings that name origins."""

    # The client's `issuer`.
    issuer: str | None
    # The client's `resource-url`.
    resource: str | None
    # The client's `https-issuer`.
    https_issuer: bool
    # URLs that requests may go to: the client's `endpoints` and
    # `assumed-endpoints`, without `end-session`.
    endpoints: tuple[str, ...]
    # URLs that only a browser goes to: `end-session`, and Hexclave's `app-url`.
    pages: tuple[str, ...]


@dataclass(eq=False, repr=False)
class HeaderSize:
    name: str
    value_bytes: int


@dataclass(eq=False, repr=False)
class Outgoing:
    """A request as far as the policy looks at it."""

    url: str
    headers: tuple[HeaderSize, ...]
    # Bytes of the body; 0 without one.
    body_bytes: int


# The IP addresses that a request may connect to.
Addresses = Literal["any", "as-issuer"]


@dataclass(eq=False, repr=False)
class Permit:
    """How a request may be sent."""

    # The URL in its normal form. The HTTP client takes this one, so that both read the
    # same host in it.
    url: str
    addresses: Addresses


class Egress(Resource):
    """Where the requests of one session, and the user's browser, may go."""

    def __init__(
        self,
        instance: Instance,
        provider: Provider,
        pinned: Sequence[str],
        redirect_uri: str | None,
    ) -> None:
        """`pinned` are the origins stored with the session. `redirect-uri` is the one
        that the login waits at; none outside of a login.
        """
        super().__init__(instance, "[constructor]egress", provider, pinned, redirect_uri)

    def permit(self, request: Outgoing) -> Permit | str:
        """Decides whether a request may be sent. Otherwise returns the reason, in one
        line, for the reply `denied`.
        """
        return self.call("[method]egress.permit", request, kind=Permit | str)

    def permit_page(self, url: str) -> str:
        """Returns the URL as a browser may be given it."""
        return self.call("[method]egress.permit-page", url)

    def learn_resource_metadata(self, url: str, status: U16, body: str) -> None:
        """Takes the response to a request with the purpose `resource-metadata`, if its body is
        UTF-8. Requests may go to the issuers that the resource names from now on.
        """
        return self.call("[method]egress.learn-resource-metadata", url, status, body)

    def learn_metadata(self, url: str, status: U16, body: str) -> None:
        """Takes the response to a request with the purpose `metadata`, if its body is UTF-8.
        Pins the origins of its endpoints if it is the issuer's own.
        """
        return self.call("[method]egress.learn-metadata", url, status, body)

    def learn_device_authorization(self, body: str) -> None:
        """Takes the response to a request with the purpose `device-authorization`, if its
        body is UTF-8. Its verification pages may be opened from now on.
        """
        return self.call("[method]egress.learn-device-authorization", body)

    def learn_pushed_authorization(self, form: str, body: str) -> None:
        """Takes the form that was sent with the purpose `pushed-authorization`, and the
        response, if its body is UTF-8. If that request comes back to this login, the user may
        be sent to the reference in the response.
        """
        return self.call("[method]egress.learn-pushed-authorization", form, body)

    def pinned_origins(self) -> tuple[str, ...]:
        """Returns the origins to store with the session, in order."""
        return self.call("[method]egress.pinned-origins")

    def unresolved_issuer(self) -> str | None:
        """Returns the URL of the resource, or of the issuer without one, if its name has to
        be resolved before `issuer-is-private` can tell. Resolve it within the time limit
        of the request that depends on it, and call `learn-issuer-addresses`.
        """
        return self.call("[method]egress.unresolved-issuer")

    def learn_issuer_addresses(self, addresses: Sequence[str]) -> None:
        """Takes the addresses that this name resolves to; none if it does not."""
        return self.call("[method]egress.learn-issuer-addresses", addresses)

    def issuer_is_private(self) -> bool:
        """Whether all addresses of the resource, or of the issuer without one, are private.
        False if they are not known.
        """
        return self.call("[method]egress.issuer-is-private")


class Budget(Resource):
    """The limits of one session."""

    def __init__(self, instance: Instance, has_user: bool, patience_ms: int | None) -> None:
        """`patience-ms` is the time that the user has; none for the default. Without a
        user, the session is not a login.
        """
        super().__init__(instance, "[constructor]budget", has_user, patience_ms)

    def admit(self, action: str, url: str | None, wait_ms: int) -> int:
        """Counts an action. Returns the wait to use instead of `wait-ms`.

        `url` is the action's `url` or `verification-uri`, and `wait-ms` its own; 0 if
        it has none.
        """
        return self.call("[method]budget.admit", action, url, wait_ms)

    def note(self, reply: str) -> None:
        """Counts the reply to an action."""
        return self.call("[method]budget.note", reply)


RedirectHost = Literal["ipv4", "ipv6", "localhost"]


@dataclass(eq=False, repr=False)
class Refusal:
    """The response to a request that does not count."""

    status: U16
    # The `Content-Security-Policy` header.
    policy: str
    # The body, in plain text.
    text: str


class Listener(Resource):
    """What requests to one listener must match."""

    @classmethod
    def bind(cls, instance: Instance, host: RedirectHost, port: U16, path: str) -> Listener:
        """Fails if the path of the redirect URI cannot be used."""
        return cls(instance, "[static]listener.bind", host, port, path)

    def judge(self, method: str, target: str, headers: Sequence[Header]) -> Refusal | None:
        """Checks that a request could be the redirect, or one to the listener's own
        addresses. `target` is the request target as sent, `headers` are all of them.
        """
        return self.call("[method]listener.judge", method, target, headers, kind=Refusal | None)


@dataclass(eq=False, repr=False)
class Means:
    """What a host has to reach the user with."""

    # The listener's redirect URI, with its port. None if no browser can come back.
    redirect_uri: str | None
    # Whether a browser is started. If not, the user opens the address by hand.
    has_browser: bool
    # Whether that browser may run on another machine, as an editor's does: then it may
    # not reach the listener.
    browser_is_elsewhere: bool
    # Whether a user can read messages and answer.
    is_attended: bool
    # Whether the terminal can hide what is typed.
    hides_typing: bool


class Interaction(Resource):
    """One login, as far as the user and the browser see it. It decides what is said and
    asked, where the browser is sent, and what each request to the listener gets, and
    binds the login to the browser that began it (RFC 9700 §2.1.1).
    """

    def __init__(self, instance: Instance, egress: Egress, means: Means, seed: bytes) -> None:
        """`seed` has at least 32 bytes from a cryptographically secure random source."""
        super().__init__(instance, "[constructor]interaction", egress, means, seed)

    def handle(self, event: Event) -> tuple[Command, ...]:
        """Takes what the session asks for, and then what happens. Carry out the returned
        commands in order, until one of them is `reply`, or after `close` `finish`.
        """
        return self.call("[method]interaction.handle", event, kind=tuple[Command, ...])


@dataclass(eq=False, repr=False)
class Ended:
    failure: Failure
    # The provider's error (RFC 6749 §4.1.2.1).
    provider: ProviderError | None


# The user at the other end of a connection to the listener.
Peer = Literal["same-user", "other-user", "unknown"]


@dataclass(eq=False, repr=False)
class Request:
    # A number that the host gave it.
    id: int
    # The path and query as sent.
    target: str
    # The `Cookie` headers joined with `; `; empty if there are none.
    cookies: str
    peer: Peer
    # Whether the browser can send its next request on the same connection.
    keeps_connection: bool


# How a browser was started.
Opened = Literal["address", "file", "by-hand"]


class OpenedResult(Result):
    CASES: ClassVar = {"ok": Opened, "error": str}


class Event(Case):
    CASES: ClassVar = {
        # The action `authorize`.
        "authorize": Authorization,
        # The action `present`.
        "present": DevicePrompt,
        # The action `visit`.
        "visit": Visit,
        # The action `offer`.
        "offer": Offer,
        # The action `confirm`.
        "confirm": Confirmation,
        # The end of the login; none if it worked.
        "close": Ended | None,
        # A request that `listener.judge` accepted.
        "requested": Request,
        # The answer to this request was written and its connection is closed, or it cannot
        # be written.
        "closed": int,
        # A browser was started as the last command said, or could not be, for this reason.
        "opened": OpenedResult,
        # The browser that was started has failed, for this reason.
        "browser-failed": str,
        # The user typed a line.
        "typed": str,
        # The time limit is over.
        "timed-out": None,
    }


@dataclass(eq=False, repr=False)
class Countdown:
    what: str
    # When it is too late, in milliseconds since the epoch.
    end_ms: int


@dataclass(eq=False, repr=False)
class Page:
    """A complete response for a browser."""

    status: U16
    html: str
    # The `Content-Security-Policy` header.
    policy: str
    # The `Location` header. None for a page that is shown.
    location: str | None
    # The `Set-Cookie` header.
    cookie: str | None


@dataclass(eq=False, repr=False)
class Answer:
    request: int
    page: Page


@dataclass(eq=False, repr=False)
class Question:
    # May be empty.
    text: str
    # Whether typing is not shown, from before the question appears.
    is_hidden: bool


class Reply(Case):
    CASES: ClassVar = {
        "redirected": str,
        "pasted": str,
        "presented": None,
        "chosen": LoginFlow,
        "confirmed": None,
        "cancelled": None,
        "timed-out": None,
    }


class Command(Case):
    """What the host does."""

    CASES: ClassVar = {
        # Shows lines of text to the user. The end of the last line may be left out.
        "say": str,
        # Shows an address on a line of its own, never cut off.
        "address": str,
        # Shows an address as a QR code, if the terminal can.
        "draw": str,
        # Shows, until the next text, that the login waits for this.
        "wait": str,
        # While the session polls, shows what the user is to do, and the time left.
        "countdown": Countdown,
        # Starts the browser on an address of this login, which other users must not learn:
        # where they could, on a private file instead. The next event is `opened`.
        "launch": str,
        # Starts the browser on a page that nothing comes back from. The next event is
        # `opened`.
        "open": str,
        # The launched address is not needed any longer: deletes its private file.
        "end-launch": None,
        # Answers a request, without waiting until the browser has read it.
        "answer": Answer,
        # Asks the user for a line, in place of an earlier question.
        "ask": Question,
        # Sets the time limit, in milliseconds from now.
        "limit": int,
        # Withdraws the question and the time limit, and replies to the session.
        "reply": Reply,
        # Passes on the requests that have come already, and ends when all answers have been
        # written.
        "finish": None,
    }


class Rules(Instance):
    """One instance. A function raises the failure that it returns, or `sandbox-fault`."""

    NAME = "rules"
    INTERFACE = "latchstring:rules/host@0.2.0"

    def is_public(self, address: str) -> bool:
        """Whether an IP address is globally reachable (RFC 6890). False for what is not an
        IP address.
        """
        return self.call("is-public", address)

    def check_redirect_path(self, path: str) -> None:
        """Checks that the path of a redirect URI can be used."""
        return self.call("check-redirect-path", path)

    def end_address(self) -> str:
        """Returns the path and query of the last page, whose address has no code. A browser
        that is sent there may request it on the same connection.
        """
        return self.call("end-address")

    def abandoned(self) -> Page:
        """Returns the page for a browser whose request nobody waits for any more."""
        return self.call("abandoned", kind=Page)

    def session_limit(self) -> int:
        """Most bytes of a stored session."""
        return self.call("session-limit")

    def parse_header(self, line: bytes, rest_bytes: int | None, place: str) -> tuple[str, ...]:
        """Reads the first line of a stored session, and returns the pinned origins.

        `line` is without its line end; `rest-bytes` counts the bytes after that, which are
        the component's. None: there is no line end. `place` is where they came from, for
        the failure.
        """
        return self.call("parse-header", line, rest_bytes, place)

    def header_line(self, origins: Sequence[str], session_bytes: int) -> str:
        """Returns the first line of a stored session, with its line end."""
        return self.call("header-line", origins, session_bytes)

    def file_stem(self, profile: str, account: str) -> str:
        """Returns the beginning of the names of a session's files. Fails if the profile's
        name cannot be part of one.
        """
        return self.call("file-stem", profile, account)

    def registration_stem(self, name: str) -> str:
        """Returns the beginning of the names of the files of a client's registration. `name` is
        that of the action. Fails if it cannot be part of a file's name.
        """
        return self.call("registration-stem", name)

    def aside_name(self, turn: int) -> str:
        """Returns the extension for the `turn`th damaged session, from 1."""
        return self.call("aside-name", turn)
