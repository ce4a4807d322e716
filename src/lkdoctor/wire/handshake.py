"""The WebSocket upgrade, and the messages behind it, around websockets' Sans-I/O protocol.

Our own reader takes the answer to the upgrade, so that a refusal is kept as any other HTTP
answer is; only the head of a 101 goes to websockets, which judges it (RFC 6455 §4.1) and
reads the frames from there on. Import this module where a WebSocket is really opened:
websockets takes a while to load.
"""

import logging
from collections import deque
from typing import Final, NamedTuple

from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import WebSocketURI

from lkdoctor.facts.server import NoAnswer
from lkdoctor.facts.signal import (
    FirstMessageProblem,
    Upgraded,
    UpgradeInvalid,
    UpgradeRefused,
    UpgradeUnanswered,
)
from lkdoctor.redact import Secret, safe
from lkdoctor.wire import http
from lkdoctor.wire.base import Conversation, End

MAX_MESSAGE: Final = 1024 * 1024
"""Bytes of one message (the default of websockets); a JoinResponse has about 600."""

MAX_FRAMES: Final = 1000
"""Frames without a message of them; a server sends a join in one frame, and pings every few seconds."""

# websockets logs whole heads, the token among them, to whoever has switched logging on.
_LOGGER: Final = logging.getLogger("lkdoctor.websockets")
_LOGGER.disabled = True


class Message(NamedTuple):
    """A whole message."""

    data: bytes
    text: bool


class NoMessage(NamedTuple):
    """What came in place of a message."""

    problem: FirstMessageProblem
    detail: str
    """Safe to show."""
    close_code: int | None = None


class WebSocket:
    """One connection; each method that is a conversation is a step of it."""

    def __init__(self, *, secure: bool, host: str, port: int, path: str, query: str = "") -> None:
        # No extension is offered, so nothing that comes can grow by being decompressed.
        self._protocol = ClientProtocol(
            WebSocketURI(secure, host, port, path, query, None, None),
            max_size=MAX_MESSAGE,
            logger=_LOGGER,
        )
        self._reader = http.Reader()
        self._frames: deque[Frame] = deque()
        self._message = bytearray()
        self._text = False
        self._unframed = 0
        self._fruitless = 0
        self._ended: NoMessage | None = None

    def upgrade(
        self, token: Secret | None = None
    ) -> Conversation[Upgraded | UpgradeRefused | UpgradeInvalid | UpgradeUnanswered]:
        """Ask for the upgrade; times are left at 0."""
        request = self._protocol.connect()
        request.headers["User-Agent"] = "lkdoctor"
        if token is not None:
            value = http.header_value(token.reveal()).decode()
            request.headers["Authorization"] = f"Bearer {value}"
        self._protocol.send_request(request)
        yield from self._reader.send(self.pending())
        answer = yield from http.read_answer(self._reader)
        if isinstance(answer, NoAnswer):
            return UpgradeUnanswered(answer)
        fact = answer.fact(0.0)
        if answer.status != 101:
            return UpgradeRefused(fact)
        self._protocol.receive_data(answer.head)
        self._protocol.events_received()
        if self._protocol.handshake_exc is not None:
            return UpgradeInvalid(fact, _reason(self._protocol.handshake_exc))
        if self._reader.data:
            self._take(bytes(self._reader.data))
        return Upgraded(0.0, fact.headers)

    def message(self) -> Conversation[Message | NoMessage]:
        """Wait for the next message; pings are answered on the way."""
        while True:
            found = self._next()
            if found is not None:
                return found
            incoming = yield self.pending()
            if incoming is End.TIMEOUT:
                return self._silence()
            self._take(incoming)

    def send(self, message: bytes) -> None:
        """Queue a binary message; the next step sends it. Nothing happens once closed."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_binary(message)

    def close(self) -> None:
        """Queue a close frame, unless one was sent."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)

    def pending(self) -> bytes:
        """What is queued; for the caller who cannot wait for a step."""
        return b"".join(self._protocol.data_to_send())

    def _take(self, incoming: bytes | End) -> None:
        if self._ended is not None or self._protocol.state is State.CLOSED:
            return
        if isinstance(incoming, End) or not incoming:
            self._protocol.receive_eof()
        else:
            self._unframed += len(incoming)
            self._protocol.receive_data(incoming)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._unframed -= _size(event)
                self._frames.append(event)
        problem = self._protocol.parser_exc
        if isinstance(problem, EOFError):
            detail = "the connection ended without a close frame"
            if incoming is End.RESET:
                detail = "the connection was reset"
            self._ended = NoMessage(FirstMessageProblem.DROPPED, detail)
        elif isinstance(problem, PayloadTooBig):
            self._ended = NoMessage(FirstMessageProblem.TOO_LARGE, _reason(problem))
        elif problem is not None:
            self._ended = NoMessage(FirstMessageProblem.BROKEN_FRAME, _reason(problem))

    def _next(self) -> Message | NoMessage | None:
        """The next whole message among the frames received, or the end behind them."""
        while self._frames:
            frame = self._frames.popleft()
            if frame.opcode is Opcode.CLOSE:
                close = self._protocol.close_rcvd
                code = 1005 if close is None else close.code
                reason = "" if close is None else close.reason
                detail = f"close code {code}" + (f": {safe(reason)}" if reason else "")
                self._ended = NoMessage(FirstMessageProblem.CLOSED, detail, code)
                return self._ended
            self._fruitless += 1
            if self._fruitless > MAX_FRAMES:
                # They cost us more than the peer: reading them all would use up the time of all.
                self._frames.clear()
                detail = f"more than {MAX_FRAMES} frames and no message"
                self._ended = NoMessage(FirstMessageProblem.TOO_LARGE, detail)
                return self._ended
            if frame.opcode in {Opcode.PING, Opcode.PONG}:
                continue
            if frame.opcode is not Opcode.CONT:
                self._text = frame.opcode is Opcode.TEXT
                self._message.clear()
            self._message += frame.data
            if frame.fin:
                self._fruitless = 0
                return Message(bytes(self._message), self._text)
        return self._ended

    def _silence(self) -> NoMessage:
        if self._unframed > 0:
            detail = f"{self._unframed} bytes of a message that did not end"
            return NoMessage(FirstMessageProblem.SLOW, detail)
        return NoMessage(FirstMessageProblem.SILENCE, "nothing in the time given")


def _size(frame: Frame) -> int:
    """Bytes that an unmasked frame took on the wire (RFC 6455 §5.2)."""
    size = len(frame.data)
    return size + (2 if size < 126 else 4 if size < 65536 else 10)


def _reason(problem: Exception) -> str:
    """What websockets has to say, with the cause that it hides behind."""
    text = str(problem)
    if problem.__cause__ is not None:
        text = f"{text}: {problem.__cause__}"
    return safe(text, 300)
