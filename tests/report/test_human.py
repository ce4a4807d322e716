"""A diagnosis on the screen: whole screens as files, and the rules that they follow."""

from collections.abc import Callable

import pytest
from report.screens import (
    CANVASES,
    FOLDER,
    RUN,
    check,
    finding,
    report,
    same_screen,
    sick,
)

from lkdoctor.facts import Facts
from lkdoctor.report import human
from lkdoctor.report.layout import Canvas, cells, plain, spelt
from lkdoctor.report.model import (
    CheckResult,
    Counts,
    ExitCode,
    Report,
    SkipReason,
    Status,
    Summary,
    Verdict,
)

SCENES: dict[str, Callable[[], Facts | None]] = {
    "healthy": lambda: None,
    "dns": lambda: sick("dns-nxdomain"),
    "proxy": lambda: sick("proxy-upgrade-stripped"),
    "token": lambda: sick("token-expired"),
}


def screen(shown: Report, canvas: Canvas, verbose: int = 0) -> str:
    return plain(spelt(human.render(shown, canvas, verbose=verbose), canvas))


@pytest.mark.parametrize("canvas", CANVASES)
@pytest.mark.parametrize("scene", SCENES)
def test_screen(scene: str, canvas: str) -> None:
    """The whole screen, as it was last looked at."""
    text = screen(report(SCENES[scene]()), CANVASES[canvas])
    same_screen(f"diagnose/{scene}-{canvas}", text)


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("canvas", ["80-unicode", "44-unicode", "accessible"])
def test_verbose_screen(canvas: str, verbose: int) -> None:
    """-v lists every check with its time, -vv what went over the wire."""
    durations = {"net.dns": 12.0, "net.tcp": 24.0, "tls.handshake": 49.0, "signal.join": 1250.0}
    text = screen(report(durations=durations), CANVASES[canvas], verbose)
    same_screen(f"diagnose/healthy-{'v' * verbose}-{canvas}", text)


def test_no_screen_is_left_over() -> None:
    """Every kept screen is one that a test still draws."""
    drawn = {f"{scene}-{canvas}.txt" for scene in SCENES for canvas in CANVASES} | {
        f"healthy-{v}-{canvas}.txt"
        for v in ("v", "vv")
        for canvas in ("80-unicode", "44-unicode", "accessible")
    }
    assert {path.name for path in (FOLDER / "diagnose").iterdir()} == drawn


@pytest.mark.parametrize("canvas", [c for c in CANVASES.values() if c.width and not c.accessible])
@pytest.mark.parametrize("scene", SCENES)
def test_no_line_is_wider_than_the_screen(scene: str, canvas: Canvas) -> None:
    """Only what is to be pasted in one piece may be: a command, a file's line, a single word."""
    shown = report(SCENES[scene]())
    whole = {
        row.strip()
        for cause in shown.findings
        for step in cause.fix
        for row in [step.command or "", *(step.snippet.body.splitlines() if step.snippet else [])]
    }
    wide = [
        row
        for row in screen(shown, canvas).splitlines()
        if cells(row) > canvas.columns and row.strip() not in whole and " " in row.strip()
    ]
    assert wide == []


@pytest.mark.parametrize("scene", SCENES)
def test_ascii_screen_is_ascii(scene: str) -> None:
    """Also where the text comes from a rule or from the target."""
    assert screen(report(SCENES[scene]()), Canvas(80, unicode=False)).isascii()


def with_checks(*checks: CheckResult, **changed: object) -> Report:
    """A report of nothing but these checks."""
    counts = {status: sum(c.status is status for c in checks) for status in Status}
    summary = Summary(
        verdict=Verdict.HEALTHY,
        exit_code=ExitCode.HEALTHY,
        counts=Counts(
            passed=counts[Status.PASS],
            warn=counts[Status.WARN],
            fail=counts[Status.FAIL],
            unknown=counts[Status.UNKNOWN],
            skip=counts[Status.SKIP],
            error=counts[Status.ERROR],
        ),
        primary=None,
        not_tested=(),
    )
    whole = report()._replace(checks=checks, findings=(), folded=(), summary=summary)
    return whole._replace(**changed)  # type: ignore[arg-type]  # a test's own words


def body(shown: Report) -> list[str]:
    return plain(human.body(shown, Canvas(80))).splitlines()


def blocked(identifier: str, root: str, reason: SkipReason = SkipReason.BLOCKED) -> CheckResult:
    return check(
        identifier, Status.SKIP, summary=f"needs {root}", skip_reason=reason, blocked_by=root
    )


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        pytest.param(
            [check("url.form"), check("url.port", summary="port 443")],
            ["  ✓ URL           url.form was seen, port 443                           2 checks"],
            id="what is well is one line with its facts",
        ),
        pytest.param(
            [check("url.form", Status.WARN, summary="odd"), check("url.port")],
            ["  ! URL           WARN  odd                                             2 checks"],
            id="a warning says so in a word",
        ),
        pytest.param(
            [check("url.form", Status.UNKNOWN, summary="no answer"), check("url.port")],
            ["  ? URL           UNKN  no answer                                       2 checks"],
            id="what could not be told is neither good nor bad",
        ),
        pytest.param(
            [check("url.form", Status.ERROR, summary="rule x broke")],
            ["  E URL           BUG  rule x broke                                      1 check"],
            id="our own fault is not theirs",
        ),
        pytest.param(
            [
                check("url.form", Status.ERROR, summary="rule x broke"),
                check("url.port", Status.UNKNOWN),
                check("url.path", Status.FAIL, summary="wrong"),
                check("url.host", Status.WARN),
            ],
            ["  ✗ URL           FAIL  wrong"],
            id="the worst of an area is on top",
        ),
        pytest.param(
            [
                check("token.form"),
                check(
                    "token.time",
                    Status.SKIP,
                    summary="no exp",
                    skip_reason=SkipReason.NOT_APPLICABLE,
                ),
            ],
            ["  ✓ Token         token.form was seen                              1 of 2 checks"],
            id="what does not apply is no gap",
        ),
        pytest.param(
            [
                check("network.dns", Status.FAIL, summary="the name does not exist"),
                blocked("network.tcp", "network.dns"),
                blocked("tls.handshake", "network.dns"),
                blocked("signal.join", "network.dns"),
            ],
            [
                "  ✗ Network       FAIL  the name does not exist",
                "  - 3 checks not run: they need network.dns (Network, TLS, Signalling)",
            ],
            id="what waits for one root is one line",
        ),
        pytest.param(
            [check("network.dns", Status.FAIL, summary="gone"), blocked("tls.x", "network.dns")],
            [
                "  ✗ Network       FAIL  gone",
                "  - 1 check not run: it needs network.dns (TLS)",
            ],
            id="one check waits",
        ),
        pytest.param(
            [
                check("token.form", Status.SKIP, summary="none given: --token-file F"),
                blocked("token.time", "token.form", SkipReason.NO_INPUT),
            ],
            ["  - Token         none given: --token-file F                            2 checks"],
            id="an area that nothing was given for says what to give",
        ),
        pytest.param(
            [
                check("signal.validate"),
                check(
                    "signal.join",
                    Status.SKIP,
                    summary="would join: add --join",
                    skip_reason=SkipReason.NEEDS_CONSENT,
                ),
            ],
            [
                "  ✓ Signalling    signal.validate was seen                         1 of 2 checks",
                "  - 1 check not run: would join: add --join (Signalling)",
            ],
            id="an area that was looked at in part says how much of it",
        ),
        pytest.param(
            [
                check("tls.x", Status.SKIP, skip_reason=SkipReason.DESELECTED, summary="left out"),
                check("api.x", Status.SKIP, skip_reason=SkipReason.DESELECTED, summary="left out"),
                blocked("api.y", "tls.x", SkipReason.DESELECTED),
            ],
            [
                "  - 2 checks not run: left out (TLS, API)",
                "  - 1 check not run: left out on request (API)",
            ],
            id="what was left out on request is not a line for each area",
        ),
        pytest.param(
            [
                check(
                    "tls.handshake",
                    Status.SKIP,
                    summary="ws has no TLS",
                    skip_reason=SkipReason.NOT_APPLICABLE,
                )
            ],
            ["  - TLS           ws has no TLS                                          1 check"],
            id="what does not apply is said once",
        ),
    ],
)
def test_areas(checks: list[CheckResult], expected: list[str]) -> None:
    assert body(with_checks(*checks)) == expected


def test_failing_area_names_the_cause_that_it_follows_from() -> None:
    """The title of a folded finding would send the reader to the wrong place."""
    shown = with_checks(
        check("env.match", Status.FAIL, summary="wrong secret", findings=("env-secret-altered",)),
        check("api.key", Status.FAIL, summary="refused", findings=("api-permission",)),
        findings=(
            finding(code="env-secret-altered", check="env.match", consequences=("api-permission",)),
        ),
    )
    assert body(shown) == [
        "  ✗ Environment   FAIL  wrong secret",
        "  ✗ API           FAIL  follows from env-secret-altered",
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({}, ["OK   3 passed   0.6 s"], id="healthy"),
        pytest.param(
            {
                "verdict": Verdict.PROBLEMS,
                "exit_code": ExitCode.PROBLEM,
                "counts": Counts(32, 1, 1, 0, 11),
            },
            ["PROBLEMS   1 failed, 1 warning, 32 passed, 11 not run   0.6 s   exit 1"],
            id="problems",
        ),
        pytest.param(
            {"verdict": Verdict.WARNINGS, "counts": Counts(3, 2)},
            ["WARNINGS   2 warnings, 3 passed   0.6 s"],
            id="warnings alone leave the exit code at 0",
        ),
        pytest.param(
            {
                "verdict": Verdict.INCONCLUSIVE,
                "exit_code": ExitCode.INCONCLUSIVE,
                "counts": Counts(14, 0, 0, 1, 30, 1),
            },
            [
                "Nothing wrong was seen; what is marked UNKN or BUG could not be told.",
                "INCONCLUSIVE   0 failed, 1 unknown, 1 broken in lkdoctor, 14 passed, 30 not run",
                "0.6 s   exit 3",
            ],
            id="inconclusive",
        ),
    ],
)
def test_verdict(changed: dict[str, object], expected: list[str]) -> None:
    whole = report()
    counts = {"counts": Counts(3)} | changed
    shown = whole._replace(summary=whole.summary._replace(**counts))  # type: ignore[arg-type]  # as above
    assert plain(human.verdict(shown, Canvas(80))).splitlines() == expected


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        pytest.param("signal", "interrupted: this is what was seen until then", id="Ctrl-C"),
        pytest.param(
            "deadline", "time ran out: this is what was seen until then", id="out of time"
        ),
    ],
)
def test_partial_report_says_so(by: str, expected: str) -> None:
    shown = report()._replace(run=RUN._replace(completed=False, interrupted_by=by))
    assert plain(human.verdict(shown, Canvas(80))).splitlines()[0] == expected


def test_accessible_says_the_result_first_and_keeps_names_as_written() -> None:
    """A screen reader needs no escapes, only sentences."""
    shown = report()._replace(target=report().target._replace(url="wss://žofia.example"))
    text = screen(shown, Canvas(80, unicode=False, accessible=True)).splitlines()
    assert text[0] == "Result: healthy. 26 passed, 7 not run."
    assert text[1] == "Target: wss://žofia.example."
    assert text[-1] == "Exit code 0."
    assert [row for row in text if "  " in row or not row.strip()] == []


def test_foreign_characters_shift_no_column() -> None:
    """Measured is what is drawn: an escape takes four cells, not none."""
    whole = with_checks(
        check("url.form", summary="\x1b[31m\x07"), check("tls.handshake", summary="会议室")
    )
    rows = screen(whole, Canvas(80)).splitlines()[3:5]
    assert rows == [
        "  ✓ URL           \\x1b[31m\\x07" + " " * 43 + "1 check",
        "  ✓ TLS           会议室" + " " * 49 + "1 check",
    ]
    assert [cells(row) for row in rows] == [80, 80]
