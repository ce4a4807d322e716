"""What is concluded: findings, and the words that they are made of.

Records are named tuples, not dataclasses: defining one costs a seventh of the time, and a
command that works offline starts in a tenth of a second. Where classes form a union, each
carries a ``kind``, which tells them apart in comparisons and in JSON.
"""

from enum import StrEnum
from typing import NamedTuple


class Layer(StrEnum):
    """Where a connection can break, in the order in which it would."""

    ENV = "env"
    URL = "url"
    NETWORK = "network"
    TLS = "tls"
    PROXY = "proxy"
    CLOCK = "clock"
    TOKEN = "token"
    NAME = "name"
    SIGNAL = "signal"
    SERVER = "server"
    API = "api"
    MEDIA = "media"
    PAGE = "page"
    APP = "app"
    CLOUD = "cloud"


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Confidence(StrEnum):
    CERTAIN = "certain"
    """The observation has one explanation."""
    LIKELY = "likely"
    """The best of few explanations."""
    HINT = "hint"
    """Worth saying, never a verdict: a hint does not fail a run."""


class Evidence(NamedTuple):
    """One observation that a conclusion rests on."""

    label: str
    """What was looked at: ``GET /rtc/validate``."""
    observed: str
    """What was seen, already safe to show."""
    expected: str | None = None
    source: str = ""
    """``env``, ``token``, ``net``, ``api`` …"""
    repeat: str | None = None
    """A shell command that shows the same without lkdoctor; a token in it is ``$LIVEKIT_TOKEN``."""


class Snippet(NamedTuple):
    language: str
    body: str


class FixStep(NamedTuple):
    """One step of a repair; lkdoctor never takes it itself."""

    text: str
    command: str | None = None
    """To paste into a shell."""
    snippet: Snippet | None = None
    """To paste into a file."""
    destructive: bool = False
    """Deletes or restarts something."""


class Finding(NamedTuple):
    """A cause, why we think so, and what to change."""

    code: str
    check: str
    layer: Layer
    severity: Severity
    confidence: Confidence
    title: str
    """The cause in one line."""
    symptom: str
    """What the app's user or its log shows, in the client's own words; empty where nothing does."""
    cause: str
    evidence: tuple[Evidence, ...]
    fix: tuple[FixStep, ...]
    source: str
    """Where the knowledge comes from: an RFC section, a server file, an issue."""
    location: str | None = None
    """``.env.local:3``"""
    consequences: tuple[str, ...] = ()
    """Codes of the findings that are folded under this one."""

    @property
    def docs(self) -> str:
        """The command that tells more."""
        return f"lkdoctor explain {self.code}"
