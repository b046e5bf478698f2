"""Between the contract's values as `contract.py` has them and as a transcript writes
them (`testing/conformance/README.md`).

Goes along the types that the contract's classes declare.
"""

from __future__ import annotations

import base64
import binascii
import types
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .component import OUTCOMES, name_of
from .contract import (
    AccessRules,
    Action,
    Answer,
    Case,
    Client,
    Context,
    Demand,
    Done,
    Examination,
    Hexclave,
    Lock,
    LoginFlow,
    LoginRequest,
    NoResponse,
    Probe,
    Reply,
    Response,
    Save,
    Tokens,
    Unreachable,
)
from .errors import LatchError

# A value as `json.loads` gives it.
Json = Any

T = TypeVar("T")

# What comes with each case of a variant; none is its name alone.
_CASES: dict[type[Case], dict[str, Any]] = {
    Examination: {
        "userinfo": None,
        "verification": None,
        "introspection": None,
        "tokeninfo": None,
        "local": AccessRules,
    },
    Answer: {"ok": Response, "error": NoResponse},
    NoResponse: {"unreachable": Unreachable, "too-large": int, "denied": str},
    Reply: {
        "begin": None,
        "locked": bytes | None,
        "probed": None,
        "answered": Answer,
        "redirected": str,
        "pasted": str,
        "presented": None,
        "chosen": LoginFlow,
        "cancelled": None,
        "timed-out": None,
        "saved": None,
        "not-saved": str,
    },
}

# The functions that open a session, and what each is given.
OPENINGS: dict[str, dict[str, Any]] = {
    "login": {
        "client": Client,
        "stored": bytes | None,
        "request": LoginRequest,
        "context": Context,
    },
    "token": {"client": Client, "stored": bytes | None, "demand": Demand, "context": Context},
    "logout": {"client": Client, "stored": bytes | None, "context": Context},
    "adopt": {"client": Client, "tokens": Tokens, "context": Context},
}

# Greater ones are not the same number in every language.
_MOST = 2**53 - 1


class Damaged(LatchError):
    """What is no transcript, and why not."""

    def __init__(self, what: str) -> None:
        super().__init__(
            "invalid-configuration",
            f"the transcript is damaged: {what}",
            "take the file as it was recorded",
        )


class Misfit(Damaged):
    """What is not as the contract has it, and where."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(f"{path} is not {expected}")


# ---- Writing ---------------------------------------------------------------------


def encode(value: object) -> Json:
    """A record, a case or a plain value of the contract, as JSON."""
    if isinstance(value, Case):
        bare = _CASES[type(value)][value.tag] is None
        return value.tag if bare else {value.tag: encode(value.payload)}
    if is_dataclass(value):
        members = {_kebab(f.name): encode(getattr(value, f.name)) for f in fields(value)}
        if isinstance(value, Client):
            protocol = members["protocol"]
            members["protocol"] = "oauth" if protocol is None else {"hexclave": protocol}
        return members
    if isinstance(value, bytes):
        try:
            return {"text": value.decode()}
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [encode(element) for element in value]
    if isinstance(value, int) and value > _MOST:
        raise Misfit("a number", "below 2^53")
    return value


def encode_action(action: Action) -> Json:
    match action:
        case Lock():
            return "lock"
        case Probe():
            return "probe"
        case Save(session):
            return {"save": encode(session)}
        case Done(outcome):
            name = next(name for name, kind in OUTCOMES.items() if isinstance(outcome, kind))
            return {"done": {name: encode(outcome)}}
    return {name_of(action): encode(action)}


def encode_failure(error: LatchError) -> Json:
    provider = None
    if error.provider_error is not None:
        provider = {"error": error.provider_error, "description": error.provider_description}
    return {
        "code": error.code,
        "message": error.message,
        "remedy": error.remedy,
        "provider": provider,
        "retryable": error.retryable,
    }


# ---- Reading ---------------------------------------------------------------------


def decode(kind: type[T], json: Json, path: str) -> T:
    """One type of the contract; raises `Misfit`."""
    value: T = _decode(kind, json, path)
    return value


def members(kinds: dict[str, Any], json: Json, path: str) -> dict[str, Any]:
    """Each of these members, and no other."""
    given = as_object(json, path)
    for name in given:
        if name not in kinds:
            raise Misfit(f"{path}.{name}", "a member that the contract knows")
    for name in kinds:
        if name not in given:
            raise Misfit(f"{path}.{name}", "there")
    return {name: _decode(kind, given[name], f"{path}.{name}") for name, kind in kinds.items()}


def as_object(json: Json, path: str) -> dict[str, Json]:
    if not isinstance(json, dict):
        raise Misfit(path, "an object")
    return json


def single(json: Json, path: str, names: Sequence[str]) -> tuple[str, Json]:
    """The one member of an object, which has one of these names."""
    given = as_object(json, path)
    if len(given) != 1 or next(iter(given)) not in names:
        raise Misfit(path, f"one of {', '.join(names)}")
    return next(iter(given.items()))


def _decode(kind: Any, json: Json, path: str) -> Any:
    if kind == Hexclave | None:
        if json == "oauth":
            return None
        return _decode(Hexclave, single(json, path, ["hexclave"])[1], f"{path}.hexclave")
    if kind in _CASES:
        return _decode_case(kind, json, path)
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**{_snake(n): v for n, v in members(_hints(kind), json, path).items()})
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return None if json is None else _decode(inner[0], json, path)
    if origin is Literal:
        if json not in inner:
            raise Misfit(path, f"one of {', '.join(inner)}")
        return json
    if origin in {tuple, Sequence}:
        if not isinstance(json, list):
            raise Misfit(path, "a list")
        return tuple(_decode(inner[0], value, f"{path}[{at}]") for at, value in enumerate(json))
    if kind is bytes:
        return _decode_bytes(json, path)
    return _decode_plain(kind, json, path)


def _decode_case(kind: Any, json: Json, path: str) -> Case:
    cases = _CASES[kind]
    if isinstance(json, str) and json in cases and cases[json] is None:
        case: Case = kind(json)
        return case
    with_payload = [name for name, payload in cases.items() if payload is not None]
    if not isinstance(json, dict):
        raise Misfit(path, f"one of {', '.join(cases)}, with the payload that it has")
    tag, payload = single(json, path, with_payload)
    case = kind(tag, _decode(cases[tag], payload, f"{path}.{tag}"))
    return case


def _decode_bytes(json: Json, path: str) -> bytes:
    kind, written = single(json, path, ["text", "base64"])
    text: str = _decode_plain(str, written, f"{path}.{kind}")
    if kind == "text":
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Misfit(f"{path}.base64", "in that alphabet, with its padding") from None


def _decode_plain(kind: Any, json: Json, path: str) -> Any:
    if kind is str:
        # Half a character is no text.
        if isinstance(json, str) and not any("\ud800" <= c <= "\udfff" for c in json):
            return json
        raise Misfit(path, "a text")
    if kind is bool:
        if isinstance(json, bool):
            return json
        raise Misfit(path, "true or false")
    most = get_args(kind)[1].stop - 1 if get_origin(kind) is Annotated else _MOST
    if type(json) is int and 0 <= json <= most:
        return json
    raise Misfit(path, f"a whole number up to {most}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {_kebab(name): hint for name, hint in hints.items()}


def _kebab(name: str) -> str:
    return name.replace("_", "-")


def _snake(name: str) -> str:
    return name.replace("-", "_")
