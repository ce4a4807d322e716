"""The terminal policy: who gets colour, glyphs, a width and a live line."""

import contextlib
import functools
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from lkdoctor.cli.options import OutputFormat
from lkdoctor.cli.streams import ColorChoice, Streams
from lkdoctor.errors import UsageError
from lkdoctor.redact import Secret
from lkdoctor.report.layout import Span, Style, line

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")


class Screen(io.TextIOWrapper):
    """A stream that says that it is a terminal."""

    def __init__(self, encoding: str = "utf-8", *, terminal: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True, newline="")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def shown(self) -> str:
        raw = self.buffer
        assert isinstance(raw, io.BytesIO)
        return raw.getvalue().decode(self.encoding)


def streams(
    environ: Mapping[str, str] | None = None,
    *,
    out: Screen | None = None,
    err: Screen | None = None,
    **chosen: Any,
) -> Streams:
    out = Screen() if out is None else out
    err = Screen() if err is None else err
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        return Streams.of(environ=environ or {}, **chosen)


def pipe(encoding: str = "utf-8") -> Screen:
    return Screen(encoding, terminal=False)


@pytest.mark.parametrize(
    ("environ", "choice", "on_terminal", "in_pipe"),
    [
        pytest.param({}, "auto", True, False, id="nothing said"),
        pytest.param({"NO_COLOR": "1"}, "auto", False, False, id="NO_COLOR"),
        pytest.param({"NO_COLOR": ""}, "auto", True, False, id="NO_COLOR empty"),
        pytest.param({"FORCE_COLOR": "1"}, "auto", True, True, id="FORCE_COLOR"),
        pytest.param({"FORCE_COLOR": "0"}, "auto", True, False, id="FORCE_COLOR=0"),
        pytest.param({"CLICOLOR_FORCE": "1"}, "auto", True, True, id="CLICOLOR_FORCE"),
        pytest.param({"NO_COLOR": "1", "FORCE_COLOR": "1"}, "auto", False, False, id="both"),
        pytest.param({"TERM": "dumb"}, "auto", False, False, id="TERM=dumb"),
        pytest.param({"TERM": "dumb", "FORCE_COLOR": "1"}, "auto", True, True, id="dumb, forced"),
        pytest.param({"NO_COLOR": "1"}, "always", True, True, id="--color always"),
        pytest.param({"FORCE_COLOR": "1"}, "never", False, False, id="--color never"),
        pytest.param({"ACCESSIBLE": "1"}, "always", False, False, id="ACCESSIBLE"),
        pytest.param({"CI": "true"}, "auto", True, False, id="CI"),
    ],
)
def test_colour(
    environ: dict[str, str],
    choice: str,
    *,
    on_terminal: bool,
    in_pipe: bool,
) -> None:
    color = ColorChoice(choice)
    assert streams(environ, color=color).color is on_terminal
    assert streams(environ, out=pipe(), color=color).color is in_pipe
    mixed = streams(environ, out=pipe(), color=color)
    assert (mixed.color, mixed.err_color) == (in_pipe, on_terminal)


@pytest.mark.parametrize(
    ("environ", "chosen", "live"),
    [
        pytest.param({}, {}, True, id="a terminal"),
        pytest.param({"CI": "true"}, {}, False, id="CI"),
        pytest.param({"TERM": "dumb"}, {}, False, id="TERM=dumb"),
        pytest.param({"ACCESSIBLE": "1"}, {}, False, id="ACCESSIBLE"),
        pytest.param({"ACCESSIBLE": "false"}, {}, True, id="ACCESSIBLE=false"),
        pytest.param({}, {"accessible": True}, False, id="--accessible"),
        pytest.param({}, {"quiet": True}, False, id="--quiet"),
        pytest.param({"NO_COLOR": "1"}, {}, True, id="NO_COLOR"),
    ],
)
def test_live_progress(environ: dict[str, str], chosen: dict[str, Any], *, live: bool) -> None:
    assert streams(environ, **chosen).live is live
    assert streams(environ, out=pipe(), **chosen).live is live
    assert streams(environ, err=pipe(), **chosen).live is False


@pytest.mark.parametrize(
    ("encoding", "environ", "chosen", "glyphs"),
    [
        pytest.param("utf-8", {}, {}, True, id="UTF-8"),
        pytest.param("UTF8", {}, {}, True, id="spelt otherwise"),
        pytest.param("ascii", {}, {}, False, id="ASCII"),
        pytest.param("cp1252", {}, {}, False, id="Windows"),
        pytest.param("utf-8", {}, {"ascii_only": True}, False, id="--ascii"),
        pytest.param("utf-8", {"TERM": "dumb"}, {}, False, id="TERM=dumb"),
        pytest.param("utf-8", {"ACCESSIBLE": "yes"}, {}, False, id="ACCESSIBLE"),
    ],
)
def test_glyphs(
    encoding: str, environ: dict[str, str], chosen: dict[str, Any], *, glyphs: bool
) -> None:
    assert streams(environ, out=pipe(encoding), **chosen).canvas.unicode is glyphs


@pytest.mark.parametrize(
    ("columns", "width"),
    [
        pytest.param("44", 44, id="COLUMNS"),
        pytest.param("", None, id="empty"),
        pytest.param("0", None, id="nought"),
        pytest.param("wide", None, id="a word"),
        pytest.param("-3", None, id="negative"),
        pytest.param("9999999", None, id="absurd"),
    ],
)
def test_width_in_a_pipe(columns: str, width: int | None) -> None:
    """Without a width nothing is wrapped."""
    assert streams({"COLUMNS": columns}, out=pipe()).canvas.width == width


def test_a_letter_that_the_encoding_lacks_is_shown_as_an_escape() -> None:
    out = pipe("ascii")
    streams(out=out).result([line("Žoë ✓")])
    assert out.shown == "\\u017do\\xeb \\u2713\n"


def test_bold_and_dim_are_for_terminals() -> None:
    rows = [line(Span("title", Style.TITLE), " ", Span("fail", Style.FAIL))]
    screen, file = Screen(), pipe()
    streams(out=screen).result(rows)
    streams({"FORCE_COLOR": "1"}, out=file).result(rows)
    assert screen.shown == "\x1b[1mtitle\x1b[0m \x1b[31mfail\x1b[0m\n"
    assert file.shown == "title \x1b[31mfail\x1b[0m\n"


def test_every_way_out_is_clean() -> None:
    secret = "Vb7Xq2Lw9Tz4Kc8Ny5Rm"
    Secret(secret)
    for color in (ColorChoice.ALWAYS, ColorChoice.NEVER):
        out, err = pipe(), pipe()
        given = streams(out=out, err=err, color=color)
        given.result([line("a ", secret, " b")])
        given.result_text(f"a {secret} b\n")
        given.note([line("a ", Span(secret, Style.FAIL), " b")])
        shown = out.shown + err.shown
        assert secret[:8] not in shown
        assert shown.count("<redacted>") == 3


def test_a_token_that_was_asked_for_is_alone_on_standard_output() -> None:
    out, err = pipe(), pipe()
    given = streams(out=out, err=err)
    given.reveal(Secret("minted-token-of-a-test"))
    assert (out.shown, err.shown) == ("minted-token-of-a-test\n", "")


class Input(io.TextIOWrapper):
    def __init__(self, content: bytes, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(content), encoding="ascii")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "note"),
    [
        pytest.param(True, "reading a token from standard input, end with Ctrl-D\n", id="typed"),
        pytest.param(False, "", id="piped"),
    ],
)
def test_reading_says_on_a_terminal_what_it_waits_for(*, terminal: bool, note: str) -> None:
    err = pipe()
    given = streams(err=err)._replace(stdin=Input("Žoë".encode(), terminal=terminal))
    assert given.read("a token") == "Žoë"
    assert err.shown == note


def test_reading_is_bounded() -> None:
    given = streams()._replace(stdin=Input(b"x" * (3 * 1024 * 1024)))
    with pytest.raises(UsageError, match="standard input holds more than 2 MB"):
        given.read("a token", limit=2 * 1024 * 1024)


def test_a_stream_that_was_closed_is_no_terminal() -> None:
    assert streams(out=Closed()).color is False


class Closed(Screen):
    """A stream that was closed after the start."""

    def isatty(self) -> bool:
        raise ValueError("I/O operation on closed file")


def test_bytes_that_are_not_text_do_not_stop_it() -> None:
    assert streams()._replace(stdin=Input(b"a\xffb")).read("a token") == "a\ufffdb"


# ------------------------------------------------------------------ real processes

REPORT = """
import json, sys
from lkdoctor.cli.streams import Streams
s = Streams.of()
facts = [s.color, s.err_color, s.live, s.canvas.unicode, s.canvas.width, s.canvas.accessible]
open(sys.argv[1], "w").write(json.dumps(facts))
"""


def lkdoctor(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[bytes]:
    environ = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR", "CI"}}
    return subprocess.run(
        [sys.executable, "-m", "lkdoctor", *arguments],
        env=environ,
        timeout=60,
        check=False,
        **settings,
    )


@contextlib.contextmanager
def taking_nothing(what: str) -> Iterator[dict[str, int]]:
    """The streams named, as ``stdout+stderr pipe``, without a reader or on a full disk."""
    named, kind = what.split(" ")
    if kind == "full":
        writing = os.open("/dev/full", os.O_WRONLY)
    else:
        reading, writing = os.pipe()
        os.close(reading)
    try:
        yield dict.fromkeys(named.split("+"), writing)
    finally:
        os.close(writing)


@pytest.mark.parametrize(
    "command",
    [
        ["explain"],
        ["explain", "--color", "always"],
        ["explain", "-o", "json"],
        ["schema"],
        ["--help"],
        ["check-room", "booking-1"],
    ],
)
def test_a_reader_that_leaves_ends_it_quietly(command: list[str]) -> None:
    """What ``lkdoctor explain | head -1`` comes to."""
    with taking_nothing("stdout pipe") as nowhere:
        done = lkdoctor(*command, **nowhere, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")


@POSIX
@pytest.mark.parametrize("closed", [0, 1, 2], ids=["input", "output", "error"])
def test_a_closed_stream_is_no_obstacle(closed: int) -> None:
    command = f'exec "$0" -m lkdoctor explain tls-expired {closed}{"<" if closed == 0 else ">"}&-'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert done.stderr == b""
    assert (b"tls-expired" in done.stdout) is (closed != 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("command", [["explain"], ["schema"], ["--help"], ["--version"]])
def test_an_answer_that_cannot_be_written_is_an_error(command: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = lkdoctor(*command, stdout=full, stderr=subprocess.PIPE)
    expected = b"Error: cannot write the answer: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, expected)


FAILING: Final = {
    **{
        f"diagnose {' '.join(how)}": ["diagnose", "--url", "ws://127.0.0.1:9", *how]
        for how in (
            *(["-o", form] for form in OutputFormat),
            ["--color", "always"],
            ["--accessible"],
            ["-q"],
            ["-vv"],
        )
    },
    "ws-probe": ["ws-probe", "--url", "ws://127.0.0.1:9"],
    "check-room": ["check-room", "undefined"],
    "token decode": ["token", "decode", "garbage"],
    "token decode --all": ["token", "decode", "--all"],
    "explain --log": ["explain", "--log", "-"],
    "usage": ["diagnose", "--no-such-option"],
}
"""Runs that end with something else than 0."""


def run_of(name: str, **streams: int) -> subprocess.CompletedProcess[bytes]:
    """One of them; what no other stream is named for is read."""
    captured = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return lkdoctor(*FAILING[name], input=LOG, **(captured | streams))


read_run_of: Final = functools.cache(run_of)

LOG: Final = b"livekit: could not establish pc connection\ninvalid token: token is expired\n" * 3000


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    "lost", ["stdout pipe", "stderr pipe", "stdout+stderr pipe", "stdout full", "stderr full"]
)
@pytest.mark.parametrize("name", FAILING)
def test_a_failed_run_stays_failed_whoever_reads_of_it(name: str, lost: str) -> None:
    """What ``set -o pipefail; lkdoctor diagnose | head -1`` comes to."""
    read = read_run_of(name)
    with taking_nothing(lost) as nowhere:
        unread = run_of(name, **nowhere)
    assert unread.returncode == read.returncode != 0
    told = unread.stderr or b""
    assert b"lkdoctor broke" not in told
    assert b"Traceback" not in told
    assert b"Exception ignored" not in told
    assert (b"cannot write the answer" in told) is (lost == "stdout full" and bool(read.stdout))


@POSIX
def test_tokens_without_an_end_end_with_their_reader() -> None:
    command = 'yes garbage | "$0" -m lkdoctor token decode --all | head -1; echo ${PIPESTATUS[1]}'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable], capture_output=True, timeout=60, check=False
    )
    assert done.stdout.splitlines()[1:] == [b"1"]
    assert done.stderr == b""


def on_terminal(
    command: list[str], environ: Mapping[str, str], *, columns: int = 80
) -> tuple[str, int | None]:
    """What a command writes to a real (pseudo-)terminal, and its exit code."""
    import pexpect

    keep = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "COVERAGE_PROCESS_CONFIG"}}
    child = pexpect.spawn(
        sys.executable,
        command,
        env={**keep, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environ},
        dimensions=(40, columns),
        encoding="utf-8",
        timeout=60,
    )
    shown: str = child.read()
    child.close()
    return shown, child.exitstatus


@POSIX
@pytest.mark.parametrize(
    ("environ", "columns", "facts"),
    [
        pytest.param({}, 80, [True, True, True, True, 80, False], id="plain"),
        pytest.param({}, 44, [True, True, True, True, 44, False], id="narrow"),
        pytest.param({"COLUMNS": "70"}, 80, [True, True, True, True, 70, False], id="COLUMNS"),
        pytest.param({"NO_COLOR": "1"}, 80, [False, False, True, True, 80, False], id="NO_COLOR"),
        pytest.param({"TERM": "dumb"}, 80, [False, False, False, False, 80, False], id="dumb"),
        pytest.param({"CI": "1"}, 80, [True, True, False, True, 80, False], id="CI"),
        pytest.param(
            {"ACCESSIBLE": "1"}, 80, [False, False, False, False, 80, True], id="ACCESSIBLE"
        ),
        pytest.param(
            {"PYTHONIOENCODING": "latin-1"}, 80, [True, True, True, False, 80, False], id="latin-1"
        ),
    ],
)
def test_a_real_terminal(
    environ: dict[str, str], columns: int, facts: list[Any], tmp_path: Any
) -> None:
    answer = tmp_path / "facts.json"
    on_terminal(["-c", REPORT, str(answer)], environ, columns=columns)
    assert json.loads(answer.read_text()) == facts


@POSIX
def test_what_a_person_sees() -> None:
    """Read back by a terminal emulator: no escape is left over, no line is too wide."""
    import pyte

    shown, code = on_terminal(["-m", "lkdoctor", "explain", "tls-expired"], {})
    assert code == 0
    assert "\x1b[" in shown
    screen = pyte.Screen(80, 200)
    pyte.Stream(screen).feed(shown)
    text = "\n".join(row.rstrip() for row in screen.display).rstrip()
    assert "tls-expired" in text
    assert "\x1b" not in text
    plain, _ = on_terminal(["-m", "lkdoctor", "explain", "tls-expired"], {"NO_COLOR": "1"})
    assert "\x1b" not in plain
    assert [row.rstrip() for row in plain.splitlines()] == text.splitlines()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that is in use")
@pytest.mark.parametrize("command", [["check-env"], ["check-room", "x"], ["diagnose"]])
def test_a_working_directory_that_was_removed(command: list[str], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    program = (
        "import os, sys; os.chdir(sys.argv[1]); os.rmdir(sys.argv[1]);"
        "from lkdoctor.cli.app import run; sys.exit(run(sys.argv[2:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(gone), *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: the working directory does not exist any more\n")
