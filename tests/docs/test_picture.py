"""The picture in the README shows what lkdoctor says today of a real diagnosis that is kept."""

import html
import json
import re
from collections import defaultdict
from pathlib import Path

from jsonschema import Draft202012Validator

from lkdoctor.diagnosis.doctor import judge_again
from lkdoctor.report import human
from lkdoctor.report.findings import without_commands
from lkdoctor.report.layout import Canvas, plain
from lkdoctor.report.schema import text as schema_text

DOCS = Path(__file__).parent.parent.parent / "docs"
PICTURE = (DOCS / "diagnosis.svg").read_text(encoding="utf-8")
REPORT = json.loads((DOCS / "diagnosis.json").read_text(encoding="utf-8"))


def lines() -> list[str]:
    """The texts of the picture by their height, without blanks."""
    found: dict[float, list[tuple[float, str]]] = defaultdict(list)
    texts = r'<text class="lkdoctor-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>'
    for x, y, text in re.findall(texts, PICTURE):
        found[float(y)].append((float(x), html.unescape(text)))
    rows = ["".join(text for _, text in sorted(found[y])) for y in sorted(found)]
    return [re.sub(r"\s", "", row) for row in rows]


def test_picture_says_what_a_terminal_says() -> None:
    """`scripts/picture.py` draws it anew after a change of words or layout."""
    report = judge_again(REPORT)
    seen = report._replace(findings=without_commands(report.findings))
    screen = plain(human.render(seen, Canvas(width=82))).splitlines()
    assert lines() == [re.sub(r"\s", "", row) for row in screen if row]


def test_kept_report_is_valid() -> None:
    Draft202012Validator(json.loads(schema_text())).validate(REPORT)


def test_picture_names_the_cause() -> None:
    assert REPORT["summary"]["primary"] == "proxy-upgrade-stripped"
    assert judge_again(REPORT).summary.primary == "proxy-upgrade-stripped"


def test_picture_loads_nothing() -> None:
    """No font, script or image of another host; a name space is only a name."""
    addresses = re.findall(r"https?://[^\s\"'<)]+", PICTURE)
    known = {"http://www.w3.org/2000/svg", "http://127.0.0.1:7880;"}
    assert set(addresses) <= known
    assert "<script" not in PICTURE
