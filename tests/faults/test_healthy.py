"""The other side of every fault: healthy set-ups raise neither a failure nor a warning."""

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import jwt
import left
import needs
import pytest
import servers
import trustme
from servers import RunningServer

from faults import peers
from faults.doctor import Ran, lkdoctor
from faults.test_faults import real, token
from lkdoctor.sandbox import running_sandbox


def nothing_found(ran: Ran) -> dict[str, object]:
    """The report, seen to be healthy."""
    report = ran.json()
    found = [(f["code"], f["evidence"]) for f in report["findings"] if f["severity"] != "info"]
    states = {c["id"]: c["status"] for c in report["checks"]}
    bad = {i: s for i, s in states.items() if s in {"fail", "warn", "unknown", "error"}}
    assert (found, bad, report["summary"]["verdict"], ran.code) == ([], {}, "healthy", 0)
    return report


def test_a_real_server_of_each_version(each_real_server: RunningServer, tmp_path: Path) -> None:
    report = nothing_found(
        lkdoctor("diagnose", "-o", "json", cwd=tmp_path, env=real(each_real_server))
    )
    assert report["target"]["server"] == each_real_server.version  # type: ignore[index]  # JSON


def test_the_path_that_was_taken_is_told(each_real_server: RunningServer, tmp_path: Path) -> None:
    """Browsers ask for /rtc/v1 first, which servers before 1.9.10 do not have."""
    env = real(each_real_server)
    shown = lkdoctor("ws-probe", "--path", "auto", "--pings", "0", cwd=tmp_path, env=env)
    version = tuple(map(int, each_real_server.version.split(".")))
    path = "/rtc/v1" if version >= (1, 9, 10) else "/rtc: the server does not have /rtc/v1"
    told = dict(line.split(maxsplit=1) for line in shown.out.splitlines() if line.count(" ") > 1)
    assert (shown.code, told["PATH"], "PING" in told) == (0, path, False)


def test_a_real_server_asked_about_a_token(real_server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(token(real_server))
    env = real(real_server)
    report = nothing_found(
        lkdoctor("diagnose", "--token-file", "token", "-o", "json", cwd=tmp_path, env=env)
    )
    assert "joining with the token of alice for room faults" in str(report["summary"])


def test_a_token_without_the_keys(real_server: RunningServer, tmp_path: Path) -> None:
    """Only what a front-end developer has: a URL and a token."""
    (tmp_path / "token").write_text(token(real_server))
    env = real(real_server, LIVEKIT_API_KEY="", LIVEKIT_API_SECRET="")
    ran = lkdoctor("diagnose", "--token-file", "token", "-o", "json", cwd=tmp_path, env=env)
    report = nothing_found(ran)
    join = next(c for c in report["checks"] if c["id"] == "signal.join")  # type: ignore[attr-defined]  # JSON
    assert (join["status"], join["skip_reason"]) == ("skip", "needs_consent")


def test_a_booking(real_server: RunningServer, tmp_path: Path) -> None:
    arguments = ("--booking", "b1", "--user", "u1", "--role", "provider", "-o", "json")
    nothing_found(lkdoctor("diagnose", *arguments, cwd=tmp_path, env=real(real_server)))


def test_a_server_of_one_key_proves_that_it_holds_the_secret(tmp_path: Path) -> None:
    with running_sandbox() as sandbox:
        env = {
            "LIVEKIT_URL": sandbox.url,
            "LIVEKIT_API_KEY": sandbox.api_key,
            "LIVEKIT_API_SECRET": sandbox.api_secret,
        }
        ran = lkdoctor("diagnose", "-o", "json", cwd=tmp_path, env=env)
    assert ran.json()["facts"]["signal"]["proven"] is True


@pytest.mark.parametrize("version", [servers.NEWEST, "1.5.0"])
def test_rooms_that_are_not_made_by_joining(version: str, tmp_path: Path) -> None:
    """Nothing is wrong; what a join would have shown is not known, unless the room is made."""
    try:
        with servers.livekit_server(version, config={"room": {"auto_create": False}}) as server:
            env = real(server)
            alone = lkdoctor("diagnose", "-o", "json", cwd=tmp_path, env=env).json()
            made = lkdoctor("diagnose", "--create-room", "-o", "json", cwd=tmp_path, env=env)
            left_there = left.staying(server)
    except servers.ServerMissingError as missing:
        needs.missing(str(missing))
    assert [f["code"] for f in alone["findings"] if f["severity"] != "info"] == []
    states = {c["id"]: c["status"] for c in alone["checks"]}
    assert (states["signal.validate"], states["signal.join"]) == ("pass", "unknown")
    assert alone["summary"]["exit_code"] == 3
    assert alone["facts"]["signal"]["clean_up"] is None
    nothing_found(made)
    assert left_there == set()


@contextlib.contextmanager
def tls_front(server: RunningServer, tmp_path: Path) -> Iterator[int]:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    with peers.peer(peers.relay(server.port, lambda request: request), tls=context) as port:
        yield port


def test_behind_tls(real_server: RunningServer, tmp_path: Path) -> None:
    with tls_front(real_server, tmp_path) as port:
        env = real(real_server, LIVEKIT_URL=f"wss://localhost:{port}")
        nothing_found(
            lkdoctor("diagnose", "--ca-file", "ca.pem", "-o", "json", cwd=tmp_path, env=env)
        )


def test_behind_a_path_prefix(real_server: RunningServer, tmp_path: Path) -> None:
    def strip(request: bytes) -> bytes:
        return request.replace(b" /livekit/sfu/", b" /", 1)

    with peers.peer(peers.relay(real_server.port, strip)) as port:
        env = real(real_server, LIVEKIT_URL=f"ws://127.0.0.1:{port}/livekit/sfu")
        nothing_found(lkdoctor("diagnose", "-o", "json", cwd=tmp_path, env=env))


@pytest.mark.parametrize("command", ["diagnose", "ws-probe", "check-env", "rooms list"])
def test_the_cards_commands_as_they_are_written(
    command: str, real_server: RunningServer, tmp_path: Path
) -> None:
    """With the variables in .env.local and nothing else."""
    lines = "".join(f"{name}={value}\n" for name, value in real(real_server).items())
    (tmp_path / ".env.local").write_text(lines)
    ran = lkdoctor(*command.split(), cwd=tmp_path)
    assert (ran.code, "FAIL" in ran.out) == (0, False), ran.out
    # Before the server was asked, localhost in a container is worth a word.
    assert command == "check-env" or "WARN" not in ran.out, ran.out


def test_the_cards_token_is_one_that_the_server_takes(
    real_server: RunningServer, tmp_path: Path
) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in real(real_server).items())
    (tmp_path / ".env.local").write_text(lines)
    minted = lkdoctor("token", "--booking", "b1", "--user", "u1", cwd=tmp_path)
    assert minted.code == 0
    claims = jwt.decode(minted.out.strip(), real_server.long_secret, algorithms=["HS256"])
    assert (claims["sub"], claims["video"]["room"]) == ("u1", "booking-b1")
    probed = lkdoctor("ws-probe", "--token-file", "-", cwd=tmp_path, stdin=minted.out)
    assert probed.code == 0, probed.out
