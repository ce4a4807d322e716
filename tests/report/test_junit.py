"""JUnit XML: every check a case, in the one state that JUnit has for it."""

import xml.etree.ElementTree as ET

import pytest
from report.screens import check, finding, report, sick

from lkdoctor import catalogue
from lkdoctor.report import junit
from lkdoctor.report.model import Report, Status


def read(shown: Report) -> ET.Element:
    return ET.fromstring(junit.render(shown))  # noqa: S314 - we have written it


@pytest.mark.parametrize("code", [rule.code for rule in catalogue.rules()])
def test_every_check_is_a_case_and_the_counts_are_true(code: str) -> None:
    shown = report(sick(code))
    root = read(shown)
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert list(cases) == [result.id for result in shown.checks]
    elements = {
        Status.FAIL: "failure",
        Status.UNKNOWN: "error",
        Status.ERROR: "error",
        Status.SKIP: "skipped",
        Status.WARN: "system-out",
    }
    for result in shown.checks:
        children = [child.tag for child in cases[result.id]]
        wanted = elements.get(result.status)
        assert children == [wanted] if wanted else set(children) <= {"system-out"}
    for element in (root, *root.iter("testsuite")):
        found = list(element.iter("testcase"))
        counted = {
            "tests": len(found),
            "failures": sum(case.find("failure") is not None for case in found),
            "errors": sum(case.find("error") is not None for case in found),
            "skipped": sum(case.find("skipped") is not None for case in found),
        }
        assert {name: int(element.get(name, "")) for name in counted} == counted


def test_a_failure_holds_the_finding_as_people_read_it() -> None:
    root = read(report(sick("proxy-upgrade-stripped")))
    failure = root.find(".//failure[@type='proxy-upgrade-stripped']")
    assert failure is not None
    assert failure.get("message") == "A proxy in front of LiveKit drops the WebSocket upgrade"
    text = failure.text or ""
    assert text.startswith("FAIL  A proxy in front of LiveKit drops the WebSocket upgrade\n")
    assert "proxy_set_header Upgrade $http_upgrade;" in text


def test_a_broken_check_and_one_that_could_not_tell_are_errors() -> None:
    shown = report()._replace(
        checks=(check("signal.join", Status.UNKNOWN), check("api.key", Status.ERROR))
    )
    types = [case.get("type") for case in read(shown).iter("error")]
    assert types == ["unknown", "error"]


def test_what_xml_cannot_hold_is_replaced() -> None:
    seen = finding(title="a\x00b\x1b[31m\ufffe\ud800<&>]]>")
    failed = check("signal.upgrade", Status.FAIL, findings=(seen.code,), summary=seen.title)
    root = read(report()._replace(findings=(seen,), checks=(failed,)))
    (failure,) = root.iter("failure")
    assert failure.get("message") == "a\\x00b\\x1b[31m\ufffd\\ud800<&>]]>"


def test_a_run_that_came_to_nothing_is_one_case_in_error() -> None:
    root = ET.fromstring(junit.died("diagnose", "no URL was given"))  # noqa: S314 - ours
    (case,) = root.iter("testcase")
    (error,) = case
    assert (root.get("tests"), root.get("errors"), root.get("failures")) == ("1", "1", "0")
    assert (case.get("name"), error.tag, error.get("message")) == (
        "diagnose",
        "error",
        "no URL was given",
    )
