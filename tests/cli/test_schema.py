"""``lkdoctor schema`` prints the file that ships with the package."""

import json

import pytest

from lkdoctor.cli.app import run


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert written["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert written["properties"]["schema"] == {"const": "lkdoctor.report"}


def test_schema_of_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "log"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert written["properties"]["schema"] == {"const": "lkdoctor.log"}
