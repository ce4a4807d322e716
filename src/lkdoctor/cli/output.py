"""Shows a report in the form that was asked for; every command that judges ends here."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import assert_never

from lkdoctor.cli.options import OutputFormat, OutputOptions
from lkdoctor.cli.streams import Streams
from lkdoctor.errors import UsageError
from lkdoctor.report.findings import brief
from lkdoctor.report.layout import Canvas, Line
from lkdoctor.report.model import ExitCode, Report


def show(
    report: Report,
    human: Callable[[Canvas], Iterable[Line]],
    streams: Streams,
    options: OutputOptions,
) -> ExitCode:
    """Write the report and return its exit code.

    Args:
        report: what to show.
        human: the command's own layout for people.
        streams: where to.
        options: which form; ``--save`` is honoured here.
    """
    if options.save is not None:
        save(report, options.save)
    match options.format:
        case OutputFormat.HUMAN:
            if options.quiet:
                streams.result(brief(report.findings))
            else:
                streams.result(human(streams.canvas))
        case OutputFormat.PLAIN:
            from lkdoctor.report import plain

            streams.result_text(plain.render(report))
        case OutputFormat.JSON:
            from lkdoctor.report import jsonfile

            streams.result_text(jsonfile.render(report))
        case _:
            assert_never(options.format)
    return report.summary.exit_code


def save(report: Report, path: Path) -> None:
    """Write the report's JSON to a file that only its owner can read.

    Raises:
        UsageError: the file cannot be written.
    """
    import os

    from lkdoctor.report import jsonfile

    text = jsonfile.render(report)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
