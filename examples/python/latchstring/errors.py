"""What went wrong, in the contract's terms."""

from __future__ import annotations

import unicodedata
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


def printable(text: str) -> str:
    """`text` with every character that a terminal could act on, or that could
    reorder a line, written as an escape."""
    return "".join(f"\\u{{{ord(c):x}}}" if _is_control(c) else c for c in text)


def _is_control(c: str) -> bool:
    # Controls, format characters (bidirectional marks, tags), lone surrogates,
    # and the separators that some programs take for the end of a line.
    return unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
