"""`python -m latchstring login|token|logout`: a command line that logs in."""

import argparse
import os
import sys
from pathlib import Path

from . import Client, LatchError, Settings, Terminal, login, logout, token

parser = argparse.ArgumentParser(prog="latchstring")
parser.add_argument("command", choices=["login", "token", "logout"])
parser.add_argument("--issuer", required=True)
parser.add_argument("--client-id", required=True)
parser.add_argument("--scope", action="append", default=[])
parser.add_argument("--profile", default="default")
parser.add_argument("--flow", choices=["browser", "paste", "device"])
parser.add_argument("--browser", metavar="COMMAND", default=os.environ.get("LATCH_BROWSER"))
parser.add_argument("--no-browser", action="store_true")
parser.add_argument("--timeout", type=float, default=300, metavar="SECONDS")
parser.add_argument("--state-dir", type=Path, default=os.environ.get("LATCH_STATE_DIR"))
parser.add_argument("--force-refresh", action="store_true")
parser.add_argument("--min-ttl", type=float, default=0, metavar="SECONDS")
parser.add_argument("-v", "--verbose", action="store_true")


def main() -> None:
    given = parser.parse_args()
    client = Client(client_id=given.client_id, issuer=given.issuer, scopes=given.scope)
    settings = Settings(
        profile=given.profile,
        flow=given.flow,
        patience_seconds=given.timeout,
        open_browser=not given.no_browser,
        browser=given.browser,
        state_folder=given.state_dir,
        terminal=Terminal(given.verbose),
    )
    try:
        if given.command == "login":
            login(client, settings)
            settings.terminal.say("Logged in")
        elif given.command == "token":
            grant = token(
                client,
                settings,
                force_refresh=given.force_refresh,
                min_ttl_seconds=given.min_ttl,
            )
            print(grant.access_token)
        else:
            report = logout(client, settings)
            settings.terminal.say("Logged out" if report.was_logged_in else "Nobody was logged in")
    except LatchError as error:
        settings.terminal.say(f"latchstring: {error} ({error.code})\n{error.remedy}")
        # As the native program's, as far as scripts are likely to ask.
        sys.exit(3 if error.code == "login-required" else 1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
