"""The component in its cage: no imports, little memory, little time."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, NewType, TypeVar, cast, get_args, get_type_hints

from wasmtime import Config, Engine, Store, Trap, WasmtimeError
from wasmtime.component import Component, Func, Linker, Record, Variant

from . import machine_code
from .contract import (
    Action,
    Authorization,
    Case,
    Client,
    Context,
    Demand,
    DevicePrompt,
    Done,
    Exchange,
    Failure,
    Grant,
    Lock,
    LoginRequest,
    LogoutReport,
    Offer,
    Probe,
    Reply,
    Save,
    Tokens,
    Visit,
)
from .errors import LatchError

INTERFACE = "latchstring:login/flow@0.1.0"

# Linear memory that one instance may have. A login needs 2 MiB, and a response of
# the largest size a few times its bytes.
MEMORY_BYTES = 64 << 20

# Instructions, nearly, that one call may take: the deadline of a sandbox without
# a clock, a few seconds.
FUEL_PER_CALL = 2_000_000_000

# A session inside an instance: nothing but the component can look into it.
Session = NewType("Session", object)

T = TypeVar("T")


def component_bytes() -> bytes:
    """The component, as anyone may check it: the file beside this one, and no
    other that an environment could name."""
    try:
        return Path(__file__).with_name("login.wasm").read_bytes()
    except FileNotFoundError:
        raise LatchError(
            "sandbox-fault",
            "the login component is not beside this package's modules",
            "put it there: latch component --output latchstring/login.wasm",
        ) from None


def fingerprint() -> tuple[str, int]:
    """By which anyone may check the component: its SHA-256 in hex, and its bytes."""
    component = component_bytes()
    return hashlib.sha256(component).hexdigest(), len(component)


class Sandbox:
    """The component, loaded and ready to be instantiated."""

    def __init__(self) -> None:
        self.engine = Engine(_config())
        self.component = _guarded(machine_code.load, self.engine, component_bytes())

    def instantiate(self) -> Instance:
        """A fresh instance, which shares nothing with any other."""
        return Instance(self.engine, self.component)


@cache
def sandbox() -> Sandbox:
    """Loaded once in a process for everybody in it."""
    return Sandbox()


class Instance:
    """One instance of the component: its functions, and the session opened in it."""

    def __init__(self, engine: Engine, component: Component) -> None:
        self._store = Store(engine)
        self._store.set_limits(memory_size=MEMORY_BYTES, instances=8, memories=1, tables=4)
        self._store.set_fuel(FUEL_PER_CALL)
        # An empty linker: a component that wants anything at all is refused here.
        linker = Linker(engine)
        self._instance = _guarded(linker.instantiate, self._store, component)
        self._interface = self._instance.get_export_index(self._store, INTERFACE)
        self._next = self._function("[method]session.next")

    def account_key(self, client: Client) -> str:
        return cast(str, self._call(self._function("account-key"), client))

    def login(
        self, client: Client, stored: bytes | None, request: LoginRequest, context: Context
    ) -> Session:
        return self._open("login", client, stored, request, context)

    def token(
        self, client: Client, stored: bytes | None, demand: Demand, context: Context
    ) -> Session:
        return self._open("token", client, stored, demand, context)

    def logout(self, client: Client, stored: bytes | None, context: Context) -> Session:
        return self._open("logout", client, stored, context)

    def adopt(self, client: Client, tokens: Tokens, context: Context) -> Session:
        return self._open("adopt", client, tokens, context)

    def next(self, session: Session, reply: Reply, now_ms: int) -> Action:
        return _action(_answer(self._call(self._next, session, reply, now_ms)))

    def _open(self, name: str, *arguments: object) -> Session:
        function = self._function(f"[static]session.{name}")
        return Session(_answer(self._call(function, *arguments)))

    def _function(self, name: str) -> Func:
        index = self._instance.get_export_index(self._store, name, self._interface)
        function: Func | None = index and self._instance.get_func(self._store, index)
        if function is None:
            raise _fault(f"it has no function {name}")
        return function

    def _call(self, function: Func, *arguments: object) -> object:
        self._store.set_fuel(FUEL_PER_CALL)
        try:
            lowered = [_lower(argument) for argument in arguments]
            return _guarded(function, self._store, *lowered)
        # What the caller gave has another type than the contract's; the text
        # could show it.
        except (TypeError, ValueError):
            raise LatchError(
                "invalid-configuration",
                "a setting has another type than the contract gives it",
                "see the types of Client and its parts",
            ) from None


def _config() -> Config:
    config = Config()
    # Fuel, because it counts the same on every machine.
    config.consume_fuel = True
    # Only what the Rust compiler emits for the component.
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
    return config


# ---- Between the two sides' values ---------------------------------------------


def _lower(value: object) -> object:
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


def _lift(kind: Any, value: object) -> Any:
    """`value` as `kind`: a type of the contract, perhaps optional or in a tuple."""
    parts: tuple[Any, ...] = get_args(kind) or (kind,)
    record_type: Any = next((part for part in parts if is_dataclass(part)), None)
    if isinstance(value, list):
        return tuple(_lift(record_type, element) for element in value)
    if record_type is None or value is None:
        return value
    return record_type(
        **{name: _lift(hint, getattr(value, _kebab(name))) for name, hint in _hints(record_type)}
    )


@cache
def _hints(kind: type) -> tuple[tuple[str, Any], ...]:
    return tuple(get_type_hints(kind).items())


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def _answer(value: object) -> object:
    """What a `result` holds; its error is the only record among them."""
    if isinstance(value, Record):
        failure: Failure = _lift(Failure, value)
        raise LatchError(
            failure.code,
            failure.message,
            failure.remedy,
            retryable=failure.retryable,
            provider_error=failure.provider.error if failure.provider else None,
            provider_description=failure.provider.description if failure.provider else None,
        )
    return value


ACTIONS: dict[str, type] = {
    "exchange": Exchange,
    "authorize": Authorization,
    "present": DevicePrompt,
    "visit": Visit,
    "offer": Offer,
}
OUTCOMES: dict[str, type] = {"granted": Grant, "logged-out": LogoutReport}


def _action(value: object) -> Action:
    match value:
        case Variant(tag="lock"):
            return Lock()
        case Variant(tag="probe"):
            return Probe()
        case Variant(tag="save", payload=session):
            return Save(session)
        case Variant(tag="done", payload=Variant(tag=tag, payload=outcome)) if tag in OUTCOMES:
            return Done(_lift(OUTCOMES[tag], outcome))
        case Variant(tag=tag, payload=payload) if tag in ACTIONS:
            return cast(Action, _lift(ACTIONS[tag], payload))
    raise _fault("it asked for what this host does not know")


# ---- Faults ------------------------------------------------------------------------


def _guarded(function: Any, *arguments: object) -> Any:
    """Runs the component; a trap is a clean error, without its backtrace."""
    try:
        return function(*arguments)
    except (Trap, WasmtimeError) as error:
        text = str(error)
        if "all fuel consumed" in text:
            reason = "it went past its time limit"
        elif "unreachable" in text:
            reason = "it gave up, as it does where it meets a fault or its memory limit"
        else:
            reason = text.splitlines()[-1].strip() if text else "no reason was given"
    raise _fault(reason)


def _fault(reason: str) -> LatchError:
    return LatchError(
        "sandbox-fault",
        f"the login component was stopped: {reason}",
        "nothing is lost; try again, and if it stays so, report it with this package's version",
    )
