"""A run as events: valid lines, the same truth as the report's, the summary last."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from report.screens import report, sick

from lkdoctor import catalogue
from lkdoctor.report import jsonfile, ndjson
from lkdoctor.report.schema import text as schema_text

SCHEMA = json.loads(schema_text())
EVENT = {"$ref": "#/$defs/Event", "$defs": SCHEMA["$defs"]}


def errors(line: dict[str, Any]) -> list[str]:
    """Where and why an event is not what the schema says."""
    found = Draft202012Validator(EVENT).iter_errors(line)
    return [f"{error.json_path}: {error.message}" for error in found]


@pytest.mark.parametrize("code", [rule.code for rule in catalogue.rules()])
def test_every_example_is_valid_and_says_what_the_report_says(code: str) -> None:
    shown = report(sick(code))
    document = json.loads(jsonfile.render(shown))
    rows = list(ndjson.finished(shown))
    assert all(row.endswith("\n") and row.count("\n") == 1 for row in rows)
    lines = [json.loads(row) for row in rows]
    assert [problem for line in lines for problem in errors(line)] == []
    told: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        told.setdefault(line.pop("event"), []).append(line)
    assert told["check.finished"] == document["checks"]
    assert told.get("finding", []) == document["findings"]
    (last,) = told["run.finished"]
    assert last == {
        name: document[name] for name in ("tool", "run", "target", "summary", "redaction")
    }
    assert '"event": "run.finished"' in rows[-1]


@pytest.mark.parametrize(
    ("event", "members"),
    [
        ("step.started", {"step": "route"}),
        ("step.finished", {"step": "route", "duration_ms": "12"}),
        ("check.finished", {"id": "net.dns"}),
        ("finding", {"code": "tcp-refused"}),
        ("room.ended", {"room": "demo"}),
        ("run.finished", {"summary": {}}),
        ("run.started", {"schema": "lkdoctor.report"}),
    ],
)
def test_the_schema_refuses_half_an_event(event: str, members: dict[str, Any]) -> None:
    assert errors({"event": event, **members}) != []


def test_a_run_begins_with_its_command() -> None:
    line = json.loads(ndjson.started("diagnose"))
    assert line == {
        "event": "run.started",
        "schema": "lkdoctor.event",
        "schema_version": "1.0",
        "command": "diagnose",
    }
    assert errors(line) == []
