"""A user at a terminal: pasting, choosing another flow, and a new address."""

from __future__ import annotations

import http.client
import os
import pty
import signal
import subprocess
import termios
import threading
import urllib.parse
from collections.abc import Iterator

import pytest

from latchstring import Terminal

from .conftest import PATIENCE, PYTHON, VISITOR, Home, Server, visit, words


class Tty:
    """A program on a terminal, and a user who types."""

    def __init__(self, home: Home, *command: str) -> None:
        self._keyboard, stream = pty.openpty()
        self._process = subprocess.Popen(
            command,
            cwd=home.folder,
            env=home.environment(),
            stdin=stream,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        os.close(stream)
        self.text = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, text: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.text, PATIENCE), self.text

    def address(self) -> str:
        self.until("  http")
        with self._changed:
            self._changed.wait_for(lambda: "\n" in self.text.split("  http")[-1], PATIENCE)
            return "http" + self.text.split("  http")[-1].split()[0]

    def types(self, line: str) -> None:
        os.write(self._keyboard, line.encode() + b"\n")

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def shows_what_is_typed(self) -> bool:
        return bool(termios.tcgetattr(self._keyboard)[3] & termios.ECHO)

    def ends(self) -> int:
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        os.close(self._keyboard)

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._keyboard, 4096)
            # Linux reports the end of the input so.
            except OSError:
                return
            with self._changed:
                self.text += piece.decode().replace("\r", "")
                self._changed.notify_all()


@pytest.fixture
def pasting(home: Home, demo: Server) -> Iterator[Tty]:
    tty = Tty(home, *PYTHON, "login", *words(demo), "--flow", "paste", "--no-browser")
    tty.until("paste it here")
    yield tty
    tty.close()


def answer(address: str) -> str:
    """Logs in, and returns the address that the provider redirects the browser to."""
    parsed = urllib.parse.urlsplit(address)
    client = http.client.HTTPConnection(parsed.netloc, timeout=PATIENCE)
    body = urllib.parse.urlencode({"name": "Ada Lovelace", "decision": "login"})
    kind = {"content-type": "application/x-www-form-urlencoded"}
    client.request("POST", f"{parsed.path}?{parsed.query}", body, kind)
    return client.getresponse().headers["location"]


@pytest.mark.parametrize(
    ("text", "shown"), [("a", "a\n"), ("a\n", "a\n"), ("a\n\n", "a\n\n"), ("\n", "\n")]
)
def test_the_end_of_the_last_line_may_be_left_out(
    capsys: pytest.CaptureFixture[str], text: str, shown: str
) -> None:
    Terminal().say(text)
    assert capsys.readouterr().err == shown


def test_a_pasted_address_finishes_the_login(pasting: Tty) -> None:
    pasting.types(answer(pasting.address()))
    assert pasting.ends() == 0
    assert "code=" not in pasting.text and "Logged in" in pasting.text


def test_after_a_wrong_address_the_user_may_paste_again(pasting: Tty) -> None:
    pasting.types("http://127.0.0.1/callback?code=forged&state=forged")
    pasting.until("That does not finish the login")
    pasting.until("Paste the whole address")
    pasting.types(answer(pasting.address()))
    assert pasting.ends() == 0


def test_a_redirect_ends_the_question(pasting: Tty) -> None:
    assert visit(pasting.address()).returncode == 0
    assert pasting.ends() == 0


def test_an_interrupted_paste_restores_the_terminal(pasting: Tty) -> None:
    assert not pasting.shows_what_is_typed()
    pasting.interrupt()
    assert pasting.ends() == 130
    assert pasting.shows_what_is_typed()


def test_without_a_flow_the_component_chooses(home: Home, demo: Server) -> None:
    tty = Tty(home, *PYTHON, "login", *words(demo), "--browser", VISITOR)
    assert tty.ends() == 0
    assert "Your browser opens" in tty.text
    tty.close()


def test_if_the_browser_does_not_start_the_user_may_paste(home: Home, demo: Server) -> None:
    tty = Tty(home, *PYTHON, "login", *words(demo), "--browser", "/nowhere/browser")
    tty.until("No browser could be started (cannot start the browser /nowhere/browser: No such")
    tty.until("paste it here")
    tty.types(answer(tty.address()))
    assert tty.ends() == 0
    tty.close()


def test_a_browser_that_fails_leaves_the_address_to_the_user(home: Home, demo: Server) -> None:
    tty = Tty(home, *PYTHON, "login", *words(demo), "--browser", "false")
    tty.until("The browser failed (cannot start the browser false: it ended with exit status: 1).")
    tty.until("paste it here")
    assert visit(tty.address()).returncode == 0
    assert tty.ends() == 0
    tty.close()


def test_the_user_may_choose_another_flow(home: Home, oidc: Server) -> None:
    command = [*PYTHON, "login", *words(oidc, "public"), "--flow", "paste", "--no-browser"]
    tty = Tty(home, *command)
    tty.until("device ")
    tty.types("device")
    # The provider does not allow this flow for this client.
    tty.until("provider-refused")
    assert tty.ends() == 1
    tty.close()


def test_after_the_time_limit_the_user_chooses(home: Home, demo: Server) -> None:
    command = [*PYTHON, "login", *words(demo), "--flow", "browser", "--no-browser"]
    tty = Tty(home, *command, "--timeout", "1")
    tty.until("Press Enter to")
    tty.types("nonsense")
    tty.until("Press Enter to")
    tty.types("")
    assert visit(tty.address()).returncode in {0, 1}
    tty.close()
