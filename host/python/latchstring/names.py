"""What the files of a session are called: the same as in the native host
(`wit/hosts.md`)."""

from __future__ import annotations

import os
import re
from pathlib import Path

from . import guard

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
    """Renames files written by earlier versions, such as `Work.ACCOUNT.session`, to their
    current names. Another process may do the same at the same time."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise guard.cannot("list", folder, error) from None
    for name in names:
        old = _OLD.fullmatch(name)
        if old is None or _profile_in_names(old[1]) == old[1]:
            continue
        path = folder / (_profile_in_names(old[1]) + old[2])
        if os.path.lexists(path):
            continue
        try:
            (folder / name).rename(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise guard.cannot("rename", folder / name, error) from None
