"""This host's types against those that the components themselves declare."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest
from wasmtime.component import EnumType, RecordType, VariantType

from latchstring import LatchError, component, contract, rules
from latchstring.component import ACTIONS, Instance
from latchstring.contract import Client, Endpoints, Examination, NoResponse, Reply
from latchstring.errors import CODES, printable
from latchstring.rules import Command, Event, Rules
from latchstring.sandbox import Sandbox, engine

from .conftest import Home, sha256

RECORDS = [
    "client", "endpoints", "hexclave", "parameter", "context", "facts", "login-request",
    "demand", "access-rules", "tokens", "exchange", "request", "header", "response",
    "unreachable", "authorization", "visit", "offer", "device-prompt", "grant", "logout-report",
    "unrevoked", "failure", "provider-error",
]  # fmt: skip


# Those of the login component are passed on to the rules as they are.
RULES_RECORDS = {
    "answer": rules.Answer,
    "authorization": contract.Authorization,
    "device-prompt": contract.DevicePrompt,
    "ended": rules.Ended,
    "failure": rules.Failure,
    "header": contract.Header,
    "header-size": rules.HeaderSize,
    "means": rules.Means,
    "offer": contract.Offer,
    "outgoing": rules.Outgoing,
    "page": rules.Page,
    "permit": rules.Permit,
    "provider": rules.Provider,
    "provider-error": contract.ProviderError,
    "question": rules.Ask,
    "refusal": rules.Refusal,
    "request": rules.Arrival,
    "visit": contract.Visit,
}
# This host shows none.
UNUSED_RECORDS = {"countdown"}

SANDBOXES = [component.sandbox, rules.sandbox]


def declared(name: str, box: Sandbox | None = None) -> Any:
    return interface(box or component.sandbox()).exports(engine())[name].ty


def interface(box: Sandbox) -> Any:
    return box.component.type.exports(engine())[box.interface].ty


def kebab(name: str) -> str:
    return name.replace("_", "-")


@pytest.mark.parametrize("box", [load() for load in SANDBOXES], ids=lambda box: box.name)
def test_the_components_import_nothing(box: Sandbox) -> None:
    assert box.component.type.imports(engine()) == {}
    assert list(box.component.type.exports(engine())) == [box.interface]


@pytest.mark.parametrize(("name", "words"), [("login", []), ("rules", ["--rules"])])
def test_both_hosts_run_the_same_bytes(home: Home, name: str, words: list[str]) -> None:
    told = json.loads(home.native("component", *words, "--json").succeeded().stdout)
    assert told["sha256"] == sha256(name)


@pytest.mark.parametrize("name", RECORDS)
def test_records_have_the_declared_fields(name: str) -> None:
    record = declared(name)
    assert isinstance(record, RecordType)
    own = getattr(contract, name.title().replace("-", ""))
    assert {kebab(f.name) for f in fields(own)} == {field for field, _ in record.fields}


@pytest.mark.parametrize(("name", "own"), RULES_RECORDS.items())
def test_records_of_the_rules_have_the_declared_fields(name: str, own: type) -> None:
    record = declared(name, rules.sandbox())
    assert isinstance(record, RecordType)
    assert {kebab(f.name) for f in fields(own)} == {field for field, _ in record.fields}


def test_every_record_of_the_rules_is_compared() -> None:
    types = interface(rules.sandbox()).exports(engine())
    records = {name for name, item in types.items() if isinstance(item.ty, RecordType)}
    assert records == RULES_RECORDS.keys() | UNUSED_RECORDS


def test_enums_and_variants_have_the_declared_cases() -> None:
    code, flow, reply = declared("code"), declared("login-flow"), declared("reply")
    assert isinstance(code, EnumType) and list(CODES) == code.names
    assert isinstance(flow, EnumType) and list(get_args(contract.LoginFlow)) == flow.names
    variants = [
        (Reply, reply),
        (NoResponse, declared("no-response")),
        (Examination, declared("examination")),
        (Command, declared("command", rules.sandbox())),
        (Event, declared("event", rules.sandbox())),
    ]
    for kind, variant in variants:
        assert isinstance(variant, VariantType)
        own = get_args(get_type_hints(kind)["tag"])
        assert list(own) == [name for name, _ in variant.cases]


def test_enums_and_variants_of_the_rules_have_the_declared_cases() -> None:
    for own, name in [
        (contract.LoginFlow, "login-flow"),
        (rules.Addresses, "addresses"),
        (rules.Opened, "opened"),
        (rules.Peer, "peer"),
        (rules.RedirectHost, "redirect-host"),
    ]:
        enum = declared(name, rules.sandbox())
        assert isinstance(enum, EnumType) and list(get_args(own)) == enum.names
    # Of the replies to the login component, those that come from its user.
    reply = declared("reply", rules.sandbox())
    assert {name for name, _ in reply.cases} <= {*get_args(get_type_hints(Reply)["tag"])}


def test_the_rules_know_every_action() -> None:
    action = declared("action")
    assert list(ACTIONS) == [name for name, _ in action.cases]
    budget = Rules().budget(True, None)
    for name in ACTIONS:
        assert budget.admit(name, "https://id.example", 1) in {0, 1}


def test_settings_that_ask_for_another_token_have_another_account() -> None:
    instance = Instance()
    clients = [
        Client(client_id="a", issuer="https://id.example"),
        Client(client_id="b", issuer="https://id.example"),
        Client(client_id="a", issuer="https://id.example", scopes=["openid"]),
        Client(client_id="a", endpoints=Endpoints(token="https://id.example/token")),
    ]
    keys = {instance.account_key(client) for client in clients}
    assert len(keys) == len(clients)


def test_a_protocol_of_its_own_can_be_named() -> None:
    app = contract.Hexclave(app_url="https://app.example", headers="stack")
    client = Client(client_id="a", issuer="https://api.example", protocol=app)
    assert Instance().account_key(client)


def test_a_setting_of_another_type_is_told_without_its_value() -> None:
    instance = Instance()
    for wrong in [
        Client(client_id="a", client_secret=b"hush"),  # type: ignore[arg-type]
        Client(client_id="hush\udcff"),
        Client(client_id="a", scopes="hush"),
    ]:
        with pytest.raises(LatchError) as failure:
            instance.account_key(wrong)
        assert failure.value.code == "invalid-configuration"
        assert "hush" not in str(failure.value)


def test_a_call_that_takes_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = Instance()
    monkeypatch.setattr("latchstring.sandbox.FUEL_PER_CALL", 1000)
    with pytest.raises(LatchError) as failure:
        instance.account_key(Client(client_id="a", issuer="https://id.example"))
    assert failure.value.code == "sandbox-fault"
    assert "time limit" in str(failure.value)


def test_what_reorders_or_hides_a_line_is_written_as_an_escape() -> None:
    told = printable("a\u001b[2J\n\u202eb\U000e0041\ud800")
    assert told == "a\\u{1b}[2J\\u{a}\\u{202e}b\\u{e0041}\\u{d800}"
    assert printable("soft\u00adhyphen é 登録") == "soft\u00adhyphen é 登録"
