"""Fixtures: a home folder for each test, providers, and programs that are started."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from latchstring import Settings, Terminal
from latchstring.sandbox import component_bytes

PACKAGE = Path(__file__).parents[1]
REPOSITORY = PACKAGE.parents[1]
BINARIES = Path(os.environ.get("LATCHSTRING_BIN", REPOSITORY / "target" / "debug"))
WEB = REPOSITORY / "host" / "latch" / "tests" / "web"
LATCH = str(BINARIES / "latch")
VISITOR = str(BINARIES / "visitor")

PYTHON = (sys.executable, "-m", "latchstring")

# Time limit for what could hang, in seconds. Nothing takes minutes, even on a busy machine.
PATIENCE = 600.0

# The tests may have been started with these signals ignored, as nohup does. The programs that
# they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def wait_for(condition: Callable[[], bool]) -> None:
    """Returns once `condition` holds."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < PATIENCE, "it does not come to hold"
        time.sleep(0.001)


def free_port() -> int:
    """Returns a port that no other test on this machine uses until this process ends: as
    `free_port` in testing/provider/src/port.rs, and kept apart from its users too."""
    folder = Path(tempfile.gettempdir()) / f"latchstring-tests-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for turn in range(10_000):
        port = 20_000 + (os.getpid() + turn) % 10_000
        # The lock is held until this process ends.
        lock = open(folder / str(port), "a")  # noqa: SIM115
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            lock.close()
            continue
        RESERVED.append(lock)
        return port
    raise AssertionError("no port is free")


RESERVED: list[IO[str]] = []


def pytest_report_header() -> list[str]:
    return [f"{name}.wasm: SHA-256 {sha256(name)}" for name in ("login", "rules")]


def sha256(component: str) -> str:
    return hashlib.sha256(component_bytes(component)).hexdigest()


@dataclass
class Server:
    """A running provider."""

    issuer: str
    process: subprocess.Popen[str]

    def asked(self, route: str) -> list[dict[str, Any]]:
        """Returns the requests to one endpoint so far. For npm's server only."""
        with urllib.request.urlopen(f"{self.issuer}/__log", timeout=PATIENCE) as answer:
            log: list[dict[str, Any]] = json.load(answer)
        return [seen for seen in log if seen["route"] == route]

    def refreshes(self) -> int:
        return sum(seen["grant_type"] == "refresh_token" for seen in self.asked("token"))

    def stop(self) -> None:
        # It has nothing to save.
        self.process.kill()
        self.process.wait()


def start(*command: str) -> Server:
    process = subprocess.Popen(
        command, cwd=WEB, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    words = line.split()
    assert len(words) == 2, f"{command} did not start: {line}"
    return Server(words[1], process)


@pytest.fixture
def demo() -> Iterator[Server]:
    server = start(str(BINARIES / "demo-provider"))
    yield server
    server.stop()


def standin(*words: str) -> Server:
    """Starts a stand-in for another login system."""
    return start(str(BINARIES / "standin"), *words)


def oidc_provider(*arguments: str) -> Server:
    """Starts the certified provider. An argument is the lifetime of access tokens in seconds."""
    if not (WEB / "node_modules").exists() or shutil.which("node") is None:
        pytest.skip("npm oidc-provider is not installed")
    return start("node", "oidc-provider.mjs", *arguments)


@pytest.fixture
def oidc() -> Iterator[Server]:
    server = oidc_provider()
    yield server
    server.stop()


@dataclass
class Home:
    """A home folder for one test, empty at first."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def sessions(self) -> list[Path]:
        return sorted(self.state.glob("*.session"))

    def expire(self) -> None:
        """Makes the access token of the only session expire: changes the component's document,
        and its length in the first line."""
        (path,) = self.sessions()
        header, document = (json.loads(part) for part in path.read_bytes().split(b"\n", 1))
        document["expires_at_ms"] = 1
        rest = json.dumps(document).encode()
        path.write_bytes(json.dumps(header | {"bytes": len(rest)}).encode() + b"\n" + rest)

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            # All tests share the compiled components.
            "XDG_CACHE_HOME": str(self.folder.parent / "cache"),
            "PYTHONPATH": str(PACKAGE),
            "LATCH_STATE_DIR": str(self.state),
            "LATCH_CONFIG_DIR": str(self.folder / "config"),
            "LATCH_STORE": "file",
        }

    def start(self, *command: str) -> Program:
        return Program(
            subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    def python(self, *words: str) -> Run:
        return self.start(*PYTHON, *words).finish()

    def native(self, *words: str) -> Run:
        return self.start(LATCH, *words).finish()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@dataclass
class Run:
    code: int
    stdout: str
    stderr: str

    def succeeded(self) -> Run:
        assert self.code == 0, self.stderr
        return self

    def failed(self, code: str) -> Run:
        assert self.code != 0 and f"({code})" in self.stderr, self.stderr
        return self


class Program:
    """A program that may wait for its user."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def shown(self, beginning: str) -> str:
        """Waits for the first line with this beginning, and returns the rest of it."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: self._ended or any(line.startswith(beginning) for line in self._said),
                PATIENCE,
            )
            assert found, "nothing was said"
            lines = [line for line in self._said if line.startswith(beginning)]
            assert lines, "".join(self._said)
        return lines[0].removeprefix(beginning).strip()

    def address(self) -> str:
        return "http" + self.shown("  http")

    def visit(self, *flags: str) -> subprocess.CompletedProcess[str]:
        """Opens the address that was shown, and logs in."""
        return visit(self.address(), *flags)

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def finish(self) -> Run:
        assert self._process.stdout is not None
        limit = threading.Timer(PATIENCE, self._process.kill)
        limit.start()
        output = self._process.stdout.read()
        code = self._process.wait()
        limit.cancel()
        self._reader.join()
        return Run(code, output, "".join(self._said))

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._changed:
                self._said.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def visit(address: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [VISITOR, *flags, address], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


class Silence(Terminal):
    def say(self, text: str) -> None:
        pass


def settings_of(home: Home, **more: object) -> Settings:
    """Returns settings for a login without a user."""
    given = {"state_folder": home.state, "terminal": Silence(), "browser": VISITOR}
    given["flow"] = "browser"
    return Settings(**(given | more))  # type: ignore[arg-type]


def words(server: Server, client_id: str = "demo") -> list[str]:
    """Returns the arguments of both programs that name a session."""
    scopes = ["--scope", "openid", "--scope", "offline_access"]
    return ["--issuer", server.issuer, "--client-id", client_id, *scopes]


def log_in(home: Home, server: Server, client_id: str = "demo") -> Run:
    """Logs in with the Python host."""
    login = home.start(
        *PYTHON, "login", *words(server, client_id), "--flow", "browser", "--browser", VISITOR, "-v"
    )
    return login.finish().succeeded()
