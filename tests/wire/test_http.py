"""HTTP answers, whole and in pieces, good and bad."""

from collections.abc import Generator, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.facts.server import HttpAnswer, NoAnswer, Silence
from lkdoctor.redact import Secret
from lkdoctor.wire import http
from lkdoctor.wire.base import End

REQUEST = b"GET / HTTP/1.1\r\n\r\n"

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nOK"


def read(
    pieces: Iterable[bytes | End], *, has_body: bool = True, limit: int = http.MAX_BODY
) -> http.Answer | NoAnswer:
    """What the reader makes of the pieces; the end of the list is the end of the stream."""
    conversation = http.exchange(REQUEST, has_body=has_body, limit=limit)
    assert next(conversation) == REQUEST
    return finish(conversation, pieces)


def finish(
    conversation: Generator[bytes, bytes | End, http.Answer | NoAnswer],
    pieces: Iterable[bytes | End],
) -> http.Answer | NoAnswer:
    try:
        for piece in pieces:
            assert conversation.send(piece) == b""
        conversation.send(End.CLOSED)
    except StopIteration as stop:
        result: http.Answer | NoAnswer = stop.value
        return result
    raise AssertionError("the conversation went on after its end")


def fact(answer: http.Answer | NoAnswer) -> HttpAnswer | NoAnswer:
    return answer if isinstance(answer, NoAnswer) else answer.fact(0.0)


def answered(
    status: int = 200,
    reason: str = "OK",
    headers: tuple[tuple[str, str], ...] = (),
    body: str = "",
    *,
    truncated: bool = False,
) -> HttpAnswer:
    return HttpAnswer(status, reason, headers, body, len(body.encode()), 0.0, truncated)


def nothing(problem: Silence, detail: str, received: int = 0) -> NoAnswer:
    return NoAnswer(problem, detail, 0.0, received)


LENGTH_2 = (("content-length", "2"),)

ANSWERS = [
    pytest.param(
        OK,
        answered(headers=(*LENGTH_2, ("content-type", "text/plain")), body="OK"),
        id="with a length",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nsucc\r\n3\r\ness\r\n0\r\n\r\n",
        answered(headers=(("transfer-encoding", "chunked"),), body="success"),
        id="in chunks",
    ),
    pytest.param(
        b"HTTP/1.0 502 Bad Gateway\r\nServer: nginx\r\n\r\n<html>",
        answered(502, "Bad Gateway", (("server", "nginx"),), "<html>"),
        id="ended by the connection",
    ),
    pytest.param(b"HTTP/1.1 204\r\n\r\n", answered(204, ""), id="204 without a reason or a body"),
    pytest.param(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
        answered(304, "Not Modified", (("content-length", "10"),)),
        id="304 has no body whatever its length says",
    ),
    pytest.param(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
        answered(headers=(*LENGTH_2, ("content-type", "text/plain")), body="OK"),
        id="behind interim answers",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\nX:  a \n b\nContent-Length: 0\n\n",
        answered(headers=(("x", "a b"), ("content-length", "0"))),
        id="bare line feeds and a folded header",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        answered(headers=(("content-length", "9"),), body="short", truncated=True),
        id="body shorter than its length",
    ),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort",
        answered(headers=(("transfer-encoding", "chunked"),), body="short", truncated=True),
        id="chunk shorter than its size",
    ),
    pytest.param(
        b"HTTP/1.1 400 \xc3\xbcbel\r\nX: \xff\r\n\r\n\x1b[31m\xff",
        answered(400, "übel", (("x", "ÿ"),), "\\x1b[31m\N{REPLACEMENT CHARACTER}")._replace(
            body_bytes=6
        ),
        id="bytes that are not text",
    ),
]


@pytest.mark.parametrize(("stream", "expected"), ANSWERS)
def test_an_answer_is_the_same_however_it_is_cut(stream: bytes, expected: HttpAnswer) -> None:
    for size in (len(stream), 1, 2, 7):
        pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
        assert fact(read(pieces)) == expected


@pytest.mark.parametrize(("stream", "expected"), ANSWERS)
@given(data=st.data())
def test_an_answer_survives_any_cut(
    stream: bytes, expected: HttpAnswer, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1))))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert fact(read(pieces)) == expected


def test_what_follows_an_answer_of_known_length_is_not_read() -> None:
    assert read([OK + b"HTTP/1.1 500 junk"]) == read([OK])


def test_chunks_of_a_byte_are_read_up_to_a_bound() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = read([head, b"1\r\na\r\n" * 80_000], limit=1_000_000)
    assert isinstance(answer, http.Answer)
    assert (len(answer.body), answer.truncated) == (70_000, True)


def test_head_has_no_body() -> None:
    answer = read([OK[:-2]], has_body=False)
    assert fact(answer) == answered(headers=(*LENGTH_2, ("content-type", "text/plain")))


def test_a_101_ends_with_its_head() -> None:
    reader = http.Reader()
    conversation = http.read_answer(reader)
    next(conversation)
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    answer = finish(conversation, [head + b"\x82\x00"])
    assert isinstance(answer, http.Answer)
    assert (answer.status, answer.head, bytes(reader.data)) == (101, head, b"\x82\x00")


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([], nothing(Silence.CLOSED, "not a byte"), id="closed at once"),
        pytest.param([End.RESET], nothing(Silence.RESET, "not a byte"), id="reset at once"),
        pytest.param([End.TIMEOUT], nothing(Silence.TIMEOUT, "not a byte"), id="never a byte"),
        pytest.param(
            [b"HTTP/1.1 2", End.TIMEOUT],
            nothing(Silence.SLOW, "HTTP/1.1 2", 10),
            id="a status line that does not end in time",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nA: b\r\nC", End.TIMEOUT],
            nothing(Silence.SLOW, "HTTP/1.1 200 OK, then 1 headers", 24),
            id="headers that do not end in time",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nA: b\r\n"],
            nothing(Silence.CLOSED, "HTTP/1.1 200 OK, then 1 headers", 23),
            id="closed between headers",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", End.TIMEOUT],
            nothing(Silence.SLOW, "HTTP 200, then 5 of 9 bytes of body", 43),
            id="a body that does not end in time",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort", End.TIMEOUT],
            nothing(Silence.SLOW, "HTTP 200, then 5 bytes of body in chunks", 55),
            id="chunks that do not end in time",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\n\r\nshort", End.TIMEOUT],
            nothing(Silence.SLOW, "HTTP 200, then 5 bytes of body", 24),
            id="a body without a length that does not end in time",
        ),
        pytest.param(
            [b"SSH-2.0-OpenSSH_9.6\r\n"],
            nothing(Silence.NOT_HTTP, "SSH-2.0-OpenSSH_9.6", 20),
            id="another protocol",
        ),
        pytest.param(
            [b"\x15\x03\x01\x00\x02\x02F", End.TIMEOUT],
            nothing(Silence.NOT_HTTP, "\\x15\\x03\\x01\\x00\\x02\\x02F", 7),
            id="a TLS alert",
        ),
        pytest.param(
            [b"HTTP/1.1 banana\r\n"],
            nothing(Silence.NOT_HTTP, "HTTP/1.1 banana", 17),
            id="a status that is no number",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"],
            nothing(Silence.NOT_HTTP, "no colon", 27),
            id="a header without a colon",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
            nothing(Silence.NOT_HTTP, "a Content-Length that cannot be read", 39),
            id="a length that is none",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
            nothing(Silence.NOT_HTTP, "a Content-Length that cannot be read", 57),
            id="two lengths",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
            nothing(Silence.NOT_HTTP, "zz", 51),
            id="a chunk size that is none",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"],
            nothing(Silence.NOT_HTTP, "b", 53),
            id="a chunk longer than its size",
        ),
    ],
)
def test_no_answer(pieces: list[bytes | End], expected: NoAnswer) -> None:
    assert read(pieces) == expected


@pytest.mark.parametrize(
    ("start", "again", "detail"),
    [
        pytest.param(b"HTTP/1.1 200 ", b"x" * 4096, "and no end", id="a status line"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 700, "and no end", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: ", b"x" * 4096, "and no end", id="a header"),
        pytest.param(
            b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 200, "and no end", id="interim answers"
        ),
    ],
)
def test_a_head_without_end_is_too_large(start: bytes, again: bytes, detail: str) -> None:
    conversation = http.exchange(REQUEST)
    next(conversation)
    sent = 0
    with pytest.raises(StopIteration) as stop:
        conversation.send(start or again)
        while sent <= 2 * http.MAX_HEAD:
            sent += len(again)
            conversation.send(again)
    answer: NoAnswer = stop.value.value
    assert (answer.problem, answer.received_bytes) == (Silence.TOO_LARGE, http.MAX_HEAD)
    assert answer.detail.endswith(detail)


@pytest.mark.parametrize(
    ("head", "again"),
    [
        pytest.param(b"Content-Length: 999999999", b"x" * 4096, id="by its length"),
        pytest.param(b"Server: x", b"x" * 4096, id="without a length"),
        pytest.param(
            b"Transfer-Encoding: chunked", b"1000\r\n" + b"x" * 4096 + b"\r\n", id="chunks"
        ),
        pytest.param(
            b"Transfer-Encoding: chunked", b"1;" + b"y" * 99 + b"\r\nx\r\n", id="tiny chunks"
        ),
    ],
)
def test_a_body_without_end_is_cut(head: bytes, again: bytes) -> None:
    conversation = http.exchange(REQUEST)
    next(conversation)
    with pytest.raises(StopIteration) as stop:
        conversation.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        while True:
            conversation.send(again)
    answer: http.Answer = stop.value.value
    assert (answer.body, answer.truncated) == (b"x" * http.MAX_BODY, True)


@given(st.lists(st.binary(max_size=40), max_size=8), st.sampled_from(End))
def test_no_bytes_break_the_reader(pieces: list[bytes], end: End) -> None:
    for start in (
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ):
        fact(read([start, *pieces, end]))


def test_the_token_goes_into_a_header_and_cannot_add_another() -> None:
    request = http.request("GET", "/x", "host", token=Secret("a\r\nEvil: 1\x00ü"))
    assert request == (
        b"GET /x HTTP/1.1\r\nHost: host\r\nUser-Agent: lkdoctor\r\nAccept: */*\r\n"
        b"Connection: close\r\nAuthorization: Bearer a??Evil: 1?\xc3\xbc\r\n\r\n"
    )


def test_a_body_is_sent_with_its_length() -> None:
    request = http.request("POST", "/x", "host", body=b"{}")
    assert request.endswith(b"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


def test_a_secret_in_an_answer_is_not_in_the_fact() -> None:
    token = Secret("s3cr3t-value-that-is-long-enough")
    stream = b"HTTP/1.1 401 No\r\nX: %b\r\nContent-Length: %d\r\n\r\n%b"
    value = token.reveal().encode()
    shown = fact(read([stream % (value, len(value), value)]))
    assert isinstance(shown, HttpAnswer)
    assert (shown.header("x"), shown.body) == ("<redacted>", "<redacted>")


def test_every_1xx_but_101_is_interim() -> None:
    interim = b"".join(b"HTTP/1.1 %d Wait\r\n\r\n" % status for status in (100, 102, 199))
    assert read([interim + OK]) == read([OK])


def test_a_head_alone_is_an_answer_whose_body_did_not_come() -> None:
    answer = read([b"HTTP/1.1 200 OK\r\n\r\n", End.TIMEOUT])
    assert fact(answer) == answered(truncated=True)


@pytest.mark.parametrize("status", [101, 204, 304])
def test_what_stands_behind_an_answer_without_a_body_is_none(status: int) -> None:
    answer = read([b"HTTP/1.1 %d None\r\n\r\nmore" % status])
    assert isinstance(answer, http.Answer)
    assert (answer.status, answer.body, answer.truncated) == (status, b"", False)
