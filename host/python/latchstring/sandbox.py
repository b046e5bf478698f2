"""Loads components and calls their functions by name. A component gets no imports, little
memory and little time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from wasmtime import Config, Engine, Store, Trap, WasmtimeError
from wasmtime.component import Component, Func, Linker, Record, Variant

from . import machine_code
from .contract import Case, NoResponse, Result
from .errors import LatchError

# Linear memory that one instance may have. A login needs 2 MiB, and a response of
# the largest size a few times its bytes.
MEMORY_BYTES = 64 << 20

# Instructions, nearly, that one call may take: the deadline of a sandbox without
# a clock, a few seconds.
FUEL_PER_CALL = 2_000_000_000

# Held during each call. A store is for one thread at a time, and the package `wasmtime`
# converts values with the help of a global variable.
_CALLING = threading.Lock()


def component_bytes(name: str) -> bytes:
    """The bytes of a component: the file beside this one, and no other that an
    environment could name."""
    try:
        return Path(__file__).with_name(f"{name}.wasm").read_bytes()
    except FileNotFoundError:
        option = "" if name == "login" else f" --{name}"
        raise LatchError(
            "sandbox-fault",
            f"the {name} component is not beside this package's modules",
            f"put it there: latch component{option} --output latchstring/{name}.wasm",
        ) from None


@cache
def engine() -> Engine:
    """Compiles and runs every component of this process."""
    config = Config()
    # Fuel, because it counts the same on every machine.
    config.consume_fuel = True
    # Only what the Rust compiler emits for the components.
    config.wasm_simd = False
    config.wasm_relaxed_simd = False
    config.wasm_multi_memory = False
    config.wasm_memory64 = False
    config.wasm_tail_call = False
    # Reserving the whole 4 GiB would fail wherever address space is limited.
    config.memory_reservation = 16 << 20
    config.memory_reservation_for_growth = 4 << 20
    config.memory_guard_size = 64 << 10
    config.memory_init_cow = False
    return Engine(config)


@dataclass(frozen=True, eq=False)
class Sandbox:
    """A component, loaded and ready to be instantiated."""

    # Its file is `NAME.wasm`.
    name: str
    # The only interface that it exports.
    interface: str
    component: Component

    @classmethod
    def load(cls, name: str, interface: str) -> Sandbox:
        component = component_bytes(name)
        return cls(name, interface, _guarded(name, machine_code.load, engine(), component))


class SandboxInstance:
    """One instance of a component, which shares nothing with any other. Threads may
    share it: calls wait for each other."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._name = sandbox.name
        self._store = Store(engine())
        self._store.set_limits(memory_size=MEMORY_BYTES, instances=8, memories=1, tables=4)
        self._store.set_fuel(FUEL_PER_CALL)
        # An empty linker: a component that wants anything at all is refused here.
        linker = Linker(engine())
        self._instance = _guarded(self._name, linker.instantiate, self._store, sandbox.component)
        self._interface = self._instance.get_export_index(self._store, sandbox.interface)
        self._functions: dict[str, Func] = {}

    def call(self, name: str, *arguments: object) -> Any:
        """Calls a function of the interface, and returns its result for `lift`. Raises
        `sandbox-fault` if the component is stopped, and `invalid-configuration` if an
        argument has another type than the contract's."""
        with _CALLING:
            function = self._functions.get(name) or self._function(name)
            self._store.set_fuel(FUEL_PER_CALL)
            try:
                lowered = [_lower(argument) for argument in arguments]
                return _guarded(self._name, function, self._store, *lowered)
            # The caller's settings are checked here; the text could show them.
            except (TypeError, ValueError):
                raise LatchError(
                    "invalid-configuration",
                    "a setting has another type than the contract gives it",
                    "see the types of Client and its parts",
                ) from None

    def _function(self, name: str) -> Func:
        index = self._instance.get_export_index(self._store, name, self._interface)
        function: Func | None = index and self._instance.get_func(self._store, index)
        if function is None:
            raise fault(self._name, f"it has no function {name}")
        self._functions[name] = function
        return function


# ---- Between the two sides' values ---------------------------------------------


def _lower(value: object) -> object:
    if isinstance(value, NoResponse):
        # The package `wasmtime` tells the cases apart by the types of their payloads.
        return _lower(value.payload)
    if isinstance(value, Result):
        return Variant("ok" if value.tag == "ok" else "err", _lower(value.payload))
    if isinstance(value, Case):
        return Variant(value.tag, _lower(value.payload))
    if is_dataclass(value):
        record = Record()
        for member in fields(value):
            setattr(record, _kebab(member.name), _lower(getattr(value, member.name)))
        return record
    if isinstance(value, (list, tuple)):
        return [_lower(element) for element in value]
    return value


def lift(kind: Any, value: object) -> Any:
    """Returns `value` as `kind`: a type of the contract, perhaps optional or in a tuple."""
    parts: tuple[Any, ...] = get_args(kind) or (kind,)
    record_type: Any = next((part for part in parts if is_dataclass(part)), None)
    if isinstance(value, list):
        return tuple(lift(record_type, element) for element in value)
    if record_type is None or value is None:
        return value
    return record_type(
        **{name: lift(hint, getattr(value, _kebab(name))) for name, hint in _hints(record_type)}
    )


@cache
def _hints(kind: type) -> tuple[tuple[str, Any], ...]:
    return tuple(get_type_hints(kind).items())


def _kebab(name: str) -> str:
    return name.replace("_", "-")


# ---- Faults ------------------------------------------------------------------------


def _guarded(name: str, function: Any, *arguments: object) -> Any:
    """Runs the component; a trap is a clean error, without its backtrace."""
    try:
        return function(*arguments)
    except (Trap, WasmtimeError) as error:
        text = str(error)
        if "all fuel consumed" in text:
            reason = "it went past its time limit"
        elif "call stack exhausted" in text:
            reason = "it called itself without end"
        elif "unreachable" in text:
            reason = "it gave up, as it does where it meets a fault or its memory limit"
        else:
            reason = text.splitlines()[-1].strip() if text else "no reason was given"
    raise fault(name, reason)


def fault(name: str, reason: str) -> LatchError:
    return LatchError(
        "sandbox-fault",
        f"the {name} component was stopped: {reason}",
        "nothing is lost; try again, and if it stays so, report it with this package's version",
    )
