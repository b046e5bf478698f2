"""The components' machine code, compiled once and kept.

Compiling takes half a second, loading what was compiled under two milliseconds.
Whoever can write the kept file decides what this process runs, so it lies in a
folder that only its owner can enter, and is refused where anybody else could have
written it. A file that is refused, missing or damaged costs time and nothing more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from pathlib import Path

from wasmtime import Engine, WasmtimeError
from wasmtime.component import Component

from . import guard
from .errors import LatchError

_DIGEST_BYTES = 32
# Far more than a component compiles to.
_LARGEST = 64 << 20
# Two components, for environments of several versions beside each other.
_KEPT = 8
_EXTENSION = ".machine-code"


def load(engine: Engine, component: bytes) -> Component:
    folder = _folder()
    if folder is None:
        return Component(engine, component)
    # What wasmtime cannot run, because of another version, processor or settings than
    # it was compiled with, it refuses by itself.
    path = folder / (hashlib.sha256(component).hexdigest() + _EXTENSION)
    code = _read(folder, path)
    if code is not None:
        with contextlib.suppress(WasmtimeError):
            return Component.deserialize(engine, code)
    compiled = Component(engine, component)
    with contextlib.suppress(LatchError, OSError):
        _write(folder, path, bytes(compiled.serialize()))
    return compiled


def _folder() -> Path | None:
    named = os.environ.get("XDG_CACHE_HOME", "")
    try:
        if os.path.isabs(named):
            base = Path(named)
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path.home() / ".cache"
    except RuntimeError:
        return None
    return base / "latchstring-python"


def _read(folder: Path, path: Path) -> bytes | None:
    try:
        if not guard.is_folder(folder):
            return None
        descriptor = guard.open_to_read(path)
        if descriptor is None:
            return None
        # Without a buffer, megabytes are not copied once more.
        with open(descriptor, "rb", buffering=0) as file:
            if guard.private_size(descriptor, path) > _LARGEST:
                return None
            digest, code = file.read(_DIGEST_BYTES), file.readall()
    except (LatchError, OSError):
        return None
    # Against a file that was cut short, which would crash and not fail.
    return code if hashlib.sha256(code).digest() == digest else None


def _write(folder: Path, path: Path, code: bytes) -> None:
    guard.make_folder(folder)
    guard.replace(path, hashlib.sha256(code).digest() + code, prefix=".compiling.")
    kept = sorted(folder.glob("*" + _EXTENSION), key=lambda file: file.stat().st_mtime)
    for outdated in kept[:-_KEPT]:
        outdated.unlink(missing_ok=True)
