"""Faults of DNS and routing, on a test host of our own: nothing leaves this machine.

The host is a network namespace with its own resolver; making one takes Linux, root and ``ip``.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import needs
import pytest
from hosts import needs_hosts
from servers import NEWEST, find_server

from faults.doctor import SECONDS, verdict_on_screen

RESOLVER = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    question, client = server.recvfrom(512)
    if sys.argv[1] != "silent":
        flags = bytes([0x81, 0x80 | int(sys.argv[1])])
        server.sendto(question[:2] + flags + question[4:6] + bytes(6) + question[12:], client)
"""
NXDOMAIN, SERVFAIL, SILENT = "3", "2", "silent"


@contextlib.contextmanager
def dead_end(resolver: str | None = None) -> Iterator[list[str]]:
    """The words that run a command on a host that knows itself, a resolver and one dead network."""
    name = f"lkdoctor-{uuid.uuid4().hex[:8]}"
    there = ["ip", "netns", "exec", name]
    settings = Path("/etc/netns") / name
    asked = None
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for words in (
            "ip link set lo up",
            # A cable whose other end takes every packet and answers none.
            "ip link add dead type veth peer name end",
            "ip addr add 203.0.113.2/24 dev dead",
            "ip link set dead up",
            "ip link set end up",
            "ip neigh add 203.0.113.1 lladdr 02:00:00:00:00:01 dev dead",
        ):
            subprocess.run([*there, *words.split()], check=True)
        settings.mkdir(parents=True)
        options = "options timeout:1 attempts:1\n"
        (settings / "resolv.conf").write_text(f"nameserver 127.0.0.1\n{options}")
        if resolver is not None:
            asked = subprocess.Popen(
                [*there, sys.executable, "-c", RESOLVER, resolver], stdout=subprocess.PIPE
            )
            assert asked.stdout is not None
            asked.stdout.readline()
        yield there
    finally:
        if asked is not None:
            asked.kill()
            asked.communicate()
        shutil.rmtree(settings, ignore_errors=True)
        subprocess.run(["ip", "netns", "del", name], check=False)


@needs_hosts
@pytest.mark.parametrize(
    ("resolver", "url", "code"),
    [
        pytest.param(NXDOMAIN, "ws://rtc.example.com", "dns-nxdomain", id="NXDOMAIN"),
        pytest.param(SERVFAIL, "ws://rtc.example.com", "dns-resolver-failed", id="SERVFAIL"),
        pytest.param(SILENT, "ws://rtc.example.com", "dns-resolver-failed", id="no resolver"),
        pytest.param(None, "ws://203.0.113.1:7880", "tcp-timeout", id="nobody answers"),
        pytest.param(None, "ws://198.51.100.1:7880", "tcp-unreachable", id="no way there"),
    ],
)
def test_the_cause_is_named_first(
    resolver: str | None, url: str, code: str, tmp_path: Path
) -> None:
    with dead_end(resolver) as there:
        words = [*there, sys.executable, "-m", "lkdoctor", "diagnose", "--url", url]
        told, shown = (
            subprocess.run(
                [*words, "--timeout", "4", *form],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            for form in (["-o", "json"], [])
        )
    report = json.loads(told.stdout)
    assert (report["summary"]["primary"], report["findings"][0]["code"]) == (code, code)
    assert verdict_on_screen(shown.stdout) == code
    assert (told.returncode, shown.returncode) == (1, 1)


@needs_hosts
def test_a_dev_server_is_seen_to_listen_on_loopback_alone(tmp_path: Path) -> None:
    binary = find_server(NEWEST)
    if binary is None:
        needs.missing(needs.SERVER)
    with dead_end() as there:
        # It would ask public servers for its address, and the host has no way to them.
        server = subprocess.Popen(
            [*there, str(binary), "--dev", "--node-ip", "127.0.0.1"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            assert server.stdout is not None
            for line in server.stdout:
                if b"starting LiveKit server" in line:
                    break
            words = [*there, sys.executable, "-m", "lkdoctor", "diagnose"]
            told = subprocess.run(
                [*words, "--url", "ws://203.0.113.2:7880", "-o", "json"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        finally:
            server.kill()
            server.communicate()
    report = json.loads(told.stdout)
    assert report["findings"][0]["code"] == "dev-bind-loopback"
    assert report["findings"][0]["consequences"] == ["tcp-refused"]
