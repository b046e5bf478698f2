"""Which requests to the listener count: a pure decision over bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Prefix of the listener's own paths. A redirect path must not begin with it.
OWN_PATHS = "/latchstring/"

# Where a login begins in a browser of this machine, and where it ends: the last
# page has an address without a code.
START_PATH = "/latchstring/start"
END_PATH = "/latchstring/end"
END_ADDRESS = f"{END_PATH}?done"

_REQUEST_LINE = re.compile(r"([A-Za-z]+) ([!-~]+) HTTP/(1\.[01])")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*")
_LOOKS_AHEAD = re.compile("prefetch|preview|prerender", re.IGNORECASE)
_MOST_FIELDS = 100


class Refusal(Exception):
    """A request that does not count: status and text of the answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text + "\n"


@dataclass(frozen=True)
class Expected:
    """What a request must match to count."""

    # What `Host` may say; everything else is a page of another site that made its
    # name point here (DNS rebinding).
    authorities: frozenset[str]
    paths: frozenset[str]


def judge(expected: Expected, head: bytes) -> tuple[str, str, bool]:
    """Target and cookies, and whether the browser means to use the connection again (RFC
    9112 §9.3), of a request that could be the redirect: GET, the
    redirect's own host and path, a query, no body, and not a prefetch."""
    method, target, version, fields = _read(head)

    def values(name: str) -> list[str]:
        return [value for known, value in fields if known == name]

    hosts = values("host")
    if len(hosts) != 1 or hosts[0].lower() not in expected.authorities:
        raise Refusal(421, "This listener answers to its own address only.")
    if method != "GET":
        raise Refusal(405, "Only GET is answered here.")
    path, _, query = target.partition("?")
    if path not in expected.paths:
        raise Refusal(404, "There is nothing here.")
    if not query:
        raise Refusal(400, "A login's answer is expected here, and this request has none.")
    # The browser only looks ahead: it asks again when the person goes there.
    ahead = [*values("sec-purpose"), *values("purpose"), *values("x-purpose"), *values("x-moz")]
    if any(_LOOKS_AHEAD.search(value) for value in ahead):
        raise Refusal(503, "Not before you go there.")
    if values("transfer-encoding") or any(size != "0" for size in values("content-length")):
        raise Refusal(400, "A request with a body is not answered here.")
    options = ",".join(values("connection")).lower().split(",")
    keeps = version == "1.1" and "close" not in (option.strip() for option in options)
    return target, "; ".join(values("cookie")), keeps


def _read(head: bytes) -> tuple[str, str, str, list[tuple[str, str]]]:
    line, *rest = head.decode("latin-1").split("\r\n")
    request = _REQUEST_LINE.fullmatch(line)
    matches = [_FIELD.fullmatch(field) for field in rest]
    fields = [(match[1].lower(), match[2]) for match in matches if match]
    if request is None or len(fields) != len(matches) or len(fields) > _MOST_FIELDS:
        raise Refusal(400, "This is no request.")
    return request[1], request[2], request[3], fields
