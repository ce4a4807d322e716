"""The report and its way to JSON and back."""

import json
import math
import sys
from typing import Any

import pytest
from report.screens import report

from lkdoctor.errors import UsageError
from lkdoctor.redact import Secret
from lkdoctor.report import jsonfile
from lkdoctor.report.model import from_json, timestamp, to_json


def saved(**changed: Any) -> dict[str, Any]:
    """A saved report with something changed at the top."""
    document: dict[str, Any] = json.loads(jsonfile.render(report()))
    return document | changed


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param([], "this is not a report of lkdoctor", id="a list"),
        pytest.param({"schema": "x"}, "this is not a report of lkdoctor", id="something else"),
        pytest.param(
            saved(schema_version="2.0"),
            "the report has schema version '2.0', this lkdoctor reads 1.x",
            id="of a later lkdoctor",
        ),
        pytest.param(saved(checks=None), "the report lacks run, target or checks", id="no checks"),
        pytest.param(saved(summary=[1]), "summary: not an object", id="a wrong summary"),
        pytest.param(
            saved(summary={"not_tested": [1]}),
            "summary.not_tested: not a list of texts",
            id="words",
        ),
        pytest.param(
            saved(target={"sources": ["url"]}), "target.sources: not an object", id="sources"
        ),
        pytest.param(
            saved(run={"started_at": "noon"}),
            "run.started_at: Invalid isoformat string: 'noon'",
            id="a wrong time",
        ),
        pytest.param(
            saved(facts={"weather": {}}), "facts: unknown layer 'weather'", id="an unknown layer"
        ),
        pytest.param(
            saved(facts={"tls": {"attempt": {}}}), "facts.tls: host is missing", id="half a fact"
        ),
    ],
)
def test_what_is_no_report_is_refused(document: object, message: str) -> None:
    """With the place, and never with a traceback."""
    with pytest.raises(UsageError) as refused:
        from_json(document)
    assert refused.value.message == message


def test_a_later_minor_version_is_read() -> None:
    """What it adds is passed over."""
    assert from_json(saved(schema_version="1.9", new=1)).run.id == "r1"


def test_skipped_checks_keep_their_words() -> None:
    before = report()
    skipped = from_json(json.loads(jsonfile.render(before))).skipped
    assert skipped == tuple(
        (check.id, check.skip_reason, check.blocked_by, check.summary)
        for check in before.checks
        if check.skip_reason is not None
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "1970-01-01T00:00:00Z"),
        (1_790_000_000.6, "2026-09-21T14:13:20Z"),
        (1e15, "1000000000000000"),
        (-1e15, "-1000000000000000"),
        (math.inf, "inf"),
    ],
)
def test_timestamp(seconds: float, expected: str) -> None:
    assert timestamp(seconds) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(math.inf, sys.float_info.max), (-math.inf, -sys.float_info.max), (math.nan, 0.0)],
)
def test_json_holds_only_numbers_that_json_has(number: float, expected: float) -> None:
    whole = report()
    assert whole.facts.clock is not None
    clock = whole.facts.clock._replace(local=number)
    document = to_json(whole._replace(facts=whole.facts._replace(clock=clock)))
    assert document["facts"]["clock"]["local"] == expected
    json.dumps(document, allow_nan=False)


def test_what_was_taken_out_is_counted() -> None:
    Secret("correct-horse-battery")
    whole = report()
    target = whole.target._replace(url="wss://x/?access_token=correct-horse-battery")
    assert to_json(whole._replace(target=target))["redaction"] == {"applied": 1}
    assert to_json(whole)["redaction"] == {"applied": 0}


def test_a_check_is_found_by_its_id() -> None:
    whole = report()
    assert whole.check("net.dns") is whole.checks[[c.id for c in whole.checks].index("net.dns")]
    assert whole.check("no.such") is None
