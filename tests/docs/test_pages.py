"""The pages of the causes say what the catalogue says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lkdoctor import catalogue

ROOT = Path(__file__).parent.parent.parent
CAUSES = ROOT / "docs" / "causes"


def generated(*arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, str(root / "scripts" / "docs.py"), *arguments]
    return subprocess.run(script, capture_output=True, text=True, check=False)


def test_pages_are_what_the_catalogue_says() -> None:
    """`scripts/docs.py` writes them anew after a change of a rule."""
    done = generated("--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_cause_has_its_page_and_no_page_is_left_over() -> None:
    codes = {f"{code}.md" for code in catalogue.codes()}
    assert {path.name for path in CAUSES.iterdir()} == codes | {"README.md"}


@pytest.mark.parametrize("page", sorted(CAUSES.glob("*.md")), ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (CAUSES / link).is_file()] == []


def test_drift_is_noticed(tmp_path: Path) -> None:
    """A page changed by hand, one missing, one of a cause that is no more."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copytree(CAUSES, tmp_path / "docs" / "causes")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(text.replace("[tls-expired]", "[tls-expird]"), "utf-8")
    pages = tmp_path / "docs" / "causes"
    (pages / "tls-expired.md").write_text("by hand", encoding="utf-8")
    (pages / "dns-nxdomain.md").unlink()
    (pages / "no-such-cause.md").write_text("old", encoding="utf-8")
    done = generated("--check", root=tmp_path)
    assert done.returncode == 1
    assert [row.split()[0] for row in done.stdout.splitlines()] == [
        "docs/causes/dns-nxdomain.md",
        "docs/causes/no-such-cause.md",
        "docs/causes/tls-expired.md",
        "README.md",
    ]
    assert generated(root=tmp_path).returncode == 0
    assert generated("--check", root=tmp_path).returncode == 0
    assert not (pages / "no-such-cause.md").exists()
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == text


def test_the_readme_s_table_has_every_cause() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = text.partition("<!-- causes -->")[2].partition("<!-- /causes -->")[0]
    linked = re.findall(r"\[([\w-]+)\]\(docs/causes/\1\.md\)", rows)
    assert linked == [cause.code for cause in catalogue.causes()]
