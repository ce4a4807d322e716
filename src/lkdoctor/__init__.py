"""Tells why a LiveKit user sits on "Connecting…", and what to change.

The library in three names: `diagnose` finds the one cause, `Report` holds what it found,
`Finding` is one cause with its evidence and fix. Everything is loaded on first use.
"""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lkdoctor.diagnosis.library import diagnose
    from lkdoctor.errors import UsageError
    from lkdoctor.findings import Confidence, Evidence, Finding, FixStep, Layer, Severity
    from lkdoctor.report.model import CheckResult, ExitCode, Report, Status, Verdict

__version__: Final = "0.1.0"

__all__ = [
    "CheckResult",
    "Confidence",
    "Evidence",
    "ExitCode",
    "Finding",
    "FixStep",
    "Layer",
    "Report",
    "Severity",
    "Status",
    "UsageError",
    "Verdict",
    "diagnose",
]

_HOMES: Final = {
    "diagnose": "lkdoctor.diagnosis.library",
    "UsageError": "lkdoctor.errors",
    **dict.fromkeys(
        ("Confidence", "Evidence", "Finding", "FixStep", "Layer", "Severity"), "lkdoctor.findings"
    ),
    **dict.fromkeys(
        ("CheckResult", "ExitCode", "Report", "Status", "Verdict"), "lkdoctor.report.model"
    ),
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        msg = f"module 'lkdoctor' has no attribute {name!r}"
        raise AttributeError(msg)
    import importlib

    return getattr(importlib.import_module(home), name)
