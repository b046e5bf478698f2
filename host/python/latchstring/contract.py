"""The types of `wit/login.wit`, which documents them.

Names are those of the contract with `_` for `-`. A record is a dataclass, an enum a
`Literal`, a variant a `Case`, and a list a tuple; `sandbox.py` converts them all. A test
compares them with what the component declares.

`repr` shows no field that can hold a secret. Only what callers hold is frozen: each method
that `dataclass` writes takes time whenever a program starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from .errors import Code

LoginFlow = Literal["browser", "paste", "device"]


@dataclass(frozen=True)
class Case:
    """A case of a variant: its name in the contract, and its payload."""

    # The type of each case's payload. None: the case has no payload.
    CASES: ClassVar[dict[str, Any]]

    tag: str
    payload: object = field(default=None, repr=False)


class Result(Case):
    """A `result`. `CASES` are `ok` and `error`."""


# ---- What the caller configures ------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    """An additional parameter of the authorization request."""

    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Endpoint URLs: absolute, and https, or http on a loopback address."""

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
    """Settings for a login at Hexclave, formerly Stack Auth."""

    # URL of the project's own pages, on which the user confirms the login.
    app_url: str
    publishable_client_key: str | None = None
    # Prefix of the API's header names.
    headers: Literal["hexclave", "stack"] = "hexclave"


@dataclass(frozen=True, kw_only=True)
class Client:
    """The OAuth client and its provider."""

    # Issuer identifier, exactly as the provider's metadata spells it (RFC 8414 §2).
    issuer: str | None = None
    # Whether to fetch the provider's metadata.
    discover: bool = True
    # Used instead of the endpoints in the metadata.
    endpoints: Endpoints = Endpoints()
    # Used if neither `endpoints` nor the metadata names one.
    assumed_endpoints: Endpoints = Endpoints()
    # Whether the provider calls itself https although `issuer` is http on a loopback
    # address, because TLS ends elsewhere.
    https_issuer: bool = False
    # Client identifier (RFC 6749 §2.2).
    client_id: str
    # Client secret (RFC 6749 §2.3.1).
    client_secret: str | None = field(default=None, repr=False)
    # None: `none` without a secret, otherwise chosen by the metadata.
    authentication: Literal["none", "client-secret-basic", "client-secret-post"] | None = None
    scopes: Sequence[str] = ()
    # Resource indicators: absolute URIs (RFC 8707 §2).
    resources: Sequence[str] = ()
    # An empty value omits a parameter that is otherwise sent by default.
    parameters: Sequence[Parameter] = ()
    # What is known of the provider's PKCE support (RFC 7636).
    pkce: Literal["discovered", "known", "required"] = "discovered"
    # Whether token responses may omit `token_type`.
    token_type_optional: bool = False
    # Body format of the requests that authenticate the client.
    request_format: Literal["form", "json"] = "form"
    # None: OAuth 2.0, and OpenID Connect if the scope `openid` is requested.
    protocol: Hexclave | None = None


@dataclass(eq=False, repr=False)
class Context:
    now_ms: int
    entropy: bytes


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts about the machine that this host runs on."""

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
    patience_ms: int | None
    anonymous_refresh_token: str | None = None


@dataclass(frozen=True, kw_only=True)
class AccessRules:
    """Requirements for an access token that is checked in the component (RFC 9068 §4)."""

    # Required scopes: all of them.
    scopes: Sequence[str] = ()
    # Lowest accepted authentication context class. None: any.
    acr: str | None = None
    # Required entries of the claim `permissions`: all of them.
    permissions: Sequence[str] = ()


@dataclass(frozen=True)
class Examination(Case):
    """Check of an access token before it is returned."""

    CASES: ClassVar = {
        "userinfo": None,
        "verification": None,
        "introspection": None,
        "tokeninfo": None,
        "local": AccessRules,
    }

    tag: Literal["userinfo", "verification", "introspection", "tokeninfo", "local"]


@dataclass(frozen=True, kw_only=True)
class Demand:
    min_ttl_ms: int = 0
    force_refresh: bool = False
    examination: Examination | None = None


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tokens that were issued to another program."""

    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    # Expiry of the access token. None if unknown: it is then refreshed before its first
    # use, if there is a refresh token.
    expires_at_ms: int | None = None
    # Granted scopes. None: those of the client.
    scopes: Sequence[str] | None = None


# ---- Outcomes ------------------------------------------------------------------------


@dataclass(eq=False, repr=False)
class Header:
    name: str
    value: str


@dataclass(eq=False, repr=False)
class Grant:
    access_token: str
    token_type: str
    scopes: tuple[str, ...]
    expires_at_ms: int | None
    renew_at_ms: int | None
    id_token: str | None
    # One JSON object.
    claims: str | None
    # One JSON object.
    report: str | None
    refresh_token_hint: str | None
    headers: tuple[Header, ...]
    source: Literal["login", "cached", "renewed", "adopted"]
    notices: tuple[str, ...]
    refused_parameters: tuple[str, ...]


@dataclass(frozen=True)
class Unrevoked:
    """A token that stays valid at the provider until it expires."""

    token: Literal["access-token", "refresh-token"]
    cause: Literal["not-offered", "refused", "unreachable"]
    # The reason, in one line.
    reason: str


@dataclass(frozen=True)
class LogoutReport:
    """How a logout went."""

    # Whether there was a session to end.
    was_logged_in: bool
    # Tokens that the provider confirmed as revoked.
    revoked: tuple[Literal["access-token", "refresh-token"], ...]
    not_revoked: tuple[Unrevoked, ...]
    # URL at which a browser ends the user's session at the provider. Can identify the user:
    # keep it out of logs and command lines.
    end_session_url: str | None = field(repr=False)


class Outcome(Case):
    CASES: ClassVar = {"granted": Grant, "logged-out": LogoutReport}


@dataclass(eq=False, repr=False)
class ProviderError:
    error: str
    description: str | None


@dataclass(eq=False, repr=False)
class Failure:
    """The failure of both contracts; that of the rules has the first three fields."""

    code: Code
    message: str
    remedy: str
    provider: ProviderError | None = None
    retryable: bool = False


# ---- Actions and replies -------------------------------------------------------------


@dataclass(eq=False, repr=False)
class Request:
    method: Literal["get", "post", "delete"]
    url: str
    headers: tuple[Header, ...]
    body: bytes | None


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


class Action(Case):
    CASES: ClassVar = {
        "lock": None,
        "probe": None,
        "exchange": Exchange,
        "authorize": Authorization,
        "present": DevicePrompt,
        "visit": Visit,
        "offer": Offer,
        "save": bytes | None,
        "done": Outcome,
    }


@dataclass(eq=False, repr=False)
class Response:
    # The range of a `u16`.
    status: Annotated[int, range(1 << 16)]
    headers: tuple[Header, ...]
    body: bytes


@dataclass(eq=False, repr=False)
class Unreachable:
    reason: str
    sent: bool


class NoResponse(Case):
    CASES: ClassVar = {"unreachable": Unreachable, "too-large": int, "denied": str}


class Answered(Result):
    CASES: ClassVar = {"ok": Response, "error": NoResponse}


class Reply(Case):
    CASES: ClassVar = {
        "begin": None,
        "locked": bytes | None,
        "probed": None,
        "answered": Answered,
        "redirected": str,
        "pasted": str,
        "presented": None,
        "chosen": LoginFlow,
        "cancelled": None,
        "timed-out": None,
        "saved": None,
        "not-saved": str,
    }
