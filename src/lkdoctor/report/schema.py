"""The JSON Schema of a report, as it ships with the package."""

from importlib.resources import files
from typing import Final

FILE: Final = "schema.json"


def text() -> str:
    """The schema (draft 2020-12), ending with a line end."""
    return files("lkdoctor.report").joinpath(FILE).read_text(encoding="utf-8")
