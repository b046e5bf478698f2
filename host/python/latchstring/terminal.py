"""Talking to the user, on standard error: standard output belongs to scripts."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import threading
from collections.abc import Callable, Iterator

from .errors import printable

# Between two looks whether anybody still waits.
_LOOK_SECONDS = 0.05
# Far more than any address.
_LONGEST_LINE = 64 * 1024

_BACKSPACES = {0x08, 0x7F}
_ERASE_LINE = 0x15
_END_OF_INPUT = 0x04


class Question:
    """A line that is waited for, until it is withdrawn."""

    def __init__(self) -> None:
        self._withdrawn = threading.Event()
        self._reader: threading.Thread | None = None

    def read(self, hidden: bool, answered: Callable[[Question, str], None]) -> None:
        """Begins; from now on nothing that is typed is shown where `hidden`."""
        with contextlib.ExitStack() as until_read:
            # A terminal that is gone asks nobody.
            try:
                until_read.enter_context(_quiet(hidden))
            except (OSError, termios.error):
                return
            keyboard = until_read.pop_all()
        self._reader = threading.Thread(
            target=self._run, args=[keyboard, answered], name="keyboard", daemon=True
        )
        self._reader.start()

    def withdraw(self) -> None:
        """Leaves the keyboard as it was."""
        self._withdrawn.set()
        if self._reader is not None:
            self._reader.join()

    def _run(
        self, keyboard: contextlib.ExitStack, answered: Callable[[Question, str], None]
    ) -> None:
        # A terminal may go away at any moment.
        with contextlib.suppress(OSError, termios.error), keyboard:
            line = self._line(sys.stdin.fileno())
            if line is not None:
                answered(self, line)

    def _line(self, descriptor: int) -> str | None:
        """None where the input ended, or is no longer wanted."""
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
    """Standard error and the keyboard: lines of text and nothing else."""

    def __init__(self, verbose: bool = False) -> None:
        self._verbose = verbose

    def say(self, text: str) -> None:
        """Shows lines of text. The end of the last one may be left out."""
        for line in text.removesuffix("\n").split("\n"):
            # A closed standard error is nobody's failure.
            with contextlib.suppress(OSError, ValueError, AttributeError):
                sys.stderr.write(printable(line) + "\n")
                sys.stderr.flush()

    def address(self, url: str) -> None:
        self.say(f"  {url}")

    def detail(self, text: str) -> None:
        """For whoever looks for a fault: never a secret."""
        if self._verbose:
            self.say(text)

    def is_attended(self) -> bool:
        """Whether somebody can read what is said, and answer."""
        try:
            return sys.stderr.isatty() and sys.stdin.isatty()
        # Either may be closed.
        except (ValueError, AttributeError):
            return False

    def ask(self, hidden: bool, answered: Callable[[Question, str], None]) -> Question:
        """What the user types goes to `answered`, up to the end of a line; nothing
        does where nobody can be asked. Shown as it is typed unless `hidden`."""
        question = Question()
        if self.is_attended():
            question.read(hidden, answered)
        return question


def sentence(phrase: str) -> str:
    """A phrase of the component as a sentence."""
    return f"{phrase[:1].upper()}{phrase[1:]}."


@contextlib.contextmanager
def _quiet(hidden: bool) -> Iterator[None]:
    """Nothing that is typed is shown, and a line may be longer than the 4096 bytes
    that terminals cut it to. The keys that interrupt still do."""
    if not hidden:
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    quiet = termios.tcgetattr(descriptor)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    quiet[6][termios.VMIN], quiet[6][termios.VTIME] = 1, 0
    termios.tcsetattr(descriptor, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
