"""Settings of a program that uses this package, and the parts of this host that it can
replace."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .bind import Redirect
from .clock import Clock
from .contract import (
    AssertionRequest,
    LoginFlow,
    NoResponse,
    Request,
    Response,
    SigningRequest,
)
from .store import Store
from .terminal import Terminal

if TYPE_CHECKING:
    from .http import Reaches
    from .listener import Listen

# Sends a request that the egress policy has permitted. The last argument is the time limit
# in seconds; None is the sender's own. Returns the response, or why there is none.
Send = Callable[[Request, "Reaches", float | None], Response | NoResponse]


# Most calls of `token` find one that is still valid, and do not load HTTP and TLS.


def _send(request: Request, reaches: Reaches, timeout: float | None) -> Response | NoResponse:
    from . import http

    return http.send(request, reaches, timeout)


def _entropy() -> bytes:
    return os.urandom(32)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of this program. Each has a default."""

    # Each profile has its own session.
    profile: str = "default"
    # None: chosen by the component, from this machine and what the provider offers.
    flow: LoginFlow | None = None
    redirect: Redirect = Redirect()
    # Time limit for the user. None: the lifetime of the device code if there is one,
    # otherwise five minutes.
    patience_seconds: float | None = None
    # Host of the only issuer at which a login by the URL of a resource may log the user in.
    # None: the user is asked on a terminal, once for each issuer on another host than the
    # resource.
    accept_issuer: str | None = None
    # Whether a login by the URL of a resource registers a new client although it knows one.
    register_anew: bool = False
    # The initial access token for registering a client (RFC 7591 §3). It goes nowhere else
    # and is never stored.
    initial_access_token: str | None = field(default=None, repr=False)
    # If False, the user opens the address by hand.
    open_browser: bool = True
    # A command to run with the address as its last argument, without a shell, or a function
    # that takes the address. None: the browser that the user or the desktop has chosen.
    browser: str | Callable[[str], object] | None = None
    # Folder of the file store. None: the user's, which `latch` uses too.
    state_folder: Path | None = None
    # How long to wait for another process that holds the session's lock.
    lock_seconds: float = 60.0
    terminal: Terminal = Terminal()
    # Returns the store for a profile and an account. For the registration of a client, which
    # all profiles share, the profile is `registration+`, a name that no profile can have.
    # None: files in `state_folder`.
    store: Callable[[str, str], Store] | None = None
    send: Send = _send
    clock: Clock = Clock()
    # Returns at least 32 bytes from a cryptographically secure random source, fresh at each
    # call.
    entropy: Callable[[], bytes] = _entropy
    # Reads the assertion that a client presents (RFC 7521), anew at each call.
    assertion: Callable[[AssertionRequest], str] | None = None
    # Signs with the key that `Client.key` or `Client.dpop` describes: of ES256, the signature is
    # `R || S`.
    sign: Callable[[SigningRequest], bytes] | None = None
    # Decrypts a token in compact form (RFC 7516) with the client's key, if `Client.decrypts`.
    decrypt: Callable[[str], str] | None = None
    # Starts a listener. None: one on a loopback address.
    listen: Listen | None = None

    @property
    def patience_ms(self) -> int | None:
        """The time limit for the user in milliseconds."""
        seconds = self.patience_seconds
        return None if seconds is None else max(0, int(seconds * 1000))
