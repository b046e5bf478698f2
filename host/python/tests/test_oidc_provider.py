"""Whole sessions against a certified provider: npm `oidc-provider`."""

from __future__ import annotations

from .conftest import PYTHON, Home, Server, log_in, visit, words


def test_a_session_with_consent_renewal_and_logout(home: Home, oidc: Server) -> None:
    log_in(home, oidc, "public")
    assert oidc.asked("authorization")[0]["code_challenge_method"] == "S256"
    first = home.python("token", *words(oidc, "public")).succeeded().stdout
    requests = len(oidc.asked("token"))
    renewed = home.python("token", *words(oidc, "public"), "--force-refresh").succeeded().stdout
    assert renewed != first and oidc.refreshes() == 1
    assert home.python("token", *words(oidc, "public")).succeeded().stdout == renewed
    assert len(oidc.asked("token")) == requests + 1
    home.python("logout", *words(oidc, "public")).succeeded()
    assert [seen["status"] for seen in oidc.asked("revocation")] == [200, 200]


def test_a_login_with_a_code_on_another_device(home: Home, oidc: Server) -> None:
    login = home.start(*PYTHON, "login", *words(oidc, "device"), "--flow", "device")
    code = login.shown("    ")
    assert login.address() == f"{oidc.issuer}/device"
    assert visit(f"{login.address()}?user_code={code}").returncode == 0
    login.finish().succeeded()
    home.python("token", *words(oidc, "device"), "--force-refresh").succeeded()
