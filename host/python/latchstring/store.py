"""Stored sessions and registrations of clients, and the file store.

The file store uses the folder, names, modes and locks of the native host, so that both share
sessions, and only one process refreshes each.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

from . import guard
from .errors import LatchError
from .rules import Rules

# How long to wait for a lock before the user is told.
_SILENT_WAIT_SECONDS = 1.0
# Between two attempts to take a lock, at first and at most.
_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.05

_LOCKED_REMEDY = "try again; if this persists, stop the other process that uses this session"


class HeldLock(Protocol):
    def release(self) -> None: ...


class Store(Protocol):
    """Keeps one session, or the registration of one client. Errors are `LatchError`s."""

    @property
    def place(self) -> str:
        """Where it is kept, for messages."""

    def read(self) -> bytes | None:
        """Returns what is stored; None if nothing is. Takes no lock."""

    def write(self, content: bytes) -> None:
        """Replaces what is stored, atomically and durably. The caller holds the lock."""

    def delete(self) -> None:
        """Deletes what is stored, if anything is. The caller holds the lock."""

    def set_aside(self) -> str:
        """Moves a damaged session to another place, and returns that. The caller holds the
        lock."""

    def probe(self) -> None:
        """Raises an error if `read` or `write` would. Changes nothing."""

    def lock(
        self, patience_seconds: float, tell: Callable[[str], None], stop: threading.Event
    ) -> HeldLock:
        """Waits for the lock of what is stored, which all processes share. If that takes long,
        calls `tell` with a message for the user. `stop` ends the wait."""


class Replacing:
    """Hides what is stored, and sets it aside when a new session is written: a login that
    comes to nothing leaves everything as it was."""

    def __init__(self, store: Store, tell: Callable[[str], None], damage: LatchError) -> None:
        self._store, self._tell, self._damage = store, tell, damage
        self._is_aside = False
        self.place = store.place
        self.delete, self.set_aside = store.delete, store.set_aside
        self.probe, self.lock = store.probe, store.lock

    def read(self) -> bytes | None:
        return None

    def write(self, content: bytes) -> None:
        if not self._is_aside:
            self._tell(f"{self._damage.message}; it is kept as {self._store.set_aside()}")
            self._is_aside = True
        self._store.write(content)


# ---- A stored session ----------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    # The origins that the egress policy pinned.
    origins: tuple[str, ...] = ()
    # The component's bytes. None: nothing is stored.
    session: bytes | None = field(default=None, repr=False)


def read_session(store: Store, rules: Rules) -> Stored:
    """Reads the stored session. Raises `stored-damaged`,
    `stored-newer` or `store-unusable` if this host cannot read it."""
    content = store.read()
    if content is None:
        return Stored()
    line, newline, session = content.partition(b"\n")
    origins = rules.parse_header(line, len(session) if newline else None, store.place)
    return Stored(origins, session)


def read_registration(store: Store, rules: Rules) -> bytes | None:
    """Returns what is stored of a client's registration. One that is damaged counts as none: a
    client can be registered again. Raises `stored-newer` or `store-unusable` otherwise."""
    try:
        return read_session(store, rules).session
    except LatchError as error:
        if error.code != "stored-damaged":
            raise
        return None


@contextlib.contextmanager
def naming_place(store: Store) -> Iterator[None]:
    """Adds the store's place to `stored-damaged` and `stored-newer`: the login component,
    which raises them, does not know it."""
    try:
        yield
    except LatchError as error:
        if error.code not in {"stored-damaged", "stored-newer"}:
            raise
        message = f"{error.message} ({store.place})"
        raise LatchError(error.code, message, error.remedy) from None


# ---- The file store ------------------------------------------------------------------


class FileLock:
    """The lock on an open file. The kernel releases it when the process ends, if not before."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def is_taken(self, path: Path) -> bool:
        """Takes the lock if it is free."""
        with guard.errors("lock", path):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def release(self) -> None:
        os.close(self._descriptor)


class FileStore:
    """Keeps a session or a registration in the file `STEM.session`.

    A complete file is renamed over the old one. So a reader needs no lock, and a crash leaves
    the old session or the new one.
    """

    def __init__(self, folder: Path, stem: str, work: str, rules: Rules) -> None:
        """`stem` is the beginning of the names of the files. `work` is what another process
        that holds the lock has to finish, for messages."""
        self._rules = rules
        self._folder = folder
        self._stem = stem
        self._work = work
        self._path = folder / f"{stem}.session"

    @classmethod
    def of_session(cls, folder: Path, profile: str, account: str, rules: Rules) -> FileStore:
        """Raises `invalid-configuration` if the profile's name cannot be part of a file's."""
        work = f"with the session of the profile {profile}"
        return cls(folder, rules.file_stem(profile, account), work, rules)

    @property
    def place(self) -> str:
        return str(self._path)

    def read(self) -> bytes | None:
        if not guard.is_folder(self._folder):
            return None
        return guard.read(self._path, "a session", self._rules.session_limit())

    def write(self, content: bytes) -> None:
        guard.make_folder(self._folder)
        self._remove_leftovers()
        with guard.errors("write to", self._path, "not-saved"):
            guard.replace(self._path, content, prefix=f".{self._stem}.")

    def delete(self) -> None:
        if not guard.is_folder(self._folder):
            return
        self._remove_leftovers()
        with guard.errors("delete", self._path):
            self._path.unlink(missing_ok=True)
            guard.sync_folder(self._folder)

    def set_aside(self) -> str:
        names = (f"{self._stem}.{self._rules.aside_name(turn)}" for turn in count(1))
        aside = next(p for p in map(self._folder.joinpath, names) if not os.path.lexists(p))
        with guard.errors("set aside", self._path):
            self._path.rename(aside)
            guard.sync_folder(self._folder)
        return str(aside)

    def probe(self) -> None:
        guard.make_folder(self._folder)
        self.read()
        trial = guard.temporary_name(self._folder, f".{self._stem}.")
        try:
            with guard.errors("write to", self._folder, "not-saved"):
                # As much as a session with long tokens, to notice a full disk.
                guard.write_new(trial, bytes(16 * 1024))
        finally:
            # Another process may have removed it as a leftover.
            trial.unlink(missing_ok=True)

    def lock(
        self, patience_seconds: float, tell: Callable[[str], None], stop: threading.Event
    ) -> FileLock:
        """Polls, so that `stop` ends the wait. The lock file is never deleted: a process that
        waits for a deleted file would get a lock that no other process sees."""
        guard.make_folder(self._folder)
        path = self._folder / f"{self._stem}.lock"
        lock = FileLock(guard.open_lock(path))
        begun, pause, has_told = time.monotonic(), _FIRST_PAUSE_SECONDS, False
        try:
            while not lock.is_taken(path):
                waited = time.monotonic() - begun
                if waited >= patience_seconds:
                    raise LatchError(
                        "store-unusable",
                        f"{path} is still locked by another process after {patience_seconds:g} s",
                        _LOCKED_REMEDY,
                        retryable=True,
                    )
                if waited > _SILENT_WAIT_SECONDS and not has_told:
                    has_told = True
                    tell(f"Waiting for another process to finish {self._work}")
                if stop.wait(min(pause, patience_seconds - waited)):
                    raise LatchError(
                        "interrupted",
                        "the program was interrupted while it waited for a lock",
                        "run it again",
                    )
                pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
        except BaseException:
            lock.release()
            raise
        return lock

    def _remove_leftovers(self) -> None:
        """Removes the temporary files of processes that died, which may contain tokens. The
        caller holds the lock, so no other process is writing."""
        for leftover in self._folder.glob(f".{self._stem}.*"):
            # A leftover that stays does not harm the session.
            with contextlib.suppress(OSError):
                leftover.unlink()


def default_folder() -> Path:
    """Returns the folder in which the native host keeps the user's sessions."""
    try:
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support" / "latchstring"
        named = os.environ.get("XDG_STATE_HOME", "")
        base = Path(named) if os.path.isabs(named) else Path.home() / ".local" / "state"
    except RuntimeError:
        raise LatchError(
            "invalid-configuration",
            "this user has no home folder to keep sessions in",
            "set HOME, or choose a state folder",
        ) from None
    return base / "latchstring"
