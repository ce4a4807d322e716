"""A real forward proxy (tinyproxy) in front of a real server: let through, refused, in the way."""

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forward_proxy import tinyproxy
from hosts import needs_hosts
from servers import RunningServer

from faults import peers
from faults.doctor import SECONDS, lkdoctor, verdict_on_screen
from faults.test_faults import real
from faults.test_healthy import nothing_found, tls_front
from faults.test_names_and_routes import NXDOMAIN, dead_end
from lkdoctor.redact import SLICE

PASSWORD = "made-up-for-the-proxy"

Bring = Callable[[RunningServer], contextlib.AbstractContextManager[str]]


@pytest.mark.parametrize("command", ["diagnose", "ws-probe"])
def test_through_a_proxy_all_is_well(
    command: str, real_server: RunningServer, tmp_path: Path
) -> None:
    with tinyproxy() as proxy:
        ran = lkdoctor(
            command, "--proxy", proxy.url, "-o", "json", cwd=tmp_path, env=real(real_server)
        )
        asked = set(proxy.tunnels)
    report = nothing_found(ran)
    assert asked == {f"127.0.0.1:{real_server.port}"}
    network = report["facts"]["network"]  # type: ignore[index]  # JSON
    through = network["through"]
    assert (through["origin"], through["port"]) == ("--proxy", proxy.port)
    assert through["answer"]["status"] == 200
    assert [attempt["kind"] for attempt in network["direct"]["tcp"]] == ["connected"]
    phases = [phase["name"] for phase in report["facts"]["signal"]["phases"]]  # type: ignore[index]  # JSON
    assert phases == ["dns", "tcp", "proxy", "upgrade", "first_message"]


def test_tls_through_a_proxy(real_server: RunningServer, tmp_path: Path) -> None:
    with tinyproxy() as proxy, tls_front(real_server, tmp_path) as port:
        env = real(real_server, LIVEKIT_URL=f"wss://localhost:{port}")
        arguments = ("--proxy", proxy.url, "--ca-file", "ca.pem", "-o", "json")
        nothing_found(lkdoctor("diagnose", *arguments, cwd=tmp_path, env=env))
        assert set(proxy.tunnels) == {f"localhost:{port}"}


def test_a_certificate_is_looked_at_through_the_proxy(
    real_server: RunningServer, tmp_path: Path
) -> None:
    """The second look that says why goes the same way."""
    with tinyproxy() as proxy, tls_front(real_server, tmp_path) as port:
        env = real(real_server, LIVEKIT_URL=f"wss://localhost:{port}")
        told = lkdoctor(
            "diagnose", "--proxy", proxy.url, "-o", "json", cwd=tmp_path, env=env
        ).json()
        assert len(proxy.tunnels) == 2
    assert told["summary"]["primary"] == "tls-untrusted"


def test_rooms_are_asked_for_and_ended_through_the_proxy(
    real_server: RunningServer, tmp_path: Path
) -> None:
    env = real(real_server)
    with tinyproxy(f"BasicAuth anna {PASSWORD}") as proxy:
        way = ("--proxy", f"http://anna:{PASSWORD}@127.0.0.1:{proxy.port}")
        listed = lkdoctor("rooms", "list", *way, "-o", "json", cwd=tmp_path, env=env)
        ended = lkdoctor("rooms", "end", "no-such-room", "--yes", *way, cwd=tmp_path, env=env)
        assert proxy.tunnels
    assert listed.code == 0, listed.err
    assert "no-such-room" in ended.out + ended.err


def test_a_proxy_of_the_environment_is_not_for_this_machine(
    real_server: RunningServer, tmp_path: Path
) -> None:
    env = real(real_server, HTTP_PROXY="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")
    report = nothing_found(lkdoctor("diagnose", "-o", "json", cwd=tmp_path, env=env))
    assert report["facts"]["network"]["through"] is None  # type: ignore[index]  # JSON


@contextlib.contextmanager
def refusing(_: RunningServer) -> Iterator[str]:
    with tinyproxy("ConnectPort 443") as proxy:
        yield proxy.url


@contextlib.contextmanager
def without_credentials(_: RunningServer) -> Iterator[str]:
    with tinyproxy(f"BasicAuth anna {PASSWORD}") as proxy:
        yield proxy.url


@contextlib.contextmanager
def with_wrong_credentials(_: RunningServer) -> Iterator[str]:
    with tinyproxy("BasicAuth anna another") as proxy:
        yield f"http://anna:{PASSWORD}@127.0.0.1:{proxy.port}"


@contextlib.contextmanager
def nobody(_: RunningServer) -> Iterator[str]:
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextlib.contextmanager
def livekit_itself(server: RunningServer) -> Iterator[str]:
    yield server.http_url


def handled(handler: peers.Handler) -> Bring:
    @contextlib.contextmanager
    def bring(_: RunningServer) -> Iterator[str]:
        with peers.peer(handler) as port:
            yield f"http://127.0.0.1:{port}"

    return bring


GATEWAY = peers.reply("502 Bad Gateway", b"no", "Server: squid")
NTLM = peers.reply("407 Proxy Authentication Required", b"", "Proxy-Authenticate: NTLM")


@pytest.mark.parametrize("command", ["diagnose", "ws-probe", "rooms"])
@pytest.mark.parametrize(
    ("bring", "code"),
    [
        pytest.param(refusing, "proxy-outbound-refused", id="a port that is not allowed"),
        pytest.param(
            handled(peers.always(GATEWAY)), "proxy-outbound-refused", id="it cannot get there"
        ),
        pytest.param(without_credentials, "proxy-outbound-auth", id="it wants credentials"),
        pytest.param(with_wrong_credentials, "proxy-outbound-auth", id="it wants other ones"),
        pytest.param(handled(peers.always(NTLM)), "proxy-outbound-auth", id="it wants NTLM"),
        pytest.param(nobody, "proxy-outbound-unreachable", id="nobody listens"),
        pytest.param(livekit_itself, "proxy-outbound-invalid", id="it is a web server"),
        pytest.param(handled(peers.silent), "proxy-outbound-invalid", id="it is silent"),
        pytest.param(handled(peers.closing), "proxy-outbound-invalid", id="it closes"),
        pytest.param(handled(peers.garbage), "proxy-outbound-invalid", id="it talks nonsense"),
        pytest.param(handled(peers.dripping), "proxy-outbound-invalid", id="it never ends"),
        pytest.param(
            handled(peers.endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 999)),
            "proxy-outbound-invalid",
            id="its head has no end",
        ),
    ],
)
def test_the_cause_is_named_first(
    bring: Bring, code: str, command: str, real_server: RunningServer, tmp_path: Path
) -> None:
    with bring(real_server) as url:
        way = ("--proxy", url, "--timeout", "2")
        env = real(real_server)
        told = lkdoctor(command, *way, "-o", "json", cwd=tmp_path, env=env)
        shown = lkdoctor(command, *way, cwd=tmp_path, env=env)
    report = told.json()
    assert (report["summary"]["primary"], report["findings"][0]["code"]) == (code, code)
    assert verdict_on_screen(shown.out) == code
    assert told.code == shown.code == (3 if command == "rooms" else 1)
    leaked = [
        PASSWORD[i : i + SLICE]
        for i in range(len(PASSWORD) - SLICE + 1)
        if PASSWORD[i : i + SLICE] in told.out + told.err + shown.out + shown.err
    ]
    assert leaked == []


@needs_hosts
def test_the_environments_proxy_is_the_only_way(tmp_path: Path) -> None:
    """The proxy's host knows the server's name, this one does not."""
    (tmp_path / "hosts").write_text("127.0.0.1 localhost rtc.example.com\n")
    mount = f'mount --bind {tmp_path}/hosts /etc/hosts && exec "$@"'
    own_hosts = ("unshare", "-m", "sh", "-c", mount, "sh")
    with contextlib.ExitStack() as stack:
        there = stack.enter_context(dead_end(NXDOMAIN))
        sandbox = subprocess.Popen(
            [*there, sys.executable, "-m", "lkdoctor", "sandbox", "--port", "7880"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        stack.callback(sandbox.communicate)
        stack.callback(sandbox.kill)
        assert sandbox.stdout is not None
        sandbox.stdout.readline()
        proxy = stack.enter_context(tinyproxy(command=(*there, *own_hosts)))
        ran = subprocess.run(
            [*there, sys.executable, "-m", "lkdoctor", "diagnose", "-o", "json"],
            env={
                "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
                "LIVEKIT_URL": "ws://rtc.example.com:7880",
                "LIVEKIT_API_KEY": "devkey",
                "LIVEKIT_API_SECRET": "secret",
                "HTTP_PROXY": proxy.url,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        asked = set(proxy.tunnels)
    report = json.loads(ran.stdout)
    found = [(f["code"], f["severity"], f["confidence"]) for f in report["findings"]]
    assert ("proxy-outbound-client", "warning", "certain") in found
    assert not [one for one in found if one[1] == "error"]
    assert report["facts"]["network"]["direct"]["dns"]["kind"] == "name-not-found"
    assert asked == {"rtc.example.com:7880"}
