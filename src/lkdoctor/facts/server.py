"""What plain HTTP requests were answered."""

from enum import StrEnum
from typing import Literal, NamedTuple


class HttpAnswer(NamedTuple):
    """A complete head and as much of the body as we read."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in the order received, values safe to show."""
    body: str
    """Safe to show: secrets out, controls escaped, bounded."""
    body_bytes: int
    """Bytes read of the body, before any cutting."""
    took_ms: float
    """From the request's last byte sent to the answer's last byte read."""
    truncated: bool = False
    """The body was longer than we read, or ended before it was complete."""
    kind: Literal["answer"] = "answer"

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((v for n, v in self.headers if n == name.lower()), None)


class Silence(StrEnum):
    """The ways in which a peer can fail to give a usable HTTP answer."""

    TIMEOUT = "timeout"
    """Not a byte in the time given."""
    SLOW = "slow"
    """Bytes came, but the answer was not complete in the time given."""
    CLOSED = "closed"
    """The connection was closed before the answer was complete."""
    RESET = "reset"
    """The connection was reset."""
    NOT_HTTP = "not-http"
    """Bytes came that are not HTTP."""
    TOO_LARGE = "too-large"
    """The head never ended within our bounds."""
    NOT_CONNECTED = "not-connected"
    """No connection could be opened for this request although another one could."""
    OWN_LIMIT = "own-limit"
    """The same, and for a reason of this machine's."""


class NoAnswer(NamedTuple):
    """The peer did not give a usable HTTP answer."""

    problem: Silence
    detail: str
    """What was seen instead, safe to show."""
    took_ms: float
    received_bytes: int = 0
    kind: Literal["no-answer"] = "no-answer"


Exchange = HttpAnswer | NoAnswer


class Elsewhere(NamedTuple):
    """What ``/rtc/validate`` under another prefix says to a request without credentials."""

    prefix: str
    """``/livekit``; empty for the host's root."""
    answer: Exchange


class ServerFact(NamedTuple):
    """Answers to requests that need no credentials."""

    root: Exchange
    """``GET /``: LiveKit says ``OK``."""
    speaks_tls: bool | None = None
    """Whether the port answers a TLS handshake; tried where the URL has no TLS and the connection
    ends without a byte."""
    dev_mode: bool | None = None
    """Whether ``GET /debug/rooms`` is open, which it is under ``--dev`` alone (livekit-server
    server.go); asked only of a server nearby that does not know the key."""
    elsewhere: tuple[Elsewhere, ...] = ()
    """Prefixes, the URL's own among them; asked only where no signalling path is LiveKit's."""
    bad_token: Exchange | None = None
    """``/rtc/validate`` with a token that is none, asked with `elsewhere`. LiveKit looks at the
    token before it looks at the path, so its refusal tells that a wrong path leads to it."""
