"""Private files and folders, with the checks and the error texts of the native host."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from .contract import Code
from .errors import LatchError

# Opening does not follow a symbolic link, wait for a pipe or take over a terminal.
_HARDENED = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@contextlib.contextmanager
def errors(what: str, path: Path, code: Code = "store-unusable") -> Iterator[None]:
    """Raises an error of the system as a `LatchError`: `what` cannot be done with this file."""
    try:
        yield
    except OSError as error:
        remedy = "check the folder and its file system, or choose another folder"
        match code, error.errno:
            case "not-saved", errno.ENOSPC | errno.EDQUOT:
                remedy = "free some space and try again"
            case "not-saved", errno.EACCES | errno.EPERM | errno.EROFS:
                remedy = "make the folder writable, or choose another folder"
            case "store-unusable", errno.EACCES | errno.EPERM:
                remedy = "check the owner and permissions of the folders above it"
            case "store-unusable", errno.EROFS:
                remedy = "choose a writable folder"
            case "store-unusable", errno.ENOTSUP:
                remedy = "choose a folder on a local file system"
        reason = error.strerror or type(error).__name__
        raise LatchError(code, f"cannot {what} {path}: {reason}", remedy) from None


def is_folder(path: Path) -> bool:
    """Returns whether the folder exists. Raises `store-unusable` if it belongs to another user
    or others have access to it."""
    with errors("open", path):
        try:
            found = os.stat(path)
        except FileNotFoundError:
            return False
    if not stat.S_ISDIR(found.st_mode):
        raise _unusable(f"{path} is not a folder", "remove it, or choose another folder")
    _check_private(found, path, "700", "choose a folder that belongs to you")
    return True


def make_folder(path: Path) -> None:
    """Creates the folder, with mode 0700, unless it exists. Checks it as `is_folder` does."""
    if is_folder(path):
        return
    with errors("create", path):
        _create_folders(path)
    if not is_folder(path):
        text = f"{path} is a broken symbolic link"
        raise _unusable(text, "remove it, or choose another folder")


def read(path: Path, what: str, limit: int) -> bytes | None:
    """Returns what is in a file; None if it does not exist. Raises `store-unusable` if it is
    not a regular file, belongs to another user, others have access to it, or `what` it is has
    more than `limit` bytes."""
    with errors("open", path):
        try:
            descriptor = _open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
    # Without a buffer, which would copy everything once more.
    with errors("read", path), open(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        _check_regular(found, path)
        _check_private(found, path, "600", "remove it and log in again")
        if found.st_size > limit:
            text = f"{path} has {found.st_size} bytes; {what} has at most {limit}"
            raise _unusable(text, "remove the file and log in again")
        return file.readall()


def open_lock(path: Path) -> int:
    """Opens a lock file, creating it if needed. Its contents are never read."""
    with errors("open", path):
        descriptor = _open(path, os.O_RDWR | os.O_CREAT)
    try:
        with errors("make", path):
            _check_regular(os.fstat(descriptor), path)
            os.fchmod(descriptor, 0o600)
    except LatchError:
        os.close(descriptor)
        raise
    return descriptor


def write_new(path: Path, content: bytes) -> None:
    """Writes a new file with mode 0600, and syncs it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _HARDENED, 0o600)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def replace(path: Path, content: bytes, prefix: str) -> None:
    """Replaces a file atomically and durably. An error leaves the old file."""
    temporary = temporary_name(path.parent, prefix)
    try:
        write_new(temporary, content)
        os.rename(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def temporary_name(folder: Path, prefix: str) -> Path:
    return folder / f"{prefix}{os.urandom(8).hex()}.tmp"


def sync_folder(path: Path) -> None:
    """Makes a rename or a removal in the folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems do not support this, and order such changes themselves.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def _open(path: Path, mode: int) -> int:
    try:
        return os.open(path, mode | _HARDENED, 0o600)
    except OSError:
        if not path.is_symlink():
            raise
    text = f"{path} is a symbolic link, which is not followed"
    raise _unusable(text, "remove it and log in again")


def _create_folders(path: Path) -> None:
    if not path.parent.exists():
        _create_folders(path.parent)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    # The umask may have removed the owner's access.
    path.chmod(0o700)


def _check_regular(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _unusable(f"{path} is not a regular file", "remove it and log in again")


def _check_private(found: os.stat_result, path: Path, mode: str, disown: str) -> None:
    user = os.geteuid()
    if found.st_uid != user:
        raise _unusable(f"{path} belongs to user {found.st_uid}, not to you ({user})", disown)
    if found.st_mode & 0o077:
        raise _unusable(
            f"{path} is open to other users (mode {found.st_mode & 0o777:03o})",
            f"run: chmod {mode} {shlex.quote(str(path))}",
        )


def _unusable(message: str, remedy: str) -> LatchError:
    return LatchError("store-unusable", message, remedy)
