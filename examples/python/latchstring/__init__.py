"""Logs a command line in to any OAuth 2.0 or OpenID Connect provider.

The whole protocol runs in one sandboxed WebAssembly component that imports nothing;
this package carries out what it asks for.
"""

from .bind import Redirect
from .component import fingerprint
from .contract import (
    AccessRules,
    Client,
    Endpoints,
    Examination,
    Grant,
    Header,
    Hexclave,
    LogoutReport,
    Parameter,
)
from .errors import LatchError
from .latch import Settings, login, logout, token
from .terminal import Terminal

__all__ = [
    "AccessRules",
    "Client",
    "Endpoints",
    "Examination",
    "Grant",
    "Header",
    "Hexclave",
    "LatchError",
    "LogoutReport",
    "Parameter",
    "Redirect",
    "Settings",
    "Terminal",
    "fingerprint",
    "login",
    "logout",
    "token",
]
