"""Standard input, output and error: looked up once, handed on.

No other module asks what the terminal is like. Everything written passes `redact.screened`,
except JSON, whose values already have, and the token that a person asked to mint (`reveal`). A
reader that leaves, or a full disk, ends no run: what is done gets done, and its exit code stands
(`unwritten` tells of it afterwards).
"""

import contextlib
import io
import os
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TextIO

from lkdoctor import digits
from lkdoctor.errors import UsageError
from lkdoctor.redact import Secret, screened
from lkdoctor.report.layout import Canvas, Line, plain, spelt

if TYPE_CHECKING:
    from lkdoctor.report.jsonfile import Document


class ColorChoice(StrEnum):
    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Streams(NamedTuple):
    """Where a command reads and writes, and what each stream can show."""

    out: TextIO
    err: TextIO
    stdin: TextIO
    canvas: Canvas
    """Of standard output."""
    err_canvas: Canvas
    color: bool
    err_color: bool
    live: bool
    """Progress may be drawn and erased on standard error."""
    step_summary: str = ""
    """The file to which a GitHub job appends its summary; empty elsewhere."""

    @classmethod
    def of(
        cls,
        *,
        color: ColorChoice = ColorChoice.AUTO,
        ascii_only: bool = False,
        accessible: bool = False,
        quiet: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """This process's streams under the terminal policy."""
        env = os.environ if environ is None else environ
        # A stream that was closed before we started is None: what goes there goes nowhere.
        out, err = sys.stdout or io.StringIO(), sys.stderr or io.StringIO()
        for stream in (out, err):
            # A character that the encoding lacks is shown as an escape, never as a traceback.
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")
        accessible = accessible or env.get("ACCESSIBLE", "").lower() not in {"", "0", "false"}
        dumb = env.get("TERM") == "dumb"

        def canvas(stream: TextIO) -> Canvas:
            utf8 = (getattr(stream, "encoding", "") or "").lower().replace("-", "") == "utf8"
            return Canvas(
                width=_width(stream, env),
                unicode=utf8 and not ascii_only and not accessible and not dumb,
                accessible=accessible,
            )

        return cls(
            out=out,
            err=err,
            stdin=sys.stdin or io.StringIO(),
            canvas=canvas(out),
            err_canvas=canvas(err),
            color=not accessible and _colored(out, color, env),
            err_color=not accessible and _colored(err, color, env),
            live=_is_terminal(err) and not (dumb or accessible or quiet or env.get("CI")),
            step_summary=env.get("GITHUB_STEP_SUMMARY", ""),
        )

    def result(self, lines: Iterable[Line]) -> None:
        """The answer, on standard output."""
        _write(self.out, spelt(lines, self.canvas), color=self.color)

    def result_text(self, text: str) -> None:
        """The answer in lines that a program reads."""
        _put(self.out, screened(text))

    def result_document(self, document: "Document") -> None:
        """The answer as JSON, which is clean and stays as it was written."""
        _put(self.out, document)

    def note(self, lines: Iterable[Line]) -> None:
        """What accompanies the answer, on standard error."""
        _write(self.err, spelt(lines, self.err_canvas), color=self.err_color)

    def reveal(self, token: Secret) -> None:
        """The token that a person asked to mint, alone on standard output."""
        _put(self.out, token.reveal() + "\n")

    @property
    def unread(self) -> bool:
        """Whether nobody takes the answer any more: what goes on without an end may end."""
        return unwritten(self.out) is not None

    @property
    def may_ask(self) -> bool:
        """Whether somebody is there who sees a question and can answer it."""
        return _is_terminal(self.stdin) and _is_terminal(self.err)

    def asks(self, question: str) -> bool:
        """Whether the person at the terminal says yes; nothing but yes is one."""
        _put(self.err, f"{screened(question)} [y/N] ")
        # A question that could not be shown was answered by nobody.
        return unwritten(self.err) is None and self.stdin.readline().strip().lower() in {"y", "yes"}

    def read(self, what: str, limit: int = 16 * 1024 * 1024) -> str:
        """All of standard input, saying on a terminal what is expected there.

        Raises:
            UsageError: nothing came, or more than ``limit`` characters.
        """
        if _is_terminal(self.stdin):
            _put(self.err, f"reading {what} from standard input, end with Ctrl-D\n")
        buffer = getattr(self.stdin, "buffer", None)
        text = self.stdin.read(limit + 1) if buffer is None else decoded(buffer.read(limit + 1))
        if len(text) > limit:
            raise UsageError(f"standard input holds more than {limit // 1024 // 1024} MB")
        return text

    def pieces(self, what: str, size: int) -> Iterator[bytes]:
        """Standard input as it comes, in pieces of at most so many bytes."""
        if _is_terminal(self.stdin):
            _put(self.err, f"reading {what} from standard input, end with Ctrl-D\n")
        buffer = getattr(self.stdin, "buffer", None)
        if buffer is None:
            yield from iter(lambda: self.stdin.read(size).encode("utf-8", "replace"), b"")
            return
        # What is there now, rather than to wait until a piece is full.
        read = getattr(buffer, "read1", buffer.read)
        yield from iter(lambda: read(size), b"")


def decoded(data: bytes) -> str:
    """The text of a file or pipe: UTF-8, or UTF-16 with its mark, as PowerShell's > writes it."""
    utf16 = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
    return data.decode("utf-16" if utf16 else "utf-8-sig", "replace")


def here() -> Path:
    """The working directory.

    Raises:
        UsageError: somebody has removed it.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise UsageError(
            "the working directory does not exist any more", advice=["cd to one that does"]
        ) from error


_unwritten: Final = weakref.WeakKeyDictionary[TextIO, OSError]()


def unwritten(stream: TextIO) -> OSError | None:
    """Why not all could be written there; None where it was."""
    return _unwritten.get(stream)


@contextlib.contextmanager
def going_on(stream: TextIO) -> Iterator[None]:
    """Go on where the stream takes no more: from then on what is written leads nowhere."""
    try:
        yield
    except OSError as error:
        give_up(stream, error)


def give_up(stream: TextIO, error: OSError) -> None:
    """Let what is written to the stream lead nowhere, and remember why."""
    _unwritten.setdefault(stream, error)
    # What is still in the stream's buffer, too, which the interpreter flushes at its end.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _put(stream: TextIO, text: str) -> None:
    with going_on(stream):
        stream.write(text)
        stream.flush()


def _write(stream: TextIO, lines: Iterable[Line], *, color: bool) -> None:
    if not color:
        _put(stream, plain(lines))
        return
    from lkdoctor.report.terminal import draw

    rows = list(lines)  # what goes wrong in making them is no fault of the stream's
    with going_on(stream):
        draw(rows, stream, attributes=_is_terminal(stream))
        stream.flush()


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # closed, or not a real stream
        return False


def _colored(stream: TextIO, choice: ColorChoice, env: Mapping[str, str]) -> bool:
    if choice is not ColorChoice.AUTO:
        return choice is ColorChoice.ALWAYS
    if env.get("NO_COLOR"):
        return False
    if any(env.get(name, "0") not in {"", "0"} for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return env.get("TERM") != "dumb" and _is_terminal(stream)


def _width(stream: TextIO, env: Mapping[str, str]) -> int | None:
    columns = digits.number(env.get("COLUMNS", ""))
    if columns is not None and 0 < columns < 100_000:
        return columns
    if not _is_terminal(stream):
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None
