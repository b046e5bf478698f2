"""Private files and folders, with the checks and the error texts of the native host."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path

from .errors import LatchError

# Opening does not follow a symbolic link, wait for a pipe or take over a terminal.
_HARDENED = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def is_folder(path: Path) -> bool:
    """Returns whether the folder exists. Raises `store-unusable` if it belongs to another user
    or others have access to it."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise cannot("open", path, error) from None
    if not stat.S_ISDIR(found.st_mode):
        raise unusable(f"{path} is not a folder", "remove it, or choose another folder")
    _check_private(found, path, "700", "choose a folder of your own")
    return True


def make_folder(path: Path) -> None:
    """Creates the folder, with mode 0700, unless it exists. Checks it as `is_folder` does."""
    if is_folder(path):
        return
    try:
        _create_folders(path)
    except OSError as error:
        raise cannot("create", path, error) from None
    if not is_folder(path):
        raise unusable(
            f"{path} is a symbolic link to nowhere", "remove it, or choose another folder"
        )


def open_to_read(path: Path) -> int | None:
    """Opens a file; None if it does not exist."""
    try:
        return os.open(path, os.O_RDONLY | _HARDENED)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_opened(path, error) from None


def private_size(descriptor: int, path: Path) -> int:
    """Returns the size of an opened file in bytes. Raises `store-unusable` if it is not a
    regular file, belongs to another user, or others have access to it."""
    found = os.fstat(descriptor)
    _check_regular(found, path)
    _check_private(found, path, "600", "remove it and log in again")
    return found.st_size


def open_or_make(path: Path) -> int:
    """Opens the lock file, creating it if needed. Its contents are never read."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _HARDENED, 0o600)
    except OSError as error:
        raise _not_opened(path, error) from None
    try:
        _check_regular(os.fstat(descriptor), path)
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        os.close(descriptor)
        raise cannot("make", path, error) from None
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


def unusable(message: str, remedy: str) -> LatchError:
    return LatchError("store-unusable", message, remedy)


def cannot(what: str, path: Path, error: OSError) -> LatchError:
    remedies = {
        errno.EACCES: "check who owns the folders above it and what they permit",
        errno.EPERM: "check who owns the folders above it and what they permit",
        errno.EROFS: "choose a folder that can be written to",
        errno.ENOTSUP: "choose a folder on a local file system",
    }
    remedy = "check the folder and its file system, or choose another folder"
    reason = error.strerror or type(error).__name__
    return unusable(f"cannot {what} {path}: {reason}", remedies.get(error.errno or 0, remedy))


def not_saved(path: Path, error: OSError) -> LatchError:
    remedies = {
        errno.ENOSPC: "free some space and try again",
        errno.EDQUOT: "free some space and try again",
        errno.EACCES: "make the folder writable for you, or choose another folder",
        errno.EPERM: "make the folder writable for you, or choose another folder",
        errno.EROFS: "make the folder writable for you, or choose another folder",
    }
    remedy = "check the folder and its file system, or choose another folder"
    reason = error.strerror or type(error).__name__
    message = f"cannot write to {path}: {reason}"
    return LatchError("not-saved", message, remedies.get(error.errno or 0, remedy))


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
        raise unusable(f"{path} is not a regular file", "remove it and log in again")


def _check_private(found: os.stat_result, path: Path, mode: str, disown: str) -> None:
    user = os.geteuid()
    if found.st_uid != user:
        raise unusable(f"{path} belongs to user {found.st_uid}, not to you ({user})", disown)
    if found.st_mode & 0o077:
        raise unusable(
            f"{path} is open to others (mode {found.st_mode & 0o777:03o})",
            f"run: chmod {mode} {shlex.quote(str(path))}",
        )


def _not_opened(path: Path, error: OSError) -> LatchError:
    if path.is_symlink():
        return unusable(
            f"{path} is a symbolic link, which is not followed", "remove it and log in again"
        )
    return cannot("open", path, error)
