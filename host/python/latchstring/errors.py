"""The error of this package."""

from __future__ import annotations

import re

from .contract import Code


class LatchError(Exception):
    """A failure with a stable code. Its texts contain no secret, and are one line of
    printable characters each."""

    def __init__(
        self,
        code: Code,
        # What happened, and what was expected.
        message: str,
        # What to do next.
        remedy: str,
        *,
        # Whether the same attempt may work later.
        retryable: bool = False,
        # The provider's own error, if it sent one (RFC 6749 §4.1.2.1, §5.2).
        provider_error: str | None = None,
        provider_description: str | None = None,
    ) -> None:
        self.code = code
        self.message = printable(message)
        self.remedy = printable(remedy)
        self.retryable = retryable
        self.provider_error = provider_error and printable(provider_error)
        self.provider_description = provider_description and printable(provider_description)
        super().__init__(self.message)


def misbehaviour(what: str) -> LatchError:
    """Returns the `sandbox-fault` of a login component that broke the contract. `what`
    continues "the login component"."""
    return LatchError(
        "sandbox-fault",
        f"the login component {what}",
        "report this bug, with the version of this program",
    )


# Control characters, characters that reorder or hide others, and lone surrogates: those that
# the components escape too.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff"
    r"\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    """Returns `text` with every character escaped that could control a terminal, or reorder
    or hide a part of the line."""
    return _CONTROL.sub(lambda found: f"\\u{{{ord(found[0]):x}}}", text)
