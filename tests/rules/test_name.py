"""Names that bite are named by their code, alone and beside the rooms that exist."""

from typing import Any

import pytest
from examples.healthy import healthy

import examples
from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, RoomsListed
from lkdoctor.facts.name import name_fact
from lkdoctor.findings import Layer
from lkdoctor.names import NameOf
from lkdoctor.report.model import ExitCode, Report, RunInfo, TargetInfo
from lkdoctor.rules.name import RULES


def judged(*names: str, of: NameOf = NameOf.ROOM, api: ApiFact | None = None) -> Report:
    return fold(
        Facts(name=name_fact((name, of, None) for name in names), api=api),
        run=RunInfo("0", "test", 0.0, 0.0),
        target=TargetInfo(),
        layers=(Layer.NAME,),
    )


@pytest.mark.parametrize(
    ("names", "codes", "exit_code"),
    [
        pytest.param(["demo"], [], ExitCode.HEALTHY, id="healthy"),
        pytest.param([""], ["name-refused"], ExitCode.PROBLEM, id="empty"),
        pytest.param(["r" * 257], ["name-refused"], ExitCode.PROBLEM, id="too long"),
        pytest.param(["undefined"], ["name-placeholder"], ExitCode.PROBLEM, id="undefined"),
        pytest.param(["demo "], ["name-treacherous"], ExitCode.HEALTHY, id="a blank"),
        pytest.param(["a?b"], ["name-url-unsafe", "name-file-unsafe"], ExitCode.HEALTHY, id="URL"),
        pytest.param(["a", "A"], ["room-name-mismatch"], ExitCode.HEALTHY, id="case twins"),
    ],
)
def test_one_trouble_is_one_finding(
    names: list[str], codes: list[str], exit_code: ExitCode
) -> None:
    report = judged(*names)
    assert [finding.code for finding in report.findings] == codes
    assert report.summary.exit_code is exit_code


@pytest.mark.parametrize(
    ("name", "codes"), [("guest", ["identity-collision"]), ("12", ["identity-number"]), ("u1", [])]
)
def test_identities_are_judged_as_identities(name: str, codes: list[str]) -> None:
    report = judged(name, of=NameOf.IDENTITY)
    assert [finding.code for finding in report.findings] == codes


def test_a_room_that_exists_under_a_similar_name_is_shown() -> None:
    api = healthy().api
    assert api is not None
    assert isinstance(api.rooms, RoomsListed)
    (finding,) = judged("Demo", api=api).findings
    assert finding.code == "room-name-mismatch"
    assert [(e.label, e.observed, e.expected) for e in finding.evidence] == [
        ("room asked for", '"Demo"', None),
        ("room that exists", '"demo": they differ in upper and lower case', None),
    ]
    assert judged("demo", api=api).findings == ()


def test_a_thousand_names_do_not_make_a_thousand_lines_of_evidence() -> None:
    (finding,) = (
        f for f in judged(*(f"x{i} " for i in range(1000))).findings if f.code == "name-treacherous"
    )
    assert len(finding.evidence) == 13
    assert finding.evidence[-1].observed == "988 more names"


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.code) for rule in RULES])
def test_each_rule_s_examples_are_sick_and_healthy(rule: Any) -> None:
    assert {f.code for f in rule.findings(examples.sick(rule.code))} == {rule.code}
    assert list(rule.findings(examples.near(rule.code))) == []
