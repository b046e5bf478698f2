"""Starting the user's browser, without a shell."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading

from .errors import LatchError

# How long a desktop's launcher has to fail before it counts as working.
_SETTLING_SECONDS = 0.3


class Browser:
    """Opens URLs with a command, or with what the user or the desktop has chosen.

    Without a command, those in `BROWSER` come first: separated by colons, `%s`
    standing for the URL. Then come the desktop's launchers, which need a graphical
    session: without one they would start a text browser that nobody sees.
    """

    def __init__(self, command: str | None) -> None:
        self._words = None if command is None else _words(command)
        if self._words == []:
            raise LatchError(
                "invalid-configuration",
                "the browser's command is empty or has an open quote",
                "give a program and its arguments, such as: firefox --new-window",
            )

    def open(self, url: str) -> None:
        """Starts a browser on a URL that the rules permit, and returns without waiting
        for it."""
        self._start(url)

    def open_file(self, url: str) -> None:
        """Starts it on a private file, given by its `file:` URL."""
        self._start(url)

    def _start(self, address: str) -> None:
        if self._words is not None:
            if not _starts([*self._words, address], settles=False):
                raise LatchError(
                    "host-fault",
                    f"cannot start the browser {self._words[0]}",
                    "open the URL by hand, or name another browser",
                )
            return
        for words, settles in _launchers():
            if _starts([word.replace("%s", address) for word in words], settles):
                return
        raise LatchError(
            "host-fault",
            "no browser could be started",
            "open the URL by hand, or name a browser in BROWSER",
        )


def _launchers() -> list[tuple[list[str], bool]]:
    named = [_words(entry) for entry in os.environ.get("BROWSER", "").split(":")]
    own = [words if any("%s" in w for w in words) else [*words, "%s"] for words in named if words]
    if sys.platform == "darwin":
        system = [["/usr/bin/open"]]
    elif os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        system = [["xdg-open"], ["gio", "open"], ["wslview"], ["x-www-browser"]]
    else:
        system = [["wslview"]]
    # A command of the user's own may be the browser itself, and soon ends only
    # where it hands over to one that runs already.
    return [(words, False) for words in own] + [([*words, "%s"], True) for words in system]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _starts(words: list[str], settles: bool) -> bool:
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C in this terminal is not for the browser.
            start_new_session=True,
        )
    except (OSError, ValueError):
        return False
    # So that it leaves no zombie.
    threading.Thread(target=process.wait, name="browser", daemon=True).start()
    if not settles:
        return True
    try:
        return process.wait(_SETTLING_SECONDS) == 0
    except subprocess.TimeoutExpired:
        return True
