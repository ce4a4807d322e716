"""``lkdoctor explain``: the catalogue of causes, offline."""

import difflib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lkdoctor.cli.app import subcommand
from lkdoctor.cli.options import OutputFormat, OutputOptions, command
from lkdoctor.cli.output import refuse_forms
from lkdoctor.cli.streams import Streams
from lkdoctor.errors import UsageError
from lkdoctor.report.model import ExitCode

if TYPE_CHECKING:
    from lkdoctor.rules.base import Rule

app = subcommand()


def _codes(incomplete: str) -> list[str]:
    """What a shell offers in place of CODE."""
    from lkdoctor import catalogue

    return [code for code in catalogue.by_code() if code.startswith(incomplete)]


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
    output: OutputOptions,
    streams: Streams,
) -> ExitCode:
    """Tell what a code means: how it shows, why it happens, what to change.

    Without a code: every cause that lkdoctor knows, by area. Nothing is dialled.
    """
    from lkdoctor import catalogue
    from lkdoctor.report import explain as pages
    from lkdoctor.report import jsonfile

    refuse_forms("explain", output)
    rules = tuple(catalogue.rules()) if code is None else (_rule(code),)
    match output.format:
        case OutputFormat.HUMAN if output.quiet:
            streams.result_text("".join(f"{rule.code}\n" for rule in rules))
        case OutputFormat.HUMAN if code is None:
            streams.result(pages.catalogue(rules, streams.canvas))
        case OutputFormat.HUMAN:
            streams.result(pages.render(rules[0], streams.canvas))
        case OutputFormat.PLAIN:
            rows = [(rule.code, rule.layer, rule.severity, rule.title) for rule in rules]
            table = [("#code", "layer", "severity", "title"), *rows]
            streams.result_text("".join("\t".join(row) + "\n" for row in table))
        case _:
            told: Any = [pages.to_json(rule) for rule in rules]
            streams.result_text(jsonfile.text(told if code is None else told[0]))
    return ExitCode.HEALTHY


def _rule(code: str) -> "Rule":
    from lkdoctor import catalogue

    known = catalogue.by_code()
    wanted = code.strip().lower().replace("_", "-")
    if wanted in known:
        return known[wanted]
    near = [
        *difflib.get_close_matches(wanted, known, n=3, cutoff=0.5),
        *(other for other in known if wanted and wanted in other),
    ]
    advice = [f"did you mean: {', '.join(dict.fromkeys(near))}"] if near else []
    raise UsageError(
        f"no cause is called {code!r}", advice=[*advice, "all of them: lkdoctor explain"]
    )
