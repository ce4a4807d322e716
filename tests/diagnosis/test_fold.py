"""One cause on top, consequences under it, and an exit code that follows from both."""

import itertools
import re
import sys
from collections.abc import Mapping

import pytest
from examples.healthy import healthy

from lkdoctor import __version__, catalogue
from lkdoctor.diagnosis.fold import (
    Skip,
    _folded,
    _Judged,
    _order,
    _repeatable,
    _summary,
    fails,
    fold,
    own_fault,
)
from lkdoctor.errors import InternalError
from lkdoctor.facts import NO_FACTS, Facts
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.cloud import CloudFact
from lkdoctor.facts.network import TcpRefused
from lkdoctor.facts.server import NoAnswer, Silence
from lkdoctor.facts.tls import Certificate, TlsEstablished
from lkdoctor.facts.token import token_fact
from lkdoctor.findings import Confidence, Evidence, Finding, FixStep, Layer, Severity
from lkdoctor.report.model import (
    CheckResult,
    Counts,
    ExitCode,
    RunInfo,
    SkipReason,
    Status,
    TargetInfo,
    Verdict,
)
from lkdoctor.rules.base import Check, Unsure
from lkdoctor.tokens.decode import Keyring

RUN = RunInfo(id="r1", command="diagnose", started_at=0.0, duration_ms=1.0)
TARGET = TargetInfo(url="wss://rtc.example.com")
NETWORK = (Layer.NETWORK, Layer.TLS)
TCP = "net.tcp"


def found(
    code: str,
    severity: Severity = Severity.ERROR,
    confidence: Confidence = Confidence.CERTAIN,
    layer: Layer = Layer.NETWORK,
    check: str = "net.tcp",
) -> Finding:
    return Finding(
        code=code,
        check=check,
        layer=layer,
        severity=severity,
        confidence=confidence,
        title=f"Title of {code}",
        symptom="",
        cause="",
        evidence=(Evidence("a", "b"),),
        fix=(FixStep("c"),),
        source="",
    )


ERROR, WARNING, INFO = Severity
CERTAIN, LIKELY, HINT = Confidence


# ------------------------------------------------------------------ order


def test_what_fails_comes_first_then_what_is_surest_then_the_lowest_layer() -> None:
    ordered = [
        found("certain-low", ERROR, CERTAIN, Layer.URL),
        found("certain-high", ERROR, CERTAIN, Layer.API),
        found("likely", ERROR, LIKELY, Layer.ENV),
        found("hint", ERROR, HINT, Layer.ENV),
        found("warning", WARNING, CERTAIN, Layer.ENV),
        found("warning-hint", WARNING, HINT, Layer.ENV),
        found("note", INFO, CERTAIN, Layer.ENV),
    ]
    for shuffled in itertools.permutations(ordered):
        assert sorted(shuffled, key=_order) == ordered


@pytest.mark.parametrize(
    ("severity", "confidence", "fail"),
    [
        (ERROR, CERTAIN, True),
        (ERROR, LIKELY, True),
        (ERROR, HINT, False),
        (WARNING, CERTAIN, False),
        (INFO, CERTAIN, False),
    ],
)
def test_only_an_error_that_is_more_than_a_hint_fails(
    severity: Severity, confidence: Confidence, fail: bool
) -> None:
    assert fails(found("x", severity, confidence)) is fail


# ------------------------------------------------------------------ folding


def folded(
    findings: list[Finding], explains: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Causes with what they explain, and what was folded."""
    every = {finding.code: explains.get(finding.code, ()) for finding in findings}
    causes, consequences = _folded(sorted(findings, key=_order), every)
    return {c.code: c.consequences for c in causes}, [c.code for c in consequences]


def test_what_stands_is_folded_under_nothing() -> None:
    ordered = [found("cause"), found("effect", check="a.b"), found("effect")]
    causes, consequences = _folded(ordered, {"cause": ("effect",), "effect": ()}, {"a.b"})
    assert [(c.code, c.check) for c in causes] == [("cause", TCP), ("effect", "a.b")]
    assert [(c.code, c.check) for c in consequences] == [("effect", TCP)]


@pytest.mark.parametrize(
    ("findings", "explains", "expected"),
    [
        pytest.param(
            [found("cause"), found("effect"), found("other")],
            {"cause": ("effect", "absent")},
            ({"cause": ("effect",), "other": ()}, ["effect"]),
            id="an effect goes under its cause",
        ),
        pytest.param(
            [found("effect", layer=Layer.ENV), found("cause", layer=Layer.API)],
            {"cause": ("effect",)},
            ({"cause": ("effect",)}, ["effect"]),
            id="a cause in a later layer explains too",
        ),
        pytest.param(
            [found("b"), found("c"), found("a", layer=Layer.API)],
            {"a": ("b",), "b": ("c",)},
            ({"a": ("b", "c")}, ["c", "b"]),
            id="a chain ends at its first cause",
        ),
        pytest.param(
            [found("a"), found("b")],
            {"a": ("b",), "b": ("a",)},
            ({"a": ("b",)}, ["b"]),
            id="of two that explain each other, the first",
        ),
        pytest.param(
            [found("error"), found("warning", WARNING)],
            {"warning": ("error",)},
            ({"error": (), "warning": ()}, []),
            id="a warning does not hide an error",
        ),
        pytest.param(
            [found("one", WARNING), found("two", WARNING)],
            {"one": ("two",)},
            ({"one": ("two",)}, ["two"]),
            id="a warning explains a warning",
        ),
        pytest.param(
            [found("guess", ERROR, HINT), found("warning", WARNING)],
            {"guess": ("warning",)},
            ({"guess": (), "warning": ()}, []),
            id="a hint explains nothing",
        ),
        pytest.param(
            [found("guess", ERROR, LIKELY), found("seen", ERROR, CERTAIN)],
            {"guess": ("seen",)},
            ({"seen": (), "guess": ()}, []),
            id="a guess does not hide what is certain",
        ),
        pytest.param(
            [found("cause"), found("effect"), found("effect", layer=Layer.TLS)],
            {"cause": ("effect",)},
            ({"cause": ("effect",)}, ["effect", "effect"]),
            id="an effect seen twice is named once",
        ),
        pytest.param([], {}, ({}, []), id="nothing found"),
    ],
)
def test_consequences_are_folded_under_their_cause(
    findings: list[Finding],
    explains: dict[str, tuple[str, ...]],
    expected: tuple[dict[str, tuple[str, ...]], list[str]],
) -> None:
    assert folded(findings, explains) == expected


# ------------------------------------------------------------------ the status of a check


def fine(clock: ClockFact) -> str | Unsure | None:
    if clock.source == "unsure":
        return Unsure("no answer to compare with")
    return None if clock.source == "nothing" else "fine"


def check(identifier: str, *needs: str, look: object = fine) -> Check:
    assert callable(look)
    return Check(identifier, Layer.CLOCK, f"Title of {identifier}", look, needs)


def never(network: object) -> str:
    raise AssertionError(network)


SEEN = Facts(clock=ClockFact(0.0))
UNSURE = Facts(clock=ClockFact(0.0, source="unsure"))


def results(
    checks: list[Check],
    facts: Facts = SEEN,
    findings: tuple[Finding, ...] = (),
    broken: Mapping[str, str] | None = None,
    skipped: Mapping[str, Skip] | None = None,
) -> dict[str, tuple[Status, str, SkipReason | None, str | None]]:
    judged = _Judged(facts, findings, broken or {}, skipped or {}, {"a": 1.5})
    return {
        r.id: (r.status, r.summary, r.skip_reason, r.blocked_by) for r in judged.results(checks)
    }


@pytest.mark.parametrize(
    ("facts", "findings", "expected"),
    [
        pytest.param(SEEN, (), (Status.PASS, "fine"), id="pass"),
        pytest.param(UNSURE, (), (Status.UNKNOWN, "no answer to compare with"), id="unknown"),
        pytest.param(SEEN, (found("x", check="a"),), (Status.FAIL, "Title of x"), id="fail"),
        pytest.param(
            SEEN, (found("x", WARNING, check="a"),), (Status.WARN, "Title of x"), id="warn"
        ),
        pytest.param(
            SEEN, (found("x", ERROR, HINT, check="a"),), (Status.WARN, "Title of x"), id="hint"
        ),
        pytest.param(SEEN, (found("x", INFO, check="a"),), (Status.PASS, "fine"), id="note"),
        pytest.param(
            SEEN,
            (found("w", WARNING, check="a"), found("e", check="a")),
            (Status.FAIL, "Title of e"),
            id="the worst counts",
        ),
        pytest.param(SEEN, (found("x", check="b"),), (Status.PASS, "fine"), id="of another check"),
    ],
)
def test_a_status_follows_from_what_was_found(
    facts: Facts, findings: tuple[Finding, ...], expected: tuple[Status, str]
) -> None:
    assert results([check("a")], facts, findings)["a"] == (*expected, None, None)


@pytest.mark.parametrize("reason", SkipReason)
def test_a_check_that_was_not_asked_says_why_in_words(reason: SkipReason) -> None:
    skipped = {"a": Skip(reason, "root"), "b": Skip(reason, words="because")}
    got = results([check("a"), check("b")], skipped=skipped)
    status, summary, *rest = got["a"]
    assert (status, rest) == (Status.SKIP, [reason, "root"])
    assert summary
    assert got["b"] == (Status.SKIP, "because", reason, None)


def test_nothing_to_look_at_is_no_failure() -> None:
    words = "nothing was given to look at"
    expected = (Status.SKIP, words, SkipReason.NO_INPUT, None)
    assert results([check("a")], NO_FACTS)["a"] == expected
    assert results([check("a")], Facts(clock=ClockFact(0.0, source="nothing")))["a"] == expected


def test_what_was_blocked_names_the_root_not_the_step_before_it() -> None:
    """The first that failed is named by all that stand behind it."""
    chain = [
        check("a"),
        check("b", "a", look=never),
        check("c", "b", look=never),
        check("d", "c", look=never),
    ]
    got = results(chain, findings=(found("x", check="a"),))
    assert got["a"][0] is Status.FAIL
    for one in "bcd":
        assert got[one] == (Status.SKIP, "needs a", SkipReason.BLOCKED, "a")


@pytest.mark.parametrize(
    ("skip", "reason", "blocked_by"),
    [
        pytest.param(Skip(SkipReason.NO_INPUT), SkipReason.NO_INPUT, "a", id="no input"),
        pytest.param(Skip(SkipReason.INTERRUPTED), SkipReason.INTERRUPTED, "a", id="interrupted"),
        pytest.param(
            Skip(SkipReason.BLOCKED, "root"), SkipReason.BLOCKED, "root", id="blocked elsewhere"
        ),
        pytest.param(
            Skip(SkipReason.NOT_APPLICABLE), SkipReason.NO_INPUT, None, id="does not apply"
        ),
    ],
)
def test_the_reason_is_handed_on(skip: Skip, reason: SkipReason, blocked_by: str | None) -> None:
    got = results([check("a"), check("b", "a", look=never)], skipped={"a": skip})
    assert got["b"][2:] == (reason, blocked_by)


def test_an_unknown_blocks_and_a_warning_does_not() -> None:
    pair = [check("a"), check("b", "a", look=never)]
    assert results(pair, UNSURE)["b"][2:] == (SkipReason.BLOCKED, "a")
    warned = results(pair, findings=(found("x", WARNING, check="a"),))
    assert warned["b"][2:] == (SkipReason.NO_INPUT, None)


def test_what_was_looked_at_counts_although_something_before_it_failed() -> None:
    got = results([check("a"), check("b", "a")], findings=(found("x", check="a"),))
    assert got["b"] == (Status.PASS, "fine", None, None)


def test_a_check_may_need_one_of_a_later_layer() -> None:
    got = results([check("b", "a", look=never), check("a")], findings=(found("x", check="a"),))
    assert list(got) == ["b", "a"]
    assert got["b"][3] == "a"


def test_a_need_that_takes_no_part_is_no_obstacle() -> None:
    assert results([check("b", "elsewhere")])["b"][0] is Status.PASS


def test_checks_that_need_each_other_are_our_own_fault() -> None:
    with pytest.raises(InternalError, match=r"\['a', 'b'\]"):
        results([check("a", "b"), check("b", "a")])


def test_a_broken_rule_is_our_error_not_the_user_s() -> None:
    got = results([check("a"), check("b", "a", look=never)], broken={"a": "rule x broke"})
    assert got["a"] == (Status.ERROR, "rule x broke", None, None)
    assert got["b"] == (Status.SKIP, "needs a", SkipReason.BLOCKED, "a")


def test_what_was_found_is_not_lost_when_another_rule_of_the_check_breaks() -> None:
    got = results([check("a")], findings=(found("x", check="a"),), broken={"a": "rule y broke"})
    assert got["a"][0] is Status.FAIL


# ------------------------------------------------------------------ verdict and exit code


def result(
    status: Status, *, essential: bool = True, reason: SkipReason | None = None
) -> CheckResult:
    return CheckResult("a", Layer.CLOCK, "A", status, "s", essential, "none", skip_reason=reason)


PASS = result(Status.PASS)
UNKNOWN = result(Status.UNKNOWN)
BROKEN = result(Status.ERROR)
MINOR_UNKNOWN = result(Status.UNKNOWN, essential=False)
LATE = result(Status.SKIP, reason=SkipReason.OUT_OF_TIME)
STOPPED = result(Status.SKIP, reason=SkipReason.INTERRUPTED)
UNASKED = result(Status.SKIP, reason=SkipReason.NEEDS_CONSENT)
UNTRUSTED = result(Status.SKIP, reason=SkipReason.NOT_TRUSTED)
NO_INPUT = result(Status.SKIP, reason=SkipReason.NO_INPUT)
BAD, POOR, GUESS, NOTE = (
    found("bad"),
    found("poor", WARNING),
    found("guess", ERROR, HINT),
    found("note", INFO),
)


@pytest.mark.parametrize(
    ("checks", "causes", "verdict", "codes", "primary"),
    [
        pytest.param([PASS], [], Verdict.HEALTHY, (0, 0), None, id="healthy"),
        pytest.param([PASS], [NOTE], Verdict.HEALTHY, (0, 0), None, id="a note"),
        pytest.param([PASS], [BAD], Verdict.PROBLEMS, (1, 1), "bad", id="a problem"),
        pytest.param([PASS], [POOR], Verdict.WARNINGS, (0, 4), "poor", id="a warning"),
        pytest.param([PASS], [GUESS], Verdict.WARNINGS, (0, 4), "guess", id="a hint"),
        pytest.param([UNKNOWN], [], Verdict.INCONCLUSIVE, (3, 3), None, id="unknown"),
        pytest.param([BROKEN], [], Verdict.INCONCLUSIVE, (5, 5), None, id="our own fault"),
        pytest.param([LATE], [], Verdict.INCONCLUSIVE, (3, 3), None, id="out of time"),
        pytest.param([STOPPED], [], Verdict.INCONCLUSIVE, (3, 3), None, id="stopped"),
        pytest.param([MINOR_UNKNOWN], [], Verdict.HEALTHY, (0, 0), None, id="not essential"),
        pytest.param([PASS, UNASKED], [], Verdict.HEALTHY, (0, 0), None, id="no consent"),
        pytest.param(
            [PASS, UNTRUSTED], [POOR], Verdict.INCONCLUSIVE, (3, 3), "poor", id="not trusted"
        ),
        pytest.param([PASS, NO_INPUT], [], Verdict.HEALTHY, (0, 0), None, id="no input"),
        pytest.param([NO_INPUT], [], Verdict.INCONCLUSIVE, (3, 3), None, id="nothing looked at"),
        pytest.param([UNKNOWN], [BAD], Verdict.PROBLEMS, (1, 1), "bad", id="problem and unknown"),
        pytest.param(
            [UNKNOWN], [POOR], Verdict.INCONCLUSIVE, (3, 3), "poor", id="warning, unknown"
        ),
        pytest.param(
            [PASS], [BAD, POOR], Verdict.PROBLEMS, (1, 1), "bad", id="problem and warning"
        ),
    ],
)
def test_the_exit_code_follows_from_states_and_findings(
    checks: list[CheckResult],
    causes: list[Finding],
    verdict: Verdict,
    codes: tuple[int, int],
    primary: str | None,
) -> None:
    """The second code is that of ``--fail-on warn``."""
    for fail_on_warnings, expected in zip((False, True), codes, strict=True):
        for interrupted in (None, "deadline", "signal"):
            summary = _summary(
                tuple(checks),
                tuple(causes),
                RUN._replace(interrupted_by=interrupted),
                fail_on_warnings=fail_on_warnings,
                not_tested=("media",),
            )
            assert summary.verdict is verdict
            assert summary.exit_code == (130 if interrupted == "signal" else expected)
            assert summary.primary == primary
            assert summary.not_tested == ("media",)


def test_every_state_is_counted() -> None:
    every = tuple(result(status) for status in Status)
    summary = _summary((*every, PASS), (), RUN, fail_on_warnings=False, not_tested=())
    assert summary.counts == Counts(passed=2, warn=1, fail=1, unknown=1, skip=1, error=1)


# ------------------------------------------------------------------ the whole


def test_a_healthy_report() -> None:
    report = fold(healthy(), run=RUN, target=TARGET, layers=NETWORK, durations={TCP: 24.0})
    assert (report.findings, report.folded) == ((), ())
    assert {c.status for c in report.checks} == {Status.PASS}
    assert report.summary.exit_code is ExitCode.HEALTHY
    assert report.target == TARGET._replace(server="1.13.5")
    assert report.facts == healthy()
    assert [c.duration_ms for c in report.checks if c.id == TCP] == [24.0]


def refused() -> Facts:
    network = healthy().network
    assert network is not None
    attempt = TcpRefused(address="203.0.113.10", port=443, took_ms=1.0)
    return Facts(network=network._replace(tcp=(attempt,)))


def test_a_cause_stands_in_the_report_and_blocks_what_comes_after_it() -> None:
    report = fold(refused(), run=RUN, target=TARGET, layers=NETWORK)
    assert [f.code for f in report.findings] == ["tcp-refused"]
    assert report.summary.primary == "tcp-refused"
    assert report.summary.exit_code is ExitCode.PROBLEM
    blocked = {c.blocked_by for c in report.checks if c.layer is Layer.TLS}
    assert blocked == {report.findings[0].check}


def test_a_rule_that_breaks_silences_no_other() -> None:
    """Facts that no probe makes, such as those of a hand-made report, may break a rule of ours."""
    clock = healthy().clock
    assert clock is not None
    odd = clock._replace(skew_ms="late", uncertainty_ms="some")  # type: ignore[arg-type]  # meant
    report = fold(
        refused()._replace(clock=odd), run=RUN, target=TARGET, layers=[*NETWORK, Layer.CLOCK]
    )
    assert [f.code for f in report.findings] == ["tcp-refused"]
    skew = report.check("clock.skew")
    assert skew is not None
    assert skew.status is Status.ERROR
    assert skew.summary.startswith("lkdoctor's rule clock-")
    assert " broke: TypeError: " in skew.summary
    assert skew.summary in report.summary.not_tested
    told = {words.partition(" broke: ")[0] for words in report.summary.not_tested}
    assert told == {
        f"lkdoctor's rule {rule.code}"
        for rule in catalogue.rules([Layer.CLOCK])
        if "clock" in rule.needs
    }
    assert report.summary.verdict is Verdict.PROBLEMS
    assert report.summary.exit_code is ExitCode.INTERNAL


def test_a_step_that_broke_leaves_its_check_open_and_the_rest_stands() -> None:
    said = "lkdoctor's join broke: KeyError: 'a'"
    report = fold(healthy(), run=RUN, target=TARGET, layers=NETWORK, broken={"net.tcp": said})
    tcp, dns = report.check("net.tcp"), report.check("net.dns")
    assert tcp is not None
    assert dns is not None
    assert (tcp.status, tcp.summary, dns.status) == (Status.ERROR, said, Status.PASS)
    assert report.summary.not_tested == (said,)
    assert (report.summary.verdict, report.summary.exit_code) == (
        Verdict.INCONCLUSIVE,
        ExitCode.INTERNAL,
    )


def test_what_broke_beside_a_cause_is_told_as_well() -> None:
    """The check fails for another reason, so it has no place for it."""
    said = "lkdoctor's rule tcp-timeout broke: KeyError: 'a'"
    report = fold(refused(), run=RUN, target=TARGET, layers=NETWORK, broken={"net.tcp": said})
    assert [f.code for f in report.findings] == ["tcp-refused"]
    assert report.summary.not_tested == (said,)
    assert report.summary.exit_code is ExitCode.INTERNAL


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (KeyError("a"), "lkdoctor's rule x broke: KeyError: 'a'"),
        (ValueError(), "lkdoctor's rule x broke: ValueError"),
        (
            ExceptionGroup("some", [ExceptionGroup("of", [OSError("a\nb\x1b")])]),
            "lkdoctor's rule x broke: OSError: a\\x0ab\\x1b",
        ),
    ],
)
def test_a_fault_of_ours_is_one_line(problem: Exception, words: str) -> None:
    assert own_fault("rule x", problem) == words


def test_a_check_that_breaks_is_our_error() -> None:
    def breaks(clock: ClockFact) -> str:
        raise ZeroDivisionError(clock)

    got = results([check("a", look=breaks), check("b")])
    said = got["a"][1]
    assert said.startswith("lkdoctor's check a broke: ZeroDivisionError: ClockFact(")
    expected = (Status.ERROR, said, None, None)
    assert got == {"a": expected, "b": (Status.PASS, "fine", None, None)}


def test_what_was_deselected_is_neither_found_nor_failed() -> None:
    (failed,) = fold(refused(), run=RUN, target=TARGET, layers=NETWORK).findings
    report = fold(
        refused(),
        run=RUN,
        target=TARGET,
        layers=NETWORK,
        skipped={failed.check: Skip(SkipReason.DESELECTED)},
    )
    assert report.findings == ()
    left_out = report.check(failed.check)
    assert left_out is not None
    assert (left_out.status, left_out.skip_reason) == (Status.SKIP, SkipReason.DESELECTED)


def test_a_check_that_was_left_out_for_a_reason_of_its_own_keeps_it() -> None:
    """Whatever failed before it: that it was not wanted is why it was not asked."""
    pair = [check("a"), check("b", "a", look=never)]
    failed = (found("x", check="a"),)
    own = Skip(SkipReason.NEEDS_CONSENT, words="add --join")
    got = results(pair, findings=failed, skipped={"b": own})
    assert got["b"] == (Status.SKIP, "add --join", SkipReason.NEEDS_CONSENT, None)
    waits = Skip(SkipReason.BLOCKED, "elsewhere")
    got = results(pair, findings=failed, skipped={"b": waits})
    assert got["b"] == (Status.SKIP, "needs a", SkipReason.BLOCKED, "a")


def breaking(clock: ClockFact) -> str:
    raise ZeroDivisionError(clock)


@pytest.mark.parametrize(
    ("look", "findings", "skipped", "asked"),
    [
        pytest.param(fine, (), None, ["a", "b"], id="there is something to look at"),
        pytest.param(lambda: None, (), None, [], id="nobody gave anything"),
        pytest.param(lambda: None, (found("x", check="a"),), None, ["a", "b"], id="found"),
        pytest.param(breaking, (), None, ["a", "b"], id="it breaks, which is told"),
        pytest.param(
            lambda: None, (), Skip(SkipReason.OUT_OF_TIME), ["a", "b"], id="wanted, and no time"
        ),
        pytest.param(fine, (), Skip(SkipReason.DESELECTED), [], id="left out"),
    ],
)
def test_a_check_that_few_want_stands_in_the_report_where_it_is_asked(
    look: object, findings: tuple[Finding, ...], skipped: Skip | None, asked: list[str]
) -> None:
    """A step behind it stands there with it, and is no gap without it."""
    pair = [
        check("a", look=look)._replace(by_option=True),
        check("b", "a", look=lambda: None)._replace(by_option=True),
    ]
    judged = _Judged(SEEN, findings, {}, {} if skipped is None else {"a": skipped}, {})
    assert [one.id for one in judged.those_asked(pair)] == asked


def test_the_regions_of_livekit_cloud_are_in_a_report_where_they_were_looked_at() -> None:
    def layers(facts: Facts) -> set[Layer]:
        report = fold(facts, run=RUN, target=TARGET, layers=[Layer.CLOUD, Layer.CLOCK])
        return {one.layer for one in report.checks}

    assert layers(healthy()._replace(cloud=None)) == {Layer.CLOCK}
    assert layers(healthy()._replace(cloud=CloudFact(NoAnswer(Silence.TIMEOUT, "", 1.0)))) == {
        Layer.CLOUD,
        Layer.CLOCK,
    }


def test_a_report_says_what_wrote_it() -> None:
    tool = fold(healthy(), run=RUN, target=TARGET, layers=[]).tool
    assert (tool.name, tool.version) == ("lkdoctor", __version__)
    assert re.fullmatch(r"3\.\d+\.\d+", tool.python)
    assert re.fullmatch(rf"{sys.platform}-[a-z0-9_]+", tool.platform)


@pytest.mark.parametrize(
    ("reason", "settled"),
    [
        (reason, reason not in {"out_of_time", "interrupted", "not_trusted"})
        for reason in SkipReason
    ],
    ids=str,
)
def test_what_could_have_been_asked_and_was_not_leaves_a_run_open(
    reason: SkipReason, settled: bool
) -> None:
    checks = (PASS, result(Status.SKIP, reason=reason))
    summary = _summary(checks, (), RUN, fail_on_warnings=False, not_tested=())
    assert (summary.verdict is Verdict.HEALTHY) is settled


def test_a_warning_fails_a_run_only_on_request() -> None:
    facts = healthy()
    assert facts.tls is not None
    assert facts.clock is not None
    attempt = facts.tls.attempt
    assert isinstance(attempt, TlsEstablished)
    now = facts.clock.best
    ends = Certificate("CN=a", "CN=b", ("rtc.example.com",), now - 8e6, now + 1e4, False)
    facts = facts._replace(tls=facts.tls._replace(attempt=attempt._replace(certificate=ends)))

    report = fold(facts, run=RUN, target=TARGET, layers=NETWORK)
    assert report.summary.exit_code is ExitCode.HEALTHY
    report = fold(facts, run=RUN, target=TARGET, layers=NETWORK, fail_on_warnings=True)
    assert report.summary.exit_code is ExitCode.WARNINGS


def test_what_the_network_showed_can_be_repeated() -> None:
    (refusal,) = fold(refused()._replace(url=healthy().url), run=RUN, target=TARGET).findings
    commands = [one.repeat for one in refusal.evidence]
    assert any(command is not None for command in commands)


def test_a_command_that_cannot_be_made_costs_no_finding() -> None:
    seen = found("x")._replace(evidence=(Evidence("TCP 203.0.113.10:443", "refused", None, "net"),))
    faults: list[tuple[str, str]] = []
    odd = Facts(url=7)  # type: ignore[arg-type]  # meant
    assert _repeatable(seen, odd, faults) == seen
    ((check, words),) = faults
    assert check == seen.check
    assert words.startswith("lkdoctor's command to repeat x broke: AttributeError: ")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (NO_FACTS, "none given: --token-file F, or --booking ID --user ID"),
        (
            Facts(token=token_fact("word", Keyring([]), origin="here", as_sent=True)[0]),
            "nothing of the kind was found",
        ),
    ],
    ids=["no token", "a token"],
)
def test_what_to_give_is_said_where_nothing_was_given(facts: Facts, words: str) -> None:
    asked = check("a", look=lambda: None)._replace(layer=Layer.TOKEN)
    assert results([asked], facts)["a"] == (Status.SKIP, words, SkipReason.NO_INPUT, None)


def test_a_need_that_takes_no_part_blocks_nothing() -> None:
    got = results([check("b", "elsewhere", look=lambda: None)])
    assert got["b"][2:] == (SkipReason.NO_INPUT, None)
