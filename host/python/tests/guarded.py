"""A protected resource and its authorization server, in one, on a loopback address. Approves
every login at once."""

from __future__ import annotations

import json
import threading
import urllib.request
from contextlib import suppress
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit

from .conftest import PATIENCE

Form = dict[str, str]


class Guarded:
    """The server, and what it was asked."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/mcp"
        # The issuer that the resource names.
        self.issuer = self.origin
        # The bodies of registrations, and their `Authorization` headers.
        self.registered: list[dict[str, Any]] = []
        self.introduced: list[str | None] = []
        # Authorization requests and token requests.
        self.authorized: list[Form] = []
        self.redeemed: list[Form] = []
        # Whether it registers no redirect URI with an IP address.
        self.wants_localhost = False
        # The tokens of the registrations that were removed.
        self.removed: list[str | None] = []
        # The error of the next token requests.
        self.refusal: str | None = None
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def challenge(self, **more: str) -> str:
        """Returns a `WWW-Authenticate` value of the resource."""
        place = f"{self.origin}/.well-known/oauth-protected-resource/mcp"
        members = {"resource_metadata": place} | more
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in members.items())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def browse(self, address: str) -> None:
        """Opens an address as a user's browser."""
        threading.Thread(target=_browse, args=[address]).start()

    def answer(self, path: str, body: bytes, proof: str | None) -> tuple[int, dict[str, str], Any]:
        """Returns the status, the headers and the JSON of the answer."""
        target = urlsplit(path)
        match target.path:
            case "/mcp":
                return 401, {"WWW-Authenticate": self.challenge(scope="read")}, {}
            case "/.well-known/oauth-protected-resource/mcp":
                return 200, {}, {"resource": self.url, "authorization_servers": [self.issuer]}
            case "/.well-known/oauth-authorization-server":
                return 200, {}, self._metadata()
            case "/register":
                asked = json.loads(body)
                if self.wants_localhost and "127.0.0.1" in asked["redirect_uris"][0]:
                    return 400, {}, {"error": "invalid_redirect_uri"}
                self.registered.append(asked)
                self.introduced.append(proof)
                number = len(self.registered)
                client = {
                    "client_id": f"client-{number}",
                    "registration_client_uri": f"{self.origin}/registered",
                    "registration_access_token": f"registration-{number}",
                }
                return 201, {}, asked | client
            case "/registered":
                self.removed.append(proof)
                return 204, {}, None
            case "/authorize":
                self.authorized.append(dict(parse_qsl(target.query)))
                asked = self.authorized[-1]
                back = {"code": "a", "state": asked["state"], "iss": self.issuer}
                return 303, {"Location": f"{asked['redirect_uri']}?{urlencode(back)}"}, {}
            case "/token":
                self.redeemed.append(dict(parse_qsl(body.decode())))
                if self.refusal is not None:
                    return 401, {}, {"error": self.refusal}
                return 200, {}, self._tokens(len(self.redeemed))
        return 404, {}, {}

    def _tokens(self, number: int) -> dict[str, Any]:
        return {
            "access_token": f"token-{number}",
            "refresh_token": f"refresh-{number}",
            "token_type": "Bearer",
            "expires_in": 3600,
        }

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "registration_endpoint": f"{self.issuer}/register",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": True,
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        guarded = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                proof = self.headers.get("Authorization")
                status, headers, document = guarded.answer(self.path, body, proof)
                content = json.dumps(document).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_DELETE = do_GET

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _browse(address: str) -> None:
    cookies = urllib.request.HTTPCookieProcessor(CookieJar())
    # The last page of a login that failed.
    with suppress(HTTPError):
        urllib.request.build_opener(cookies).open(address, timeout=PATIENCE).close()
