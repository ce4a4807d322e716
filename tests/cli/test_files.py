"""Files beside the answer: whole, their owner's alone, or one clear line."""

import os
import stat
from pathlib import Path

import pytest

from lkdoctor.cli import files
from lkdoctor.errors import UsageError
from lkdoctor.report import junit


def test_a_file_replaces_an_older_and_longer_one(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("x" * 10_000)
    files.write(file, "ünd\n")
    assert file.read_text(encoding="utf-8") == "ünd\n"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_a_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    files.write(tmp_path / "a", "")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as failed:
        files.write(tmp_path / "absent" / "a", "")
    expected = f"cannot write {tmp_path / 'absent' / 'a'}: no such folder"
    assert failed.value.message == expected


def test_an_early_end_tells_its_reason_but_not_what_a_bug_says(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    files.write_early_end(file, "diagnose", UsageError("no URL is set"))
    assert file.read_text(encoding="utf-8") == junit.died("diagnose", "no URL is set")
    files.write_early_end(file, "diagnose", KeyError("who knows what"))
    assert file.read_text(encoding="utf-8") == junit.died("diagnose", "KeyError")
