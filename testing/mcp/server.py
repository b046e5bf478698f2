"""An MCP server made with the official SDK for Python: `python server.py ISSUER SCOPE`.

Prints its URL, and serves until it is stopped. Introspects tokens at the issuer (RFC 7662), as
the client `server` with the secret `secret`.
"""

import json
import socket
import sys
import urllib.parse
import urllib.request

import anyio.to_thread
import uvicorn
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

issuer, scope = sys.argv[1:]


class Introspection:
    """Asks the issuer about each token."""

    async def verify_token(self, token: str) -> AccessToken | None:
        answer = await anyio.to_thread.run_sync(introspect, token)
        if not answer["active"]:
            return None
        return AccessToken(
            token=token,
            client_id=answer["client_id"],
            scopes=answer["scope"].split(),
            expires_at=answer["exp"],
            resource=answer["aud"],
        )


def introspect(token: str) -> dict:
    form = {"token": token, "client_id": "server", "client_secret": "secret"}
    body = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{issuer}/token/introspection", body) as answer:
        return json.load(answer)


listener = socket.create_server(("127.0.0.1", 0))
url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
server = MCPServer(
    "tests",
    log_level="WARNING",
    token_verifier=Introspection(),
    auth=AuthSettings(
        issuer_url=issuer,
        resource_server_url=url,
        required_scopes=[scope],
        validate_token_resource=True,
    ),
)


@server.tool()
def greet() -> str:
    return "hello"


print(url, flush=True)
app = server.streamable_http_app(stateless_http=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
