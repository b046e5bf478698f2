"""Logins by the URL of a protected resource."""

from __future__ import annotations

import stat
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import latchstring
from latchstring import Client, LatchError, Redirect, Settings
from latchstring.contract import Action, Confirmation, Exchange, RegistrationEnd, Request, Response
from latchstring.listener import BrowserVisit, Listener
from latchstring.rules import Event, Rules
from latchstring.store import FileStore

from .conftest import VISITOR, Home, free_port, settings_of
from .fakes import Host, Login, Memory
from .guarded import Guarded
from .script import is_denied


@pytest.fixture
def guarded() -> Iterator[Guarded]:
    server = Guarded()
    yield server
    server.close()


@pytest.fixture
def settings(home: Home, guarded: Guarded) -> Settings:
    # Other tests may use the ports that a login tries by itself.
    return settings_of(home, browser=guarded.browse, redirect=Redirect(ports=[free_port()]))


def changed(settings: Settings, **more: Any) -> Settings:
    return Settings(**(vars(settings) | more))


def registrations(home: Home) -> list[Any]:
    return list(home.state.glob("registration+.*.session"))


def failure_of(act: Callable[..., object], *arguments: Any, **named: Any) -> LatchError:
    with pytest.raises(LatchError) as failure:
        act(*arguments, **named)
    return failure.value


# ---- Whole sessions ------------------------------------------------------------------


def test_a_login_registers_once_and_later_ones_reuse_the_registration(
    home: Home, guarded: Guarded, settings: Settings
) -> None:
    granted = latchstring.login_to(guarded.url, settings=settings)
    assert granted.source == "login" and granted.scopes == ("read",)
    held = latchstring.token_for(guarded.url, settings=settings)
    assert (held.source, held.access_token) == ("cached", granted.access_token)
    # As other profiles do.
    latchstring.login_to(guarded.url, settings=changed(settings, profile="other"))
    latchstring.logout(Client(resource_url=guarded.url), settings)
    latchstring.token_or_login(Client(resource_url=guarded.url), settings)
    assert len(guarded.registered) == 1
    assert guarded.registered[0]["application_type"] == "native"
    assert [asked["client_id"] for asked in guarded.authorized] == ["client-1"] * 3
    assert {asked["resource"] for asked in guarded.authorized + guarded.redeemed} == {guarded.url}
    (kept,) = registrations(home)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_server_that_registers_no_ip_address_gets_the_name(
    guarded: Guarded, settings: Settings
) -> None:
    guarded.wants_localhost = True
    latchstring.login_to(guarded.url, settings=settings)
    latchstring.login_to(guarded.url, settings=settings)
    back = [f"http://localhost:{settings.redirect.ports[0]}/callback"]
    assert [asked["redirect_uris"] for asked in guarded.registered] == [back]
    assert {asked["redirect_uri"] for asked in guarded.authorized} == set(back)


def test_a_logout_removes_the_client_if_that_is_asked_for(
    guarded: Guarded, settings: Settings
) -> None:
    latchstring.login_to(guarded.url, settings=settings)
    client = Client(resource_url=guarded.url)
    assert latchstring.logout(client, settings).registration is None
    latchstring.login_to(guarded.url, settings=settings)
    report = latchstring.logout(client, settings, unregister=True)
    assert report.registration == RegistrationEnd(kept=None)
    assert guarded.removed == ["Bearer registration-1"]
    latchstring.login_to(guarded.url, settings=settings)
    assert len(guarded.registered) == 2


def test_a_damaged_session_stays_until_the_new_one_is_there(
    home: Home, guarded: Guarded, settings: Settings
) -> None:
    latchstring.login_to(guarded.url, settings=settings)
    (session,) = home.state.glob("default.*.session")
    session.write_bytes(session.read_bytes()[:-10])
    refusing = changed(settings, accept_issuer="another.example")
    assert failure_of(latchstring.login_to, guarded.url, settings=refusing)
    assert list(home.state.glob("*.damaged")) == []
    latchstring.login_to(guarded.url, settings=settings)
    assert session.with_suffix(".damaged").exists()
    assert latchstring.token_for(guarded.url, settings=settings).source == "cached"


def test_a_client_that_was_registered_by_hand_is_used(
    home: Home, guarded: Guarded, settings: Settings
) -> None:
    client = Client(resource_url=guarded.url, client_id="by-hand", scopes=["write"])
    assert latchstring.login(client, settings).scopes == ("write",)
    assert guarded.authorized[0]["client_id"] == "by-hand"
    assert guarded.registered == []
    assert latchstring.token_for(guarded.url, settings=settings).source == "cached"


def test_a_login_registers_anew_with_an_initial_access_token(
    guarded: Guarded, settings: Settings
) -> None:
    latchstring.login_to(guarded.url, settings=settings)
    anew = changed(settings, profile="other", register_anew=True, initial_access_token="hush-hush")
    latchstring.login_to(guarded.url, settings=anew)
    assert guarded.introduced == [None, "Bearer hush-hush"]
    assert guarded.authorized[-1]["client_id"] == "client-2"
    assert "hush-hush" not in repr(anew)


def test_the_native_host_uses_the_same_session_and_registration(
    home: Home, guarded: Guarded, settings: Settings
) -> None:
    granted = latchstring.login_to(guarded.url, settings=settings)
    words = ["--resource-url", guarded.url]
    held = home.native("token", *words).succeeded().stdout
    assert held == f"{granted.access_token}\n"
    port = str(settings.redirect.ports[0])
    browser = ["--flow", "browser", "--browser", VISITOR, "--port", port]
    home.native("login", *words, *browser).succeeded()
    assert [asked["client_id"] for asked in guarded.authorized] == ["client-1"] * 2
    assert len(guarded.registered) == 1
    token = latchstring.token_for(guarded.url, settings=settings)
    assert (token.source, token.access_token) == ("cached", "token-2")


def test_a_store_of_the_callers_keeps_sessions_and_registrations(
    home: Home, guarded: Guarded, settings: Settings
) -> None:
    kept: defaultdict[tuple[str, str], Memory] = defaultdict(Memory)
    own = changed(settings, store=lambda *place: kept[place])
    latchstring.login_to(guarded.url, settings=own)
    latchstring.login_to(guarded.url, settings=changed(own, profile="other"))
    assert sorted(profile for profile, _ in kept) == ["default", "other", "registration+"]
    assert all(memory.kept and not memory.is_locked for memory in kept.values())
    assert len(guarded.registered) == 1 and not home.state.exists()


def test_a_damaged_registration_counts_as_none(
    home: Home, guarded: Guarded, settings: Settings
) -> None:
    latchstring.login_to(guarded.url, settings=settings)
    (kept,) = registrations(home)
    kept.write_bytes(kept.read_bytes()[:-10])
    latchstring.login_to(guarded.url, settings=settings)
    latchstring.login_to(guarded.url, settings=settings)
    assert len(guarded.registered) == 2


def test_a_registration_of_a_newer_version_stays(
    home: Home, guarded: Guarded, settings: Settings
) -> None:
    latchstring.login_to(guarded.url, settings=settings)
    (kept,) = registrations(home)
    kept.write_bytes(b'{"latchstring":2}\n')
    failure = failure_of(latchstring.login_to, guarded.url, settings=settings)
    assert failure.code == "stored-newer" and str(kept) in failure.message
    assert kept.read_bytes() == b'{"latchstring":2}\n'


def test_a_client_that_the_server_has_forgotten_is_registered_again(
    guarded: Guarded, settings: Settings
) -> None:
    latchstring.login_to(guarded.url, settings=settings)
    guarded.refusal = "invalid_client"
    renewed = failure_of(latchstring.token_for, guarded.url, settings=settings, force_refresh=True)
    assert renewed.code == "login-required"
    guarded.refusal = None
    latchstring.login_to(guarded.url, settings=settings)
    assert guarded.authorized[-1]["client_id"] == "client-2"


def test_a_token_with_too_few_scopes_requires_a_login_that_asks_for_more(
    guarded: Guarded, settings: Settings
) -> None:
    latchstring.login_to(guarded.url, settings=settings)
    challenge = guarded.challenge(error="insufficient_scope", scope="write")
    failure = failure_of(latchstring.token_for, guarded.url, challenge, settings)
    assert failure.code == "login-required" and "write" in failure.message
    # No renewal could help.
    assert len(guarded.redeemed) == 1
    latchstring.login_to(guarded.url, challenge, settings)
    assert set(guarded.authorized[-1]["scope"].split()) == {"read", "write"}


def test_a_token_that_the_resource_refuses_is_renewed(guarded: Guarded, settings: Settings) -> None:
    first = latchstring.login_to(guarded.url, settings=settings)
    challenge = guarded.challenge(error="invalid_token")
    token = latchstring.token_for(guarded.url, challenge, settings)
    assert token.source == "renewed" and token.access_token != first.access_token


def test_an_issuer_other_than_the_accepted_one_is_refused(
    home: Home, guarded: Guarded, settings: Settings
) -> None:
    strict = changed(settings, accept_issuer="id.example")
    failure = failure_of(latchstring.login_to, guarded.url, settings=strict)
    assert failure.code == "invalid-metadata" and "only id.example is accepted" in failure.message
    assert guarded.registered == guarded.authorized == [] and registrations(home) == []
    accepting = changed(settings, accept_issuer="127.0.0.1")
    assert latchstring.login_to(guarded.url, settings=accepting).source == "login"


def test_a_client_needs_an_id_or_the_url_of_a_resource(settings: Settings) -> None:
    client = Client(issuer="https://id.example")
    failure = failure_of(latchstring.login, client, settings)
    assert failure.code == "invalid-configuration"


# ---- Ports ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "ports"),
    [
        (Client(resource_url="https://api.example"), (51571, 51572, 51573, 51574, 0)),
        (Client(client_id="a", issuer="https://id.example"), ()),
    ],
)
def test_a_client_by_url_tries_its_own_ports_first(
    home: Home, client: Client, ports: tuple[int, ...]
) -> None:
    asked: list[Redirect] = []

    def listen(redirect: Redirect, arrived: Callable[[BrowserVisit], None]) -> Listener:
        asked.append(redirect)
        raise LatchError("port-in-use", "none is free", "")

    failure_of(latchstring.login, client, settings_of(home, listen=listen))
    assert [tuple(redirect.ports) for redirect in asked] == [ports]


def test_the_ports_that_the_caller_names_stay() -> None:
    assert Redirect(ports=[8000]).for_resource() == Redirect(ports=[8000])


# ---- The loop ------------------------------------------------------------------------


def lock(name: str) -> Action:
    return Action("lock-registration", name)


def save(registration: bytes | None = b"kept") -> Action:
    return Action("save-registration", registration)


def test_a_registration_is_locked_until_it_is_saved() -> None:
    host = Host.without_user()
    locked: list[bool] = []
    host.during(lambda: locked.append(host.registrations["a"].is_locked))
    replies = host.run(lock("a"), save(), Action("read-registration", "a"), lock("b"))
    assert [reply.tag for reply in replies] == ["registration", "saved"] + ["registration"] * 2
    assert [reply.payload for reply in replies] == [None, None, b"kept", None]
    assert locked == [False, True, False, False, False]
    # At the end of the session, and with the session's own lock.
    assert not host.registrations["b"].is_locked and not host.store.is_locked


def test_another_registration_is_locked_only_after_the_first_is_free() -> None:
    host = Host.without_user()
    locked: list[tuple[bool, bool]] = []
    names = host.registrations["a"], host.registrations["b"]
    host.during(lambda: locked.append((names[0].is_locked, names[1].is_locked)))
    host.run(lock("a"), lock("a"), lock("b"))
    assert locked[1:] == [(True, False), (True, False), (False, True)]


@pytest.mark.parametrize(
    "actions", [[save()], [lock("a"), save(), save()], [Action("lock"), save()]]
)
def test_a_registration_is_not_saved_without_its_lock(actions: list[Action]) -> None:
    host = Host.without_user()
    failure = host.failure(*actions)
    assert failure.code == "sandbox-fault"
    assert "saved a registration without its lock" in failure.message


def test_a_session_is_not_saved_with_the_lock_of_a_registration() -> None:
    failure = Host.without_user().failure(lock("a"), Action("save", b""))
    assert failure.code == "sandbox-fault"
    assert "without the session's lock" in failure.message


def test_a_registration_can_be_deleted() -> None:
    host = Host.without_user()
    host.run(lock("a"), save(), lock("a"), save(None))
    assert host.registrations["a"].kept is None


@pytest.mark.parametrize("name", ["", "../a", "a.b", "A", "a" * 129])
def test_the_name_of_a_registration_cannot_be_a_path(name: str) -> None:
    assert failure_of(Rules().registration_stem, name).code == "sandbox-fault"


def test_no_session_has_the_files_of_a_registration(home: Home) -> None:
    rules = Rules()
    stem = rules.registration_stem("abc")
    assert FileStore(home.state, stem, "its registration", rules).place.endswith(f"/{stem}.session")
    profile, _ = stem.split(".")
    assert failure_of(rules.file_stem, profile, "abc").code == "invalid-configuration"


def test_requests_go_to_the_issuers_that_the_resource_names() -> None:
    host = Host.without_user()
    host.client = Client(resource_url="https://api.example/mcp")
    issuer = "https://login.example"
    metadata = "https://api.example/.well-known/oauth-protected-resource/mcp"

    def asked(purpose: Any, url: str) -> Action:
        return Action("exchange", Exchange(purpose, 0, None, None, Request("get", url, (), None)))

    document = b'{"resource":"https://api.example/mcp","authorization_servers":["%s"]}'
    host.responses = [Response(200, (), document % issuer.encode())]
    before, told, after = host.run(
        asked("metadata", issuer), asked("resource-metadata", metadata), asked("metadata", issuer)
    )
    assert is_denied(before) and not is_denied(told) and not is_denied(after)


# ---- The user ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asks", "line", "tag"),
    [(True, "", "confirmed"), (True, "no", "cancelled"), (False, None, "confirmed")],
)
def test_the_user_confirms_who_asks_for_the_password(
    asks: bool, line: str | None, tag: str
) -> None:
    login = Login()
    if line is not None:
        login.clock.steps.append(lambda: login.terminal.types(line))
    event = Event("confirm", Confirmation("login.example", "api.example", asks, 1000))
    assert login.user.reply_to(event).tag == tag
    assert "login.example" in "".join(login.terminal.said)
    assert len(login.terminal.questions) == (line is not None)


def test_nobody_is_asked_for_consent_outside_of_a_login() -> None:
    asked = Action("confirm", Confirmation("login.example", "api.example", True, 1000))
    failure = Host.without_user().failure(asked)
    assert failure.code == "sandbox-fault" and "a consent outside of a login" in failure.message
