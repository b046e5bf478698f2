"""An access token as callers hold it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from .contract import Grant
from .errors import LatchError

_ONE_LINE = re.compile(r"[ -~]*")


@dataclass(frozen=True)
class Token:
    """An access token, and what came with it. Printed, it shows no secret."""

    # RFC 6749 §1.4.
    access_token: str = field(repr=False)
    # A kind of `Bearer`, as the provider spells it (RFC 6750).
    token_type: str
    scopes: tuple[str, ...]
    # Milliseconds since 1970; none where the provider did not say.
    expires_at_ms: int | None
    # When a program that lives long should ask again.
    renew_at_ms: int | None
    source: Literal["login", "cached", "renewed", "adopted"]
    # What a request to the provider's API carries (RFC 6750 §2.1).
    headers: dict[str, str] = field(repr=False)
    # The verified ID token, as issued (OpenID Connect Core §2).
    id_token: str | None = field(repr=False)
    # Who logged in: those of the verified ID token, and over them those of userinfo
    # where it was asked.
    claims: dict[str, Any] | None = field(repr=False)
    # What an examination brought, other than of userinfo.
    report: dict[str, Any] | None = field(repr=False)
    # What the user should know about this token, one line each.
    notices: tuple[str, ...]
    # Default parameters of the authorization request that the provider refuses: give
    # them an empty value in later logins.
    refused_parameters: tuple[str, ...]

    @classmethod
    def of(cls, grant: Grant) -> Token:
        """Raises `sandbox-fault` if a token or a header is not printable ASCII (RFC 6749
        Appendix A.12): programs write them into lines of text."""
        texts = [grant.access_token, grant.token_type, grant.id_token or ""]
        texts += [text for header in grant.headers for text in (header.name, header.value)]
        if not all(_ONE_LINE.fullmatch(text) for text in texts):
            raise LatchError(
                "sandbox-fault",
                "the login component handed out a token that no line of text may hold",
                "report it with the version of this program",
            )
        return cls(
            access_token=grant.access_token,
            token_type=grant.token_type,
            scopes=grant.scopes,
            expires_at_ms=grant.expires_at_ms,
            renew_at_ms=grant.renew_at_ms,
            source=grant.source,
            headers={header.name: header.value for header in grant.headers},
            id_token=grant.id_token,
            claims=None if grant.claims is None else json.loads(grant.claims),
            report=None if grant.report is None else json.loads(grant.report),
            notices=grant.notices,
            refused_parameters=grant.refused_parameters,
        )
