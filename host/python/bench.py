"""Measures the components on this host: bench.py ISSUER CLIENT_ID SESSION_FILE

Prints the nanoseconds until the answer of the first step, loading included, and those of
another session of one step.
"""

import sys
import time
from pathlib import Path

SESSIONS = 300

issuer, client_id, file = sys.argv[1:]
begun = time.perf_counter_ns()

from latchstring.component import LoginComponent, Session  # noqa: E402
from latchstring.contract import Client, Context, Demand, Reply  # noqa: E402
from latchstring.rules import Rules  # noqa: E402

component = LoginComponent()
line, _, stored = Path(file).read_bytes().partition(b"\n")
Rules().parse_header(line, len(stored), file)
client = Client(client_id=client_id, issuer=issuer)
now_ms = time.time_ns() // 1_000_000
context = Context(now_ms, bytes(range(32)))


def session() -> None:
    opened = Session.token(component, client, stored, Demand(), context)
    if opened.next(Reply("begin"), now_ms).tag != "done":
        raise SystemExit("the stored token has expired")


session()
loaded = time.perf_counter_ns()
for _ in range(SESSIONS):
    session()
stepped = time.perf_counter_ns()
print(loaded - begun, (stepped - loaded) // SESSIONS)
