"""Replaying a recorded conversation: the same opening and the same replies must bring
the same actions and failures (`testing/conformance/README.md`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from .codec import (
    OPENINGS,
    Damaged,
    Json,
    Misfit,
    as_object,
    decode,
    encode,
    encode_action,
    encode_failure,
    members,
    single,
)
from .component import Instance, Session, fingerprint
from .contract import Reply
from .errors import LatchError, printable

# Raised whenever an older reader would misunderstand a newer transcript.
FORMAT = 1
CONTRACT = "latchstring:login@0.2.0"

# Bytes; many times what a conversation with the largest answers takes.
_LONGEST_FILE = 16 << 20

# Characters of a value that differs, as it is shown.
_LONGEST_SHOWN = 160

# In the format of the conformance kit.
Transcript = dict[str, Json]


@dataclass
class Conversation:
    """A transcript in this host's own values."""

    # The function that opens the session, and what it is given, by names.
    kind: str
    opening: dict[str, Any]
    replies: list[tuple[Reply, int]]

    def open(self, instance: Instance) -> Session:
        session: Session = getattr(instance, self.kind)(**self.opening)
        return session


def replay(transcript: Json) -> Transcript:
    """What the component does today where it is told what the transcript tells it.

    Raises `invalid-configuration` where that cannot be read.
    """
    told = conversation(transcript)
    replayed: Transcript = {
        "transcript": FORMAT,
        "contract": CONTRACT,
        "component": fingerprint()[0],
        "open": {told.kind: {name: encode(value) for name, value in told.opening.items()}},
    }
    instance = Instance()
    try:
        session = told.open(instance)
    except LatchError as error:
        return replayed | {"failure": encode_failure(error), "steps": []}
    steps = []
    for reply, now_ms in told.replies:
        step = {"reply": encode(reply), "now-ms": now_ms}
        try:
            action = instance.next(session, reply, now_ms)
        except LatchError as error:
            step["failure"] = encode_failure(error)
        else:
            step["action"] = encode_action(action)
        steps.append(step)
    return replayed | {"steps": steps}


def difference(expected: Transcript, found: Transcript) -> str | None:
    """Where the two first differ, in one line. Which component took part makes no
    difference."""
    for name in ["transcript", "contract", "open", "failure", "steps"]:
        first = _compared(expected.get(name, _NOTHING), found.get(name, _NOTHING), name)
        if first is not None:
            return first
    return None


def conversation(transcript: Json) -> Conversation:
    """A transcript's parts, each in its type; raises `invalid-configuration` where it
    is none."""
    whole = as_object(transcript, "the whole")
    number = whole.get("transcript")
    if type(number) is int and number > FORMAT:
        raise LatchError(
            "invalid-configuration",
            f"the transcript has format {number}; this version reads up to {FORMAT}",
            "use the newer version that wrote it",
        )
    if type(number) is not int or number != FORMAT:
        raise Misfit("transcript", f"the format's number, {FORMAT}")
    if whole.get("contract") != CONTRACT:
        raise Misfit("contract", CONTRACT)
    steps = whole.get("steps")
    if not isinstance(steps, list):
        raise Misfit("steps", "a list")
    if "failure" in whole and steps:
        raise Misfit("steps", "empty, where the opening failed")
    kind, opening = single(whole.get("open"), "open", list(OPENINGS))
    return Conversation(
        kind,
        members(OPENINGS[kind], opening, f"open.{kind}"),
        [_replied(step, f"steps[{at}]") for at, step in enumerate(steps)],
    )


def read_transcript(path: Path) -> Transcript:
    """A transcript from its file; raises `invalid-configuration` where that holds none."""
    try:
        with open(path, "rb") as file:
            written = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise LatchError(
            "invalid-configuration",
            f"{path} cannot be read: {error.strerror}",
            "name the file of a transcript",
        ) from None
    if len(written) > _LONGEST_FILE:
        raise Damaged(f"{path} is larger than 16 MiB")
    try:
        return as_object(json.loads(written), "the whole")
    except (ValueError, RecursionError):
        raise Damaged(f"{path} is not JSON") from None


def replay_file(path: Path) -> Transcript:
    """Replays a file; raises `host-fault` with the first difference where the
    component does not do as the file says."""
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


def _replied(step: Json, path: str) -> tuple[Reply, int]:
    given = as_object(step, path)
    if given.keys() not in ({"reply", "now-ms", "action"}, {"reply", "now-ms", "failure"}):
        raise Misfit(path, "a reply, its time, and its action or its failure")
    return (
        decode(Reply, given["reply"], f"{path}.reply"),
        decode(int, given["now-ms"], f"{path}.now-ms"),
    )


# Stands where there is no value at all, which none in JSON equals.
_NOTHING = object()


def _compared(expected: object, found: object, path: str) -> str | None:
    below: dict[str, tuple[object, object]] = {}
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in expected | found:
            pair = expected.get(name, _NOTHING), found.get(name, _NOTHING)
            below[f"{path}.{name}"] = pair
    elif isinstance(expected, list) and isinstance(found, list):
        for at, pair in enumerate(zip_longest(expected, found, fillvalue=_NOTHING)):
            below[f"{path}[{at}]"] = pair
    elif type(expected) is not type(found) or expected != found:
        return f"{path}: expected {_shown(expected)}, found {_shown(found)}"
    return next(filter(None, (_compared(*pair, name) for name, pair in below.items())), None)


def _shown(value: object) -> str:
    whole = "nothing" if value is _NOTHING else printable(json.dumps(value, ensure_ascii=False))
    return f"{whole[:_LONGEST_SHOWN]}…" if len(whole) > _LONGEST_SHOWN else whole
