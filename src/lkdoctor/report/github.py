"""The report as GitHub Actions shows it: annotations on the run, Markdown in the job's summary.

Workflow commands are described in GitHub's documentation, "Workflow commands for GitHub Actions";
what escapes in them in actions/toolkit, packages/core/src/command.ts.
"""

import re
from collections.abc import Iterator
from typing import Final

from lkdoctor import digits
from lkdoctor.findings import Evidence, Finding, FixStep, Severity
from lkdoctor.redact import shown
from lkdoctor.report.findings import commands, word
from lkdoctor.report.human import verdict
from lkdoctor.report.layout import Canvas, plain
from lkdoctor.report.model import Report, Status

MOST: Final = 10
"""Annotations of one level that GitHub shows for a step; more would push each other out."""

_LEVELS: Final = {"FAIL": "error", "WARN": "warning", "NOTE": "notice"}

_TEXT: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY: Final = {**_TEXT, ":": "%3A", ",": "%2C"}


def annotations(report: Report) -> Iterator[str]:
    """A workflow command for each finding, then the verdict as a line of its own."""
    shown = dict.fromkeys(_LEVELS.values(), 0)
    for finding in report.findings:
        level = _LEVELS[word(finding).text]
        shown[level] += 1
        if shown[level] <= MOST:
            yield _annotation(level, finding)
    left_out = sum(max(0, count - MOST) for count in shown.values())
    if left_out:
        yield f"lkdoctor: {left_out} more findings, of which GitHub shows no annotation\n"
    for words in dict.fromkeys(c.summary for c in report.checks if c.status is Status.ERROR):
        yield f"::warning title=lkdoctor::{_escaped(words, _TEXT)}\n"
    # Foreign words stand in it only behind ours, so the line can be no command.
    yield "lkdoctor: " + plain(verdict(report, Canvas(width=None))).replace("\n", "   ").strip()
    yield "\n"


def summary(report: Report) -> Iterator[str]:
    """The same in Markdown, with evidence and fix, for ``$GITHUB_STEP_SUMMARY`` or an issue."""
    told = plain(verdict(report, Canvas(width=None))).strip().splitlines()
    yield f"### lkdoctor: {_markdown(told[-1])}\n\n"
    for row in told[:-1]:
        yield f"{_markdown(row)}\n\n"
    if report.target.url:
        yield f"{_code(report.target.url)}\n\n"
    if report.findings:
        yield "| | Finding | Code | Where |\n| --- | --- | --- | --- |\n"
        for finding in report.findings:
            yield (
                f"| {word(finding).text} | {_markdown(finding.title)} | {_code(finding.code)} "
                f"| {_code(finding.location) if finding.location else ''} |\n"
            )
        yield "\n"
    for finding in report.findings:
        if finding.severity is not Severity.INFO:
            yield from _section(finding)
    for words in report.summary.not_tested:
        yield f"- not tested: {_markdown(words)}\n"
    yield "\n"


def _annotation(level: str, finding: Finding) -> str:
    properties = {"title": f"lkdoctor {finding.code}"}
    file, _, row = (finding.location or "").rpartition(":")
    if file and digits.number(row) is not None:
        properties = {"file": file, "line": row, **properties}
    told = [finding.title, *(f"- {_seen(evidence)}" for evidence in finding.evidence)]
    for number, step in enumerate(finding.fix, start=1):
        told.append(f"{number}. {step.text}")
        told += [f"   {row}" for _, body in _bodies(step) for row in body.split("\n")]
    told.append(f"More: {finding.docs}")
    named = ",".join(f"{name}={_escaped(text, _PROPERTY)}" for name, text in properties.items())
    return f"::{level} {named}::{_escaped(chr(10).join(told), _TEXT)}\n"


def _escaped(text: str, table: dict[str, str]) -> str:
    rows = (shown(row) for row in text.split("\n"))
    return "".join(table.get(character, character) for character in "\n".join(rows))


def _seen(evidence: Evidence) -> str:
    expected = f" (expected {evidence.expected})" if evidence.expected else ""
    return f"{evidence.label}: {evidence.observed}{expected}"


def _bodies(step: FixStep) -> Iterator[tuple[str, str]]:
    """What is to be pasted, each with its language."""
    if step.command:
        yield "sh", step.command
    if step.snippet:
        yield step.snippet


def _section(finding: Finding) -> Iterator[str]:
    yield f"#### {_markdown(finding.title)}\n\n{_markdown(finding.cause)}\n\n"
    yield "| Looked at | Seen | Expected |\n| --- | --- | --- |\n"
    for evidence in finding.evidence:
        cells = (evidence.label, evidence.observed, evidence.expected or "")
        yield f"| {' | '.join(map(_markdown, cells))} |\n"
    yield "\n"
    again = commands(finding)
    if again:
        yield "<details><summary>Repeat it</summary>\n\n" + _fenced("sh", "\n".join(again))
        yield "\n\n</details>\n\n"
    for number, step in enumerate(finding.fix, start=1):
        yield f"{number}. {_markdown(step.text)}\n"
        for language, body in _bodies(step):
            yield f"\n{_fenced(language, body)}\n"
    yield f"\nMore: {_code(finding.docs)}\n\n"


_MARKUP: Final = r"([\\`*_{}\[\]<>()#+!|~&@:$-])"
"""What Markdown, GitHub's mentions, links, emoji and HTML in it begin with; as a character
reference (CommonMark 0.31, section 2.5) each is only itself, also in a table's cell."""


def _markdown(text: str) -> str:
    rows = (
        re.sub(_MARKUP, lambda found: f"&#{ord(found[0])};", shown(row)) for row in text.split("\n")
    )
    return "<br>".join(rows)


def _code(text: str) -> str:
    return f"<code>{_markdown(text)}</code>"


def _fenced(language: str, body: str) -> str:
    rows = [shown(row) for row in body.split("\n")]
    longest = max((len(run) for row in rows for run in re.findall("`+", row)), default=0)
    fence = "`" * max(3, longest + 1)
    inside = "\n".join(f"   {row}" for row in rows)
    return f"   {fence}{re.sub('[^a-z]', '', language)}\n{inside}\n   {fence}"
