"""Servers that misbehave, on loopback, each in a thread of its own.

A `Peer` hands every connection to a handler; a handler is a function of the connected socket.
"""

import base64
import contextlib
import hashlib
import re
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

Handler = Callable[[socket.socket], None]

MAX_SECONDS = 30.0
"""After this a handler's reads and writes end by themselves."""


@contextlib.contextmanager
def peer(handler: Handler, *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a server that gives every connection to the handler."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    open_sockets: set[socket.socket] = set()

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            connection.settimeout(MAX_SECONDS)
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            open_sockets.add(connection)
            handler(connection)
        with contextlib.suppress(OSError):
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        for connection in list(open_sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def head(connection: socket.socket) -> str:
    """A request's head; empty where the client went away."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65536)
        if not received:
            return ""
        data += received
    return data.decode("latin-1")


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    """An HTTP answer that ends its connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answering(answer: Callable[[str], bytes | None]) -> Handler:
    """Answers every request; None keeps silent until the client goes."""

    def handle(connection: socket.socket) -> None:
        request = head(connection)
        if not request:
            return
        said = answer(request)
        if said is None:
            silent(connection)
        else:
            connection.sendall(said)

    return handle


def always(answer: bytes) -> Handler:
    return answering(lambda _: answer)


# ------------------------------------------------------------------ misbehaviour below HTTP


def silent(connection: socket.socket) -> None:
    """Takes what comes and never says anything."""
    while connection.recv(65536):
        pass


def closing(connection: socket.socket) -> None:
    """Closes at once."""
    connection.close()


def resetting(connection: socket.socket) -> None:
    """Resets once it has been asked."""
    head(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def resetting_at_once(connection: socket.socket) -> None:
    """Resets as soon as it has accepted."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def garbage(connection: socket.socket) -> None:
    head(connection)
    connection.sendall(b"\x16\x03\x01\x00\xff this is not HTTP \x1b[31m\r\n\r\n")


def endless(prefix: bytes, chunk: bytes) -> Handler:
    """Sends for ever, as fast as it is read; ends with the client."""

    def handle(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(prefix)
        while True:
            connection.sendall(chunk)

    return handle


def dripping(connection: socket.socket) -> None:
    """One byte of a head at a time, for longer than anybody waits."""
    head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    connection.settimeout(0.2)
    for _ in range(200):
        connection.sendall(b"a")
        with contextlib.suppress(TimeoutError):
            if not connection.recv(1):
                return


# ------------------------------------------------------------------ like LiveKit, but


def like_livekit(
    *,
    root: bytes | None = reply("200 OK", b"OK"),
    validate: bytes | None = reply("200 OK", b"success"),
    upgrade: Callable[[socket.socket, str], None],
) -> Handler:
    """Answers as a healthy LiveKit would, but for the upgrade."""

    def handle(connection: socket.socket) -> None:
        request = head(connection)
        path = request.split(" ")[1] if request.count(" ") > 1 else ""
        if "upgrade: websocket" in request.lower():
            if "authorization:" not in request.lower():
                connection.sendall(reply("401 Unauthorized", b"no permissions to access the room"))
            else:
                upgrade(connection, request)
        elif path.startswith("/twirp"):
            if "authorization:" not in request.lower():
                denied = b'{"code":"unauthenticated","msg":"permissions denied"}'
                said = reply("401 Unauthorized", denied, "Content-Type: application/json")
            else:
                said = reply("200 OK", b'{"rooms":[]}', "Content-Type: application/json")
            connection.sendall(said)
        else:
            answer = validate if "/validate" in path else root
            if answer is None:
                silent(connection)
            else:
                connection.sendall(answer)

    return handle


def switching(request: str, *, accept: str | None = None) -> bytes:
    """The 101 that RFC 6455 asks for, or one with another Accept."""
    key = re.search(r"(?i)sec-websocket-key: *(\S+)", request)
    digest = hashlib.sha1(((key[1] if key else "") + MAGIC).encode()).digest()  # noqa: S324 - RFC 6455
    value = base64.b64encode(digest).decode() if accept is None else accept
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {value}\r\n\r\n"
    ).encode()


MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(opcode: int, payload: bytes, *, claim: int | None = None) -> bytes:
    """An unmasked frame; ``claim`` is the length it says it has."""
    size = len(payload) if claim is None else claim
    if size < 126:
        return bytes([0x80 | opcode, size]) + payload
    if size < 65536:
        return bytes([0x80 | opcode, 126]) + size.to_bytes(2, "big") + payload
    return bytes([0x80 | opcode, 127]) + size.to_bytes(8, "big") + payload


def join_response() -> bytes:
    """The frame in which a server says that somebody is in."""
    from livekit.protocol.models import ParticipantInfo, Room
    from livekit.protocol.rtc import JoinResponse, SignalResponse

    joined = JoinResponse(
        room=Room(sid="RM_1", name="r"),
        participant=ParticipantInfo(sid="PA_1", identity="p"),
        server_version="1.13.5",
    )
    return frame(2, SignalResponse(join=joined).SerializeToString())


def then(*sent: bytes, stay: bool = True) -> Callable[[socket.socket, str], None]:
    """Upgrades, sends these bytes, and stays or drops the connection."""

    def upgrade(connection: socket.socket, request: str) -> None:
        connection.sendall(switching(request) + b"".join(sent))
        if stay:
            silent(connection)
        else:
            connection.shutdown(socket.SHUT_RDWR)

    return upgrade


def saying(answer: bytes | None) -> Callable[[socket.socket, str], None]:
    """Answers the upgrade with these bytes in place of 101; None keeps silent."""

    def upgrade(connection: socket.socket, _: str) -> None:
        if answer is None:
            silent(connection)
        else:
            connection.sendall(answer)

    return upgrade


def date(offset_seconds: float) -> str:
    """A Date header that is off by so many seconds."""
    moment = datetime.now(UTC) + timedelta(seconds=offset_seconds)
    return f"Date: {format_datetime(moment, usegmt=True)}"


# ------------------------------------------------------------------ in front of a real server


def relay(port: int, alter: Callable[[bytes], bytes | None]) -> Handler:
    """A proxy that alters the first request: other bytes to pass on, or None and no upstream."""

    def handle(connection: socket.socket) -> None:
        request = head(connection).encode("latin-1")
        passed = alter(request)
        if passed is None:
            connection.sendall(
                reply(
                    "404 Not Found",
                    b"<html>nginx</html>",
                    "Server: nginx",
                    "Content-Type: text/html",
                )
            )
            return
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            upstream.sendall(passed)
            _between(connection, upstream)

    return handle


def _between(client: socket.socket, upstream: socket.socket) -> None:
    """What one says to the other, until both have ended.

    In one thread: OpenSSL's connections may not be read and written by two at the same time.
    """
    other = {client: upstream, upstream: client}
    talking = set(other)
    with contextlib.suppress(OSError):
        while talking:
            pending = isinstance(client, ssl.SSLSocket) and client in talking and client.pending()
            ready = [client] if pending else select.select(talking, [], [], MAX_SECONDS)[0]
            if not ready:
                return
            for source in ready:
                if data := source.recv(65536):
                    other[source].sendall(data)
                else:
                    talking.remove(source)
                    other[source].shutdown(socket.SHUT_WR)


def without_upgrade(request: bytes) -> bytes:
    """What a proxy makes of a request that speaks HTTP/1.0 to its upstream."""
    lines = [
        line
        for line in request.split(b"\r\n")
        if not line.lower().startswith((b"upgrade:", b"connection:"))
    ]
    return b"\r\n".join([lines[0], b"Connection: close", *lines[1:]])


def only_rtc(request: bytes) -> bytes | None:
    """What a proxy passes on that has a location for /rtc and / alone."""
    path = request.split(b" ", 2)[1]
    return request if path == b"/" or path.startswith(b"/rtc") else None


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """The port of a listener that answers no further SYN: on Linux its backlog is full."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port: int = listener.getsockname()[1]
    waiting = []
    for _ in range(3):
        caller = socket.socket()
        caller.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            caller.connect(("127.0.0.1", port))
        waiting.append(caller)
    try:
        yield port
    finally:
        for caller in waiting:
            caller.close()
        listener.close()
