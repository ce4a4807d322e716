"""Facts that raise each cause of `rules/clock.py`, and the nearest that do not."""

from typing import Final

from examples.base import Example
from examples.healthy import NOON, answer, healthy
from lkdoctor.facts import Facts
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.signal import SignalFact, Validation, Whose


def _off_by(seconds: float) -> Facts:
    clock = ClockFact(NOON, NOON + seconds, seconds * 1000, 512.0, "Date header")
    return healthy()._replace(clock=clock)


def _sick() -> Facts:
    said = answer(401, "invalid token: <token>, error: token has invalid claims: token is expired")
    refused = SignalFact(validations=(Validation(Whose.MINTED, "/rtc/validate", said),))
    return _off_by(600.0)._replace(signal=refused, api=None)


EXAMPLES: Final = {
    "clock-server-wrong": Example(_sick, lambda: _off_by(1.4)),
}
