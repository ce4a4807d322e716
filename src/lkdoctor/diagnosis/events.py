"""What happens during a run, for whoever listens; nobody has to."""

from collections.abc import Callable
from typing import Literal, NamedTuple


class StepStarted(NamedTuple):
    """A step of the plan begins."""

    step: str
    words: str
    """``looking up rtc.example.com``"""
    kind: Literal["step-started"] = "step-started"


class StepFinished(NamedTuple):
    """A step has its facts."""

    step: str
    took_ms: float
    kind: Literal["step-finished"] = "step-finished"


Event = StepStarted | StepFinished
Listener = Callable[[Event], None]


def nobody(event: Event) -> None:
    """Listen to nothing."""
    del event
