"""Reaches the user of a login: carries out what the rules decide, with a browser, a
terminal and a loopback listener."""

from __future__ import annotations

import itertools
import math
import queue
from collections.abc import Callable
from dataclasses import InitVar, dataclass

from .clock import Clock
from .contract import Authorization, DevicePrompt, Offer, Reply, Result, Visit
from .errors import LatchError, printable
from .launch import Launched, launch
from .listener import BrowserVisit, Listening
from .rules import Answer, Arrival, Ask, Command, Egress, Ended, Event, Means, Rules
from .terminal import Question, Terminal

# What the listener passes on, and lines that the user typed.
Events = queue.SimpleQueue[BrowserVisit | tuple[Question, str]]


@dataclass(eq=False, repr=False, kw_only=True)
class User:
    """The user of one login. A method that takes an action returns when the user, or the
    browser, has answered it. It raises `egress-denied` for an address that the user may not
    be sent to."""

    rules: InitVar[Rules]
    # 32 random bytes for one-time addresses.
    seed: InitVar[bytes]
    # Says where the user may be sent.
    egress: Egress
    clock: Clock
    terminal: Terminal
    events: Events
    # Puts visits into `events`. None if no browser can come back.
    listener: Listening | None
    # Starts one on an address; None if the user opens the address by hand.
    browser: Callable[[str], object] | None
    # Starts it on a private file, if its addresses stand on a command line.
    browser_file: Callable[[str], object] | None = None
    # Whether it may run on another machine.
    browser_is_elsewhere: bool = False

    def __post_init__(self, rules: Rules, seed: bytes) -> None:
        means = Means(
            redirect_uri=None if self.listener is None else self.listener.redirect_uri,
            has_browser=self.browser is not None,
            browser_is_elsewhere=self.browser_is_elsewhere,
            is_attended=self.terminal.is_attended(),
            hides_typing=True,
        )
        self._interaction = rules.interaction(self.egress, means, seed)
        # The browser that was started.
        self._launched: Launched | None = None
        self._numbers = itertools.count()
        # Visits without an answer, by number.
        self._unanswered: dict[int, BrowserVisit] = {}
        # Visits whose answers are being written.
        self._answered: list[BrowserVisit] = []
        self._question: Question | None = None
        # When the time limit is over, by the clock's `monotonic`.
        self._deadline = math.inf

    def authorize(self, authorization: Authorization) -> Reply:
        """Sends the user to the provider, and waits for what comes back."""
        return self._reply(Event("authorize", authorization))

    def present(self, prompt: DevicePrompt) -> Reply:
        """Shows the code for a login on another device."""
        return self._reply(Event("present", prompt))

    def visit(self, visit: Visit) -> Reply:
        """Shows the user a page that nothing comes back from."""
        return self._reply(Event("visit", visit))

    def offer(self, offer: Offer) -> Reply:
        """Asks the user how to go on."""
        return self._reply(Event("offer", offer))

    def close(self, error: LatchError | None) -> None:
        """Shows the waiting browsers how the login ended; None if it worked. Returns when
        their pages were written."""
        try:
            self._run(Event("close", None if error is None else Ended.of(error)))
            while (event := self.clock.wait(self.events, 0.0)) is not None:
                if isinstance(event, BrowserVisit):
                    for command in self._interaction.handle(self._visited(event)):
                        self._carry_out(command)
            for visit in self._answered:
                visit.settle()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Leaves the user alone: the program was interrupted, or the login has ended."""
        self._end_launch()
        if self.listener is not None:
            self.listener.close()

    def _reply(self, action: Event) -> Reply:
        reply = self._run(action)
        # Only the commands of `close` end without one.
        assert reply is not None
        return reply

    def _run(self, event: Event) -> Reply | None:
        """Carries out what follows from an event, and from what happens then. Returns the
        reply; None if the login has ended."""
        try:
            while True:
                result: Event | None = None
                for command in self._interaction.handle(event):
                    match command:
                        case Command("reply", Reply() as reply):
                            return reply
                        case Command("finish"):
                            return None
                    result = self._carry_out(command)
                event = result or self._next()
        finally:
            self._withdraw()
            self._deadline = math.inf

    def _carry_out(self, command: Command) -> Event | None:
        """Returns what came of a command that is the last of a list."""
        match command:
            case Command("say", str(text)):
                self.terminal.say(text)
            case Command("address", str(url)):
                self.terminal.address(url)
            case Command("launch" | "open" as how, str(url)):
                return Event("opened", self._start(how, url))
            case Command("end-launch"):
                self._end_launch()
            case Command("answer", Answer(request, page)):
                visit = self._unanswered.pop(request)
                visit.send(page)
                answered = [*self._answered, visit]
                self._answered = [one for one in answered if not one.is_written]
            case Command("ask", Ask(text, is_hidden)):
                self._ask(text, is_hidden)
            case Command("limit", int(limit_ms)):
                self._deadline = self.clock.monotonic() + limit_ms / 1000
        # This host draws no codes, and shows no time that is left.
        return None

    def _start(self, how: str, url: str) -> Result:
        """Starts the browser. Returns what it was started on, or why it could not be."""
        if self.browser is None:
            return Result("ok", "by-hand")
        try:
            if how == "open":
                self.browser(url)
                return Result("ok", "address")
            self._end_launch()
            tells_peers = self.listener is not None and self.listener.tells_peers
            self._launched = launch(self.browser, self.browser_file, url, tells_peers)
            return Result("ok", self._launched.opened)
        # A caller's own may fail as it likes.
        except Exception as error:
            return Result("error", printable(str(error)))

    def _end_launch(self) -> None:
        launched, self._launched = self._launched, None
        if launched is not None:
            launched.end()

    def _ask(self, text: str, is_hidden: bool) -> None:
        self._withdraw()
        # Before the question is shown: from now on nothing that is typed is shown.
        self._question = self.terminal.ask(
            is_hidden, lambda question, line: self.events.put((question, line))
        )
        if text:
            self.terminal.say(text)

    def _withdraw(self) -> None:
        """Withdraws the question, and gives the keyboard back."""
        question, self._question = self._question, None
        if question is not None:
            question.withdraw()

    def _next(self) -> Event:
        """Waits until something happens."""
        while True:
            left = self._deadline - self.clock.monotonic()
            # A flood of requests must not hold off the time limit.
            event = self.clock.wait(self.events, left) if left > 0 else None
            if event is None:
                self._deadline = math.inf
                return Event("timed-out")
            if isinstance(event, BrowserVisit):
                return self._visited(event)
            question, line = event
            # The answer to a question that was withdrawn is nobody's business.
            if question is self._question:
                self._withdraw()
                return Event("typed", line)

    def _visited(self, visit: BrowserVisit) -> Event:
        """Returns what a visit from the listener means."""
        if visit.is_gone:
            return Event("closed", visit.number)
        visit.number = next(self._numbers)
        self._unanswered[visit.number] = visit
        keeps = visit.went is not None
        arrival = Arrival(visit.number, visit.target, visit.cookies, visit.peer, keeps)
        return Event("requested", arrival)
