"""What the components cost on this host: bench.py ISSUER CLIENT_ID SESSION_FILE

Prints, in nanoseconds, how long it takes from nothing to the answer of the first
step, and how long a further session of one step takes.
"""

import sys
import time
from pathlib import Path

SESSIONS = 300

issuer, client_id, file = sys.argv[1:]
begun = time.perf_counter_ns()

from latchstring.component import Instance  # noqa: E402
from latchstring.contract import Client, Context, Demand, Done, Reply  # noqa: E402
from latchstring.rules import Rules  # noqa: E402

instance = Instance()
line, _, stored = Path(file).read_bytes().partition(b"\n")
Rules().parse_header(line, len(stored), file)
client = Client(client_id=client_id, issuer=issuer)
now_ms = time.time_ns() // 1_000_000
context = Context(now_ms, bytes(range(32)))


def session() -> None:
    opened = instance.token(client, stored, Demand(), context)
    action = instance.next(opened, Reply("begin"), now_ms)
    if not isinstance(action, Done):
        raise SystemExit("the stored token was to be good enough")


session()
loaded = time.perf_counter_ns()
for _ in range(SESSIONS):
    session()
stepped = time.perf_counter_ns()
print(loaded - begun, (stepped - loaded) // SESSIONS)
