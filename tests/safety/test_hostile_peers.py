"""Servers that mean no good, at every step: what they do is a fact, and the report is whole."""

import json
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from faults.peers import Handler, frame, head, like_livekit, peer, silent, switching

from safety.canary import Terminal

COMMANDS = {
    "diagnose": ("diagnose", "--deep"),
    "ws-probe": ("ws-probe", "--hold", "0.2"),
    "ice": ("ice",),
    "rooms list": ("rooms", "list"),
    "rehearse": (
        *("rehearse", "--signal-only", "--booking", "b1"),
        *("--provider", "p", "--client", "c"),
    ),
}

Ending = Callable[[socket.socket], None]


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def finish(connection: socket.socket) -> None:
    connection.close()


def half_close(connection: socket.socket) -> None:
    """Says that it will say no more, and listens."""
    connection.shutdown(socket.SHUT_WR)
    silent(connection)


def after(count: int, ending: Ending) -> Handler:
    """Ends it once so many bytes have come."""

    def handle(connection: socket.socket) -> None:
        left = count
        while left and (received := connection.recv(left)):
            left -= len(received)
        ending(connection)

    return handle


def saying(text: bytes, ending: Ending) -> Handler:
    def handle(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(text)
        ending(connection)

    return handle


def session(sent: bytes, ending: Ending) -> Handler:
    """A healthy LiveKit until the upgrade; after it come these bytes."""

    def upgrade(connection: socket.socket, request: str) -> None:
        connection.sendall(switching(request) + sent)
        ending(connection)

    return like_livekit(upgrade=upgrade)


def message(**fields: Any) -> bytes:
    from livekit.protocol import rtc

    return frame(2, rtc.SignalResponse(**fields).SerializeToString())


def join(*urls: str) -> bytes:
    from livekit.protocol import models, rtc

    joined = rtc.JoinResponse(
        room=models.Room(sid="RM_1", name="r"),
        participant=models.ParticipantInfo(sid="PA_1", identity="p"),
        server_version="1.13.5",
        subscriber_primary=True,
        ping_interval=2**31 - 1,
        ping_timeout=1,
        ice_servers=[rtc.ICEServer(urls=list(urls), username="u\0" * 5000, credential="é\0")],
    )
    return message(join=joined)


def offer(*candidates: str, ufrag: str = "abcd") -> bytes:
    from livekit.protocol import rtc

    lines = (
        "v=0",
        "a=fingerprint:sha-256 x",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "a=mid:0",
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{'p' * 24}",
        *(f"a=candidate:1 1 {candidate}" for candidate in candidates),
    )
    return message(offer=rtc.SessionDescription(type="offer", sdp="\r\n".join(lines)))


URLS = (
    *("", ":", "stun:", "turn:[", "turn:[::1]:99999", "turn:.evil", "turns:\0", "turn:h:²"),
    *("turn:127.0.0.1:0", "turns:.evil.:1?transport=tcp", "stun:999.999.999.999", "http://h/"),
    *("turn:169.254.169.254:80?transport=tcp", "turns:0.0.0.0:22", "stun:224.0.0.1"),
)
CANDIDATES = (
    "udp 1 0.0.0.0 9 typ host",
    "udp 1 255.255.255.255 9 typ host",
    "udp 1 fe80::1%lo 9 typ host",
    "tcp 1 169.254.169.254 80 typ host tcptype passive",
    "udp 1 127.0.0.1 99999 typ host",
    "udp 1 127.1 ² typ",
    "udp 1 x.local 9 typ host",
)

KINDS: dict[str, Handler] = {
    "resets at once": reset,
    "resets after a byte": after(1, reset),
    "resets after fifty": after(50, reset),
    "resets when asked": saying(b"", reset),
    "resets in the status line": saying(b"HTTP/1.1 2", reset),
    "resets in the body": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", reset),
    "resets after the upgrade": session(b"", reset),
    "resets in a frame": session(b"\x82\x7e\x01", reset),
    "resets after the join": session(join(), reset),
    "ends at once": finish,
    "ends in a chunk": saying(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", finish
    ),
    "ends after the join": session(join(), finish),
    "half closes at once": half_close,
    "half closes when asked": saying(b"", half_close),
    "half closes after the join": session(join(), half_close),
    "negative chunk": saying(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", finish
    ),
    "superscript length": saying(b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nOK", finish),
    "a date beyond dates": saying(
        b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 0001 00:00:00 +2359\r\nContent-Length: 0\r\n\r\n",
        finish,
    ),
    "ICE servers of all sorts": session(join(*URLS) + offer(*CANDIDATES), silent),
    "a ufrag without an end": session(join() + offer(*CANDIDATES, ufrag="ü" * 70_000), silent),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_report_is_whole(kind: str, command: str, terminal: Terminal) -> None:
    with peer(KINDS[kind]) as port:
        env = {
            "LIVEKIT_URL": f"ws://127.0.0.1:{port}",
            "LIVEKIT_API_KEY": "APIhostile",
            "LIVEKIT_API_SECRET": "made-up-secret-of-a-test-of-peers",
        }
        shown = terminal.run(*COMMANDS[command], "--timeout", "1", "-j", env=env)
    assert shown.code in {0, 1, 3}, shown.err
    report = json.loads(shown.out)
    assert report["summary"]["exit_code"] == shown.code
    assert [check for check in report["checks"] if check["status"] == "error"] == []
    if kind.startswith("resets"):
        tcp = next(c for c in report["checks"] if c["id"] == "net.tcp")
        assert tcp["status"] == "pass"  # it was connected to, whatever came then
