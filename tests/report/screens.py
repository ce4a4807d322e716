"""Reports to look at, and whole screens kept as files.

To write the screens anew after a change that was meant:

    LKDOCTOR_UPDATE_SNAPSHOTS=1 pytest tests/report
"""

import os
from pathlib import Path
from typing import Any, Final

import examples.healthy

import examples
from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts import Facts
from lkdoctor.findings import Confidence, Evidence, Finding, FixStep, Layer, Severity, Snippet
from lkdoctor.report.findings import without_commands
from lkdoctor.report.layout import Canvas
from lkdoctor.report.model import (
    CheckResult,
    Report,
    RunInfo,
    SkipReason,
    Status,
    TargetInfo,
)

FOLDER: Final = Path(__file__).parent.parent / "snapshots"

RUN: Final = RunInfo(
    id="r1", command="diagnose", started_at=examples.healthy.NOON, duration_ms=612.4, completed=True
)
TARGET: Final = TargetInfo(
    url="wss://rtc.example.com",
    kind="self_hosted",
    api_key="APIxk…7Qm",
    sources=(("url", ".env.local:1"), ("api_key", "environment"), ("api_secret", "environment")),
)
NOT_TESTED: Final = ("media: whether audio and video get through from a user's network",)

CANVASES: Final = {
    **{
        f"{width}-{name}": Canvas(width=width, unicode=name == "unicode")
        for width in (60, 80, 120)
        for name in ("unicode", "ascii")
    },
    "44-unicode": Canvas(width=44),
    "pipe": Canvas(width=None),
    "accessible": Canvas(width=80, unicode=False, accessible=True),
}
"""What people look at, by the name of the file."""


def healthy() -> Facts:
    """All layers, each as the catalogue's examples have it where all is well."""
    return examples.healthy.healthy()._replace(
        env=examples.near("env-missing").env,
        token=examples.near("token-expired").token,
        name=examples.near("name-file-unsafe").name,
    )


def sick(code: str) -> Facts:
    """The catalogue's example of a cause; what it says nothing about is well."""
    facts = examples.sick(code)
    rest = healthy()
    return facts._replace(env=facts.env or rest.env, name=facts.name or rest.name)


def report(facts: Facts | None = None, *, commands: bool = False, **changed: Any) -> Report:
    """The report on these facts (or healthy ones), made at noon.

    Args:
        facts: what was observed.
        commands: as under --curl, with what shows the evidence again.
        changed: settings of `fold`.
    """
    settings: dict[str, Any] = {"run": RUN, "target": TARGET, "not_tested": NOT_TESTED} | changed
    made = fold(healthy() if facts is None else facts, **settings)
    return made if commands else made._replace(findings=without_commands(made.findings))


def finding(**changed: Any) -> Finding:
    """A finding with all its parts."""
    whole = Finding(
        code="proxy-upgrade-stripped",
        check="signal.upgrade",
        layer=Layer.SIGNAL,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="A proxy in front of LiveKit drops the WebSocket upgrade",
        symptom="could not establish signal connection",
        cause="nginx passes /rtc on as a plain GET.",
        evidence=(
            Evidence("GET /rtc/validate", "200 success"),
            Evidence("GET /rtc with Upgrade", "404, 0 bytes", "101 or 401"),
        ),
        fix=(
            FixStep(
                "Forward the upgrade headers on every proxy on the way.",
                snippet=Snippet("nginx", "location / {\n    proxy_http_version 1.1;\n}"),
            ),
            FixStep("Test again.", command="lkdoctor diagnose --only signal.upgrade"),
        ),
        source="SYMPTOMS",
    )
    return whole._replace(**changed)


def check(identifier: str, status: Status = Status.PASS, **changed: Any) -> CheckResult:
    """A check's result; its layer is the first part of its id."""
    skipped = status is Status.SKIP
    whole = CheckResult(
        id=identifier,
        layer=Layer(identifier.split(".", maxsplit=1)[0]),
        title=f"{identifier} is well",
        status=status,
        summary="nothing was given to look at" if skipped else f"{identifier} was seen",
        essential=True,
        effect="none",
        skip_reason=SkipReason.NO_INPUT if skipped else None,
    )
    return whole._replace(**changed)


def same_screen(name: str, text: str) -> None:
    """Hold a screen against its file.

    Raises:
        AssertionError: they differ, or there is no such file.
    """
    path = FOLDER / f"{name}.txt"
    if os.environ.get("LKDOCTOR_UPDATE_SNAPSHOTS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.is_file(), f"no screen {path}: LKDOCTOR_UPDATE_SNAPSHOTS=1 writes it"
    assert text == path.read_text(encoding="utf-8")
