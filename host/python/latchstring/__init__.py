"""Logs a command line in to any OAuth 2.0 or OpenID Connect provider.

A WebAssembly component without imports makes every protocol decision. This package carries
out its actions.
"""

from .bind import Redirect
from .contract import (
    AccessRules,
    Audience,
    Client,
    ClientKey,
    DpopKey,
    Endpoints,
    Examination,
    GrantType,
    Hexclave,
    LogoutReport,
    Parameter,
    TokenExchange,
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
    "ClientKey",
    "DpopKey",
    "Endpoints",
    "Examination",
    "GrantType",
    "Hexclave",
    "LatchError",
    "LogoutReport",
    "Parameter",
    "Redirect",
    "Settings",
    "Terminal",
    "Token",
    "TokenExchange",
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
