"""Replays transcripts (`testing/conformance/README.md`): the login component, given the same
opening and replies, must return the same actions and failures. `python -m tests.replay FILE`
replays one file, and prints the result or the first difference.
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from latchstring import fingerprint
from latchstring.component import LoginComponent, Session
from latchstring.contract import Case, Client, Failure, Hexclave, ProviderError, Reply
from latchstring.errors import LatchError, printable
from latchstring.sandbox import kebab

# Version of the format.
FORMAT = 1
CONTRACT = "latchstring:login@0.3.0"

# Many times what a session with the largest responses takes.
_LONGEST_FILE = 16 << 20

# Characters of a differing value that are shown.
_LONGEST_SHOWN = 160

# Some languages round larger numbers.
_LARGEST_NUMBER = 2**53 - 1

# A value as `json.loads` returns it.
Json = Any

Transcript = dict[str, Json]


class Unusable(LatchError):
    def __init__(self, what: str) -> None:
        super().__init__(
            "invalid-configuration",
            f"the recording cannot be used: {what}",
            "use a file exactly as `latch --record` wrote it",
        )


class Misfit(Unusable):
    """A value is not of its type in the contract."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(f"{path} is not {expected}")


@dataclass
class Conversation:
    """A transcript in this host's own types."""

    # The function that opens the session, and its parameters by name.
    kind: str
    opening: dict[str, Any]
    # Each reply with the time it came.
    replies: list[tuple[Reply, int]]

    def open(self, component: LoginComponent) -> Session:
        session: Session = getattr(Session, self.kind)(component, **self.opening)
        return session


def replay(transcript: Json) -> Transcript:
    """Replays a transcript, and returns one of what the component does now. Raises
    `invalid-configuration` if the transcript cannot be read."""
    recorded = conversation(transcript)
    replayed: Transcript = {
        "transcript": FORMAT,
        "contract": CONTRACT,
        "component": fingerprint()[0],
        "open": {recorded.kind: {name: encode(value) for name, value in recorded.opening.items()}},
    }
    try:
        session = recorded.open(LoginComponent())
    except LatchError as error:
        return replayed | {"failure": _encode_failure(error), "steps": []}
    steps = []
    for reply, now_ms in recorded.replies:
        step = {"reply": encode(reply), "now-ms": now_ms}
        try:
            step["action"] = encode(session.next(reply, now_ms))
        except Unusable:
            raise
        except LatchError as error:
            step["failure"] = _encode_failure(error)
        steps.append(step)
    return replayed | {"steps": steps}


def difference(expected: Transcript, found: Transcript) -> str | None:
    """Returns the first difference in one line; None if the transcripts are equal. The
    component that took part does not count."""
    for name in ["transcript", "contract", "open", "failure", "steps"]:
        first = _difference(expected.get(name, _MISSING), found.get(name, _MISSING), name)
        if first is not None:
            return first
    return None


def replay_file(path: Path) -> Transcript:
    """Replays a file. Raises `host-fault` with the first difference if there is one."""
    recorded = read_transcript(path)
    found = replay(recorded)
    first = difference(recorded, found)
    if first is None:
        return found
    raise LatchError(
        "host-fault",
        f"not as recorded: {first}",
        "report it: the same component did something else"
        if recorded.get("component") == found["component"]
        else f"replay it with the component that took part, {recorded.get('component')}",
    )


def read_transcript(path: Path) -> Transcript:
    """Reads a transcript. Raises `invalid-configuration` if the file does not contain one."""
    try:
        with open(path, "rb") as file:
            content = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise LatchError(
            "invalid-configuration",
            f"{path} cannot be read: {error.strerror}",
            "pass a file that `latch --record` wrote",
        ) from None
    if len(content) > _LONGEST_FILE:
        raise Unusable(f"{path} is larger than 16 MiB")
    try:
        return _object(json.loads(content), "the document")
    except (ValueError, RecursionError):
        raise Unusable(f"{path} is not JSON") from None


def conversation(transcript: Json) -> Conversation:
    """Decodes a transcript. Raises `invalid-configuration` if it is not one."""
    document = _object(transcript, "the document")
    number = document.get("transcript")
    if type(number) is int and number > FORMAT:
        raise LatchError(
            "invalid-configuration",
            f"the recording has format {number}; this version reads up to {FORMAT}",
            "use the newer version that wrote it",
        )
    if type(number) is not int or number != FORMAT:
        raise Misfit("transcript", f"the format's number, {FORMAT}")
    if document.get("contract") != CONTRACT:
        raise Misfit("contract", CONTRACT)
    steps = document.get("steps")
    if not isinstance(steps, list):
        raise Misfit("steps", "a list")
    if "failure" in document and steps:
        raise Misfit("steps", "empty, although the opening failed")
    kind, opening = _single(document.get("open"), "open", ["login", "token", "logout", "adopt"])
    parameters = get_type_hints(getattr(Session, kind))
    del parameters["instance"], parameters["return"]
    replies = [_decode_step(step, f"steps[{at}]") for at, step in enumerate(steps)]
    return Conversation(kind, _members(parameters, opening, f"open.{kind}"), replies)


def _decode_step(step: Json, path: str) -> tuple[Reply, int]:
    given = _object(step, path)
    if given.keys() not in ({"reply", "now-ms", "action"}, {"reply", "now-ms", "failure"}):
        raise Misfit(path, "a reply, its time, and its action or its failure")
    return (
        _decode(Reply, given["reply"], f"{path}.reply"),
        _decode(int, given["now-ms"], f"{path}.now-ms"),
    )


# ---- Differences ---------------------------------------------------------------------

# The value of a member that is not there. Equals no value of JSON.
_MISSING = object()


def _difference(expected: object, found: object, path: str) -> str | None:
    members: dict[str, tuple[object, object]] = {}
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in expected | found:
            pair = expected.get(name, _MISSING), found.get(name, _MISSING)
            members[f"{path}.{name}"] = pair
    elif isinstance(expected, list) and isinstance(found, list):
        for at, pair in enumerate(zip_longest(expected, found, fillvalue=_MISSING)):
            members[f"{path}[{at}]"] = pair
    elif type(expected) is not type(found) or expected != found:
        return f"{path}: expected {_shown(expected)}, found {_shown(found)}"
    return next(filter(None, (_difference(*pair, name) for name, pair in members.items())), None)


def _shown(value: object) -> str:
    text = "nothing" if value is _MISSING else printable(json.dumps(value, ensure_ascii=False))
    return f"{text[:_LONGEST_SHOWN]}…" if len(text) > _LONGEST_SHOWN else text


# ---- Encoding ------------------------------------------------------------------------


def encode(value: object) -> Json:
    """Encodes a value of the contract."""
    if isinstance(value, Case):
        has_payload = value.CASES[value.tag] is not None
        return {value.tag: encode(value.payload)} if has_payload else value.tag
    if is_dataclass(value):
        members = {kebab(f.name): encode(getattr(value, f.name)) for f in fields(value)}
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
    if isinstance(value, int) and value > _LARGEST_NUMBER:
        raise Misfit("a number", "below 2^53")
    return value


def _encode_failure(error: LatchError) -> Json:
    provider = None
    if error.provider_error is not None:
        provider = ProviderError(error.provider_error, error.provider_description)
    return encode(Failure(error.code, error.message, error.remedy, provider, error.retryable))


# ---- Decoding ------------------------------------------------------------------------


def _decode(kind: Any, json: Json, path: str) -> Any:
    """Decodes a value of one type of the contract. Raises `Misfit`."""
    if kind == Hexclave | None:
        if json == "oauth":
            return None
        return _decode(Hexclave, _single(json, path, ["hexclave"])[1], f"{path}.hexclave")
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
    if isinstance(kind, type) and issubclass(kind, Case):
        return _decode_case(kind, json, path)
    if is_dataclass(kind):
        members = _members(_hints(kind), json, path)  # type: ignore[arg-type]
        return kind(**members)  # type: ignore[operator]
    if kind is bytes:
        return _decode_bytes(json, path)
    return _decode_plain(kind, json, path)


def _decode_case(kind: type[Case], json: Json, path: str) -> Case:
    cases = kind.CASES
    if isinstance(json, str) and json in cases and cases[json] is None:
        return kind(json)
    if not isinstance(json, dict):
        raise Misfit(path, f"one of {', '.join(cases)}, with the payload that it has")
    with_payload = [name for name, payload in cases.items() if payload is not None]
    tag, payload = _single(json, path, with_payload)
    return kind(tag, _decode(cases[tag], payload, f"{path}.{tag}"))


def _decode_bytes(json: Json, path: str) -> bytes:
    kind, value = _single(json, path, ["text", "base64"])
    text: str = _decode_plain(str, value, f"{path}.{kind}")
    if kind == "text":
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Misfit(f"{path}.base64", "base64 with padding") from None


def _decode_plain(kind: Any, json: Json, path: str) -> Any:
    if kind is str:
        # Lone surrogates are not text.
        if isinstance(json, str) and not any("\ud800" <= c <= "\udfff" for c in json):
            return json
        raise Misfit(path, "a text")
    if kind is bool:
        if isinstance(json, bool):
            return json
        raise Misfit(path, "true or false")
    most = get_args(kind)[1].stop - 1 if get_origin(kind) is Annotated else _LARGEST_NUMBER
    if type(json) is int and 0 <= json <= most:
        return json
    raise Misfit(path, f"a whole number up to {most}")


def _members(kinds: dict[str, Any], json: Json, path: str) -> dict[str, Any]:
    """Decodes an object with these members and no others."""
    given = _object(json, path)
    kinds_in_json = {kebab(name): (name, kind) for name, kind in kinds.items()}
    for name in given:
        if name not in kinds_in_json:
            raise Misfit(f"{path}.{name}", "a member that the contract knows")
    for name in kinds_in_json:
        if name not in given:
            raise Misfit(f"{path}.{name}", "there")
    return {
        member: _decode(kind, given[name], f"{path}.{name}")
        for name, (member, kind) in kinds_in_json.items()
    }


def _object(json: Json, path: str) -> dict[str, Json]:
    if not isinstance(json, dict):
        raise Misfit(path, "an object")
    return json


def _single(json: Json, path: str, names: Sequence[str]) -> tuple[str, Json]:
    """Returns the only member of an object, which has one of these names."""
    given = _object(json, path)
    if len(given) != 1 or next(iter(given)) not in names:
        raise Misfit(path, f"one of {', '.join(names)}")
    return next(iter(given.items()))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


if __name__ == "__main__":
    try:
        print(json.dumps(replay_file(Path(sys.argv[1])), indent=2, ensure_ascii=False))
    except LatchError as error:
        sys.exit(f"{error} ({error.code})\n{error.remedy}")
