"""Each command in each kind of terminal, as a process: nothing too wide, nothing that cannot be read."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
import servers
from conformance.token_cases import BY_NAME

from lkdoctor import catalogue
from lkdoctor.report.layout import cells

ESCAPES = re.compile(rb"\x1b(?:\[[0-9:;<=>?]*[ -/]*[@-~]|[@-Z\\-_])")
PROXY = "proxy-upgrade-stripped"
LOG = "2026-11-25T14:00:00Z error: invalid API key: APIx\n"


class Situation(NamedTuple):
    """Where a command's output goes, and what the environment says of it."""

    columns: int | None = None
    """Of a pseudo-terminal; None: a pipe."""
    environ: Mapping[str, str] = {}
    options: tuple[str, ...] = ()
    encoding: str = "utf-8"
    color: bool = False


TERMINAL = {"TERM": "xterm-256color"}
SITUATIONS = [
    pytest.param(Situation(), id="pipe"),
    pytest.param(Situation(environ={"FORCE_COLOR": "1"}, color=True), id="FORCE_COLOR"),
    pytest.param(Situation(environ={"ACCESSIBLE": "1"}), id="ACCESSIBLE"),
    pytest.param(
        Situation(environ={"PYTHONIOENCODING": "ascii"}, encoding="ascii"), id="ASCII output"
    ),
    pytest.param(
        Situation(environ={"PYTHONIOENCODING": "cp1252"}, encoding="cp1252"), id="Windows code page"
    ),
    pytest.param(
        Situation(
            environ={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, encoding="ascii"
        ),
        id="C locale",
        marks=pytest.mark.skipif(os.name != "posix", reason="Windows has code pages"),
    ),
    *(
        pytest.param(
            situation,
            id=name,
            marks=pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal"),
        )
        for name, situation in {
            "60 columns": Situation(60, TERMINAL, color=True),
            "80 columns": Situation(80, TERMINAL, color=True),
            "120 columns": Situation(120, TERMINAL, color=True),
            "60 columns ASCII": Situation(
                60, {**TERMINAL, "PYTHONIOENCODING": "ascii"}, encoding="ascii", color=True
            ),
            "NO_COLOR": Situation(80, {**TERMINAL, "NO_COLOR": "1"}),
            "dumb": Situation(80, {"TERM": "dumb"}),
            "screen reader": Situation(80, TERMINAL, ("--accessible",)),
        }.items()
    ),
]


@pytest.fixture
def folder(tmp_path: Path, server: servers.RunningServer) -> Path:
    """A project whose .env was written on Windows."""
    lines = (
        "# made by an editor on Windows",
        f"LIVEKIT_URL={server.url}",
        f"LIVEKIT_API_KEY={server.long_key}",
        f"LIVEKIT_API_SECRET='{server.long_secret}'",
    )
    (tmp_path / ".env").write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    return tmp_path


def commands(server: servers.RunningServer) -> list[tuple[tuple[str, ...], str, int]]:
    """Command, standard input, exit code."""
    token = BY_NAME["good"].token(
        key=server.long_key,
        secret=server.long_secret,
        now=time.time(),
        room="booking-k57a1n2c",
        identity="alice",
    )
    (nobody, *_) = servers._free_ports()
    return [
        (("check-env",), "", 0),
        (("token", "--booking", "k57a1n2c", "--user", "alice", "--role", "client"), "", 0),
        (("token", "decode", "-", "-v"), token, 0),
        (("ws-probe",), "", 0),
        (("diagnose",), "", 0),
        (("diagnose", "--url", f"ws://127.0.0.1:{nobody}"), "", 1),
        (("rooms", "list"), "", 0),
        (("rooms", "show", "booking-no-such-room"), "", 1),
        (("explain",), "", 0),
        (("explain", PROXY), "", 0),
        (("explain", "--log", "-"), LOG, 1),
    ]


def run(
    command: tuple[str, ...], stdin: str, situation: Situation, folder: Path
) -> tuple[int, bytes]:
    words = [sys.executable, "-m", "lkdoctor", *command, *situation.options]
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in {"TERM", "LANG", "LC_ALL", "LC_CTYPE", "PYTHONUTF8", "PYTHONIOENCODING"}
    }
    environ |= {"PYTHONIOENCODING": "utf-8", "HOME": str(folder), **situation.environ}
    if "LC_ALL" in situation.environ:
        del environ["PYTHONIOENCODING"]
    if situation.columns is None:
        done = subprocess.run(
            words,
            input=stdin.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environ,
            timeout=110,
            check=False,
        )
        return done.returncode, done.stdout
    return _on_terminal(words, stdin, situation.columns, folder, environ)


def _on_terminal(
    words: list[str], stdin: str, columns: int, folder: Path, environ: dict[str, str]
) -> tuple[int, bytes]:
    if sys.platform == "win32":
        raise NotImplementedError
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=theirs, stderr=theirs, cwd=folder, env=environ
    ) as process:
        os.close(theirs)
        assert process.stdin is not None
        process.stdin.write(stdin.encode())
        process.stdin.close()
        shown = bytearray()
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    return process.returncode, bytes(shown).replace(b"\r\n", b"\n")


STEPS = [step for rule in catalogue.rules() for step in rule.words.fix]
COMMANDS = {step.command.split()[0] for step in STEPS if step.command}
SNIPPETS = {row.strip() for step in STEPS if step.snippet for row in step.snippet.body.splitlines()}


def too_wide(text: str, columns: int) -> list[str]:
    """Rows that are wider than the terminal; what people paste, and a long word, stay whole."""
    return [
        row
        for row in re.split("[\r\n]", text)
        if cells(row) > columns
        and len(row.split()) > 1
        and max(map(len, row.split())) <= columns - 16
        and row.strip() not in SNIPPETS
        and row.split()[0] not in {*COMMANDS, "#"}
    ]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_command(situation: Situation, folder: Path, server: servers.RunningServer) -> None:
    rows = commands(server)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda row: run(row[0], row[1], situation, folder), rows))
    assert not situation.color or any(b"\x1b[31m" in raw for _, raw in results)
    for (command, _, expected), (code, raw) in zip(rows, results, strict=True):
        text = ESCAPES.sub(b"", raw).decode(situation.encoding)  # fails where it is not that
        assert code == expected, (command, text)
        assert text.strip(), command
        if not situation.color and not _live(situation, command):
            assert b"\x1b" not in raw, (command, raw)
        if situation.columns is not None and "--accessible" not in situation.options:
            assert too_wide(text, situation.columns) == [], command
        if situation.encoding == "ascii":
            # Twins in ASCII, not escapes: nothing that is said here needs any other letter.
            assert not re.search(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}", text), (command, text)


def _live(situation: Situation, command: tuple[str, ...]) -> bool:
    """Whether a line that is drawn and erased shows what is being done, in colour or not."""
    watched = situation.columns is not None and situation.environ != {"TERM": "dumb"}
    dials = command[0] in {"diagnose", "ws-probe", "rooms"}
    return watched and dials and "--accessible" not in situation.options
