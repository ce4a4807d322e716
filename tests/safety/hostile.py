"""Servers that put a text of their choice wherever an answer has room for one."""

import base64
import socket
import urllib.parse
from collections.abc import Callable

from faults.peers import MAGIC, Handler, frame, head, like_livekit, reply, silent, switching

Say = Callable[[str], str]
"""From the head of a request to the text that is put into the answer."""

__all__ = ["MAGIC", "MODES", "Say", "echo", "literally"]


def echo(request: str) -> str:
    """All that was sent, in the spellings that servers and proxies are known to use."""
    secrets = [
        value.split(" ", 1)[-1]
        for name, _, value in (line.partition(": ") for line in request.split("\r\n"))
        if name.lower() == "authorization"
    ]
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.split(" ")[1]).query)
    secrets += [value for values in query.values() for value in values]
    parts: list[str] = []
    for secret in secrets or [""]:
        parts += (
            secret,
            urllib.parse.quote(secret, safe=""),
            secret.upper(),
            secret.lower(),
            base64.b64encode(secret.encode()).decode(),
            base64.b64encode(b"k" + secret.encode()).decode(),
            secret.encode().hex(),
            f"İ {secret.swapcase()}",
            secret[:20],
            secret[20:70],
            secret[70:],
            f'"{secret}"',
        )
    return " ".join(parts)


def literally(text: str) -> Say:
    """The same text whatever was asked."""
    return lambda _: text


def in_header(text: str) -> str:
    """What a header line can hold of it: no line ends."""
    return text.replace("\r", " ").replace("\n", " ")


def answers(status: str, say: Say, *, redirect_to: str = "") -> Handler:
    """Every request gets this status, the text in the reason, in headers and in the body."""

    def handle(connection: socket.socket) -> None:
        request = head(connection)
        if not request:
            return
        text = say(request)
        code, _, reason = status.partition(" ")
        line = in_header(text).encode("utf-8", "replace").decode("latin-1")
        headers = (f"Server: {line}", f"X-Echo: {line}", f"WWW-Authenticate: Bearer {line}")
        location = (f"Location: {redirect_to}?access_token={line}",) if redirect_to else ()
        said = reply(
            "STATUS", f"{reason}: {text}".encode("utf-8", "replace"), "Content-Type: text/plain"
        )
        lines = "\r\n".join((*headers, *location)).encode("latin-1")
        first = f"HTTP/1.1 {code} {reason} {line[:200]}".encode("latin-1")
        connection.sendall(
            said.replace(b"HTTP/1.1 STATUS", first, 1).replace(
                b"\r\n\r\n", b"\r\n" + lines + b"\r\n\r\n", 1
            )
        )

    return handle


def twirp_errors(say: Say) -> Handler:
    """The API refuses in its own words, which are the text; the rest is healthy."""
    import json

    def handle(connection: socket.socket) -> None:
        request = head(connection)
        if not request:
            return
        text = say(request)
        if "/twirp/" in request.split("\r\n", 1)[0]:
            body = json.dumps({"code": "permission_denied", "msg": text, "meta": {"x": text}})
            connection.sendall(
                reply("403 Forbidden", body.encode(), "Content-Type: application/json")
            )
        elif "upgrade: websocket" in request.lower():
            connection.sendall(switching(request) + frame(8, b"\x03\xe8" + text.encode()[:123]))
        else:
            connection.sendall(reply("200 OK", text.encode("utf-8", "replace")))

    return handle


def joins(say: Say) -> Handler:
    """A session in which every text field is the text, and that offers TURN and a new token."""

    def upgrade(connection: socket.socket, request: str) -> None:
        text = say(request)
        connection.sendall(switching(request) + frame(2, join_response(text)))
        connection.sendall(frame(2, refresh(text)) + frame(2, trickle(text)))
        silent(connection)

    healthy = like_livekit(upgrade=upgrade)

    def handle(connection: socket.socket) -> None:
        peeked = connection.recv(65536, socket.MSG_PEEK)
        if b" /twirp/" in peeked and b"uthorization:" in peeked:
            request = head(connection)
            connection.sendall(twirp(request, say(request)))
        else:
            healthy(connection)

    return handle


def text_frame(say: Say) -> Handler:
    """After the upgrade comes the text, and nothing that LiveKit would say."""

    def upgrade(connection: socket.socket, request: str) -> None:
        connection.sendall(switching(request) + frame(1, say(request).encode("utf-8", "replace")))
        silent(connection)

    return like_livekit(upgrade=upgrade)


def wrong_accept(say: Say) -> Handler:
    """A handshake that breaks RFC 6455, with the text where the Accept belongs."""

    def upgrade(connection: socket.socket, request: str) -> None:
        text = in_header(say(request)).encode("utf-8", "replace").decode("latin-1")
        said = switching(request, accept="ACCEPT").decode().replace("ACCEPT", text)
        connection.sendall(said.encode("latin-1"))
        silent(connection)

    return like_livekit(upgrade=upgrade)


def not_http(say: Say) -> Handler:
    def handle(connection: socket.socket) -> None:
        connection.sendall(
            say(head(connection) or "GET / ").encode("utf-8", "replace") + b"\r\n\r\n"
        )

    return handle


def join_response(text: str) -> bytes:
    from livekit.protocol import models, rtc

    person = models.ParticipantInfo(
        sid=text,
        identity=text,
        name=text,
        metadata=text,
        region=text,
        state=2,  # type: ignore[arg-type]  # the number of ACTIVE
    )
    joined = rtc.JoinResponse(
        room=models.Room(sid=text, name=text, metadata=text, turn_password=text),
        participant=person,
        other_participants=[person, person],
        server_version=text,
        server_region=text,
        alternative_url=text,
        ice_servers=[
            rtc.ICEServer(urls=[f"turn:{text}", text], username=text, credential=text),
        ],
        server_info=models.ServerInfo(
            version=text, region=text, node_id=text, debug_info=text, protocol=17
        ),
        ping_interval=5,
        ping_timeout=15,
        subscriber_primary=True,
    )
    return rtc.SignalResponse(join=joined).SerializeToString()


def refresh(text: str) -> bytes:
    from livekit.protocol import rtc

    return rtc.SignalResponse(refresh_token=text).SerializeToString()


def trickle(text: str) -> bytes:
    import json

    from livekit.protocol import rtc

    init = json.dumps({"candidate": f"candidate:1 1 udp 1 {text} 7882 typ {text}"})
    return rtc.SignalResponse(
        trickle=rtc.TrickleRequest(candidateInit=init, final=True)
    ).SerializeToString()


def twirp(request: str, text: str) -> bytes:
    """A list of one room or one participant in which every text is the text."""
    from google.protobuf.json_format import MessageToJson
    from livekit.protocol import models, room

    answer: room.ListRoomsResponse | room.ListParticipantsResponse
    if "ListParticipants" in request.split("\r\n", 1)[0]:
        track = models.TrackInfo(sid=text, name=text)
        person = models.ParticipantInfo(
            sid=text, identity=text, name=text, metadata=text, region=text, tracks=[track]
        )
        answer = room.ListParticipantsResponse(participants=[person])
    else:
        one = models.Room(sid=text, name=text, metadata=text, turn_password=text)
        answer = room.ListRoomsResponse(rooms=[one])
    if "application/json" in request.lower():
        return reply("200 OK", MessageToJson(answer).encode(), "Content-Type: application/json")
    return reply("200 OK", answer.SerializeToString(), "Content-Type: application/protobuf")


MODES: dict[str, Callable[[Say], Handler]] = {
    "answers 200": lambda say: answers("200 OK", say),
    "answers 401": lambda say: answers("401 Unauthorized", say),
    "answers 404": lambda say: answers("404 Not Found", say),
    "answers 502": lambda say: answers("502 Bad Gateway", say),
    "redirects": lambda say: answers("302 Found", say, redirect_to="http://127.0.0.1:1/"),
    "refuses in Twirp's words": twirp_errors,
    "joins": joins,
    "sends a text": text_frame,
    "breaks the handshake": wrong_accept,
    "speaks no HTTP": not_http,
}
