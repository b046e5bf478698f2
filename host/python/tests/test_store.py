"""Files of sessions and of compiled components, and facts about the machine."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from latchstring import LatchError
from latchstring.rules import Rules
from latchstring.sandbox import component_bytes, load
from latchstring.store import FileStore, default_folder, read_session
from latchstring.surroundings import facts

from .conftest import PATIENCE
from .fakes import Memory

RULES = Rules()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore.of_session(tmp_path / "a" / "state", "default", "abc", RULES)


def code_of(act: object, *arguments: object) -> str:
    with pytest.raises(LatchError) as failure:
        act(*arguments)  # type: ignore[operator]
    return failure.value.code


def test_what_is_written_is_read_and_deleted(store: FileStore) -> None:
    assert store.read() is None
    umask = os.umask(0o777)
    try:
        store.probe()
        store.write(b"one")
    finally:
        os.umask(umask)
    store.write(b"two")
    assert store.read() == b"two"
    path = Path(store.place)
    assert [path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777] == [0o600, 0o700]
    assert [entry.name for entry in path.parent.iterdir()] == ["default.abc.session"]
    store.delete()
    store.delete()
    assert store.read() is None


@pytest.mark.parametrize(
    ("profile", "stem"),
    [
        ("work", "work"),
        ("Work", "+work"),
        ("WORK", "+w+o+r+k"),
        ("my-Work_2", "my-+work_2"),
        ("con", "con+"),
        ("Con", "+con"),
        ("com1", "com1+"),
        ("lpt0", "lpt0+"),
        ("com10", "com10"),
        ("console", "console"),
    ],
)
def test_no_two_profiles_share_a_file_even_if_capitals_are_small_letters(
    tmp_path: Path, profile: str, stem: str
) -> None:
    store = FileStore.of_session(tmp_path, profile, "a1", RULES)
    assert Path(store.place).name == f"{stem}.a1.session"


def test_files_that_other_users_can_access_are_refused(store: FileStore) -> None:
    store.write(b"one")
    path = Path(store.place)
    path.chmod(0o644)
    assert code_of(store.read) == "store-unusable"
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert code_of(store.read) == "store-unusable"
    path.unlink()
    os.mkfifo(path, 0o600)
    assert code_of(store.read) == "store-unusable"
    path.unlink()
    path.parent.chmod(0o755)
    for act in (store.read, store.probe, store.delete):
        assert code_of(act) == "store-unusable"


def test_temporary_files_of_processes_that_died_are_removed(store: FileStore) -> None:
    store.write(b"one")
    leftover = Path(store.place).with_name(".default.abc.dead.tmp")
    leftover.write_bytes(b"token")
    store.write(b"two")
    assert not leftover.exists()


def test_a_session_that_cannot_be_written_leaves_the_old_one(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(b"old")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fails)
    assert code_of(store.write, b"new") == "not-saved"
    assert code_of(store.probe) == "not-saved"
    assert store.read() == b"old"
    assert len(list(Path(store.place).parent.iterdir())) == 1


def test_what_is_too_large_for_a_session_is_not_read(store: FileStore) -> None:
    store.write(bytes(1024 * 1024))
    assert store.read() is not None
    store.write(bytes(1024 * 1024 + 1))
    assert code_of(store.read) == "store-unusable"


def test_setting_aside_keeps_what_was_set_aside_before(store: FileStore) -> None:
    names = []
    for content in (b"one", b"two", b"three"):
        store.write(content)
        names.append(Path(store.set_aside()).name)
    assert names == ["default.abc.damaged", "default.abc.damaged-2", "default.abc.damaged-3"]
    assert store.read() is None


def test_the_wait_for_a_lock_ends(store: FileStore) -> None:
    stop = threading.Event()
    lock = store.lock(1, print, stop)
    assert code_of(store.lock, 0.1, print, stop) == "store-unusable"
    # `tell` is called before the lock is free, and releases it.
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        lock.release()

    second = store.lock(PATIENCE, tell, stop)
    assert len(told) == 1
    stop.set()
    assert code_of(store.lock, PATIENCE, print, stop) == "interrupted"
    second.release()


@pytest.mark.parametrize("profile", ["", "a.b", "../a", "a/b", "ä", "a" * 65, "a\n"])
def test_a_profile_cannot_be_a_path(tmp_path: Path, profile: str) -> None:
    with pytest.raises(LatchError) as failure:
        FileStore.of_session(tmp_path, profile, "abc", RULES)
    assert failure.value.code == "invalid-configuration"


def test_the_folder_is_the_native_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert default_folder() == Path("/home/ada/.local/state/latchstring")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_folder() == Path("/state/latchstring")


# ---- The first line of a stored session ----------------------------------------------


def stored(content: bytes) -> str:
    """Returns the code of the failure to read this."""
    return code_of(read_session, Memory(content), RULES)


def test_a_session_cut_short_anywhere_is_noticed() -> None:
    session = b'{"a":"\\n"}\n{}'
    content = RULES.header_line(["https://id.example"], len(session)).encode() + session
    assert content.startswith(b'{"latchstring":1,"origins":["https://id.example"],"bytes":13}\n')
    found = read_session(Memory(content), RULES)
    assert (found.origins, found.session) == (("https://id.example",), session)
    for end in range(len(content)):
        assert stored(content[:end]) == "stored-damaged"
    # The line end is missing.
    assert stored(RULES.header_line([], 0).strip().encode()) == "stored-damaged"
    assert stored(b'{"latchstring":2}\nx') == "stored-newer"
    assert stored(b"age-encryption.org/v1\n") == "store-unusable"


@pytest.mark.parametrize("strange", ["http://id.example", "https://id.example/", "*", 7])
def test_an_origin_that_no_host_pins_is_damage(strange: object) -> None:
    def content(*origins: object) -> bytes:
        header = {"latchstring": 1, "origins": origins, "bytes": 1}
        return json.dumps(header).encode() + b"\nx"

    good = ["https://id.example", "http://127.0.0.1:8080", "https://[::1]:8443"]
    found = read_session(Memory(content(*good)), RULES)
    assert found.origins == tuple(good)
    assert stored(content(good[0], strange)) == "stored-damaged"


# ---- Compiled components -------------------------------------------------------------


def test_compiled_components_are_stored_privately_and_not_used_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    component = component_bytes(Rules.NAME)

    def load_ms() -> float:
        begun = time.perf_counter()
        load(component)
        return (time.perf_counter() - begun) * 1000

    compiled, kept = load_ms(), min(load_ms() for _ in range(3))
    folder = tmp_path / "latchstring-python"
    (file,) = folder.iterdir()
    assert [folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777] == [0o700, 0o600]
    with capsys.disabled():
        print(f"\ncompiled in {compiled:.0f} ms, from the cache in {kept:.1f} ms")
    # A file that is damaged, or that another user could have written, is not used.
    good = file.read_bytes()
    for bad in (good[:-1], b"", b"x" * 32 + good[32:]):
        file.write_bytes(bad)
        load_ms()
        assert file.read_bytes() == good
    file.chmod(0o666)
    changed = file.stat().st_mtime_ns
    load_ms()
    assert file.stat().st_mtime_ns != changed and file.stat().st_mode & 0o777 == 0o600
    folder.chmod(0o777)
    file.unlink()
    load_ms()
    assert list(folder.iterdir()) == []


# ---- Facts about the machine ---------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "files", "fact"),
    [
        ({"SSH_CONNECTION": "x"}, [], "remote_shell"),
        ({"DISPLAY": ":0"}, [], "display"),
        ({"CI": "true"}, [], "unattended"),
        ({"TF_BUILD": "True"}, [], "unattended"),
        ({}, ["/.dockerenv"], "container"),
        ({"KUBERNETES_SERVICE_HOST": "x"}, [], "container"),
        ({"WSL_INTEROP": "x"}, ["/proc/sys/fs/binfmt_misc/WSLInterop"], "windows_interop"),
        ({"CODESPACES": "true", "BROWSER": "x"}, [], "editor_terminal"),
    ],
)
def test_each_variable_or_file_is_one_fact(
    variables: dict[str, str], files: list[str], fact: str
) -> None:
    def found(variables: dict[str, str], files: list[str]) -> bool:
        return bool(
            getattr(
                facts(
                    terminal=True,
                    browser_command=False,
                    shows_address=False,
                    variables=variables,
                    exists=files.__contains__,
                ),
                fact,
            )
        )

    assert found(variables, files)
    assert not found({"CI": "false", "DISPLAY": ""}, []) or fact == "display"
