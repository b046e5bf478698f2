"""Parts that a test plays: the login component, a store, a listener, a clock, a browser and
the user."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from latchstring import Client, LatchError, LogoutReport, Redirect, Settings
from latchstring.browser import Failed
from latchstring.clock import Clock
from latchstring.contract import Action, Authorization, Grant, Outcome, Reply, Request, Response
from latchstring.drive import Drive
from latchstring.egress import egress
from latchstring.http import Reaches
from latchstring.listener import BrowserVisit, Listen
from latchstring.rules import Event, Page, Peer, Rules
from latchstring.terminal import Question, Terminal
from latchstring.user import Events, User

T = TypeVar("T")

ISSUER = "https://id.example"
REDIRECT_URI = "http://127.0.0.1:1/callback"
# The redirect URI in an authorization request.
BACK = "redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcallback"
URL = f"{ISSUER}/authorize?{BACK}"
CLIENT = Client(client_id="a", issuer=ISSUER)


class Memory:
    """A store for one process."""

    place = "memory"

    def __init__(self, kept: bytes | None = None) -> None:
        self.kept = kept
        self.is_locked = False

    def read(self) -> bytes | None:
        return self.kept

    def write(self, content: bytes) -> None:
        self.kept = content

    def delete(self) -> None:
        self.kept = None

    def set_aside(self) -> str:
        raise AssertionError("nothing is damaged")

    def probe(self) -> None:
        pass

    def lock(self, *_: object) -> Memory:
        assert not self.is_locked, "a process waits for itself"
        self.is_locked = True
        return self

    def release(self) -> None:
        self.is_locked = False


class Recorded(BrowserVisit):
    """A visit that records its answers."""

    def __init__(
        self,
        target: str,
        cookies: str = "",
        peer: Peer = "unknown",
        went: Callable[[BrowserVisit], None] | None = None,
    ) -> None:
        super().__init__(target, cookies, peer, went)
        self.pages: list[Page] = []

    def send(self, page: Page) -> None:
        self.pages.append(page)
        self.written()

    @property
    def statuses(self) -> list[int]:
        return [page.status for page in self.pages]


class Asked(Question):
    """A question that a test may answer."""

    def __init__(self, hidden: bool, answered: Callable[[Question, str], None]) -> None:
        super().__init__()
        self.hidden = hidden
        self.answered = answered

    @property
    def is_withdrawn(self) -> bool:
        return self._withdrawn.is_set()


class Typist(Terminal):
    def __init__(self) -> None:
        super().__init__()
        self.questions: list[Asked] = []
        self.said: list[str] = []
        self.printed: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def address(self, url: str) -> None:
        self.printed.append(url)

    def is_attended(self) -> bool:
        return True

    def ask(self, hidden: bool, answered: Callable[[Question, str], None]) -> Question:
        self.questions.append(Asked(hidden, answered))
        return self.questions[-1]

    def types(self, line: str) -> None:
        self.questions[-1].answered(self.questions[-1], line)


class Nowhere:
    """A listener without a port."""

    redirect_uri = REDIRECT_URI
    tells_peers = True
    is_closed = False

    def close(self) -> None:
        self.is_closed = True


class Steps(Clock):
    """A clock that takes the next step of a test if there is no event. After the last step,
    the time limit is over. It never sleeps."""

    def __init__(self) -> None:
        self.steps: deque[Callable[[], object]] = deque()
        self.is_late = False
        # The seconds of each wait.
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        pass

    def wait(self, events: queue.SimpleQueue[T], seconds: float) -> T | None:
        self.waits.append(seconds)
        if seconds > 0:
            while events.empty() and self.steps:
                self.steps.popleft()()
            self.is_late = events.empty()
        return None if events.empty() else events.get_nowait()


def done(report: LogoutReport) -> Action:
    return Action("done", Outcome("logged-out", report))


class Scripted:
    """A component that returns these actions, whatever the replies are."""

    def __init__(self, actions: Iterable[Action], asked: Callable[[], object]) -> None:
        self._actions = iter(actions)
        self._asked = asked
        self.replies: list[Reply] = []

    def next(self, reply: Reply, now_ms: int) -> Action:
        self._asked()
        self.replies.append(reply)
        return next(self._actions, done(LogoutReport(False, (), (), None, None)))


def authorize(url: str = URL, notice: str | None = None) -> Event:
    return Event("authorize", Authorization(url, "browser", None, 1, notice, ()))


class Recorder:
    """A browser that records what it was started on."""

    def __init__(self, shows_address: bool) -> None:
        self.shows_address = shows_address
        self.opened: list[str] = []
        # Reports that a browser has failed, for each that was started.
        self.failed: list[Failed] = []

    def open(self, address: str, failed: Failed) -> None:
        self.opened.append(address)
        self.failed.append(failed)


class Login:
    """A login whose visits and lines are the steps of a test."""

    def __init__(
        self,
        has_browser: bool = True,
        client: Client = CLIENT,
        shows_address: bool = False,
        listen: Listen = lambda *_: Nowhere(),
    ) -> None:
        self.clock = Steps()
        self.terminal = Typist()
        self.browser = Recorder(shows_address)
        self.opened = self.browser.opened
        rules = Rules()
        events: Events = queue.SimpleQueue()
        self.listener = listen(Redirect(), events.put)
        self.user = User(
            rules=rules,
            settings=Settings(clock=self.clock, terminal=self.terminal),
            egress=egress(rules, client, [], self.listener.redirect_uri),
            events=events,
            listener=self.listener,
            browser=self.browser if has_browser else None,
        )
        self.host = Host(rules, self.clock, self.terminal, self.user)
        self._began = Recorded("")

    def authorize(
        self, *steps: Callable[[], object], url: str = URL, notice: str | None = None
    ) -> str:
        """Authorizes, and takes these steps meanwhile. Returns the reply."""
        self.clock.steps.extend(steps)
        return self.user.reply_to(authorize(url, notice)).tag

    def visit(self, address: str, cookies: str = "", peer: Peer = "unknown") -> Recorded:
        target = address.removeprefix(REDIRECT_URI.removesuffix("/callback"))
        visit = Recorded(target, cookies, peer)
        self.user.events.put(visit)
        return visit

    def opens(self) -> None:
        """A browser visits the address that the user's browser was started on."""
        self.visit(self.opened[-1])

    def begins(self) -> None:
        """The user visits the printed address."""
        self._began = self.visit(self.terminal.printed[-1])

    def comes_back(self) -> Recorded:
        """The provider's answer comes from the browser that the user began in."""
        return self.visit("/callback?code=a", (self._began.pages[0].cookie or "").split(";")[0])

    def questions(self) -> list[tuple[bool, bool]]:
        """Returns, for each question, whether it is hidden and whether it was withdrawn."""
        return [(asked.hidden, asked.is_withdrawn) for asked in self.terminal.questions]


class Host:
    """The host's loop, with parts that a test plays."""

    def __init__(
        self, rules: Rules, clock: Clock, terminal: Terminal, user: User | None = None
    ) -> None:
        self.rules = rules
        self.store = Memory()
        # The stores of registrations, by name.
        self.registrations: defaultdict[str, Memory] = defaultdict(Memory)
        self.client = CLIENT
        self.pinned: list[str] = []
        self.patience_seconds: float | None = None
        # The requests that were permitted.
        self.sent: list[Request] = []
        # The responses to the next requests.
        self.responses: list[Response] = []
        # The addresses of every name, and the names that were resolved.
        self.addresses: list[str] = []
        self.resolved: list[str] = []
        self._asked: Callable[[], object] = lambda: None
        self._clock = clock
        self._terminal = terminal
        self._user = user

    @classmethod
    def without_user(cls) -> Host:
        return cls(Rules(), Steps(), Typist())

    def send(self, request: Request, _: Reaches, __: float | None) -> Response:
        self.sent.append(request)
        return self.responses.pop(0) if self.responses else Response(404, (), b"")

    def resolve(self, host: str) -> list[str]:
        self.resolved.append(host)
        return self.addresses

    def drive(self) -> Drive:
        return Drive(
            settings=Settings(
                clock=self._clock,
                send=self.send,
                patience_seconds=self.patience_seconds,
                terminal=self._terminal,
                lock_seconds=1.0,
            ),
            resolve=self.resolve,
            store=self.store,
            registrations=self.registrations.__getitem__,
            rules=self.rules,
            client=self.client,
            pinned=self.pinned,
            stop=threading.Event(),
            user=self._user,
        )

    def during(self, asked: Callable[[], object]) -> None:
        """Calls `asked` whenever the component is asked for an action."""
        self._asked = asked

    def run(self, *actions: Action) -> list[Reply]:
        """Carries out these actions, and returns the replies."""
        component = Scripted(actions, self._asked)
        self._run(component)
        return component.replies[1:]

    def failure(self, *actions: Action) -> LatchError:
        """Carries out these actions, and returns the failure that ends the loop."""
        try:
            self._run(Scripted(actions, self._asked))
        except LatchError as error:
            return error
        raise AssertionError("no action failed")

    def _run(self, component: Scripted) -> Grant | LogoutReport:
        return self.drive().run(component)
