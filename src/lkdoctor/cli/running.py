"""Carries a diagnosis out in front of its user: what is going on, Ctrl-C, and then the report."""

import contextlib
from collections.abc import Callable, Iterable

from lkdoctor.cli.interruption import Interruption
from lkdoctor.cli.options import OutputFormat, OutputOptions
from lkdoctor.cli.output import show
from lkdoctor.cli.progress import Progress
from lkdoctor.cli.streams import Streams
from lkdoctor.clock import Clock
from lkdoctor.diagnosis import doctor
from lkdoctor.diagnosis.case import Case
from lkdoctor.diagnosis.events import Event, Listener, StepFinished, StepStarted
from lkdoctor.report.layout import Canvas, Line
from lkdoctor.report.model import ExitCode, Report


def carry_out(
    case: Case,
    request: doctor.Request,
    clock: Clock,
    *,
    human: Callable[[Report, Canvas], Iterable[Line]],
    streams: Streams,
    output: OutputOptions,
) -> ExitCode:
    """Diagnose, show the report, and return its exit code.

    Args:
        case: what is diagnosed.
        request: how far.
        clock: this machine's.
        human: the command's own layout for people.
        streams: where to.
        output: in which form.

    Raises:
        UsageError: what was asked for cannot be done.
    """
    with Interruption() as interruption:
        with Progress(streams, request.how.timeout_s) as progress:
            listen: Listener = progress.listen
            if output.format is OutputFormat.NDJSON:
                listen = _both(listen, _events(request.command, streams))
            report = interruption.run(doctor.diagnose(case, request, clock, listen))
        return show(report, lambda canvas: human(report, canvas), streams, output, begun=True)


def _events(command: str, streams: Streams) -> Listener:
    """Writes what happens as it happens."""
    from lkdoctor.report import ndjson

    streams.result_text(ndjson.started(command))

    def write(happened: Event) -> None:
        # A reader who has left is met again at the end; until then the run has to clean up.
        with contextlib.suppress(OSError):
            match happened:
                case StepStarted(step=step, words=words):
                    streams.result_text(ndjson.line("step.started", step=step, words=words))
                case StepFinished(step=step, took_ms=took):
                    took = round(took, 3)
                    streams.result_text(ndjson.line("step.finished", step=step, duration_ms=took))

    return write


def _both(first: Listener, second: Listener) -> Listener:
    def listen(happened: Event) -> None:
        first(happened)
        second(happened)

    return listen
