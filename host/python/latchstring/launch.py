"""Starting a browser on a local address that no other user may learn."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from .rules import Opened


class Launched:
    """A browser that was started; `end` deletes the file that it was given, if any."""

    def __init__(self, folder: tempfile.TemporaryDirectory[str] | None) -> None:
        self._folder = folder
        self.opened: Opened = "address" if folder is None else "file"

    def end(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def launch(
    open_url: Callable[[str], object],
    open_file: Callable[[str], object] | None,
    address: str,
    tells_peers: bool,
) -> Launched:
    """Starts a browser on `address`, which works once.

    Every user of the machine can read a command line. So the address is put there only if
    the listener can tell users apart; otherwise the browser is started on a file that only
    this user can read. `open_file` is None for a browser that puts the address on no
    command line.
    """
    if tells_peers or open_file is None:
        open_url(address)
        return Launched(None)
    # Of mode 0700.
    folder = tempfile.TemporaryDirectory(prefix="latchstring-", ignore_cleanup_errors=True)
    try:
        path = Path(folder.name) / "login.html"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(_page(address))
        open_file(path.as_uri())
    except BaseException:
        folder.cleanup()
        raise
    return Launched(folder)


def _page(address: str) -> str:
    """A page that leads on at once. The address holds nothing that HTML escapes: a
    local origin, a path and base64url."""
    return (
        '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="refresh" content="0; url={address}"><title>Login</title>'
        f'<a href="{address}">Go on to the login</a>\n'
    )
