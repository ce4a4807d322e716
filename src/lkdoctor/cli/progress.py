"""What is going on, on standard error: one live line on a terminal, else hardly anything."""

from types import TracebackType
from typing import Self

from lkdoctor.cli.streams import Streams, going_on
from lkdoctor.clock import Clock, SystemClock
from lkdoctor.diagnosis.events import Event, StepStarted
from lkdoctor.redact import safe

QUIET_SECONDS = 5.0
"""In a pipe or in CI nothing is said before, and at most one line in this time after."""


class Progress:
    """Listens to a run and shows it; what it drew is gone when it ends."""

    def __init__(self, streams: Streams, timeout_s: float, clock: Clock | None = None) -> None:
        self._streams = streams
        self._timeout_s = timeout_s
        self._clock = clock or SystemClock()
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
        self.pause()

    def pause(self) -> None:
        """Erase the live line, so that something else can be written; the next step draws it anew."""
        if self._drawn:
            self._write("\r\x1b[2K")
            self._drawn = False

    def listen(self, event: Event) -> None:
        """Show a step that begins."""
        if not isinstance(event, StepStarted):
            return
        now = self._clock.monotonic()
        if self._streams.live:
            canvas = self._streams.err_canvas
            more = "…" if canvas.unicode else "..."
            # A line that wraps could not be erased.
            words = safe(event.words, min(60, max(8, (canvas.width or 80) - 20)))
            self._write(f"\r\x1b[2K{words} {more}  {now - self._started:.1f} s")
            self._drawn = True
        elif now - self._said > QUIET_SECONDS:
            words = safe(event.words, 60)
            passed = f"{now - self._started:.0f} s of {self._timeout_s:.0f} s"
            self._write(f"lkdoctor: still {words}, {passed}\n")
            self._said = now

    def _write(self, text: str) -> None:
        with going_on(self._streams.err):
            self._streams.err.write(text)
            self._streams.err.flush()
