"""How requests go out: to which addresses, and what comes back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from latchstring import Client, http
from latchstring.contract import Exchange, Header, NoResponse, Request, Response, Unreachable

from .conftest import PATIENCE
from .fakes import Host


def anywhere(_: str) -> bool:
    return True


# ---- To which addresses --------------------------------------------------------------


def answers(
    host: Host, url: str, times: int = 1, timeout_ms: int | None = None
) -> list[NoResponse]:
    """Sends a request with the loop and the real client. Returns why there is no response."""
    drive = host.drive()
    drive.settings = replace(drive.settings, send=http.send)
    exchange = Exchange("token", 0, timeout_ms, None, Request("get", url, (), None))
    return [none(drive._exchange(exchange)) for _ in range(times)]


def none(answer: Response | NoResponse) -> NoResponse:
    assert isinstance(answer, NoResponse)
    return answer


def test_a_pinned_origin_on_a_private_address_is_for_a_private_issuer_alone() -> None:
    for url in ("https://169.254.169.254/", "https://localhost:1/"):
        host = Host.without_user()
        host.pinned = [url.rstrip("/")]
        host.addresses = ["1.1.1.1"]
        (reply,) = answers(host, url)
        assert reply.tag == "denied" and "which is not a public address" in str(reply.payload)
    host.client = Client(client_id="a", issuer="https://10.0.0.1")
    (reply,) = answers(host, "https://localhost:1/")
    # It is permitted, and no server is there.
    assert reply.tag == "unreachable" and host.resolved == ["id.example"]


@pytest.mark.parametrize(
    ("addresses", "tag"),
    [
        (["10.0.0.1"], "unreachable"),
        (["10.0.0.1", "1.1.1.1"], "denied"),
        (["10.0.0.1", "nonsense"], "denied"),
        ([], "denied"),
    ],
)
def test_an_issuer_is_looked_up_once_by_the_request_that_depends_on_it(
    addresses: list[str], tag: str
) -> None:
    host = Host.without_user()
    host.pinned = ["https://localhost:1"]
    host.addresses = addresses
    assert [reply.tag for reply in answers(host, "https://localhost:1/", times=2)] == [tag] * 2
    assert host.resolved == ["id.example"]


def test_an_address_that_the_caller_named_may_be_private() -> None:
    host = Host.without_user()
    host.client = Client(client_id="a", issuer="http://127.0.0.1:1")
    (reply,) = answers(host, "http://127.0.0.1:1/")
    assert reply.tag == "unreachable" and host.resolved == []


def test_a_resolver_that_never_answers_counts_against_the_requests_time_limit() -> None:
    released = threading.Event()

    class Stuck(Host):
        def resolve(self, host: str) -> list[str]:
            released.wait()
            return []

    host = Stuck.without_user()
    host.pinned = ["https://10.0.0.1"]
    (reply,) = answers(host, "https://10.0.0.1/", timeout_ms=100)
    released.set()
    assert isinstance(reply.payload, Unreachable) and not reply.payload.sent
    assert "timed out" in reply.payload.reason


def test_nothing_is_sent_in_clear_text_to_another_machine() -> None:
    answer = http.send(Request("get", "http://10.0.0.1/", (), None), anywhere)
    assert none(answer).tag == "denied"


def test_a_name_that_is_not_known_has_no_addresses() -> None:
    assert http.addresses_of("::1") == ["::1"]
    assert http.addresses_of("a..b") == []


# ---- What comes back -----------------------------------------------------------------

Answering = Callable[[bytes], Response | NoResponse]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Sends a request to a server that answers every request with these bytes."""
    servers = []

    def exchange(answer: bytes) -> Response | NoResponse:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            stream, _ = server.accept()
            with stream:
                # The whole request: closing a socket with unread bytes could discard the answer.
                while not stream.recv(65536).endswith(b"body"):
                    pass
                stream.sendall(answer)
                # If there is no answer, the connection stays open.
                if not answer:
                    stream.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/?secret"
        request = Request("post", url, (Header("accept", "a/b"),), b"body")
        return http.send(request, reaches=anywhere, timeout=PATIENCE if answer else 0.5)

    yield exchange
    for server in servers:
        server.close()


def test_a_redirect_is_not_followed(answering: Answering) -> None:
    response = answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n")
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
def test_a_body_above_the_limit_is_dropped(answering: Answering, answer: bytes) -> None:
    assert answering(answer) == NoResponse("too-large", 1 << 20)


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ncut"],
)  # fmt: skip
def test_the_reason_does_not_contain_the_request(answering: Answering, answer: bytes) -> None:
    reply = none(answering(answer))
    assert isinstance(reply.payload, Unreachable) and reply.payload.sent
    assert "secret" not in reply.payload.reason


def test_a_refused_connection_has_sent_nothing() -> None:
    # A port that is bound, without a listener.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        request = Request("get", f"http://127.0.0.1:{port}/", (), None)
        reply = none(http.send(request, reaches=anywhere))
    assert isinstance(reply.payload, Unreachable) and not reply.payload.sent
