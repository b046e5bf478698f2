"""The login component (`wit/login.wit`)."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import NewType, cast

from wasmtime.component import Record, Variant

from .contract import (
    Action,
    Authorization,
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
from .sandbox import Sandbox, SandboxInstance, component_bytes, fault, lift

NAME = "login"
INTERFACE = "latchstring:login/flow@0.2.0"

# A session inside an instance: nothing but the component can look into it.
Session = NewType("Session", object)


def fingerprint() -> tuple[str, int]:
    """By which anyone may check the component: its SHA-256 in hex, and its bytes."""
    component = component_bytes(NAME)
    return hashlib.sha256(component).hexdigest(), len(component)


@cache
def sandbox() -> Sandbox:
    """Loaded once in a process for everybody in it."""
    return Sandbox.load(NAME, INTERFACE)


class Instance(SandboxInstance):
    """One instance of the login component, and the session opened in it."""

    def __init__(self) -> None:
        super().__init__(sandbox())

    def account_key(self, client: Client) -> str:
        return cast(str, self.call("account-key", client))

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
        return _action(_answer(self.call("[method]session.next", session, reply, now_ms)))

    def _open(self, name: str, *arguments: object) -> Session:
        return Session(_answer(self.call(f"[static]session.{name}", *arguments)))


def _answer(value: object) -> object:
    """What a `result` holds; its error is the only record among them."""
    if isinstance(value, Record):
        failure: Failure = lift(Failure, value)
        raise LatchError(
            failure.code,
            failure.message,
            failure.remedy,
            retryable=failure.retryable,
            provider_error=failure.provider.error if failure.provider else None,
            provider_description=failure.provider.description if failure.provider else None,
        )
    return value


# Types of the actions, by their names in the contract.
ACTIONS: dict[str, type] = {
    "lock": Lock,
    "probe": Probe,
    "exchange": Exchange,
    "authorize": Authorization,
    "present": DevicePrompt,
    "visit": Visit,
    "offer": Offer,
    "save": Save,
    "done": Done,
}
OUTCOMES: dict[str, type] = {"granted": Grant, "logged-out": LogoutReport}


def name_of(action: Action) -> str:
    """The name of an action in the contract."""
    return next(name for name, kind in ACTIONS.items() if isinstance(action, kind))


def _action(value: object) -> Action:
    match value:
        case Variant(tag="lock"):
            return Lock()
        case Variant(tag="probe"):
            return Probe()
        case Variant(tag="save", payload=session):
            return Save(session)
        case Variant(tag="done", payload=Variant(tag=tag, payload=outcome)) if tag in OUTCOMES:
            return Done(lift(OUTCOMES[tag], outcome))
        case Variant(tag=tag, payload=payload) if tag in ACTIONS and tag != "done":
            return cast(Action, lift(ACTIONS[tag], payload))
    raise fault(NAME, "it asked for what this host does not know")
