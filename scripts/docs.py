"""Writes one page for every cause of the catalogue, their index, and the README's table of them.

python scripts/docs.py            write docs/causes/ and the table in README.md
python scripts/docs.py --check    say which pages are not up to date, change nothing
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lkdoctor import catalogue
from lkdoctor.findings import FixStep, Severity
from lkdoctor.report.areas import TITLES

if TYPE_CHECKING:
    from lkdoctor.rules.words import Words

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "causes"
README = ROOT / "README.md"

TABLE = re.compile(r"(?s)(?<=<!-- causes -->\n).*?(?=<!-- /causes -->)")
"""Where in the README the table stands."""

SEVERITIES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def pages() -> Mapping[str, str]:
    """Every page's text by its file name."""
    causes = tuple(catalogue.causes())
    made = {f"{cause.code}.md": "\n".join(page(cause)) + "\n" for cause in causes}
    made["README.md"] = "\n".join(index(causes)) + "\n"
    return made


def page(cause: "Words") -> Iterator[str]:
    """One cause, in Markdown."""
    yield "<!-- Written by scripts/docs.py from src/lkdoctor/causes/; change the cause there, not this page. -->"
    yield f"# {cause.code}"
    yield ""
    yield f"**{escaped(cause.title)}**"
    yield ""
    area = TITLES[cause.layer]
    check = f" · check `{cause.check}`" if cause.check else " · in logs"
    yield f"{area} · {SEVERITIES[cause.severity]} · {cause.confidence}{check}"
    if cause.symptoms:
        yield ""
        yield "## What your user or your log shows"
        yield ""
        yield from (f"- {code(symptom)}" for symptom in cause.symptoms)
    yield ""
    yield "## Cause"
    yield ""
    yield from escaped(cause.cause).splitlines()
    yield ""
    yield "## How it is found"
    yield ""
    yield from escaped(cause.how).splitlines()
    yield ""
    yield "## Fix"
    yield ""
    for number, step in enumerate(cause.fix, 1):
        yield from _step(number, step)
    yield from _cases(cause)
    yield from _links("Explains", cause.explains)
    yield from _links("Related", cause.related)
    yield "## Source"
    yield ""
    yield from escaped(cause.source).splitlines()
    yield ""
    yield "On the command line: " + code(f"lkdoctor explain {cause.code}")


def index(causes: tuple["Words", ...]) -> Iterator[str]:
    """All causes by area."""
    yield "<!-- Written by scripts/docs.py from the catalogue. -->"
    yield "# Causes"
    yield ""
    yield "Everything that lkdoctor can find, in the order in which a connection can break."
    for layer in dict.fromkeys(cause.layer for cause in causes):
        yield ""
        yield f"## {TITLES[layer]}"
        yield ""
        yield "| code | what it is | severity |"
        yield "|---|---|---|"
        for cause in causes:
            if cause.layer is layer:
                title = escaped(cause.title).replace("|", "\\|")
                yield f"| [{cause.code}]({cause.code}.md) | {title} | {SEVERITIES[cause.severity]} |"


def table(causes: tuple["Words", ...]) -> Iterator[str]:
    """All causes in a row an area, each with its page."""
    yield f"| area | the {len(causes)} causes that lkdoctor names |"
    yield "|---|---|"
    for layer in dict.fromkeys(cause.layer for cause in causes):
        codes = (cause.code for cause in causes if cause.layer is layer)
        yield f"| {TITLES[layer]} | {', '.join(f'[{c}](docs/causes/{c}.md)' for c in codes)} |"


def readme(text: str) -> str:
    """The README with today's table.

    Raises:
        ValueError: it has no place for the table.
    """
    causes = tuple(catalogue.causes())
    filled, count = TABLE.subn(lambda _: "\n".join(table(causes)) + "\n", text)
    if count != 1:
        raise ValueError(f"{README.name} has {count} places for the table of causes")
    return filled


def _cases(cause: "Words") -> Iterator[str]:
    """What is told apart, by what lkdoctor says then."""
    shown = list(cause.shown_cases())
    if not shown:
        return
    yield "## What lkdoctor tells apart"
    yield ""
    for name, case in shown:
        yield f"### {name.replace('-', ' ')}"
        yield ""
        if case.title is not None:
            yield f"**{escaped(case.title)}**"
            yield ""
        weight = SEVERITIES[case.severity or cause.severity], case.confidence or cause.confidence
        if weight != (SEVERITIES[cause.severity], cause.confidence):
            yield " · ".join(weight)
            yield ""
        if case.cause is not None:
            yield from escaped(case.cause).splitlines()
            yield ""
        for number, step in enumerate(case.fix, 1):
            yield from _step(number, step)


def _step(number: int, step: FixStep) -> Iterator[str]:
    lead = f"{number}. "
    note = " *(deletes or restarts something)*" if step.destructive else ""
    first, *more = escaped(step.text).splitlines() or [""]
    yield f"{lead}{first}{note if not more else ''}"
    indent = " " * len(lead)
    yield from (f"{indent}{row}" for row in more)
    if step.command:
        yield from _block("sh", step.command, indent)
    if step.snippet:
        yield from _block(step.snippet.language, step.snippet.body, indent)
    yield ""


def _block(language: str, body: str, indent: str) -> Iterator[str]:
    fence = "```"
    while fence in body:
        fence += "`"
    yield ""
    yield f"{indent}{fence}{language}"
    yield from (f"{indent}{row}".rstrip() for row in body.splitlines())
    yield f"{indent}{fence}"


def _links(title: str, codes: tuple[str, ...]) -> Iterator[str]:
    if codes:
        yield f"## {title}"
        yield ""
        yield ", ".join(f"[{other}]({other}.md)" for other in codes)
        yield ""


def code(text: str) -> str:
    """Inline code, whatever is in it."""
    fence = "`"
    while fence in text:
        fence += "`"
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def escaped(text: str) -> str:
    """Text in which Markdown sees no markup of its own."""
    for mark in "\\`*_<[]":
        text = text.replace(mark, "\\" + mark)
    return text.replace("&", "&amp;")


def differences(wanted: Mapping[str, str]) -> list[str]:
    """The names of pages that are missing, old, or of a cause that is no more."""
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    return sorted(
        name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)
    )


def main(arguments: list[str]) -> int:
    wanted = pages()
    text = README.read_text(encoding="utf-8")
    if "--check" in arguments:
        different = [f"docs/causes/{name}" for name in differences(wanted)]
        different += [README.name] if readme(text) != text else []
        for name in different:
            print(f"{name} is not what scripts/docs.py writes: run it")
        return 1 if different else 0
    README.write_text(readme(text), encoding="utf-8")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
