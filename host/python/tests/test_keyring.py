"""The backend for the library `keyring`, in its own command."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .conftest import LATCH, PACKAGE, VISITOR, Home, Run, Server

INDEX = "https://pypi.example.com/simple/"


def keyring(home: Home, *words: str) -> Run:
    own = {
        "PATH": f"{Path(LATCH).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PACKAGE),
        "PYTHON_KEYRING_BACKEND": "latchstring.keyring.LatchKeyring",
    }
    env = [f"{name}={value}" for name, value in own.items()]
    return home.start("env", *env, sys.executable, "-m", "keyring", *words).finish()


def test_the_command_gets_the_token_for_hosts_that_were_named(home: Home, demo: Server) -> None:
    words = ["--issuer", demo.issuer, "--client-id", "demo", "--scope", "offline_access"]
    login = ["login", *words, "--flow", "browser", "--browser", VISITOR]
    home.native(*login, "--api-origin", "https://pypi.example.com").succeeded()
    token = home.native("token").succeeded().stdout
    assert keyring(home, "get", INDEX, "me").succeeded().stdout == token
    found = keyring(home, "--mode=creds", "--output=json", "get", INDEX, "me").succeeded()
    assert found.stdout == f'{{"username": "me", "password": "{token.strip()}"}}\n'
    public = keyring(home, "get", "https://pypi.org/simple/", "me")
    assert (public.code, public.stdout) == (1, "")
    home.native("logout").succeeded()
    gone = keyring(home, "get", INDEX, "me")
    assert gone.stdout == "" and "latch login" in gone.stderr
