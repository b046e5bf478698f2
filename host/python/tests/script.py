"""Plays a transcript for the loop: the provider, the store, the user and the browser answer
as recorded, at the recorded times. It never sleeps."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from latchstring import LatchError, Settings, Terminal
from latchstring.browser import CallableBrowser
from latchstring.clock import Clock
from latchstring.component import LoginComponent, Session
from latchstring.contract import (
    Action,
    AnsweredResult,
    LoginRequest,
    NoResponse,
    Reply,
    Request,
    Response,
)
from latchstring.drive import Drive
from latchstring.egress import egress
from latchstring.http import Reaches
from latchstring.listener import BrowserVisit
from latchstring.rules import Page, Rules
from latchstring.terminal import Question
from latchstring.user import Events, User

from .replay import Transcript, conversation, encode

T = TypeVar("T")

Typed = Callable[[Question, str], None]

# The lines that the user types for a reply; None for the reply's own.
_TYPED = {"pasted": None, "chosen": None, "confirmed": "", "cancelled": "no"}


class BrokeOff(Exception):
    """The loop has reached the end of an unfinished transcript."""


def is_for_loops(transcript: Transcript) -> bool:
    """Returns whether a loop can hold this conversation. A loop gives one fitting reply to
    each action, stops when the session ends, and replies `cancelled` only to `confirm`: an
    interruption ends the program."""
    steps = transcript["steps"]
    cancelled = [at for at, step in enumerate(steps) if step["reply"] == "cancelled"]
    return (
        bool(steps)
        and steps[0]["reply"] == "begin"
        and all("confirm" in steps[at - 1].get("action", {}) for at in cancelled)
        and all(step.get("failure", {}).get("code") != "unexpected-reply" for step in steps)
        and not any(ends(step) for step in steps[:-1])
    )


def ends(step: dict[str, Any]) -> bool:
    return "failure" in step or (isinstance(step["action"], dict) and "done" in step["action"])


def answer_in(reply: Reply) -> Response | NoResponse:
    """Returns the response in a reply, or why there is none."""
    assert isinstance(reply.payload, AnsweredResult), reply.tag
    return cast("Response | NoResponse", reply.payload.payload)


def is_denied(reply: Reply) -> bool:
    if reply.tag != "answered":
        return False
    answer = answer_in(reply)
    return isinstance(answer, NoResponse) and answer.tag == "denied"


def play(transcript: Transcript) -> None:
    """Drives the host's own loop, whose replies must be the recorded ones."""
    told = conversation(transcript)
    session = told.open(LoginComponent())
    rules = Rules()
    script = Script(transcript, session, rules)
    request: LoginRequest | None = told.opening.get("request")
    user = None
    patience_ms = None if request is None else request.patience_ms
    settings = Settings(
        clock=script,
        send=script.send,
        patience_seconds=patience_ms and patience_ms / 1000,
        terminal=script.terminal,
        lock_seconds=1.0,
    )
    if request is not None:
        script.redirect_uri = request.redirect_uri
        events: Events = queue.SimpleQueue()
        user = User(
            rules=rules,
            settings=settings,
            egress=egress(rules, told.opening["client"], [], request.redirect_uri),
            events=events,
            listener=script.listen(events.put),
            browser=CallableBrowser(script.open_browser),
        )
    drive = Drive(
        settings=settings,
        resolve=lambda _: [],
        store=script,
        registrations=script.registration,
        rules=rules,
        client=told.opening["client"],
        pinned=script.origins() if request is None else [],
        stop=threading.Event(),
        user=user,
    )
    last = transcript["steps"][-1]
    done = last.get("action", {}).get("done") if ends(last) else None
    try:
        outcome = drive.run(script)
        assert done is not None and encode(outcome) == next(iter(done.values()))
    except LatchError as error:
        assert error.code == last.get("failure", {}).get("code"), error
    except BrokeOff:
        assert not ends(last)
    assert script.at == len(transcript["steps"]), "the loop stopped early"
    assert script.locks == 0, "the lock is not free again"
    if script.last_page is not None:
        assert ("You are logged in" in script.last_page.html) == (done is not None)


class Visit(BrowserVisit):
    """A visit that takes its page at once."""

    def __init__(self, target: str, cookies: str, answered: Callable[[Page], None]) -> None:
        super().__init__(target, cookies)
        self._answered = answered

    def send(self, page: Page) -> None:
        self._answered(page)
        self.written()


class Typist(Terminal):
    """A user who types what was recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.question: tuple[Question, Typed] | None = None

    def say(self, text: str) -> None:
        pass

    def is_attended(self) -> bool:
        return True

    def ask(self, hidden: bool, answered: Typed) -> Question:
        question = Question()
        self.question = question, answered
        return question


class Script(Clock):
    """All parts of the loop, and the component."""

    # The redirect URI of the recorded login.
    redirect_uri = ""
    tells_peers = True
    place = "the script"

    def __init__(self, transcript: Transcript, session: Session, rules: Rules) -> None:
        self._rules = rules
        self._steps: list[dict[str, Any]] = transcript["steps"]
        self._replies = conversation(transcript).replies
        self._session = session
        self._arrived: Callable[[BrowserVisit], None] = lambda _: None
        self._cookie = ""
        self._brought_at = 0
        self.terminal = Typist()
        # The number of replies so far.
        self.at = 0
        self.locks = 0
        # The last page that the browser got.
        self.last_page: Page | None = None

    # ---- The component: the replies must be the recorded ones

    def next(self, reply: Reply, now_ms: int) -> Action:
        assert self.at < len(self._steps), f"the loop went on with {reply.tag}"
        step = self._steps[self.at]
        assert encode(reply) == step["reply"], f"at steps[{self.at}]"
        assert now_ms == step["now-ms"]
        self.at += 1
        action = self._session.next(reply, now_ms)
        assert encode(action) == step.get("action"), f"at steps[{self.at}]"
        if self.at == len(self._steps) and not ends(step):
            raise BrokeOff
        return action

    def _coming(self) -> Reply:
        """Returns the recorded reply to the last action."""
        return self._replies[self.at][0] if self.at < len(self._replies) else Reply("cancelled")

    def _asked(self) -> Any:
        """Returns the last action."""
        return self._steps[self.at - 1]["action"]

    # ---- The time

    def now_ms(self) -> int:
        return self._replies[min(self.at, len(self._replies) - 1)][1]

    def monotonic(self) -> float:
        return self._replies[self.at - 1][1] / 1000

    def sleep(self, seconds: float) -> None:
        assert self._passes(seconds), f"nothing ends a sleep of {seconds} s at steps[{self.at}]"

    def wait(self, events: queue.SimpleQueue[T], seconds: float) -> T | None:
        if events.empty() and seconds > 0:
            self._come()
        if events.empty():
            is_late = self._coming().tag == "timed-out" and self._passes(seconds)
            assert is_late or seconds <= 0, f"nothing happens at steps[{self.at}]"
            return None
        return events.get_nowait()

    def _passes(self, seconds: float) -> bool:
        passed_ms = self._replies[self.at][1] - self._replies[self.at - 1][1]
        return passed_ms >= round(seconds * 1000)

    # ---- The provider

    def send(
        self, request: Request, reaches: Reaches, timeout: float | None
    ) -> Response | NoResponse:
        assert encode(request) == self._asked()["exchange"]["request"]
        return answer_in(self._coming())

    def origins(self) -> list[str]:
        """Returns the origins that an earlier login would have pinned."""
        asked = [
            step["action"]["exchange"]["request"]["url"]
            for step, (told, _) in zip(self._steps, self._replies[1:], strict=False)
            if "exchange" in step.get("action", {}) and not is_denied(told)
        ]
        return ["{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in asked]

    # ---- The store

    def registration(self, name: str) -> Script:
        """Returns the store of a registration, which is played as the session's is."""
        assert self._asked() in ({"read-registration": name}, {"lock-registration": name})
        return self

    def read(self) -> bytes | None:
        assert self._coming().tag in {"locked", "registration"}
        session = cast("bytes | None", self._coming().payload)
        if session is None:
            return None
        return self._rules.header_line([], len(session)).encode() + session

    def write(self, content: bytes) -> None:
        self._save(content.partition(b"\n")[2])

    def delete(self) -> None:
        self._save(None)

    def _save(self, session: bytes | None) -> None:
        (asked,) = self._asked().values()
        assert encode(session) == asked
        if self._coming().tag == "not-saved":
            raise LatchError("not-saved", str(self._coming().payload), "")

    def set_aside(self) -> str:
        raise AssertionError("a loop sets nothing aside")

    def probe(self) -> None:
        assert self._asked() == "probe"

    def lock(self, seconds: float, tell: Callable[[str], None], stop: threading.Event) -> Script:
        self.locks += 1
        return self

    def release(self) -> None:
        self.locks -= 1

    # ---- The user's browser

    def listen(self, arrived: Callable[[BrowserVisit], None]) -> Script:
        self._arrived = arrived
        return self

    def close(self) -> None:
        pass

    def open_browser(self, address: str) -> None:
        """Opens the address, unless the user types something later."""
        if "authorize" not in self._asked():
            return
        if any(reply.tag in {"pasted", "chosen"} for reply in self._tries()):
            raise OSError("there is none")
        parts = urlsplit(address)
        self._visit(f"{parts.path}?{parts.query}", self._take_cookie)

    def _tries(self) -> Iterable[Reply]:
        """Returns the recorded replies to the address that is being opened."""
        url = self._asked()["authorize"]["url"]
        for step, (reply, _) in zip(
            self._steps[self.at - 1 :], self._replies[self.at :], strict=False
        ):
            if step.get("action", {}).get("authorize", {}).get("url") != url:
                return
            yield reply

    def _take_cookie(self, page: Page) -> None:
        assert page.cookie is not None
        self._cookie = page.cookie.split(";")[0]

    def _come(self) -> None:
        """Plays the recorded reply once: a visit or a typed line."""
        told = self._coming()
        if self._brought_at == self.at:
            return
        self._brought_at = self.at
        if told.tag == "redirected":
            self._visit(str(told.payload), self._go_on)
        elif told.tag in _TYPED and self.terminal.question is not None:
            question, answered = self.terminal.question
            line = _TYPED[told.tag]
            answered(question, str(told.payload) if line is None else line)

    def _go_on(self, page: Page) -> None:
        end_address = self._rules.end_address()
        if page.location == end_address:
            self._visit(end_address, self._see_end)

    def _see_end(self, page: Page) -> None:
        self.last_page = page

    def _visit(self, target: str, answered: Callable[[Page], None]) -> None:
        self._arrived(Visit(target, self._cookie, answered))
