"""Shows a report in the form that was asked for; every command that judges ends here."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import assert_never

from lkdoctor.cli import files
from lkdoctor.cli.options import NetworkOptions, OutputFormat, OutputOptions
from lkdoctor.cli.streams import Streams
from lkdoctor.errors import UsageError
from lkdoctor.report.findings import brief, without_commands
from lkdoctor.report.layout import Canvas, Line, line
from lkdoctor.report.model import ExitCode, Report, Status


def show(
    report: Report,
    human: Callable[[Canvas], Iterable[Line]],
    streams: Streams,
    options: OutputOptions,
    *,
    begun: bool = False,
) -> ExitCode:
    """Write the report and return its exit code.

    Args:
        report: what to show.
        human: the command's own layout for people.
        streams: where to.
        options: which form; the files that they name are written, too.
        begun: the run's events have been shown as they happened.
    """
    save(report, options)
    match options.format:
        case OutputFormat.HUMAN:
            if options.quiet:
                streams.result(brief(report.findings))
            else:
                streams.result(human(streams.canvas))
        case OutputFormat.PLAIN:
            from lkdoctor.report import plain

            streams.result_text(plain.render(report))
        case _:
            for_machines(report, streams, options.format, begun=begun)
    own_up(report, streams)
    return report.summary.exit_code


def own_up(report: Report, streams: Streams) -> None:
    """Say what of ours broke, where something did."""
    if report.summary.exit_code is not ExitCode.INTERNAL:
        return
    told = dict.fromkeys(c.summary for c in report.checks if c.status is Status.ERROR)
    asked = "This is our fault. Please report it with the command that you ran."
    streams.note(line(words) for words in (*told, asked))


def for_machines(
    report: Report, streams: Streams, form: OutputFormat, *, begun: bool = False
) -> None:
    """Write the report in a form that a program reads; see `show`."""
    match form:
        case OutputFormat.JSON:
            from lkdoctor.report import jsonfile

            streams.result_document(jsonfile.render(report))
        case OutputFormat.NDJSON:
            from lkdoctor.report import ndjson

            if not begun:
                streams.result_document(ndjson.started(report.run.command))
            for row in ndjson.finished(report):
                streams.result_document(row)
        case OutputFormat.GITHUB:
            from lkdoctor.report import github

            streams.result_text("".join(github.annotations(report)))
            _add_to_summary("".join(github.summary(report)), streams)
        case OutputFormat.HUMAN | OutputFormat.PLAIN:
            raise AssertionError(form)  # each command has its own
        case _:
            assert_never(form)


def repeatable(report: Report, network: NetworkOptions, output: OutputOptions) -> Report:
    """The report as people see it: with the commands that show the same only where asked for."""
    if network.curl or output.verbose:
        return report
    return report._replace(findings=without_commands(report.findings))


def show_plan(sentences: Iterable[str], streams: Streams, options: OutputOptions) -> ExitCode:
    """Write what ``--dry-run`` says would be done: a sentence a line, or one JSON document.

    Raises:
        UsageError: a report was asked for, and there is none.
    """
    refuse_forms("a dry run", options)
    if options.format is OutputFormat.JSON:
        from lkdoctor.report import jsonfile

        plan = {"schema": "lkdoctor.plan", "schema_version": "1.0", "does": list(sentences)}
        streams.result_document(jsonfile.text(plan))
    else:
        streams.result(line(sentence) for sentence in sentences)
    return ExitCode.HEALTHY


def refuse_forms(command: str, output: OutputOptions) -> None:
    """Say that a command which judges nothing has no report to give.

    Raises:
        UsageError: such a form or file was asked for.
    """
    form = output.format
    if form in {OutputFormat.NDJSON, OutputFormat.GITHUB}:
        raise UsageError(
            f"{command} judges nothing that {form} could show",
            advice=["-o human, -o plain or -o json"],
        )
    for option, path in (("--save", output.save), ("--junit-file", output.junit_file)):
        if path is not None:
            raise UsageError(f"{option}: {command} judges nothing, so there is no report to save")


def save(report: Report, options: OutputOptions) -> None:
    """Write the files that the options name beside the answer.

    Raises:
        UsageError: one cannot be written.
    """
    if options.save is not None:
        from lkdoctor.report import jsonfile

        files.write(options.save, jsonfile.render(report))
    if options.junit_file is not None:
        from lkdoctor.report import junit

        files.write(options.junit_file, junit.render(report))


def _add_to_summary(text: str, streams: Streams) -> None:
    """Append to the summary of the job, where a runner has one."""
    if not streams.step_summary:
        return
    from lkdoctor.redact import screened

    try:
        with Path(streams.step_summary).open("a", encoding="utf-8") as file:
            file.write(screened(text))
    except OSError as error:
        streams.note([line(f"note: GITHUB_STEP_SUMMARY cannot be written: {error.strerror}")])
