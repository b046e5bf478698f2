"""Reaches the user of a login: carries out what the rules decide, with a browser, a
terminal and a loopback listener."""

from __future__ import annotations

import itertools
import math
import queue
from dataclasses import InitVar, dataclass

from .browser import Browser, Launched
from .contract import ProviderError, Reply
from .errors import LatchError, printable
from .listener import BrowserVisit, Listening
from .rules import (
    Answer,
    Command,
    Egress,
    Ended,
    Event,
    Failure,
    Interaction,
    Means,
    OpenedResult,
    Request,
    Rules,
)
from .rules import Question as Ask
from .rules import Reply as Answered
from .settings import Settings
from .terminal import Question

# Visits, lines that the user typed as the answer to a question, and reasons why a browser
# that was started has failed.
Events = queue.SimpleQueue[BrowserVisit | tuple[Question | Launched, str]]


@dataclass(eq=False, repr=False, kw_only=True)
class User:
    """The user's browser, terminal and loopback listener during one login."""

    rules: InitVar[Rules]
    settings: Settings
    # Decides which addresses the user's browser may open.
    egress: Egress
    events: Events
    # Puts visits into `events`. None if no browser can come back.
    listener: Listening | None
    # None if the user opens the address by hand.
    browser: Browser | None
    # Whether the browser may run on another machine.
    browser_is_elsewhere: bool = False

    def __post_init__(self, rules: Rules) -> None:
        self._clock, self._terminal = self.settings.clock, self.settings.terminal
        means = Means(
            redirect_uri=None if self.listener is None else self.listener.redirect_uri,
            has_browser=self.browser is not None,
            browser_is_elsewhere=self.browser_is_elsewhere,
            is_attended=self._terminal.is_attended(),
            hides_typing=True,
        )
        self._interaction = Interaction(rules, self.egress, means, self.settings.entropy())
        self._launched: Launched | None = None
        self._numbers = itertools.count()
        # Visits that have no answer yet, by number.
        self._unanswered: dict[int, BrowserVisit] = {}
        # Visits whose answers are being written.
        self._answered: list[BrowserVisit] = []
        self._question: Question | None = None
        # The end of the time limit, by the clock's `monotonic`.
        self._deadline = math.inf

    def reply_to(self, action: Event) -> Reply:
        """Carries out an action of the session, and waits until the user or the browser has
        answered it. Raises `egress-denied` if the user may not be sent to an address."""
        reply = self._run(action)
        # Only the commands of `close` end without a reply.
        assert reply is not None
        return reply

    def close(self, error: LatchError | None) -> None:
        """Shows the waiting browsers how the login ended; None if it worked. Returns when
        their pages were written."""
        try:
            self._run(Event("close", None if error is None else _ended(error)))
            while (event := self._clock.wait(self.events, 0.0)) is not None:
                if isinstance(event, BrowserVisit):
                    for command in self._interaction.handle(self._visited(event)):
                        self._carry_out(command)
            for visit in self._answered:
                visit.settle()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Ends the login without telling the waiting browsers why."""
        self._end_launch()
        if self.listener is not None:
            self.listener.close()

    def _run(self, event: Event) -> Reply | None:
        """Carries out the commands that follow from an event, and from what happens then.
        Returns the reply; None if the login has ended."""
        try:
            while True:
                result: Event | None = None
                for command in self._interaction.handle(event):
                    match command:
                        case Command("reply", Answered(tag, payload)):
                            return Reply(tag, payload)
                        case Command("finish"):
                            return None
                    result = self._carry_out(command)
                event = result or self._next()
        finally:
            self._withdraw()
            self._deadline = math.inf

    def _carry_out(self, command: Command) -> Event | None:
        """Returns the result of a command that has one. It is the last of a list."""
        match command:
            case Command("say", str(text)):
                self._terminal.say(text)
            case Command("address", str(url)):
                self._terminal.address(url)
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
                self._withdraw()
                # Before the question is shown, so that nothing that is typed is shown.
                self._question = self._terminal.ask(is_hidden, self._happened)
                if text:
                    self._terminal.say(text)
            case Command("limit", int(limit_ms)):
                self._deadline = self._clock.monotonic() + limit_ms / 1000
        # This host draws no QR code, and shows no progress and no countdown.
        return None

    def _start(self, how: str, url: str) -> OpenedResult:
        """Starts the browser. Returns what it was started on, or why it could not be."""
        if self.browser is None:
            return OpenedResult("ok", "by-hand")
        try:
            if how == "open":
                self.browser.open(url, lambda _: None)
                return OpenedResult("ok", "address")
            self._end_launch()
            tells_peers = self.listener is not None and self.listener.tells_peers
            self._launched = Launched(self.browser, url, tells_peers, self._happened)
            return OpenedResult("ok", self._launched.opened)
        # The caller's own browser may raise anything.
        except Exception as error:
            return OpenedResult("error", printable(str(error)))

    def _end_launch(self) -> None:
        launched, self._launched = self._launched, None
        if launched is not None:
            launched.end()

    def _withdraw(self) -> None:
        """Withdraws the question, and restores the terminal's mode."""
        question, self._question = self._question, None
        if question is not None:
            question.withdraw()

    def _happened(self, source: Question | Launched, text: str) -> None:
        """Passes on a line that was typed, or the reason why a browser has failed. Other
        threads call this."""
        self.events.put((source, text))

    def _next(self) -> Event:
        """Waits until something happens."""
        while True:
            left = self._deadline - self._clock.monotonic()
            # Many requests do not delay the end of the time limit.
            event = self._clock.wait(self.events, left) if left > 0 else None
            if event is None:
                self._deadline = math.inf
                return Event("timed-out")
            if isinstance(event, BrowserVisit):
                return self._visited(event)
            source, text = event
            # Later events of a question or a browser that was replaced do not count.
            if source is self._question:
                self._withdraw()
                return Event("typed", text)
            if source is self._launched:
                return Event("browser-failed", text)

    def _visited(self, visit: BrowserVisit) -> Event:
        """Returns the event for a visit from the listener."""
        if visit.is_gone:
            return Event("closed", visit.number)
        visit.number = next(self._numbers)
        self._unanswered[visit.number] = visit
        keeps = visit.went is not None
        arrival = Request(visit.number, visit.target, visit.cookies, visit.peer, keeps)
        return Event("requested", arrival)


def _ended(error: LatchError) -> Ended:
    provider = None
    if error.provider_error is not None:
        provider = ProviderError(error.provider_error, error.provider_description)
    return Ended(Failure(error.code, error.message, error.remedy), provider)
