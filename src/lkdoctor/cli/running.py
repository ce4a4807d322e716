"""Carries a diagnosis out in front of its user: what is going on, Ctrl-C, and then the report."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from lkdoctor.cli.interruption import Interruption
from lkdoctor.cli.options import OutputFormat, OutputOptions
from lkdoctor.cli.output import show
from lkdoctor.cli.progress import Progress
from lkdoctor.cli.streams import Streams
from lkdoctor.clock import Clock
from lkdoctor.diagnosis import doctor
from lkdoctor.diagnosis.case import Case
from lkdoctor.diagnosis.events import Event, StepFinished, StepStarted
from lkdoctor.diagnosis.how import How
from lkdoctor.diagnosis.waiting import Attempt, until_healthy
from lkdoctor.report.areas import TITLES
from lkdoctor.report.layout import Canvas, Line, line
from lkdoctor.report.model import ExitCode, Report, timestamp


def _longest(how: How) -> float:
    """Seconds that a run may take."""
    return how.timeout_s + how.hold_s * how.repeat


def carry_out(
    gather: Callable[[], Case],
    request: doctor.Request,
    clock: Clock,
    *,
    human: Callable[[Report, Canvas], Iterable[Line]],
    streams: Streams,
    output: OutputOptions,
    wait_s: float = 0.0,
) -> ExitCode:
    """Diagnose, show the report, and return its exit code.

    Args:
        gather: what is diagnosed; asked before every attempt, as its tokens grow old.
        request: how far.
        clock: this machine's.
        human: the command's own layout for people.
        streams: where to.
        output: in which form.
        wait_s: look again for so many seconds, until nothing is wrong.

    Raises:
        UsageError: what was asked for cannot be done.
    """
    with Interruption() as interruption:
        with Progress(streams, max(_longest(request.how), wait_s)) as progress:
            events = Events(request.command, streams) if output.format is _EVENTS else None

            def listen(happened: Event) -> None:
                progress.listen(happened)
                if events is not None:
                    events.listen(happened)

            async def look(seconds: float) -> Report:
                how = request.how._replace(timeout_s=seconds)
                return await doctor.diagnose(gather(), request._replace(how=how), clock, listen)

            def tell(attempt: Attempt) -> None:
                if events is not None:
                    events.tell(attempt)
                elif not output.quiet:
                    changes.tell(attempt)

            timeout_s = request.how.timeout_s
            changes = _Changes(clock, streams, progress)
            report = interruption.run(
                until_healthy(look, wait_s, timeout_s, clock, tell) if wait_s else look(timeout_s)
            )
        return show(report, lambda canvas: human(report, canvas), streams, output, begun=True)


_EVENTS = OutputFormat.NDJSON


class _Changes:
    """Tells on standard error what has changed between two attempts."""

    def __init__(self, clock: Clock, streams: Streams, progress: Progress) -> None:
        self._clock = clock
        self._streams = streams
        self._progress = progress
        self._told: tuple[str, ...] = ()

    def tell(self, attempt: Attempt) -> None:
        """A line where the attempt came to something else than the one before."""
        report = attempt.report
        if attempt.last and attempt.number == 1:
            return  # nothing was waited for: the report says it all
        worst = report.findings[0] if report.findings and report.summary.primary else None
        if report.summary.exit_code in {ExitCode.HEALTHY, ExitCode.WARNINGS}:
            told = ("all", "pass", f"after {attempt.waited_s:.0f} s")
        elif worst is None:
            told = ("all", "unknown", "nothing could be told")
        else:
            told = (TITLES[worst.layer], "fail", worst.title)
        if told != self._told:
            self._told = told
            moment = timestamp(self._clock.now())[11:]
            row = "  ".join((moment, f"{told[0]:<11}", f"{told[1]:<7}", told[2]))
            self._progress.pause()
            self._streams.note([line(row)])


class Events:
    """Writes what happens as it happens."""

    def __init__(self, command: str, streams: Streams) -> None:
        from lkdoctor.report import ndjson

        self._streams = streams
        self._line = ndjson.line
        streams.result_text(ndjson.started(command))

    def listen(self, happened: Event) -> None:
        match happened:
            case StepStarted(step=step, words=words):
                self._write("step.started", step=step, words=words)
            case StepFinished(step=step, took_ms=took):
                self._write("step.finished", step=step, duration_ms=round(took, 3))

    def tell(self, attempt: Attempt) -> None:
        summary = attempt.report.summary
        self._write(
            "attempt.finished",
            attempt=attempt.number,
            waited_ms=round(attempt.waited_s * 1000, 1),
            verdict=summary.verdict,
            primary=summary.primary,
        )

    def _write(self, event: str, **members: Any) -> None:
        # A reader who has left is met again at the end; until then the run has to clean up.
        with contextlib.suppress(OSError):
            self._streams.result_text(self._line(event, **members))
