"""What this machine has run out of is never said to be the server's fault."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from servers import DEV_KEY, DEV_SECRET, RunningServer

from faults.doctor import KEEP, SECONDS, Ran

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no such limit here")

BOOKING = ("--booking", "b1", "--provider", "p", "--client", "c")

COMMANDS = {
    "diagnose": ("diagnose", "--deep"),
    "ws-probe": ("ws-probe",),
    "ice": ("ice",),
    "rooms list": ("rooms", "list"),
    "rehearse": ("rehearse", "--signal-only", *BOOKING),
}


def lkdoctor(files: int, *arguments: str, server: RunningServer, cwd: Path) -> Ran:
    """A command that may have no more than so many files open."""
    kept = {name: os.environ[name] for name in KEEP if name in os.environ}
    script = f'ulimit -n {files}; exec "$0" -m lkdoctor "$@"'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, *arguments],
        cwd=cwd,
        env={
            **kept,
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": DEV_KEY,
            "LIVEKIT_API_SECRET": DEV_SECRET,
            "PYTHONIOENCODING": "utf-8",
        },
        capture_output=True,
        timeout=SECONDS,
        check=False,
        encoding="utf-8",
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def of_the_network(report: dict[str, Any]) -> list[str]:
    """The codes of what was found on the way, the verdict first; not what the variables say."""
    assert report["summary"]["primary"] == report["findings"][0]["code"]
    return [f["code"] for f in report["findings"] if f["layer"] not in {"env", "url", "token"}]


@pytest.mark.parametrize("command", COMMANDS)
def test_too_few_to_look_at_anything(
    command: str, real_server: RunningServer, tmp_path: Path
) -> None:
    told = lkdoctor(12, *COMMANDS[command], "-j", server=real_server, cwd=tmp_path)
    report = told.json()
    assert of_the_network(report) == ["own-limit"]
    assert report["facts"]["network"]["dns"]["kind"] == "own-limit"
    assert told.code == report["summary"]["exit_code"] == (3 if command == "rooms list" else 1)


def test_too_few_for_many_at_a_time(real_server: RunningServer, tmp_path: Path) -> None:
    many = ("ws-probe", "--repeat", "40", "--concurrency", "40")
    report = lkdoctor(24, *many, "-j", server=real_server, cwd=tmp_path).json()
    assert of_the_network(report) == ["own-limit"]
    assert "refused" not in json.dumps(report["findings"][0]["evidence"])


@pytest.mark.parametrize("command", COMMANDS)
def test_too_few_even_for_a_report(
    command: str, real_server: RunningServer, tmp_path: Path
) -> None:
    told = lkdoctor(6, *COMMANDS[command], server=real_server, cwd=tmp_path)
    assert (told.code, told.out) == (3, "")
    assert "Error: this process may open no more files and connections" in told.err
    assert "lkdoctor broke" not in told.err
