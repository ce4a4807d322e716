"""Sessions that are kept open: through a real nginx that cuts them, and through one that does not."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import left
import needs
import pytest
from servers import RunningServer

from faults import peers
from faults.doctor import KEEP, lkdoctor, verdict_on_screen
from faults.test_faults import real
from faults.test_healthy import nothing_found
from lkdoctor.sandbox import running_sandbox

NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_read_timeout {seconds}s;
    }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, upstream: int, seconds: int) -> Iterator[int]:
    """A real nginx whose connections may be silent for so many seconds."""
    binary = needs.binary("nginx")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    file = folder / "nginx.conf"
    file.write_text(NGINX.format(folder=folder, port=port, upstream=upstream, seconds=seconds))
    running = subprocess.Popen(
        [binary, "-p", str(folder), "-c", str(file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and running.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.02)
        yield port
    finally:
        running.terminate()
        running.wait()


def test_a_proxy_that_cuts_what_is_idle(real_server: RunningServer, tmp_path: Path) -> None:
    with nginx(tmp_path, real_server.port, 2) as port:
        env = real(real_server, LIVEKIT_URL=f"ws://127.0.0.1:{port}")
        told = lkdoctor("ws-probe", "--hold", "20", "-o", "json", cwd=tmp_path, env=env)
        shown = lkdoctor("ws-probe", "--hold", "20", cwd=tmp_path, env=env)
    report = told.json()
    assert report["summary"]["primary"] == "proxy-idle-timeout"
    assert verdict_on_screen(shown.out) == "proxy-idle-timeout"
    held = report["facts"]["signal"]["held"]
    assert (held["ended"], held["close_code"]) == ("dropped", None)
    assert 1 < held["lasted_s"] < 20
    assert report["facts"]["signal"]["clean_up"]["lasts_s"] == 1


def test_the_pings_of_a_client_keep_it_open(tmp_path: Path) -> None:
    """They come every five seconds, so that eight seconds of silence never are."""
    with running_sandbox() as sandbox, nginx(tmp_path, sandbox.port, 8) as port:
        env = {
            "LIVEKIT_URL": f"ws://127.0.0.1:{port}",
            "LIVEKIT_API_KEY": sandbox.api_key,
            "LIVEKIT_API_SECRET": sandbox.api_secret,
        }
        ran = lkdoctor("ws-probe", "--hold", "9", "-o", "json", cwd=tmp_path, env=env)
    report: Any = nothing_found(ran)
    held = report["facts"]["signal"]["held"]
    assert (held["ended"], held["pings"] >= 1) == ("", True)


def frozen_after(pongs: int) -> peers.Handler:
    """Joins, answers so many pings, and then says nothing more, as behind a NAT that has forgotten."""

    def upgrade(connection: socket.socket, request: str) -> None:
        from livekit.protocol import models, rtc

        joined = rtc.JoinResponse(
            room=models.Room(sid="RM_1", name="r"),
            participant=models.ParticipantInfo(sid="PA_1", identity="p"),
            ping_interval=1,
            ping_timeout=2,
            server_version="1.13.5",
        )
        said = rtc.SignalResponse(join=joined).SerializeToString()
        connection.sendall(peers.switching(request) + peers.frame(2, said))
        for _ in range(pongs):
            connection.recv(65536)
            pong = rtc.SignalResponse(pong_resp=rtc.Pong(timestamp=int(time.time() * 1000)))
            connection.sendall(peers.frame(2, pong.SerializeToString()))
        peers.silent(connection)

    return peers.like_livekit(upgrade=upgrade)


def test_a_server_that_freezes_while_the_session_is_held(tmp_path: Path) -> None:
    env = {
        "LIVEKIT_API_KEY": "APIfrozen",
        "LIVEKIT_API_SECRET": "made-up-for-a-test-of-frozen-ones",
    }
    with peers.peer(frozen_after(pongs=4)) as port:
        env["LIVEKIT_URL"] = f"ws://127.0.0.1:{port}"
        told = lkdoctor("ws-probe", "--hold", "3", "-o", "json", cwd=tmp_path, env=env)
        shown = lkdoctor("ws-probe", "--hold", "3", cwd=tmp_path, env=env)
    report = told.json()
    assert (told.code, report["summary"]["primary"]) == (1, "signal-goes-silent")
    assert verdict_on_screen(shown.out) == "signal-goes-silent"
    held = report["facts"]["signal"]["held"]
    assert (held["ended"], held["pongs"]) == ("silent", 1)
    assert "silent from" in shown.out


@pytest.mark.parametrize("version", ["1.13.5", "1.5.0"])
def test_a_real_server_answers_to_the_end(
    version: str, server_of: Callable[[str], RunningServer], tmp_path: Path
) -> None:
    ran = lkdoctor("ws-probe", "--hold", "2", "-j", cwd=tmp_path, env=real(server_of(version)))
    report: Any = nothing_found(ran)
    held = report["facts"]["signal"]["held"]
    assert (held["ended"], held["pings"], held["pongs"]) == ("", 1, 1)


def test_ctrl_c_ends_what_is_held_and_with_it_the_room(
    real_server: RunningServer, tmp_path: Path
) -> None:
    kept = {name: os.environ[name] for name in KEEP if name in os.environ}
    words = ["ws-probe", "--hold", "60", "--repeat", "4", "--concurrency", "4", "-o", "json"]
    running = subprocess.Popen(
        [sys.executable, "-m", "lkdoctor", *words],
        cwd=tmp_path,
        env={**kept, **real(real_server)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    before: set[str] = set()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not before:
        before = set(filter(left.ours, left.rooms(real_server)))
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130, err
    assert before
    assert out
    assert left.staying(real_server, lambda name: name in before) == set()
