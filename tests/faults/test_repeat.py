"""The commands under --curl, run: they show what the finding says."""

import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import needs
import pytest
import trustme
from hosts import needs_hosts
from servers import RunningServer

from faults import peers
from faults.doctor import KEEP, lkdoctor
from faults.test_faults import SECRET, made_up, real, token
from faults.test_healthy import tls_front
from faults.test_names_and_routes import NXDOMAIN, dead_end

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="a POSIX shell's commands"),
    needs.marked(needs.of("curl"), needs.of("openssl")),
]


def repeated(
    folder: Path, env: dict[str, str], *arguments: str, label: str, given: str = ""
) -> tuple[str, str]:
    """What the evidence of this label says, and what its command prints."""
    ran = lkdoctor("diagnose", "--timeout", "4", "-j", *arguments, cwd=folder, env=env)
    document = ran.json()
    found = [
        evidence
        for finding in (*document["findings"], *document["folded"])
        for evidence in finding["evidence"]
        if re.fullmatch(label, evidence["label"])
    ]
    assert found, [f["evidence"] for f in document["findings"]]
    return str(found[0]["observed"]), shell(found[0]["repeat"], folder, given)


def shell(command: str, folder: Path, given: str = "", *, before: tuple[str, ...] = ()) -> str:
    done = subprocess.run(
        [*before, "sh", "-c", command],
        cwd=folder,
        env={n: os.environ[n] for n in KEEP if n in os.environ} | {"LIVEKIT_TOKEN": given},
        capture_output=True,
        timeout=60,
        check=False,
        text=True,
        errors="replace",
    )
    return done.stdout + done.stderr


def test_a_refused_token(real_server: RunningServer, tmp_path: Path) -> None:
    other = "another-made-up-secret-of-32-bytes-or-more"
    given = token(real_server, exp=1)
    (tmp_path / "token").write_text(given)
    seen, told = repeated(
        tmp_path,
        real(real_server, LIVEKIT_API_SECRET=other),
        *("--token-file", "token"),
        label="GET /rtc/validate, your token",
        given=given,
    )
    assert seen.startswith("401 ")
    assert told.startswith("HTTP/1.1 401 Unauthorized\n")
    assert "token is expired" in told
    assert "token is expired" in seen


def test_an_upgrade_that_is_dropped(real_server: RunningServer, tmp_path: Path) -> None:
    with peers.peer(peers.relay(real_server.port, peers.without_upgrade)) as port:
        env = real(real_server, LIVEKIT_URL=f"ws://127.0.0.1:{port}")
        seen, told = repeated(tmp_path, env, label="upgrade of /rtc, no token")
    assert seen == "404 Not Found, empty body"
    head, _, body = told.partition("\n\n")
    assert head.startswith("HTTP/1.1 404 Not Found\n")
    assert body == ""


def test_an_api_that_is_not_routed(real_server: RunningServer, tmp_path: Path) -> None:
    with peers.peer(peers.relay(real_server.port, peers.only_rtc)) as port:
        env = real(real_server, LIVEKIT_URL=f"ws://127.0.0.1:{port}")
        seen, told = repeated(tmp_path, env, label=r"POST .*/ListRooms, no token")
    assert seen.startswith("404 Not Found, a web page")
    assert told.startswith("HTTP/1.1 404 Not Found\n")
    assert "<html>nginx</html>" in told


def test_a_secret_that_the_api_refuses(real_server: RunningServer, tmp_path: Path) -> None:
    """With a token as lkdoctor's own, which the command leaves to the user."""
    env = real(real_server, LIVEKIT_API_SECRET="another-made-up-secret-of-32-bytes-or-more")
    minted = lkdoctor("token", "--room", "demo", "--identity", "me", cwd=tmp_path, env=env).out
    seen, told = repeated(tmp_path, env, label="server API, own token", given=minted.strip())
    assert seen.startswith("401 ")
    assert told.startswith("HTTP/1.1 401 Unauthorized\n")
    assert "signature is invalid" in seen
    assert "signature is invalid" in told


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """A port that nobody else gets meanwhile, and where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_port_where_nobody_listens(tmp_path: Path) -> None:
    with nobody() as port:
        seen, told = repeated(tmp_path, made_up(port), label=r"TCP .*")
    assert seen.startswith("refused after ")
    assert re.search(r"Connection refused|Failed to connect|Could not connect", told)


def test_a_page_in_the_place_of_livekit(tmp_path: Path) -> None:
    page = peers.reply("200 OK", b"<html>My app</html>", "Content-Type: text/html", "Server: x1")
    with peers.peer(peers.always(page)) as port:
        seen, told = repeated(tmp_path, made_up(port), label="GET /")
    assert seen == "200 OK, a web page"
    assert told.startswith("HTTP/1.1 200 OK\n")
    assert "<html>My app</html>" in told


@contextlib.contextmanager
def untrusted() -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA(organization_name="Nobody").issue_cert("other.example").configure_cert(context)
    answer = peers.always(peers.reply("200 OK", b"OK"))
    with peers.peer(answer, tls=context) as port:
        yield port


@pytest.mark.parametrize(
    ("label", "seen_pattern", "told_pattern"),
    [
        ("verification", r"unable to get .*issuer", r"unable to get local issuer certificate"),
        ("issued by", r"O=Nobody", r"issuer=.*Nobody"),
    ],
)
def test_a_certificate(label: str, seen_pattern: str, told_pattern: str, tmp_path: Path) -> None:
    with untrusted() as port:
        seen, told = repeated(tmp_path, made_up(port, "wss", "localhost"), label=label)
    assert re.search(seen_pattern, seen), seen
    assert re.search(told_pattern, told), told


def test_an_own_authority_is_named_in_the_command(
    real_server: RunningServer, tmp_path: Path
) -> None:
    """The command verifies where lkdoctor does: the same server answers both."""
    with tls_front(real_server, tmp_path) as port:
        env = real(real_server, LIVEKIT_URL=f"wss://localhost:{port}/none")
        seen, told = repeated(tmp_path, env, "--ca-file", "ca.pem", label="GET /")
    assert seen.startswith("404 Not Found")
    assert told.startswith("HTTP/1.1 404 Not Found\n")


@needs_hosts
def test_a_name_that_does_not_exist(tmp_path: Path) -> None:
    needs.binary("dig")
    with dead_end(NXDOMAIN) as there:
        env = made_up(7880, host="livekit.example")
        told = subprocess.run(
            [*there, "sh", "-c", f"{lkdoctor_command()} diagnose -j --timeout 4"],
            env={n: os.environ[n] for n in KEEP if n in os.environ} | env,
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
            text=True,
        )
        (finding,) = [f for f in json.loads(told.stdout)["findings"] if f["code"] == "dns-nxdomain"]
        command = finding["evidence"][0]["repeat"]
        assert "NXDOMAIN" in shell(command, tmp_path, before=tuple(there))


def lkdoctor_command() -> str:
    return f"'{sys.executable}' -m lkdoctor"


def test_people_see_the_commands_when_they_ask(tmp_path: Path) -> None:
    with nobody() as port:
        shown_when_asked(port, tmp_path)


def shown_when_asked(port: int, tmp_path: Path) -> None:
    env = made_up(port)
    command = f"curl -sS --max-time 10 telnet://127.0.0.1:{port} </dev/null"
    for asked in (["--curl"], ["-v"]):
        for name in ("diagnose", "ws-probe", "rooms list"):
            assert (
                f"Repeat    {command}\n"
                in lkdoctor(*name.split(), *asked, cwd=tmp_path, env=env).out
            )
    plainly = lkdoctor("diagnose", cwd=tmp_path, env=env)
    assert "Repeat" not in plainly.out
    spoken = lkdoctor("diagnose", "--curl", "--accessible", cwd=tmp_path, env=env)
    assert f"command that shows it again: {command}" in spoken.out
    assert SECRET not in plainly.out + spoken.out
