"""A session as it lies in a store: one line of the host's, then the component's
bytes as they are.

    {"latchstring":1,"origins":["https://id.example"],"bytes":812}
    ...812 bytes...

The origins are those that the host itself pinned when it saw the provider's
metadata: a later run holds the component to them without asking it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .egress import allowed_origin
from .errors import LatchError

# Raised whenever an older reader would misunderstand a newer envelope.
FORMAT = 1

# How the native host's encrypted sessions begin (age, version 1).
_ENCRYPTED = b"age-encryption.org/"


@dataclass(frozen=True)
class Envelope:
    origins: list[str]
    session: bytes = field(repr=False)

    def seal(self) -> bytes:
        header = {"latchstring": FORMAT, "origins": self.origins, "bytes": len(self.session)}
        line = json.dumps(header, separators=(",", ":"), ensure_ascii=False)
        return line.encode() + b"\n" + self.session


def open_envelope(sealed: bytes, place: str) -> Envelope:
    """`place` is where the bytes came from, for the error."""
    if sealed.startswith(_ENCRYPTED):
        raise LatchError(
            "store-unusable",
            f"the stored session in {place} is encrypted",
            "use it with the native program, or log in here under another profile",
        )
    damaged = LatchError(
        "stored-damaged",
        f"the stored session in {place} is damaged or cut short",
        "log in again, which sets it aside and keeps it",
    )
    line, newline, session = sealed.partition(b"\n")
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        raise damaged from None
    if not newline or not isinstance(header, dict) or type(header.get("latchstring")) is not int:
        raise damaged
    if header["latchstring"] > FORMAT:
        raise LatchError(
            "stored-newer",
            f"the stored session in {place} has format {header['latchstring']};"
            f" this version reads up to {FORMAT}",
            "use the newer version that wrote it; nothing was changed",
        )
    origins, size = header.get("origins"), header.get("bytes")
    if not isinstance(origins, list) or not all(map(_is_origin, origins)):
        raise damaged
    if type(size) is not int or size != len(session):
        raise damaged
    return Envelope(origins, session)


def _is_origin(text: object) -> bool:
    """Whether this host could have pinned it: an origin as it is compared."""
    return isinstance(text, str) and allowed_origin(text) == text
