"""Sessions that the Python and the native host share."""

from __future__ import annotations

import fcntl

from .conftest import LATCH, PYTHON, VISITOR, Home, Server, log_in, oidc_provider, words


def test_what_python_stored_the_native_program_reads_and_renews(home: Home, demo: Server) -> None:
    log_in(home, demo)
    first = home.python("token", *words(demo)).succeeded().stdout
    assert home.native("token", *words(demo)).succeeded().stdout == first
    renewed = home.native("token", *words(demo), "--force-refresh").succeeded().stdout
    assert renewed != first
    assert home.python("token", *words(demo)).succeeded().stdout == renewed
    assert len(home.sessions()) == 1


def test_what_the_native_program_stored_python_reads_and_renews(home: Home, demo: Server) -> None:
    home.native("login", *words(demo), "--flow", "browser", "--browser", VISITOR).succeeded()
    first = home.native("token").succeeded().stdout
    assert home.python("token", *words(demo)).succeeded().stdout == first
    renewed = home.python("token", *words(demo), "--force-refresh").succeeded().stdout
    assert renewed != first
    assert home.native("token").succeeded().stdout == renewed
    home.python("logout", *words(demo)).succeeded()
    assert home.native("token").code == 3


def test_modes_are_the_native_programs(home: Home, demo: Server) -> None:
    log_in(home, demo)
    files = sorted(home.state.iterdir())
    assert [file.suffix for file in files] == [".lock", ".session"]
    assert [oct(file.stat().st_mode & 0o777) for file in files] == ["0o600", "0o600"]
    assert home.state.stat().st_mode & 0o777 == 0o700
    files[1].chmod(0o640)
    home.python("token", *words(demo)).failed("store-unusable")


def test_each_waits_for_the_others_lock(home: Home, demo: Server) -> None:
    log_in(home, demo)
    with open(next(home.state.glob("*.lock"))) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = [
            home.start(*program, "token", *words(demo), "--force-refresh")
            for program in (PYTHON, [LATCH])
        ]
        for program in waiting:
            program.shown("Waiting for another process")
        # A token that is still valid needs no lock.
        home.python("token", *words(demo)).succeeded()
    for program in waiting:
        program.finish().succeeded()


def test_parallel_processes_of_both_kinds_renew_once(home: Home) -> None:
    server = oidc_provider()
    try:
        log_in(home, server, "public")
        renewals = server.refreshes()
        home.expire()
        callers = [
            home.start(*program, "token", *words(server, "public"))
            for _ in range(6)
            for program in (PYTHON, [LATCH])
        ]
        runs = [caller.finish().succeeded() for caller in callers]
        assert len({run.stdout for run in runs}) == 1
        assert server.refreshes() == renewals + 1
        # The session is still good: using a refresh token twice would have ended it.
        home.python("token", *words(server, "public"), "--force-refresh").succeeded()
    finally:
        server.stop()
