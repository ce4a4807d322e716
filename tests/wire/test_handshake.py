"""The upgrade and the frames behind it, whole and in pieces."""

import base64
import hashlib
import logging
import re
import zlib
from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from lkdoctor.facts.server import HttpAnswer, NoAnswer, Silence
from lkdoctor.facts.signal import (
    FirstMessageProblem,
    Upgraded,
    UpgradeInvalid,
    UpgradeRefused,
    UpgradeUnanswered,
)
from lkdoctor.redact import Secret
from lkdoctor.wire.base import Conversation, End
from lkdoctor.wire.handshake import MAX_FRAMES, MAX_MESSAGE, Message, NoMessage, WebSocket

T = TypeVar("T")

Answer = Callable[[bytes], bytes]
"""What the server answers to a request."""


def websocket(query: str = "") -> WebSocket:
    return WebSocket(secure=False, host="rtc.example.com", port=80, path="/rtc", query=query)


def finish(conversation: Conversation[T], pieces: Iterable[bytes | End]) -> T:
    """The result of a conversation in which these pieces come in, and then the end."""
    try:
        for piece in pieces:
            conversation.send(piece)
        conversation.send(End.CLOSED)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("the conversation went on after its end")


def accept(request: bytes) -> str:
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", request)
    assert key is not None
    digest = hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")  # noqa: S324 - RFC 6455
    return base64.b64encode(digest.digest()).decode()


def switching(request: bytes, extra: str = "", accepted: str | None = None) -> bytes:
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accepted or accept(request)}\r\n{extra}\r\n"
    ).encode()


def opened(behind: bytes = b"", size: int | None = None) -> WebSocket:
    """A WebSocket that was upgraded, with these bytes behind the 101."""
    made = websocket()
    conversation = made.upgrade()
    stream = switching(next(conversation)) + behind
    if size is None:
        result = finish(conversation, [stream])
    else:
        result = finish(conversation, [stream[i : i + size] for i in range(0, len(stream), size)])
    assert isinstance(result, Upgraded)
    return made


def heard(made: WebSocket, pieces: Iterable[bytes | End] = ()) -> Message | NoMessage:
    conversation = made.message()
    try:
        next(conversation)
    except StopIteration as stop:
        result: Message | NoMessage = stop.value
        return result
    return finish(conversation, pieces)


def frame(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    return bytes(Frame(opcode, data, fin).serialize(mask=False))


def test_the_request() -> None:
    request = next(websocket("a=b").upgrade(Secret("to\r\nken")))
    assert request.startswith(b"GET /rtc?a=b HTTP/1.1\r\nHost: rtc.example.com\r\n")
    assert b"\r\nAuthorization: Bearer to??ken\r\n" in request
    assert b"Sec-WebSocket-Extensions" not in request


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_upgraded_and_first_message_in_the_same_packets(size: int) -> None:
    made = websocket()
    conversation = made.upgrade()
    stream = switching(next(conversation)) + frame(Opcode.BINARY, b"join")
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    used = 0
    with pytest.raises(StopIteration) as stop:
        for piece in pieces:
            used += 1
            conversation.send(piece)
    assert isinstance(stop.value.value, Upgraded)
    assert heard(made, pieces[used:]) == Message(b"join", text=False)


REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nnope"


@pytest.mark.parametrize("size", [1, 7, len(REFUSED)])
def test_a_refusal_is_kept_whole(size: int) -> None:
    conversation = websocket().upgrade()
    next(conversation)
    pieces = [REFUSED[i : i + size] for i in range(0, len(REFUSED), size)]
    assert finish(conversation, pieces) == UpgradeRefused(
        HttpAnswer(401, "Unauthorized", (("content-length", "4"),), "nope", 4, 0.0)
    )


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(
            lambda request: switching(request, accepted="AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            "invalid Sec-WebSocket-Accept header: AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            id="the accept of somebody else",
        ),
        pytest.param(
            lambda _: (
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\n\r\n"
            ),
            "missing Sec-WebSocket-Accept header",
            id="no accept",
        ),
        pytest.param(
            lambda _: b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n",
            "missing Upgrade header",
            id="no upgrade",
        ),
        pytest.param(
            lambda _: (
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
            ),
            "invalid Upgrade header: h2c",
            id="another upgrade",
        ),
        pytest.param(
            lambda request: switching(request, "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
            "no extensions supported",
            id="compression that nobody offered",
        ),
        pytest.param(
            lambda request: switching(request, "Sec-WebSocket-Protocol: mqtt\r\n"),
            "no subprotocols supported",
            id="a subprotocol that nobody offered",
        ),
        pytest.param(
            lambda request: switching(request).replace(b"HTTP/1.1", b"HTTP/1.0"),
            "did not receive a valid HTTP response: ",
            id="HTTP/1.0",
        ),
    ],
)
def test_a_101_that_is_no_handshake(answer: Answer, error: str) -> None:
    conversation = websocket().upgrade()
    result = finish(conversation, [answer(next(conversation))])
    assert isinstance(result, UpgradeInvalid)
    assert result.answer.status == 101
    assert result.error.startswith(error)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([], NoAnswer(Silence.CLOSED, "not a byte", 0.0), id="closed"),
        pytest.param([End.RESET], NoAnswer(Silence.RESET, "not a byte", 0.0), id="reset"),
        pytest.param([End.TIMEOUT], NoAnswer(Silence.TIMEOUT, "not a byte", 0.0), id="silent"),
        pytest.param(
            [b"\x82\x00"],
            NoAnswer(Silence.NOT_HTTP, "\\x82\\x00", 0.0, 2),
            id="frames without a 101",
        ),
    ],
)
def test_no_answer_to_the_upgrade(pieces: list[bytes | End], expected: NoAnswer) -> None:
    conversation = websocket().upgrade()
    next(conversation)
    assert finish(conversation, pieces) == UpgradeUnanswered(expected)


P = FirstMessageProblem


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(frame(Opcode.BINARY, b"x"), Message(b"x", text=False), id="binary"),
        pytest.param(frame(Opcode.TEXT, b"x"), Message(b"x", text=True), id="text"),
        pytest.param(
            frame(Opcode.TEXT, b"a", fin=False)
            + frame(Opcode.PING, b"?")
            + frame(Opcode.CONT, b"b", fin=False)
            + frame(Opcode.CONT, b"c"),
            Message(b"abc", text=True),
            id="in fragments with a ping between",
        ),
        pytest.param(
            frame(Opcode.CLOSE, b"\x03\xf0go \x1b[31maway"),
            NoMessage(P.CLOSED, "close code 1008: go \\x1b[31maway", 1008),
            id="a close frame with a reason",
        ),
        pytest.param(
            frame(Opcode.CLOSE, b""),
            NoMessage(P.CLOSED, "close code 1005", 1005),
            id="a bare close",
        ),
        pytest.param(
            b"", NoMessage(P.DROPPED, "the connection ended without a close frame"), id="dropped"
        ),
        pytest.param(
            frame(Opcode.BINARY, b"abc")[:-1],
            NoMessage(P.DROPPED, "the connection ended without a close frame"),
            id="dropped inside a frame",
        ),
        pytest.param(
            b"\x83\x00", NoMessage(P.BROKEN_FRAME, "invalid opcode: 3"), id="an unknown opcode"
        ),
        pytest.param(
            b"\x82\x81aaaax", NoMessage(P.BROKEN_FRAME, "incorrect masking"), id="a masked frame"
        ),
        pytest.param(
            frame(Opcode.CONT, b"x"),
            NoMessage(P.BROKEN_FRAME, "unexpected continuation frame"),
            id="a continuation of nothing",
        ),
        pytest.param(
            b"\xc2\x79" + zlib.compress(b"0" * 100_000),
            NoMessage(P.BROKEN_FRAME, "reserved bits must be 0"),
            id="a compressed bomb, which stays as small as it came",
        ),
        pytest.param(
            b"\x82\x7f" + (MAX_MESSAGE + 1).to_bytes(8),
            NoMessage(P.TOO_LARGE, "frame with 1048577 bytes exceeds limit of 1048576 bytes"),
            id="a frame beyond our bound",
        ),
        pytest.param(
            frame(Opcode.BINARY, b"x" * MAX_MESSAGE, fin=False) + frame(Opcode.CONT, b"y"),
            NoMessage(P.TOO_LARGE, "frame with 1 bytes after reading 1048576 bytes exceeds limit"),
            id="fragments beyond our bound",
        ),
    ],
)
def test_messages(stream: bytes, expected: Message | NoMessage) -> None:
    sizes = (len(stream) or 1, 1, 7) if len(stream) < 1000 else (65536,)
    for size in sizes:
        result = heard(opened(), [stream[i : i + size] for i in range(0, len(stream), size)])
        if isinstance(result, NoMessage) and isinstance(expected, NoMessage):
            assert result.detail.startswith(expected.detail)
            result = result._replace(detail=expected.detail)
        assert result == expected


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([], NoMessage(P.SILENCE, "nothing in the time given"), id="silence"),
        pytest.param(
            [frame(Opcode.PING, b"")],
            NoMessage(P.SILENCE, "nothing in the time given"),
            id="pings alone",
        ),
        pytest.param(
            [frame(Opcode.BINARY, b"abc")[:-1]],
            NoMessage(P.SLOW, "4 bytes of a message that did not end"),
            id="a frame that does not end in time",
        ),
    ],
)
def test_nothing_whole_in_time(pieces: list[bytes | End], expected: NoMessage) -> None:
    assert heard(opened(), [*pieces, End.TIMEOUT]) == expected


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(frame(Opcode.PING, b"") * (MAX_FRAMES + 1), id="pings"),
        pytest.param(b"\x02\x00" + b"\x00\x00" * MAX_FRAMES, id="empty fragments"),
    ],
)
def test_frames_without_a_message_come_to_an_end(flood: bytes) -> None:
    made = opened()
    expected = NoMessage(P.TOO_LARGE, f"more than {MAX_FRAMES} frames and no message")
    assert heard(made, [flood]) == expected
    assert heard(made, [frame(Opcode.BINARY, b"x")]) == expected


def test_messages_may_be_many() -> None:
    made = opened()
    both = frame(Opcode.PING, b"") + frame(Opcode.BINARY, b"x")
    for _ in range(MAX_FRAMES):
        assert heard(made, [both]) == Message(b"x", text=False)


def test_a_timeout_is_not_the_end() -> None:
    made = opened()
    assert isinstance(heard(made, [End.TIMEOUT]), NoMessage)
    assert heard(made, [frame(Opcode.BINARY, b"x")]) == Message(b"x", text=False)


def test_a_reset_is_told_from_a_close() -> None:
    expected = NoMessage(P.DROPPED, "the connection was reset")
    assert heard(opened(), [End.RESET]) == expected


def test_messages_before_a_close_are_not_lost() -> None:
    made = opened(frame(Opcode.BINARY, b"x") + frame(Opcode.CLOSE, b"\x03\xe8"))
    assert heard(made) == Message(b"x", text=False)
    assert heard(made) == NoMessage(P.CLOSED, "close code 1000", 1000)
    assert heard(made) == NoMessage(P.CLOSED, "close code 1000", 1000)


def test_a_ping_is_answered() -> None:
    made = opened()
    conversation = made.message()
    assert next(conversation) == b""
    pong = conversation.send(frame(Opcode.PING, b"hi"))
    assert (pong[0], len(pong)) == (0x8A, 8)


def test_what_we_say_last() -> None:
    made = opened()
    made.send(b"leave")
    made.close()
    made.close()
    made.send(b"more")
    sent = made.pending()
    assert (sent[0], sent[11]) == (0x82, 0x88)
    assert made.pending() == b""


@given(
    st.lists(st.binary(max_size=30), max_size=6),
    st.sampled_from(End),
    st.sampled_from([b"", b"\x82", b"\x02\x01a", b"\x88\x02\x03\xe8"]),
)
def test_no_bytes_break_the_frames(pieces: list[bytes], end: End, start: bytes) -> None:
    made = opened()
    for _ in range(3):
        assert isinstance(heard(made, [start, *pieces, end]), Message | NoMessage)


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_break_the_upgrade(pieces: list[bytes]) -> None:
    conversation = websocket().upgrade()
    request = next(conversation)
    finish(conversation, [switching(request)[:-2], b"X: ", *pieces, b"\r\n\r\n"])
    for name in (b"Connection", b"Upgrade", b"Sec-WebSocket-Accept", b"Sec-WebSocket-Extensions"):
        conversation = websocket().upgrade()
        answer = switching(next(conversation))[:-2] + name + b": " + b"".join(pieces) + b"\r\n\r\n"
        finish(conversation, [answer])


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_what_is_left_of_a_message_is_counted_behind_frames_of_any_size(size: int) -> None:
    """A frame's head has 2, 4 or 10 bytes (RFC 6455 §5.2)."""
    made = opened()
    whole = frame(Opcode.BINARY, b"x" * size)
    assert heard(made, [whole + b"\x82\x05abc"]) == Message(b"x" * size, text=False)
    expected = NoMessage(P.SLOW, "5 bytes of a message that did not end")
    assert heard(made, [End.TIMEOUT]) == expected


def test_as_many_frames_as_are_allowed_may_go_before_each_message() -> None:
    made = opened()
    before = frame(Opcode.PING, b"") * (MAX_FRAMES - 1)
    for _ in range(2):
        assert heard(made, [before + frame(Opcode.BINARY, b"x")]) == Message(b"x", text=False)


def test_an_upgrade_has_the_headers_and_no_time_yet() -> None:
    conversation = websocket().upgrade()
    upgraded = finish(conversation, [switching(next(conversation), "Server: x\r\n")])
    assert isinstance(upgraded, Upgraded)
    assert upgraded.took_ms == 0.0
    assert upgraded.headers[-1] == ("server", "x")


def test_no_bytes_are_the_end() -> None:
    conversation = opened().message()
    next(conversation)
    with pytest.raises(StopIteration) as stop:
        conversation.send(b"")
    expected = NoMessage(P.DROPPED, "the connection ended without a close frame")
    assert stop.value.value == expected


def test_no_log_gets_what_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever switches logging on for all that there is gets no token into it."""
    with caplog.at_level(logging.DEBUG, "lkdoctor.websockets"), caplog.at_level(logging.DEBUG):
        conversation = websocket().upgrade(Secret("made-up-token-of-nobody"))
        finish(conversation, [switching(next(conversation)) + frame(Opcode.BINARY, b"x")])
    assert caplog.text == ""


def test_one_byte_of_a_message_is_a_message_that_did_not_end() -> None:
    expected = NoMessage(P.SLOW, "1 bytes of a message that did not end")
    assert heard(opened(), [b"\x82", End.TIMEOUT]) == expected


def test_frames_are_counted_anew_behind_each_message() -> None:
    made = opened()
    assert heard(made, [frame(Opcode.BINARY, b"x")]) == Message(b"x", text=False)
    flood = frame(Opcode.PING, b"") * (MAX_FRAMES + 1)
    expected = NoMessage(P.TOO_LARGE, f"more than {MAX_FRAMES} frames and no message")
    assert heard(made, [flood]) == expected


def test_we_close_in_good_order() -> None:
    made = opened()
    made.close()
    sent = made.pending()
    mask, payload = sent[2:6], sent[6:]
    code = bytes(byte ^ key for byte, key in zip(payload, mask, strict=False))
    assert (sent[0], code) == (0x88, (1000).to_bytes(2))
