"""A report read aloud: the verdict first, then sentences, one idea each, no columns, no marks."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from lkdoctor.findings import Confidence, Finding, Severity
from lkdoctor.report import areas, details
from lkdoctor.report.layout import BLANK, Line, line, many, spoken_milliseconds
from lkdoctor.report.model import CheckResult, Report, Status

_VERDICT_WORDS: Final = {"inconclusive": "inconclusive, something could not be told"}

_UNSETTLED: Final = {
    Status.ERROR: "Broken in lkdoctor",
    Status.UNKNOWN: "Could not be told",
}
"""States of which no finding tells."""


def render(report: Report, *, verbose: int = 0) -> Iterator[Line]:
    """The whole report in sentences."""
    yield from verdict(report)
    target = report.target
    yield sentence(f"Target: {target.url or 'no URL'}")
    if target.api_key:
        yield sentence(f"API key: {target.api_key}")
    if target.server:
        yield sentence(f"Server version: {target.server}")
    for name, origin in target.sources:
        yield sentence(f"The {name.replace('_', ' ')} comes from {origin}")
    yield from findings(report.findings)
    yield from body(report, verbose=verbose)
    yield sentence(f"Exit code {int(report.summary.exit_code)}")


def verdict(report: Report, told: str | None = None) -> Iterator[Line]:
    """What everything comes to."""
    word = _VERDICT_WORDS.get(report.summary.verdict, str(report.summary.verdict))
    yield line(f"Result: {word}. {told or ', '.join(areas.tally(report))}.")
    ending = areas.ending(report)
    if ending is not None:
        yield sentence(ending[0].upper() + ending[1:])


def body(report: Report, *, verbose: int = 0) -> Iterator[Line]:
    """What was looked at, and what was not."""
    seen = areas.areas(report)
    for check in report.checks:
        if check.status in _UNSETTLED:
            place = areas.TITLES[check.layer]
            yield sentence(f"{_UNSETTLED[check.status]} in {place}: {check.summary}")
    passed = [area.title for area in seen if area.status is Status.PASS]
    if passed:
        yield sentence(f"Passed areas: {', '.join(passed)}")
    yield from _not_run(report)
    if verbose:
        yield from (sentence(_check(check)) for check in report.checks)
    if verbose > 1:
        for area in seen:
            for label, text in details.of(area.layer, report.facts):
                yield sentence(f"{area.title}, {label}: {text}")


def _not_run(report: Report) -> Iterator[Line]:
    for area in areas.areas(report):
        if area.status is Status.SKIP and area.line_of_its_own:
            count = many(len(area.checks), "check")
            yield sentence(f"Not run: {count} in {area.title}, because: {areas.told(area)[0]}")
    for group in areas.unrun(report):
        count = many(len(group.checks), "check")
        yield sentence(f"Not run: {count} in {', '.join(group.areas)}, because {group.why}")
    for words in report.summary.not_tested:
        yield sentence(f"Not tested: {words}")


def _check(check: CheckResult) -> str:
    took = "" if check.duration_ms is None else f", {spoken_milliseconds(check.duration_ms)}"
    return f"Check {check.id}: {check.status}, {check.summary or check.title}{took}"


def findings(found: Iterable[Finding]) -> Iterator[Line]:
    """Every finding, how many there are said before each."""
    found = tuple(found)
    for number, finding in enumerate(found, 1):
        yield from _finding(finding, number, len(found))


def _finding(finding: Finding, number: int, total: int) -> Iterator[Line]:
    yield sentence(f"Finding {number} of {total}. {_weight(finding)}. {finding.title}")
    yield line(f"Code: {finding.code}. Confidence: {finding.confidence}.")
    if finding.location:
        yield sentence(f"Place: {finding.location}")
    if finding.symptom:
        yield sentence(f"Your user sees: {finding.symptom}")
    for paragraph in finding.cause.splitlines():
        yield sentence(f"Cause: {paragraph}")
    for i, item in enumerate(finding.evidence, 1):
        expected = f", expected {item.expected}" if item.expected else ""
        lead = f"Evidence {i} of {len(finding.evidence)}"
        yield sentence(f"{lead}: {item.label}: {item.observed}{expected}")
        if item.repeat:
            yield line(f"{lead}, command that shows it again: {item.repeat}")
    for i, step in enumerate(finding.fix, 1):
        lead = f"Fix {i} of {len(finding.fix)}"
        warning = " This deletes or restarts something." if step.destructive else ""
        yield sentence(f"{lead}: {_ended(step.text)}{warning}")
        if step.command:
            yield line(f"{lead}, command: {step.command}")
        if step.snippet:
            rows = step.snippet.body.splitlines()
            yield line(f"{lead}, {many(len(rows), 'line')} of {step.snippet.language}:")
            yield from (line(row) for row in rows)
    if finding.consequences:
        yield sentence(f"This also explains: {', '.join(finding.consequences)}")
    yield line(f"More: {finding.docs}")


def _weight(finding: Finding) -> str:
    if finding.severity is Severity.INFO:
        return "Note"
    failed = finding.severity is Severity.ERROR and finding.confidence is not Confidence.HINT
    return "Failed" if failed else "Warning"


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def sentence(text: str) -> Line:
    """One line that ends like a sentence; gaps that only the eye can use are closed."""
    text = re.sub(" {2,}", ", ", text.strip()).replace("\n", " ")
    return line(_ended(text)) if text else BLANK
