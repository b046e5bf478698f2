"""Lists the tools of an MCP server, and logs the user in when the server asks for it:
`python main.py https://mcp.example.com/mcp`. Needs Python 3.11.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator

import httpx2
import latchstring
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

# How often one request is sent. A server that still refuses it then has no use for a token.
ATTEMPTS = 3


class LatchAuth(httpx2.Auth):
    """Sends the stored token for the server at `url`, and gets another one if the server
    refuses it: refreshed, or by a login."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Other requests wait for a login that has begun, and use its token.
        self._lock = asyncio.Lock()

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        challenge: str | None = None
        for _ in range(ATTEMPTS):
            async with self._lock:
                # A login takes as long as the user does.
                token = await asyncio.to_thread(self._token, challenge)
            if token is not None:
                request.headers.update(token.headers)
            response = yield request
            challenge = response.headers.get("www-authenticate")
            if response.status_code not in {401, 403} or challenge is None:
                return

    def _token(self, challenge: str | None) -> latchstring.Token | None:
        try:
            return latchstring.token_for(self._url, challenge)
        except latchstring.LatchError as error:
            if error.code != "login-required":
                raise
        # Before the first challenge, the server may not require a token.
        return None if challenge is None else latchstring.login_to(self._url, challenge)


async def list_tools(url: str) -> None:
    async with (
        httpx2.AsyncClient(auth=LatchAuth(url), timeout=30) as client,
        streamable_http_client(url, http_client=client) as (read, write),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        for tool in (await session.list_tools()).tools:
            print(tool.name)


def main() -> None:
    try:
        asyncio.run(list_tools(sys.argv[1]))
    except ExceptionGroup as group:
        # The SDK sends requests in tasks, whose errors come in groups.
        error: Exception | None = group.subgroup(latchstring.LatchError)
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if not isinstance(error, latchstring.LatchError):
            raise
        sys.exit(f"{error} ({error.code})\n{error.remedy}")


if __name__ == "__main__":
    main()
