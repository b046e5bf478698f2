"""Starts the user's browser, without a shell.

Not with `webbrowser`: what that starts inherits this program's streams and environment, and
can be a text browser.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from . import guard
from .errors import LatchError
from .rules import Opened

# Time for a desktop's launcher to fail before it counts as working.
_SETTLING_SECONDS = 0.3

# Secrets for `latch`, which programs that this one starts do not inherit.
_SECRET_VARIABLES = {
    "LATCH_CLIENT_SECRET",
    "LATCH_ANONYMOUS_REFRESH_TOKEN",
    "LATCH_INITIAL_ACCESS_TOKEN",
    "LATCH_PASSPHRASE",
    "LATCH_ACCESS_TOKEN",
}

# Takes the reason why a browser failed.
Failed = Callable[[str], None]


class Browser(Protocol):
    # Whether its addresses are on a command line, where other users can read them.
    shows_address: bool

    def open(self, address: str, failed: Failed) -> None:
        """Starts a browser, and returns without waiting for it. Raises any error if it could
        not be started, and calls `failed` if it fails later and that can be known."""


class CallableBrowser:
    """A function of the caller's, which opens an address."""

    shows_address = False

    def __init__(self, function: Callable[[str], object]) -> None:
        self._function = function

    def open(self, address: str, failed: Failed) -> None:
        self._function(address)


class CommandBrowser:
    """Runs a command with the address as its last argument."""

    shows_address = True

    def __init__(self, command: str) -> None:
        """Splits the command as a POSIX shell would, without expansion."""
        self._words = _words(command)
        if not self._words or not self._words[0]:
            raise LatchError(
                "invalid-configuration",
                "the browser's command is empty or has an unclosed quote",
                "pass a program and its arguments, such as: firefox --new-window",
            )

    def open(self, address: str, failed: Failed) -> None:
        try:
            process = _start([*self._words, address])
        except (OSError, ValueError) as error:
            raise self._error(getattr(error, "strerror", None) or str(error)) from None

        def wait() -> None:
            status = process.wait()
            if status != 0:
                failed(str(self._error(f"it ended with {_status(status)}")))

        threading.Thread(target=wait, name="browser", daemon=True).start()

    def _error(self, reason: str) -> LatchError:
        return LatchError(
            "host-fault",
            f"cannot start the browser {self._words[0]}: {reason}",
            "open the address by hand, or name another browser",
        )


class SystemBrowser:
    """The browser that the user or the desktop has chosen.

    The commands in `BROWSER` are tried first. They are separated by colons; `%s` is replaced
    by the address, which is appended if there is no `%s`. Then come the desktop's launchers
    if there is a graphical session: without one they would start a text browser that the
    user does not see.
    """

    shows_address = True

    def open(self, address: str, failed: Failed) -> None:
        for words, settles in _launchers():
            # A launcher that is not there, or an argument that no program can have.
            with contextlib.suppress(OSError, ValueError):
                process = _start([word.replace("%s", address) for word in words])
                # Waited for, so that it leaves no zombie.
                threading.Thread(target=process.wait, name="browser", daemon=True).start()
                try:
                    if not settles or process.wait(_SETTLING_SECONDS) == 0:
                        return
                except subprocess.TimeoutExpired:
                    return
        raise LatchError(
            "host-fault",
            "no program that opens addresses works here",
            "open the address by hand, or name a browser in BROWSER",
        )


def user_browser(named: str | Callable[[str], object] | None) -> Browser:
    """Returns the browser that the caller named, or the one of the user or the desktop."""
    if named is None:
        return SystemBrowser()
    return CommandBrowser(named) if isinstance(named, str) else CallableBrowser(named)


def _launchers() -> list[tuple[list[str], bool]]:
    """Returns commands, each with whether its exit status soon says if it found a browser. A
    command from `BROWSER` may be the browser itself, which keeps running."""
    named = [_words(entry) for entry in os.environ.get("BROWSER", "").split(":")]
    own = [words if any("%s" in w for w in words) else [*words, "%s"] for words in named if words]
    if sys.platform == "darwin":
        system = [["/usr/bin/open"]]
    elif os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        system = [["xdg-open"], ["gio", "open"], ["wslview"], ["x-www-browser"]]
    else:
        system = [["wslview"]]
    return [(words, False) for words in own] + [([*words, "%s"], True) for words in system]


def _words(command: str) -> list[str]:
    """Returns the words of a command; none if a quote is not closed."""
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _start(words: list[str]) -> subprocess.Popen[bytes]:
    """Starts a program without this program's standard streams and secrets."""
    variables = os.environ.items()
    return subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in variables if name not in _SECRET_VARIABLES},
        # Ctrl-C in this terminal does not reach it.
        start_new_session=True,
    )


def _status(status: int) -> str:
    """Returns an exit status in the native host's words."""
    if status >= 0:
        return f"exit status: {status}"
    # A real-time signal has no name.
    names = {number.value: f" ({number.name})" for number in signal.Signals}
    return f"signal: {-status}{names.get(-status, '')}"


class Launched:
    """A browser that was started on a local address, which works once.

    Every user of the machine can read a command line. So the address is put there only if the
    listener can tell users apart (`tells_peers`). Otherwise the browser is started on a file
    that only this user can read.
    """

    def __init__(
        self,
        browser: Browser,
        address: str,
        tells_peers: bool,
        failed: Callable[[Launched, str], None],
    ) -> None:
        self.opened: Opened = "address"
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if browser.shows_address and not tells_peers:
            self.opened = "file"
            # Its mode is 0700.
            self._folder = tempfile.TemporaryDirectory(
                prefix="latchstring-", ignore_cleanup_errors=True
            )
        try:
            if self._folder is not None:
                path = Path(self._folder.name) / "login.html"
                guard.write_new(path, _page(address).encode())
                address = path.as_uri()
            browser.open(address, lambda reason: failed(self, reason))
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Deletes the file that the browser was started on, if any."""
        if self._folder is not None:
            self._folder.cleanup()


def _page(address: str) -> str:
    """Returns a page that redirects to `address` at once. The address has no characters that
    HTML escapes: a local origin, a path and base64url."""
    return (
        '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="refresh" content="0; url={address}"><title>Continue</title>'
        f'<a href="{address}">Continue</a>\n'
    )
