"""The functions and their types of `wit/login.wit`. Written by `generate.py`."""

from __future__ import annotations

from .contract import (
    Action,
    Client,
    Context,
    Demand,
    Description,
    DpopKey,
    Facts,
    FlowChoice,
    LoginRequest,
    ProvenRequest,
    Reply,
    Tokens,
)
from .sandbox import Instance, Resource


class Session(Resource):
    """One login, one request for a token, one logout or one adoption, as a sequence
    of actions and replies.

    `stored` is what the host last saved under this client's `account-key`; none
    if there is nothing.
    """

    @classmethod
    def login(
        cls,
        instance: Instance,
        client: Client,
        stored: bytes | None,
        request: LoginRequest,
        context: Context,
    ) -> Session:
        """Logs the user in: in a browser (RFC 6749 §4.1, RFC 7636, RFC 8252), with a
        code on another device (RFC 8628), or on a page of Hexclave.
        """
        return cls(instance, "[static]session.login", client, stored, request, context)

    @classmethod
    def token(
        cls,
        instance: Instance,
        client: Client,
        stored: bytes | None,
        demand: Demand,
        context: Context,
    ) -> Session:
        """Gets a token that meets `demand`: the stored one, or a renewed one (RFC 6749
        §6).
        """
        return cls(instance, "[static]session.token", client, stored, demand, context)

    @classmethod
    def logout(
        cls,
        instance: Instance,
        client: Client,
        stored: bytes | None,
        unregister: bool,
        context: Context,
    ) -> Session:
        """Ends the session here and, if possible, at the provider (RFC 7009). With
        `unregister`, the client that this program registered is removed there too (RFC 7592
        §2.3), which ends every session that was made with it.
        """
        return cls(instance, "[static]session.logout", client, stored, unregister, context)

    @classmethod
    def adopt(cls, instance: Instance, client: Client, tokens: Tokens, context: Context) -> Session:
        """Makes a session of another program's tokens, without a login. They include
        no ID token: it would be too old to be trusted.
        """
        return cls(instance, "[static]session.adopt", client, tokens, context)

    def next(self, reply: Reply, now_ms: int) -> Action:
        """Takes the result of the last action and the time at which it arrived.
        Returns the next action.

        A reply that does not fit the last action fails with `unexpected-reply`. This
        ends the session, as every failure does. A session that has ended fails with
        `unexpected-reply` whatever the reply is.
        """
        return self.call("[method]session.next", reply, now_ms, kind=Action)


class LoginComponent(Instance):
    """One instance. A function raises the failure that it returns, or `sandbox-fault`."""

    NAME = "login"
    INTERFACE = "latchstring:login/flow@0.3.0"

    def choose_flow(self, facts: Facts) -> FlowChoice:
        """Returns the flow that fits these facts. A login without a `flow` chooses the
        same way, once it knows what the provider offers.
        """
        return self.call("choose-flow", facts, kind=FlowChoice)

    def account_key(self, client: Client) -> str:
        """Returns the name under which to store this client's session: lower-case
        letters and digits. Settings that ask for a different token have a different
        name: another issuer, client, scope, resource, authorization or token
        endpoint, or parameter of the authorization request. Parameters that only
        change how the user is asked (OIDC §3.1.2.1: `prompt`, `display`, ...) make no
        difference. With `resource-url`, only that URL does.
        """
        return self.call("account-key", client)

    def describe(self, stored: bytes, now_ms: int) -> Description:
        """Describes a stored session, without its secrets. Fails with `stored-damaged`
        or `stored-newer` if it cannot be read.
        """
        return self.call("describe", stored, now_ms, kind=Description)

    def proof_input(self, key: DpopKey, request: ProvenRequest, context: Context) -> str:
        """Returns what to sign for a request to an API with a token that is bound to `key`: the
        proof is this, a dot, and the signature in base64url (RFC 9449 §4.2). Each request
        needs a proof of its own.
        """
        return self.call("proof-input", key, request, context)
