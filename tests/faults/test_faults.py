"""Every fault, made for real: the command line names its cause first, on the screen and in JSON.

Each row brings about one fault from an otherwise healthy set-up and says which code must stand
first; `test_healthy.py` holds the other side.
"""

import contextlib
import json
import shlex
import socket
import ssl
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import needs
import pytest
import trustme
from servers import DEV_KEY, DEV_SECRET, RunningServer, livekit_server
from websockets.sync.client import connect

from faults import peers
from faults.doctor import lkdoctor, verdict_on_screen
from lkdoctor.clock import SystemClock
from lkdoctor.sandbox import Fault, running_sandbox

KEY = "APIfaults000001"
SECRET = "made-up-for-tests-7k2m9x4w1q-8n3v6z5t0r3f"


class Setup(NamedTuple):
    """Where lkdoctor runs and what it is told."""

    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    files: Mapping[str, str] = {}


Steps = Callable[[RunningServer, Path], Iterator[Setup]]
Bring = Callable[[RunningServer, Path], contextlib.AbstractContextManager[Setup]]
ROWS: list[Any] = []


def fault(
    code: str, name: str = "", *, command: str = "diagnose", linux: bool = False
) -> Callable[[Steps], None]:
    """Register a way to bring a fault about."""

    def register(bring: Steps) -> None:
        identifier = f"{code}: {name}" if name else code
        marks = [
            pytest.mark.skipif(
                linux and sys.platform != "linux", reason="needs Linux's way with a full backlog"
            )
        ]
        ROWS.append(
            pytest.param(
                contextlib.contextmanager(bring), command, code, id=identifier, marks=marks
            )
        )

    return register


@pytest.mark.parametrize(("bring", "command", "code"), ROWS)
def test_the_cause_is_named_first(
    bring: Bring, command: str, code: str, real_server: RunningServer, tmp_path: Path
) -> None:
    with bring(real_server, tmp_path) as setup:
        for name, text in setup.files.items():
            (tmp_path / name).write_bytes(text.encode())
        arguments = (*command.split(), *setup.arguments)
        told = lkdoctor(*arguments, "-o", "json", cwd=tmp_path, env=setup.env)
        shown = lkdoctor(*arguments, cwd=tmp_path, env=setup.env)
    report = told.json()
    seen = [(f["code"], f["severity"], f["confidence"]) for f in report["findings"]]
    assert report["findings"], told.out[:2000]
    # A note is no verdict; it stands first only where nothing is wrong.
    primary = None if seen[0][1] == "info" else code
    assert (seen[0][0], report["summary"]["primary"]) == (code, primary), seen
    assert verdict_on_screen(shown.out) == code, shown.out
    assert (told.code, shown.code) == (report["summary"]["exit_code"],) * 2
    if seen[0][1] == "error":
        # rooms says 3 of a server that did not answer: the rooms are not known.
        unanswered = command == "rooms list" and code in {"http-silent", "http-slow"}
        assert told.code == (3 if unanswered else 1)
    assert "Traceback" not in told.err + shown.err


# ------------------------------------------------------------------ helpers


def real(server: RunningServer, **changes: str) -> dict[str, str]:
    """The variables of a healthy set-up, with changes."""
    env = {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.long_key,
        "LIVEKIT_API_SECRET": server.long_secret,
    }
    return {name: value for name, value in (env | changes).items() if value != ""}


def made_up(port: int, scheme: str = "ws", host: str = "127.0.0.1") -> dict[str, str]:
    return {
        "LIVEKIT_URL": f"{scheme}://{host}:{port}",
        "LIVEKIT_API_KEY": KEY,
        "LIVEKIT_API_SECRET": SECRET,
    }


@contextlib.contextmanager
def beside(handler: peers.Handler, *arguments: str) -> Iterator[Setup]:
    """Diagnose a misbehaving server."""
    with peers.peer(handler) as port:
        yield Setup(("--timeout", "3", *arguments), made_up(port))


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[tuple[int, Callable[[], None]]]:
    """A redis-server on loopback, and what stops it."""
    binary = needs.binary("redis-server")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    words = f"--port {port} --bind 127.0.0.1 --dir {folder} --save '' --appendonly no"
    running = subprocess.Popen(
        [binary, *shlex.split(words)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )

    def stop() -> None:
        running.kill()
        running.communicate()

    try:
        assert running.stdout is not None
        for line in running.stdout:
            if b"ready to accept connections" in line.lower():
                break
        yield port, stop
    finally:
        if running.poll() is None:
            stop()


@contextlib.contextmanager
def occupied(server: RunningServer, room: str) -> Iterator[None]:
    """Somebody sits in a room of this name until the block ends."""
    given = token(server, sub="ann", video={"roomJoin": True, "room": room})
    with connect(f"{server.url}/rtc?access_token={given}&auto_subscribe=0", proxy=None) as ann:
        ann.recv(timeout=10)
        yield


def token(server: RunningServer, **changes: Any) -> str:
    """A good token with changes; None takes a claim away."""
    now = int(datetime.now(UTC).timestamp())
    claims = {
        "iss": server.long_key,
        "sub": "alice",
        "nbf": now - 5,
        "exp": now + 600,
        "video": {"roomJoin": True, "room": "faults"},
    } | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, server.long_secret, algorithm="HS256")


def with_token(server: RunningServer, text: str, **changes: str) -> Setup:
    return Setup(("--token-file", "token"), real(server, **changes), {"token": text})


# ------------------------------------------------------------------ environment


@fault("env-missing", command="check-env")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env={"LIVEKIT_URL": server.url})


@fault("env-placeholder", command="check-env")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_API_KEY="your-api-key"))


@fault("env-placeholder", "asked of a real server")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_API_KEY="your-api-key", LIVEKIT_API_SECRET="your-secret"))


@fault("env-reference-outside", command="check-env")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    env = real(server)
    host = env.pop("LIVEKIT_URL").removeprefix("ws://")
    yield Setup(env=env | {"RTC_HOST": host}, files={".env": "LIVEKIT_URL=ws://${RTC_HOST}\n"})


@fault("env-value-dirty", "quotes kept", command="check-env")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_API_SECRET=f'"{server.long_secret}"'))


@fault("env-value-dirty", "quotes kept, asked of a real server")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_API_SECRET=f'"{server.long_secret}"'))


@fault("env-value-dirty", "a blank behind the URL")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_URL=server.url + " "))


@fault("env-key-secret-swapped")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(
        env=real(server, LIVEKIT_API_KEY=server.long_secret, LIVEKIT_API_SECRET=server.long_key)
    )


@fault("env-project-mismatch")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_API_KEY="APIofAnotherProj"))


@fault("env-cloud-key-on-local-server", "asked of a real server that runs with --dev")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with livekit_server(config={"development": True}, keys={DEV_KEY: DEV_SECRET}) as dev:
        env = {"LIVEKIT_API_KEY": "APIxk2Lm4Np6Qr8", "LIVEKIT_API_SECRET": SECRET}
        yield Setup(env={"LIVEKIT_URL": dev.url, **env})


@fault("env-cloud-key-on-local-server", command="check-env")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    yield Setup(
        env={
            "LIVEKIT_URL": "wss://demo-x4k2.livekit.cloud",
            "LIVEKIT_API_KEY": "devkey",
            "LIVEKIT_API_SECRET": "secret",
        }
    )


@fault("env-file-precedence", command="check-env")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    lines = "".join(f"{name}={value}\n" for name, value in real(server).items())
    yield Setup(files={".env": lines, ".env.local": "LIVEKIT_URL=ws://127.0.0.1:7880\n"})


@fault("env-secret-public-prefix", command="check-env")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, NEXT_PUBLIC_LIVEKIT_API_SECRET=server.long_secret))


@fault("env-internal-vs-public-url", command="check-env")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, NEXT_PUBLIC_LIVEKIT_URL="ws://livekit:7880"))


# ------------------------------------------------------------------ URL


@fault("env-file-unreadable", command="check-env")
def _(server: RunningServer, folder: Path) -> Iterator[Setup]:
    (folder / ".env").mkdir()
    yield Setup(env=real(server))


@fault("url-other-service", command="check-env")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_URL="wss://cloud.livekit.io"))


@fault("url-invalid-hang")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_URL="undefined"))


@fault("url-no-scheme")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_URL=server.url.removeprefix("ws://")))


@fault("url-tls-mismatch", "wss on a plain port")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_URL=server.url.replace("ws:", "wss:")))


@fault("url-wrong-port", "the port of ICE over TCP")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(livekit_server(config={"rtc": {"tcp_port": 7881}}))
        except RuntimeError:  # another LiveKit on this machine has the port: as good
            server = stack.enter_context(livekit_server())
        yield Setup(("--timeout", "3"), real(server, LIVEKIT_URL="ws://127.0.0.1:7881"))


@fault("url-wrong-port", "the port of TURN over TLS, where nobody listens")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(("--timeout", "3"), real(server, LIVEKIT_URL="ws://127.0.0.1:5349"))


@fault("url-path", "/rtc is written, too")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_URL=server.url + "/rtc"))


@fault("url-redirect")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    location = "Location: https://www.example.com/"
    with beside(peers.always(peers.reply("301 Moved Permanently", b"", location))) as setup:
        yield setup


@fault("url-not-livekit")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    page = b"<!doctype html><html><title>My app</title></html>"
    with beside(peers.always(peers.reply("200 OK", page, "Content-Type: text/html"))) as setup:
        yield setup


@fault("url-not-livekit", "a health check that says OK to everything")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.always(peers.reply("200 OK", b"OK"))) as setup:
        yield setup


@fault("url-tls-mismatch", "ws on a port that hangs up without TLS")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with peers.peer(peers.always(peers.reply("200 OK", b"OK")), tls=context) as port:
        yield Setup(("--timeout", "3"), made_up(port))


# ------------------------------------------------------------------ TCP and TLS


@fault("tcp-refused")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    with socket.socket() as bound:  # so that nobody else gets the port; nobody listens there
        bound.bind(("127.0.0.1", 0))
        yield Setup(env=real(server, LIVEKIT_URL=f"ws://127.0.0.1:{bound.getsockname()[1]}"))


@fault("tcp-timeout", linux=True)
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    with peers.full_backlog() as port:
        yield Setup(("--timeout", "1"), real(server, LIVEKIT_URL=f"ws://127.0.0.1:{port}"))


@contextlib.contextmanager
def over_tls(
    tmp_path: Path, *, trusted: bool, names: tuple[str, ...] = ("localhost",), days: int = 30
) -> Iterator[Setup]:
    ca = trustme.CA()
    ends = datetime.now(UTC) + timedelta(days=days)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, not_before=ends - timedelta(days=60), not_after=ends).configure_cert(
        server
    )
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    with peers.peer(peers.always(peers.reply("200 OK", b"OK")), tls=server) as port:
        arguments = ("--ca-file", "ca.pem") if trusted else ()
        yield Setup(("--timeout", "5", *arguments), made_up(port, "wss", "localhost"))


@fault("tls-untrusted")
def _(_: RunningServer, tmp_path: Path) -> Iterator[Setup]:
    with over_tls(tmp_path, trusted=False) as setup:
        yield setup


@fault("tls-hostname")
def _(_: RunningServer, tmp_path: Path) -> Iterator[Setup]:
    with over_tls(tmp_path, trusted=True, names=("rtc.example.com",)) as setup:
        yield setup


@fault("tls-expired")
def _(_: RunningServer, tmp_path: Path) -> Iterator[Setup]:
    with over_tls(tmp_path, trusted=True, days=-2) as setup:
        yield setup


@fault("tls-not-yet-valid")
def _(_: RunningServer, tmp_path: Path) -> Iterator[Setup]:
    with over_tls(tmp_path, trusted=True, days=90) as setup:
        yield setup


@fault("tls-expires-soon")
def _(server: RunningServer, tmp_path: Path) -> Iterator[Setup]:
    ca = trustme.CA()
    front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.now(UTC) + timedelta(days=2)
    ca.issue_cert("localhost", not_after=ends).configure_cert(front)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    with peers.peer(peers.relay(server.port, lambda request: request), tls=front) as port:
        env = real(server, LIVEKIT_URL=f"wss://localhost:{port}")
        yield Setup(("--ca-file", "ca.pem"), env)


@fault("tls-not-spoken")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    def greet(connection: socket.socket) -> None:
        connection.sendall(b"220 mail.example ESMTP\r\n")
        peers.silent(connection)

    with peers.peer(greet) as port:
        yield Setup(("--timeout", "4"), made_up(port, "wss", "localhost"))


@fault("tls-handshake-failed")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    """An alert of handshake_failure (RFC 8446 section 6)."""

    def refuse(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(bytes.fromhex("15 0303 0002 02 28"))

    with peers.peer(refuse) as port:
        yield Setup(("--timeout", "4"), made_up(port, "wss", "localhost"))


@fault("tls-timeout")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with peers.peer(peers.silent) as port:
        yield Setup(("--timeout", "2"), made_up(port, "wss", "localhost"))


# ------------------------------------------------------------------ proxies


@fault("proxy-upgrade-stripped")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    with peers.peer(peers.relay(server.port, peers.without_upgrade)) as port:
        yield Setup(env=real(server, LIVEKIT_URL=f"ws://127.0.0.1:{port}"))


@fault("proxy-upstream-down")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    page = b"<html><center><h1>502 Bad Gateway</h1></center><hr>nginx</html>"
    answer = peers.reply("502 Bad Gateway", page, "Server: nginx/1.24.0", "Content-Type: text/html")
    with beside(peers.always(answer)) as setup:
        yield setup


@fault("api-not-routed")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    with peers.peer(peers.relay(server.port, peers.only_rtc)) as port:
        yield Setup(env=real(server, LIVEKIT_URL=f"ws://127.0.0.1:{port}"))


# ------------------------------------------------------------------ tokens


@fault("token-not-jwt")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield with_token(server, "[object Promise]")


@fault("token-alg")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    claims = jwt.decode(token(server), options={"verify_signature": False})
    yield with_token(server, jwt.encode(claims, server.long_secret * 2, algorithm="HS512"))


@fault("token-bad-signature", "with the secret at hand")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    claims = jwt.decode(token(server), options={"verify_signature": False})
    yield with_token(server, jwt.encode(claims, SECRET, algorithm="HS256"))


@fault("token-bad-signature", "by the server's word alone")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    claims = jwt.decode(token(server), options={"verify_signature": False})
    text = jwt.encode(claims, SECRET, algorithm="HS256")
    yield with_token(server, text, LIVEKIT_API_KEY="", LIVEKIT_API_SECRET="")


@fault("token-bad-signature", "of our own, by a wrong secret")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_API_SECRET=SECRET))


@fault("token-unknown-key")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield with_token(server, token(server, iss="APIunknown00001"))


@fault("token-unknown-key", "by the server's word alone")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    text = token(server, iss="APIunknown00001")
    yield with_token(server, text, LIVEKIT_API_KEY="", LIVEKIT_API_SECRET="")


@fault("token-expired")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    now = int(datetime.now(UTC).timestamp())
    yield with_token(server, token(server, nbf=now - 7200, exp=now - 3600))


@fault("token-no-exp")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield with_token(server, token(server, exp=None))


@fault("token-time-units")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    now = int(datetime.now(UTC).timestamp())
    yield with_token(server, token(server, exp=(now + 600) * 1000))


@fault("token-no-video-grant")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield with_token(server, token(server, video=None))


@fault("token-roomjoin-missing")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield with_token(server, token(server, video={"room": "faults"}))


@fault("token-grant-misspelt")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield with_token(server, token(server, video={"room_join": True, "room": "faults"}))


@fault("token-room-missing")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield with_token(server, token(server, video={"roomJoin": True}))


@fault("token-identity-missing")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield with_token(server, token(server, sub=None))


@fault("token-limits")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield with_token(server, token(server, video={"roomJoin": True, "room": "r" * 257}))


@fault("token-secret-too-short", command="token decode")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    claims = jwt.decode(token(server), options={"verify_signature": False})
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        text = jwt.encode(claims, "too-short", algorithm="HS256")
    here = {"LIVEKIT_URL": "wss://rtc.example.com", "LIVEKIT_API_SECRET": "too-short"}
    yield Setup(("@token",), real(server, **here), {"token": text})


@fault("clock-mint-ahead")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    now = int(datetime.now(UTC).timestamp())
    yield with_token(server, token(server, nbf=now + 600, exp=now + 1200))


@fault("clock-mint-ahead", "of our own, to a server that does not tell its time")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(at_another_time(None, b"token is not valid yet")) as setup:
        yield setup


@fault("clock-server-wrong")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(at_another_time(7200, b"token has invalid claims: token is expired")) as setup:
        yield setup


@fault("clock-server-wrong", "behind, and our own token comes from the future")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(at_another_time(-7200, b"token is not valid yet")) as setup:
        yield setup


def at_another_time(seconds: float | None, error: bytes) -> peers.Handler:
    """A server whose clock is off, and which refuses fresh tokens for it."""
    told = () if seconds is None else (peers.date(seconds),)
    refusal = peers.reply("401 Unauthorized", b"invalid token: x, error: " + error, *told)
    return peers.like_livekit(
        root=peers.reply("200 OK", b"OK", *told),
        upgrade=peers.saying(refusal),
        validate=refusal,
    )


@fault("clock-server-wrong", "a token that is good here is over there")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    with elsewhen(server, 7200) as url:
        yield with_token(server, token(server), LIVEKIT_URL=url)


@fault("clock-server-wrong", "a token that is good here has not begun there")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    with elsewhen(server, -7200) as url:
        yield with_token(server, token(server), LIVEKIT_URL=url)


@fault("clock-server-wrong", "a token from the future, for a server that looks at iat")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    now = int(datetime.now(UTC).timestamp())
    with elsewhen(server, -7200, version="1.11.0") as url:
        fresh = token(server, nbf=None, iat=now)
        yield with_token(server, fresh, LIVEKIT_URL=url)


@fault("token-expired", "over by every clock, also by one that is ahead")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    now = int(datetime.now(UTC).timestamp())
    with elsewhen(server, 7200) as url:
        old = token(server, nbf=now - 86_400, exp=now - 3600)
        yield with_token(server, old, LIVEKIT_URL=url)


@fault("token-expired", "over, beside a difference that servers forgive")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    now = int(datetime.now(UTC).timestamp())
    with elsewhen(server, 45) as url:
        old = token(server, nbf=now - 86_400, exp=now - 3600)
        yield with_token(server, old, LIVEKIT_URL=url)


@contextlib.contextmanager
def elsewhen(server: RunningServer, seconds: float, version: str | None = None) -> Iterator[str]:
    """A server with the same keys whose clock is ahead by so much; its URL."""

    class Shifted(SystemClock):
        def now(self) -> float:
            return super().now() + seconds

    keys = {server.long_key: server.long_secret}
    with running_sandbox(keys=keys, clock=Shifted(), version=version) as sandbox:
        yield sandbox.url


# ------------------------------------------------------------------ a fault of the sandbox; all are in tests/sandbox


@fault("token-expired", "every token, by the server's word alone")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with running_sandbox(faults=[Fault.EXPIRED_TOKEN]) as sandbox:
        env = {n: v for n, v in sandbox.environment().items() if n != "LIVEKIT_TOKEN"}
        yield Setup(env=env)


# ------------------------------------------------------------------ signalling


@fault("signal-timeout")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.like_livekit(upgrade=peers.saying(None))) as setup:
        yield setup


@fault("signal-room-full", "by the upgrade's answer")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    full = peers.reply("500 Internal Server Error", b"connection closed by media")
    with beside(peers.like_livekit(upgrade=peers.saying(full))) as setup:
        yield setup


@fault("signal-room-full", "by the API's view of the room, before anybody joins")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    """The room's one place is taken a moment ago: num_participants still says 0."""
    room = f"full-{uuid.uuid4()}"
    video = {"roomCreate": True, "roomJoin": True, "room": room}
    bearer = {"Authorization": f"Bearer {token(server, video=video, sub='first')}"}
    made = urllib.request.Request(
        f"{server.http_url}/twirp/livekit.RoomService/CreateRoom",
        data=json.dumps({"name": room, "max_participants": 1}).encode(),
        headers={**bearer, "Content-Type": "application/json"},
    )
    urllib.request.urlopen(made, timeout=10).close()
    with connect(f"{server.url}/rtc?protocol=9", additional_headers=bearer) as first:
        first.recv(timeout=10)
        yield with_token(server, token(server, video={"roomJoin": True, "room": room}))


@fault("signal-leave-on-connect")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    from livekit.protocol.models import DisconnectReason
    from livekit.protocol.rtc import LeaveRequest, SignalResponse

    leave = SignalResponse(leave=LeaveRequest(reason=DisconnectReason.STATE_MISMATCH))
    sent = peers.frame(2, leave.SerializeToString())
    with beside(peers.like_livekit(upgrade=peers.then(sent))) as setup:
        yield setup


@fault("server-not-ready")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    said = peers.reply("406 Not Acceptable", b"Not Ready\nNode Updated At 2026-01-01")
    with beside(peers.like_livekit(root=said, upgrade=peers.saying(None))) as setup:
        yield setup


@fault("signal-handshake-invalid", "a wrong Accept")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    def wrong(connection: Any, request: str) -> None:
        connection.sendall(peers.switching(request, accept="AAAAAAAAAAAAAAAAAAAAAAAAAAA="))
        peers.silent(connection)

    with beside(peers.like_livekit(upgrade=wrong)) as setup:
        yield setup


@fault("signal-silent-after-upgrade")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.like_livekit(upgrade=peers.then())) as setup:
        yield setup


@fault("signal-dropped-after-upgrade")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.like_livekit(upgrade=peers.then(stay=False))) as setup:
        yield setup


@fault("signal-closed-after-upgrade")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    close = peers.frame(8, (1011).to_bytes(2, "big") + b"oops")
    with beside(peers.like_livekit(upgrade=peers.then(close))) as setup:
        yield setup


@fault("signal-not-livekit", "a text message")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.like_livekit(upgrade=peers.then(peers.frame(1, b"hello")))) as setup:
        yield setup


@fault("signal-not-livekit", "bytes that are no protobuf")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    sent = peers.frame(2, b"\xff\xff\xff\xff not protobuf")
    with beside(peers.like_livekit(upgrade=peers.then(sent))) as setup:
        yield setup


@fault("signal-frame-invalid")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.like_livekit(upgrade=peers.then(b"\xf3\x7f\x00\x00garbage"))) as setup:
        yield setup


@fault("signal-message-too-large")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    huge = peers.frame(2, b"\x00" * 65536, claim=1 << 40)
    with beside(peers.like_livekit(upgrade=peers.then(huge))) as setup:
        yield setup


@fault("signal-message-too-large", "empty fragments without end")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    def flood(connection: Any, request: str) -> None:
        connection.sendall(peers.switching(request) + b"\x02\x00")
        while True:
            connection.sendall(b"\x00\x00" * 10_000)

    with beside(peers.like_livekit(upgrade=flood)) as setup:
        yield setup


@fault("signal-cut-after-join", "the connection ends")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.like_livekit(upgrade=peers.then(peers.join_response(), stay=False))) as setup:
        yield setup


@fault("signal-cut-after-join", "the app's backend deletes the room", command="ws-probe")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    from livekit.protocol.models import DisconnectReason
    from livekit.protocol.rtc import LeaveRequest, SignalResponse

    leave = SignalResponse(leave=LeaveRequest(reason=DisconnectReason.ROOM_DELETED))
    sent = peers.frame(2, leave.SerializeToString())
    with beside(peers.like_livekit(upgrade=peers.then(peers.join_response(), sent))) as setup:
        yield setup


@fault("signal-closed-early", "the upgrade alone")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.like_livekit(upgrade=lambda connection, _: connection.close())) as setup:
        yield setup


# ------------------------------------------------------------------ versions, nodes, rooms


@fault("signal-v1-vs-old-server")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with livekit_server("1.8.4") as old:
        yield Setup(env=real(old))


@fault("signal-400-hidden")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with livekit_server(config={"limit": {"max_room_name_length": 4}}) as strict:
        yield with_token(strict, token(strict))


@fault("signal-5xx-bus")
def _(_: RunningServer, folder: Path) -> Iterator[Setup]:
    """Redis is there when the server starts, and then no more."""
    with (
        redis(folder) as (port, stop),
        livekit_server(config={"redis": {"address": f"127.0.0.1:{port}"}}) as server,
    ):
        stop()
        yield Setup(env=real(server))


@fault("server-no-nodes")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    full = peers.reply("500 Internal Server Error", b"could not find any available nodes")
    with beside(peers.like_livekit(upgrade=peers.saying(full))) as setup:
        yield setup


@fault("server-restart-drain")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    from livekit.protocol.models import DisconnectReason
    from livekit.protocol.rtc import LeaveRequest, SignalResponse

    leave = SignalResponse(leave=LeaveRequest(reason=DisconnectReason.SERVER_SHUTDOWN))
    sent = peers.frame(2, leave.SerializeToString())
    with beside(peers.like_livekit(upgrade=peers.then(sent))) as setup:
        yield setup


@fault("server-room-timeouts")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    room = f"short-{uuid.uuid4()}"
    video = {"roomCreate": True, "room": room}
    made = urllib.request.Request(
        f"{server.http_url}/twirp/livekit.RoomService/CreateRoom",
        data=json.dumps({"name": room, "departure_timeout": 2}).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {token(server, video=video)}",
        },
    )
    with urllib.request.urlopen(made, timeout=10) as answered:
        assert answered.status == 200
    yield Setup(("--room", room), real(server))


# ------------------------------------------------------------------ what a token does not allow


WATCHING = """\
[roles.client]
roomJoin = true
canPublish = {publish}
canSubscribe = {subscribe}
hidden = {hidden}
"""


def as_client(server: RunningServer, **grants: str) -> Setup:
    """A booking whose client gets these grants."""
    allowed = {"publish": "true", "subscribe": "true", "hidden": "false"} | grants
    arguments = ("--booking", "b1", "--user", "u1", "--role", "client")
    return Setup(arguments, real(server), {"lkdoctor.toml": WATCHING.format(**allowed)})


@fault("token-claim-type")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield with_token(server, token(server, video={"roomJoin": "true", "room": "faults"}))


@fault("identity-in-room")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    given = token(server, sub=f"alice-{uuid.uuid4()}")
    with connect(f"{server.url}/rtc?access_token={given}&auto_subscribe=0", proxy=None) as alice:
        alice.recv(timeout=10)
        setup = with_token(server, given)
        yield setup._replace(env=real(server))


def named(server: RunningServer, name: str) -> Setup:
    return Setup(("--room", name), real(server))


def seated(server: RunningServer, identity: str) -> Setup:
    return Setup(("--booking", "1042", "--user", identity), real(server))


@fault("name-refused")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield named(server, "r" * 257)


@fault("name-placeholder")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield named(server, "undefined")


@fault("name-treacherous")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield named(server, "booking\u200b-1042")


@fault("name-url-unsafe")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield named(server, "booking?1042")


@fault("name-file-unsafe")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield named(server, "con")


@fault("name-off-template")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    rules = {"lkdoctor.toml": '[booking]\nroom = "booking-{booking}"\n'}
    yield named(server, "consultation-1042")._replace(files=rules)


@fault("room-name-mismatch")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    name = f"booking-{uuid.uuid4()}"
    with occupied(server, name):
        yield Setup(("--room", name.capitalize()), real(server))


@fault("identity-collision")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield seated(server, "user")


@fault("identity-number")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield seated(server, "1042")


@fault("room-not-found")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with livekit_server(config={"room": {"auto_create": False}}) as server:
        yield with_token(server, token(server))


@fault("api-not-found")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(("--room", f"booking-{uuid.uuid4()}"), real(server))


@fault("token-publish-denied")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield as_client(server, publish="false")


@fault("token-publish-denied", "of nobody knows whom")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    video = {"roomJoin": True, "room": "faults", "canPublish": False}
    yield with_token(server, token(server, video=video))


@fault("token-subscribe-denied")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield as_client(server, subscribe="false")


@fault("token-hidden-or-recorder")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield as_client(server, hidden="true")


@fault("token-auth-header")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_URL=f"ws://anna:made-up@127.0.0.1:{server.port}"))


@fault("token-prefetched-short-ttl")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    now = int(datetime.now(UTC).timestamp())
    yield with_token(server, token(server, nbf=now - 570, exp=now + 50))


@fault("env-lk-default-localhost")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield Setup(env=real(server, LIVEKIT_URL="", LIVEKIT_WS_URL=server.url))


# ------------------------------------------------------------------ below HTTP


@fault("http-closed-early", "at once")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.closing) as setup:
        yield setup


@fault("http-closed-early", "with a reset")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.resetting) as setup:
        yield setup


@fault("http-silent")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.silent) as setup:
        yield setup


@fault("http-slow")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.dripping) as setup:
        yield setup


@fault("http-not-http")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.garbage) as setup:
        yield setup


@fault("http-silent", "asked for rooms", command="rooms list")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.silent) as setup:
        yield setup


@fault("http-slow", "asked for rooms", command="rooms list")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.dripping) as setup:
        yield setup


@fault("http-too-large", "a header without end")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a" * 65536)) as setup:
        yield setup


# ------------------------------------------------------------------ rooms


@fault("signal-rate-limited", command="rooms list")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    with beside(peers.always(peers.reply("429 Too Many Requests", b"slow down"))) as setup:
        yield setup


@fault("url-not-livekit", "somebody else's JSON", command="rooms list")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    said = peers.reply("200 OK", b'{"ok":true}', "Content-Type: application/json")
    with beside(peers.always(said)) as setup:
        yield setup


@fault("server-refused", "a web application firewall's 406", command="rooms list")
def _(_: RunningServer, __: Path) -> Iterator[Setup]:
    page = b"<html><title>Not Acceptable!</title></html>"
    with beside(
        peers.always(peers.reply("406 Not Acceptable", page, "Content-Type: text/html"))
    ) as setup:
        yield setup


@fault("api-permission", command="rooms list")
def _(server: RunningServer, _: Path) -> Iterator[Setup]:
    yield with_token(server, token(server), LIVEKIT_API_KEY="", LIVEKIT_API_SECRET="")
