"""The user's terminal. Messages go to standard error, because scripts read standard output.

Lines are not read with `input` or `getpass`, which cannot be stopped when the browser is
redirected first.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import threading
from collections.abc import Callable, Iterator

from .errors import printable

# Interval at which a question finds out that it was withdrawn.
_LOOK_SECONDS = 0.05
# Most bytes of a line, more than any address has.
_LONGEST_LINE = 64 * 1024

_BACKSPACES = {0x08, 0x7F}
_ERASE_LINE = 0x15
_END_OF_INPUT = 0x04


class Question:
    """A line that the user is asked for, until it is withdrawn."""

    def __init__(self) -> None:
        self._withdrawn = threading.Event()
        self._reader: threading.Thread | None = None

    def read(self, hidden: bool, answered: Callable[[Question, str], None]) -> None:
        """Begins to read. If `hidden`, nothing that is typed is shown from now on."""
        keyboard = contextlib.ExitStack()
        try:
            keyboard.enter_context(_hidden_typing(hidden))
        # The terminal was closed.
        except (OSError, termios.error):
            return
        self._reader = threading.Thread(
            target=self._run, args=[keyboard, answered], name="keyboard", daemon=True
        )
        self._reader.start()

    def withdraw(self) -> None:
        """Stops reading, and restores the terminal's mode."""
        self._withdrawn.set()
        if self._reader is not None:
            self._reader.join()

    def _run(
        self, keyboard: contextlib.ExitStack, answered: Callable[[Question, str], None]
    ) -> None:
        # The terminal may be closed at any time.
        with contextlib.suppress(OSError, termios.error), keyboard:
            line = self._line(sys.stdin.fileno())
            if line is not None:
                answered(self, line)

    def _line(self, descriptor: int) -> str | None:
        """Returns the line; None if the input ended or the question was withdrawn."""
        line = bytearray()
        while not self._withdrawn.is_set():
            if not select.select([descriptor], [], [], _LOOK_SECONDS)[0]:
                continue
            piece = os.read(descriptor, 4096)
            if not piece:
                return None
            for byte in piece:
                if byte in b"\r\n":
                    return line.decode(errors="replace")
                if byte == _END_OF_INPUT:
                    return None
                if byte == _ERASE_LINE:
                    line.clear()
                elif byte in _BACKSPACES:
                    del line[-1:]
                elif len(line) < _LONGEST_LINE:
                    line.append(byte)
        return None


class Terminal:
    """Standard error and standard input."""

    def __init__(self, verbose: bool = False) -> None:
        self._verbose = verbose

    def say(self, text: str) -> None:
        """Shows lines of text. The end of the last line may be left out."""
        for line in text.removesuffix("\n").split("\n"):
            # Standard error may be closed.
            with contextlib.suppress(OSError, ValueError, AttributeError):
                sys.stderr.write(printable(line) + "\n")
                sys.stderr.flush()

    def address(self, url: str) -> None:
        """Shows an address on a line of its own, never cut off."""
        self.say(f"  {url}")

    def detail(self, text: str) -> None:
        """Shows a detail for troubleshooting if this terminal is verbose. It contains no
        secret."""
        if self._verbose:
            self.say(text)

    def is_attended(self) -> bool:
        """Returns whether a user can read messages and answer."""
        try:
            return sys.stderr.isatty() and sys.stdin.isatty()
        # Either may be closed.
        except (ValueError, AttributeError):
            return False

    def ask(self, hidden: bool, answered: Callable[[Question, str], None]) -> Question:
        """Asks the user for a line, and passes it to `answered`. Asks nothing if there is no
        user. If `hidden`, typing is not shown."""
        question = Question()
        if self.is_attended():
            question.read(hidden, answered)
        return question


def sentence(phrase: str) -> str:
    """Returns a phrase of the component as a sentence."""
    return f"{phrase[:1].upper()}{phrase[1:]}."


@contextlib.contextmanager
def _hidden_typing(hidden: bool) -> Iterator[None]:
    """If `hidden`, turns off echo, and line editing too: a terminal that edits lines cuts them
    off after 4096 bytes. Ctrl-C still interrupts."""
    if not hidden:
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    mode = termios.tcgetattr(descriptor)
    mode[3] &= ~(termios.ECHO | termios.ICANON)
    mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
    termios.tcsetattr(descriptor, termios.TCSANOW, mode)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
