"""What makes a folder and a file safe to keep tokens in.

The same rules as the native host's, in the same words.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path

from .errors import LatchError

# Neither follows a symbolic link, nor waits for a pipe, nor takes a terminal.
_HARDENED = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def is_folder(path: Path) -> bool:
    """Whether the folder is there; fails where it is not fit for secrets."""
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
    """Makes the folder, private from the start, unless it is there; checks it in
    either case."""
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
    """A descriptor; none where there is no such file."""
    try:
        return os.open(path, os.O_RDONLY | _HARDENED)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _not_opened(path, error) from None


def private_size(descriptor: int, path: Path) -> int:
    """The opened file's size in bytes; fails where it is not fit for secrets."""
    found = os.fstat(descriptor)
    _check_regular(found, path)
    _check_private(found, path, "600", "remove it and log in again")
    return found.st_size


def open_or_make(path: Path) -> int:
    """A descriptor of the file for what it is and not for what is in it."""
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
    """A private file, written through to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _HARDENED, 0o600)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def replace(path: Path, content: bytes, prefix: str) -> None:
    """Puts a complete file in the place of another, or changes nothing."""
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
    """Makes a rename or a removal in the folder survive a crash."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot, and order such changes themselves.
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
    # The umask can only have taken bits away; the owner gets them back.
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
