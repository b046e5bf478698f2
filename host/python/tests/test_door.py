"""How a login waits for its browser and its user, and how it ends for both."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable
from typing import TypeVar

import pytest

from latchstring import LatchError, Redirect, pages
from latchstring.callback import END_ADDRESS
from latchstring.clock import Clock
from latchstring.contract import Authorization
from latchstring.door import Door
from latchstring.entropy import entropy
from latchstring.listener import BrowserVisit
from latchstring.peers import Peer
from latchstring.terminal import Question, Terminal

T = TypeVar("T")

URL = "https://id.example/authorize"


class Recorded(BrowserVisit):
    """A visit that keeps what it is answered."""

    def __init__(self, target: str, cookies: str = "", peer: Peer = "unknown") -> None:
        super().__init__(target, cookies, peer)
        self.pages: list[pages.Page] = []

    def send(self, page: pages.Page) -> None:
        self.pages.append(page)
        self.written()

    @property
    def statuses(self) -> list[int]:
        return [page.status for page in self.pages]


class Asked(Question):
    """A question that its user may answer."""

    def __init__(self, hidden: bool, answered: Callable[[Question, str], None]) -> None:
        super().__init__()
        self.hidden = hidden
        self.answered = answered

    @property
    def is_withdrawn(self) -> bool:
        return self._withdrawn.is_set()


class Person(Terminal):
    def __init__(self) -> None:
        super().__init__()
        self.questions: list[Asked] = []
        self.printed: list[str] = []

    def say(self, text: str) -> None:
        pass

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
    origin = "http://127.0.0.1:1"
    redirect_uri = origin + "/callback"
    tells_peers = True

    def close(self) -> None: ...


class Script(Clock):
    """Takes the next step when nothing comes; after the last step the time is up."""

    def __init__(self) -> None:
        self.steps: deque[Callable[[], object]] = deque()
        self.is_late = False

    def monotonic(self) -> float:
        return 0.0

    def wait(self, events: queue.SimpleQueue[T], seconds: float) -> T | None:
        if seconds > 0:
            while events.empty() and self.steps:
                self.steps.popleft()()
            self.is_late = events.empty()
        return None if events.empty() else events.get_nowait()


class Login:
    """A login whose visits and lines come as the steps of a test say."""

    def __init__(self, has_browser: bool = True) -> None:
        self.clock = Script()
        self.person = Person()
        self.opened: list[str] = []
        browser = self.opened.append if has_browser else None
        self.door = Door(self.person, browser, self.clock, entropy, lambda *_: Nowhere())
        self.door.listen(Redirect())
        self._began = Recorded("")

    def authorize(
        self, *steps: Callable[[], object], url: str = URL, notice: str | None = None
    ) -> str:
        """What came back while these steps were taken."""
        self.clock.steps.extend(steps)
        return self.door.authorize(Authorization(url, "browser", None, 1, notice, ())).tag

    def visit(self, address: str, cookies: str = "", peer: Peer = "unknown") -> Recorded:
        visit = Recorded(address.removeprefix(Nowhere.origin), cookies, peer)
        self.door._events.put(visit)
        return visit

    def opens(self) -> None:
        """A browser visits the address that the user's browser was started on."""
        self.visit(self.opened[-1])

    def begins(self) -> None:
        """The user visits the printed address."""
        self._began = self.visit(self.person.printed[-1])

    def comes_back(self) -> Recorded:
        """The provider's answer comes from the browser that the user began in."""
        return self.visit("/callback?code=a", (self._began.pages[0].cookie or "").split(";")[0])

    def questions(self) -> list[tuple[bool, bool]]:
        """Those that were asked: whether hidden, and whether withdrawn."""
        return [(asked.hidden, asked.is_withdrawn) for asked in self.person.questions]


def test_one_question_at_a_time_has_the_keyboard_and_an_empty_paste_is_enter() -> None:
    login, seen = Login(), []

    def sees() -> None:
        seen.extend(login.questions())
        login.person.types("")

    stranger = "/callback?code=a"
    steps = (login.opens, login.opens, lambda: login.visit(stranger), sees)
    assert login.authorize(*steps, lambda: login.person.types("pasted")) == "pasted"
    assert seen == [(False, True), (True, False)]
    assert len(login.opened) == 2


def test_a_fresh_address_is_offered_until_it_was_opened() -> None:
    login = Login()
    steps = (login.opens, login.opens, login.begins, login.comes_back)
    assert login.authorize(*steps) == "redirected"
    assert login.authorize(lambda: login.person.types(""), notice="no") == "timed-out"
    assert login.questions() == [(False, True), (False, True)]
    assert len(login.opened) == 2
    login.authorize(notice="no")
    assert len(login.person.questions) == 2


@pytest.mark.parametrize("url", ["http://id.example/", "file:///a", "/\r\nset-cookie: a=b"])
def test_a_browser_that_came_back_is_sent_on_to_no_address_that_none_may_open(url: str) -> None:
    login = Login()
    visits: list[Recorded] = []
    assert login.authorize(login.begins, lambda: visits.append(login.comes_back())) == "redirected"
    with pytest.raises(LatchError) as failure:
        login.authorize(url=url)
    assert failure.value.code == "egress-denied"
    # The end of the login is shown in it.
    login.door.close(failure.value)
    assert [page.location for page in visits[0].pages] == [END_ADDRESS]


def test_a_browser_that_came_back_is_sent_on_in_the_same_tab() -> None:
    login = Login()
    visits: list[Recorded] = []
    login.authorize(login.begins, lambda: visits.append(login.comes_back()))
    login.authorize(url=f"{URL}?a=\r\nset-cookie: a=b")
    assert [page.location for page in visits[0].pages] == [f"{URL}?a=%0D%0Aset-cookie:%20a=b"]


def test_a_browser_that_closes_its_connection_instead_of_asking_is_not_waited_for() -> None:
    login = Login(has_browser=False)
    visit = Recorded("/callback?code=a")
    login.authorize(lambda: login.door._events.put(visit))
    visit.is_gone = True
    login.door._events.put(visit)
    login.door.close(None)
    assert visit.statuses == [303] and not login.clock.is_late


def test_the_last_page_ends_a_login_whatever_another_user_asks() -> None:
    login = Login(has_browser=False)
    login.authorize(lambda: login.visit("/callback?code=a"))
    visits = [
        login.visit(END_ADDRESS, peer="other-user"),
        login.visit("/callback?code=a"),
        login.visit("/callback?code=b"),
        login.visit(END_ADDRESS),
        # These come when the last page was shown.
        login.visit(END_ADDRESS, peer="other-user"),
        login.visit("/callback?code=a", peer="other-user"),
        login.visit("/callback?code=a"),
        login.visit(END_ADDRESS),
    ]
    login.door.close(None)
    statuses = [[403], [303], [410], [200], [403], [403], [410], [200]]
    assert [visit.statuses for visit in visits] == statuses and not login.clock.is_late
