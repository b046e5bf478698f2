"""Compares this host's types with those that the components declare."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from wasmtime.component import (
    EnumType,
    ListType,
    OptionType,
    RecordType,
    ResultType,
    VariantType,
)

import generate
from latchstring import LatchError, contract, rules
from latchstring.component import LoginComponent, Session
from latchstring.contract import Action, Case, Client, Code, Endpoints, Hexclave
from latchstring.errors import printable
from latchstring.rules import Budget, Rules
from latchstring.sandbox import Instance, engine

from .conftest import Home, sha256

# Types that have no name in the contract, or that another type's test covers.
UNNAMED = {"case", "result", "answered-result", "opened-result"}

COMPONENTS: list[type[Instance]] = [LoginComponent, Rules]


def interface(component: type[Instance]) -> Any:
    return component.component().type.exports(engine())[component.INTERFACE].ty


def declared(component: type[Instance]) -> dict[str, Any]:
    return {name: item.ty for name, item in interface(component).exports(engine()).items()}


def kebab(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).strip("-").replace("_", "-")


def own(module: Any) -> dict[str, Any]:
    """Returns the types of a module, by their names in the contract."""
    types = {
        kebab(name): kind
        for name, kind in vars(module).items()
        if is_dataclass(kind) and getattr(kind, "__module__", "") == module.__name__
    }
    return {name: kind for name, kind in types.items() if name not in UNNAMED}


def same(kind: Any, ty: Any) -> bool:
    """Returns whether a type of this host is the one that a component declares."""
    inner = get_args(kind)
    if isinstance(ty, OptionType):
        if kind == Hexclave | None:
            return False
        return NoneType in inner and same(inner[0], ty.payload)
    if isinstance(ty, EnumType):
        return list(inner) == ty.names
    if isinstance(ty, ListType):
        if kind is bytes:
            return type(ty.element).__name__ == "U8"
        return get_origin(kind) in {tuple, list, Sequence} and same(inner[0], ty.element)
    if isinstance(ty, RecordType):
        hints = get_type_hints(kind)
        members = {kebab(name): hint for name, hint in hints.items()}
        return all(name in members and same(members[name], field) for name, field in ty.fields)
    if isinstance(ty, ResultType):
        return same(kind.CASES["ok"], ty.ok) and same(kind.CASES["error"], ty.err)
    if isinstance(ty, VariantType):
        # The only variant that has another form here.
        if kind == Hexclave | None:
            return [name for name, _ in ty.cases] == ["oauth", "hexclave"]
        return all(
            name in kind.CASES
            and (kind.CASES[name] is None if case is None else same(kind.CASES[name], case))
            for name, case in ty.cases
        )
    plain = {"Bool": bool, "String": str}.get(type(ty).__name__, int)
    if get_origin(kind) is Literal:
        # The rules spell the code of a failure as a text.
        return plain is str
    return (inner[0] if inner else kind) is plain


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_components_import_nothing(component: type[Instance]) -> None:
    loaded = component.component().type
    assert loaded.imports(engine()) == {}
    assert list(loaded.exports(engine())) == [component.INTERFACE]


@pytest.mark.parametrize(("name", "words"), [("login", []), ("rules", ["--rules"])])
def test_both_hosts_run_the_same_bytes(home: Home, name: str, words: list[str]) -> None:
    told = json.loads(home.native("component", *words, "--json").succeeded().stdout)
    assert told["sha256"] == sha256(name)


def test_the_types_and_functions_are_written_from_the_contracts() -> None:
    for path, content in generate.files().items():
        assert path.read_text() == content, path.name


@pytest.mark.parametrize(("module", "component"), [(contract, LoginComponent), (rules, Rules)])
def test_types_are_the_declared_ones(module: Any, component: type[Instance]) -> None:
    types = declared(component)
    for name, kind in own(module).items():
        assert same(kind, types[name]), name


def test_the_rules_take_and_return_types_of_the_login_component() -> None:
    types = declared(Rules)
    for kind in (
        contract.Authorization,
        contract.DevicePrompt,
        contract.Header,
        contract.Offer,
        contract.ProviderError,
        contract.Visit,
    ):
        assert same(kind, types[kebab(kind.__name__)]), kind


def test_every_record_and_variant_is_compared() -> None:
    for component, modules in [(LoginComponent, [contract]), (Rules, [contract, rules])]:
        names = {name for module in modules for name in own(module)}
        for name, ty in declared(component).items():
            if isinstance(ty, (RecordType, VariantType)):
                # `Client.protocol` is the record `hexclave` or None.
                assert name in names | {"protocol"}, name


def test_enums_are_the_declared_ones() -> None:
    for kind, name, component in [
        (Code, "code", LoginComponent),
        (contract.LoginFlow, "login-flow", LoginComponent),
        (contract.LoginFlow, "login-flow", Rules),
        (rules.Addresses, "addresses", Rules),
        (rules.Opened, "opened", Rules),
        (rules.Peer, "peer", Rules),
        (rules.RedirectHost, "redirect-host", Rules),
    ]:
        assert same(kind, declared(component)[name]), name


def test_no_case_is_missing_or_too_many() -> None:
    for module, component in [(contract, LoginComponent), (rules, Rules)]:
        for name, kind in own(module).items():
            if issubclass(kind, Case):
                assert list(kind.CASES) == [case for case, _ in declared(component)[name].cases]


def test_the_rules_know_every_action() -> None:
    budget = Budget(Rules(), True, None)
    for name in Action.CASES:
        assert budget.admit(name, "https://id.example", 1) in {0, 1}


def test_settings_that_ask_for_another_token_have_another_account() -> None:
    component = LoginComponent()
    clients = [
        Client(client_id="a", issuer="https://id.example"),
        Client(client_id="b", issuer="https://id.example"),
        Client(client_id="a", issuer="https://id.example", scopes=["openid"]),
        Client(client_id="a", endpoints=Endpoints(token="https://id.example/token")),
    ]
    keys = {component.account_key(client) for client in clients}
    assert len(keys) == len(clients)


def test_hexclave_is_a_protocol() -> None:
    app = contract.Hexclave(app_url="https://app.example", headers="stack")
    client = Client(client_id="a", issuer="https://api.example", protocol=app)
    assert LoginComponent().account_key(client)


def test_an_error_about_a_setting_does_not_show_its_value() -> None:
    component = LoginComponent()
    for wrong in [
        Client(client_id="a", client_secret=b"hush"),  # type: ignore[arg-type]
        Client(client_id="hush\udcff"),
        Client(client_id="a", scopes="hush"),
    ]:
        with pytest.raises(LatchError) as failure:
            component.account_key(wrong)
        assert failure.value.code == "invalid-configuration"
        assert "hush" not in str(failure.value)


def test_a_call_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    component = LoginComponent()
    monkeypatch.setattr("latchstring.sandbox.FUEL_PER_CALL", 1000)
    with pytest.raises(LatchError) as failure:
        component.account_key(Client(client_id="a", issuer="https://id.example"))
    assert failure.value.code == "sandbox-fault"
    assert "time limit" in str(failure.value)


def test_a_result_of_another_type_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    component = LoginComponent()
    client = Client(client_id="a", issuer="https://id.example")
    session = Session.logout(component, client, None, False, contract.Context(0, bytes(range(32))))
    monkeypatch.setattr(Action, "CASES", {})
    with pytest.raises(LatchError, match="its result has the wrong type") as failure:
        session.next(contract.Reply("begin"), 0)
    assert failure.value.code == "sandbox-fault"


def test_characters_that_reorder_or_hide_a_line_are_escaped() -> None:
    told = printable("a\u001b[2J\n\u202eb\U000e0041\ud800")
    assert told == "a\\u{1b}[2J\\u{a}\\u{202e}b\\u{e0041}\\u{d800}"
    assert printable("soft\u00adhyphen é 登録") == "soft\u00adhyphen é 登録"
