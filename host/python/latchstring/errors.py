"""What went wrong, in the contract's terms."""

from __future__ import annotations

import re
from typing import Literal, get_args

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
CODES: tuple[Code, ...] = get_args(Code)


class LatchError(Exception):
    """A failure with a stable code, what happened, and what to do next.

    Holds no secret, and its texts are one line of printable characters.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        remedy: str,
        *,
        retryable: bool = False,
        provider_error: str | None = None,
        provider_description: str | None = None,
    ) -> None:
        self.code = code
        self.message = printable(message)
        self.remedy = printable(remedy)
        self.retryable = retryable
        self.provider_error = None if provider_error is None else printable(provider_error)
        self.provider_description = (
            None if provider_description is None else printable(provider_description)
        )
        super().__init__(self.message)

    def at(self, place: str) -> LatchError:
        """The same, naming the place where it happened."""
        return LatchError(
            self.code,
            f"{self.message} ({place})",
            self.remedy,
            retryable=self.retryable,
            provider_error=self.provider_error,
            provider_description=self.provider_description,
        )


# Controls, characters that reorder or hide what follows them, lone surrogates: those
# that the component and its other hosts escape.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff"
    r"\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    """`text` with every character that a terminal could act on, or that could
    reorder a line, written as an escape."""
    return _CONTROL.sub(lambda found: f"\\u{{{ord(found[0]):x}}}", text)
