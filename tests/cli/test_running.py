"""A diagnosis in front of its user, event by event."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import left
import pytest
from faults.peers import peer, silent
from report.test_ndjson import errors

from lkdoctor.sandbox import Sandbox, running_sandbox

KEYS = {"devkey": "made-up-secret-that-opens-only-a-sandbox"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(keys=KEYS) as running:
        yield running


def start(url: str, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    kept = {n: os.environ[n] for n in ("PATH", "COVERAGE_PROCESS_CONFIG") if n in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "lkdoctor", *arguments],
        env={
            **kept,
            "LIVEKIT_URL": url,
            "LIVEKIT_API_KEY": "devkey",
            "LIVEKIT_API_SECRET": KEYS["devkey"],
        },
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(row) for row in out.splitlines()]


@pytest.mark.parametrize("command", ["diagnose", "ws-probe"])
def test_a_run_is_told_from_its_beginning_to_its_end(
    command: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    with start(sandbox.url, tmp_path, command, "-o", "ndjson") as process:
        out, err = process.communicate(timeout=60)
    told = events(out)
    assert (process.returncode, err) == (0, "")
    assert (told[0]["event"], told[0]["command"]) == ("run.started", command)
    assert (told[-1]["event"], told[-1]["summary"]["verdict"]) == ("run.finished", "healthy")
    begun = [line["step"] for line in told if line["event"] == "step.started"]
    ended = [line["step"] for line in told if line["event"] == "step.finished"]
    assert begun[0] == ended[0] == "route"
    assert sorted(begun) == sorted(ended)
    assert "join" in ended


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for one process")
def test_events_come_when_they_happen_and_an_interruption_is_the_last(tmp_path: Path) -> None:
    with (
        peer(silent) as port,
        start(f"ws://127.0.0.1:{port}", tmp_path, "diagnose", "-o", "ndjson") as process,
    ):
        assert process.stdout is not None
        said: list[str] = []
        while '"step": "join"' not in (said[-1] if said else ""):
            said.append(process.stdout.readline())
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=60)
    last = events(rest)[-1]
    assert (process.returncode, last["event"]) == (130, "run.finished")
    assert (last["run"]["completed"], last["run"]["interrupted_by"]) == (False, "signal")
    assert "Traceback" not in err


def test_a_reader_who_leaves_stops_nothing_that_has_to_be_done(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with start(sandbox.url, tmp_path, "ws-probe", "-o", "ndjson", "--pings", "20") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        assert process.stderr is not None
        err = process.stderr.read()
    assert (process.returncode, err) == (0, "")
    # Whoever still pinged would keep the room: it ends by itself, once our participant has left.
    deadline = time.monotonic() + left.SECONDS
    while (still := listed(sandbox.url, tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert still == []


def listed(url: str, folder: Path) -> list[str]:
    """The rooms of ours that are there."""
    with start(url, folder, "rooms", "list", "-o", "plain") as process:
        out, _ = process.communicate(timeout=60)
    return [row for row in out.splitlines() if left.ours(row)]


# ------------------------------------------------------------------ --wait


def test_waiting_ends_when_the_server_is_up(tmp_path: Path) -> None:
    with socket.socket() as bound:  # so that nobody else gets the port meanwhile
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        url = f"ws://127.0.0.1:{port}"
        with start(url, tmp_path, "diagnose", "--wait", "60", "-o", "plain") as process:
            assert process.stderr is not None
            first = process.stderr.readline()
            bound.close()
            with running_sandbox(keys=KEYS, port=port):
                out, rest = process.communicate(timeout=90)
    assert re.fullmatch(rf"\S+Z  Network      fail     Nothing listens on port {port} .*\n", first)
    assert re.fullmatch(r"\S+Z  all          pass     after \d+ s\n", rest)
    assert process.returncode == 0
    assert "\nfail\t" not in out


def test_nobody_waits_for_a_secret_to_change(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("another-made-up-secret-of-32-bytes-or-more")
    arguments = ("diagnose", "--wait", "600", "--api-secret-file", "secret", "-q")
    with start(sandbox.url, tmp_path, *arguments) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    assert out.startswith("FAIL token-bad-signature: ")


def test_every_attempt_is_an_event(tmp_path: Path) -> None:
    arguments = ("diagnose", "--wait", "3", "-o", "ndjson")
    with start("ws://127.0.0.1:9", tmp_path, *arguments) as process:
        out, _ = process.communicate(timeout=60)
    told = events(out)
    attempts = [line for line in told if line["event"] == "attempt.finished"]
    assert [line["attempt"] for line in attempts] == list(range(1, len(attempts) + 1))
    assert len(attempts) >= 2
    assert {line["verdict"] for line in attempts} == {"problems"}
    assert told[-1]["event"] == "run.finished"
    assert [problem for line in told for problem in errors(line)] == []


@pytest.mark.parametrize("option", ["--offline", "--dry-run"])
def test_waiting_needs_something_to_wait_for(option: str, tmp_path: Path) -> None:
    with start("ws://127.0.0.1:9", tmp_path, "diagnose", "--wait", "3", option) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err.startswith("Error: --wait has nothing to wait for")
