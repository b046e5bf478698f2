"""Logs a command line in to any OAuth 2.0 or OpenID Connect provider.

A WebAssembly component without imports makes every protocol decision. This package carries
out its actions.
"""

from .bind import Redirect
from .contract import (
    AccessRules,
    Audience,
    Client,
    Endpoints,
    Examination,
    Hexclave,
    LogoutReport,
    Parameter,
    Tokens,
)
from .errors import LatchError
from .latch import adopt, login, login_to, logout, token, token_for, token_or_login
from .sandbox import fingerprint
from .settings import Settings
from .terminal import Terminal
from .token import Token

__all__ = [
    "AccessRules",
    "Audience",
    "Client",
    "Endpoints",
    "Examination",
    "Hexclave",
    "LatchError",
    "LogoutReport",
    "Parameter",
    "Redirect",
    "Settings",
    "Terminal",
    "Token",
    "Tokens",
    "adopt",
    "fingerprint",
    "login",
    "login_to",
    "logout",
    "token",
    "token_for",
    "token_or_login",
]
