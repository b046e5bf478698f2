"""Runs components without imports, with little memory and a limit on instructions.

Compiling a component takes about a second, loading the compiled form 2 to 10 ms. So the
compiled form is cached in the user's cache folder. This process runs what it reads there: a
file that another user could have written is not used, and compiled again instead.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args, get_type_hints

from wasmtime import Config, Engine, Store, Trap, WasmtimeError
from wasmtime.component import Component, Func, Linker, Record, Variant

from . import guard
from .contract import Case, NoResponse, Result
from .errors import LatchError

# Linear memory of one instance. A login needs 2 MiB, and a response of the largest size a
# few times its bytes.
MEMORY_BYTES = 64 << 20

# Fuel of one call, about one for each instruction: a few seconds.
FUEL_PER_CALL = 2_000_000_000

# Held during each call. Only one thread at a time may use a store, and the package
# `wasmtime` converts values with the help of a global variable.
_CALLING = threading.Lock()

_DIGEST_BYTES = 32
# Largest file of a compiled component that is read.
_LARGEST_CODE = 64 << 20
# Compiled components that are kept: two for each of several versions of this package.
_CACHED = 8
_EXTENSION = ".machine-code"

T = TypeVar("T")


class Instance:
    """One instance of a component, which shares nothing with other instances. Threads may
    share it: calls wait for each other."""

    # The component is the file `NAME.wasm`.
    NAME: ClassVar[str]
    # The only interface that it exports.
    INTERFACE: ClassVar[str]

    def __init__(self) -> None:
        component = self.component()
        self._store = Store(engine())
        self._store.set_limits(memory_size=MEMORY_BYTES, instances=8, memories=1, tables=4)
        self._store.set_fuel(FUEL_PER_CALL)
        # An empty linker refuses a component that imports anything.
        instantiate = Linker(engine()).instantiate
        self._instance = _run(self.NAME, instantiate, self._store, component)
        self._interface = self._instance.get_export_index(self._store, self.INTERFACE)
        self._functions: dict[str, Func] = {}

    @classmethod
    @cache
    def component(cls) -> Component:
        """Loads the component, once in a process."""
        return _run(cls.NAME, load, component_bytes(cls.NAME))

    def call(self, name: str, *arguments: object, kind: Any = None) -> Any:
        """Calls a function of the interface. Returns its result, converted into `kind` if
        that is given: a record or a variant of the contract, perhaps optional or in a tuple.

        Raises the failure that the component returns, `sandbox-fault` if the component is
        stopped, and `invalid-configuration` if an argument has another type than the
        contract's.
        """
        with _CALLING:
            function = self._functions.get(name) or self._function(name)
            self._store.set_fuel(FUEL_PER_CALL)
            try:
                lowered = [_lower(argument) for argument in arguments]
                result = _run(self.NAME, function, self._store, *lowered)
            # The caller's settings are checked here. The text could show their values.
            except (TypeError, ValueError):
                raise LatchError(
                    "invalid-configuration",
                    "a setting has the wrong type",
                    "see the types of Client and its parts",
                ) from None
        # A failure is the only record with a remedy.
        if isinstance(result, Record) and hasattr(result, "remedy"):
            raise _failure(result)
        try:
            return _lift(kind, result)
        except (AttributeError, KeyError):
            raise stopped(self.NAME, "its result has the wrong type") from None

    def _function(self, name: str) -> Func:
        index = self._instance.get_export_index(self._store, name, self._interface)
        function = None if index is None else self._instance.get_func(self._store, index)
        if function is None:
            raise stopped(self.NAME, f"it has no function {name}")
        self._functions[name] = function
        return function


class Resource:
    """A resource in an instance of a component, as a function returns it."""

    def __init__(self, instance: Instance, function: str, *arguments: object) -> None:
        self._instance = instance
        self.resource = instance.call(function, *arguments)

    def call(self, name: str, *arguments: object, kind: Any = None) -> Any:
        """Calls a method, as `Instance.call` does."""
        return self._instance.call(name, self, *arguments, kind=kind)


# ---- Conversion of values ------------------------------------------------------------


def _lower(value: object) -> object:
    """Converts a value of the contract into one that the package `wasmtime` takes."""
    if isinstance(value, NoResponse):
        # The package `wasmtime` tells cases apart by their payloads if it can.
        return _lower(value.payload)
    if isinstance(value, Case):
        is_error = isinstance(value, Result) and value.tag == "error"
        return Variant("err" if is_error else value.tag, _lower(value.payload))
    if isinstance(value, Resource):
        return value.resource
    if is_dataclass(value):
        record = Record()
        for member in fields(value):
            setattr(record, kebab(member.name), _lower(getattr(value, member.name)))
        return record
    if isinstance(value, (list, tuple)):
        return [_lower(element) for element in value]
    return value


def _lift(kind: Any, value: Any) -> Any:
    """Converts a value that the package `wasmtime` returned into a type of the contract."""
    parts = get_args(kind) or (kind,)
    inner: Any = next((part for part in parts if is_dataclass(part)), None)
    if isinstance(value, list):
        return tuple(_lift(inner, element) for element in value)
    if inner is None or value is None or isinstance(value, str):
        return value
    if issubclass(inner, Case):
        return inner(value.tag, _lift(inner.CASES[value.tag], value.payload))
    members = _members(inner)
    return inner(**{name: _lift(hint, getattr(value, member)) for name, member, hint in members})


@cache
def _members(record: type) -> list[tuple[str, str, Any]]:
    """Returns the name of each field, its name in the contract, and its type."""
    return [(name, kebab(name), hint) for name, hint in get_type_hints(record).items()]


def kebab(name: str) -> str:
    """Returns a name as it is in the contract."""
    return name.replace("_", "-")


# ---- Loading -------------------------------------------------------------------------


def component_bytes(name: str) -> bytes:
    """Returns the bytes of a component. They come from the file in this package, and no
    setting names another."""
    try:
        return Path(__file__).with_name(f"{name}.wasm").read_bytes()
    except FileNotFoundError:
        option = "" if name == "login" else f" --{name}"
        raise LatchError(
            "sandbox-fault",
            f"the {name} component is not in the folder of this package",
            f"put it there: latch component{option} --output latchstring/{name}.wasm",
        ) from None


def fingerprint() -> tuple[str, int]:
    """Returns the SHA-256 of the login component in hexadecimal, and its size in bytes."""
    component = component_bytes("login")
    return hashlib.sha256(component).hexdigest(), len(component)


@cache
def engine() -> Engine:
    """Returns the engine that compiles and runs every component of this process."""
    config = Config()
    # Fuel counts the same on every machine.
    config.consume_fuel = True
    # Only what the Rust compiler emits for the components.
    config.wasm_simd = False
    config.wasm_relaxed_simd = False
    config.wasm_multi_memory = False
    config.wasm_memory64 = False
    config.wasm_tail_call = False
    # The default reserves 4 GiB, which fails if address space is limited.
    config.memory_reservation = 16 << 20
    config.memory_reservation_for_growth = 4 << 20
    config.memory_guard_size = 64 << 10
    config.memory_init_cow = False
    return Engine(config)


def load(component: bytes) -> Component:
    """Loads a component from the cache if it is there. Otherwise compiles it, and caches it
    if that is possible."""
    folder = _cache_folder()
    if folder is None:
        return Component(engine(), component)
    path = folder / (hashlib.sha256(component).hexdigest() + _EXTENSION)
    code = _read_code(folder, path)
    if code is not None:
        # wasmtime refuses code that was compiled by another version, for another processor
        # or with other settings.
        with contextlib.suppress(WasmtimeError):
            return Component.deserialize(engine(), code)
    compiled = Component(engine(), component)
    with contextlib.suppress(LatchError, OSError):
        _write_code(folder, path, bytes(compiled.serialize()))
    return compiled


def _cache_folder() -> Path | None:
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):
        return Path(named, "latchstring-python")
    parts = ("Library", "Caches") if sys.platform == "darwin" else (".cache",)
    try:
        return Path.home().joinpath(*parts, "latchstring-python")
    # The user has no home folder.
    except RuntimeError:
        return None


def _read_code(folder: Path, path: Path) -> bytes | None:
    try:
        content = guard.is_folder(folder) and guard.read(path, "compiled code", _LARGEST_CODE)
    except LatchError:
        return None
    if not content:
        return None
    # A file that was cut short could crash the process.
    digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return code if hashlib.sha256(code).digest() == digest else None


def _write_code(folder: Path, path: Path, code: bytes) -> None:
    guard.make_folder(folder)
    guard.replace(path, hashlib.sha256(code).digest() + code, prefix=".compiling.")
    files = sorted(folder.glob("*" + _EXTENSION), key=lambda file: file.stat().st_mtime)
    for outdated in files[:-_CACHED]:
        outdated.unlink(missing_ok=True)


# ---- Failures ------------------------------------------------------------------------


_REASONS = {
    "all fuel consumed": "it went past its time limit",
    "call stack exhausted": "its calls were nested too deeply",
    "unreachable": "it failed, or reached its memory limit",
}


def _failure(failure: Any) -> LatchError:
    """Returns the record `failure` as an exception. That of the rules has three members."""
    provider = getattr(failure, "provider", None)
    return LatchError(
        failure.code,
        failure.message,
        failure.remedy,
        retryable=getattr(failure, "retryable", False),
        provider_error=provider and provider.error,
        provider_description=provider and provider.description,
    )


def _run(name: str, function: Callable[..., T], *arguments: object) -> T:
    """Calls a function that runs a component. Raises `sandbox-fault` if it traps."""
    try:
        return function(*arguments)
    except (Trap, WasmtimeError) as error:
        text = str(error) or "no reason was given"
        known = (reason for words, reason in _REASONS.items() if words in text)
        reason = next(known, text.splitlines()[-1].strip())
    raise stopped(name, reason)


def stopped(name: str, reason: str) -> LatchError:
    """Returns the `sandbox-fault` of a component that was stopped."""
    return LatchError(
        "sandbox-fault",
        f"the {name} component was stopped: {reason}",
        "nothing is lost; try again; if this persists, report it with the version of this program",
    )
