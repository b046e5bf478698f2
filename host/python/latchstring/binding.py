"""Binding a login to the browser that began it (RFC 9700 §2.1.1).

Another user of this machine can read a browser's command line, and finish the login
that stands there as themselves: state, nonce and PKCE would all match, and this
person would act as the other. So the browser is sent to a local address first, which
works once and gives it a cookie. Only who brings the cookie back has come from there.

    opened   http://127.0.0.1:PORT/latchstring/start?ticket=...   works once
    printed  http://127.0.0.1:PORT/latchstring/start?ticket=...   nobody else sees it
    both     -> cookie, on to the provider -> callback with the cookie
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Literal

from . import pages
from .callback import START_PATH
from .pages import Page

# What a visit that is no way on to the provider is: the redirect from a browser that
# began here; an answer from one that did not; a local address that does not work, or
# not any more; the opened address for a second time, from another browser, so that
# neither is believed any more.
Passage = Literal["redirect", "another-browser", "used-address", "taken"]


class Binding:
    """A login's one-time addresses, and the cookies it has given out."""

    def __init__(self, origin: str, authorization_url: str, entropy: Callable[[], bytes]) -> None:
        self._entropy = entropy
        self._start = f"{origin}{START_PATH}?ticket="
        self._authorization_url = authorization_url
        # Its own for every login: cookies do not tell ports apart.
        self._cookie_name = f"latchstring-{self._secret()[:16]}"
        self._opened = self._secret()
        self._printed = self._secret()
        # The cookie of the browser that used the opened address.
        self._opened_by: str | None = None
        self._accepted: set[str] = set()

    def go_on_to(self, authorization_url: str) -> None:
        """The login goes on at another address of the provider's, in the same browser."""
        self._authorization_url = authorization_url

    @property
    def opened_address(self) -> str:
        """For the browser's command line."""
        return self._start + self._opened

    @property
    def printed_address(self) -> str:
        """For the person's eyes: opens in any browser of this machine, as often as
        they like."""
        return self._start + self._printed

    @property
    def goodbye(self) -> str:
        """The `Set-Cookie` header that takes the cookie back."""
        return f"{self._cookie_name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"

    def renew(self) -> None:
        """Gives the opened address another ticket."""
        self._opened = self._secret()
        self._opened_by = None

    def judge(self, target: str, cookies: str) -> Passage | Page:
        """What to make of a visit with this `Cookie` header; a page is the way on."""
        known = self._cookie(cookies)
        path, _, query = target.partition("?")
        if path != START_PATH:
            return "redirect" if known in self._accepted else "another-browser"
        ticket = query.removeprefix("ticket=")
        if secrets.compare_digest(ticket, self._printed):
            return self._forward(known if known in self._accepted else None)
        if not secrets.compare_digest(ticket, self._opened):
            return "used-address"
        if self._opened_by is None:
            self._opened_by = self._secret()
        # Unless the same browser was reloaded.
        elif known != self._opened_by:
            self._accepted.discard(self._opened_by)
            # Nor does a reload let the first one in again.
            self.renew()
            return "taken"
        return self._forward(self._opened_by)

    def _forward(self, cookie: str | None) -> Page:
        """On to the provider, with a cookie that the callback is known by."""
        cookie = cookie or self._secret()
        self._accepted.add(cookie)
        # Lax: it comes back when the provider's page sends the browser here.
        header = f"{self._cookie_name}={cookie}; Path=/; HttpOnly; SameSite=Lax"
        return pages.forward(self._authorization_url, header)

    def _secret(self) -> str:
        return base64.urlsafe_b64encode(self._entropy()).decode().rstrip("=")

    def _cookie(self, cookies: str) -> str | None:
        for pair in cookies.split(";"):
            name, equals, value = pair.strip().partition("=")
            if equals and name == self._cookie_name:
                return value
        return None
