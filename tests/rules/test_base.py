"""A rule is judged on exactly the layers that its parameters name."""

import shlex
from collections.abc import Iterator

import pytest
from examples.healthy import answer

from lkdoctor import catalogue
from lkdoctor.facts import NO_FACTS, Facts
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.server import ServerFact
from lkdoctor.findings import Confidence, Evidence, Finding, Layer, Severity, Snippet
from lkdoctor.rules.base import Advice, Check, Seen, Unsure, cause, finding

CLOCK = ClockFact(local=100.0)
SERVER = ServerFact(root=answer(200, "OK"))
SEEN = (Evidence("clock", "100"),)


def behind(clock: ClockFact, server: ServerFact | None = None) -> Iterator[Seen]:
    """Asks for the clock, and looks at the server where there is one."""
    if clock.local < 1000:
        observed = "alone" if server is None else f"with {server.root.kind}"
        yield Seen((Evidence("clock", f"{clock.local:.0f}", source=observed),))


RULE = cause("clock-server-wrong", behind)
SICK = Facts(clock=CLOCK)

WORDS = RULE.words
FINDING = Finding(
    code="clock-server-wrong",
    check="clock.skew",
    layer=Layer.CLOCK,
    severity=WORDS.severity,
    confidence=WORDS.confidence,
    title=WORDS.title,
    symptom=WORDS.symptoms[0],
    cause=WORDS.cause,
    evidence=(Evidence("clock", "100", source="alone"),),
    fix=WORDS.fix,
    source=WORDS.source,
)


@pytest.mark.parametrize(
    ("facts", "findings"),
    [
        pytest.param(SICK, [FINDING], id="sick"),
        pytest.param(Facts(clock=CLOCK._replace(local=1e9)), [], id="healthy"),
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


def test_what_was_seen_says_how_sure_it_is_and_where() -> None:
    seen = Seen(SEEN, severity=Severity.WARNING, confidence=Confidence.HINT, location=".env:3")
    plain = FINDING._replace(evidence=SEEN)
    assert finding(RULE.code, Seen(SEEN)) == plain
    assert finding(RULE.code, seen) == plain._replace(
        severity=Severity.WARNING, confidence=Confidence.HINT, location=".env:3"
    )
    assert plain.docs == "lkdoctor explain clock-server-wrong"


def test_a_case_speaks_first_and_its_values_are_filled_in() -> None:
    told = finding("proxy-upstream-down", Seen(SEEN, values={"status": "504", "says": "It hangs"}))
    assert told.title == "The proxy answers, LiveKit behind it does not (504)"
    assert told.cause.startswith("It hangs. livekit-server is not running")
    told = finding("url-path", Seen(SEEN, case="query", values={"url": "wss://rtc.example.com"}))
    assert (told.title, told.severity) == ("The URL carries a query or fragment", "warning")
    assert told.fix[0].snippet == Snippet("dotenv", "LIVEKIT_URL=wss://rtc.example.com")


def test_of_several_cases_the_first_that_says_a_thing_counts() -> None:
    told = finding("env-placeholder", Seen(SEEN, case="reference token", values={"name": "X"}))
    assert told.title == "X holds a reference, not the value"
    assert told.symptom == "could not establish signal connection: invalid authorization token"
    assert told.fix[0].text.startswith("Put the token of your project")


def test_steps_are_told_once_for_each_thing_that_is_wrong() -> None:
    steps = (
        Advice("rename", {"name": "LIVEKIT_KEY", "right": "LIVEKIT_API_KEY"}),
        Advice("look-again"),
    )
    told = finding("env-missing", Seen(SEEN, case="one", values={"name": "A"}, steps=steps))
    assert [step.text for step in told.fix] == [
        "Rename LIVEKIT_KEY to LIVEKIT_API_KEY.",
        "Restart the process that reads them, and look again:",
    ]


def test_a_value_in_a_command_is_one_word_of_a_shell() -> None:
    url = "wss://h.example/$(touch x)"
    (_, test) = finding("url-redirect", Seen(SEEN, case="moved", values={"url": url})).fix
    assert test.command is not None
    assert shlex.split(test.command) == ["lkdoctor", "ws-probe", "--url", url]


def test_a_cause_that_no_user_sees_has_no_symptom() -> None:
    assert catalogue.cause("app-file-unreadable").symptoms == ()
    assert finding("app-file-unreadable", Seen(SEEN)).symptom == ""


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
