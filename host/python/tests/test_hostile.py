"""A login component that asks for what it may not have, and for what it may have.
`test_denied.py` plays the parts that end in the same way in every host."""

from __future__ import annotations

import json

import pytest

import latchstring
from latchstring import Client, Endpoints, Hexclave, LogoutReport, Tokens
from latchstring.component import Session
from latchstring.contract import (
    Action,
    Authorization,
    DevicePrompt,
    Exchange,
    Grant,
    Header,
    LoginFlow,
    NoResponse,
    Offer,
    Purpose,
    Request,
    Response,
    Visit,
)

from .conftest import Home, settings_of
from .fakes import ISSUER, URL, Host, Login, done
from .script import answer_in, is_denied

METADATA = f"{ISSUER}/.well-known/openid-configuration"
ELSEWHERE = "https://evil.example"


def authorize(url: str = URL, wait_ms: int = 1) -> Action:
    return Action("authorize", Authorization(url, "browser", None, wait_ms, None, ()))


def offer(*flows: LoginFlow, wait_ms: int = 1) -> Action:
    return Action("offer", Offer("it failed", flows, wait_ms))


def show(url: str, opens: bool = False) -> Action:
    return Action("visit", Visit(url, opens, 0))


def exchange(
    url: str = ISSUER,
    *headers: str,
    purpose: Purpose = "token",
    wait_ms: int = 0,
    body: bytes | None = None,
) -> Action:
    named = tuple(Header(name, "a") for name in headers)
    request = Request("post", url, named, body)
    return Action("exchange", Exchange(purpose, wait_ms, None, None, request))


def document(status: int = 200, **members: str) -> Response:
    return Response(status, (), json.dumps({"issuer": ISSUER} | members).encode())


# ---- How much it asks for ------------------------------------------------------------


@pytest.mark.parametrize(
    ("actions", "told"),
    [
        ([authorize()] * 101, "more than 100 actions"),
        ([offer("browser")] * 101, "more than 100 actions"),
        ([offer()], "an empty choice"),
        ([authorize(), authorize(f"{URL}&a")], "a second address"),
        ([authorize(), show(f"{ISSUER}/page")], "a second address"),
        ([exchange(wait_ms=5 * 3600 * 1000)], "at most 14700 s are allowed"),
    ],
)
def test_a_component_that_asks_for_too_much_is_stopped(actions: list[Action], told: str) -> None:
    login = Login()
    failure = login.host.failure(*actions)
    assert failure.code == "sandbox-fault" and told in failure.message
    assert len(login.opened) <= 1


def test_the_wait_for_the_user_ends_with_their_time_limit() -> None:
    login = Login()
    login.host.patience_seconds = 5
    login.host.run(authorize(wait_ms=3_600_000), offer("browser", wait_ms=3_600_000))
    assert login.clock.waits[:2] == [5, 5]


# ---- Where it sends requests ---------------------------------------------------------


@pytest.mark.parametrize("value", ["b\r\nhost: evil.example", "b\0", "é"])
def test_a_header_with_an_invalid_value_is_not_sent(value: str) -> None:
    host = Host.without_user()
    request = Request("get", ISSUER, (Header("a", value),), None)
    (reply,) = host.run(Action("exchange", Exchange("token", 0, None, None, request)))
    assert answer_in(reply) == NoResponse("denied", "the request's header a has no valid value")
    assert host.sent == []


def test_requests_go_to_the_settings_endpoints_and_to_pinned_origins() -> None:
    host = Host.without_user()
    host.client = Client(
        client_id="a",
        issuer=ISSUER,
        endpoints=Endpoints(
            token="https://token.example:8443/t", end_session="https://end.example/"
        ),
        assumed_endpoints=Endpoints(jwks="https://keys.example/k"),
    )
    host.pinned = ["https://pinned.example"]
    # Only a browser may go there.
    (reply,) = host.run(exchange("https://end.example/"))
    assert is_denied(reply)
    hosts = ["id.example", "token.example:8443", "keys.example", "pinned.example"]
    urls = [f"https://{host}/" for host in hosts]
    host.run(*map(exchange, urls))
    assert [request.url for request in host.sent] == urls


@pytest.mark.parametrize(
    ("purpose", "url", "response", "pinned"),
    [
        ("metadata", METADATA, document(token_endpoint="https://t.example/t"), True),
        ("metadata", METADATA, document(jwks_uri="https://t.example/k"), True),
        # Responses with another purpose do not count.
        ("token", METADATA, document(token_endpoint="https://t.example/t"), False),
        ("metadata", ISSUER, document(token_endpoint="https://t.example/t"), False),
        ("metadata", METADATA, document(issuer=ELSEWHERE, jwks_uri="https://t.example"), False),
        ("metadata", METADATA, document(status=404, jwks_uri="https://t.example"), False),
        ("metadata", METADATA, Response(200, (), b"[" * 10_000), False),
        # A provider on another machine cannot name services of this machine.
        ("metadata", METADATA, document(token_endpoint="http://127.0.0.1:2375/"), False),
    ],
)
def test_the_issuers_metadata_and_nothing_else_names_origins(
    purpose: Purpose, url: str, response: Response, pinned: bool
) -> None:
    host = Host.without_user()
    host.responses.append(response)
    host.run(exchange(url, purpose=purpose), Action("lock"), Action("save", b"{}"))
    origins = ["https://t.example"] if pinned else []
    line, session = (host.store.kept or b"").split(b"\n")
    assert json.loads(line) == {"latchstring": 1, "origins": origins, "bytes": 2}
    assert session == b"{}"


def test_a_session_that_is_too_large_is_not_saved() -> None:
    host = Host.without_user()
    _, reply = host.run(Action("lock"), Action("save", bytes(1024 * 1024)))
    assert reply.tag == "not-saved" and "at most 1048576" in str(reply.payload)
    assert host.store.kept is None


# ---- Where it sends the user ---------------------------------------------------------


def test_the_user_is_sent_where_the_settings_and_the_provider_point() -> None:
    app = Hexclave(app_url="https://app.example/app")
    login = Login(client=Client(client_id="a", issuer=ISSUER, protocol=app))
    login.host.run(show("https://app.example/confirm", opens=True))
    assert login.opened == ["https://app.example/confirm"]
    login = Login()
    login.host.responses.append(document(verification_uri="https://go.example/device"))
    prompt = DevicePrompt("code", "https://go.example/device", None, 0)
    login.host.run(exchange(purpose="device-authorization"), Action("present", prompt))
    assert login.terminal.printed == ["https://go.example/device"]


@pytest.mark.parametrize(
    ("url", "is_named"), [("https://end.example/x?a", True), (ELSEWHERE, False)]
)
def test_a_logout_ends_only_on_a_page_that_the_settings_or_the_provider_named(
    home: Home, monkeypatch: pytest.MonkeyPatch, url: str, is_named: bool
) -> None:
    endpoints = Endpoints(token=f"{ISSUER}/t", end_session="https://end.example/")
    client = Client(client_id="a", issuer=ISSUER, discover=False, endpoints=endpoints)
    settings = settings_of(home)
    latchstring.adopt(client, Tokens(access_token="a"), settings)
    report = done(LogoutReport(True, (), (), url, None))
    monkeypatch.setattr(Session, "next", lambda *_: report)
    if is_named:
        assert latchstring.logout(client, settings).end_session_url == url
        return
    with pytest.raises(latchstring.LatchError) as failure:
        latchstring.logout(client, settings)
    assert failure.value.code == "egress-denied"


# ---- What it returns -----------------------------------------------------------------


def test_a_token_of_two_lines_is_not_returned() -> None:
    def grant(token: str = "a", header: str = "b") -> Grant:
        headers = (Header("authorization", header),)
        rest = (None, None, None, None, None, None, None, headers, "cached", (), ())
        return Grant(token, "Bearer", (), *rest)  # type: ignore[arg-type]

    assert latchstring.Token.of(grant()).access_token == "a"
    for strange in (grant(token="a\nb"), grant(header="Bearer a\r\nb: c"), grant(token="é")):
        with pytest.raises(latchstring.LatchError) as failure:
            latchstring.Token.of(strange)
        assert failure.value.code == "sandbox-fault"
