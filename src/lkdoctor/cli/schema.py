"""``lkdoctor schema``: the JSON Schemas of what lkdoctor writes."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from lkdoctor.cli.app import subcommand

app = subcommand()


class Document(StrEnum):
    REPORT = "report"
    LOG = "log"


@app.command()
def schema(
    document: Annotated[
        Document,
        typer.Argument(help="report, or log for what explain --log says."),
    ] = Document.REPORT,
) -> None:
    """Print the JSON Schema (draft 2020-12) of a report: what -o json and --save write.

    Not of what is no report: explain CODE, token compare, token decode --all and --dry-run.
    """
    from lkdoctor.report.schema import FILE, LOG_FILE, text

    sys.stdout.write(text(FILE if document is Document.REPORT else LOG_FILE))
