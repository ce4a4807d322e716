"""What breaks in lkdoctor itself costs what it was about, and nothing else: the report stands."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from lkdoctor.facts import Facts
from lkdoctor.findings import Finding
from lkdoctor.probes import api, network, server, signal
from lkdoctor.probes.ice import MediaProbe
from lkdoctor.rules.base import Rule
from lkdoctor.sandbox import running_sandbox
from safety.canary import Shown, Terminal

FORMS = {
    "human": (),
    "plain": ("-o", "plain"),
    "json": ("-j",),
    "ndjson": ("-o", "ndjson"),
    "github": ("-o", "github"),
    "accessible": ("--accessible",),
}
BOOKING = ("--booking", "b1", "--provider", "p", "--client", "c")
COMMANDS = {
    "diagnose": ("diagnose", "--deep"),
    "ws-probe": ("ws-probe",),
    "ice": ("ice",),
    "rehearse": ("rehearse", "--signal-only", *BOOKING),
    "rooms list": ("rooms", "list"),
}


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    with running_sandbox() as sandbox:
        yield sandbox.environment()


async def breaks(*_: Any, **__: Any) -> Any:
    """As a fault inside tasks of tasks is raised."""

    async def fault() -> None:
        raise ZeroDivisionError("made to\nbreak")

    async with asyncio.TaskGroup() as group:
        group.create_task(fault())


def assert_told(shown: Shown, words: str) -> None:
    assert shown.code == 5, shown
    assert words in shown.out.replace("\n", " ").replace("  ", " ")
    assert "Traceback" not in shown.everything
    assert "Please report it" in shown.err


def a_rule_that_raises(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    before = Rule.findings

    def findings(rule: Rule, facts: Facts) -> Iterator[Finding]:
        if rule.code == code:
            raise ZeroDivisionError("made to\nbreak")
        return before(rule, facts)

    monkeypatch.setattr(Rule, "findings", findings)


@pytest.mark.parametrize("form", FORMS)
def test_a_rule_that_raises(
    form: str, terminal: Terminal, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_rule_that_raises(monkeypatch, "clock-server-wrong")
    shown = terminal.run("diagnose", *FORMS[form], env=environment)
    assert_told(shown, "rule clock-server-wrong broke: ZeroDivisionError")
    if form == "json":
        checks = {check["id"]: check["status"] for check in json.loads(shown.out)["checks"]}
        assert (checks["clock.skew"], checks["signal.join"]) == ("error", "pass")


STEPS = {
    "GET /": (server, "look", "http.root", ("diagnose", "ws-probe", "ice")),
    "validate": (signal, "validate", "signal.validate", ("diagnose", "ws-probe", "ice")),
    "upgrade": (signal, "upgrade_only", "signal.upgrade", ("diagnose", "ws-probe", "ice")),
    "join": (signal, "join", "signal.join", ("diagnose", "ws-probe", "ice")),
    "API": (api, "list_rooms", "api.key", ("diagnose",)),
    "media": (MediaProbe, "__call__", "media.direct", ("diagnose", "ice")),
    "DNS": (network, "resolve", "net.dns", ("diagnose", "ws-probe", "ice")),
    "the rooms": (api, "list_rooms", "api.key", ("rooms list",)),
    "a step of a rehearsal": (signal, "join", "rehearsal.signalling", ("rehearse",)),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_raises(
    step: str, terminal: Terminal, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name, check, commands = STEPS[step]
    monkeypatch.setattr(module, name, breaks)
    for command in commands:
        shown = terminal.run(*COMMANDS[command], "-j", env=environment)
        assert_told(shown, "broke: ZeroDivisionError: made to")
        report = json.loads(shown.out)
        checks = {one["id"]: one["status"] for one in report["checks"]}
        assert (checks[check], report["summary"]["exit_code"]) == ("error", 5)
        if step != "DNS":
            assert checks["net.tcp"] == "pass"


@pytest.mark.parametrize("form", FORMS)
def test_a_step_that_raises_in_every_form(
    form: str, terminal: Terminal, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "look", breaks)
    for command in ("diagnose", "ws-probe"):
        shown = terminal.run(*COMMANDS[command], *FORMS[form], env=environment)
        assert_told(shown, "GET / broke: ZeroDivisionError")
