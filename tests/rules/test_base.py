"""A rule is judged on exactly the layers that its parameters name."""

from collections.abc import Iterator

import pytest

from lkdoctor.facts import NO_FACTS, Facts
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.server import ServerFact
from lkdoctor.findings import Confidence, Evidence, Finding, FixStep, Layer, Severity
from lkdoctor.rules.base import Check, Judgement, Rule, Unsure
from lkdoctor.rules.examples import answer

CLOCK = ClockFact(local=100.0)
SERVER = ServerFact(root=answer(200, "OK"))
SEEN = (Evidence("clock", "100"),)


def behind(clock: ClockFact, server: ServerFact | None = None) -> Iterator[Judgement]:
    """Asks for the clock, and looks at the server where there is one."""
    if clock.local < 1000:
        observed = "alone" if server is None else f"with {server.root.kind}"
        yield Judgement((Evidence("clock", f"{clock.local:.0f}", source=observed),))


RULE = Rule(
    code="clock-behind",
    check="clock.local",
    layer=Layer.CLOCK,
    severity=Severity.ERROR,
    confidence=Confidence.LIKELY,
    title="This clock is behind",
    symptoms=("token is not valid yet", "signature expired"),
    cause="Nobody set it.",
    how="The clock says a year long past.",
    fix=(FixStep("Set it."),),
    source="RFC 868",
    judge=behind,
    sick=lambda: Facts(clock=CLOCK),
    healthy=lambda: Facts(clock=CLOCK._replace(local=1e9)),
)

FINDING = Finding(
    code="clock-behind",
    check="clock.local",
    layer=Layer.CLOCK,
    severity=Severity.ERROR,
    confidence=Confidence.LIKELY,
    title="This clock is behind",
    symptom="token is not valid yet",
    cause="Nobody set it.",
    evidence=(Evidence("clock", "100", source="alone"),),
    fix=(FixStep("Set it."),),
    source="RFC 868",
)


@pytest.mark.parametrize(
    ("facts", "findings"),
    [
        pytest.param(RULE.sick(), [FINDING], id="sick"),
        pytest.param(RULE.healthy(), [], id="healthy"),
        pytest.param(NO_FACTS, [], id="not looked at"),
        pytest.param(Facts(server=SERVER), [], id="what it needs was not looked at"),
        pytest.param(
            Facts(clock=CLOCK, server=SERVER),
            [FINDING._replace(evidence=(Evidence("clock", "100", source="with answer"),))],
            id="what it can use is there",
        ),
    ],
)
def test_a_rule_sees_the_layers_that_it_names(facts: Facts, findings: list[Finding]) -> None:
    assert list(RULE.findings(facts)) == findings
    assert RULE.needs == ("clock",)


def test_a_judgement_may_say_it_in_its_own_words() -> None:
    def special(clock: ClockFact) -> Iterator[Judgement]:
        del clock
        yield Judgement(
            SEEN,
            title="A title",
            cause="A cause",
            severity=Severity.WARNING,
            confidence=Confidence.HINT,
            fix=(FixStep("A step"),),
            location=".env:3",
        )
        yield Judgement(SEEN)

    own, general = RULE._replace(judge=special).findings(RULE.sick())
    plain = FINDING._replace(evidence=SEEN)
    assert general == plain
    assert own == plain._replace(
        title="A title",
        cause="A cause",
        severity=Severity.WARNING,
        confidence=Confidence.HINT,
        fix=(FixStep("A step"),),
        location=".env:3",
    )
    assert own.docs == "lkdoctor explain clock-behind"


def test_a_rule_that_no_user_sees_has_no_symptom() -> None:
    (finding,) = RULE._replace(symptoms=()).findings(RULE.sick())
    assert finding.symptom == ""


def look(clock: ClockFact, server: ServerFact | None = None) -> str | Unsure | None:
    if clock.local == 0:
        return None
    return Unsure("no server to compare with") if server is None else "agrees with the server"


CHECK = Check(id="clock.local", layer=Layer.CLOCK, title="The clock is right", look=look)


@pytest.mark.parametrize(
    ("facts", "seen"),
    [
        pytest.param(NO_FACTS, None, id="not looked at"),
        pytest.param(Facts(clock=ClockFact(local=0)), None, id="nothing to look at"),
        pytest.param(Facts(clock=CLOCK), Unsure("no server to compare with"), id="could not tell"),
        pytest.param(Facts(clock=CLOCK, server=SERVER), "agrees with the server", id="fine"),
    ],
)
def test_a_check_says_what_it_saw(facts: Facts, seen: str | Unsure | None) -> None:
    assert CHECK.see(facts) == seen
