"""LiveKit's disconnect reasons, by name and by number."""

from typing import Final, NamedTuple

from lkdoctor.findings import Severity
from lkdoctor.logs.phrases import Phrase, Weight

CODE: Final = "disconnect-reasons"


class Reason(NamedTuple):
    """Why a session ended, as the server and the SDKs name it."""

    number: int
    name: str
    means: str
    codes: tuple[str, ...] = ()
    """Causes that end a session so, the likeliest first."""
    severity: Severity = Severity.ERROR


REASONS: Final = (
    Reason(0, "UNKNOWN_REASON", "nobody said why", ("signal-leave-on-connect",), Severity.WARNING),
    Reason(
        1,
        "CLIENT_INITIATED",
        "the app's own code left: disconnect(), an unmounted component, a closed page",
        ("app-double-connect",),
        Severity.INFO,
    ),
    Reason(
        2,
        "DUPLICATE_IDENTITY",
        "somebody joined under the same identity, and the first one was put out",
        ("identity-collision",),
    ),
    Reason(3, "SERVER_SHUTDOWN", "the server stopped or was drained", ("server-restart-drain",)),
    Reason(
        4,
        "PARTICIPANT_REMOVED",
        "somebody called the API's RemoveParticipant",
        (),
        Severity.WARNING,
    ),
    Reason(5, "ROOM_DELETED", "somebody called the API's DeleteRoom", (), Severity.WARNING),
    Reason(
        6,
        "STATE_MISMATCH",
        "the client resumed a session that the server no longer has, or media never came",
        ("signal-leave-on-connect", "server-restart-drain", "ice-udp-range-blocked"),
    ),
    Reason(
        7,
        "JOIN_FAILURE",
        "no media within a minute, or the join was refused",
        ("ice-private-candidates", "ice-udp-range-blocked", "signal-room-full"),
    ),
    Reason(8, "MIGRATION", "the session moved to another server", (), Severity.INFO),
    Reason(
        9,
        "SIGNAL_CLOSE",
        "the WebSocket was gone and did not come back in time",
        ("signal-no-pong",),
        Severity.WARNING,
    ),
    Reason(
        10,
        "ROOM_CLOSED",
        "the room ended: everybody had left, or nobody came in time",
        ("server-room-timeouts",),
        Severity.WARNING,
    ),
    Reason(11, "USER_UNAVAILABLE", "the person called by SIP did not answer", (), Severity.WARNING),
    Reason(12, "USER_REJECTED", "the person called by SIP declined", (), Severity.WARNING),
    Reason(13, "SIP_TRUNK_FAILURE", "the SIP trunk failed"),
    Reason(
        14,
        "CONNECTION_TIMEOUT",
        "media was lost and did not come back in time",
        ("ice-udp-range-blocked", "ice-client-firewall"),
    ),
    Reason(
        15, "MEDIA_FAILURE", "media failed", ("ice-udp-range-blocked", "ice-private-candidates")
    ),
    Reason(16, "AGENT_ERROR", "the agent's job ended with an error", ("app-agent-not-running",)),
)
"""livekit/protocol livekit_models.proto, DisconnectReason; livekit-server pkg/rtc/types."""

_NUMBERED: Final = ("disconnect reason", "disconnectreason", "disconnect_reason")
"""What stands before a number, where it is a reason and no other number."""


def _phrase(reason: Reason, text: str, pattern: str) -> Phrase:
    faulty = reason.severity is not Severity.INFO
    one = len(reason.codes) == 1 and reason.codes[0] == "identity-collision"
    weight = Weight.TELLS if not faulty else Weight.DECIDES if one else Weight.NARROWS
    return Phrase(
        text,
        weight,
        (*reason.codes, CODE) if weight is not Weight.DECIDES else reason.codes,
        f"LiveKit, disconnect reason {reason.number} ({reason.name})",
        reason.means,
        "livekit/protocol livekit_models.proto, DisconnectReason",
        severity=reason.severity,
        pattern=pattern,
    )


def _phrases(reason: Reason) -> tuple[Phrase, ...]:
    name = reason.name.lower()
    return (
        *(
            _phrase(reason, text, "reason|disconnect|leave|left|closed")
            for text in dict.fromkeys((name, name.replace("_", "")))
        ),
        *(
            _phrase(reason, text, rf"{text}\W{{1,4}}{reason.number}\b(?![.\d])")
            for text in _NUMBERED
        ),
    )


PHRASES: Final = tuple(
    phrase
    for reason in REASONS
    if reason.name != "MIGRATION"  # an ordinary word
    for phrase in _phrases(reason)
)
