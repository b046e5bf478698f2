"""The time, and waiting."""

from __future__ import annotations

import queue
import time
from typing import TypeVar

T = TypeVar("T")

# A thread cannot wait much longer.
_LONGEST_WAIT_SECONDS = 30 * 24 * 3600.0


class Clock:
    """The system's clock. Tests replace it."""

    def now_ms(self) -> int:
        """Returns the milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Returns seconds from an unspecified start, which never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def wait(self, events: queue.SimpleQueue[T], seconds: float) -> T | None:
        """Returns the next event; None if none comes within this time."""
        try:
            return events.get(timeout=min(max(0.0, seconds), _LONGEST_WAIT_SECONDS))
        except queue.Empty:
            return None
