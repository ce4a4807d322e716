"""What two participants went through who played a booking against the real server."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from lkdoctor.facts.signal import CleanUp


class Step(StrEnum):
    """The steps of a booking, in the order in which they are played."""

    TOKEN = "token"
    """The server takes the token (``/rtc/validate``)."""
    SIGNALLING = "signalling"
    """It lets the participant join, and sends a JoinResponse."""
    CONNECTION = "connection"
    """The SDK's peer connection is up."""
    PUBLISHING = "publishing"
    """Microphone, camera and screen share are published."""
    RECEIVING = "receiving"
    """The other one's sound and pictures arrive."""
    DATA = "data"
    """A data message of the other one arrives."""
    PERMISSIONS = "permissions"
    """What the role may do is allowed, what it may not do is refused."""
    LEAVING = "leaving"
    """The participant is gone from the room."""


NAMES: Final = {
    Step.TOKEN: "token",
    Step.SIGNALLING: "signalling",
    Step.CONNECTION: "peer connection",
    Step.PUBLISHING: "publishing",
    Step.RECEIVING: "receiving",
    Step.DATA: "data message",
    Step.PERMISSIONS: "permissions",
    Step.LEAVING: "leaving",
}
"""How people call the steps."""

AUDIO_LOSS: Final = 0.15
"""What Opus with its redundancy still carries understandably."""

TRIP_MS: Final = 400.0
"""Round trip above which people talk into each other (ITU-T G.114: 200 ms one way, doubled)."""

PICTURE_BPS: Final = 300_000.0
"""What a small picture takes, in bits a second; none of a rehearsal's is given more."""


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    """It was answered, and not as it should be."""
    TIMEOUT = "timeout"
    """It was not answered in the time given."""
    LEFT_OUT = "left_out"
    """Nobody asked for it, or the role may not do it."""
    PARTLY = "partly"
    """All is allowed that should be, and the server lacks what some of it takes."""
    NOT_REACHED = "not_reached"
    """A step before it did not succeed."""
    BROKEN_OFF = "broken_off"
    """Whoever plays it ended in the middle of it; nothing is known of the step itself."""


DONE = (Outcome.OK, Outcome.PARTLY)
"""Outcomes of a step that was played, and was allowed."""

GOOD = (*DONE, Outcome.LEFT_OUT)
"""Outcomes after which the next step is played."""

BAD = (Outcome.FAILED, Outcome.TIMEOUT)
"""Those of a step that was played, and did not go well."""


class StepResult(NamedTuple):
    """How one step went for one participant."""

    step: Step
    outcome: Outcome
    took_ms: float = 0.0
    detail: str = ""
    """What was seen, safe to show."""


class Participant(NamedTuple):
    """Who plays, and what the grants say of that role."""

    role: str
    identity: str
    room: str
    """The room that the booking gives this participant."""
    room_played: str
    """The room that was joined: a throw-away copy, or the same."""
    sources: tuple[str, ...] = ()
    """What may be published of what is played: ``microphone``, ``camera``, ``screen_share``."""
    sources_listed: tuple[str, ...] = ()
    """What canPublishSources names, where that is what limits it; nothing where canPublish does."""
    can_subscribe: bool = True
    can_publish_data: bool = True
    room_admin: bool = False
    """May mute, update and remove others."""
    room_record: bool = False
    """May list and start egress."""
    hidden: bool = False
    """Nobody is told of this participant, or of the tracks that it publishes."""
    identity_played: str = ""
    """Under which name that was: of its own in a throw-away copy, or the same."""


def share_identity(people: Iterable[Participant]) -> bool:
    """Whether an identity is twice in a room, where the later one ends the session of the other."""
    people = tuple(people)
    return len({(who.identity, who.room) for who in people}) < len(people)


class Publication(NamedTuple):
    """One track that was offered to the server."""

    source: str
    allowed: bool
    """What the grants say."""
    took_ms: float | None = None
    """None: the server never answered."""
    detail: str = ""
    """Why it failed, where the SDK said so."""


class Reception(NamedTuple):
    """What arrived of one track of the other participant."""

    source: str
    first_frame_ms: float | None = None
    """From the moment at which it was published; None: nothing arrived."""
    frames: int = 0
    delay_ms: float | None = None
    """From a picture's time code to its arrival, decoded: the median. None for sound."""
    worst_delay_ms: float | None = None
    packets: int = 0
    lost: int = 0
    jitter_ms: float | None = None


def loss(receptions: Iterable[Reception]) -> float | None:
    """The share of packets that did not arrive; None where none were counted."""
    receptions = tuple(receptions)
    lost = sum(r.lost for r in receptions)
    total = lost + sum(r.packets for r in receptions)
    return lost / total if total else None


class MediaPath(NamedTuple):
    """The pair of candidates that carries the media (RFC 8445 §6.1.2)."""

    local_type: str
    """``host``, ``srflx``, ``prflx``, ``relay``"""
    remote_type: str
    protocol: str
    """``udp`` or ``tcp``; of a relayed path, to the relay, which ``tls`` may lead to, too."""
    remote_address: str
    remote_port: int
    round_trip_ms: float | None = None
    outgoing_bps: float | None = None
    """What the sender's bandwidth estimate came to."""
    relay: str = ""
    """The relay's URL: ``turn:turn.example.com:3478?transport=tcp``."""

    @property
    def relayed(self) -> bool:
        """Whether it goes through a TURN server."""
        return self.local_type == "relay"


class TurnTry(NamedTuple):
    """What the SDK's own log tells of its attempts to get a relayed address."""

    asked: int = 0
    """Allocate requests that were sent."""
    allocated: bool = False
    refused: str = ""
    """``Unauthorized`` where the credentials were not taken; the server's error code otherwise."""


class Attempt(NamedTuple):
    """One thing that a participant asked of the server API with the own token."""

    action: str
    """Twirp's name: ``MutePublishedTrack``."""
    grant: str
    """What it needs."""
    granted: bool
    """What the token says."""
    permitted: bool | None
    """What the server said; None: it cannot be told from the answer."""
    answer: str
    """The answer in short, safe to show."""
    unavailable: bool = False
    """What would do it is not there: an error of the server's own, and not for want of a grant."""

    @property
    def in_vain(self) -> bool:
        """Whether the role may do it, and nobody can."""
        return self.granted and self.unavailable


class Player(NamedTuple):
    """One participant in one round."""

    role: str
    steps: tuple[StepResult, ...]
    publications: tuple[Publication, ...] = ()
    receptions: tuple[Reception, ...] = ()
    path: MediaPath | None = None
    turn: TurnTry = TurnTry()
    attempts: tuple[Attempt, ...] = ()
    ended: str = ""
    """Why the session ended, where it was not by leaving: ``DUPLICATE_IDENTITY``."""

    def step(self, step: Step) -> StepResult:
        """How that step went."""
        found = (result for result in self.steps if result.step is step)
        return next(found, StepResult(step, Outcome.NOT_REACHED))


class SoundAlone(NamedTuple):
    """What becomes of a call over a way that is too poor for pictures."""

    lost: float
    """The share of its packets that did not arrive, at the one for whom it was worse."""
    carried: bool | None
    """Whether it would be understood; None: it was sent beside pictures, which took its bandwidth."""

    @property
    def words(self) -> str:
        """``would be understood (2% of its packets lost, …)``."""
        share = f"{self.lost:.1%} of its packets lost"
        if self.carried is None:
            return f"cannot be told beside pictures ({share}): repeat with --audio-only"
        if self.carried:
            return f"would be understood ({share}; it takes about 40 kbit/s)"
        return f"would break up, too ({share})"


def sound_alone(players: Iterable[Player], *, audio_only: bool) -> SoundAlone | None:
    """Whether sound alone gets through, as far as these tell; None where none arrived.

    Args:
        players: what they received.
        audio_only: whether nothing was sent beside it.
    """
    players = tuple(players)
    shares = [
        share
        for player in players
        if (share := loss(r for r in player.receptions if r.source == "microphone")) is not None
    ]
    if not shares:
        return None
    trips = [p.path.round_trip_ms for p in players if p.path and p.path.round_trip_ms is not None]
    if max(trips, default=0.0) > TRIP_MS:
        return SoundAlone(max(shares), carried=False)
    if max(shares) <= AUDIO_LOSS:
        return SoundAlone(max(shares), carried=True)
    return SoundAlone(max(shares), carried=False if audio_only else None)


class Round(NamedTuple):
    """The booking, played once."""

    players: tuple[Player, ...]
    took_ms: float = 0.0

    @property
    def good(self) -> bool:
        """Whether every step of everybody went well."""
        return all(p.step(s).outcome in GOOD for p in self.players for s in Step)


class SdkEnd(NamedTuple):
    """The SDK's process ended by itself, or did not answer."""

    step: Step
    """What was to be played then."""
    how: str
    """``killed by SIGKILL``, ``ended with exit code 1``, ``no answer in 15 s``."""
    said: str = ""
    """Its last words on standard error, safe to show."""


class Stopped(NamedTuple):
    """Why a rehearsal in the booking's own room was not played to its end: to disturb nobody."""

    step: Step
    """What was to be played, or was being played."""
    identity: str = ""
    """Who came in; empty where it cannot be seen who is there."""
    taken: bool = False
    """Under an identity that the booking gives to one of the two."""
    detail: str = ""
    """Why it cannot be seen."""


class RehearsalFact(NamedTuple):
    """A rehearsal: who played what, and how it went."""

    participants: tuple[Participant, ...]
    rounds: tuple[Round, ...] = ()
    step_timeout_s: float = 10.0
    seconds: float = 3.0
    """How long media was measured."""
    audio_only: bool = False
    signal_only: bool = False
    relay_only: bool = False
    """All media had to go over TURN."""
    in_place: bool = False
    """Played in the booking's own room."""
    clean_ups: tuple[CleanUp, ...] = ()
    """Of the rooms that were made."""
    left_behind: tuple[str, ...] = ()
    """Participants of ours whom the server still had at the end."""
    sdk_end: SdkEnd | None = None
    """Why it was not played to its end, where that was the SDK's process."""
    stopped: Stopped | None = None
    """The same, where it was somebody else."""

    def results(self, step: Step, rounds: tuple[Round, ...] | None = None) -> list[StepResult]:
        """How the step went for everybody of every round in which it was reached, or of these."""
        return [
            result
            for one in (self.rounds if rounds is None else rounds)
            for player in one.players
            if (result := player.step(step)).outcome is not Outcome.NOT_REACHED
        ]

    @property
    def unconnected(self) -> bool:
        """Whether somebody got no peer connection in some round."""
        return any(
            player.step(Step.CONNECTION).outcome in BAD
            for one in self.rounds
            for player in one.players
        )

    @property
    def one_room(self) -> bool:
        """Whether the booking sends everybody into the same room."""
        return len({participant.room for participant in self.participants}) == 1
