"""What the files of a session are called: the same as in the native host
(`wit/hosts.md`)."""

from __future__ import annotations

import re

# Names that Windows keeps for devices, whatever follows the first dot.
_DEVICES = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")


def file_stem(profile: str, account: str) -> str:
    """What the names of a session's files begin with."""
    return f"{_profile_in_names(profile)}.{account}"


def _profile_in_names(profile: str) -> str:
    """The profile in the name of a file: the same for no two profiles, also where a
    file system does not tell capitals from small letters, and no name of a device.
    `Work` is `+work`, `con` is `con+`."""
    name = re.sub("[A-Z]", lambda capital: f"+{capital[0].lower()}", profile)
    return f"{name}+" if _DEVICES.fullmatch(name) else name
