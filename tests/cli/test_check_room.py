"""``lkdoctor check-room`` as a user types it."""

import json

import pytest
from cli.shell import Shell


@pytest.mark.parametrize(
    ("arguments", "code", "last"),
    [
        (["demo"], 0, "OK   LiveKit takes them: at most 256 bytes"),
        ([""], 1, "PROBLEMS   name-refused   lkdoctor explain CODE   exit 1"),
        (["r" * 257], 1, "PROBLEMS   name-refused   lkdoctor explain CODE   exit 1"),
        (["demo", "Demo"], 0, "WARNINGS   room-name-mismatch   lkdoctor explain CODE"),
        (
            ["demo ", "--fail-on", "warn"],
            4,
            "WARNINGS   name-treacherous   lkdoctor explain CODE   exit 4",
        ),
        (["--identity", "guest"], 0, "WARNINGS   identity-collision   lkdoctor explain CODE"),
    ],
)
def test_the_exit_code_tells_refused_from_risky(
    shell: Shell,
    arguments: list[str],
    code: int,
    last: str,
) -> None:
    done = shell("check-room", *arguments)
    assert (done.code, done.out.splitlines()[-1]) == (code, last)


def test_each_name_has_its_line_and_what_is_the_matter(shell: Shell) -> None:
    done = shell("check-room", "demo", "a/b", "demo\u200b", "--ascii")
    lines = done.out.splitlines()
    assert lines[0].split() == ["ok", "demo", "4", "bytes"]
    assert "WARN" in lines[1]
    assert "/ means something in a URL" in lines[1]
    assert "\\u200b" in done.out
    assert "ZERO WIDTH SPACE" in done.out
    assert "\u200b" not in done.out


def test_names_are_read_a_line_each_from_standard_input(shell: Shell) -> None:
    done = shell.piped("demo\nDemo\r\n\nx \n", "check-room", "-", "-o", "json")
    names = json.loads(done.out)["facts"]["name"]["names"]
    assert [name["shown"] for name in names] == ["demo", "Demo", "", "x "]
    assert done.code == 1


def test_the_project_s_template_is_applied(shell: Shell) -> None:
    (shell.folder / "lkdoctor.toml").write_text('[booking]\nid_pattern = "integer"\n')
    done = shell("check-room", "booking-12", "booking-x")
    assert "name-off-template" in done.out
    assert "does not fit booking-{booking}, ids being digits (lkdoctor.toml)" in done.out
    assert shell("check-room", "booking-12").out.startswith("✓ booking-12")


@pytest.mark.parametrize("names", [["-"], ["-", "demo", "-"]])
def test_standard_input_has_to_hold_names(shell: Shell, names: list[str]) -> None:
    assert shell.piped("", "check-room", *names).code == 2


def test_no_name_is_a_usage_error(shell: Shell) -> None:
    done = shell("check-room")
    assert done.code == 2
    assert "no name was given" in done.err


def test_a_screen_reader_hears_sentences(shell: Shell) -> None:
    done = shell("check-room", "demo", "a?b", "--accessible")
    assert done.out.splitlines()[0].startswith("Result: warnings.")
    assert "Room name demo: fine, 4 bytes." in done.out
    assert "✓" not in done.out
