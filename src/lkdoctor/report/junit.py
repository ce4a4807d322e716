"""The report as JUnit XML, which every CI server can show: a suite a layer, a case a check.

JUnit knows no warning and no "could not tell": a check that warns has passed and says so in its
``system-out``, one that could not tell or that broke is an ``error``.
"""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Final

from lkdoctor.findings import Finding
from lkdoctor.redact import screened, visible
from lkdoctor.report.areas import TITLES
from lkdoctor.report.findings import one
from lkdoctor.report.layout import Canvas, plain
from lkdoctor.report.model import CheckResult, Report, Status, timestamp

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_CANVAS: Final = Canvas(width=None)


def render(report: Report) -> str:
    """An XML document (the format of Ant's JUnit task, as Jenkins' xunit schema has it)."""
    from xml.etree.ElementTree import SubElement

    # Those that only follow from others, too.
    found: dict[str, list[Finding]] = {}
    for finding in (*report.findings, *report.folded):
        found.setdefault(finding.check, []).append(finding)
    root = _root(report.run.duration_ms, report.checks)
    for layer, group in groupby(report.checks, key=lambda check: check.layer):
        checks = tuple(group)
        suite = SubElement(root, "testsuite", name=TITLES[layer])
        suite.set("timestamp", timestamp(report.run.started_at).removesuffix("Z"))
        _count(suite, checks, sum(check.duration_ms or 0.0 for check in checks))
        for check in checks:
            codes = set(check.findings)
            _case(suite, check, [f for f in found.get(check.id, ()) if f.code in codes])
    return _text(root)


def died(command: str, reason: str) -> str:
    """The document of a run that came to no report: one case, in error."""
    from xml.etree.ElementTree import SubElement

    root = _root(0.0, ())
    suite = SubElement(root, "testsuite", name="lkdoctor")
    for element in (root, suite):
        element.set("tests", "1")
        element.set("errors", "1")
    case = SubElement(suite, "testcase", classname="lkdoctor", name=command, time="0")
    SubElement(case, "error", type="no-report", message=_legal(reason))
    return _text(root)


def _root(duration_ms: float, checks: tuple[CheckResult, ...]) -> "Element":
    from xml.etree.ElementTree import Element

    root = Element("testsuites", name="lkdoctor")
    _count(root, checks, duration_ms)
    return root


def _count(element: "Element", checks: tuple[CheckResult, ...], duration_ms: float) -> None:
    counts = {
        "tests": len(checks),
        "failures": sum(check.status is Status.FAIL for check in checks),
        "errors": sum(check.status in {Status.UNKNOWN, Status.ERROR} for check in checks),
        "skipped": sum(check.status is Status.SKIP for check in checks),
    }
    for name, count in counts.items():
        element.set(name, str(count))
    element.set("time", f"{duration_ms / 1000:.3f}")


def _case(suite: "Element", check: CheckResult, found: Iterable[Finding]) -> None:
    from xml.etree.ElementTree import SubElement

    case = SubElement(suite, "testcase", classname=f"lkdoctor.{TITLES[check.layer]}", name=check.id)
    case.set("time", f"{(check.duration_ms or 0.0) / 1000:.3f}")
    told = "".join(plain(one(finding, _CANVAS)) for finding in found)
    match check.status:
        case Status.FAIL:
            element = SubElement(case, "failure", message=_legal(check.summary))
            element.set("type", _legal(",".join(check.findings)))
            element.text = _legal(told)
        case Status.UNKNOWN | Status.ERROR:
            SubElement(case, "error", type=str(check.status), message=_legal(check.summary))
        case Status.SKIP:
            SubElement(case, "skipped", message=_legal(check.summary))
        case Status.WARN:
            SubElement(case, "system-out").text = _legal(told or check.summary)
        case Status.PASS:
            if told:
                SubElement(case, "system-out").text = _legal(told)


def _text(root: "Element") -> str:
    from xml.etree.ElementTree import indent, tostring

    indent(root)
    document = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}\n'


_ILLEGAL: Final = "[\ufffe\uffff]"
"""What XML 1.0 (section 2.2, Char) does not allow and `visible` leaves, which has no glyph."""


def _legal(text: str) -> str:
    rows = (visible(row) for row in screened(text).split("\n"))
    return re.sub(_ILLEGAL, "\ufffd", "\n".join(rows))
