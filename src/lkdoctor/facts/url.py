"""The signalling URL, as written and as clients read it."""

from enum import StrEnum
from typing import Literal, NamedTuple


class HostKind(StrEnum):
    """Who can reach a host of this kind."""

    CLOUD = "cloud"
    """``*.livekit.cloud``"""
    LOOPBACK = "loopback"
    PRIVATE = "private"
    """A private, link-local or carrier-grade NAT address."""
    SINGLE_LABEL = "single-label"
    """A name without a dot: a compose service or an intranet host."""
    PUBLIC = "public"


class ParsedUrl(NamedTuple):
    """A URL that clients can dial."""

    scheme: str
    """``ws``, ``wss``, ``http`` or ``https``, in lower case."""
    host: str
    """Without brackets, as DNS wants it (IDNA)."""
    port: int
    explicit_port: bool
    path: str
    """The prefix in front of ``/rtc``, without a trailing slash."""
    query: bool
    """A query or fragment was written; clients drop or misread it."""
    userinfo: bool
    """``user:password@`` was written; it becomes an Authorization header in some clients."""
    host_kind: HostKind
    kind: Literal["parsed"] = "parsed"

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.scheme in {"wss", "https"}


class UrlProblem(StrEnum):
    EMPTY = "empty"
    LITERAL = "literal"
    """``undefined``, ``null``, ``None``, ``[object Object]``: a variable that was never set."""
    NO_SCHEME = "no-scheme"
    WRONG_SCHEME = "wrong-scheme"
    NO_HOST = "no-host"
    BAD_PORT = "bad-port"
    BLANKS = "blanks"
    """Blanks or control characters inside."""
    BAD_HOST = "bad-host"


class UnusableUrl(NamedTuple):
    """A string that no client can dial."""

    problem: UrlProblem
    detail: str
    suggestion: str | None = None
    """What was probably meant, where that can be said."""
    kind: Literal["unusable"] = "unusable"


class UrlFact(NamedTuple):
    raw: str
    """As written, safe to show."""
    origin: str
    result: ParsedUrl | UnusableUrl
