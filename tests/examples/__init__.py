"""The sick and the healthy facts of each cause, a module for each of `lkdoctor.rules`."""

import importlib
from functools import cache
from pathlib import Path

from examples.base import Example
from lkdoctor.facts import Facts


@cache
def _every() -> dict[str, Example]:
    names = (path.stem for path in Path(__file__).parent.glob("*.py"))
    modules = (importlib.import_module(f"examples.{name}") for name in names if name != "__init__")
    return {
        code: example
        for module in modules
        for code, example in getattr(module, "EXAMPLES", {}).items()
    }


def sick(code: str) -> Facts:
    """Facts that raise the finding of this cause."""
    return _every()[code].sick()


def near(code: str) -> Facts:
    """The nearest facts that do not."""
    return _every()[code].healthy()
