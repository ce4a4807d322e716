"""The only reader of time and randomness; everything else takes them as arguments."""

import os
import time
from typing import Protocol


class Clock(Protocol):
    """Where time and dice come from; tests hand in a fixed one."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow, for durations and deadlines."""
        ...

    def token_hex(self, size: int) -> str:
        """2 × ``size`` hexadecimal digits that nobody can guess."""
        ...


class SystemClock:
    """This machine's clock and dice."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def token_hex(self, size: int) -> str:
        return os.urandom(size).hex()  # as secrets.token_hex, which takes 5 ms to import
