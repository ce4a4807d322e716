"""``lkdoctor schema``: the JSON Schema of a report."""

import sys

from lkdoctor.cli.app import subcommand

app = subcommand()


@app.command()
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of a report: what -o json and --save write.

    Not of what is no report: explain, token compare, token decode --all and --dry-run.
    """
    from lkdoctor.report.schema import text

    sys.stdout.write(text())
