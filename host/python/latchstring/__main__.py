"""The command line `python -m latchstring`."""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from . import Client, LatchError, Settings, Terminal, fingerprint, login, logout, token

# An empty variable counts as unset.
STATE_FOLDER = os.environ.get("LATCH_STATE_DIR") or None
BROWSER = os.environ.get("LATCH_BROWSER") or None


def main() -> None:
    given = parser().parse_args()
    terminal = Terminal(getattr(given, "verbose", False))
    try:
        given.run(given, terminal)
    except LatchError as error:
        terminal.say(f"latchstring: {error} ({error.code})\n{error.remedy}")
        # The exit code of `latch` that scripts need.
        sys.exit(3 if error.code == "login-required" else 1)
    except KeyboardInterrupt:
        sys.exit(130)


def parser() -> argparse.ArgumentParser:
    program = argparse.ArgumentParser(prog="latchstring")
    commands = program.add_subparsers(dest="command", required=True)
    session = argparse.ArgumentParser(add_help=False)
    session.add_argument("--issuer", required=True)
    session.add_argument("--client-id", required=True)
    session.add_argument("--scope", action="append", default=[])
    session.add_argument("--profile", default="default")
    session.add_argument("--state-dir", type=Path, default=STATE_FOLDER)
    session.add_argument("-v", "--verbose", action="store_true")
    text = "log in through a browser"
    command = commands.add_parser("login", parents=[session], help=text)
    command.add_argument("--flow", choices=["browser", "paste", "device"])
    command.add_argument("--browser", metavar="COMMAND", default=BROWSER)
    command.add_argument("--no-browser", action="store_true")
    command.add_argument("--timeout", type=float, default=300, metavar="SECONDS")
    command.set_defaults(run=log_in)
    text = "print an access token, refreshing it if needed"
    command = commands.add_parser("token", parents=[session], help=text)
    command.add_argument("--force-refresh", action="store_true")
    command.add_argument("--min-ttl", type=float, default=0, metavar="SECONDS")
    command.set_defaults(run=print_token)
    text = "revoke the tokens and delete the session"
    commands.add_parser("logout", parents=[session], help=text).set_defaults(run=log_out)
    text = "print the SHA-256 and size of the login component"
    commands.add_parser("component", help=text).set_defaults(run=print_component)
    return program


def log_in(given: argparse.Namespace, terminal: Terminal) -> None:
    settings = replace(
        settings_of(given, terminal),
        flow=given.flow,
        patience_seconds=given.timeout,
        open_browser=not given.no_browser,
        browser=given.browser,
    )
    login(client_of(given), settings)
    terminal.say("Logged in")


def print_token(given: argparse.Namespace, terminal: Terminal) -> None:
    grant = token(
        client_of(given),
        settings_of(given, terminal),
        force_refresh=given.force_refresh,
        min_ttl_seconds=given.min_ttl,
    )
    print(grant.access_token)


def log_out(given: argparse.Namespace, terminal: Terminal) -> None:
    report = logout(client_of(given), settings_of(given, terminal))
    profile = f"The profile {given.profile} was not logged in"
    terminal.say("Logged out" if report.was_logged_in else profile)


def print_component(_: argparse.Namespace, __: Terminal) -> None:
    print(*fingerprint())


def client_of(given: argparse.Namespace) -> Client:
    return Client(client_id=given.client_id, issuer=given.issuer, scopes=given.scope)


def settings_of(given: argparse.Namespace, terminal: Terminal) -> Settings:
    return Settings(profile=given.profile, state_folder=given.state_dir, terminal=terminal)


if __name__ == "__main__":
    main()
