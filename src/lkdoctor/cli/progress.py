"""What is going on, on standard error: one live line on a terminal, else hardly anything."""

from types import TracebackType
from typing import Self

from lkdoctor.cli.streams import Streams
from lkdoctor.clock import SystemClock
from lkdoctor.diagnosis.events import Event, StepStarted
from lkdoctor.redact import safe

QUIET_SECONDS = 5.0
"""In a pipe or in CI nothing is said before, and at most one line in this time after."""


class Progress:
    """Listens to a run and shows it; what it drew is gone when it ends."""

    def __init__(self, streams: Streams, timeout_s: float) -> None:
        self._streams = streams
        self._timeout_s = timeout_s
        self._clock = SystemClock()
        self._started = self._clock.monotonic()
        self._said = self._started
        self._drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._drawn:
            self._streams.err.write("\r\x1b[2K")
            self._streams.err.flush()

    def listen(self, event: Event) -> None:
        """Show a step that begins."""
        if not isinstance(event, StepStarted):
            return
        now = self._clock.monotonic()
        words = safe(event.words, 60)
        if self._streams.live:
            self._streams.err.write(f"\r\x1b[2K{words} …  {now - self._started:.1f} s")
            self._streams.err.flush()
            self._drawn = True
        elif now - self._said > QUIET_SECONDS:
            self._streams.err.write(
                f"lkdoctor: still {words}, {now - self._started:.0f} s of {self._timeout_s:.0f} s\n"
            )
            self._streams.err.flush()
            self._said = now
