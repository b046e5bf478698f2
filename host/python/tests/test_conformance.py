"""Replays the conformance kit with the component alone, and with this host's loop."""

from __future__ import annotations

import base64
import copy
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from latchstring import LatchError, fingerprint

from .conftest import REPOSITORY, Home, Run
from .replay import Transcript, difference, read_transcript, replay
from .script import is_for_loops, play

KIT = sorted((REPOSITORY / "testing" / "conformance").glob("*.json"))
LOOPS = [path for path in KIT if is_for_loops(read_transcript(path))]

Way = list[Any]


def name(path: Path) -> str:
    return path.stem


def changed(transcript: Transcript, way: Way, change: Callable[[Any], Any]) -> Transcript:
    """Returns a copy that is changed at the end of `way`."""
    whole = copy.deepcopy(transcript)
    parent: Any = whole
    for member in way[:-1]:
        parent = parent[member]
    if isinstance(parent, dict):
        parent[way[-1]] = change(parent.get(way[-1]))
    else:
        parent[way[-1]] = change(parent[way[-1]])
    return whole


def to(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def leaves(value: Any, way: Way) -> Iterator[Way]:
    """Returns the way to each value that is not an object or a list."""
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    else:
        yield way
        return
    for member, inner in below:
        yield from leaves(inner, [*way, member])


def other(value: Any) -> Any:
    """Returns another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return f"{value}x"


def outcomes(transcript: Transcript) -> Iterator[Way]:
    for way in leaves(transcript, []):
        if way[0] == "failure" or (way[0] == "steps" and way[2] in {"action", "failure"}):
            yield way


def test_there_is_a_kit() -> None:
    assert KIT and LOOPS


@pytest.mark.parametrize("path", KIT, ids=name)
def test_the_component_does_as_recorded(path: Path) -> None:
    recorded = read_transcript(path)
    assert difference(recorded, replay(recorded)) is None


@pytest.mark.parametrize("path", KIT, ids=name)
def test_every_action_and_failure_is_compared(path: Path) -> None:
    recorded = read_transcript(path)
    ways = list(outcomes(recorded))
    assert ways
    for way in ways:
        told = difference(changed(recorded, way, other), recorded)
        assert told is not None and str(way[-1]) in told
    if recorded["steps"]:
        shorter = recorded | {"steps": recorded["steps"][:-1]}
        assert str(difference(recorded, shorter)).startswith("steps")


@pytest.mark.parametrize("path", LOOPS, ids=name)
def test_the_loop_replies_as_recorded(path: Path) -> None:
    play(read_transcript(path))


@pytest.mark.parametrize("path", LOOPS, ids=name)
def test_a_conversation_may_be_unfinished(path: Path) -> None:
    recorded = read_transcript(path)
    if len(recorded["steps"]) > 1:
        play(recorded | {"steps": recorded["steps"][:-1]})


def kind(reply: Any) -> str:
    if isinstance(reply, str):
        return reply
    ((name, payload),) = reply.items()
    return f"answered: {kind(payload)}" if name == "answered" else str(name)


def kinds_of_replies() -> dict[str, tuple[Path, int]]:
    """Returns the first place of each kind of reply."""
    first: dict[str, tuple[Path, int]] = {}
    for path in LOOPS:
        for at, step in enumerate(read_transcript(path)["steps"]):
            first.setdefault(kind(step["reply"]), (path, at))
    return first


@pytest.mark.parametrize(("tag", "where"), kinds_of_replies().items())
def test_another_reply_of_the_loop_is_noticed(tag: str, where: tuple[Path, int]) -> None:
    path, at = where
    strange = "probed" if tag == "saved" else "saved"
    with pytest.raises(AssertionError):
        play(changed(read_transcript(path), ["steps", at, "reply"], to(strange)))


def redirected(path: Path) -> list[int]:
    steps = read_transcript(path)["steps"]
    return [at for at, step in enumerate(steps) if "redirected" in step["reply"]]


@pytest.mark.parametrize("path", [path for path in LOOPS if redirected(path)], ids=name)
def test_another_opening_or_reply_makes_a_difference(path: Path) -> None:
    login = read_transcript(path)
    entropy = {"text": "0123456789abcdef0123456789ABCDEF"}
    more = changed(login, ["open", "login", "context", "entropy"], to(entropy))
    assert ".action." in str(difference(more, replay(more)))
    at = redirected(path)[-1]
    forged = changed(login, ["steps", at, "reply", "redirected"], to("/callback?code=a"))
    assert f"steps[{at}]" in str(difference(forged, replay(forged)))


CLIENT = ["open", "login", "client"]


@pytest.mark.parametrize(
    ("way", "value", "told"),
    [
        (["transcript"], 2, "has format 2; this version reads up to 1"),
        (["transcript"], "1", "transcript is not the format's number"),
        (["transcript"], True, "transcript is not the format's number"),
        (["contract"], "latchstring:login@9.0.0", "contract is not latchstring:login@0.3.0"),
        (["open"], {}, "open is not one of login, token, logout, adopt"),
        (["open", "token"], {}, "open is not one of"),
        ([*CLIENT, "issuer"], 7, "open.login.client.issuer is not a text"),
        ([*CLIENT, "issuer"], "\ud800", "open.login.client.issuer is not a text"),
        ([*CLIENT, "colour"], "red", "client.colour is not a member"),
        ([*CLIENT, "protocol"], "pigeon", "protocol is not an object"),
        ([*CLIENT, "protocol"], {"oauth": None}, "protocol is not one of hexclave"),
        (["open", "login", "context", "entropy"], {"base64": "?"}, "is not base64"),
        (["open", "login", "context", "now-ms"], 2**53, "now-ms is not a whole number"),
        (["open", "login", "context", "now-ms"], True, "now-ms is not a whole number"),
        (["open", "login", "request", "facts", "display"], "yes", "not true or false"),
        (["open", "login", "request", "flow"], "pigeon", "not one of browser, paste, device"),
        (["steps"], None, "steps is not a list"),
        (["steps", 0, "reply"], "good-bye", "steps[0].reply is not one of begin"),
        (["steps", 0, "reply"], {"begin": None}, "steps[0].reply is not one of locked"),
        (["steps", 0, "failure"], {}, "steps[0] is not a reply, its time, and"),
    ],
)
def test_an_unusable_or_newer_transcript_is_refused(way: Way, value: Any, told: str) -> None:
    login = next(read_transcript(path) for path in LOOPS if redirected(path))
    with pytest.raises(LatchError) as failure:
        replay(changed(login, way, to(value)))
    assert failure.value.code == "invalid-configuration"
    assert told in failure.value.message


def test_a_status_is_as_wide_as_declared() -> None:
    path = next(p for p in LOOPS if redirected(p))
    login = read_transcript(path)
    replies = [step["reply"] for step in login["steps"]]
    answers = [told.get("answered", {}) if isinstance(told, dict) else {} for told in replies]
    at = next(at for at, answer in enumerate(answers) if "ok" in answer)
    way = ["steps", at, "reply", "answered", "ok", "status"]
    with pytest.raises(LatchError, match="status is not a whole number up to 65535"):
        replay(changed(login, way, to(1 << 16)))


def test_large_numbers_and_binary_data_are_kept() -> None:
    token = next(t for t in map(read_transcript, KIT) if "token" in t["open"] and t["steps"])
    most = changed(token, ["open", "token", "demand", "min-ttl-ms"], to(2**53 - 1))
    assert replay(most)["open"] == most["open"]
    binary = {"base64": base64.b64encode(b"\xff\x00\x80").decode()}
    damaged = changed(token, ["open", "token", "stored"], to(binary))
    assert replay(damaged)["open"] == damaged["open"]


def test_a_number_that_is_not_the_same_in_every_language_is_refused() -> None:
    late = next(t for t in map(read_transcript, KIT) if '"present"' in json.dumps(t))
    for step in late["steps"]:
        step["now-ms"] = 2**53 - 1
    # The device code expires later than that.
    with pytest.raises(LatchError, match="a number is not below 2"):
        replay(late)


def test_the_player_replays_a_file(home: Home) -> None:
    def player(path: Path) -> Run:
        return home.start(sys.executable, "-m", "tests.replay", str(path)).finish()

    path = LOOPS[0]
    recorded = read_transcript(path)
    same = json.loads(player(path).succeeded().stdout)
    assert difference(recorded, same) is None
    given = home.folder / "given.json"
    way = next(outcomes(recorded))
    given.write_text(json.dumps(changed(recorded, way, other) | {"component": "another"}))
    told = player(given).failed("host-fault")
    assert "not as recorded: steps[0].action" in told.stderr and "another" in told.stderr
    assert told.stdout == ""
    given.write_text("{")
    assert "is not JSON" in player(given).failed("invalid-configuration").stderr
    player(home.folder / "none").failed("invalid-configuration")


def test_the_command_line_prints_the_hash_of_the_component(home: Home) -> None:
    digest, size = fingerprint()
    assert home.python("component").succeeded().stdout == f"{digest} {size}\n"
    assert json.loads(home.native("component", "--json").succeeded().stdout)["sha256"] == digest
