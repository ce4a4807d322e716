"""A live line for who watches, hardly anything for who does not, nothing left when it ends."""

import contextlib
import io
import os
import sys
from pathlib import Path

import pytest
from faults.peers import peer, silent

from lkdoctor.cli.progress import Progress
from lkdoctor.cli.streams import Streams
from lkdoctor.diagnosis.events import StepFinished, StepStarted
from lkdoctor.report.layout import Canvas


class Ticking:
    """A clock that is told what time it is."""

    seconds = 100.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def token_hex(self, size: int) -> str:
        return "0" * 2 * size


def streams(*, live: bool, width: int | None = 80, unicode: bool = True) -> Streams:
    canvas = Canvas(width=width, unicode=unicode)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return Streams.of(environ={})._replace(live=live, err_canvas=canvas)


def shown(given: Streams) -> str:
    assert isinstance(given.err, io.StringIO)
    return given.err.getvalue()


def test_on_a_terminal_each_step_takes_the_place_of_the_last_and_the_last_is_erased() -> None:
    given, clock = streams(live=True), Ticking()
    with Progress(given, 10, clock) as progress:
        progress.listen(StepStarted("dns", "looking up rtc.example.com"))
        clock.seconds += 0.25
        progress.listen(StepFinished("dns", 250))
        progress.listen(StepStarted("join", "joining a room of its own"))
        assert shown(given) == (
            "\r\x1b[2Klooking up rtc.example.com …  0.0 s"
            "\r\x1b[2Kjoining a room of its own …  0.2 s"
        )
    assert shown(given).endswith("\r\x1b[2K")


def test_nothing_drawn_is_nothing_erased() -> None:
    given = streams(live=True)
    with Progress(given, 10, Ticking()):
        pass
    assert shown(given) == ""


def test_in_a_pipe_only_a_long_wait_is_worth_a_line() -> None:
    given, clock = streams(live=False), Ticking()
    with Progress(given, 30, clock) as progress:
        for seconds in (0, 4, 2, 1, 5):
            clock.seconds += seconds
            progress.listen(StepStarted("join", "joining"))
    assert shown(given) == (
        "lkdoctor: still joining, 6 s of 30 s\nlkdoctor: still joining, 12 s of 30 s\n"
    )


@pytest.mark.parametrize("width", [30, 44, 80, 200])
def test_the_line_never_wraps(width: int) -> None:
    """What wraps cannot be erased."""
    given = streams(live=True, width=width, unicode=False)
    with Progress(given, 10, Ticking()) as progress:
        progress.listen(StepStarted("dns", "looking up " + "very-long-name." * 20))
        line = shown(given).removeprefix("\r\x1b[2K")
    assert len(line) <= max(30, width)
    assert line.isascii()


def test_foreign_text_cannot_draw() -> None:
    given = streams(live=True)
    with Progress(given, 10, Ticking()) as progress:
        progress.listen(StepStarted("dns", "looking up \x1b[31m\r\nx"))
        assert r"looking up \x1b[31m\x0d\x0ax" in shown(given)


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(text)


def test_nobody_has_to_watch() -> None:
    given = streams(live=True)._replace(err=Gone())
    with Progress(given, 10, Ticking()) as progress:
        progress.listen(StepStarted("dns", "looking up"))


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_ctrl_c_on_a_terminal_erases_the_line_and_shows_what_was_seen(tmp_path: Path) -> None:
    """The server takes the connection and says nothing; the user loses patience."""
    import pexpect
    import pyte

    with peer(silent) as port:
        keep = {n: os.environ[n] for n in ("PATH", "COVERAGE_PROCESS_CONFIG") if n in os.environ}
        child = pexpect.spawn(
            sys.executable,
            ["-m", "lkdoctor", "diagnose", "--timeout", "60"],
            cwd=str(tmp_path),
            env={
                **keep,
                "TERM": "xterm",
                "LANG": "C.UTF-8",
                "LIVEKIT_URL": f"ws://127.0.0.1:{port}",
                "LIVEKIT_API_KEY": "devkey",
                "LIVEKIT_API_SECRET": "made-up-secret-that-opens-only-a-sandbox",
            },
            dimensions=(60, 80),
            encoding="utf-8",
            timeout=30,
        )
        child.expect(r"…  \d+\.\d s")
        live = f"{child.before}{child.after}"
        child.sendintr()
        rest = child.read()
        child.close()
    assert child.exitstatus == 130
    screen = pyte.Screen(80, 200)
    pyte.Stream(screen).feed(live + rest)
    rows = [row.rstrip() for row in screen.display]
    assert not [row for row in rows if "…  " in row]
    assert any("interrupted" in row.lower() for row in rows)
    assert "Traceback" not in rest
