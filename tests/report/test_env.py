"""How the variables are shown: a row each, what is wrong beneath it, the first cause in full."""

from pathlib import Path

import pytest
from examples.healthy import NOON

from lkdoctor.config.sources import Given, load
from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts import Facts
from lkdoctor.facts.env import env_fact
from lkdoctor.findings import Layer
from lkdoctor.report import env as layout
from lkdoctor.report.layout import Canvas, cells, plain
from lkdoctor.report.model import Report, RunInfo, TargetInfo
from lkdoctor.wire.url import parse

KEY = "APIxk3pLw9Za7Qm"
SECRET = "gT5bN9wX2kM7vQ4zR8sL1pJ6hD3fC0yUaEoIiYtKnWxB"

FILES = {
    ".env.local": f"""\
LIVEKIT_URL=wss://demo-x4k2.livekit.cloud


LIVEKIT_API_SECRET={SECRET}\x20
NEXT_PUBLIC_LIVEKIT_API_SECRET={SECRET}
""",
    ".env": f"LIVEKIT_URL=ws://localhost:7880\nLIVEKIT_SECRET={SECRET}\nLIVEKIT_API_KEY={KEY}\n",
}
ENVIRON = {"LIVEKIT_API_KEY": f'"{KEY}"'}


def report_on(directory: Path, files: dict[str, str], environ: dict[str, str]) -> Report:
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8", newline="\n")
    resolution = load(Given(), environ=environ, directory=directory)
    env = env_fact(resolution)._replace(container=None, directory="./web")
    url = resolution.target.url
    return fold(
        Facts(env=env, url=None if url is None else parse(url.value, url.origin)),
        run=RunInfo("0", "check-env", NOON, 12.0),
        target=TargetInfo(),
        layers=(Layer.ENV, Layer.URL),
    )


def drawn(report: Report, canvas: Canvas, **how: bool) -> str:
    return plain(layout.render(report, canvas, **how))


@pytest.fixture
def broken(tmp_path: Path) -> Report:
    return report_on(tmp_path, FILES, ENVIRON)


def test_a_folder_with_everything_wrong(broken: Report) -> None:
    identifier = "36fc4a"  # HMAC-SHA256 of the secret, keyed with the API key
    assert (
        drawn(broken, Canvas(width=80))
        == f"""\
looked in   process environment, .env.local, .env   in ./web

  ✓ LIVEKIT_URL                      wss://demo-x4k2.livekit.cloud
                                     .env.local:1
  ✗ LIVEKIT_API_KEY                  "APIxk…7Qm"                     environment
                                     FAIL  has quotes in its value
  ! LIVEKIT_API_SECRET               set, 44 characters, id {identifier}
                                     .env.local:4
                                     WARN  its line ends with a blank
  - LIVEKIT_TOKEN                    not set (optional)

  same meaning, other value
  ! LIVEKIT_URL                      ws://localhost:7880
                                     .env:1   not used
                                     WARN  is set twice, and differs
  - LIVEKIT_API_KEY                  APIxk…7Qm
                                     .env:3   not used
  names that look like a slip
  ! LIVEKIT_SECRET                   set, 44 characters, id {identifier}   .env:2
                                     WARN  No SDK reads LIVEKIT_SECRET
  visible in the browser
  ✗ NEXT_PUBLIC_LIVEKIT_API_SECRET   set, 44 characters, id {identifier}
                                     .env.local:5
                                     FAIL  is visible in the browser

FAIL  LIVEKIT_API_KEY has quotes in its value
  code      env-value-dirty   certain
  Shows as  your user sees “could not establish signal connection: invalid API
            key”
  Cause     A quotation mark, blank, line end or comment was taken for a part of
            the value. Not every reader of .env files drops the same: docker's
            --env-file drops none of them.
  Evidence  LIVEKIT_API_KEY (environment)   the quotes are part of the value
            it comes from                   .env:3, with the quotes that stand
                                            around it there
  Fix       1. docker's --env-file and many dashboards keep quotation marks:
               write the value without them, in the file or the dashboard:
                 LIVEKIT_API_KEY=VALUE
            2. Restart the process that reads it: it has kept the old value.
  More      lkdoctor explain env-value-dirty

PROBLEMS   2 failed, 3 warnings, 3 values set   12 ms   exit 1
the other findings in full: add -v
"""
    )


def test_every_row_fits_its_canvas(broken: Report) -> None:
    for width in (100, 80, 60, 44):
        for row in drawn(broken, Canvas(width=width), verbose=True).splitlines():
            longest = max((cells(word) for word in row.split()), default=0)
            assert cells(row) <= width or longest > width - 20, row


def test_no_secret_in_any_form(broken: Report) -> None:
    canvases = [
        Canvas(width=80),
        Canvas(),
        Canvas(width=44),
        Canvas(accessible=True),
        Canvas(unicode=False),
    ]
    for canvas in canvases:
        text = drawn(broken, canvas, verbose=True, show_origin=True)
        assert not any(SECRET[i : i + 8] in text for i in range(len(SECRET) - 7))
        assert KEY not in text


def test_a_screen_reader_hears_every_row_as_a_sentence(broken: Report) -> None:
    rows = drawn(broken, Canvas(accessible=True, unicode=False)).splitlines()
    assert rows[0] == "Result: problems. 2 failed, 3 warnings, 3 values set."
    assert rows[1] == "Looked in process environment, .env.local, .env, in ./web."
    assert rows[2] == "LIVEKIT_URL: wss://demo-x4k2.livekit.cloud, from .env.local:1."
    assert 'LIVEKIT_API_KEY: "APIxk…7Qm", from environment.' in rows
    assert rows[-1] == "Exit code 1."


def test_in_a_pipe_nothing_is_wrapped(tmp_path: Path) -> None:
    files = {
        ".env": f"LIVEKIT_URL=wss://rtc.example.com\nLIVEKIT_API_KEY={KEY}\nLIVEKIT_API_SECRET=gT5bN9wX2kM7\n"
    }
    report = report_on(tmp_path, files, {})
    assert (
        drawn(report, Canvas())
        == """\
looked in   process environment, .env   in ./web   not there: .env.local

  ✓ LIVEKIT_URL          wss://rtc.example.com   .env:1
  ✓ LIVEKIT_API_KEY      APIxk…7Qm               .env:2
  ✓ LIVEKIT_API_SECRET   set, 12 characters      .env:3
  - LIVEKIT_TOKEN        not set (optional)

OK   3 values set   12 ms
"""
    )


def test_the_place_of_every_value_on_request(tmp_path: Path) -> None:
    text = f"LIVEKIT_URL=ws://h\nLIVEKIT_API_KEY={KEY}\nLIVEKIT_API_SECRET=gT5bN9wX2kM7\n"
    report = report_on(tmp_path, {".env": text, ".env.local": "LIVEKIT_URL=ws://h\n"}, {})
    assert "same meaning, same value" not in drawn(report, Canvas())
    shown = drawn(report, Canvas(), show_origin=True)
    assert (
        "  same meaning, same value\n  - LIVEKIT_URL          ws://h               .env:1   not used\n"
        in shown
    )
    assert "the first place wins" in shown


def test_an_empty_folder_says_what_to_write(tmp_path: Path) -> None:
    text = drawn(report_on(tmp_path, {}, {}), Canvas(width=80))
    assert text.startswith("""\
looked in   process environment   in ./web   not there: .env.local, .env

  ✗ LIVEKIT_URL          not set
  ✗ LIVEKIT_API_KEY      not set
  ✗ LIVEKIT_API_SECRET   not set
  - LIVEKIT_TOKEN        not set (optional)

FAIL  No LiveKit variable is set
""")
    assert "\n                 LIVEKIT_URL=wss://YOUR-PROJECT.livekit.cloud\n" in text
    assert text.endswith("PROBLEMS   1 failed, 0 values set   12 ms   exit 1\n")


def test_only_the_first_finding_is_told_in_full(broken: Report) -> None:
    brief = drawn(broken, Canvas())
    full = drawn(broken, Canvas(), verbose=True)
    assert [brief.count("lkdoctor explain"), full.count("lkdoctor explain")] == [1, 5]
    assert brief.endswith("the other findings in full: add -v\n")
