"""What the browser shows when it comes back: no script, nothing from elsewhere and
nowhere to go (RFC 9700 §4.2.4)."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import LatchError

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_STYLE = """
:root { color-scheme: light dark; --soft: #59626e; --line: #e2e5e9; }
@media (prefers-color-scheme: dark) { :root { --soft: #a0a9b6; --line: #2a2f37; } }
body { max-width: 28rem; margin: 15vh auto 0; padding: 0 1rem; overflow-wrap: anywhere;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.375rem; }
dt, aside { color: var(--soft); font-size: .8125rem; }
dd { margin: 0 0 .75rem; }
aside { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: 1rem; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = NOTHING.replace(";", f"; style-src 'sha256-{_STYLE_HASH}';", 1)


@dataclass(frozen=True)
class Page:
    status: int
    html: str = ""
    policy: str = NOTHING
    # Where the browser goes at once, and what it keeps, as headers.
    location: str | None = None
    cookie: str | None = None


def forward(url: str, cookie: str | None) -> Page:
    """Sends the browser on at once, with a cookie to keep."""
    return Page(303, location=url, cookie=cookie)


def success() -> Page:
    return _page(
        200,
        "You are logged in",
        "You can close this window and go back to your terminal.",
    )


def failed(error: LatchError) -> Page:
    """The person or the provider said no, or the login could not be finished."""
    details = [("What happened", error.message)]
    if error.provider_error is not None:
        said = [error.provider_error, error.provider_description]
        details.append(("What the provider said", ": ".join(part for part in said if part)))
    details += [("What to do", error.remedy), ("Code", error.code)]
    refused = error.code == "access-denied"
    return _page(
        403 if refused else 500,
        "Login refused" if refused else "Login failed",
        "You can close this window and go back to your terminal.",
        details,
    )


def stray(reason: str) -> Page:
    """This is not the answer that the login waits for."""
    return _page(
        400,
        "Not the answer this login waits for",
        "Nothing has changed, and the login still waits. Finish it in the window that it opened, "
        "or start it again in your terminal.",
        [("Why", reason)],
    )


def used_address() -> Page:
    """A local address that does not work, or does not work any more."""
    return _page(
        410,
        "This address was used already",
        "It works once, so that nobody else on this machine can log in with it. If it was not you "
        "who used it, somebody else may have: go back to your terminal and ask for a fresh one.",
    )


def another_browser() -> Page:
    """The answer of a login that began in another browser, or nowhere here."""
    return _page(
        403,
        "Not the browser that began this login",
        "Nothing has changed, and the login still waits. Open the address from your terminal in "
        "this browser, and let it keep cookies for this machine. If that does not help, copy the "
        "whole address of this page and paste it in your terminal.",
    )


def another_user() -> Page:
    """The browser of another user of this machine."""
    return _page(
        403,
        "This browser belongs to another user",
        "It runs as another user of this machine than the program that waits here. Nothing has "
        "changed, and that program still waits. Use a browser of the user who runs it.",
    )


def finished() -> Page:
    """Whoever comes when the login has ended, well or not."""
    return _page(
        410,
        "Already finished",
        "Look at your terminal: it shows how this login ended. You can close this window.",
    )


def abandoned() -> Page:
    """Nobody waits for this answer any more."""
    return _page(
        503,
        "Login abandoned",
        "The program that waited for this answer has stopped. You can close this window and start "
        "the login again in your terminal.",
    )


def sentence(phrase: str) -> str:
    """A phrase of the component as a sentence."""
    return f"{_capitalized(phrase)}."


def _page(status: int, title: str, text: str, details: Sequence[tuple[str, str]] = ()) -> Page:
    terms = "".join(
        f'<dt>{html.escape(term)}</dt><dd dir="auto">{html.escape(_capitalized(what))}</dd>'
        for term, what in details
    )
    return Page(
        status,
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{html.escape(title)} · latchstring</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{html.escape(title)}</h1>
<p>{html.escape(text)}</p>
<dl>{terms}</dl>
<aside><strong>Never paste this page’s address anywhere.</strong>
Whoever asks you for it wants to log in as you.</aside>
</body>
</html>
""",
        _POLICY,
    )


def _capitalized(text: str) -> str:
    """Messages begin in lower case, to follow a program's name; here they stand
    alone."""
    return text[:1].upper() + text[1:]
