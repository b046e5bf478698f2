"""What the files of a session are called: the same as in the native host
(`wit/hosts.md`)."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

# Names that Windows keeps for devices, whatever follows the first dot.
_DEVICES = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")
_OLD = re.compile(r"([A-Za-z0-9_-]{1,64})(\.[a-z0-9]{1,128}\.[^.]+)")


def file_stem(profile: str, account: str) -> str:
    """What the names of a session's files begin with."""
    return f"{_profile_in_names(profile)}.{account}"


def _profile_in_names(profile: str) -> str:
    """The profile in the name of a file: the same for no two profiles, also where a
    file system does not tell capitals from small letters, and no name of a device.
    `Work` is `+work`, `con` is `con+`."""
    name = re.sub("[A-Z]", lambda capital: f"+{capital[0].lower()}", profile)
    return f"{name}+" if _DEVICES.fullmatch(name) else name


def rename_old_files(folder: Path) -> None:
    """Gives the files of earlier versions, such as `Work.ACCOUNT.session`, the names
    that they have today. Another process may be doing the same: only one finds the old
    file."""
    for name in os.listdir(folder):
        old = _OLD.fullmatch(name)
        if old is None or _profile_in_names(old[1]) == old[1]:
            continue
        path = folder / (_profile_in_names(old[1]) + old[2])
        if not os.path.lexists(path):
            with contextlib.suppress(FileNotFoundError):
                (folder / name).rename(path)
