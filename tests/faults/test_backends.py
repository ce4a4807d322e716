"""Names with several addresses, and several servers behind one: some answer otherwise.

The addresses are this machine's own (127.0.0.1, 127.0.0.2), the name is in a hosts file that the
commands under test alone see; that takes Linux and root.
"""

import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import left
import pytest
from hosts import needs_hosts
from servers import RunningServer, livekit_server

from faults import peers
from faults.doctor import KEEP, SECONDS, lkdoctor, verdict_on_screen
from faults.test_faults import real
from faults.test_healthy import nothing_found


def with_hosts(
    hosts: str, *arguments: str, cwd: Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """A command that sees these lines in place of /etc/hosts."""
    (cwd / "hosts").write_text(f"127.0.0.1 localhost\n{hosts}\n")
    mount = f'mount --bind "{cwd}/hosts" /etc/hosts && exec "$@"'
    words = [sys.executable, "-m", "lkdoctor", *arguments]
    kept = {name: os.environ[name] for name in KEEP if name in os.environ}
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", mount, "sh", *words],
        cwd=cwd,
        env={**kept, "PYTHONIOENCODING": "utf-8", **env},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextlib.contextmanager
def at(address: str, port: int, handler: peers.Handler) -> Iterator[None]:
    """A peer at that address and port."""
    listener = socket.create_server((address, port), backlog=64)

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(peers.MAX_SECONDS)
            handler(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


BOTH = "127.0.0.1 rtc.example.com\n127.0.0.2 rtc.example.com"


@needs_hosts
@pytest.mark.parametrize("command", ["diagnose", "ws-probe"])
def test_an_address_that_is_not_livekits(
    command: str, real_server: RunningServer, tmp_path: Path
) -> None:
    env = real(real_server, LIVEKIT_URL=f"ws://rtc.example.com:{real_server.port}")
    page = peers.reply("404 Not Found", b"<html>nginx</html>", "Server: nginx")
    # The resolver decides which one is joined; both are asked.
    with at("127.0.0.2", real_server.port, peers.always(page)):
        arguments = (command, "--all-addresses", "--timeout", "5")
        told = with_hosts(BOTH, *arguments, "-o", "json", cwd=tmp_path, env=env)
        shown = with_hosts(BOTH, *arguments, cwd=tmp_path, env=env)
    report = json.loads(told.stdout)
    assert report["findings"][0]["code"] == "dns-wrong-target"
    assert verdict_on_screen(shown.stdout) == "dns-wrong-target"
    assert told.returncode == 1
    looks = {look["address"]: look for look in report["facts"]["network"]["each"]}
    assert looks["127.0.0.1"]["validation"]["body"] == "success"
    assert looks["127.0.0.2"]["validation"]["status"] == 404


@needs_hosts
def test_addresses_that_say_the_same(real_server: RunningServer, tmp_path: Path) -> None:
    env = real(real_server, LIVEKIT_URL=f"ws://rtc.example.com:{real_server.port}")
    with at("127.0.0.2", real_server.port, peers.relay(real_server.port, lambda whole: whole)):
        ran = with_hosts(BOTH, "diagnose", "--all-addresses", "-o", "json", cwd=tmp_path, env=env)
    report = json.loads(ran.stdout)
    assert [f["code"] for f in report["findings"] if f["severity"] != "info"] == []
    assert len(report["facts"]["network"]["each"]) == 2


def test_one_address_is_asked_as_well(real_server: RunningServer, tmp_path: Path) -> None:
    ran = lkdoctor("diagnose", "--all-addresses", "-o", "json", cwd=tmp_path, env=real(real_server))
    report: Any = nothing_found(ran)
    assert [look["tcp"]["kind"] for look in report["facts"]["network"]["each"]] == ["connected"]


@contextlib.contextmanager
def balancer(*ports: int) -> Iterator[int]:
    """A load balancer that takes its servers in turn."""
    turns, lock = itertools.cycle(ports), threading.Lock()

    def handle(connection: socket.socket) -> None:
        with lock:
            port = next(turns)
        peers.relay(port, lambda whole: whole)(connection)

    with peers.peer(handle) as port:
        yield port


def test_servers_that_do_not_know_the_same_keys(real_server: RunningServer, tmp_path: Path) -> None:
    keys = {"APIother0000001": "another-secret-of-forty-characters-0123456"}
    with (
        livekit_server(keys=keys) as other,
        balancer(real_server.port, other.port) as port,
    ):
        env = real(real_server, LIVEKIT_URL=f"ws://127.0.0.1:{port}")
        arguments = ("ws-probe", "--repeat", "6", "--concurrency", "3")
        told = lkdoctor(*arguments, "-o", "json", cwd=tmp_path, env=env)
        shown = lkdoctor(*arguments, cwd=tmp_path, env=env)
    report = told.json()
    codes = [f["code"] for f in report["findings"] if f["severity"] == "error"]
    assert codes == ["server-multi-node-routing"]
    assert verdict_on_screen(shown.out) == "server-multi-node-routing"
    statuses = {one["answer"]["status"] for one in report["facts"]["signal"]["again"]}
    assert statuses == {200, 401}


def test_many_at_a_time_and_all_well(real_server: RunningServer, tmp_path: Path) -> None:
    arguments = ("ws-probe", "--repeat", "12", "--concurrency", "5", "--pings", "1")
    report: Any = nothing_found(
        lkdoctor(*arguments, "-o", "json", cwd=tmp_path, env=real(real_server))
    )
    signal = report["facts"]["signal"]
    assert [one["outcome"] for one in signal["repeats"]] == ["joined"] * 12
    assert [(one["answer"]["status"], one["times"]) for one in signal["again"]] == [(200, 12)]
    assert (signal["clean_up"]["removed"], signal["clean_up"]["lasts_s"]) == (False, 1)
    assert left.staying(real_server, lambda name: name == signal["room_minted"]) == set()
