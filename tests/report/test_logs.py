"""What a log says, on every screen and in JSON."""

import json

import pytest
from jsonschema import Draft202012Validator
from logs.lines import LINES
from report.screens import CANVASES, same_screen
from tokens.samples import NOW, token

from lkdoctor import catalogue
from lkdoctor.logs.scan import scan
from lkdoctor.logs.verdict import Verdict, judge
from lkdoctor.report import logs
from lkdoctor.report.layout import Canvas, cells, plain, spelt
from lkdoctor.report.model import ExitCode, ToolInfo
from lkdoctor.report.schema import LOG_FILE
from lkdoctor.report.schema import text as schema_text

SCHEMA = Draft202012Validator(json.loads(schema_text(LOG_FILE)))
TOOL = ToolInfo("lkdoctor", "0", "3.11.7", "linux-x86_64")

LOGS = {
    "refused": [
        (
            '2026-11-25T14:55:29.732Z\tWARN\tlivekit\tservice/utils.go:84\terror handling request\t{"status": '
            f'401, "error": "invalid token: {token()}, error: token has invalid claims: token is expired"}}'
        ),
        "ConnectionError: could not establish signal connection: something else",
        "livekit: could not establish pc connection",
        "disconnect reason: 1",
    ],
    "symptom": ["Encountered unknown websocket error during connection"] * 3,
    "media": [
        (
            "Mixed Content: The page at 'https://a.example/' was loaded over HTTPS, but attempted to "
            "connect to the insecure WebSocket endpoint 'ws://x.example/rtc'."
        )
    ],
    "nothing": ["all is well"],
}


def verdict(lines: list[str]) -> Verdict:
    return judge(scan(["\n".join(lines).encode()]), catalogue.cause, NOW)


def info(found: Verdict, name: str = "app.log") -> logs.LogInfo:
    seen = found.scan
    return logs.LogInfo(
        name, seen.lines, seen.size, seen.encoding, seen.cut_lines, interrupted=False
    )


def shown(lines: list[str], canvas: Canvas) -> str:
    found = verdict(lines)
    return plain(spelt(logs.render(found, info(found), canvas), canvas))


@pytest.mark.parametrize("canvas", ["80-unicode", "60-ascii", "44-unicode", "accessible"])
@pytest.mark.parametrize("name", LOGS)
def test_screen(name: str, canvas: str) -> None:
    same_screen(f"logs/{name}-{canvas}", shown(LOGS[name], CANVASES[canvas]))


def test_everything_at_once_fits_the_screen() -> None:
    """Only a word that nobody may break is wider."""
    rows = shown([line.written for line in LINES], Canvas(80)).splitlines()
    assert [row for row in rows if cells(row) > 80 and " " in row[20:].strip()] == []


@pytest.mark.parametrize("name", LOGS)
def test_json_is_what_the_schema_says(name: str) -> None:
    found = verdict(LOGS[name])
    document = logs.to_json(found, info(found), TOOL, ExitCode.PROBLEM)
    SCHEMA.validate(json.loads(json.dumps(document)))
    assert [entry["causes"][0]["code"] for entry in document["entries"]] == [
        entry.code for entry in found.entries
    ]


def test_json_of_everything() -> None:
    found = verdict([line.written for line in LINES])
    document = logs.to_json(found, info(found), TOOL, ExitCode.PROBLEM)
    SCHEMA.validate(json.loads(json.dumps(document)))
    assert sum(len(entry["said"]) + len(entry["shown_by"]) for entry in document["entries"]) == len(
        found.scan.found
    )


def test_plain_lines() -> None:
    rows = [row.split("\t") for row in logs.plain(verdict(LOGS["symptom"])).splitlines()]
    assert rows == [
        ["#severity", "weight", "code", "line", "times", "title", "quote"],
        [
            *("error", "narrows", "token-room-missing", "1", "3"),
            "The server said 400 or 5xx, whose text this client does not show",
            "Encountered unknown websocket error during connection",
        ],
    ]


HOSTILE = "token is expired \x1b[2J\x1b]0;owned\x07 ::error ::x\r\u202egnp [bold]x[/bold] \x9b2J"


@pytest.mark.parametrize("canvas", list(CANVASES))
def test_nothing_in_a_log_acts(canvas: str) -> None:
    text = shown([HOSTILE], CANVASES[canvas])
    assert "token is expired" in text
    assert not set(text) & set("\x1b\x07\x9b\r\u202e")


def test_nothing_in_a_name_acts() -> None:
    found = verdict(["x"])
    canvas = CANVASES["pipe"]
    text = plain(logs.render(found, info(found, "a\x1b[2Jb"), canvas))
    assert "\x1b" not in text
