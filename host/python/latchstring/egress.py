"""What the egress policy of the rules is given: a client's settings and a request, without
their secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .contract import Client, Request
from .errors import printable
from .rules import Egress, HeaderSize, Outgoing, Permit, Provider, Rules

# The value of a header (RFC 9110 §5.5), in ASCII.
_VALUE = re.compile(r"[\t -~]*")


def egress(rules: Rules, client: Client, pinned: Sequence[str], redirect_uri: str | None) -> Egress:
    """Returns the policy for one session of a client."""
    urls = [*vars(client.endpoints).items(), *vars(client.assumed_endpoints).items()]
    pages = [url for name, url in urls if url is not None and name == "end_session"]
    if client.protocol is not None:
        pages.append(client.protocol.app_url)
    endpoints = [url for name, url in urls if url is not None and name != "end_session"]
    provider = Provider(
        issuer=client.issuer,
        resource=client.resource_url,
        https_issuer=client.https_issuer,
        endpoints=tuple(endpoints),
        pages=tuple(pages),
    )
    return Egress(rules, provider, pinned, redirect_uri)


def permit(policy: Egress, request: Request) -> Permit | str:
    """Returns how a request may be sent, or the reason in one line why it may not."""
    headers = [HeaderSize(header.name, len(header.value.encode())) for header in request.headers]
    permitted = policy.permit(Outgoing(request.url, tuple(headers), len(request.body or b"")))
    if isinstance(permitted, str):
        return permitted
    for header in request.headers:
        # The policy does not get values, which may be secrets.
        if not _VALUE.fullmatch(header.value):
            return f"the request's header {printable(header.name)} has no valid value"
    return permitted
