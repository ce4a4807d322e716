"""What a host gets that merely answers as LiveKit does: no token that makes or ends rooms."""

import base64
import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults import peers
from faults.doctor import lkdoctor

from safety.canary import token
from safety.commands import COMMANDS

KEY, SECRET = "APIcaptured", "made-up-for-a-host-that-captures-tokens"


def claims_of(jwt: str) -> dict[str, Any]:
    part = jwt.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


class Host:
    """Keeps every token that it is sent, and says what a server would say, or worse."""

    def __init__(self, answer: str, fresh: Callable[[str], str]) -> None:
        self.tokens: list[str] = []
        self._answer, self._fresh = answer, fresh

    def handle(self, connection: socket.socket) -> None:
        request = peers.head(connection)
        found = re.findall(r"(?i)(?:bearer |access_token=)([\w-]+\.[\w-]+\.[\w-]*)", request)
        self.tokens += found
        given = found[0] if found else ""
        websocket = "upgrade: websocket" in request.lower()
        if not given:
            said = b"no permissions to access the room" if "/rtc" in request else b"OK"
            connection.sendall(peers.reply("401 Unauthorized" if b"no" in said else "200 OK", said))
        elif "/twirp" in request:
            body = b'{"rooms":[],"participants":[]}'
            connection.sendall(peers.reply("200 OK", body, "Content-Type: application/json"))
        elif self._answer == "no room":
            connection.sendall(peers.reply("404 Not Found", b"requested room does not exist"))
        elif websocket:
            self._join(connection, request, given)
        else:
            connection.sendall(peers.reply("200 OK", b"success"))

    def _join(self, connection: socket.socket, request: str, given: str) -> None:
        from livekit.protocol.models import ParticipantInfo, Room
        from livekit.protocol.rtc import JoinResponse, LeaveRequest, SignalResponse

        claims = claims_of(given)
        room = Room(
            sid="RM_1", name=claims["video"]["room"], empty_timeout=300, departure_timeout=20
        )
        joined = JoinResponse(
            room=room,
            participant=ParticipantInfo(sid="PA_1", identity=claims["sub"]),
            server_version="1.5.0",
        )
        connection.sendall(peers.switching(request))
        for message in (
            SignalResponse(join=joined),
            SignalResponse(refresh_token=self._fresh(given)),
        ):
            connection.sendall(peers.frame(2, message.SerializeToString()))
        connection.recv(65536)
        leave = SignalResponse(leave=LeaveRequest())
        connection.sendall(peers.frame(2, leave.SerializeToString()))
        peers.silent(connection)


def spelt_otherwise(jwt: str) -> str:
    """The same token: its last character has two bits to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return jwt[:-1] + alphabet[alphabet.index(jwt[-1]) ^ 1]


def signed_again(jwt: str, secret: str) -> str:
    """The server's own, as before 1.8: without the ``roomConfig``."""
    claims = claims_of(jwt)
    who = {"identity": claims["sub"], "video": claims["video"]}
    return token(KEY, secret, ttl=700, **who)


def of_its_own(jwt: str) -> str:
    return signed_again(jwt, "a-secret-that-the-host-has-made-up-itself")


OFFLINE = {"check-env", "check-room", "token", "explain", "sandbox", "demo", "schema", "completion"}
"""Commands that dial nobody but a stand-in of their own; the others take a time limit."""

DIALLING = [
    name
    for name, words in COMMANDS.items()
    if words[0] not in OFFLINE and not {*words} & {"--create-room", "--dry-run", "--empty-only"}
]
"""But for those in which the user has said by name that a room is to be made or ended."""


def powerful(command: str, host: Host, folder: Path) -> list[dict[str, Any]]:
    """What the tokens say that the command has sent and that make or end rooms."""
    (folder / "token.txt").write_text(token(KEY, SECRET))
    words = COMMANDS[command]
    with peers.peer(host.handle) as port:
        env = {
            "LIVEKIT_URL": f"ws://127.0.0.1:{port}",
            "LIVEKIT_API_KEY": KEY,
            "LIVEKIT_API_SECRET": SECRET,
        }
        ran = lkdoctor(*words, "--timeout", "2", cwd=folder, env=env)
    assert "Traceback" not in ran.err
    said = [claims_of(jwt) for jwt in host.tokens]
    return [claims for claims in said if "roomCreate" in claims.get("video", {})]


@pytest.mark.parametrize(
    "host",
    [
        pytest.param(Host("join", str), id="sends our token back"),
        pytest.param(Host("no room", str), id="says that there is no room"),
    ],
)
@pytest.mark.parametrize("command", DIALLING)
def test_a_host_that_has_proven_nothing_gets_no_token_that_makes_or_ends_rooms(
    command: str, host: Host, tmp_path: Path
) -> None:
    host.tokens.clear()
    assert powerful(command, host, tmp_path) == []


@pytest.mark.parametrize(
    "fresh",
    [
        pytest.param(spelt_otherwise, id="sends our token back, spelt otherwise"),
        pytest.param(of_its_own, id="signs one with a secret of its own"),
        pytest.param(lambda _: "", id="sends none"),
    ],
)
def test_whatever_the_host_sends_in_place_of_a_proof(
    fresh: Callable[[str], str], tmp_path: Path
) -> None:
    host = Host("join", fresh)
    assert powerful("ws-probe", host, tmp_path) == []
    assert host.tokens


@pytest.mark.parametrize(
    ("command", "fresh", "sent"),
    [
        pytest.param(
            "ws-probe", lambda jwt: signed_again(jwt, SECRET), 1, id="it is old, and proven"
        ),
        pytest.param("diagnose, made first", lambda _: "", 2, id="the user said so"),
    ],
)
def test_a_token_that_makes_or_ends_rooms_would_be_seen(
    command: str, fresh: Callable[[str], str], sent: int, tmp_path: Path
) -> None:
    """So that the tests above say something."""
    assert len(powerful(command, Host("join", fresh), tmp_path)) == sent
