"""Draws docs/diagnosis.svg, the picture in the README: a real diagnosis, kept as a report.

    python scripts/picture.py             draw the kept report
    python scripts/picture.py --anew      diagnose the sandbox again first, and keep that report

The report is judged by today's rules, so the picture shows today's words; nothing is dialled
without --anew.
"""

import html
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lkdoctor.diagnosis.doctor import judge_again
from lkdoctor.report import human, jsonfile
from lkdoctor.report.findings import without_commands
from lkdoctor.report.layout import Canvas, Line
from lkdoctor.report.terminal import text_of

DOCS = Path(__file__).parent.parent / "docs"
REPORT = DOCS / "diagnosis.json"
PICTURE = DOCS / "diagnosis.svg"

WIDTH = 82
CELL = 12.2
"""What Rich makes of a cell: 0.61 of the height of a character."""
KEYS = {"APIsandbox": "made-up-secret-that-opens-only-a-sandbox"}

# Rich's own format loads a font from another host; a README picture may not, and need not.
FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="lkdoctor diagnose names the cause, the evidence and the fix">
<style>
.{unique_id}-matrix {{
  font-family: "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: arial, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def rows() -> list[Line]:
    """The screen of the kept report."""
    report = judge_again(json.loads(REPORT.read_text(encoding="utf-8")))
    shown = report._replace(findings=without_commands(report.findings))
    return list(human.render(shown, Canvas(width=WIDTH)))


def drawn(lines: list[Line]) -> str:
    """The screen as SVG."""
    from rich.console import Console

    console = Console(
        record=True,
        width=WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    for row in lines:
        console.print(text_of(row), soft_wrap=True)
    svg = console.export_svg(title="$ lkdoctor diagnose", code_format=FORMAT, unique_id="lkdoctor")
    return _TEXT.sub(_without_edges, svg)


_TEXT = re.compile(
    r'<text class="(?P<style>[^"]*-r\d+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)"'
    r' textLength="[\d.]+" clip-path="(?P<clip>[^"]*)">(?P<text>[^<]*)</text>\n?'
)


def _without_edges(match: re.Match[str]) -> str:
    """A text that begins where its first letter does: not every viewer draws blanks before it."""
    text = html.unescape(match["text"])
    letters = text.strip("\xa0\n")
    if not letters:
        return ""
    x = float(match["x"]) + CELL * (len(text) - len(text.lstrip("\xa0")))
    return (
        f'<text class="{match["style"]}" x="{x:g}" y="{match["y"]}"'
        f' textLength="{CELL * len(letters):g}" clip-path="{match["clip"]}">'
        f"{html.escape(letters, quote=False).replace(chr(0xA0), '&#160;')}</text>\n"
    )


def anew() -> None:
    """Diagnose a broken sandbox, and keep the report."""
    from lkdoctor.sandbox import Fault, running_sandbox

    with (
        tempfile.TemporaryDirectory() as folder,
        running_sandbox(port=17880, faults=[Fault.UPGRADE_DROPPED], keys=KEYS) as sandbox,
    ):
        (Path(folder) / ".env.local").write_text(
            f"LIVEKIT_URL={sandbox.url}\nLIVEKIT_API_KEY={sandbox.api_key}\n"
            f"LIVEKIT_API_SECRET={sandbox.api_secret}\n",
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "lkdoctor", "diagnose", "--save", str(REPORT), "-q"]
        subprocess.run(command, cwd=folder, env=_bare(), check=False)
    document = json.loads(REPORT.read_text(encoding="utf-8"))
    # Where it was made is of no interest.
    document["facts"]["env"] |= {"directory": ".", "container": None}
    REPORT.write_text(jsonfile.text(document), encoding="utf-8")


def _bare() -> dict[str, str]:
    """This process's environment without what would be found there."""
    return {name: value for name, value in os.environ.items() if "LIVEKIT" not in name}


def main(arguments: list[str]) -> int:
    if "--anew" in arguments:
        anew()
    PICTURE.write_text(drawn(rows()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
