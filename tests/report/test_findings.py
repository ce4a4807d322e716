"""A finding on the screen: cause, evidence, fix."""

import pytest
from report.screens import finding

from lkdoctor.findings import Confidence, Evidence, FixStep, Severity, Snippet
from lkdoctor.report.findings import brief, findings, one, word
from lkdoctor.report.layout import Canvas, plain

WHOLE = """\
FAIL  A proxy in front of LiveKit drops the WebSocket upgrade
  code      proxy-upgrade-stripped   certain   at .env.local:3
  Shows as  your user sees “could not establish signal connection”
  Cause     nginx passes /rtc on as a plain GET.
  Evidence  GET /rtc/validate       200 success
            GET /rtc with Upgrade   404, 0 bytes   expected 101 or 401
  Fix       1. Forward the upgrade headers on every proxy on the way.
                 location / {
                     proxy_http_version 1.1;
                 }
            2. Test again.
                 lkdoctor diagnose --only signal.upgrade
  Explains  signal-refused, api-no-answer
  More      lkdoctor explain proxy-upgrade-stripped
"""


def test_whole_finding() -> None:
    shown = finding(location=".env.local:3", consequences=("signal-refused", "api-no-answer"))
    assert plain(one(shown, Canvas(80))) == WHOLE


def test_narrow_finding() -> None:
    assert plain(one(finding(fix=(FixStep("Renew it.", "certbot renew"),)), Canvas(44))) == (
        "FAIL  A proxy in front of LiveKit drops the\n"
        "      WebSocket upgrade\n"
        "code\n"
        "  proxy-upgrade-stripped   certain\n"
        "Shows as\n"
        "  your user sees “could not establish signal\n"
        "  connection”\n"
        "Cause\n"
        "  nginx passes /rtc on as a plain GET.\n"
        "Evidence\n"
        "  GET /rtc/validate\n"
        "    200 success\n"
        "  GET /rtc with Upgrade\n"
        "    404, 0 bytes\n"
        "    expected 101 or 401\n"
        "Fix\n"
        "  Renew it.\n"
        "    certbot renew\n"
        "More\n"
        "  lkdoctor explain proxy-upgrade-stripped\n"
    )


def test_accessible_finding() -> None:
    shown = finding(fix=(FixStep("Remove the room", "lk room delete demo", destructive=True),))
    canvas = Canvas(80, unicode=False, accessible=True)
    assert plain(findings([shown], canvas)).splitlines() == [
        "Finding 1 of 1. Failed. A proxy in front of LiveKit drops the WebSocket upgrade.",
        "Code: proxy-upgrade-stripped. Confidence: certain.",
        "Your user sees: could not establish signal connection.",
        "Cause: nginx passes /rtc on as a plain GET.",
        "Evidence 1 of 2: GET /rtc/validate: 200 success.",
        "Evidence 2 of 2: GET /rtc with Upgrade: 404, 0 bytes, expected 101 or 401.",
        "Fix 1 of 1: Remove the room. This deletes or restarts something.",
        "Fix 1 of 1, command: lk room delete demo",
        "More: lkdoctor explain proxy-upgrade-stripped",
    ]


@pytest.mark.parametrize(
    ("severity", "confidence", "expected"),
    [
        (Severity.ERROR, Confidence.CERTAIN, "FAIL"),
        (Severity.ERROR, Confidence.LIKELY, "FAIL"),
        (Severity.ERROR, Confidence.HINT, "WARN"),
        (Severity.WARNING, Confidence.CERTAIN, "WARN"),
        (Severity.INFO, Confidence.HINT, "NOTE"),
    ],
)
def test_word(severity: Severity, confidence: Confidence, expected: str) -> None:
    """A hint never fails, so it never says so, not even aloud."""
    shown = finding(severity=severity, confidence=confidence)
    assert word(shown).text == expected
    spoken = {"FAIL": "Failed", "WARN": "Warning", "NOTE": "Note"}[expected]
    heard = plain(findings([shown], Canvas(accessible=True))).splitlines()[0]
    assert heard.startswith(f"Finding 1 of 1. {spoken}.")


def test_quiet_is_one_line_a_finding_and_no_notes() -> None:
    found = [finding(), finding(code="note", severity=Severity.INFO), finding(code="b", title="t")]
    assert plain(brief(found)) == (
        "FAIL proxy-upgrade-stripped: A proxy in front of LiveKit drops the WebSocket upgrade\n"
        "FAIL b: t\n"
    )


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        pytest.param(
            Evidence("exp", "2026-09-21 12:10:20Z"),
            ["  Evidence  exp   2026-09-21 12:10:20Z"],
            id="in one line",
        ),
        pytest.param(
            Evidence("GET /rtc/validate", "401 invalid token: token is expired", "200 success"),
            [
                "  Evidence  GET /rtc/validate   401 invalid token: token is",
                "                                expired",
                "                                expected 200 success",
            ],
            id="beside what was looked at",
        ),
        pytest.param(
            Evidence("LIVEKIT_API_SECRET (.env.local of /srv/app)", "set, 5 characters", "32"),
            [
                "  Evidence  LIVEKIT_API_SECRET (.env.local of /srv/app)",
                "              set, 5 characters",
                "              expected 32",
            ],
            id="below what was looked at",
        ),
        pytest.param(Evidence("no reply", ""), ["  Evidence  no reply"], id="a label alone"),
    ],
)
def test_evidence(evidence: Evidence, expected: list[str]) -> None:
    rows = plain(one(finding(evidence=(evidence,)), Canvas(60))).splitlines()
    start = next(i for i, row in enumerate(rows) if row.startswith("  Evidence"))
    assert rows[start : start + len(expected)] == expected
    assert rows[start + len(expected)].startswith("  Fix")


def test_what_is_to_be_pasted_is_never_wrapped() -> None:
    command = "curl -si -X POST -H 'Content-Type: application/json' https://rtc.example.com/twirp"
    body = "a: " + "very " * 30 + "long line"
    fix = (FixStep("Do this.", command, Snippet("yaml", body), destructive=True),)
    rows = [row.strip() for row in plain(one(finding(fix=fix), Canvas(60))).splitlines()]
    assert command in rows
    assert body in rows
    assert "Fix       Do this.   (deletes or restarts something)" in rows


def test_foreign_characters_shift_no_column() -> None:
    """Measured is what is drawn."""
    evidence = (Evidence("room \x1b[2J", "seen"), Evidence("会议", "seen"))
    rows = plain(one(finding(evidence=evidence), Canvas(80))).splitlines()
    assert [row for row in rows if row.endswith("seen")] == [
        "  Evidence  room \\x1b[2J   seen",
        "            会议           seen",
    ]
