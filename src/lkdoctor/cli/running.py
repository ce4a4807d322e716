"""Carries a diagnosis out in front of its user: what is going on, Ctrl-C, and then the report."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NamedTuple

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

    def run(user: User) -> Coroutine[Any, Any, Report]:
        changes = _Changes(clock, streams, user.progress)

        async def look(seconds: float) -> Report:
            how = request.how._replace(timeout_s=seconds)
            return await doctor.diagnose(gather(), request._replace(how=how), clock, user.listen)

        def tell(attempt: Attempt) -> None:
            if user.events is not None:
                user.events.tell(attempt)
            elif not output.quiet:
                changes.tell(attempt)

        timeout_s = request.how.timeout_s
        return until_healthy(look, wait_s, timeout_s, clock, tell) if wait_s else look(timeout_s)

    longest = max(_longest(request.how), wait_s)
    return run_in_front(request.command, run, longest, human=human, streams=streams, output=output)


class User(NamedTuple):
    """Who is told what a run is doing."""

    progress: Progress
    events: "Events | None"
    """Where a program reads."""

    def listen(self, happened: Event) -> None:
        """Tell what has happened."""
        self.progress.listen(happened)
        if self.events is not None:
            self.events.listen(happened)


def run_in_front(
    command: str,
    run: Callable[[User], Coroutine[Any, Any, Report]],
    seconds: float,
    *,
    human: Callable[[Report, Canvas], Iterable[Line]],
    streams: Streams,
    output: OutputOptions,
) -> ExitCode:
    """Run, show the report, and return its exit code; a signal ends the run and not the report.

    Args:
        command: as the events name it.
        run: what is run; cancelled, it returns what it has seen.
        seconds: that it may take.
        human: the command's own layout for people.
        streams: where to.
        output: in which form.
    """
    with Interruption() as interruption:
        with Progress(streams, seconds) as progress:
            events = Events(command, streams) if output.format is OutputFormat.NDJSON else None
            report = interruption.run(run(User(progress, events)))
        if report.run.interrupted_by == "signal":
            report = report._replace(run=report.run._replace(signal=interruption.by))
        return show(report, lambda canvas: human(report, canvas), streams, output, begun=True)


def tell_who_leaves(case: Case, streams: Streams) -> None:
    """Say what a join with the given token does to its owner."""
    streams.note(
        [
            line(
                f"joining with {case.token_words}: "
                "a participant of that identity who is in the room now is disconnected"
            )
        ]
    )


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
        streams.result_document(ndjson.started(command))

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
        self._streams.result_document(self._line(event, **members))
