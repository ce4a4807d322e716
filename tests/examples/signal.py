"""Facts that raise each cause of `rules/signal.py`, and the nearest that do not."""

from typing import Final

from examples.base import Example
from examples.healthy import answer, healthy, no_answer
from lkdoctor.facts import Facts
from lkdoctor.facts.server import HttpAnswer, NoAnswer, Silence
from lkdoctor.facts.signal import (
    SILENT,
    CleanUp,
    Cut,
    FirstMessage,
    FirstMessageProblem,
    Held,
    Joined,
    LeftAtOnce,
    NoFirstMessage,
    Pings,
    SignalFact,
    Upgrade,
    UpgradeAttempt,
    Upgraded,
    UpgradeInvalid,
    UpgradeRefused,
    UpgradeUnanswered,
    Validation,
    Whose,
)

_SUCCESS: Final = Validation(Whose.MINTED, "/rtc/validate", answer(200, "success"))


def _given(validate: HttpAnswer, upgrade: HttpAnswer | None = None) -> Facts:
    """The user's own token is answered so; nobody has read it."""
    refused = () if upgrade is None else (_attempt(UpgradeRefused(upgrade), Whose.GIVEN),)
    return healthy()._replace(
        signal=SignalFact((Validation(Whose.GIVEN, "/rtc/validate", validate),), refused)
    )


def _attempt(result: Upgrade, whose: Whose = Whose.MINTED) -> UpgradeAttempt:
    return UpgradeAttempt(whose, "/rtc", result)


def _upgrade(result: Upgrade, first: FirstMessage | None = None) -> Facts:
    """The token is fine, the upgrade ends so."""
    signal = SignalFact(validations=(_SUCCESS,), upgrades=(_attempt(result),), first=first)
    return healthy()._replace(signal=signal)


def _first(problem: FirstMessageProblem, detail: str, took_ms: float = 4.0) -> Facts:
    return _upgrade(Upgraded(88.0), NoFirstMessage(problem, detail, took_ms))


def _sick_room_missing() -> Facts:
    return _given(answer(404, "requested room does not exist"))


def _sick_room_full() -> Facts:
    return _given(answer(200, "success"), answer(500, "connection closed by media"))


def _busy_room() -> Facts:
    """The API shows the room in question with places left."""
    facts = healthy()
    return facts._replace(api=facts.api._replace(room_asked="demo") if facts.api else None)


def _sick_no_pong() -> Facts:
    facts = healthy()
    signal = facts.signal
    return facts._replace(signal=signal._replace(pings=Pings(3, ())) if signal else None)


def _sick_goes_silent() -> Facts:
    facts = healthy()
    held = Held(60.0, 26.0, SILENT, "", None, 10.0, pings=5, pongs=2, unheard_s=15.9)
    return facts._replace(signal=facts.signal._replace(held=held) if facts.signal else None)


def _sick_cut_off() -> Facts:
    facts = healthy()
    signal = facts.signal
    cut = Cut("the connection ended without a close frame", 3.0)
    if signal is None:
        return facts
    return facts._replace(signal=signal._replace(cut=cut, pings=Pings(1, ()), goodbye=None))


def _sick_room_left() -> Facts:
    facts = healthy()
    why = "no token that can delete rooms was sent"
    left = CleanUp("lkdoctor-7f3a9c21", removed=False, detail=why, lasts_s=300)
    signal = facts.signal
    return facts._replace(signal=signal._replace(clean_up=left) if signal else None)


def _sick_refused() -> Facts:
    return _given(answer(418, "short and stout", server="teapot"))


def _sick_rate_limited() -> Facts:
    return _given(answer(200, "success"), answer(429, "too many requests", retry_after="30"))


def _asked_for_v1(version: str, reply: HttpAnswer) -> Facts:
    facts = healthy()
    if facts.signal is None or not isinstance(facts.signal.first, Joined):
        return facts
    asked = Validation(Whose.MINTED, "/rtc/v1/validate", reply)
    first = facts.signal.first._replace(server_version=version)
    return facts._replace(signal=facts.signal._replace(as_browser=(asked,), first=first))


def _sick_old_server() -> Facts:
    return _asked_for_v1("1.8.4", answer(404, "404 page not found"))


def _new_server() -> Facts:
    yes = answer(200, "success", access_control_allow_origin="*")
    return _asked_for_v1("1.13.5", yes)


def _sick_bus() -> Facts:
    words = "could not get node for room: dial tcp 10.0.0.5:6379: connect: connection refused"
    return _given(answer(200, "success"), answer(500, words))


def _refused_for_want_of_a_token() -> Facts:
    own = answer(401, "no permissions to access the room")
    return healthy()._replace(
        signal=SignalFact(
            validations=(Validation(Whose.NONE, "/rtc/validate", own),),
            upgrades=(_attempt(UpgradeRefused(own), Whose.NONE),),
        )
    )


EXAMPLES: Final = {
    "room-not-found": Example(_sick_room_missing, healthy),
    "signal-room-full": Example(_sick_room_full, _busy_room),
    "signal-timeout": Example(
        lambda: _upgrade(UpgradeUnanswered(no_answer(Silence.TIMEOUT))), healthy
    ),
    "signal-slow": Example(
        lambda: _upgrade(UpgradeUnanswered(NoAnswer(Silence.SLOW, "", 5000.0, 40))), healthy
    ),
    "signal-closed-early": Example(
        lambda: _upgrade(UpgradeUnanswered(NoAnswer(Silence.CLOSED, "", 3.0))), healthy
    ),
    "signal-handshake-invalid": Example(
        lambda: _upgrade(UpgradeInvalid(answer(101), "the Sec-WebSocket-Accept header is wrong")),
        healthy,
    ),
    "signal-rate-limited": Example(_sick_rate_limited, healthy),
    "signal-v1-vs-old-server": Example(_sick_old_server, _new_server),
    "signal-400-hidden": Example(
        lambda: _given(answer(400, "room name length exceeds limits: max length 20")), healthy
    ),
    "signal-5xx-bus": Example(_sick_bus, healthy),
    "signal-refused": Example(_sick_refused, _refused_for_want_of_a_token),
    "signal-leave-on-connect": Example(
        lambda: _upgrade(Upgraded(88.0), LeftAtOnce(2.0, "STATE_MISMATCH", "DISCONNECT")), healthy
    ),
    "signal-silent-after-upgrade": Example(
        lambda: _first(FirstMessageProblem.SILENCE, "nothing", 5000.0), healthy
    ),
    "signal-closed-after-upgrade": Example(
        lambda: _first(FirstMessageProblem.CLOSED, "close 1011 internal error"), healthy
    ),
    "signal-dropped-after-upgrade": Example(
        lambda: _first(FirstMessageProblem.DROPPED, "end of stream"), healthy
    ),
    "signal-not-livekit": Example(
        lambda: _first(FirstMessageProblem.NOT_LIVEKIT, 'text "hello"'), healthy
    ),
    "signal-frame-invalid": Example(
        lambda: _first(FirstMessageProblem.BROKEN_FRAME, "reserved bits are set"), healthy
    ),
    "signal-message-too-large": Example(
        lambda: _first(FirstMessageProblem.TOO_LARGE, "a frame of 8388608 bytes"), healthy
    ),
    "signal-cut-after-join": Example(_sick_cut_off, healthy),
    "signal-no-pong": Example(_sick_no_pong, healthy),
    "signal-goes-silent": Example(_sick_goes_silent, healthy),
    "signal-test-room-left": Example(_sick_room_left, healthy),
}
