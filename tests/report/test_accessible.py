"""A report read aloud: no columns, no marks, one idea a line."""

import pytest
from report.screens import RUN, check, report

from lkdoctor.report import accessible
from lkdoctor.report.layout import plain
from lkdoctor.report.model import CheckResult, SkipReason, Status


def spoken(*checks: CheckResult, verbose: int = 0) -> list[str]:
    whole = report(not_tested=())._replace(checks=checks, findings=(), folded=())
    return plain(accessible.body(whole, verbose=verbose)).splitlines()


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        pytest.param(
            [check("url.form"), check("tls.handshake")], ["Passed areas: URL, TLS."], id="passed"
        ),
        pytest.param(
            [check("tls.handshake", Status.UNKNOWN, summary="no answer")],
            ["Could not be told in TLS: no answer."],
            id="unknown",
        ),
        pytest.param(
            [check("tls.handshake", Status.ERROR, summary="rule x broke")],
            ["Broken in lkdoctor in TLS: rule x broke."],
            id="our own fault",
        ),
        pytest.param(
            [check("token.form", Status.SKIP, summary="none given: --token-file F")],
            ["Not run: 1 check in Token, because: none given: --token-file F."],
            id="nothing given",
        ),
        pytest.param(
            [
                check("network.dns", Status.FAIL),
                check(
                    "tls.handshake",
                    Status.SKIP,
                    summary="needs network.dns",
                    skip_reason=SkipReason.BLOCKED,
                    blocked_by="network.dns",
                ),
            ],
            ["Not run: 1 check in TLS, because it needs network.dns."],
            id="blocked",
        ),
    ],
)
def test_body(checks: list[CheckResult], expected: list[str]) -> None:
    assert spoken(*checks) == expected


def test_every_check_on_request() -> None:
    """With its time in words."""
    assert spoken(check("url.form", duration_ms=48.9), verbose=1)[1:] == [
        "Check url.form: pass, url.form was seen, 48.9 milliseconds."
    ]


def test_partial_report_says_so_at_once() -> None:
    whole = report()._replace(run=RUN._replace(completed=False, interrupted_by="signal"))
    assert plain(accessible.verdict(whole)).splitlines()[1] == (
        "Interrupted: this is what was seen until then."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("min 24.8   median 25.2", "min 24.8, median 25.2."),
        ("Is it on?", "Is it on?"),
        ("Do this:", "Do this:"),
        ("  one\ntwo  ", "one two."),
        ("", ""),
    ],
)
def test_a_sentence_has_no_gaps_and_an_end(text: str, expected: str) -> None:
    assert plain([accessible.sentence(text)]) == expected + "\n"
