"""The login component (`wit/login.wit`)."""

from __future__ import annotations

import hashlib
from typing import NewType

from .contract import Action, Client, Context, Demand, LoginRequest, Reply, Tokens
from .sandbox import Instance, component_bytes

# A handle of a session in an instance.
Session = NewType("Session", object)


def fingerprint() -> tuple[str, int]:
    """Returns the SHA-256 of the login component in hexadecimal, and its size in bytes."""
    component = component_bytes(LoginComponent.NAME)
    return hashlib.sha256(component).hexdigest(), len(component)


class LoginComponent(Instance):
    """One instance of the login component. Every method may raise a failure of the
    component, or `sandbox-fault`."""

    NAME = "login"
    INTERFACE = "latchstring:login/flow@0.2.0"

    def account_key(self, client: Client) -> str:
        """Returns the name under which to store this client's session."""
        return self.call("account-key", client)

    def login(
        self, client: Client, stored: bytes | None, request: LoginRequest, context: Context
    ) -> Session:
        return self.call("[static]session.login", client, stored, request, context)

    def token(
        self, client: Client, stored: bytes | None, demand: Demand, context: Context
    ) -> Session:
        return self.call("[static]session.token", client, stored, demand, context)

    def logout(self, client: Client, stored: bytes | None, context: Context) -> Session:
        return self.call("[static]session.logout", client, stored, context)

    def adopt(self, client: Client, tokens: Tokens, context: Context) -> Session:
        return self.call("[static]session.adopt", client, tokens, context)

    def next(self, session: Session, reply: Reply, now_ms: int) -> Action:
        """Takes the result of the last action. Returns the next action."""
        return self.call("[method]session.next", session, reply, now_ms, kind=Action)
