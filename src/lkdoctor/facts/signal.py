"""What the signalling endpoint answered: validate, upgrade, first message, pings, leave."""

from enum import StrEnum
from typing import Final, Literal, NamedTuple

from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer


class Whose(StrEnum):
    """Whose token was sent."""

    NONE = "none"
    """None: LiveKit's own 401 shows that the request reached it."""
    MINTED = "minted"
    """lkdoctor's own: a throw-away identity in a throw-away room, for a minute."""
    GIVEN = "given"
    """The user's."""


class Validation(NamedTuple):
    """What ``/rtc/validate`` says about a token, without joining."""

    whose: Whose
    path: str
    answer: Exchange


class Upgraded(NamedTuple):
    """101, and the handshake is right."""

    took_ms: float
    """From the request's last byte sent to the answer's last byte read: the session's start."""
    headers: tuple[tuple[str, str], ...] = ()
    kind: Literal["upgraded"] = "upgraded"


class UpgradeRefused(NamedTuple):
    """A complete HTTP answer that is not 101."""

    answer: HttpAnswer
    kind: Literal["refused"] = "refused"


class UpgradeInvalid(NamedTuple):
    """101, but not a WebSocket handshake as RFC 6455 §4.1 wants it (wrong Accept, headers missing …)."""

    answer: HttpAnswer
    error: str
    kind: Literal["invalid"] = "invalid"


class UpgradeUnanswered(NamedTuple):
    """No usable HTTP answer."""

    answer: NoAnswer
    kind: Literal["unanswered"] = "unanswered"


Upgrade = Upgraded | UpgradeRefused | UpgradeInvalid | UpgradeUnanswered


class UpgradeAttempt(NamedTuple):
    whose: Whose
    path: str
    """``/rtc`` or ``/rtc/v1``, behind the URL's own prefix."""
    result: Upgrade


class ParticipantSeen(NamedTuple):
    """A participant as a JoinResponse shows it."""

    identity: str
    name: str
    sid: str
    state: str
    """``JOINING``, ``JOINED``, ``ACTIVE``, ``DISCONNECTED``"""
    joined_at: float
    publishing: int = 0
    """Number of tracks."""
    hidden: bool = False


class IceServer(NamedTuple):
    """An ICE server offered to the participant; its credential stays out of the facts."""

    urls: tuple[str, ...]
    username: str
    """Masked."""
    has_credential: bool


class Candidate(NamedTuple):
    """Where the server says that media must arrive (RFC 8839 §5.1)."""

    protocol: str
    """``udp`` or ``tcp``"""
    address: str
    port: int
    type: str
    """``host``, ``srflx``, ``prflx``, ``relay``"""
    tcp_type: str = ""
    """``passive``, ``active``, ``so`` for TCP (RFC 6544)"""


class Joined(NamedTuple):
    """The first message is a JoinResponse."""

    took_ms: float
    """From the upgrade to the message."""
    room: str
    room_sid: str
    identity: str
    participant_sid: str
    server_version: str
    protocol: int
    region: str
    node_id: str
    edition: str
    """``Standard`` (self-hosted) or ``Cloud``"""
    ping_interval_s: int
    ping_timeout_s: int
    room_created_at: float
    num_participants: int
    max_participants: int
    others: tuple[ParticipantSeen, ...] = ()
    ice_servers: tuple[IceServer, ...] = ()
    subscriber_primary: bool = False
    alternative_url: str = ""
    codecs: tuple[str, ...] = ()
    """MIME types that may be published in the room: ``audio/opus``; none where it does not say."""
    empty_timeout_s: int = 0
    """Seconds after which the room ends where nobody joins it."""
    departure_timeout_s: int = 0
    """The same after the last one has left; 0 where a server knows one time for both (1.5)."""
    message_bytes: int = 0
    kind: Literal["joined"] = "joined"

    @property
    def ice_urls(self) -> tuple[str, ...]:
        """The URLs of all ICE servers: ``stun:…``, ``turn:…``."""
        return tuple(url for server in self.ice_servers for url in server.urls)

    @property
    def turn_urls(self) -> tuple[str, ...]:
        """Those of TURN servers alone."""
        return tuple(url for url in self.ice_urls if url.startswith("turn"))


class LeftAtOnce(NamedTuple):
    """The first message is a LeaveRequest: the server does not want this session."""

    took_ms: float
    reason: str
    """``DUPLICATE_IDENTITY``, ``JOIN_FAILURE`` …"""
    action: str
    """``DISCONNECT``, ``RESUME``, ``RECONNECT``"""
    kind: Literal["left"] = "left"


class FirstMessageProblem(StrEnum):
    """What came in place of a first message."""

    SILENCE = "silence"
    """Nothing in the time given."""
    SLOW = "slow"
    """Bytes came, but no whole message in the time given."""
    CLOSED = "closed"
    """A close frame."""
    DROPPED = "dropped"
    """The connection ended without a close frame."""
    NOT_LIVEKIT = "not-livekit"
    """A message that is no SignalResponse, or a SignalResponse other than join or leave."""
    BROKEN_FRAME = "broken-frame"
    """Bytes that break RFC 6455."""
    TOO_LARGE = "too-large"
    """A message beyond our bound."""


class NoFirstMessage(NamedTuple):
    """The upgrade succeeded, but no JoinResponse followed."""

    problem: FirstMessageProblem
    detail: str
    """What was seen, safe to show: a close code and reason, the first bytes …"""
    took_ms: float
    kind: Literal["none"] = "none"


FirstMessage = Joined | LeftAtOnce | NoFirstMessage


class Pings(NamedTuple):
    """Application-level round trips (``ping_req`` → ``pong_resp``)."""

    sent: int
    round_trips_ms: tuple[float, ...]
    """One for each pong, in order; of a late one until it was read."""
    waited_ms: float | None = None
    """How long the last ping has been waited for, where it was not answered."""


class Cut(NamedTuple):
    """The session ended after the join response, and not because we left it."""

    how: str
    """``leave DUPLICATE_IDENTITY``, ``close code 1001``, ``the connection was reset`` …"""
    after_ms: float
    """From the join response on."""


class Goodbye(NamedTuple):
    """How the session ended after our LeaveRequest."""

    answered: bool
    """The server confirmed with a LeaveRequest of its own or closed with 1000."""
    close_code: int | None
    detail: str = ""


SILENT: Final = "silent"
"""How a session ends of which clients say ``ping timeout``."""


class Held(NamedTuple):
    """What became of a session that was kept open, with the pings that a client sends."""

    asked_s: float
    lasted_s: float
    """From the join to the end, or to the moment when we left."""
    ended: str = ""
    """Who ended it before its time, and how: ``leave SERVER_SHUTDOWN``, ``closed``, ``dropped``,
    ``silent`` where we did as a client does that gets no pong; empty where it was still open."""
    detail: str = ""
    close_code: int | None = None
    quiet_s: float = 0.0
    """Since anything was last said on it, by either side."""
    pings: int = 0
    """Sent meanwhile."""
    pongs: int | None = None
    """Of these answered; None in a report of a version that did not count."""
    unheard_s: float = 0.0
    """Since the server last said anything."""


class Tally(NamedTuple):
    """One answer among those of a question that was asked again and again."""

    answer: Exchange
    times: int


SOON_S: Final = 10
"""A room that lasts no longer than this is nothing to worry about."""


class CleanUp(NamedTuple):
    """What became of the throw-away room."""

    room: str
    removed: bool
    """By a request of ours; where False, it goes by itself."""
    detail: str = ""
    """Why it was not removed, where that would have been wanted."""
    lasts_s: int | None = None
    """Seconds after which the server ends it once the last one has left, as far as it says."""
    known: bool = True
    """False: the server has not said whether it made the room, nor how long it lasts."""

    @property
    def goes(self) -> bool:
        """Whether it is gone, or goes by itself within seconds."""
        return self.removed or (self.lasts_s is not None and self.lasts_s <= SOON_S)


class PhaseName(StrEnum):
    DNS = "dns"
    TCP = "tcp"
    PROXY = "proxy"
    """CONNECT, where a forward proxy is taken; DNS and TCP are then the proxy's."""
    TLS = "tls"
    UPGRADE = "upgrade"
    FIRST_MESSAGE = "first_message"


class PhaseOutcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    TIMEOUT = "timeout"
    NOT_REACHED = "not_reached"


class Phase(NamedTuple):
    """One step of the way from nothing to the first message."""

    name: PhaseName
    outcome: PhaseOutcome
    start_ms: float = 0.0
    took_ms: float = 0.0
    detail: str = ""


class Repeat(NamedTuple):
    """One of several connections, one after the other."""

    ready_ms: float | None
    """From nothing to the first message; None: it did not get there."""
    outcome: str
    """``joined``, or what happened instead."""
    phases: tuple[Phase, ...] = ()
    node: str = ""
    """The node that took it, where it joined."""


class SignalFact(NamedTuple):
    """All that was asked of the signalling endpoint."""

    validations: tuple[Validation, ...] = ()
    upgrades: tuple[UpgradeAttempt, ...] = ()
    """At most one for each `Whose`; the last is the one that the rest speaks of."""
    first: FirstMessage | None = None
    """None: no upgrade succeeded, or none was meant to join."""
    phases: tuple[Phase, ...] = ()
    """Of the connection that joined (or tried to)."""
    pings: Pings | None = None
    candidates: tuple[Candidate, ...] = ()
    cut: Cut | None = None
    goodbye: Goodbye | None = None
    clean_up: CleanUp | None = None
    repeats: tuple[Repeat, ...] = ()
    """Every connection of ``--repeat``, in the order in which they ended; the rest of this fact is of the first that
    failed, or else of the last."""
    without_v1: bool = False
    """``/rtc/v1`` was asked for first, and the server does not have it."""
    room_minted: str | None = None
    """The throw-away room's name, where one was used."""
    held: Held | None = None
    again: tuple[Tally, ...] = ()
    """What ``/rtc/validate`` said of one token each time it was asked, the commonest first."""
    as_browser: tuple[Validation, ...] = ()
    """The classic path and ``/rtc/v1`` as a page asks them: token in the query, with an Origin."""
    proven: bool = False
    """The server has sent a token that is signed with our secret and that we did not make: it
    holds the secret. One of several keys signs with any of them, so False proves nothing."""

    def validation(self, whose: Whose) -> Validation | None:
        """The answer about that token (the classic path first)."""
        return next((v for v in self.validations if v.whose is whose), None)

    def upgrade(self, whose: Whose) -> UpgradeAttempt | None:
        """The attempt with that token."""
        return next((u for u in self.upgrades if u.whose is whose), None)
