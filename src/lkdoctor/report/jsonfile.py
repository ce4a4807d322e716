"""The report as one JSON document.

The law of this file: a document is built first, of values that are clean, and written then; what
has been written is never changed, so it is valid whatever stands in it.
"""

import json
import re
from typing import Final, NewType

from lkdoctor.report.model import Report, cleaned, to_json

Document = NewType("Document", str)
"""JSON, or lines of it, in which no value holds a secret."""


def render(report: Report) -> Document:
    """One JSON object and a line end; see ``lkdoctor schema``."""
    return _whole(to_json(report))


def text(value: object) -> Document:
    """JSON that people can read, too: letters as they are, what could act on a terminal escaped."""
    return _whole(cleaned(value))


def row(value: object) -> Document:
    """The same in one line."""
    return Document(_stilled(json.dumps(cleaned(value), ensure_ascii=False)) + "\n")


def _whole(value: object) -> Document:
    return Document(_stilled(json.dumps(value, indent=2, ensure_ascii=False)) + "\n")


_SUSPECT: Final = re.compile(r"[^\x00-\x7e]|#(?=#(?:\[|vso\[))")
"""What is not ASCII, and the old commands of CI runners."""


def _stilled(document: str) -> str:
    # Only strings hold such characters, so this cannot touch the structure.
    return _SUSPECT.sub(_still, document)


def _still(match: re.Match[str]) -> str:
    character = match[0]
    if character == "#":
        return "\\u0023"
    return character if character.isprintable() else json.dumps(character)[1:-1]
