"""``lkdoctor ice`` on the command line: what it needs, what it says before it does anything."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import left
import pytest
from faults.doctor import KEEP, SECONDS, lkdoctor
from servers import RunningServer

LOCAL = ("--url", "ws://127.0.0.1:9", "--api-key", "APIx")


def test_without_a_url_it_says_how_to_give_one(tmp_path: Path) -> None:
    ran = lkdoctor("ice", cwd=tmp_path)
    assert ran.code == 2
    assert "URL" in ran.err
    assert ran.out == ""


def test_without_anything_to_join_with_it_says_what_to_give(tmp_path: Path) -> None:
    ran = lkdoctor("ice", "--url", "ws://127.0.0.1:9", cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: lkdoctor ice joins a room, and there is nothing to join with")


def test_a_dry_run_dials_nothing_and_names_whom_it_would_ask(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("made-up-secret-of-thirty-two-chars-or-more")
    ran = lkdoctor("ice", *LOCAL, "--api-secret-file", "secret", "--dry-run", cwd=tmp_path)
    assert ran.code == 0
    assert "sends connectivity checks to every address in it" in ran.out
    assert "asks every STUN and TURN server" in ran.out


def test_a_server_that_is_not_there_is_the_first_cause(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("made-up-secret-of-thirty-two-chars-or-more")
    ran = lkdoctor("ice", *LOCAL, "--api-secret-file", "secret", "-o", "json", cwd=tmp_path)
    report = ran.json()
    assert (ran.code, report["summary"]["primary"]) == (1, "tcp-refused")
    assert [c["blocked_by"] for c in report["checks"] if c["layer"] == "media"] == ["net.tcp"] * 3


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_in_the_middle_leaves_a_report_and_no_room(
    tmp_path: Path, real_server: RunningServer
) -> None:
    """The default server names a STUN server that never answers, so there is time."""
    (tmp_path / "secret").write_text(real_server.long_secret)
    access = ("--url", real_server.url, "--api-key", real_server.long_key)
    words = ("ice", *access, "--api-secret-file", "secret", "-o", "json")
    running = subprocess.Popen(
        [sys.executable, "-m", "lkdoctor", *words],
        cwd=tmp_path,
        env={name: os.environ[name] for name in KEEP if name in os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    rooms: list[str] = []
    deadline = time.monotonic() + SECONDS
    while not rooms and time.monotonic() < deadline and running.poll() is None:
        rooms = room_names(tmp_path, access)
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=SECONDS)
    report = json.loads(out)
    assert rooms
    assert running.returncode == 130
    assert report["run"]["interrupted_by"] == "signal"
    assert left.staying(real_server, lambda name: name in rooms) == set()


def room_names(folder: Path, access: tuple[str, ...]) -> list[str]:
    words = ("rooms", "list", *access, "--api-secret-file", "secret", "-o", "json")
    api = lkdoctor(*words, cwd=folder).json()["facts"]["api"]
    names = [room["name"] for room in api["rooms"]["rooms"]]
    return [name for name in names if name.startswith("lkdoctor-")]


@pytest.mark.parametrize("form", ["plain", "json", "ndjson", "github", "human"])
def test_every_form_has_its_answer(form: str, tmp_path: Path, real_server: RunningServer) -> None:
    (tmp_path / "secret").write_text(real_server.long_secret)
    ran = lkdoctor(
        *("ice", "--url", real_server.url, "--api-key", real_server.long_key),
        *("--api-secret-file", "secret", "-o", form),
        cwd=tmp_path,
    )
    assert "media" in ran.out.lower() or "ice-offline-lan" in ran.out
    assert real_server.long_secret not in ran.out + ran.err
