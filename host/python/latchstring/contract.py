"""The contract's types (`wit/login.wit`), as this host uses them.

Names are the contract's with `_` for `-`; a test holds them against what the
component itself declares. What may hold a secret has no telling `repr`. Only what
callers hold is frozen: every method that `dataclass` writes takes its time whenever
a program starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from .errors import Code

LoginFlow = Literal["browser", "paste", "device"]


@dataclass(frozen=True)
class Case:
    """A case of a variant: its name, and what comes with it."""

    tag: str
    payload: object = field(default=None, repr=False)


# ---- What the caller configures ----------------------------------------------


@dataclass(frozen=True)
class Parameter:
    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Absolute URLs: https, or http on a loopback address."""

    authorization: str | None = None
    token: str | None = None
    userinfo: str | None = None
    revocation: str | None = None
    device_authorization: str | None = None
    jwks: str | None = None
    end_session: str | None = None
    introspection: str | None = None
    tokeninfo: str | None = None


@dataclass(frozen=True, kw_only=True)
class Hexclave:
    """What a login at Hexclave (formerly Stack Auth) needs beside the client."""

    app_url: str
    publishable_client_key: str | None = None
    headers: Literal["hexclave", "stack"] = "hexclave"


@dataclass(frozen=True, kw_only=True)
class Client:
    """Who asks, whom it asks, and for what."""

    # Exactly as the provider's metadata spells it (RFC 8414 §2).
    issuer: str | None = None
    discover: bool = True
    # These win over discovered ones, and those over assumed ones.
    endpoints: Endpoints = Endpoints()
    assumed_endpoints: Endpoints = Endpoints()
    https_issuer: bool = False
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    authentication: Literal["none", "client-secret-basic", "client-secret-post"] | None = None
    scopes: Sequence[str] = ()
    resources: Sequence[str] = ()
    parameters: Sequence[Parameter] = ()
    # Whether the provider protects the authorization code by PKCE.
    pkce: Literal["discovered", "known", "required"] = "discovered"
    # Token responses may leave out `token_type`.
    token_type_optional: bool = False
    request_format: Literal["form", "json"] = "form"
    # None speaks OAuth.
    protocol: Hexclave | None = None


@dataclass(eq=False, repr=False)
class Context:
    now_ms: int
    entropy: bytes


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the host finds out about the machine it runs on."""

    terminal: bool = False
    unattended: bool = False
    browser_command: bool = False
    shows_address: bool = False
    display: bool = False
    remote_shell: bool = False
    windows_interop: bool = False
    container: bool = False
    editor_terminal: bool = False
    offers_device: bool | None = None


@dataclass(eq=False, repr=False, kw_only=True)
class LoginRequest:
    flow: LoginFlow | None
    facts: Facts
    redirect_uri: str
    # None: five minutes in a browser, and the code's life on another device.
    patience_ms: int | None
    anonymous_refresh_token: str | None = None


@dataclass(frozen=True, kw_only=True)
class AccessRules:
    """What an access token has to allow (RFC 9068 §4)."""

    scopes: Sequence[str] = ()
    acr: str | None = None
    permissions: Sequence[str] = ()


@dataclass(frozen=True)
class Examination(Case):
    """What is asked about a token before it is handed out; `local` takes
    `AccessRules`, the others nothing."""

    tag: Literal["userinfo", "verification", "introspection", "tokeninfo", "local"]


@dataclass(frozen=True, kw_only=True)
class Demand:
    min_ttl_ms: int = 0
    force_refresh: bool = False
    examination: Examination | None = None


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tokens that another program was given."""

    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    # None where nobody knows: then it is renewed at once, where it can be.
    expires_at_ms: int | None = None
    # None where they are those asked for.
    scopes: Sequence[str] | None = None


# ---- The conversation ----------------------------------------------------------


@dataclass(eq=False, repr=False)
class Header:
    name: str
    value: str


@dataclass(eq=False, repr=False)
class Request:
    method: Literal["get", "post", "delete"]
    url: str
    headers: tuple[Header, ...]
    body: bytes | None


@dataclass(eq=False, repr=False)
class Lock:
    pass


@dataclass(eq=False, repr=False)
class Probe:
    pass


@dataclass(eq=False, repr=False)
class Exchange:
    purpose: str
    wait_ms: int
    timeout_ms: int | None
    request: Request


@dataclass(eq=False, repr=False)
class Authorization:
    url: str
    flow: LoginFlow
    reason: str | None
    wait_ms: int
    notice: str | None
    alternatives: tuple[LoginFlow, ...]


@dataclass(eq=False, repr=False)
class DevicePrompt:
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_at_ms: int


@dataclass(eq=False, repr=False)
class Visit:
    url: str
    opens: bool
    expires_at_ms: int


@dataclass(eq=False, repr=False)
class Offer:
    reason: str
    flows: tuple[LoginFlow, ...]
    wait_ms: int


@dataclass(eq=False, repr=False)
class Save:
    session: bytes | None


@dataclass(eq=False, repr=False)
class Response:
    # As wide as it is declared.
    status: Annotated[int, range(1 << 16)]
    headers: tuple[Header, ...]
    body: bytes


@dataclass(eq=False, repr=False)
class Unreachable:
    reason: str
    sent: bool


@dataclass(frozen=True)
class NoResponse(Case):
    """Why a request has no response: `unreachable` takes `Unreachable`, `too-large` the
    limit in bytes, and `denied` the reason in one line."""

    tag: Literal["unreachable", "too-large", "denied"]


@dataclass(frozen=True)
class Result(Case):
    """What came of something, or why nothing did."""

    tag: Literal["ok", "error"]


@dataclass(frozen=True)
class Answer(Result):
    """What a request was answered: `ok` takes `Response`, and `error` `NoResponse`."""


@dataclass(frozen=True)
class Reply(Case):
    tag: Literal[
        "begin",
        "locked",
        "probed",
        "answered",
        "redirected",
        "pasted",
        "presented",
        "chosen",
        "cancelled",
        "timed-out",
        "saved",
        "not-saved",
    ]


# ---- How it ends -----------------------------------------------------------------


@dataclass(eq=False, repr=False)
class Grant:
    """An access token, and what came with it."""

    access_token: str
    token_type: str
    scopes: tuple[str, ...]
    expires_at_ms: int | None
    renew_at_ms: int | None
    id_token: str | None
    # One JSON object each.
    claims: str | None
    report: str | None
    refresh_token_hint: str | None
    headers: tuple[Header, ...]
    source: Literal["login", "cached", "renewed", "adopted"]
    # What the user should know, one line each.
    notices: tuple[str, ...]
    # Default parameters of the authorization request that this provider refuses.
    refused_parameters: tuple[str, ...]


@dataclass(frozen=True)
class Unrevoked:
    token: Literal["access-token", "refresh-token"]
    cause: Literal["not-offered", "refused", "unreachable"]
    reason: str


@dataclass(frozen=True)
class LogoutReport:
    was_logged_in: bool
    revoked: tuple[Literal["access-token", "refresh-token"], ...]
    not_revoked: tuple[Unrevoked, ...]
    # Names the user: not for logs.
    end_session_url: str | None = field(repr=False)


@dataclass(eq=False, repr=False)
class Done:
    outcome: Grant | LogoutReport


Action = Lock | Probe | Exchange | Authorization | DevicePrompt | Visit | Offer | Save | Done


@dataclass(eq=False, repr=False)
class ProviderError:
    error: str
    description: str | None


@dataclass(eq=False, repr=False)
class Failure:
    code: Code
    message: str
    remedy: str
    provider: ProviderError | None
    retryable: bool
