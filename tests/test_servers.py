"""The servers that the other tests rest on."""

import shutil
import socket
import subprocess
import sys
import urllib.request

import pytest
import servers


def test_every_version_answers_and_is_the_one_asked_for(
    each_real_server: servers.RunningServer,
) -> None:
    with urllib.request.urlopen(each_real_server.http_url) as answer:
        assert (answer.status, answer.read()) == (200, b"OK")
    assert f'"version": "{each_real_server.version}"' in each_real_server.log.read_text()
    assert len(each_real_server.long_secret) == 43


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_nothing_listens_after_the_block(real_server: servers.RunningServer) -> None:
    with servers.livekit_server(real_server.version) as server:
        assert _listens(server.port)
    assert not _listens(server.port)


def test_a_killed_test_run_leaves_no_server(real_server: servers.RunningServer) -> None:
    """The keeper sees its pipe close and takes the server with it."""
    script = (
        "import servers, sys, os\n"
        f"with servers.livekit_server({real_server.version!r}) as server:\n"
        "    print(server.port, server.log.parent, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=servers.__file__.rpartition("servers.py")[0],
    ) as run:
        assert run.stdout is not None
        port, _, folder = run.stdout.readline().strip().partition(" ")
        assert _listens(int(port))
        run.kill()
        run.wait()
    shutil.rmtree(folder)
    while _listens(int(port)):  # bounded by the test's own timeout
        pass


def test_a_missing_version_says_how_to_get_it() -> None:
    with (
        pytest.raises(servers.ServerMissingError, match=r"go install .*/cmd/server@v0\.0\.1"),
        servers.livekit_server("0.0.1"),
    ):
        pass


def test_a_configuration_that_is_refused_shows_the_log(real_server: servers.RunningServer) -> None:
    with (
        pytest.raises(RuntimeError, match="did not start"),
        servers.livekit_server(real_server.version, config={"nonsense": 1}),
    ):
        pass
