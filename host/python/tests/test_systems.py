"""Logins at stand-ins of other systems."""

from __future__ import annotations

import latchstring
from latchstring import Client, Endpoints, Examination, Hexclave, Redirect

from .conftest import Home, free_port, settings_of, standin


def test_a_page_that_nothing_comes_back_from(home: Home) -> None:
    server = standin("hexclave")
    try:
        client = Client(
            issuer=server.issuer, client_id="demo-project", protocol=Hexclave(app_url=server.issuer)
        )
        settings = settings_of(home, flow=None)
        granted = latchstring.login(client, settings)
        assert any(name.startswith("x-hexclave-") for name in granted.headers)
        renewed = latchstring.token(client, settings, force_refresh=True)
        assert renewed.source == "renewed"
        assert latchstring.token(client, settings, examination=Examination("userinfo")).claims
        assert latchstring.logout(client, settings).was_logged_in
    finally:
        server.stop()


def test_an_issuer_that_calls_itself_https_and_an_exact_redirect_uri(home: Home) -> None:
    port = free_port()
    server = standin("fief", "--redirect-uri", f"http://localhost:{port}/callback")
    try:
        client = Client(
            issuer=server.issuer,
            https_issuer=True,
            client_id="cli-app",
            scopes=["openid", "offline_access"],
        )
        settings = settings_of(home, redirect=Redirect(host="localhost", ports=[port]))
        granted = latchstring.login(client, settings)
        assert granted.id_token
        # It refuses `prompt`, and the login continues in the same tab.
        assert granted.refused_parameters == ("prompt",)
        assert latchstring.token(client, settings, force_refresh=True).source == "renewed"
    finally:
        server.stop()


def test_endpoints_given_by_hand_and_no_issuer(home: Home) -> None:
    server = standin("mock")
    try:
        base = f"{server.issuer}/default"
        endpoints = Endpoints(authorization=f"{base}/authorize", token=f"{base}/token")
        client = Client(client_id="cli-app", endpoints=endpoints, scopes=["email"])
        assert latchstring.login(client, settings_of(home)).access_token
    finally:
        server.stop()
