"""The clock: a difference is a cause only beyond what the measurement can be wrong by."""

import pytest
from examples.healthy import NOON, answer, healthy
from judged import causes, status, the_finding

from lkdoctor.facts import Facts
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.signal import SignalFact, Validation, Whose
from lkdoctor.findings import Confidence, Severity

EXPIRED = "invalid token: x, error: token has invalid claims: token is expired"


def off_by(seconds: float, uncertainty_s: float = 0.5) -> Facts:
    """The server's clock is ahead by so much."""
    clock = ClockFact(NOON, NOON + seconds, seconds * 1e3, uncertainty_s * 1e3, "Date header")
    return healthy()._replace(clock=clock)


def refusing(seconds: float, body: str = EXPIRED) -> Facts:
    """The server's clock is ahead by so much, and it refuses a token."""
    asked = Validation(Whose.MINTED, "/rtc/validate", answer(401, body))
    return off_by(seconds)._replace(signal=SignalFact(validations=(asked,)), api=None)


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        pytest.param(healthy(), [], id="healthy"),
        pytest.param(off_by(1.4), [], id="a second"),
        pytest.param(off_by(-29), [], id="half a minute"),
        pytest.param(off_by(31, uncertainty_s=5), [], id="within what cannot be known"),
        pytest.param(off_by(-45), ["clock-server-wrong"], id="behind by 45 s"),
        pytest.param(off_by(600), ["clock-server-wrong"], id="ahead by ten minutes"),
        pytest.param(off_by(-86400), ["clock-server-wrong"], id="behind by a day"),
        pytest.param(healthy()._replace(clock=ClockFact(NOON)), [], id="the server told no time"),
        pytest.param(healthy()._replace(clock=None), [], id="no look"),
    ],
)
def test_causes(facts: Facts, codes: list[str]) -> None:
    assert causes(facts) == codes


@pytest.mark.parametrize(
    ("facts", "title", "severity", "confidence"),
    [
        pytest.param(
            off_by(45),
            "The server's clock is 45 s ahead of this machine's",
            Severity.WARNING,
            Confidence.HINT,
            id="less than LiveKit forgives",
        ),
        pytest.param(
            refusing(-94),
            "The server's clock is 94 s behind this machine's",
            Severity.ERROR,
            Confidence.LIKELY,
            id="more than it forgives",
        ),
        pytest.param(
            off_by(100),
            "The server's clock is 100 s ahead of this machine's",
            Severity.WARNING,
            Confidence.LIKELY,
            id="more than it forgives, and yet it took the tokens",
        ),
        pytest.param(
            refusing(7199),
            "The server's clock is 2 h ahead of this machine's",
            Severity.ERROR,
            Confidence.LIKELY,
            id="hours",
        ),
        pytest.param(
            refusing(-4 * 86400),
            "The server's clock is 4 days behind this machine's",
            Severity.ERROR,
            Confidence.LIKELY,
            id="days",
        ),
    ],
)
def test_how_far_decides_how_bad(
    facts: Facts, title: str, severity: Severity, confidence: Confidence
) -> None:
    finding = the_finding(facts)
    assert (finding.title, finding.severity, finding.confidence) == (title, severity, confidence)


def test_the_words_fit_the_difference() -> None:
    assert "by more than the minute" not in the_finding(off_by(45)).cause
    assert "by more than the minute" in the_finding(off_by(100)).cause


def test_what_the_server_refused_for_it_is_evidence() -> None:
    told = [(e.label, e.observed) for e in the_finding(refusing(600)).evidence]
    assert told[1:] == [("GET /rtc/validate, test token", f"401 Unauthorized: {EXPIRED}")]
    other = the_finding(refusing(600, "invalid API key: x"))
    assert len(other.evidence) == 1


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(healthy(), ("pass", "the server's clock agrees, to 0.5 s"), id="agrees"),
        pytest.param(
            off_by(0.0, 0.0004),
            ("pass", "the server's clock agrees, to 1 ms"),
            id="agrees, told by a pong",
        ),
        pytest.param(off_by(2.6), ("pass", "2.6 s behind the server"), id="behind"),
        pytest.param(off_by(-11), ("pass", "11 s ahead of the server"), id="ahead"),
        pytest.param(
            healthy()._replace(clock=ClockFact(NOON)),
            ("unknown", "the server does not tell its time"),
            id="no Date header",
        ),
        pytest.param(
            healthy()._replace(clock=ClockFact(NOON), server=None),
            ("skip", "needs http.root"),
            id="nobody was asked",
        ),
    ],
)
def test_check(facts: Facts, expected: tuple[str, str]) -> None:
    assert status(facts, "clock.skew") == expected
