"""Each fault breaks what it says, and lkdoctor names it."""

import json
from pathlib import Path

import aiohttp
import pytest
from conformance.peer import UPGRADE, Target

from lkdoctor import catalogue
from lkdoctor.cli.app import run
from lkdoctor.sandbox import Fault, Sandbox, running_sandbox

KEYS = {"APIkQ7vXw2": "Zq8RtYpL3mNcVb5Xw9KjHg4Fd2Sa7PoI"}


@pytest.mark.parametrize("fault", Fault)
def test_diagnose_names_it(
    fault: Fault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """First, or folded under the cause that stands behind it."""
    monkeypatch.chdir(tmp_path)
    with running_sandbox(faults=[fault], keys=KEYS) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        assert run(["diagnose", "--output", "json", "--timeout", "2"]) == 1
    report = json.loads(capsys.readouterr().out)
    first = report["findings"][0]
    assert fault.leads_to in {first["code"], *first["consequences"]}


def test_a_healthy_one_is_found_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with running_sandbox(keys=KEYS) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        assert run(["diagnose", "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


@pytest.mark.parametrize("fault", Fault)
def test_it_is_told_in_one_line_and_leads_to_a_cause_that_there_is(fault: Fault) -> None:
    assert Fault(str(fault)) is fault
    assert fault.description.strip(". \n") == fault.description
    assert "\n" not in fault.description
    assert fault.leads_to in {rule.code for rule in catalogue.rules()}


async def _told(fault: Fault) -> dict[str, tuple[int, str]]:
    """Status and body of the three questions that every client asks."""
    async with Sandbox(faults=[fault], keys=KEYS) as sandbox, aiohttp.ClientSession() as http:
        target = Target("sandbox", sandbox.http_url, sandbox.api_key, sandbox.api_secret)
        joiner = {"Authorization": f"Bearer {target.token(room='r', identity='i', roomJoin=True)}"}
        lister = {"Authorization": f"Bearer {target.token(roomList=True)}"}
        answers = {}
        for name, method, path, headers in (
            ("validate", "GET", "/rtc/validate", joiner),
            ("upgrade", "GET", "/rtc", {**joiner, **UPGRADE}),
            ("api", "POST", "/twirp/livekit.RoomService/ListRooms", lister),
        ):
            async with http.request(
                method,
                target.at(path),
                headers=headers,
                json={} if method == "POST" else None,
                allow_redirects=False,
            ) as answer:
                body = "" if answer.status == 101 else await answer.text()
                answers[name] = (answer.status, body.partition("error: ")[2] or body)
                answer.close()
        return answers


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        pytest.param(
            Fault.WRONG_SECRET,
            dict.fromkeys(
                ("validate", "upgrade", "api"),
                (401, "token signature is invalid: signature is invalid"),
            ),
            id="wrong secret",
        ),
        pytest.param(
            Fault.EXPIRED_TOKEN,
            dict.fromkeys(
                ("validate", "upgrade", "api"), (401, "token has invalid claims: token is expired")
            ),
            id="expired token",
        ),
        pytest.param(
            Fault.UPGRADE_DROPPED,
            {"validate": (200, "success"), "upgrade": (404, ""), "api": (200, '{"rooms":[]}')},
            id="upgrade dropped",
        ),
        pytest.param(
            Fault.SILENT,
            {"validate": (200, "success"), "upgrade": (101, ""), "api": (200, '{"rooms":[]}')},
            id="silent after the upgrade",
        ),
        pytest.param(
            Fault.ROOM_NOT_FOUND,
            {
                "validate": (404, "requested room does not exist"),
                "upgrade": (404, "requested room does not exist"),
                "api": (200, '{"rooms":[]}'),
            },
            id="room not found",
        ),
    ],
)
async def test_what_a_client_is_told(fault: Fault, told: dict[str, tuple[int, str]]) -> None:
    answers = await _told(fault)
    if fault is Fault.SILENT:  # the room that was joined is there
        assert '"name":"r"' in answers.pop("api")[1]
        told = {name: answer for name, answer in told.items() if name != "api"}
    assert answers == told


async def test_a_full_room_shows_who_sits_in_it() -> None:
    answers = await _told(Fault.ROOM_FULL)
    assert answers["validate"] == (200, "success")
    assert answers["upgrade"] == (500, "connection closed by media")
    room = json.loads(answers["api"][1])["rooms"][0]
    assert (room["name"], room["max_participants"], room["num_participants"]) == ("r", 1, 1)


async def test_an_api_that_is_not_routed_leaves_the_rest() -> None:
    answers = await _told(Fault.API_NOT_ROUTED)
    assert (answers["validate"], answers["upgrade"]) == ((200, "success"), (101, ""))
    status, body = answers["api"]
    assert status == 404
    assert body.startswith("<html>")
