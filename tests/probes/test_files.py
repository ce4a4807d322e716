"""A file is read whole, up to a limit, and nothing but a file is read."""

import os
from pathlib import Path

import pytest

from lkdoctor.probes import files


def test_a_file_up_to_the_limit(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.write_bytes(b"12345")
    assert files.read(str(place), 5) == b"12345"
    with pytest.raises(files.TooLargeError):
        files.read(str(place), 4)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "device", "missing", "NUL", "long"])
def test_what_is_no_file(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "a"
    name = str(place)
    words = (
        "is ",
        "too many levels",
        "permission denied",
        "no such file",
        "has a NUL",
        "file name",
    )
    if kind == "link":
        (tmp_path / "b").write_text("")
        place.symlink_to("b")
    elif kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no pipes with a name")
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "device":
        name = os.devnull
    elif kind == "NUL":
        name += "\0"
    elif kind == "long":
        name += "a" * 5000
    with pytest.raises((OSError, ValueError)) as failed:
        files.read(name, 5)
    assert files.words(failed.value).startswith(words)
