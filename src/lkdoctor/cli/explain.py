"""``lkdoctor explain``: the catalogue of causes, and what a pasted log says; offline."""

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lkdoctor.cli.app import subcommand
from lkdoctor.cli.options import FailOn, OutputFormat, OutputOptions, command
from lkdoctor.cli.output import refuse_forms
from lkdoctor.cli.streams import Streams
from lkdoctor.errors import UsageError
from lkdoctor.report.model import ExitCode

if TYPE_CHECKING:
    from lkdoctor.rules.words import Words

app = subcommand()


def _codes(incomplete: str) -> list[str]:
    """What a shell offers in place of CODE."""
    from lkdoctor import catalogue

    return [code for code in catalogue.codes() if code.startswith(incomplete)]


@app.command()
@command
def explain(
    *,
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="CODE",
            help="A finding's code; all of them without one.",
            autocompletion=_codes,
            show_default=False,
        ),
    ] = None,
    log: Annotated[
        str | None,
        typer.Option(
            "--log",
            metavar="<path>",
            help="A client's, server's or proxy's log: what its lines mean; - reads standard input.",
        ),
    ] = None,
    output: OutputOptions,
    streams: Streams,
) -> ExitCode:
    """Tell what a code means: how it shows, why it happens, what to change.

    Without a code: every cause that lkdoctor knows, by area. With --log: the causes that a
    log names, with the lines. Nothing is dialled.
    """
    from lkdoctor import catalogue
    from lkdoctor.report import explain as pages
    from lkdoctor.report import jsonfile

    refuse_forms("explain", output)
    if log is not None:
        if code is not None:
            raise UsageError(
                "a code and --log exclude each other", advice=["leave out one of them"]
            )
        return _log(log, output, streams)
    causes = tuple(catalogue.causes()) if code is None else (_cause(code),)
    match output.format:
        case OutputFormat.HUMAN if output.quiet:
            streams.result_text("".join(f"{cause.code}\n" for cause in causes))
        case OutputFormat.HUMAN if code is None:
            streams.result(pages.catalogue(causes, streams.canvas))
        case OutputFormat.HUMAN:
            streams.result(pages.render(causes[0], streams.canvas))
        case OutputFormat.PLAIN:
            rows = [(cause.code, cause.layer, cause.severity, cause.title) for cause in causes]
            table = [("#code", "layer", "severity", "title"), *rows]
            streams.result_text("".join("\t".join(row) + "\n" for row in table))
        case _:
            told: Any = [pages.to_json(cause) for cause in causes]
            streams.result_document(jsonfile.text(told if code is None else told[0]))
    return ExitCode.HEALTHY


def _cause(code: str) -> "Words":
    from lkdoctor import catalogue

    wanted = code.strip().lower().replace("_", "-")
    try:
        return catalogue.cause(wanted)
    except KeyError:
        pass
    names = catalogue.codes()
    near = [
        *difflib.get_close_matches(wanted, names, n=3, cutoff=0.5),
        *(other for other in names if wanted and wanted in other),
    ]
    advice = [f"did you mean: {', '.join(dict.fromkeys(near))}"] if near else []
    raise UsageError(
        f"no cause is called {code!r}", advice=[*advice, "all of them: lkdoctor explain"]
    )


# ------------------------------------------------------------------ --log

_CHUNK: Final = 1024 * 1024

_PACKED: Final = (
    (b"\x1f\x8b", "gzip", "gunzip -c"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd -dc"),
    (b"\xfd7zXZ\x00", "xz", "xz -dc"),
    (b"BZh", "bzip2", "bunzip2 -c"),
    (b"PK\x03\x04", "zip", "unzip -p"),
)

_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF")


def _log(name: str, output: OutputOptions, streams: Streams) -> ExitCode:
    """What a log says; the exit code is 1 where it shows a failure."""
    from lkdoctor import catalogue
    from lkdoctor.clock import SystemClock
    from lkdoctor.logs.scan import Scanner
    from lkdoctor.logs.verdict import judge
    from lkdoctor.redact import safe
    from lkdoctor.report import jsonfile, logs

    scanner = Scanner()
    interrupted = False
    try:
        for chunk in _chunks(name, streams):
            scanner.feed(chunk)
    except KeyboardInterrupt:  # of tail -f, for one: what came so far is worth telling
        interrupted = True
    scan = scanner.close()
    if not scan.size and not interrupted:
        raise UsageError(
            f"--log: {_shown(name)} is empty",
            advice=["paste the log's text into it, or pipe it: … | lkdoctor explain --log -"],
        )
    verdict = judge(scan, catalogue.cause, SystemClock().now())
    code = (
        ExitCode.INTERRUPTED
        if interrupted
        else ExitCode.PROBLEM
        if verdict.problem
        else ExitCode.WARNINGS
        if verdict.warning and output.fail_on is FailOn.WARN
        else ExitCode.HEALTHY
    )
    info = logs.LogInfo(
        safe(_shown(name), 200), scan.lines, scan.size, scan.encoding, scan.cut_lines, interrupted
    )
    match output.format:
        case OutputFormat.HUMAN if output.quiet:
            streams.result(logs.codes(verdict))
        case OutputFormat.HUMAN:
            streams.result(logs.render(verdict, info, streams.canvas))
        case OutputFormat.PLAIN:
            streams.result_text(logs.plain(verdict))
        case _:
            from lkdoctor.diagnosis.fold import this_tool

            streams.result_document(jsonfile.text(logs.to_json(verdict, info, this_tool(), code)))
    return code


def _shown(name: str) -> str:
    return "standard input" if name == "-" else name


def _chunks(name: str, streams: Streams) -> Iterator[bytes]:
    """The log's bytes, in pieces.

    Raises:
        UsageError: it cannot be read, or is no text.
    """
    if name == "-":
        yield from _looked_at(streams.pieces("a log", _CHUNK), name)
        return
    from lkdoctor.config.named_files import open_named, problem_of, refusal

    with open_named(name, "--log") as file:
        try:
            yield from _looked_at(iter(lambda: file.read(_CHUNK), b""), name)
        except OSError as error:
            raise refusal(name, "--log", problem_of(error)) from None


def _looked_at(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    first = next(pieces, b"")
    for mark, form, tool in _PACKED:
        if first.startswith(mark):
            raise UsageError(
                f"--log: {_shown(name)} is compressed ({form})",
                advice=[f"{tool} FILE | lkdoctor explain --log -"],
            )
    if first.startswith(_PICTURES):
        raise UsageError(
            f"--log: {_shown(name)} is a picture or a PDF", advice=["paste the log's text instead"]
        )
    yield first
    yield from pieces
