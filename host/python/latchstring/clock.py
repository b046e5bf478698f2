"""The time."""

from __future__ import annotations

import queue
import time
from typing import TypeVar

T = TypeVar("T")

# Longer than a thread can wait is as good as for ever.
_LONGEST_SECONDS = 30 * 24 * 3600.0


class Clock:
    """This machine's. One of another kind may run as fast as it likes."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that never run backwards, from an unknown beginning."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def wait(self, events: queue.SimpleQueue[T], seconds: float) -> T | None:
        """The next of them; none where none comes in time."""
        try:
            return events.get(timeout=min(max(0.0, seconds), _LONGEST_SECONDS))
        except queue.Empty:
            return None
