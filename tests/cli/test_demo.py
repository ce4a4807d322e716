"""``lkdoctor demo``: four diagnoses by the real engine, wherever and however it is started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lkdoctor.cli import demo
from lkdoctor.cli.app import run
from lkdoctor.cli.streams import Streams
from lkdoctor.clock import SystemClock
from lkdoctor.report.layout import cells
from lkdoctor.sandbox import Fault


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        pytest.param([], {}, id="in a pipe"),
        pytest.param(["--ascii"], {}, id="ASCII"),
        pytest.param([], {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, id="no UTF-8"),
        pytest.param(["--accessible"], {}, id="screen reader"),
        pytest.param(["--color", "always"], {}, id="in colour"),
        pytest.param([], {"COLUMNS": "44"}, id="narrow"),
    ],
)
def test_four_diagnoses_say_what_they_should(
    arguments: list[str], environ: dict[str, str], tmp_path: Path
) -> None:
    """Whatever the caller has configured: a demo that reads it would dial somebody's server."""
    (tmp_path / ".env").write_text("LIVEKIT_URL=wss://from-the-file.example\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "lkdoctor", "demo", *arguments],
        cwd=tmp_path,
        env={
            **os.environ,
            "LIVEKIT_URL": "wss://from-the-environment.example",
            "LIVEKIT_API_KEY": "APImine",
            "LIVEKIT_API_SECRET": "my-own-secret-that-must-not-be-used",
            "LIVEKIT_TOKEN": "mine",
            **environ,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    out = done.stdout.decode("ascii" if "--ascii" in arguments else "utf-8")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "4 of 4 diagnoses said what they should" in out
    assert ("\x1b[" in out) == ("always" in arguments)
    assert not any(
        word in out for word in ("example\n", "APImine", "from-the", "my-own", "must-not-be-used")
    )


def test_each_scene_is_told_and_diagnosed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo"]) == 0
    out = capsys.readouterr().out
    for number, scene in enumerate(demo.scenes(), 1):
        assert f"{number} of 4   {scene.title}" in out
    assert out.count("\nOK   ") == 1
    assert out.count("\nPROBLEMS   ") == 3
    assert "This is not what it should say." not in out


def test_the_story_keeps_to_the_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is to be pasted, and what findings never cut, may be wider."""
    monkeypatch.setenv("COLUMNS", "60")
    assert run(["demo"]) == 0
    stories = capsys.readouterr().out.split("\n\n")
    told = [part for part in stories if " of 4   " in part]
    assert len(told) == 4
    assert max(cells(row) for part in told for row in part.splitlines()) <= 60


@pytest.mark.parametrize(
    ("fault", "says", "code"),
    [
        pytest.param(Fault.API_NOT_ROUTED, "api-not-routed", 0, id="names the fault"),
        pytest.param(Fault.API_NOT_ROUTED, "tcp-refused", 1, id="names another fault"),
        pytest.param(None, "api-not-routed", 1, id="finds nothing"),
        pytest.param(Fault.API_NOT_ROUTED, None, 1, id="a false alarm"),
    ],
)
def test_a_diagnosis_that_is_wrong_fails_the_demo(
    fault: Fault | None, says: str | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be worthless as a test of an installation if it could not fail."""
    scene = demo.Scene("A scene", "A story.", fault, says)
    assert demo.play((scene,), Streams.of(), SystemClock()) == code
    out = capsys.readouterr().out
    assert ("This is not what it should say." in out) == bool(code)
    assert f"{1 - code} of 1 diagnoses said what they should" in out


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches a whole console there")
def test_ctrl_c_ends_it_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "lkdoctor", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        while "1 of 4" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in err) == (130, False)
