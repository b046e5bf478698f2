"""Where requests may go, whatever the component asks for.

- https only, or http on a loopback address;
- the origins that the caller named (the issuer, endpoints given by hand), and those
  that the issuer's own metadata names;
- private addresses only where the caller named them, or if all of the issuer's own
  addresses are private.

The host reads the metadata with its own eyes: what the component makes of it
changes nothing here. The policy itself waits for nothing: whether the issuer is
private is looked up by the request that depends on it, within its time limit, and at
most once in a session.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import astuple

from .address import is_public, parse
from .contract import Client, Endpoints, Response


class Denied(Exception):
    """A request that is not sent; the reason in one line."""


# Whether a request may go to private addresses; called only when it comes to one.
Permit = Callable[[], bool]


def _any_address() -> bool:
    return True


def addresses_of(host: str) -> list[str]:
    """None where the name is not known."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    # Without the scope of a link-local address.
    return [str(entry[4][0]).split("%")[0] for entry in found]


class Egress:
    def __init__(
        self,
        client: Client,
        pinned: Iterable[str],
        resolve: Callable[[str], Iterable[str]] = addresses_of,
    ) -> None:
        """`pinned` are the origins stored with the session, `resolve` tells a host's
        addresses."""
        self._resolve = resolve
        self._issuer = client.issuer
        self._https_issuer = client.https_issuer
        named = [client.issuer, *_urls(client.endpoints), *_urls(client.assumed_endpoints)]
        self._named = {origin for url in named if url and (origin := allowed_origin(url))}
        self._pinned = set(pinned)
        # Not known until a request depends on it.
        self._is_private: bool | None = None

    def permit(self, url: str) -> Permit:
        """How the request may be sent; raises `Denied` if it may not."""
        parsed = parse(url)
        if parsed is None:
            raise Denied("its address is no http or https URL")
        if not parsed.is_allowed:
            raise Denied("http is neither https nor http on a loopback address")
        if parsed.origin in self._named:
            return _any_address
        if parsed.origin not in self._pinned:
            raise Denied(f"{parsed.origin} is neither the issuer's nor named by its metadata")
        return self._issuer_is_private

    def learn(self, url: str, response: Response) -> None:
        """Pins what the issuer's metadata names, if that is what this response is."""
        if self._issuer is None or response.status != 200 or url not in self._metadata_urls():
            return
        try:
            document = json.loads(response.body)
        except (ValueError, RecursionError):
            return
        if not isinstance(document, dict):
            return
        name = document.get("issuer")
        https_name = self._issuer.replace("http:", "https:", 1)
        is_own = self._https_issuer and name == https_name
        if not is_own and not may_be_named(self._issuer, name):
            return
        issuer = parse(self._issuer)
        for key, value in document.items():
            if not (key.endswith("_endpoint") or key == "jwks_uri") or not isinstance(value, str):
                continue
            endpoint = parse(value)
            if endpoint is None or not endpoint.is_allowed:
                continue
            # A provider elsewhere has no say about this machine's own services.
            if endpoint.scheme == "https" or (issuer is not None and issuer.is_loopback):
                self._pinned.add(endpoint.origin)

    def pinned_origins(self) -> list[str]:
        """What to store with the session."""
        return sorted(self._pinned)

    def _metadata_urls(self) -> list[str]:
        """The two places where an issuer's metadata may lie (OpenID Connect
        Discovery §4.1, RFC 8414 §3.1)."""
        issuer = parse(self._issuer or "")
        if issuer is None:
            return []
        path = issuer.target.split("?")[0].rstrip("/")
        return [
            f"{(self._issuer or '').rstrip('/')}/.well-known/openid-configuration",
            f"{issuer.origin}/.well-known/oauth-authorization-server{path}",
        ]

    def _issuer_is_private(self) -> bool:
        """Returns whether all of the issuer's addresses are private. One public address is
        enough to make the issuer public: otherwise anyone who controls its DNS could add a
        private address and reach services on this network."""
        if self._is_private is None:
            addresses = list(self._issuer_addresses())
            self._is_private = bool(addresses) and not any(map(is_public, addresses))
        return self._is_private

    def _issuer_addresses(self) -> Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address]:
        issuer = parse(self._issuer or "")
        if issuer is None:
            return []
        if issuer.address is not None:
            return [issuer.address]
        return map(ipaddress.ip_address, self._resolve(issuer.host))


def allowed_origin(url: str) -> str | None:
    """None where no request may go."""
    parsed = parse(url)
    return parsed.origin if parsed is not None and parsed.is_allowed else None


def _urls(endpoints: Endpoints) -> tuple[str | None, ...]:
    # Where a session ends in a browser is for browsers alone.
    return tuple(
        url
        for name, url in zip(vars(endpoints), astuple(endpoints), strict=True)
        if name != "end_session"
    )


# What shared endpoints have in the place of a tenant.
_ALIASES = {"common", "organizations", "consumers"}

_TENANT = re.compile(
    r"\{tenantid\}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)


def may_be_named(issuer: str, name: object) -> bool:
    """Whether the metadata of `issuer` may call it `name`: exactly so (RFC 8414 §3.3), but
    for one final slash of an issuer without a path, and for a tenant's id, or the
    placeholder for it, in the place of an alias for many tenants."""
    if not isinstance(name, str):
        return False
    if issuer == name:
        return True
    url = parse(issuer)
    if url is not None and url.target.split("?")[0] in {"", "/"}:
        if name in {f"{issuer}/", issuer.removesuffix("/")}:
            return True
    own, found = issuer.split("/"), name.split("/")
    if len(own) != len(found):
        return False
    apart = [pair for pair in zip(own, found, strict=True) if pair[0] != pair[1]]
    return (
        len(apart) == 1
        and apart[0][0] in _ALIASES
        and _TENANT.fullmatch(apart[0][1]) is not None
    )
