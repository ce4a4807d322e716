"""``lkdoctor sandbox``, started as a user starts it."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import jwt
import pytest

from lkdoctor.cli.app import run
from lkdoctor.cli.sandbox import export
from lkdoctor.sandbox import Fault


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process of its own, which is killed if it does not end by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lkdoctor", "sandbox", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def variables(process: subprocess.Popen[str], count: int = 3) -> dict[str, str]:
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(count)]
    return dict(re.findall(r"(LIVEKIT_\w+)=\"?([^\"\n]+)", "".join(lines)))


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches a whole console there")
def test_it_serves_until_ctrl_c() -> None:
    """The variables are on standard output, everything else beside it; Ctrl-C is no failure."""
    with started("--port", "0") as process:
        told = variables(process)
        assert list(told) == ["LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"]
        host, _, port = told["LIVEKIT_URL"].removeprefix("ws://").partition(":")
        assert host == "127.0.0.1"
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"OK"
        connection.close()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out) == (0, "")
        assert "a stand-in for LiveKit, not a LiveKit server" in err
        assert err.endswith("Ctrl-C ends the sandbox\nsandbox stopped\n")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=5)


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches a whole console there")
def test_its_fault_is_announced_and_real() -> None:
    with started("--port", "0", "--fault", "not-ready") as process:
        port = int(variables(process)["LIVEKIT_URL"].rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().status == 406
        connection.close()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert "Broken on purpose, server-not-ready: The server says that it is not ready." in err
        assert "lkdoctor should say: server-not-ready" in err


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches a whole console there")
def test_an_expired_token_comes_with_its_fault() -> None:
    """A key would only mint fresh ones."""
    with started("--port", "0", "--fault", "expired-token") as process:
        told = variables(process, 4)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    claims = jwt.decode(told["LIVEKIT_TOKEN"], options={"verify_signature": False})
    assert claims["exp"] < time.time() - 86_400


def test_a_port_in_use_is_said_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["sandbox", "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"Error: port {port} of 127.0.0.1 is in use\n"
        "  --port 0   takes a free port\n"
        "  perhaps a livekit-server or another sandbox runs there\n"
    )


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        pytest.param(
            "room-ful",
            ["  did you mean room-full", "  did you mean signal-room-full"],
            id="near two",
        ),
        pytest.param("qqqq", [], id="near none"),
    ],
)
def test_an_unknown_fault(name: str, advice: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "--fault", name]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"Error: --fault {name}: there is no such fault",
        *advice,
        "  lkdoctor sandbox --list-faults   names them all",
    ]


def test_faults_that_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "--fault", "signal-timeout", "--fault", "signal-slow"]) == 2
    assert capsys.readouterr().err.splitlines()[0] == (
        "Error: --fault signal-timeout and signal-slow contradict each other: "
        "both decide what the upgrade is answered"
    )


def test_an_unknown_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "--server-version", "2.0"]) == 2
    assert capsys.readouterr().err == (
        "Error: --server-version 2.0: the sandbox answers as one of "
        "1.13.5, 1.11.0, 1.9.12, 1.8.4, 1.5.0\n"
    )


def test_every_fault_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "--list-faults"]) == 0
    out = capsys.readouterr().out
    assert [name for name in Fault if f"  {name} " not in out] == []
    start = out.splitlines().index(
        "  token-bad-signature           The server holds another secret for the key."
    )
    assert out.splitlines()[start + 1 : start + 3] == [
        "                                lkdoctor says: The token is signed with another secret.",
        "                                Also called wrong-secret.",
    ]


def test_faults_read_aloud(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCESSIBLE", "1")
    assert run(["sandbox", "--list-faults"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == (
        "token-bad-signature: The server holds another secret for the key. "
        "lkdoctor says: The token is signed with another secret. Also called wrong-secret."
    )


def test_a_variable_in_either_shell() -> None:
    url = "ws://127.0.0.1:7880"
    assert export("LIVEKIT_URL", url, windows=False) == "export LIVEKIT_URL=ws://127.0.0.1:7880"
    assert export("LIVEKIT_URL", url, windows=True) == '$env:LIVEKIT_URL="ws://127.0.0.1:7880"'
