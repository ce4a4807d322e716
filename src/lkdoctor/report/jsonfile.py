"""The report as one JSON document."""

import json
import re
from typing import Final

from lkdoctor.report.model import Report, to_json


def render(report: Report) -> str:
    """One JSON object and a line end; see ``lkdoctor schema``."""
    return text(to_json(report))


_SUSPECT: Final = re.compile(r"[^\x00-\x7e]|#(?=#(?:\[|vso\[))")
"""What is not ASCII, and the old commands of CI runners."""


def text(value: object) -> str:
    """JSON that people can read, too: letters as they are, what could act on a terminal escaped."""
    return _stilled(json.dumps(value, indent=2, ensure_ascii=False)) + "\n"


def row(value: object) -> str:
    """The same in one line."""
    return _stilled(json.dumps(value, ensure_ascii=False)) + "\n"


def _stilled(document: str) -> str:
    # Only strings hold such characters, so this cannot touch the structure.
    return _SUSPECT.sub(_still, document)


def _still(match: re.Match[str]) -> str:
    character = match[0]
    if character == "#":
        return "\\u0023"
    return character if character.isprintable() else json.dumps(character)[1:-1]
