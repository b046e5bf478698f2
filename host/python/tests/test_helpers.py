"""Programs that pip installs, with `latch` as their credential helper."""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .conftest import LATCH, VISITOR, Home, Run, Server


class Index:
    """A package index that takes one token, and a token service that takes any ID token."""

    def __init__(self) -> None:
        # The password of each request; None: it had none.
        self.passwords: list[str | None] = []
        self.exchanged: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, proof: str | None, body: str) -> tuple[int, str, str]:
        if path == "/token":
            self.exchanged.append(body)
            token = {
                "access_token": "of-google",
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "token_type": "Bearer",
                "expires_in": 3600,
            }
            return 200, "application/json", json.dumps(token)
        pair = base64.b64decode(proof.removeprefix("Basic ")).decode() if proof else ":"
        self.passwords.append(pair.split(":", 1)[1] or None)
        if self.passwords[-1] is None:
            return 401, "text/html", ""
        if path == "/simple/tiny/":
            wheel = "tiny-1.0-py3-none-any.whl"
            return 200, "text/html", f'<a href="/{wheel}#sha256={"0" * 64}">{wheel}</a>'
        return 404, "text/html", ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                proof = self.headers.get("Authorization")
                status, kind, text = index.answer(self.path, proof, body)
                self.send_response(status)
                if status == 401:
                    self.send_header("WWW-Authenticate", 'Basic realm="tests"')
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def index() -> Iterator[Index]:
    server = Index()
    yield server
    server.close()


def log_in(home: Home, demo: Server, origin: str) -> None:
    words = ["--issuer", demo.issuer, "--client-id", "demo", "--scope", "openid"]
    words += ["--scope", "offline_access", "--flow", "browser", "--browser", VISITOR]
    home.native("login", *words, "--api-origin", origin).succeeded()


def run(home: Home, *words: str, **more: str) -> Run:
    """Runs a program that finds `latch`, and its link named `keyring`."""
    launchers = home.folder / "launchers"
    launchers.mkdir(exist_ok=True)
    if not (launchers / "keyring").exists():
        (launchers / "keyring").symlink_to(LATCH)
    path = os.pathsep.join([str(launchers), str(Path(LATCH).parent), os.environ["PATH"]])
    env = [f"{name}={value}" for name, value in ({"PATH": path} | more).items()]
    return home.start("env", *env, *words).finish()


def resolve(home: Home, origin: str) -> Run:
    wanted = home.folder / "wanted.in"
    wanted.write_text("tiny\n")
    url = origin.replace("://", "://oauth2@") + "/simple/"
    words = ["pip", "compile", str(wanted), "--index-url", url, "--no-cache", "--no-config"]
    uv = [sys.executable, "-m", "uv", *words, "--keyring-provider", "subprocess"]
    return run(home, *uv, UV_HTTP_RETRIES="0")


def test_uv_gets_the_token(home: Home, demo: Server, index: Index) -> None:
    log_in(home, demo, index.origin)
    said = resolve(home, index.origin).stderr
    token = home.native("token").succeeded().stdout.strip()
    assert index.passwords[-1] == token, said
    home.expire()
    resolve(home, index.origin)
    assert index.passwords[-1] == home.native("token").succeeded().stdout.strip()
    assert len(set(index.passwords) - {None}) == 2, "one refresh"
    home.native("logout").succeeded()
    asked = len(index.passwords)
    assert "latch login" in resolve(home, index.origin).stderr
    assert set(index.passwords[asked:]) <= {None}


def test_uv_gives_no_token_to_a_host_that_nobody_named(
    home: Home, demo: Server, index: Index
) -> None:
    log_in(home, demo, "https://pypi.example.com")
    resolve(home, index.origin)
    assert set(index.passwords) == {None}


GOOGLE = """
import sys
from google.auth import pluggable
from google.auth.transport.requests import Request

credentials = pluggable.Credentials.from_info({
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    "token_url": sys.argv[1],
    "credential_source": {
        "executable": {"command": sys.argv[2] + " credential gcloud", "timeout_millis": 30000}
    },
})
credentials.refresh(Request())
print(credentials.token)
"""


def google(home: Home, index: Index) -> Run:
    words = [sys.executable, "-c", GOOGLE, f"{index.origin}/token", LATCH]
    return run(home, *words, GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="1")


def test_google_auth_exchanges_the_id_token(home: Home, demo: Server, index: Index) -> None:
    log_in(home, demo, index.origin)
    assert google(home, index).succeeded().stdout == "of-google\n"
    id_token = home.native("token", "--id-token").succeeded().stdout.strip()
    assert f"subject_token={id_token}" in index.exchanged[0]
    home.native("logout").succeeded()
    gone = google(home, index)
    assert gone.code != 0 and "latch login" in gone.stderr
