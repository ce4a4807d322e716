"""The JSON Schemas of a report and of a log's explanation, as they ship with the package."""

from importlib.resources import files
from typing import Final

FILE: Final = "schema.json"
LOG_FILE: Final = "log-schema.json"


def text(file: str = FILE) -> str:
    """The schema (draft 2020-12), ending with a line end."""
    return files("lkdoctor.report").joinpath(file).read_text(encoding="utf-8")
