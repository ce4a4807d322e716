"""A run as one line of JSON an event: those of the run as they happen, then what was concluded.

The last line is always ``run.finished``; a reader that knows only that one misses nothing that
decides. The lines are described by ``Event`` in the schema's ``$defs``.
"""

from collections.abc import Iterator
from typing import Any, Final

from lkdoctor.report import jsonfile
from lkdoctor.report.model import SCHEMA_VERSION, Report, to_json

SCHEMA: Final = "lkdoctor.event"


def started(command: str) -> jsonfile.Document:
    """The first line: a run has begun."""
    return line("run.started", schema=SCHEMA, schema_version=SCHEMA_VERSION, command=command)


def finished(report: Report) -> Iterator[jsonfile.Document]:
    """What the run has come to: every check, every finding, and the summary as the last line."""
    document = to_json(report)
    for check in document["checks"]:
        yield line("check.finished", **check)
    for finding in document["findings"]:
        yield line("finding", **finding)
    told = {name: document[name] for name in ("tool", "run", "target", "summary", "redaction")}
    yield line("run.finished", **told)


def line(event: str, **members: Any) -> jsonfile.Document:
    """One event."""
    return jsonfile.row({"event": event, **members})
