"""How a login waits for the browser and the user, and how it ends."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest

from latchstring import LatchError
from latchstring.browser import CallableBrowser, CommandBrowser
from latchstring.contract import Action, Reply
from latchstring.listener import BrowserVisit
from latchstring.rules import Rules

from .conftest import PATIENCE
from .fakes import BACK, ISSUER, URL, Login, Nowhere, Recorded, authorize

END = Rules().end_address()


def action(url: str) -> Action:
    return Action("authorize", authorize(url).payload)


class Blind(Nowhere):
    """A listener that cannot tell users apart."""

    tells_peers = False


def test_there_is_one_question_at_a_time_and_an_empty_line_is_enter() -> None:
    login, seen = Login(), []

    def sees() -> None:
        seen.extend(login.questions())
        login.terminal.types("")

    stranger = "/callback?code=a"
    steps = (login.opens, login.opens, lambda: login.visit(stranger), sees)
    assert login.authorize(*steps, lambda: login.terminal.types("pasted")) == "pasted"
    assert seen == [(False, True), (True, False)]
    assert len(login.opened) == 2
    assert all(withdrawn for _, withdrawn in login.questions())


def test_a_fresh_address_is_offered_until_it_was_opened() -> None:
    login = Login()
    steps = (login.opens, login.opens, login.begins, login.comes_back)
    assert login.authorize(*steps) == "redirected"
    assert login.authorize(lambda: login.terminal.types(""), notice="no") == "timed-out"
    assert login.questions() == [(False, True), (False, True)]
    assert len(login.opened) == 2
    login.authorize(notice="no")
    assert len(login.terminal.questions) == 2


def test_a_line_that_is_typed_after_the_redirect_does_not_answer_a_later_question() -> None:
    login = Login()

    def comes_back_and_types() -> None:
        login.comes_back()
        login.terminal.types("late")

    stranger = "/callback?code=a"
    steps = (lambda: login.visit(stranger), login.begins, comes_back_and_types)
    assert login.authorize(*steps) == "redirected"
    login.clock.steps.append(lambda: login.terminal.types("pasted"))
    assert login.user.reply_to(authorize()) == Reply("pasted", "pasted")


def test_a_visit_between_two_actions_is_not_lost() -> None:
    login = Login(has_browser=False)
    visits: list[Recorded] = []
    login.authorize(
        lambda: visits.extend([login.visit("/callback?code=a"), login.visit("/callback?code=b")])
    )
    assert login.authorize(notice="no") == "redirected"
    login.user.close(None)
    assert [visit.statuses for visit in visits] == [[400], [303]]


def test_the_error_of_a_browser_is_escaped() -> None:
    login = Login()

    def browser(_: str) -> None:
        raise OSError("no \udcff\n")

    login.user.browser = CallableBrowser(browser)
    assert login.authorize(lambda: login.terminal.types("pasted")) == "pasted"
    assert login.terminal.said[0] == "No browser could be started (no \\u{dcff}\\u{a})."


def test_a_browser_that_fails_leaves_the_address_to_the_user() -> None:
    login = Login()
    fails = lambda: login.browser.failed[0]("it ended\n")  # noqa: E731
    assert login.authorize(fails, lambda: login.terminal.types("pasted")) == "pasted"
    said = [text for text in login.terminal.said if "failed" in text]
    assert said == ["The browser failed (it ended\\u{a}). Open the address above."]


def test_a_failure_of_an_earlier_browser_or_after_the_login_is_ignored() -> None:
    login = Login()

    def first_fails() -> None:
        assert len(login.opened) == 2
        login.browser.failed[0]("it ended")

    # A second visit takes the address, and Enter opens a new one.
    steps = (login.opens, login.opens, lambda: login.terminal.types(""), first_fails)
    assert login.authorize(*steps, login.begins, login.comes_back) == "redirected"
    login.browser.failed[1]("it ended")
    login.user.close(None)
    assert not any("failed" in text for text in login.terminal.said)


def test_a_commands_failure_is_passed_on_without_secrets_in_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ["LATCH_CLIENT_SECRET", "LATCH_PASSPHRASE", "LATCH_ACCESS_TOKEN"]
    names += ["LATCH_ANONYMOUS_REFRESH_TOKEN", "LATCH_INITIAL_ACCESS_TOKEN"]
    for name in names:
        monkeypatch.setenv(name, "hush")
    failures: queue.SimpleQueue[str] = queue.SimpleQueue()
    for words, status in [
        # The address is $0.
        ("""sh -c '! env | grep -q =hush$ && test "$0" = address && exit 7'""", "exit status: 7"),
        ("sh -c 'kill -9 $$'", "signal: 9 (SIGKILL)"),
    ]:
        CommandBrowser(words).open("address", failures.put)
        reason = failures.get(timeout=PATIENCE)
        assert reason == f"cannot start the browser sh: it ended with {status}"
    for words in ("", "  ", "''", "'' x", "firefox 'x"):
        with pytest.raises(LatchError, match="empty or has an unclosed quote"):
            CommandBrowser(words)


def test_the_end_of_a_login_removes_the_private_file() -> None:
    listener = Blind()
    login = Login(shows_address=True, listen=lambda *_: listener)
    login.authorize()
    (path,) = [Path(url.removeprefix("file://")) for url in login.opened]
    assert path.exists()
    assert any("may not read that file" in text for text in login.terminal.said)
    login.user.close(None)
    assert listener.is_closed and not path.parent.exists()


def test_a_login_ends_when_all_answers_were_written() -> None:
    settled: list[str] = []

    class Slow(BrowserVisit):
        def settle(self) -> None:
            settled.append(self.target)

    login = Login(has_browser=False)
    login.authorize(lambda: login.user.events.put(Slow("/callback?code=a", "")))
    login.user.events.put(Slow("/callback?code=b", ""))
    login.user.close(None)
    assert settled == ["/callback?code=a", "/callback?code=b"]


@pytest.mark.parametrize("url", ["http://id.example/", "file:///a", "/\r\nset-cookie: a=b"])
def test_a_waiting_browser_is_sent_only_to_permitted_addresses(url: str) -> None:
    login = Login()
    visits: list[Recorded] = []
    login.clock.steps.extend([login.begins, lambda: visits.append(login.comes_back())])
    failure = login.host.failure(action(URL), action(url))
    assert failure.code == "egress-denied"
    # It is redirected to the last page.
    assert [page.location for page in visits[0].pages] == [END]


def test_a_waiting_browser_is_sent_on_in_the_same_tab() -> None:
    login = Login()
    visits: list[Recorded] = []
    login.clock.steps.extend([login.begins, lambda: visits.append(login.comes_back())])
    login.host.run(action(URL), action(f"{URL}&a=\r\nset-cookie: a=b"))
    assert [page.location for page in visits[0].pages] == [
        f"{ISSUER}/authorize?{BACK}&a=set-cookie:%20a=b"
    ]


def test_a_login_does_not_wait_for_a_browser_that_closed_its_connection() -> None:
    login = Login(has_browser=False)
    visit = Recorded("/callback?code=a", went=login.user.events.put)
    login.authorize(lambda: login.user.events.put(visit))
    visit.is_gone = True
    login.user.events.put(visit)
    login.user.close(None)
    assert visit.statuses == [303] and not login.clock.is_late


def test_the_last_page_ends_a_login_whatever_another_user_asks() -> None:
    login = Login(has_browser=False)
    login.authorize(lambda: login.visit("/callback?code=a"))
    visits = [
        login.visit(END, peer="other-user"),
        login.visit("/callback?code=a"),
        login.visit("/callback?code=b"),
        login.visit(END),
        # These arrive after the last page was answered.
        login.visit(END, peer="other-user"),
        login.visit("/callback?code=a", peer="other-user"),
        login.visit("/callback?code=a"),
        login.visit(END),
    ]
    login.user.close(None)
    statuses = [[403], [303], [410], [200], [403], [403], [410], [200]]
    assert [visit.statuses for visit in visits] == statuses and not login.clock.is_late


def test_the_last_page_says_what_the_provider_said() -> None:
    login = Login(has_browser=False)
    login.authorize(lambda: login.visit("/callback?code=a"))
    end = login.visit(END)
    login.user.close(
        LatchError(
            "access-denied",
            "the provider refused <this>",
            "ask again",
            provider_error="access_denied",
            provider_description="not today",
        )
    )
    (page,) = end.pages
    assert page.status == 403
    for text in ("The provider refused &#60;this&#62;", "access_denied: not today", "Ask again"):
        assert text in page.html
