"""What nobody can guess."""

from __future__ import annotations

import os


def entropy() -> bytes:
    """32 bytes, different at every call."""
    return os.urandom(32)
