"""What changes among the rooms, told as it happens."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.test_rooms import Server
from cli.test_running import KEYS, start
from report.test_ndjson import errors

from lkdoctor.cli.app import run
from lkdoctor.facts.api import RoomInfo
from lkdoctor.report.layout import Canvas, plain
from lkdoctor.report.rooms import Change, change, changes
from lkdoctor.sandbox import running_sandbox

DEMO = RoomInfo("demo", "RM_1", 1, 0, 0, 0.0, 300, 20, 0, active_recording=False)

POSIX = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for one process")


@pytest.fixture
def server(capsys: pytest.CaptureFixture[str]) -> Iterator[Server]:
    with running_sandbox(keys=KEYS) as running:
        yield Server(running.url, running.api_key, running.api_secret, capsys)


def watching(server: Server, folder: Path, *more: str) -> "subprocess.Popen[str]":
    return start(server.url, folder, "rooms", "list", "--watch", "--interval", "0.5", *more)


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


@pytest.mark.parametrize(
    ("after", "told"),
    [
        pytest.param((DEMO,), [], id="nothing"),
        pytest.param((), [Change("demo", "gone", 1, 0)], id="ended"),
        pytest.param(
            (DEMO, DEMO._replace(name="b", sid="RM_2", num_participants=2)),
            [Change("b", "made", 0, 2)],
            id="made",
        ),
        pytest.param(
            (DEMO._replace(sid="RM_2"),),
            [Change("demo", "gone", 1, 0), Change("demo", "made", 0, 1)],
            id="ended and made anew",
        ),
        pytest.param(
            (DEMO._replace(num_participants=2, num_publishers=1, active_recording=True),),
            [
                Change("demo", "people", 1, 2),
                Change("demo", "publishing", 0, 1),
                Change("demo", "recording", 0, 1),
            ],
            id="all that is told",
        ),
        pytest.param((DEMO._replace(metadata_bytes=9),), [], id="what is not told"),
    ],
)
def test_what_a_change_is(after: tuple[RoomInfo, ...], told: list[Change]) -> None:
    assert list(changes((DEMO,), after)) == told


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Change("demo", "made", 0, 1), '09:00:00Z  "demo"  made, 1 person'),
        (Change("demo", "gone", 2, 0), '09:00:00Z  "demo"  gone, 2 people before'),
        (Change("demo", "people", 1, 2), '09:00:00Z  "demo"  1 to 2 people'),
        (Change("demo", "publishing", 1, 0), '09:00:00Z  "demo"  1 to 0 publishing'),
        (Change("demo", "recording", 0, 1), '09:00:00Z  "demo"  recording'),
        (Change("demo", "recording", 1, 0), '09:00:00Z  "demo"  no longer recording'),
        (Change("a\x1b[2Jb", "made", 0, 0), '09:00:00Z  "a\\x1b[2Jb"  made, 0 people'),
    ],
)
def test_how_a_change_is_told(seen: Change, words: str) -> None:
    assert plain([change(seen, "09:00:00Z", Canvas(width=80))]) == words + "\n"


@POSIX
def test_changes_are_told_until_ctrl_c(server: Server, tmp_path: Path) -> None:
    server.create("clinic")
    with watching(server, tmp_path) as process:
        assert line(process).startswith("ROOM ")
        assert line(process).startswith("clinic ")
        server.create("demo")
        assert line(process).endswith('Z  "demo"  made, 0 people')
        server.call("DeleteRoom", {"room": "clinic"}, roomCreate=True)
        assert line(process).endswith('Z  "clinic"  gone, 0 people before')
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err


@POSIX
def test_changes_are_events(server: Server, tmp_path: Path) -> None:
    server.create("clinic")
    with watching(server, tmp_path, "-o", "ndjson") as process:
        told: list[dict[str, Any]] = [json.loads(line(process)) for _ in range(2)]
        server.create("demo")
        told.append(json.loads(line(process)))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    told += [json.loads(row) for row in out.splitlines()]
    assert [problem for event in told for problem in errors(event)] == []
    assert [event["event"] for event in told[:3]] == [
        "run.started",
        "room.changed",
        "room.changed",
    ]
    assert [(event["room"], event["what"]) for event in told[1:3]] == [
        ("clinic", "there"),
        ("demo", "made"),
    ]
    assert told[-1]["event"] == "run.finished"
    assert told[-1]["summary"]["exit_code"] == process.returncode == 130


@POSIX
def test_a_server_that_goes_and_comes_back_is_told_once_each(tmp_path: Path) -> None:
    with contextlib.ExitStack() as first:
        running = first.enter_context(running_sandbox(keys=KEYS))
        port = running.port
        arguments = ["rooms", "list", "--watch", "--interval", "0.5", "-o", "plain"]
        with start(running.url, tmp_path, *arguments) as process:
            assert line(process).startswith("#room\t")
            assert line(process) == "#time\troom\twhat\tbefore\tafter"
            first.close()
            assert process.stderr is not None
            gone = process.stderr.readline()
            with running_sandbox(keys=KEYS, port=port):
                back = process.stderr.readline()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert gone.endswith(f"Z  not answered: Nothing listens on port {port} of 127.0.0.1\n")
    assert back.endswith("Z  answered again\n")


@pytest.mark.parametrize(
    "more", [["-j"], ["-o", "github"], ["--save", "x"], ["--junit-file", "x"]], ids=lambda m: m[0]
)
def test_what_never_ends_has_no_document(
    more: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["rooms", "list", "--watch", "--url", "ws://127.0.0.1:9", *more]) == 2
    assert "--watch goes on until Ctrl-C" in capsys.readouterr().err
