"""HTTP/1.1 requests as bytes, and a bounded reader of whatever comes back.

The law of this file: every string of bytes, cut in any way, ends in an `Answer` or a
`NoAnswer`, and neither holds more than was asked for. No redirect is followed, no compression
is asked for, and nothing is decompressed.
"""

import re
from typing import Final, NamedTuple

from lkdoctor.facts.server import HttpAnswer, NoAnswer, Silence
from lkdoctor.redact import Secret, safe
from lkdoctor.wire.base import Conversation, End

MAX_HEAD: Final = 64 * 1024
"""Bytes of status line and headers, interim answers included (nginx: 32 KiB, Node.js: 16 KiB)."""

MAX_BODY: Final = 64 * 1024
"""Bytes of a body that are kept as evidence."""

MAX_HEADERS: Final = 100
"""Headers that are kept as evidence (the limit of Apache and of Python's http.client)."""

_SAMPLE: Final = 80
_MAX_CHUNK_LINE: Final = 1024
_MAX_CHUNKS: Final = 70_000
"""Servers write kilobytes at a time; chunks of a byte cost us more time than them."""
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?:[ \t]+([^\x00\n]*))?")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:([^\x00\n]*)")
_CHUNK_SIZE: Final = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")


class Answer(NamedTuple):
    """An answer as it came, which may hold secrets; `fact` makes it fit to be shown."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case."""
    body: bytes
    truncated: bool
    head: bytes
    """Status line and headers of the last head, byte for byte."""

    def header(self, name: str) -> str:
        """The first value of a header; empty where there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def fact(self, took_ms: float) -> HttpAnswer:
        """The answer as evidence: secrets out, controls escaped, length bounded."""
        return HttpAnswer(
            status=self.status,
            reason=safe(self.reason, 200),
            headers=tuple(
                (safe(name, 200), safe(value)) for name, value in self.headers[:MAX_HEADERS]
            ),
            body=safe(self.body[:MAX_BODY].decode("utf-8", "replace")),
            body_bytes=len(self.body),
            took_ms=took_ms,
            truncated=self.truncated,
        )


def header_value(text: str) -> bytes:
    """Any text as one header value: what cannot stand in a header becomes a question mark."""
    return re.sub(rb"[\x00-\x1f\x7f]", b"?", text.encode("utf-8", "replace"))


def request(
    method: str,
    target: str,
    authority: str,
    *,
    token: Secret | None = None,
    origin: str | None = None,
    body: bytes | None = None,
    content_type: str = "application/json",
) -> bytes:
    """A request that closes the connection behind it; the token goes into a header."""
    lines = [
        f"{method} {target} HTTP/1.1".encode("ascii", "replace"),
        b"Host: " + header_value(authority),
        b"User-Agent: lkdoctor",
        b"Accept: */*",
        b"Connection: close",
    ]
    if token is not None:
        lines.append(b"Authorization: Bearer " + header_value(token.reveal()))
    if origin is not None:
        lines.append(b"Origin: " + header_value(origin))
    if body is not None:
        lines.append(b"Content-Type: " + header_value(content_type))
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def exchange(
    request: bytes, *, has_body: bool = True, limit: int = MAX_BODY
) -> Conversation[Answer | NoAnswer]:
    """Send a request and read its final answer.

    Args:
        request: all of its bytes.
        has_body: False where the request's method forbids a body in the answer (HEAD).
        limit: how many bytes of the body are read.
    """
    reader = Reader()
    yield from reader.send(request)
    return (yield from read_answer(reader, has_body=has_body, limit=limit))


class Reader:
    """The bytes received and not yet used."""

    __slots__ = ("data", "end", "received")

    def __init__(self) -> None:
        self.data = bytearray()
        self.end: End | None = None
        self.received = 0

    def send(self, outgoing: bytes) -> Conversation[bool]:
        """Send, and take in what comes next; False at the end."""
        incoming = yield outgoing
        if isinstance(incoming, End):
            self.end = incoming
        elif not incoming:
            self.end = End.CLOSED
        else:
            self.data += incoming
            self.received += len(incoming)
        return self.end is None

    def more(self) -> Conversation[bool]:
        """Wait for more bytes; False at the end."""
        if self.end is not None:
            return False
        return (yield from self.send(b""))

    def line(self, limit: int) -> Conversation[bytes | None]:
        """A line with its line feed; None where none ended within the limit or before the end."""
        searched = 0
        while True:
            found = self.data.find(b"\n", searched, limit)
            if found >= 0:
                return self.take(found + 1)
            searched = len(self.data)
            if searched >= limit or not (yield from self.more()):
                return None

    def upto(self, size: int) -> Conversation[bytes]:
        """As many bytes, or fewer at the end."""
        while len(self.data) < size and (yield from self.more()):
            pass
        return self.take(size)

    def take(self, size: int) -> bytes:
        """The first bytes, which are used up by that."""
        taken = bytes(self.data[:size])
        del self.data[:size]
        return taken


def read_answer(
    reader: Reader, *, has_body: bool = True, tunnel: bool = False, limit: int = MAX_BODY
) -> Conversation[Answer | NoAnswer]:
    """The final answer; what follows a 101 (or a 2xx to CONNECT) stays in the reader.

    Args:
        reader: what was received so far.
        has_body: False where the request's method forbids a body in the answer (HEAD).
        tunnel: the request was CONNECT.
        limit: how many bytes of the body are read.
    """
    budget = MAX_HEAD
    while True:
        answer = yield from _head(reader, budget)
        if isinstance(answer, NoAnswer):
            return answer
        # 1xx answers are interim, but for 101 (RFC 9110 §15.2).
        if answer.status >= 200 or answer.status == 101:
            break
        budget -= len(answer.head)
    if not has_body or answer.status in {101, 204, 304} or (tunnel and answer.status < 300):
        return answer
    return (yield from _with_body(reader, answer, limit))


def _head(reader: Reader, budget: int) -> Conversation[Answer | NoAnswer]:
    if not (yield from _starts_like_http(reader)):
        sample = bytes(reader.data[:_SAMPLE]).split(b"\n", 1)[0]
        return NoAnswer(Silence.NOT_HTTP, _text(sample), 0.0, len(sample))
    first = yield from reader.line(budget)
    if first is None:
        return _unfinished(reader, _text(bytes(reader.data[:_SAMPLE])))
    matched = _STATUS_LINE.fullmatch(first.rstrip(b"\r\n"))
    if matched is None:
        return _malformed(reader, first)
    head = bytearray(first)
    headers: list[tuple[str, str]] = []
    while True:
        line = yield from reader.line(budget - len(head))
        if line is None:
            return _unfinished(reader, f"{_text(first)}, then {len(headers)} headers")
        head += line
        content = line.rstrip(b"\r\n")
        if not content:
            break
        pair = _HEADER.fullmatch(content)
        if pair is not None:
            headers.append((_latin(pair[1]).lower(), _latin(pair[2].strip())))
        elif content[:1] in b" \t" and headers:  # a folded value (RFC 9112 §5.2)
            name, value = headers[-1]
            headers[-1] = (name, f"{value} {_latin(content.strip())}")
        else:
            return _malformed(reader, line)
    return Answer(
        status=int(matched[1]),
        reason=_latin((matched[2] or b"").strip()),
        headers=tuple(headers),
        body=b"",
        truncated=False,
        head=bytes(head),
    )


def _starts_like_http(reader: Reader) -> Conversation[bool]:
    """Whether the first bytes may still become an HTTP answer; decided as early as possible."""
    start = b"HTTP/1."
    while start.startswith(reader.data[: len(start)]):
        if len(reader.data) >= len(start) or not (yield from reader.more()):
            return True
    return False


def _with_body(reader: Reader, answer: Answer, limit: int) -> Conversation[Answer | NoAnswer]:
    if "chunked" in answer.header("transfer-encoding").lower():
        return (yield from _chunked(reader, answer, limit))
    lengths = {value for name, value in answer.headers if name == "content-length"}
    if not lengths:
        body = yield from reader.upto(limit)
        if reader.end is End.TIMEOUT and body:
            return _slow(reader, answer, f"{len(body)} bytes of body")
        # Without a length the body ends with the connection (RFC 9112 §6.3).
        return answer._replace(body=body, truncated=reader.end is not End.CLOSED)
    length = lengths.pop()
    if lengths or not re.fullmatch(r"[0-9]{1,18}", length):
        return _malformed(reader, b"a Content-Length that cannot be read")
    body = yield from reader.upto(min(int(length), limit))
    if reader.end is End.TIMEOUT and len(body) < min(int(length), limit):
        return _slow(reader, answer, f"{len(body)} of {length} bytes of body")
    return answer._replace(body=body, truncated=len(body) < int(length))


def _chunked(reader: Reader, answer: Answer, limit: int) -> Conversation[Answer | NoAnswer]:
    body = bytearray()
    for _ in range(_MAX_CHUNKS):
        line = yield from reader.line(_MAX_CHUNK_LINE)
        if line is None:
            break
        size = _CHUNK_SIZE.fullmatch(line.rstrip(b"\r\n"))
        if size is None:
            return _malformed(reader, line)
        wanted = int(size[1], 16)
        if wanted == 0:
            return answer._replace(body=bytes(body))  # nobody here needs trailers
        body += yield from reader.upto(min(wanted, limit - len(body)))
        if len(body) >= limit:
            return answer._replace(body=bytes(body), truncated=True)
        behind = yield from reader.upto(2)
        if reader.end is not None and len(behind) < 2:
            break
        if behind != b"\r\n":
            return _malformed(reader, behind)
    else:
        return answer._replace(body=bytes(body), truncated=True)
    if reader.end is End.TIMEOUT:
        return _slow(reader, answer, f"{len(body)} bytes of body in chunks")
    if reader.end is None:
        return _malformed(reader, reader.take(_SAMPLE))
    return answer._replace(body=bytes(body), truncated=True)


def _latin(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _text(raw: bytes) -> str:
    return safe(_latin(raw.strip()), _SAMPLE)


def _malformed(reader: Reader, line: bytes) -> NoAnswer:
    used = reader.received - len(reader.data)
    return NoAnswer(Silence.NOT_HTTP, _text(line), 0.0, used)


def _slow(reader: Reader, answer: Answer, seen: str) -> NoAnswer:
    detail = f"HTTP {answer.status}, then {seen}"
    return NoAnswer(Silence.SLOW, detail, 0.0, reader.received)


_ENDS: Final = {
    End.CLOSED: Silence.CLOSED,
    End.RESET: Silence.RESET,
    End.TIMEOUT: Silence.SLOW,
}


def _unfinished(reader: Reader, seen: str) -> NoAnswer:
    """A head that did not end, for whatever reason."""
    if reader.end is None:
        return NoAnswer(Silence.TOO_LARGE, f"{seen}, and no end", 0.0, MAX_HEAD)
    if reader.received == 0 and reader.end is End.TIMEOUT:
        return NoAnswer(Silence.TIMEOUT, "not a byte", 0.0)
    return NoAnswer(_ENDS[reader.end], seen or "not a byte", 0.0, reader.received)
