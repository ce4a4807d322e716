"""`lkdoctor.diagnose`: the diagnosis as a function."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from livekit.api import CreateRoomRequest, LiveKitAPI

import lkdoctor
from lkdoctor.report import jsonfile
from lkdoctor.sandbox import Fault, Sandbox

KEY, SECRET = "devkey", "made-up-secret-that-opens-only-a-sandbox"
Start = Callable[..., Sandbox]


def test_with_arguments_alone(lkdoctor_sandbox: Start, tmp_path: Path) -> None:
    sandbox = lkdoctor_sandbox(keys={KEY: SECRET})
    report = lkdoctor.diagnose(
        sandbox.url, api_key=KEY, api_secret=SECRET, environ={}, directory=tmp_path
    )
    assert report.summary.verdict is lkdoctor.Verdict.HEALTHY
    assert report.summary.exit_code is lkdoctor.ExitCode.HEALTHY
    assert report.findings == ()
    assert report.target.server == "1.13.5"
    assert {c.status for c in report.checks} <= {lkdoctor.Status.PASS, lkdoctor.Status.SKIP}


def test_with_the_app_s_own_configuration(lkdoctor_sandbox: Start, tmp_path: Path) -> None:
    """As in the app: some of it in the environment, some in a file."""
    sandbox = lkdoctor_sandbox(keys={KEY: SECRET})
    (tmp_path / ".env").write_text(f"LIVEKIT_API_KEY={KEY}\nLIVEKIT_API_SECRET={SECRET}\n")
    report = lkdoctor.diagnose(environ={"LIVEKIT_URL": sandbox.url}, directory=str(tmp_path))
    assert report.summary.verdict is not lkdoctor.Verdict.PROBLEMS
    sources = dict(report.target.sources)
    assert sources == {"url": "environment", "api_key": ".env:1", "api_secret": ".env:2"}


@pytest.mark.parametrize(
    "fault", [Fault.WRONG_SECRET, Fault.ROOM_FULL, Fault.API_NOT_ROUTED, Fault.REDIRECT]
)
def test_names_the_cause(fault: Fault, lkdoctor_sandbox: Start, tmp_path: Path) -> None:
    sandbox = lkdoctor_sandbox(keys={KEY: SECRET}, faults=[fault])
    report = lkdoctor.diagnose(
        sandbox.url, api_key=KEY, api_secret=SECRET, environ={}, directory=tmp_path
    )
    finding = report.findings[0]
    assert finding.code == report.summary.primary == fault
    assert (finding.severity, report.summary.exit_code) == (lkdoctor.Severity.ERROR, 1)
    assert finding.evidence
    assert finding.fix
    assert SECRET[:8] not in repr(report) + jsonfile.render(report)


def test_a_token_is_validated_and_nobody_joins_with_it(
    lkdoctor_sandbox: Start, tmp_path: Path
) -> None:
    sandbox = lkdoctor_sandbox(keys={KEY: SECRET})
    token = sandbox.token("ann", "consultation")
    report = lkdoctor.diagnose(sandbox.url, token=token, environ={}, directory=tmp_path)
    signal = report.facts.signal
    assert signal is not None
    assert [v.whose for v in signal.validations] == ["given"]
    paths = ["/rtc/validate", "/rtc/v1/validate"]
    assert [(v.whose, v.path) for v in signal.as_browser] == [("given", path) for path in paths]
    assert signal.first is None
    assert any("joining with the token of ann" in words for words in report.summary.not_tested)
    joined = lkdoctor.diagnose(
        sandbox.url, token=token, join=True, environ={}, directory=tmp_path
    ).facts.signal
    assert joined is not None
    assert getattr(joined.first, "identity", None) == "ann"


def test_looks_at_what_is_asked_for(lkdoctor_sandbox: Start, tmp_path: Path) -> None:
    sandbox = lkdoctor_sandbox(keys={KEY: SECRET}, faults=[Fault.UPGRADE_DROPPED])

    def diagnosed(**chosen: tuple[str, ...]) -> lkdoctor.Report:
        return lkdoctor.diagnose(
            sandbox.url,
            api_key=KEY,
            api_secret=SECRET,
            environ={},
            directory=tmp_path,
            only=chosen.get("only", ()),
            skip=chosen.get("skip", ()),
        )

    assert diagnosed(only=("api",)).findings == ()
    assert diagnosed(skip=("signal",)).findings == ()
    assert diagnosed(only=("signal",)).summary.primary == "proxy-upgrade-stripped"


def test_what_cannot_be_used_is_an_error_with_advice(tmp_path: Path) -> None:
    with pytest.raises(lkdoctor.UsageError, match="nothing") as refused:
        lkdoctor.diagnose("ws://127.0.0.1:1", environ={}, directory=tmp_path, only=("nothing",))
    assert refused.value.advice


@pytest.mark.parametrize(
    ("url", "token", "code"),
    [
        pytest.param("ws://127.0.0.1:1", "no token", "token-not-jwt", id="a token that is none"),
        pytest.param(None, None, "env-missing", id="nothing configured"),
    ],
)
def test_a_wrong_configuration_is_a_finding(
    url: str | None, token: str | None, code: str, tmp_path: Path
) -> None:
    report = lkdoctor.diagnose(url, token=token, environ={}, directory=tmp_path)
    assert code in {finding.code for finding in (*report.findings, *report.folded)}
    assert report.summary.exit_code is lkdoctor.ExitCode.PROBLEM


def test_a_report_goes_to_json_and_is_judged_again(lkdoctor_sandbox: Start, tmp_path: Path) -> None:
    from lkdoctor.diagnosis.doctor import judge_again

    sandbox = lkdoctor_sandbox(keys={KEY: SECRET}, faults=[Fault.ROOM_FULL])
    report = lkdoctor.diagnose(
        sandbox.url, api_key=KEY, api_secret=SECRET, environ={}, directory=tmp_path
    )
    again = judge_again(json.loads(jsonfile.render(report)))
    assert again.findings == report.findings
    assert again.summary == report.summary
    assert again.checks == report.checks


def test_the_room_s_name_is_looked_at_too(lkdoctor_sandbox: Start, tmp_path: Path) -> None:
    """Against what LiveKit takes, the project's own template, and the rooms that there are."""
    (tmp_path / "lkdoctor.toml").write_text('[booking]\nroom = "consultation-{booking}"\n')
    sandbox = lkdoctor_sandbox(keys={KEY: SECRET})

    async def make_room() -> None:
        async with LiveKitAPI(sandbox.http_url, KEY, SECRET) as api:
            await api.room.create_room(CreateRoomRequest(name="consultation-1"))

    asyncio.run(make_room())

    def diagnosed(room: str) -> tuple[list[str], dict[str, str]]:
        report = lkdoctor.diagnose(
            sandbox.url, api_key=KEY, api_secret=SECRET, room=room, environ={}, directory=tmp_path
        )
        names = {c.id: str(c.status) for c in report.checks if c.id.startswith("name.")}
        return [finding.code for finding in report.findings], names

    fine = dict.fromkeys(("name.accepted", "name.clear", "name.portable", "name.template"), "pass")
    assert diagnosed("consultation-1") == ([], fine)
    assert diagnosed("Consultation-1") == (
        ["room-name-mismatch", "name-off-template"],
        {**fine, "name.clear": "warn", "name.template": "warn"},
    )
    assert diagnosed("")[0] == ["name-refused"]


def test_a_server_s_configuration_is_judged_too(tmp_path: Path) -> None:
    (tmp_path / "livekit.yaml").write_text("turn:\n  host: turn.example.com\n")
    report = lkdoctor.diagnose(
        server_config="livekit.yaml", only=("server.config",), environ={}, directory=tmp_path
    )
    assert report.summary.primary == "env-config-strict"
