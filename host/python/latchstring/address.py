"""URLs as this host reads them, and which addresses are everybody's.

One strict reading for every purpose: what is checked is what is connected to.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote

_URL = re.compile(
    r"(https?)://([A-Za-z0-9_](?:[A-Za-z0-9_.-]*)|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?"
    r"(/[!-~]*|\?[!-~]*)?",
    re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
# What stands in a URL as it is; `%` has been used to escape already.
_PLAIN = "!#$%&()*+,-./:;=?@[]_~"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Url:
    """An absolute http or https URL without a user's name or a fragment."""

    scheme: str
    # Without brackets.
    host: str
    port: int
    # Path and query; begins with a slash.
    target: str

    @property
    def origin(self) -> str:
        """Scheme, host and port, the default one left out (RFC 6454 §6.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def address(self) -> Address | None:
        """The host, where it is written as an address."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine by name or by address."""
        return self.host == "localhost" or is_loopback(self.address)

    @property
    def is_allowed(self) -> bool:
        """https, or http on a loopback address: nothing else is sent anywhere."""
        return self.scheme == "https" or self.is_loopback

    def __str__(self) -> str:
        return self.origin + self.target


def parse(url: str) -> Url | None:
    """None for anything but an absolute http or https URL."""
    # What a shell, a terminal or a header could misread is escaped.
    match = _URL.fullmatch(quote(url.split("#", 1)[0], safe=_PLAIN))
    if match is None:
        return None
    scheme, host, port, target = match.groups()
    scheme, host = scheme.lower(), host.lower()
    if host.startswith("["):
        try:
            host = str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            return None
    number = int(port) if port else _DEFAULT_PORTS[scheme]
    if not 0 < number < 65536:
        return None
    target = target or "/"
    return Url(scheme, host, number, target if target.startswith("/") else "/" + target)


def is_loopback(address: Address | None) -> bool:
    # Not an IPv4 address in an IPv6 one, which newer Pythons call loopback too.
    return address in _LOOPBACK_V4 or address == _LOOPBACK_V6 if address is not None else False


def is_public(address: Address) -> bool:
    """Whether an address is reachable for everybody: none of the special-purpose
    addresses (RFC 6890 and the IANA registries it set up), nor one of them wrapped
    in an IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    if any(address in network for network in _MAPPED_V6):
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if address in _SIX_TO_FOUR:
        return is_public(ipaddress.IPv4Address(int(address) >> 80 & 0xFFFFFFFF))
    return address in _GLOBAL_V6 and not any(address in network for network in _SPECIAL_V6)


_LOOPBACK_V4 = ipaddress.IPv4Network("127.0.0.0/8")
_LOOPBACK_V6 = ipaddress.IPv6Address("::1")
_SPECIAL_V4 = [
    ipaddress.IPv4Network(network)
    for network in [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    ]
]
# IPv4-mapped, and NAT64 (RFC 6052).
_MAPPED_V6 = [ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96")]
# RFC 3056.
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
# All that has been given out for global unicast; outside of it are loopback,
# link-local, unique local and multicast.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
# Protocol assignments with Teredo and ORCHID, documentation.
_SPECIAL_V6 = [
    ipaddress.IPv6Network(network) for network in ["2001::/23", "2001:db8::/32", "3fff::/20"]
]
