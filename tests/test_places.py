"""What cannot be seen is not there, and nothing is raised."""

from pathlib import Path

import pytest

from lkdoctor import places

ASKED = (places.exists, places.is_folder, places.is_file, places.is_link)


def test_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("")
    link = tmp_path / "b"
    link.symlink_to("nowhere")
    assert [ask(tmp_path) for ask in ASKED] == [True, True, False, False]
    assert [ask(file) for ask in ASKED] == [True, False, True, False]
    assert [ask(link) for ask in ASKED] == [False, False, False, True]


@pytest.mark.parametrize("name", ["", "a\0b", "a" * 5000, "/" * 5000, "a/" * 5000, "\ud800"])
def test_a_name_that_is_none(name: str, tmp_path: Path) -> None:
    for ask in ASKED:
        assert ask(tmp_path / f"{name}x") is False
        assert ask(f"{name}x") is False
