"""Sessions as files that only their owner can read.

The same folder, names, modes and locks as the native host's file store, so that
programs of both kinds share sessions and renew each once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Protocol

from . import guard
from .errors import LatchError
from .rules import Rules

# A wait that nobody need be told of.
_UNTOLD_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.05


class HeldLock(Protocol):
    def release(self) -> None: ...


class Store(Protocol):
    """Where one session is kept: files unless the caller brings another. Errors are
    `LatchError`s."""

    @property
    def place(self) -> str:
        """Where the session is or would be kept, for people."""

    def read(self) -> bytes | None:
        """What is stored now; none where there is nothing. Takes no lock."""

    def write(self, content: bytes) -> None:
        """Replaces what is stored, atomically and durably. The caller holds the lock."""

    def delete(self) -> None:
        """Nothing to delete is no error. The caller holds the lock."""

    def set_aside(self) -> str:
        """Moves away what is damaged, and says where it is now."""

    def probe(self) -> None:
        """Fails where `read` or `write` would, and changes nothing."""

    def lock(
        self, patience_seconds: float, tell: Callable[[str], None], stop: threading.Event
    ) -> HeldLock:
        """Waits for the lock of this session, among all processes; `tell` is for
        whoever waits for long, and `stop` ends the wait."""


class FileLock:
    """A held lock; the kernel releases it at the latest when the process dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        os.close(self._descriptor)


class FileStore:
    """One session: `PROFILE.ACCOUNT.session` in one folder.

    A file is replaced by renaming a complete one over it, so that a reader needs no
    lock and a crash leaves the old session or the new one.
    """

    def __init__(self, folder: Path, profile: str, account: str, rules: Rules) -> None:
        """Raises `invalid-configuration` for a profile that no file can be named after."""
        self._rules = rules
        self._folder = folder
        self._stem = rules.file_stem(profile, account)
        self._profile = profile
        self._path = folder / f"{self._stem}.session"

    @property
    def place(self) -> str:
        """Where the session is or would be kept, for people."""
        return str(self._path)

    def read(self) -> bytes | None:
        """What is stored now; none where there is nothing. Takes no lock."""
        if not guard.is_folder(self._folder):
            return None
        descriptor = guard.open_to_read(self._path)
        if descriptor is None:
            return None
        with open(descriptor, "rb") as file:
            size = guard.private_size(descriptor, self._path)
            limit = self._rules.session_limit()
            if size > limit:
                raise guard.unusable(
                    f"{self._path} has {size} bytes; a session has at most {limit}",
                    "remove the file and log in again",
                )
            try:
                return file.read()
            except OSError as error:
                raise guard.cannot("read", self._path, error) from None

    def write(self, content: bytes) -> None:
        """Replaces what is stored. The caller holds the lock."""
        guard.make_folder(self._folder)
        self._sweep()
        try:
            guard.replace(self._path, content, prefix=f".{self._stem}.")
        except OSError as error:
            raise guard.not_saved(self._path, error) from None

    def delete(self) -> None:
        """Nothing to delete is no error. The caller holds the lock."""
        if not guard.is_folder(self._folder):
            return
        self._sweep()
        try:
            self._path.unlink(missing_ok=True)
            guard.sync_folder(self._folder)
        except OSError as error:
            raise guard.cannot("delete", self._path, error) from None

    def set_aside(self) -> str:
        """Moves what is stored out of the way without deleting it, and says where
        it is now. The caller holds the lock."""
        names = (f"{self._stem}.{self._rules.aside_name(turn)}" for turn in count(1))
        aside = next(p for p in map(self._folder.joinpath, names) if not os.path.lexists(p))
        try:
            self._path.rename(aside)
            guard.sync_folder(self._folder)
        except OSError as error:
            raise guard.cannot("set aside", self._path, error) from None
        return str(aside)

    def probe(self) -> None:
        """Fails where `read` or `write` would, and changes nothing."""
        guard.make_folder(self._folder)
        self.read()
        # As much as a session with long tokens takes, to notice a full disk.
        trial = guard.temporary_name(self._folder, f".{self._stem}.")
        try:
            guard.write_new(trial, bytes(16 * 1024))
        except OSError as error:
            raise guard.not_saved(self._folder, error) from None
        finally:
            # Another process may have swept it away.
            trial.unlink(missing_ok=True)

    def lock(
        self, patience_seconds: float, tell: Callable[[str], None], stop: threading.Event
    ) -> FileLock:
        """Waits for the lock that every process with this session takes.

        Polls, so that a program that is told to `stop` ends. The file is never deleted:
        a process that waits on a deleted file would hold a lock that nobody else
        sees.
        """
        guard.make_folder(self._folder)
        path = self._folder / f"{self._stem}.lock"
        descriptor = guard.open_or_make(path)
        try:
            self._wait_for(descriptor, path, patience_seconds, tell, stop)
        except BaseException:
            os.close(descriptor)
            raise
        return FileLock(descriptor)

    def _wait_for(
        self,
        descriptor: int,
        path: Path,
        patience: float,
        tell: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        begun, pause, told = time.monotonic(), _FIRST_PAUSE_SECONDS, False
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waited = time.monotonic() - begun
            except OSError as error:
                raise guard.cannot("lock", path, error) from None
            if waited >= patience:
                raise LatchError(
                    "store-unusable",
                    f"{path} is still locked by another process after {patience:g} s",
                    "try again; if it stays, end the other login or renewal of this profile",
                    retryable=True,
                )
            if waited > _UNTOLD_SECONDS and not told:
                told = True
                tell(
                    "Waiting for another process to finish with the session of the profile "
                    + self._profile
                )
            if stop.wait(min(pause, patience - waited)):
                raise LatchError(
                    "interrupted", "the program ended while it waited for a lock", "run it again"
                )
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)

    def _sweep(self) -> None:
        """Removes what writers of this session that died left behind: it may hold
        tokens. The caller holds the lock, so no writer is alive."""
        for leftover in self._folder.glob(f".{self._stem}.*"):
            # What cannot be removed does no harm to the session itself.
            with contextlib.suppress(OSError):
                leftover.unlink()


def default_folder() -> Path:
    """The user's state folder, as the native host finds it."""
    try:
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support" / "latchstring"
        named = os.environ.get("XDG_STATE_HOME", "")
        base = Path(named) if os.path.isabs(named) else Path.home() / ".local" / "state"
    except RuntimeError:
        raise LatchError(
            "invalid-configuration",
            "this user has no home folder to keep sessions in",
            "set HOME, or give a state folder",
        ) from None
    return base / "latchstring"
