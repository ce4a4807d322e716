"""The report: what every rendering shows, and its JSON form."""

import math
import sys
from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import Any, Final, NamedTuple

from lkdoctor.errors import UsageError
from lkdoctor.facts import Facts
from lkdoctor.findings import Finding, Layer
from lkdoctor.redact import REDACTED, clean, screened

SCHEMA: Final = "lkdoctor.report"
SCHEMA_VERSION: Final = "1.0"


class ExitCode(IntEnum):
    """The same in every output form."""

    HEALTHY = 0
    PROBLEM = 1
    USAGE = 2
    INCONCLUSIVE = 3
    WARNINGS = 4
    """Only with ``--fail-on warn``."""
    INTERNAL = 5
    INTERRUPTED = 130


class Status(StrEnum):
    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    """Looked, could not tell."""
    SKIP = "skip"
    """Did not look; `SkipReason` says why."""
    ERROR = "error"
    """lkdoctor's own fault."""


class SkipReason(StrEnum):
    BLOCKED = "blocked"
    NOT_APPLICABLE = "not_applicable"
    NO_INPUT = "no_input"
    NEEDS_CONSENT = "needs_consent"
    DESELECTED = "deselected"
    NOT_TRUSTED = "not_trusted"
    """It would send credentials to a host that the folder names, and that has not shown to hold them."""
    OUT_OF_TIME = "out_of_time"
    INTERRUPTED = "interrupted"


class CheckResult(NamedTuple):
    id: str
    layer: Layer
    title: str
    status: Status
    summary: str
    essential: bool
    effect: str
    duration_ms: float | None = None
    skip_reason: SkipReason | None = None
    blocked_by: str | None = None
    """The root: the check without which this one could not be asked."""
    findings: tuple[str, ...] = ()
    """Codes of what its rules found, folded ones included."""


class Verdict(StrEnum):
    HEALTHY = "healthy"
    WARNINGS = "warnings"
    PROBLEMS = "problems"
    INCONCLUSIVE = "inconclusive"


class Counts(NamedTuple):
    passed: int = 0
    warn: int = 0
    fail: int = 0
    unknown: int = 0
    skip: int = 0
    error: int = 0


class Summary(NamedTuple):
    verdict: Verdict
    exit_code: ExitCode
    counts: Counts
    primary: str | None
    """The code of the one cause on top."""
    not_tested: tuple[str, ...]
    """What this run says nothing about, in words."""


class ToolInfo(NamedTuple):
    name: str
    version: str
    python: str
    platform: str


class RunInfo(NamedTuple):
    id: str
    command: str
    started_at: float
    duration_ms: float
    completed: bool = True
    interrupted_by: str | None = None
    """``signal`` or ``deadline``"""
    signal: str | None = None
    """Which one: ``SIGINT`` (Ctrl-C), ``SIGTERM``, ``SIGHUP``; None where nobody knows."""


class TargetInfo(NamedTuple):
    """Where the run looked, without anything secret."""

    url: str | None = None
    kind: str = "unknown"
    """``cloud``, ``self_hosted`` or ``unknown``"""
    api_key: str | None = None
    """Masked."""
    sources: tuple[tuple[str, str], ...] = ()
    """What came from where: ``("url", ".env.local:1")``."""
    server: str | None = None
    """``1.13.5``, where the server said so."""


class Report(NamedTuple):
    tool: ToolInfo
    run: RunInfo
    target: TargetInfo
    summary: Summary
    findings: tuple[Finding, ...]
    """The causes, the first being the verdict."""
    folded: tuple[Finding, ...]
    """Findings that are only consequences of one of the causes."""
    checks: tuple[CheckResult, ...]
    facts: Facts

    def check(self, identifier: str) -> CheckResult | None:
        """The result of one check."""
        return next((c for c in self.checks if c.id == identifier), None)


def interrupted(report: Report) -> Report:
    """The report of a run that its user has ended."""
    return report._replace(
        run=report.run._replace(completed=False, interrupted_by="signal"),
        summary=report.summary._replace(exit_code=ExitCode.INTERRUPTED),
    )


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC; years that the calendar does not have stay numbers."""
    from datetime import UTC, datetime

    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f}"
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def to_json(report: Report) -> dict[str, Any]:
    """The report as JSON types, every string of it cleaned once more."""
    from lkdoctor.facts import codec

    signal = report.facts.signal
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "tool": codec.to_json(report.tool),
        "run": {
            **codec.to_json(report.run),
            "started_at": timestamp(report.run.started_at),
            "duration_ms": round(report.run.duration_ms, 1),
        },
        "target": {**codec.to_json(report.target), "sources": dict(report.target.sources)},
        "summary": {
            **codec.to_json(report.summary),
            "counts": {
                "pass" if name == "passed" else name: count
                for name, count in report.summary.counts._asdict().items()
            },
        },
        "findings": [_finding(finding) for finding in report.findings],
        "folded": [_finding(finding) for finding in report.folded],
        "checks": [_without_none(codec.to_json(check)) for check in report.checks],
        "facts": codec.facts_to_json(report.facts),
        "timings": [codec.to_json(phase) for phase in signal.phases] if signal else [],
    }
    document = cleaned(document)
    document["redaction"] = {"applied": sum(_marks(document))}
    return document


def _finding(finding: Finding) -> dict[str, Any]:
    from lkdoctor.facts import codec

    return {**_without_none(codec.to_json(finding)), "docs": finding.docs}


def _without_none(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}


def cleaned(value: Any) -> Any:
    """JSON types of which every string is screened and every number one that JSON has."""
    if isinstance(value, str):
        return screened(value)
    if isinstance(value, float) and not math.isfinite(value):
        # JSON has no other numbers (RFC 8259 section 6); a token's exp of 1e999 is one.
        return 0.0 if math.isnan(value) else math.copysign(sys.float_info.max, value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {screened(name): cleaned(item) for name, item in value.items()}
    return value


def _marks(value: Any) -> Iterable[int]:
    if isinstance(value, str):
        yield value.count(REDACTED) + value.count("<token>")
    elif isinstance(value, list):
        for item in value:
            yield from _marks(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _marks(item)


class SavedRun(NamedTuple):
    """What of a saved report is needed to judge it again."""

    run: RunInfo
    target: TargetInfo
    facts: Facts
    skipped: tuple[tuple[str, SkipReason, str | None, str], ...]
    """Check, reason, root and words."""
    durations: tuple[tuple[str, float], ...]
    not_tested: tuple[str, ...]


def from_json(data: object) -> SavedRun:
    """A saved report, ready to be judged by today's rules.

    Raises:
        UsageError: not a report, or one of a later major version; says where.
    """
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise UsageError(
            "this is not a report of lkdoctor",
            advice=["write one with: lkdoctor diagnose --save report.json"],
        )
    version = str(data.get("schema_version", ""))
    if version.split(".", maxsplit=1)[0] != SCHEMA_VERSION.split(".", maxsplit=1)[0]:
        raise UsageError(
            f"the report has schema version {version!r}, this lkdoctor reads 1.x",
            advice=["another version of lkdoctor wrote it, and reads it"],
        )
    try:
        return _saved_run(_without_secrets(data))
    except RecursionError:
        raise UsageError("the report is nested too deeply") from None
    except UsageError as error:
        if version == SCHEMA_VERSION:
            raise
        other = f"lkdoctor of schema version {version!r} wrote it, this one has {SCHEMA_VERSION!r}"
        raise UsageError(error.message, advice=[*error.advice, other]) from error


def _without_secrets(value: Any) -> Any:
    """What stands in a file is foreign text, whoever wrote it."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_secrets(item) for name, item in value.items()}
    return value


def _saved_run(data: dict[str, Any]) -> SavedRun:
    from datetime import datetime

    from lkdoctor.facts import codec

    run = data.get("run")
    target = data.get("target")
    checks = data.get("checks")
    summary = data.get("summary") or {}
    if not isinstance(run, dict) or not isinstance(target, dict) or not isinstance(checks, list):
        raise UsageError("the report lacks run, target or checks")
    if not isinstance(summary, dict):
        raise UsageError("summary: not an object")
    try:
        started = datetime.fromisoformat(str(run.get("started_at"))).timestamp()
    except (ValueError, OverflowError) as error:
        raise UsageError(f"run.started_at: {error}") from error
    sources = target.get("sources") or {}
    if not isinstance(sources, dict):
        raise UsageError("target.sources: not an object")
    results = [codec.record_from_json(CheckResult, item, "checks") for item in checks]
    return SavedRun(
        run=codec.record_from_json(RunInfo, {**run, "started_at": started}, "run"),
        target=codec.record_from_json(
            TargetInfo, {**target, "sources": [list(pair) for pair in sources.items()]}, "target"
        ),
        facts=codec.facts_from_json(data.get("facts", {})),
        skipped=tuple(
            (check.id, check.skip_reason, check.blocked_by, check.summary)
            for check in results
            if check.status is Status.SKIP and check.skip_reason is not None
        ),
        durations=tuple(
            (check.id, check.duration_ms) for check in results if check.duration_ms is not None
        ),
        not_tested=_texts(summary.get("not_tested", []), "summary.not_tested"),
    )


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where}: not a list of texts")
    return tuple(value)
