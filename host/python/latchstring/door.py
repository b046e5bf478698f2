"""How the person gets to the provider and back."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable, Sequence
from typing import Protocol

from .bind import Redirect
from .clock import Clock
from .contract import Authorization, DevicePrompt, LoginFlow, Offer, Reply, Visit
from .errors import LatchError
from .launch import Launched, launch
from .listener import BrowserVisit, Listener
from .rules import Binding, News, Page, Rules
from .terminal import Question, Terminal, sentence

# How long to wait for the browser to request the last page. Ends earlier if the browser
# closes a connection on which it could have sent that request.
_ARRIVAL_SECONDS = 2.0

_IN_WORDS: dict[LoginFlow, str] = {
    "browser": "use the browser of this machine",
    "paste": "use any browser and paste its last address",
    "device": "use a code on any device",
}


class Listening(Protocol):
    """Receives browsers that come back."""

    redirect_uri: str
    # Whether another user's connection can be told from this user's. If not, the login's
    # address is kept off command lines.
    tells_peers: bool

    def close(self) -> None: ...


# Listens where a redirect says, and passes on who comes.
Listen = Callable[[Redirect, Callable[[BrowserVisit], None]], Listening]


class Door:
    """A listener, a browser, and a person."""

    def __init__(
        self,
        rules: Rules,
        terminal: Terminal,
        browser: Callable[[str], object] | None,
        clock: Clock,
        entropy: Callable[[], bytes],
        listen: Listen | None = None,
        browser_file: Callable[[str], object] | None = None,
        browser_is_elsewhere: bool = False,
    ) -> None:
        """`browser` starts one on an address; without it the user opens the address
        themselves. `browser_file` starts it on a private file, if its addresses stand on
        a command line. If `browser_is_elsewhere`, it may be on another machine, as an
        editor's is, and not come back by itself."""
        self._rules = rules
        self._terminal = terminal
        self._browser = browser
        self._browser_file = browser_file
        self._browser_is_elsewhere = browser_is_elsewhere
        # The browser that was started.
        self._launched: Launched | None = None
        # The user was told that another user's browser was refused.
        self._has_told_of_others = False
        self._clock = clock
        self._entropy = entropy
        self._listen = listen or Listener
        # None where no browser can come back.
        self._listener: Listening | None = None
        # Whoever comes first, a browser or a typed line.
        self._events: queue.SimpleQueue[BrowserVisit | tuple[Question, str]] = queue.SimpleQueue()
        # Ties the login to the browser that was started.
        self._binding: Binding | None = None
        # The address that was shown.
        self._shown: str | None = None
        # Whether the person is asked for the address that the browser ends on.
        self._asks = False
        # The opened address was used twice.
        self._is_taken = False
        # The browser that waits for its page.
        self._visit: BrowserVisit | None = None

    def listen(self, redirect: Redirect) -> str:
        """The redirect URI, where a browser may come back to from now on."""
        self._listener = self._listen(redirect, self._events.put)
        return self._listener.redirect_uri

    def authorize(self, asked: Authorization) -> Reply:
        """Brings the person to the provider, and waits for what comes back."""
        visit, self._visit = self._visit, None
        is_new = self._shown != asked.url
        if visit is not None and is_new:
            self._send_on(visit, asked)
        elif visit is not None and asked.notice is not None:
            visit.answer(self._rules.show(News("stray", asked.notice)))
        elif asked.notice is not None:
            # What was pasted does not count: the user is at the terminal.
            notice = asked.notice
            self._terminal.say(
                sentence(notice) if is_new else f"That does not finish the login: {notice}"
            )
        if self._shown != asked.url:
            self._show(asked)
        return self._wait(asked)

    def _send_on(self, visit: BrowserVisit, asked: Authorization) -> None:
        """Sends the browser that came back last on to another address, in the same tab."""
        notice = asked.notice or "the login goes on at another address"
        self._terminal.say(sentence(notice))
        if self._binding is not None:
            self._binding.go_on_to(asked.url)
        self._shown = asked.url
        visit.answer(self._rules.forward(asked.url, None))

    def _show(self, asked: Authorization) -> None:
        if asked.flow == "paste":
            if asked.reason is not None:
                self._terminal.say(f"Logging in by hand: {asked.reason}")
            self._show_address(asked.url)
            self._asks = True
        else:
            opened = self._invite(asked.url)
            asks = not opened or self._browser_is_elsewhere
            self._asks = asks and self._terminal.is_attended()
        self._shown = asked.url

    def _wait(self, asked: Authorization) -> Reply:
        deadline = self._deadline(asked.wait_ms)
        with contextlib.ExitStack() as questions:
            pasted = self._ask_to_paste(questions, asked) if self._asks else None
            fresh: Question | None = None
            if self._is_taken and pasted is None:
                fresh = self._ask(questions, hidden=False)
            while (event := self._next(deadline)) is not None:
                if isinstance(event, BrowserVisit):
                    passage = self._admit(event)
                    if passage == "redirect":
                        return Reply("redirected", event.target)
                    if pasted is not None:
                        continue
                    if passage == "taken":
                        fresh = self._ask(questions, hidden=False)
                    elif passage == "another-browser" and self._terminal.is_attended():
                        self._terminal.say(
                            "The login came back in another browser than it began in,"
                            " and does not count."
                        )
                        # One question at a time has the keyboard: an empty paste is Enter too.
                        if fresh is not None:
                            fresh.withdraw()
                        self._asks, fresh = True, None
                        pasted = self._ask_to_paste(questions, asked)
                elif event[0] is pasted and self._is_taken and not event[1].strip():
                    self._open_afresh()
                    pasted = self._ask_to_paste(questions, asked)
                elif event[0] is pasted:
                    way = _named(event[1], asked.alternatives)
                    return Reply("chosen", way) if way else Reply("pasted", event[1])
                elif event[0] is fresh:
                    fresh = None
                    self._open_afresh()
        return Reply("timed-out")

    def present(self, prompt: DevicePrompt) -> Reply:
        """The code stands there whatever else does: an address with the code in it
        could be somebody else's (RFC 8628 §3.3.1)."""
        self._terminal.say("To log in, open this address on any device:\n")
        self._terminal.address(prompt.verification_uri)
        self._terminal.say(f"\nand enter this code:\n\n    {prompt.user_code}\n")
        if prompt.verification_uri_complete is not None:
            self._terminal.say("Or open this address, which has the code in it:\n")
            self._terminal.address(prompt.verification_uri_complete)
            self._terminal.say("")
        self._terminal.say("Only enter a code that you asked for yourself.\n")
        return Reply("presented")

    def send(self, visit: Visit) -> Reply:
        """Brings the person to a page that nothing comes back from."""
        if visit.opens and self._opens(visit.url):
            self._terminal.say("Your browser opens to log you in. If it does not, open:\n")
        else:
            self._terminal.say("To log in, open this address on any device:\n")
        self._terminal.address(visit.url)
        self._terminal.say("\nOnly confirm a login that you began yourself.\n")
        return Reply("presented")

    def offer(self, offer: Offer) -> Reply:
        """Asks how to go on. Whoever visits meanwhile is too late."""
        if not offer.flows:
            raise LatchError(
                "sandbox-fault",
                "the login component offered a choice of nothing",
                "report it with the version of this program",
            )
        self._binding, self._shown, self._is_taken = None, None, False
        self._end_launch()
        first, *others = offer.flows
        deadline = self._deadline(offer.wait_ms)
        self._terminal.say(sentence(offer.reason))
        while True:
            self._terminal.say(f"Press Enter to {_IN_WORDS[first]}.")
            self._say_ways(others)
            with contextlib.ExitStack() as questions:
                question = self._ask(questions, hidden=False)
                while (event := self._next(deadline)) is not None:
                    if isinstance(event, BrowserVisit):
                        event.answer(self._rules.show(News("abandoned")))
                    elif event[0] is question:
                        break
            if event is None:
                return Reply("timed-out")
            way = _named(event[1], offer.flows) or (None if event[1].strip() else first)
            if way is not None:
                return Reply("chosen", way)

    def close(self, error: LatchError | None) -> None:
        """Shows how the login ended to whoever waits in a browser.

        The browser that waits is sent to the last page, at an address without the
        code: it is in nobody's history. Any other is told that it came too late. Returns
        when the last page was written, or when the browser has closed the connection that
        it could have asked for it on.
        """
        self._end_launch()
        if self._listener is None:
            return
        page = self._rules.show(News.ended(error))
        goodbye = None if self._binding is None else self._binding.goodbye()
        on = self._rules.forward(self._rules.end_address(), goodbye)
        target, late = None, []
        if self._visit is not None:
            target = self._visit.target
            self._visit.answer(on)
            deadline = self._clock.monotonic() + _ARRIVAL_SECONDS
            # A browser that does not come is no reason to keep the person waiting.
            while (event := self._next(deadline)) is not None:
                if not isinstance(event, BrowserVisit):
                    continue
                if event.is_gone:
                    if event is self._visit:
                        break
                    continue
                last = self._last_page(event, page, on, target)
                if last is page:
                    event.answer(page)
                    break
                event.send(last)
                late.append(event)
        while (event := self._next(self._clock.monotonic())) is not None:
            if isinstance(event, BrowserVisit) and not event.is_gone:
                event.send(self._last_page(event, page, on, None))
                late.append(event)
        for visit in late:
            visit.settle()
        self._listener.close()

    def _last_page(self, visit: BrowserVisit, page: Page, on: Page, target: str | None) -> Page:
        """What a visit gets when the login has ended: `page` at its own address, and the
        way there, `on`, at `target`."""
        if _is_refused(visit):
            return self._rules.show(News("another-user"))
        if visit.target == on.location:
            return page
        # One that asked twice is sent there twice, and any other came too late.
        return on if visit.target == target else self._rules.show(News("finished"))

    def abandon(self) -> None:
        """Nobody waits any more: the program was interrupted."""
        self._end_launch()
        if self._listener is not None:
            self._listener.close()

    def _invite(self, address: str) -> bool:
        """Whether a browser opens, or the person has to see to it."""
        if self._browser is None or self._listener is None:
            self._show_address(address)
            # Whoever wants no browser started has one in mind.
            return self._browser is None
        binding = self._rules.binding(self._listener.redirect_uri, address, self._entropy())
        launched = self._launch(binding.opened_address())
        if launched is None:
            self._show_address(address)
            return False
        self._binding = binding
        self._terminal.say(launched.invitation)
        self._terminal.address(binding.printed_address())
        return True

    def _launch(self, address: str) -> Launched | None:
        """Starts the browser on an address of this login; None if none starts."""
        self._end_launch()
        if self._browser is None:
            return None
        tells_peers = self._listener is not None and self._listener.tells_peers
        try:
            self._launched = launch(self._browser, self._browser_file, address, tells_peers)
        # A caller's own may fail as it likes.
        except Exception as error:
            self._terminal.say(f"No browser opens ({error}).")
        return self._launched

    def _end_launch(self) -> None:
        launched, self._launched = self._launched, None
        if launched is not None:
            launched.end()

    def _opens(self, address: str) -> bool:
        if self._browser is None:
            return False
        try:
            self._browser(address)
        # A caller's own may fail as it likes.
        except Exception as error:
            self._terminal.say(f"No browser opens ({error}).")
            return False
        return True

    def _admit(self, visit: BrowserVisit) -> str:
        """What to make of a visit; all but the redirect are answered here."""
        # Before anything that it brings is looked at: it uses nothing up.
        if _is_refused(visit):
            visit.answer(self._rules.show(News("another-user")))
            if not self._has_told_of_others:
                self._terminal.say(
                    "The browser of another user of this machine came to this login and was"
                    " refused. If that was you, open the address in a browser of the user that"
                    " runs this program."
                )
            self._has_told_of_others = True
            return "another-user"
        if self._binding is not None:
            passage = self._binding.judge(visit.target, visit.cookies)
        else:
            # Without a binding, the start of a login has been used.
            passage = "used-address" if self._rules.is_start(visit.target) else "redirect"
        if isinstance(passage, Page):
            visit.answer(passage)
            return "on"
        if passage == "redirect":
            self._visit = visit
        elif passage == "another-browser":
            visit.answer(self._rules.show(News("another-browser")))
        else:
            visit.answer(self._rules.show(News("used-address")))
        if passage == "taken":
            self._is_taken = True
            self._terminal.say(
                "The address that your browser was sent to was opened twice, and works no more:"
                " somebody else on this machine may have taken it. Press Enter for a fresh one."
            )
        return passage

    def _open_afresh(self) -> None:
        self._is_taken = False
        if self._binding is not None:
            self._binding.renew()
            self._launch(self._binding.opened_address())

    def _show_address(self, address: str) -> None:
        self._terminal.say("To log in, open:\n")
        self._terminal.address(address)

    def _say_ways(self, flows: Sequence[LoginFlow]) -> None:
        """Each way on a line of its own, with the word that chooses it."""
        if flows:
            lines = [f"  {flow:<8} to {_IN_WORDS[flow]}" for flow in flows]
            self._terminal.say("\n".join([" Or type", *lines]))

    def _ask_to_paste(self, questions: contextlib.ExitStack, asked: Authorization) -> Question:
        # Before anybody is told to type: what is typed is not shown any more.
        question = self._ask(questions, hidden=True)
        self._terminal.say(
            "Paste the whole address (it is not displayed):"
            if asked.notice is not None
            else "When the login is done, copy the whole address from the browser's address bar,\n"
            "even if its page cannot be shown, and paste it here (it is not displayed):"
        )
        self._say_ways(asked.alternatives)
        return question

    def _ask(self, questions: contextlib.ExitStack, hidden: bool) -> Question:
        question = self._terminal.ask(hidden, lambda asked, line: self._events.put((asked, line)))
        questions.callback(question.withdraw)
        return question

    def _next(self, deadline: float) -> BrowserVisit | tuple[Question, str] | None:
        """The next visit or line; none where none comes in time."""
        return self._clock.wait(self._events, deadline - self._clock.monotonic())

    def _deadline(self, wait_ms: int) -> float:
        return self._clock.monotonic() + wait_ms / 1000


def _is_refused(visit: BrowserVisit) -> bool:
    """Whether a visit is refused, whatever it brings. This is the one place that decides
    it."""
    return visit.peer == "other-user"


def _named(text: str, flows: Sequence[LoginFlow]) -> LoginFlow | None:
    return next((flow for flow in flows if text.strip().lower() == flow), None)
