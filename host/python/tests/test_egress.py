"""Where requests may go."""

from __future__ import annotations

import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from latchstring import Client, Endpoints, LatchError, http
from latchstring.address import is_public, parse
from latchstring.browser import browser_url
from latchstring.contract import Header, Reply, Request, Response, Unreachable
from latchstring.egress import Denied, Egress, may_be_named

from .conftest import PATIENCE

ISSUER = "https://id.example"
METADATA = f"{ISSUER}/.well-known/openid-configuration"


def metadata(**names: str) -> Response:
    return Response(200, (), json.dumps({"issuer": ISSUER} | names).encode())


def anywhere() -> bool:
    return True


def public_only() -> bool:
    return False


def refused(egress: Egress, url: str) -> str:
    with pytest.raises(Denied) as denied:
        egress.permit(url)
    return str(denied.value)


def test_only_what_was_named_is_reached() -> None:
    endpoints = Endpoints(token="https://token.example:8443/t", end_session="https://end.example")
    egress = Egress(Client(client_id="a", issuer=ISSUER, endpoints=endpoints), [])
    assert egress.permit(f"{ISSUER}:443/anything")()
    assert egress.permit("https://token.example:8443/")()
    for url in [
        "http://id.example/",
        "https://token.example/",
        "https://end.example/",
        "https://id.example.evil.example/",
        "https://user@id.example/",
        "https://id.example\\@evil.example/",
        "file:///etc/passwd",
        "ftp://id.example/",
        "id.example",
        "",
    ]:
        assert refused(egress, url)


def test_the_metadata_of_the_issuer_and_no_other_names_origins() -> None:
    named = metadata(token_endpoint="https://token.example/t", jwks_uri="https://keys.example/k")
    for url, response in [
        (f"{ISSUER}/elsewhere", named),
        (METADATA, Response(404, (), named.body)),
        (METADATA, metadata(issuer="https://evil.example", token_endpoint="https://token.example")),
        (METADATA, Response(200, (), b"[" * 100_000)),
        (METADATA, Response(200, (), b"no JSON")),
    ]:
        egress = Egress(Client(client_id="a", issuer=ISSUER), [])
        egress.learn(url, response)
        assert egress.pinned_origins() == []
    egress = Egress(Client(client_id="a", issuer=ISSUER), [], lambda _: ["1.1.1.1"])
    egress.learn(METADATA, named)
    assert egress.pinned_origins() == ["https://keys.example", "https://token.example"]
    assert egress.permit("https://token.example/t")() is False


TENANT = "https://login.example/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"


@pytest.mark.parametrize(
    ("issuer", "name", "fits"),
    [
        ("https://id.example", "https://id.example", True),
        ("https://id.example", "https://id.example/", True),
        ("https://id.example/", "https://id.example", True),
        ("https://id.example", "https://id.example//", False),
        ("https://id.example/a", "https://id.example/a/", False),
        ("https://id.example/a/", "https://id.example/a", False),
        ("https://id.example", "https://evil.example", False),
        ("https://id.example", None, False),
        ("https://login.example/common/v2.0", "https://login.example/{tenantid}/v2.0", True),
        ("https://login.example/common/v2.0", TENANT, True),
        ("https://login.example/organizations/v2.0", TENANT, True),
        ("https://login.example/consumers/v2.0", TENANT, True),
        ("https://login.example/common/v2.0", TENANT.replace("9188040d", "9188040D"), False),
        ("https://login.example/mine/v2.0", TENANT, False),
        ("https://login.example/common/v2.0", "https://login.example/contoso/v2.0", False),
        ("https://login.example/common/v2.0", "https://evil.example/{tenantid}/v2.0", False),
        ("https://id.example/common/common", "https://id.example/{tenantid}/{tenantid}", False),
        ("https://login.example/common", "https://login.example/{tenantid}/v2.0", False),
    ],
)
def test_metadata_names_its_own_issuer(issuer: str, name: object, fits: bool) -> None:
    assert may_be_named(issuer, name) is fits


def test_a_provider_elsewhere_names_no_service_of_this_machine() -> None:
    egress = Egress(Client(client_id="a", issuer=ISSUER), [])
    egress.learn(METADATA, metadata(token_endpoint="http://127.0.0.1:2375/containers"))
    assert egress.pinned_origins() == []


def test_a_private_address_is_for_a_private_issuer_alone() -> None:
    issuer = "https://10.0.0.1"
    egress = Egress(Client(client_id="a", issuer=issuer), ["https://keys.example"])
    assert egress.permit("https://keys.example/")() is True
    reply = http.send(Request("get", "https://169.254.169.254/", (), None), private_addresses=public_only)
    assert reply.tag == "denied" and "not public" in str(reply.payload)
    reply = http.send(Request("get", "https://localhost/", (), None), private_addresses=public_only)
    assert reply.tag == "denied"


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["10.0.0.1"], True),
        (["10.0.0.1", "fd00::1"], True),
        (["10.0.0.1", "1.1.1.1"], False),
        (["1.1.1.1", "10.0.0.1"], False),
        ([], False),
    ],
)
def test_an_issuer_is_private_only_if_all_of_its_addresses_are(
    addresses: list[str], expected: bool
) -> None:
    looked_up = []

    def resolve(host: str) -> list[str]:
        looked_up.append(host)
        return addresses

    egress = Egress(Client(client_id="a", issuer=ISSUER), ["https://keys.example"], resolve)
    permit = egress.permit("https://keys.example/")
    assert looked_up == []
    assert permit() is expected
    assert egress.permit("https://keys.example/")() is expected
    assert looked_up == ["id.example"]


def test_a_resolver_that_never_answers_costs_no_more_than_the_requests_time() -> None:
    released = threading.Event()

    def resolve(_: str) -> list[str]:
        released.wait()
        return []

    egress = Egress(Client(client_id="a", issuer=ISSUER), ["https://10.0.0.1"], resolve)
    request = Request("get", "https://10.0.0.1/", (), None)
    reply = http.send(request, egress.permit(request.url), timeout=0.1)
    released.set()
    assert isinstance(reply.payload, Unreachable) and not reply.payload.sent
    assert "timed out" in reply.payload.reason


@pytest.mark.parametrize(
    "address",
    "0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 169.254.169.254 172.16.0.1 192.0.0.1 192.168.1.1 "
    "198.18.0.1 203.0.113.1 224.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:10.0.0.1 "
    "64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:a00:1::1 3fff::1 5f00::1 "
    "fc00::1 fe80::1 ff02::1".split(),
)
def test_special_purpose_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    "1.1.1.1 100.63.255.255 172.32.0.1 192.0.1.1 223.255.255.255 2606:4700::1111 64:ff9b::808:808 "
    "::ffff:8.8.8.8 2002:808:808::1".split(),
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_urls_are_read_in_one_strict_way() -> None:
    assert str(parse("HTTPS://ID.Example:443?a=b#c")) == "https://id.example/?a=b"
    assert (
        str(parse('https://id.example/?a="<b>\x1b\n')) == "https://id.example/?a=%22%3Cb%3E%1B%0A"
    )
    assert str(parse("http://[0:0::1]:80/")) == "http://[::1]/"
    for url in ["https://", "https:///a", "https://a:99999/", "https://[1::2::3]/", "https://ä/"]:
        assert parse(url) is None


@pytest.mark.parametrize(
    "url",
    ["http://id.example/", "http://127.1/", "http://[::ffff:127.0.0.1]/", "javascript:alert(1)",
     "--help", "//id.example/", "file:///etc/passwd", "http://localhost.example/"],
)  # fmt: skip
def test_no_browser_is_sent_elsewhere(url: str) -> None:
    with pytest.raises(LatchError) as failure:
        browser_url(url)
    assert failure.value.code == "egress-denied"


# ---- What comes back ---------------------------------------------------------------

Answering = Callable[[bytes], Reply]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Sends a request to a server that answers with these bytes, whatever it gets."""
    servers = []

    def exchange(answer: bytes) -> Reply:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            stream, _ = server.accept()
            with stream:
                # Whole: closing with unread bytes would take the answer back.
                while not stream.recv(65536).endswith(b"body"):
                    pass
                stream.sendall(answer)
                # Without an answer, silence, and not an end.
                if not answer:
                    stream.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/?secret"
        request = Request("post", url, (Header("accept", "a/b"),), b"body")
        return http.send(request, private_addresses=anywhere, timeout=PATIENCE if answer else 0.5)

    yield exchange
    for server in servers:
        server.close()


def test_a_redirect_is_an_answer_and_not_followed(answering: Answering) -> None:
    reply = answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n")
    response = reply.payload
    assert isinstance(response, Response) and response.status == 302
    assert [header.name for header in response.headers] == ["location"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * ((1 << 20) + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n"
        + b"a" * (1 << 20)
        + b"aa",
    ],
)
def test_a_body_past_the_limit_is_dropped(answering: Answering, answer: bytes) -> None:
    reply = answering(answer)
    assert (reply.tag, reply.payload) == ("too-large", 1 << 20)


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ncut"],
)  # fmt: skip
def test_no_answer_is_told_without_the_request(answering: Answering, answer: bytes) -> None:
    reply = answering(answer)
    assert isinstance(reply.payload, Unreachable) and reply.payload.sent
    assert "secret" not in reply.payload.reason


def test_nobody_there_was_sent_nothing() -> None:
    # A port that is taken, and that nobody listens on.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        request = Request("get", f"http://127.0.0.1:{port}/", (), None)
        reply = http.send(request, private_addresses=anywhere)
    assert isinstance(reply.payload, Unreachable) and not reply.payload.sent


def test_headers_of_the_connection_are_not_the_components(answering: Answering) -> None:
    for name in ["Host", "Proxy-Authorization", "proxy-anything"]:
        header = Header(name, "evil.example")
        reply = http.send(Request("get", "http://127.0.0.1:1/", (header,), None), anywhere)
        assert reply.tag == "denied", name
    header = Header("a", "b\r\nhost: evil.example")
    reply = http.send(Request("get", "http://127.0.0.1:1/", (header,), None), anywhere)
    assert reply.tag in {"denied", "unreachable"}
