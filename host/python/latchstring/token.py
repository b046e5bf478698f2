"""The access token that callers get."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from .contract import Grant
from .errors import misbehaviour

_ONE_LINE = re.compile(r"[ -~]*")


@dataclass(frozen=True)
class Token:
    """An access token and what came with it. `repr` shows no secrets."""

    # RFC 6749 §1.4.
    access_token: str = field(repr=False)
    # `Bearer`, as the provider spells it (RFC 6750).
    token_type: str
    # Granted scopes.
    scopes: tuple[str, ...]
    # Expiry of the access token, in milliseconds since the epoch. None if the provider did
    # not say.
    expires_at_ms: int | None
    # Time at which a long-running program should ask for a token again, in milliseconds since
    # the epoch. None if the token cannot be refreshed or does not expire.
    renew_at_ms: int | None
    source: Literal["login", "cached", "renewed", "adopted"]
    # Headers of requests to the provider's API (RFC 6750 §2.1).
    headers: dict[str, str] = field(repr=False)
    # The verified ID token, as issued (OpenID Connect Core §2).
    id_token: str | None = field(repr=False)
    # Claims of the verified ID token, replaced by those of userinfo if it was asked. None if
    # there are neither.
    claims: dict[str, Any] | None = field(repr=False)
    # Result of an examination other than userinfo.
    report: dict[str, Any] | None = field(repr=False)
    # What was granted in detail (RFC 9396 §7). None if the provider did not say.
    authorization_details: list[dict[str, Any]] | None = field(repr=False)
    # What the user should know about this token, one line each.
    notices: tuple[str, ...]
    # Parameters of the authorization request that are sent by default and that this provider
    # refuses. With an empty value in `Client.parameters`, later logins omit them.
    refused_parameters: tuple[str, ...]

    @classmethod
    def of(cls, grant: Grant) -> Token:
        """Checks that tokens and headers are printable ASCII (RFC 6749 Appendix A.12),
        because programs write them into lines of text. Raises `sandbox-fault` if one is
        not."""
        texts = [grant.access_token, grant.token_type, grant.id_token or ""]
        texts += [text for header in grant.headers for text in (header.name, header.value)]
        if not all(_ONE_LINE.fullmatch(text) for text in texts):
            raise misbehaviour("returned a token that contains line breaks or control characters")
        members = vars(grant) | {
            "headers": {header.name: header.value for header in grant.headers},
        }
        for name in ("claims", "report", "authorization_details"):
            members[name] = None if members[name] is None else json.loads(members[name])
        del members["refresh_token_hint"]
        return cls(**members)
