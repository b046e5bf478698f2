"""The types of `wit/login.wit`. Written by `generate.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

U16 = Annotated[int, range(1 << 16)]


@dataclass(frozen=True)
class Case:
    """A case of a variant: its name in the contract, and its payload."""

    # The type of each case's payload. None: the case has no payload.
    CASES: ClassVar[dict[str, Any]]

    tag: str
    payload: object = field(default=None, repr=False)


class Result(Case):
    """A `result`. `CASES` are `ok` and `error`."""


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Endpoint URLs: absolute, and https, or http on a loopback address."""

    # Authorization endpoint (RFC 6749 §3.1).
    authorization: str | None = None
    # Token endpoint (RFC 6749 §3.2).
    token: str | None = None
    # Userinfo endpoint (OIDC §5.3).
    userinfo: str | None = None
    # Revocation endpoint (RFC 7009 §2).
    revocation: str | None = None
    # Device authorization endpoint (RFC 8628 §3.1).
    device_authorization: str | None = None
    # JSON Web Key Set with the provider's signing keys (RFC 7517 §5).
    jwks: str | None = None
    # End-session endpoint: ends the user's session at the provider (OpenID
    # Connect RP-Initiated Logout 1.0 §2).
    end_session: str | None = None
    # Introspection endpoint (RFC 7662 §2).
    introspection: str | None = None
    # Tokeninfo endpoint, which only some providers have: describes the access
    # token sent to it.
    tokeninfo: str | None = None


# Client authentication method (OIDC §9).
ClientAuthentication = Literal[
    "none",
    "client-secret-basic",
    "client-secret-post",
    "client-secret-jwt",
    "private-key-jwt",
    "assertion",
]
# Signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
SigningAlgorithm = Literal["es256", "eddsa", "ps256", "rs256"]


@dataclass(frozen=True, kw_only=True)
class ClientKey:
    algorithm: SigningAlgorithm = "es256"
    # Key identifier, as registered at the provider (RFC 7515 §4.1.4).
    id: str | None = None
    # Audience of the assertions that are signed with it. None: the issuer, as the RFCs
    # want it.
    audience: str | None = None


@dataclass(frozen=True, kw_only=True)
class DpopKey:
    algorithm: SigningAlgorithm = "es256"
    # The public key as a JSON Web Key: only the members that are required, in
    # lexicographic order and without spaces (RFC 7638 §3).
    jwk: str


Security = Literal["usual", "fapi2"]


@dataclass(frozen=True, kw_only=True)
class TokenExchange:
    # Type of the token that is exchanged (RFC 8693 §3), such as
    # `urn:ietf:params:oauth:token-type:id_token`.
    subject_token_type: str
    # Type of the token to get. None: the provider decides.
    requested_token_type: str | None = None


@dataclass(frozen=True)
class GrantType(Case):
    """How tokens are granted. Only `user` has a login; with all others, `session.token`
    asks for a token whenever the stored one is stale.
    """

    CASES: ClassVar = {
        # A user logs in (RFC 6749 §4.1, RFC 8628). Tokens are renewed (RFC 6749 §6).
        "user": None,
        # The client asks for itself (RFC 6749 §4.4).
        "client-credentials": None,
        # An assertion of another issuer says whom the token is for (RFC 7523 §2.1).
        "jwt-bearer": None,
        # Another token is exchanged (RFC 8693).
        "token-exchange": TokenExchange,
    }
    tag: Literal["user", "client-credentials", "jwt-bearer", "token-exchange"]


@dataclass(frozen=True)
class Audience(Case):
    """Whom an access token is for."""

    CASES: ClassVar = {
        # An absolute URI, sent as `resource` (RFC 8707 §2).
        "resource": str,
        # A name of any other kind, sent as `audience` (RFC 8693 §2.1).
        "name": str,
    }
    tag: Literal["resource", "name"]


@dataclass(frozen=True)
class Parameter:
    name: str
    value: str


# Knowledge of the provider's PKCE support (RFC 7636). The authorization request
# always carries a code challenge with S256. A provider without PKCE support
# ignores it, and the authorization code is then unprotected (RFC 9700 §2.1.1).
Pkce = Literal["discovered", "known", "required"]
RequestFormat = Literal["form", "json"]


@dataclass(frozen=True, kw_only=True)
class Client:
    """The OAuth client and its provider: the settings that decide which token is
    requested (see `account-key`), and how to talk to this provider.
    """

    # Issuer identifier of the provider, exactly as its metadata spells it
    # (RFC 8414 §2). None: no metadata is fetched, and ID tokens are not
    # accepted.
    issuer: str | None = None
    # URL of a protected resource, such as an MCP server or an API. A login asks it who
    # issues tokens for it (RFC 9728); `issuer`, if set, must be one of those. A client
    # without a `client-id` is then looked up, or registered (RFC 7591).
    resource_url: str | None = None
    # Whether to fetch the provider's metadata, from the well-known locations of
    # `issuer` (OpenID Connect Discovery §4, RFC 8414 §3). `endpoints` take
    # precedence over the metadata.
    discover: bool = True
    endpoints: Endpoints = Endpoints()
    # Endpoints to use if neither `endpoints` nor the metadata names one.
    assumed_endpoints: Endpoints = Endpoints()
    # Whether the provider calls itself https although `issuer` is http, on a
    # loopback address, because TLS ends elsewhere. The https endpoints on its
    # own origin are then reached over http too.
    https_issuer: bool = False
    # Client identifier (RFC 6749 §2.2). None only with `resource-url`: the client has
    # not been registered by hand. Empty: the client says nothing of itself, which the
    # grants `jwt-bearer` and `token-exchange` allow (RFC 7523 §2.1, RFC 8693 §2.1).
    client_id: str | None = None
    # URL of a client ID metadata document, which some authorization servers take as a
    # client identifier without registration.
    client_metadata_url: str | None = None
    # Client secret (RFC 6749 §2.3.1). The secret of a native application is not
    # confidential (RFC 8252 §8.5), but some providers require one.
    client_secret: str | None = field(default=None, repr=False)
    # Client authentication method. None: `private-key-jwt` with a key, `none` without a
    # secret, otherwise chosen by the metadata.
    authentication: ClientAuthentication | None = None
    # The key that the client signs with. The host keeps it: see `sign`.
    key: ClientKey | None = None
    # Whether ID tokens are encrypted with a key of the client, and userinfo may be (RFC
    # 7516). Those that are not are refused. The host keeps the key: see `decrypt`.
    decrypts: bool = False
    # The key that tokens are bound to (RFC 9449): they are worth nothing without it. The
    # host keeps it: see `sign`. None: bearer tokens.
    dpop: DpopKey | None = None
    # Whether the host presents a certificate to the provider, which authenticates the
    # client or binds its tokens (RFC 8705). Requests then go to the endpoints that the
    # provider has for such clients.
    certificate: bool = False
    # Rules that the client and the provider must keep.
    security: Security = "usual"
    # How tokens are granted.
    grant: GrantType = GrantType("user")
    # Scopes to request, one name each (RFC 6749 §3.3).
    scopes: Sequence[str] = ()
    # Resource indicators: absolute URIs (RFC 8707 §2).
    resources: Sequence[str] = ()
    # Whom the token that `session.token` grants is for, if not for what the login asked
    # for. The session keeps one token for each audience. Makes no difference to the
    # `account-key`.
    audience: Audience | None = None
    # What a login, or a client for itself, asks for in detail (RFC 9396 §2): a JSON array
    # of objects that each have a `type`.
    authorization_details: str | None = None
    # Whether authorization requests are signed with `key` (RFC 9101).
    signs_request: bool = False
    # Whether only a signed answer to an authorization request is accepted (JARM).
    demands_signed_response: bool = False
    # Additional parameters of the authorization request and the device
    # authorization request, such as `audience`. An empty value omits a parameter
    # that is otherwise sent by default. Parameters that protect the login
    # (`state`, `nonce`, `code_challenge`, ...) are rejected.
    parameters: Sequence[Parameter] = ()
    # How to decide whether the provider supports PKCE.
    pkce: Pkce = "discovered"
    # Whether token responses may omit `token_type`, which RFC 6749 §5.1 requires.
    # "Bearer" is then assumed.
    token_type_optional: bool = False
    # Body format of the requests that authenticate the client: token, device
    # authorization, revocation and introspection requests.
    request_format: RequestFormat = "form"
    protocol: Hexclave | None = None


# Prefix of the API's header names.
HexclaveHeaders = Literal["hexclave", "stack"]


@dataclass(frozen=True, kw_only=True)
class Hexclave:
    # URL of the project's own pages, on which the user confirms the login.
    app_url: str
    publishable_client_key: str | None = None
    headers: HexclaveHeaders = "hexclave"


@dataclass(eq=False, repr=False)
class Context:
    """Time and random bytes, which the component cannot get by itself."""

    now_ms: int
    # At least 32 bytes from a cryptographically secure random source: fresh for
    # each session, and never stored.
    entropy: bytes


LoginFlow = Literal["browser", "paste", "device"]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts about the machine that the host runs on."""

    # There is a terminal: the user can read what is shown, and type.
    terminal: bool = False
    # No user is present: this is an automated job.
    unattended: bool = False
    # A command that starts the browser is configured.
    browser_command: bool = False
    # The user wants to see the address, and does not want a browser started.
    shows_address: bool = False
    # There is a display on which a browser can open.
    display: bool = False
    # The user sits at another machine, connected by a remote shell.
    remote_shell: bool = False
    # This is a Linux system under Windows, and it can start Windows programs.
    windows_interop: bool = False
    # This is a container.
    container: bool = False
    # The terminal belongs to an editor on another machine, which opens browsers
    # there and forwards ports from there.
    editor_terminal: bool = False
    # Whether the provider has a device authorization endpoint. None: unknown.
    offers_device: bool | None = None


@dataclass(eq=False, repr=False)
class LoginRequest:
    """Options of one login."""

    # Login flow. None: chosen from `facts` and what the provider offers.
    flow: LoginFlow | None
    facts: Facts
    # Redirect URI (RFC 6749 §3.1.2). The host already listens there, unless the
    # flow is `paste` or every port was taken.
    redirect_uri: str
    # Time limit for the user, in all flows, in milliseconds. None: the lifetime
    # of the device code if there is one (RFC 8628), otherwise five minutes.
    patience_ms: int | None
    # Refresh token of an anonymous session that is to become the user's own
    # (Hexclave).
    anonymous_refresh_token: str | None
    # A `WWW-Authenticate` value (RFC 9110 §11.6.1) with which the resource at
    # `resource-url` refused a request. None: the component asks the resource itself.
    challenge: str | None
    # Host of the only issuer that the user accepts. None: any that the resource names.
    accepted_issuer_host: str | None
    # Register the client anew, whatever is known of it.
    register: bool
    # Initial access token for the registration (RFC 7591 §3).
    initial_access_token: str | None


@dataclass(eq=False, repr=False)
class FlowChoice:
    # None if no user can be asked to log in.
    flow: LoginFlow | None
    # Reason for the choice, as a clause: "there is a display for a browser".
    reason: str


@dataclass(frozen=True, kw_only=True)
class AccessRules:
    """Requirements for an access token that is checked in the component."""

    # Required scopes: all of them.
    scopes: Sequence[str] = ()
    # Lowest accepted authentication context class (`acr`). Compared as numbers if
    # both are numbers; otherwise the two must be equal. None: any.
    acr: str | None = None
    # Required entries of the claim `permissions`: all of them.
    permissions: Sequence[str] = ()


@dataclass(frozen=True)
class Examination(Case):
    """Check of an access token before it is granted. A token that the provider no
    longer accepts is renewed once; without a refresh token, the session is over.
    """

    CASES: ClassVar = {
        # Send it to the userinfo endpoint and return the claims (OIDC §5.3).
        "userinfo": None,
        # Ask whether the provider still accepts it: at the userinfo endpoint, or if
        # that is not possible, at the introspection endpoint. If the provider cannot
        # answer now, the token counts as accepted.
        "verification": None,
        # Introspect it (RFC 7662) and return the response, active or not.
        "introspection": None,
        # Send it to the tokeninfo endpoint and return the response.
        "tokeninfo": None,
        # Check it in the component: signature, issuer, validity period, and these
        # rules (RFC 9068 §4).
        "local": AccessRules,
    }
    tag: Literal["userinfo", "verification", "introspection", "tokeninfo", "local"]


@dataclass(frozen=True, kw_only=True)
class Demand:
    """Requirements for a token."""

    # Time for which the token should remain valid from now, in milliseconds. If
    # the provider's tokens do not live that long, one that is as good as new is
    # granted, with a notice.
    min_ttl_ms: int = 0
    # Renew the token even if it is still valid.
    force_refresh: bool = False
    # Check to make before the token is granted. None: no check.
    examination: Examination | None = None
    # A `WWW-Authenticate` value with which the resource at `resource-url` refused the
    # stored token. The token is renewed if that can help; `login-required` says so if
    # it cannot, because the resource requires other scopes or another authentication.
    challenge: str | None = None


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tokens that were issued to another program."""

    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    # Expiry of the access token. None if unknown: the token is then renewed
    # before its first use, if there is a refresh token.
    expires_at_ms: int | None = None
    # Granted scopes. None: those in `client`.
    scopes: Sequence[str] | None = None


# The purpose of a request, to name it in logs and progress messages.
Purpose = Literal[
    "metadata",
    "challenge",
    "resource-metadata",
    "registration",
    "token",
    "keys",
    "userinfo",
    "revocation",
    "pushed-authorization",
    "device-authorization",
    "poll",
    "introspection",
]
Method = Literal["get", "post", "delete"]


@dataclass(eq=False, repr=False)
class Header:
    name: str
    value: str


@dataclass(eq=False, repr=False)
class Request:
    """An HTTP request. Redirects are not followed."""

    method: Method
    url: str
    headers: tuple[Header, ...]
    body: bytes | None


@dataclass(eq=False, repr=False)
class Exchange:
    purpose: Purpose
    # Delay before sending, in milliseconds: the last attempt of this request
    # failed, or the provider is polled.
    wait_ms: int
    # Time limit after sending, in milliseconds, if it is shorter than the host's
    # own limit. None: the host's own limit.
    timeout_ms: int | None
    # What led to this request, in one line, for users who ask for every detail. None if
    # there is nothing to say.
    remark: str | None
    request: Request


@dataclass(eq=False, repr=False)
class Authorization:
    # The authorization request (RFC 6749 §4.1.1).
    url: str
    # `browser` or `paste`. With `paste`, the user is also asked for the address
    # that the browser ends on.
    flow: LoginFlow
    # Why the component chose this flow. None if it did not choose.
    reason: str | None
    # Time to wait for the redirect from now on, in milliseconds.
    wait_ms: int
    # Why the last redirect was not accepted, or why the URL is new, in one line.
    # None if there is nothing to say.
    notice: str | None
    # Other flows that the user may choose while waiting.
    alternatives: tuple[LoginFlow, ...]


@dataclass(eq=False, repr=False)
class DevicePrompt:
    """What to show for a login on another device (RFC 8628 §3.3). The host always
    shows the code, whatever else it shows.
    """

    # The code, with characters that are not safe on a terminal escaped.
    user_code: str
    # Page on which to enter the code: https, or http on a loopback address.
    verification_uri: str
    # Address that includes the code, for a QR code, on the same origin as
    # `verification-uri`.
    verification_uri_complete: str | None
    # Time at which the code or the time limit for the user expires.
    expires_at_ms: int


@dataclass(eq=False, repr=False)
class Visit:
    # The page: https, or http on a loopback address.
    url: str
    # Whether the host should open the page in a browser on this machine.
    opens: bool
    # Time at which the component stops waiting for the result.
    expires_at_ms: int


@dataclass(eq=False, repr=False)
class Offer:
    # What failed, in one line.
    reason: str
    # Flows to choose from. Never empty; the first one is the default.
    flows: tuple[LoginFlow, ...]
    # Time to wait for the user's choice, in milliseconds.
    wait_ms: int


@dataclass(eq=False, repr=False)
class Confirmation:
    """What the user is told before a login whose issuer a resource named."""

    # Host of the issuer, which will ask for the password. With the port if it has one.
    issuer_host: str
    # Host of the resource. With the port if it has one.
    resource_host: str
    # Whether to wait for the user's consent: the issuer belongs to another host than the
    # resource, and this machine has not logged in there before.
    asks: bool
    # Time to wait for the user's consent, in milliseconds.
    wait_ms: int


# What an assertion is for.
AssertionPurpose = Literal["client", "subject"]


@dataclass(eq=False, repr=False)
class AssertionRequest:
    purpose: AssertionPurpose
    # Audience to ask for, where the host gets the assertion from a service that makes it
    # on request: the issuer. None if there is none.
    audience: str | None
    # Resources that the token is for (RFC 8707). A host that has another provider make the
    # assertion passes them on.
    resources: tuple[str, ...]
    # Scopes that the token is for, likewise.
    scopes: tuple[str, ...]


SigningKey = Literal["client", "dpop"]


@dataclass(eq=False, repr=False)
class SigningRequest:
    key: SigningKey
    algorithm: SigningAlgorithm
    input: bytes


TokenSource = Literal["login", "cached", "renewed", "adopted"]


@dataclass(eq=False, repr=False)
class Grant:
    access_token: str
    # "Bearer", as the provider spells it (RFC 6750), or "DPoP" (RFC 9449).
    token_type: str
    # Granted scopes (RFC 6749 §5.1).
    scopes: tuple[str, ...]
    # Expiry of the access token. None if the provider did not say.
    expires_at_ms: int | None
    # Time at which a long-running host should ask for a token again. None if the
    # token cannot be renewed or does not expire.
    renew_at_ms: int | None
    # The verified ID token, as issued.
    id_token: str | None
    # Claims of the verified ID token, replaced by those of userinfo if it was
    # asked, as one JSON object. None if there are neither.
    claims: str | None
    # Result of an examination other than userinfo, as one JSON object.
    report: str | None
    # First characters of the refresh token, for users who compare tokens. None if
    # there is no refresh token. The token itself goes only to the provider and
    # the store.
    refresh_token_hint: str | None
    # What was granted in detail (RFC 9396 §7), as one JSON array. None if the provider did
    # not say.
    authorization_details: str | None
    # Headers of requests to the provider's API (RFC 6750 §2.1).
    headers: tuple[Header, ...]
    source: TokenSource
    # What the user should know about this grant, one line each, such as: the ID
    # token could not be checked and was not used, the provider may not support
    # PKCE, the token expires sooner than was asked for.
    notices: tuple[str, ...]
    # Names of authorization request parameters that are sent by default and that
    # this provider refuses. With an empty value in `parameters`, later logins
    # omit them.
    refused_parameters: tuple[str, ...]


# Token type (RFC 7009 §2.1).
TokenHint = Literal["access-token", "refresh-token"]
UnrevokedCause = Literal["not-offered", "refused", "unreachable"]


@dataclass(frozen=True)
class Unrevoked:
    token: TokenHint
    cause: UnrevokedCause
    # The reason, in one line.
    reason: str


@dataclass(frozen=True)
class RegistrationEnd:
    # Why the client is still registered, in one line. None if it is removed.
    kept: str | None


@dataclass(frozen=True)
class LogoutReport:
    # Whether there was a session to end.
    was_logged_in: bool
    # Tokens that the provider confirmed as revoked.
    revoked: tuple[TokenHint, ...]
    # Tokens that stay valid at the provider until they expire, and why.
    not_revoked: tuple[Unrevoked, ...]
    # URL at which a browser ends the user's session at the provider as well. None
    # if the provider has no end-session endpoint. May contain an ID token, which
    # identifies the user: keep it out of logs and command lines.
    end_session_url: str | None = field(repr=False)
    # What became of the client's registration. None if it was not to be removed.
    registration: RegistrationEnd | None


class Outcome(Case):
    CASES: ClassVar = {
        "granted": Grant,
        "logged-out": LogoutReport,
    }


class Action(Case):
    """The next action for the host."""

    CASES: ClassVar = {
        # Take this account's lock, unless this session already holds it, then read
        # what is stored now. Hold the lock until the session ends. Answer: `locked`.
        "lock": None,
        # Make sure that a `save` will work: the store responds, is writable and has
        # room. If it is not usable, the host ends the session with its own error.
        # Answer: `probed`.
        "probe": None,
        # Wait for `wait-ms`, then send one HTTP request. Answer: `answered`.
        "exchange": Exchange,
        # Take the user to this URL, unless it was shown already, and wait for the
        # redirect. If the URL is new while the browser of the last `redirected`
        # still waits for its page, redirect that browser to it. Answer:
        # `redirected`, `pasted`, `chosen`, `cancelled` or `timed-out`.
        "authorize": Authorization,
        # Show the user this code and where to enter it. Answer: `presented`.
        "present": DevicePrompt,
        # Take the user to a page that does not redirect back to the host: the
        # component polls the provider for the result. Answer: `presented`.
        "visit": Visit,
        # Ask the user how to continue after an attempt that failed. Answer:
        # `chosen`, `cancelled` or `timed-out`.
        "offer": Offer,
        # Read what is stored about the client's registration under this key: lower-case
        # letters and digits, one key for each issuer. No lock is needed. Answer:
        # `registration`.
        "read-registration": str,
        # Take the lock of this registration, which is another one than the session's, and
        # read it. Hold the lock until `save-registration`. Answer: `registration`.
        "lock-registration": str,
        # Replace the registration that is locked, atomically and durably, and release its
        # lock. None: delete it. Answer: `saved` or `not-saved`.
        "save-registration": bytes | None,
        # Tell the user which issuer will ask for the password, and ask for consent if
        # `asks`. Answer: `confirmed` or `cancelled`.
        "confirm": Confirmation,
        # Read the assertion from where the host was told to find it, anew each time: it
        # may have been replaced. The host ends the session with its own error if it cannot.
        # Answer: `assertion`.
        "read-assertion": AssertionRequest,
        # Sign with one of the client's keys. The host ends the session with its own error if it
        # cannot. Answer: `signed`.
        "sign": SigningRequest,
        # Decrypt this token with the client's key (RFC 7516, compact form). The host ends the
        # session with its own error if it cannot. Answer: `decrypted`.
        "decrypt": str,
        # Replace what is stored, atomically and durably. None: delete it.
        # Answer: `saved` or `not-saved`.
        "save": bytes | None,
        # Nothing more: the session has ended with this outcome.
        "done": Outcome,
    }


@dataclass(eq=False, repr=False)
class Response:
    status: U16
    headers: tuple[Header, ...]
    body: bytes


@dataclass(eq=False, repr=False)
class Unreachable:
    # The reason, in one line.
    reason: str
    # Whether the provider may have received the request, and so may have acted
    # on it. A request that must not be repeated is sent again only if this is
    # false.
    sent: bool


class NoResponse(Case):
    """The reason why a request has no response."""

    CASES: ClassVar = {
        # No response arrived.
        "unreachable": Unreachable,
        # The body exceeded the host's limit, in bytes, and was dropped. The component
        # has its own limit of 256 KiB.
        "too-large": int,
        # The host's egress policy forbids this request. The reason, in one line.
        "denied": str,
    }


class AnsweredResult(Result):
    CASES: ClassVar = {"ok": Response, "error": NoResponse}


class Reply(Case):
    """The result of an action."""

    CASES: ClassVar = {
        # The first reply of every session.
        "begin": None,
        # The lock is held, and this is stored now. None: nothing is stored.
        "locked": bytes | None,
        # A save will work, as far as the host can tell.
        "probed": None,
        # This is stored about the registration. None: nothing is.
        "registration": bytes | None,
        # The user was told, and consented if that was asked for.
        "confirmed": None,
        # The assertion that was read.
        "assertion": str,
        # The signature: of ES256, `R || S` (RFC 7518 §3.4).
        "signed": bytes,
        # What was encrypted.
        "decrypted": str,
        # The response to the request, or the reason why there is none.
        "answered": AnsweredResult,
        # A browser sent a request to the listener. Its path and query, as sent.
        "redirected": str,
        # The user pasted this: the address that the browser ended on, or the part
        # after its `?`.
        "pasted": str,
        # The code or the page was shown to the user.
        "presented": None,
        # The user chose this flow, one of those offered.
        "chosen": LoginFlow,
        # The user cancelled the login.
        "cancelled": None,
        # `wait-ms` has passed.
        "timed-out": None,
        "saved": None,
        # Nothing was replaced. The reason, in one line.
        "not-saved": str,
    }


@dataclass(eq=False, repr=False)
class ProvenRequest:
    """A request to an API, as its proof describes it."""

    # HTTP method, such as `GET`.
    method: str
    # Its query and fragment are not part of the proof.
    url: str
    access_token: str
    # What the API named in the header `DPoP-Nonce` of its last response.
    nonce: str | None


TokenState = Literal["fresh", "renewable", "expired"]


@dataclass(eq=False, repr=False)
class Description:
    issuer: str | None
    # URL of the protected resource that the session was made for, without a final slash.
    # None if it was not made for one.
    resource: str | None
    client_id: str
    # Subject identifier of the user: `sub` (OIDC §2).
    subject: str | None
    # Name to show for the user: a name, a user name or an email address, or a name
    # with an email address.
    display_name: str | None
    scopes: tuple[str, ...]
    # What was granted in detail (RFC 9396 §7), as one JSON array.
    authorization_details: str | None
    logged_in_at_ms: int
    expires_at_ms: int | None
    token_state: TokenState


# Stable codes for what went wrong. Those marked "by the host" never come from
# the component; they are here so that all hosts use the same codes.
Code = Literal[
    "invalid-configuration",
    "unexpected-reply",
    "login-required",
    "access-denied",
    "provider-refused",
    "cancelled",
    "timed-out",
    "invalid-metadata",
    "invalid-token-response",
    "invalid-id-token",
    "invalid-userinfo",
    "invalid-access-token",
    "insufficient-scope",
    "invalid-device-response",
    "device-login-unavailable",
    "bound-token-required",
    "unreachable",
    "provider-unavailable",
    "stored-damaged",
    "stored-newer",
    "not-saved",
    "egress-denied",
    "sandbox-fault",
    "port-in-use",
    "store-unusable",
    "interrupted",
    "host-fault",
]


@dataclass(eq=False, repr=False)
class ProviderError:
    error: str
    description: str | None


@dataclass(eq=False, repr=False)
class Failure:
    """A failure, which never contains a secret. Texts are one line of printable
    characters: text from a provider is escaped and shortened.
    """

    code: Code
    # What happened, and what was expected.
    message: str
    # What to do next.
    remedy: str
    # The provider's own error, if it sent one (RFC 6749 §4.1.2.1, §5.2).
    provider: ProviderError | None
    # Whether the same attempt may work later.
    retryable: bool
