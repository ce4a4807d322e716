"""Whether this machine and the server agree about the time."""

from collections.abc import Iterator
from typing import Final

from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.server import HttpAnswer, ServerFact
from lkdoctor.facts.signal import SignalFact
from lkdoctor.findings import Confidence, Evidence, Layer, Severity
from lkdoctor.rules.answers import evidence, of_validation, one_line
from lkdoctor.rules.base import Check, Effect, Seen, Unsure, cause
from lkdoctor.tokens.predict import Refusal, recognise

_LEEWAY_MS: Final = 60_000.0
"""How far off a token's times may be (livekit-server pkg/service/auth.go: one minute)."""

_NOTABLE_MS: Final = 30_000.0
"""A machine that keeps its time by the network is never so far off."""


def _span(milliseconds: float) -> str:
    """``3 ms``, ``0.4 s``, ``94 s``, ``12 min``, ``3 h``."""
    seconds = abs(milliseconds) / 1000
    if seconds < 0.0995:
        return f"{max(1, round(seconds * 1000))} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 119.5 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 47.5 * 3600 else f"{seconds / 86400:.0f} days"


def _apart(clock: ClockFact, signal: SignalFact | None = None) -> Iterator[Seen]:
    if clock.skew_ms is None:
        return
    surely = abs(clock.skew_ms) - clock.uncertainty_ms
    if surely < _NOTABLE_MS:
        return
    side = "ahead of" if clock.skew_ms > 0 else "behind"
    source = f" ({one_line(clock.source, 40)})" if clock.source else ""
    proof = Evidence(
        f"server's clock{source}",
        f"{_span(clock.skew_ms)} {side} this machine's",
        f"the same, to {_span(clock.uncertainty_ms)}",
        "net",
    )
    grave = surely >= _LEEWAY_MS
    direction = "ahead" if clock.skew_ms > 0 else "behind"
    yield Seen(
        (proof, *_refusals(signal)),
        case=direction if grave else f"slightly-{direction}",
        values={"span": _span(clock.skew_ms)},
        severity=None if grave and not _all_accepted(signal) else Severity.WARNING,
        confidence=None if grave else Confidence.HINT,
    )


def _refusals(signal: SignalFact | None) -> Iterator[Evidence]:
    """What the server said of a token's times."""
    for validation in signal.validations if signal is not None else ():
        given = validation.answer
        if isinstance(given, HttpAnswer) and recognise(given.status, given.body) in _OF_TIME:
            yield evidence(of_validation(validation))
            return


_OF_TIME: Final = frozenset({Refusal.EXPIRED, Refusal.NOT_YET, Refusal.FROM_FUTURE})


def _all_accepted(signal: SignalFact | None) -> bool:
    """Whether the server took every token that it was asked about, whatever its clock says."""
    asked = [v.answer for v in signal.validations] if signal is not None else []
    return bool(asked) and all(a.kind == "answer" and a.status == 200 for a in asked)


def _look(clock: ClockFact, server: ServerFact | None = None) -> str | Unsure | None:
    if clock.skew_ms is None:
        told = server is not None and isinstance(server.root, HttpAnswer)
        return Unsure("the server does not tell its time") if told else None
    if abs(clock.skew_ms) <= clock.uncertainty_ms:
        return f"the server's clock agrees, to {_span(clock.uncertainty_ms)}"
    side = "behind" if clock.skew_ms > 0 else "ahead of"
    return f"{_span(clock.skew_ms)} {side} the server"


CHECKS: Final = (
    Check(
        id="clock.skew",
        layer=Layer.CLOCK,
        title="This machine and the server agree about the time",
        look=_look,
        needs=("http.root",),
        effect=Effect.NETWORK,
        essential=False,
    ),
)


RULES: Final = (cause("clock-server-wrong", _apart),)
