"""Leads the official SDK through a rehearsal; it runs in `probes.stage`, a process of its own."""

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

from lkdoctor.errors import UsageError
from lkdoctor.facts.codec import record_from_json
from lkdoctor.probes.stage import READY, Connected, Left, Published, Received, Told
from lkdoctor.redact import Secret, safe

R = TypeVar("R")

STAGE: Final = (sys.executable, "-P", "-m", "lkdoctor.probes.stage")
"""-P: not the package of a folder that lkdoctor happens to be called in."""

MARGIN: Final = 5.0
"""Seconds that an answer may take beyond what the order itself allows: the process is busy."""

START: Final = 30.0
"""Seconds for the SDK to load; 0.3 on an idle machine."""

LINE: Final = 1024 * 1024
"""Bytes of an answer."""

LAST_WORDS: Final = 4096
"""Bytes of its standard error that are kept; a native library that panics says why there."""

_SHOWN: Final = 300
"""Characters of it that are shown, its last lines."""

GOODBYE: Final = 1.5
"""Seconds for the process to take its participants out of the room before it is killed."""

DEATH: Final = 1.0
"""Seconds for what is left of a process that has closed its output."""

HOPELESS: Final = 3.0
"""Seconds for a connection that cannot come up: over TURN, where no TURN server is offered."""

REFUSED: Final = 1.0
"""Seconds after which something that must not succeed is taken for refused: the server says
nothing then (livekit-server, participant.go `CanPublishSource`)."""


def installed() -> bool:
    """Whether the SDK is there; it is not imported to find out."""
    try:
        return importlib.util.find_spec("livekit.rtc") is not None
    except ModuleNotFoundError:
        return False


def need_sdk() -> None:
    """Say what to install.

    Raises:
        UsageError: the SDK is missing.
    """
    if not installed():
        raise UsageError(
            "a rehearsal with media needs LiveKit's real-time SDK: pip install 'lkdoctor[media]'",
            advice=["--signal-only   rehearses tokens, signalling and permissions without it"],
        )


class SdkEnded(Exception):  # noqa: N818 - not an error of ours: it is what was observed
    """The SDK's process ended by itself, or did not answer.

    Args:
        how: it ended.
        said: its last words on standard error, safe to show.
    """

    def __init__(self, how: str, said: str = "") -> None:
        super().__init__(how)
        self.how, self.said = how, said


class Limits(NamedTuple):
    """What bounds the steps."""

    step_s: float
    """For each step."""
    meet_s: float
    """Until something of the other one arrives."""
    measure_s: float
    """How long media is measured once it flows."""


_NEEDED: Final = frozenset(
    {
        *("PATH", "HOME", "USERPROFILE", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "PATHEXT", "COMSPEC"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIVEKIT_LIB_PATH"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONUTF8", "PYTHONIOENCODING"),
        *("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"),
    }
)


def needed(environ: Mapping[str, str]) -> dict[str, str]:
    """What of an environment a program needs to run and to find its way out.

    The SDK's process is given its tokens; the API secret, a cloud's keys and all else that an
    environment holds are none of its business.
    """
    return {
        name: value
        for name, value in environ.items()
        if name.upper() in _NEEDED or name.upper().startswith("LC_")
    }


class Sdk:
    """Two participants in the SDK's process, which ends with the block.

    Args:
        limits: what bounds the steps.
        ca_file: certificates to trust instead of the system's.
        program: what is run; it takes orders as `probes.stage` does.
    """

    def __init__(
        self, limits: Limits, ca_file: str | None = None, program: Sequence[str] = STAGE
    ) -> None:
        self._program = program
        self._limits = limits
        self._ca_file = ca_file
        self._process: asyncio.subprocess.Process | None = None
        self._not_started = ""
        self._ready = False
        self._words = bytearray()
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        # The SDK takes its authorities from where OpenSSL's variable says (rustls-native-certs).
        trust = {} if self._ca_file is None else {"SSL_CERT_FILE": self._ca_file}
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._program,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LINE,
                env={**needed(os.environ), **trust},
                # Ctrl-C on the terminal is for this process, which then ends the other.
                start_new_session=os.name == "posix",
            )
        except (OSError, RuntimeError) as error:  # no process, no descriptor, no thread to be had
            self._not_started = safe(str(error), 200)
        else:
            self._listening = asyncio.get_running_loop().create_task(self._listen())
        return self

    async def _listen(self) -> None:
        """Keep the last words; a pipe that nobody reads would stop who writes."""
        process = self._process
        if process is not None and process.stderr is not None:
            while words := await process.stderr.read(LAST_WORDS):
                self._words += words
                del self._words[:-LAST_WORDS]

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process = self._process
        if process is None:
            return
        try:
            # The end of its orders is its cue to leave the room.
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE):
                    await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            if self._listening is not None:
                self._listening.cancel()
            await process.wait()

    async def connect(
        self, url: str, tokens: list[Secret], *, relay: bool, hopeless: bool = False
    ) -> list[Connected]:
        """Join with each token, all at once.

        Args:
            url: of the server.
            tokens: whose.
            relay: all media has to go over TURN.
            hopeless: nothing can come of it; it is tried to be seen, and not waited for long.
        """
        seconds = min(self._limits.step_s, HOPELESS) if hopeless else self._limits.step_s
        return await self._ask(
            Connected,
            "connect",
            seconds,
            len(tokens),
            url=url,
            # To the SDK's process alone, over a pipe.
            tokens=[token.reveal() for token in tokens],
            relay=relay,
            seconds=seconds,
        )

    async def publish(self, sources: list[list[str]]) -> list[Published]:
        """Publish these sources of each one."""
        limit = self._limits.step_s
        return await self._ask(
            Published, "publish", limit, len(sources), sources=sources, seconds=limit
        )

    async def publish_refused(self, sources: list[list[str]]) -> list[Published]:
        """Try to publish what must not be published."""
        return await self._ask(
            Published, "publish", REFUSED, len(sources), sources=sources, seconds=REFUSED
        )

    async def receive(self, expected: list[list[str]]) -> list[Received]:
        """What arrived at each one of the other's sources."""
        first, measure = self._limits.meet_s, self._limits.measure_s
        seconds = first + measure + 4.0
        return await self._ask(
            Received,
            "receive",
            seconds,
            len(expected),
            expected=expected,
            first=first,
            seconds=measure,
        )

    async def say(self, may: list[bool]) -> list[Told]:
        """Send a message each way."""
        limit = self._limits.meet_s
        return await self._ask(
            Told, "say", 3 * limit + REFUSED, len(may), may=may, seconds=limit, refused=REFUSED
        )

    async def leave(self, people: int) -> list[Left]:
        """So many leave the room, all at once."""
        limit = min(self._limits.step_s, 5.0)
        return await self._ask(Left, "leave", limit + 10.0, people, seconds=limit)

    async def ready(self) -> None:
        """Wait until the SDK is loaded, so that the next order is carried out at once.

        Raises:
            SdkEnded: it cannot be.
        """
        if not self._ready:
            answer = await self._line(START)
            if answer != READY:
                raise SdkEnded(f"in place of being ready it said {_shown(answer)}", self._said())
            self._ready = True

    async def _ask(
        self, record: type[R], order: str, limit: float, people: int, **arguments: Any
    ) -> list[R]:
        """An answer for each of so many people.

        Raises:
            SdkEnded: none came.
        """
        await self.ready()
        line = json.dumps({"do": order, "with": arguments}) + "\n"
        answer = await self._line(limit + MARGIN, line.encode())
        told = _told(record, order, answer)
        if len(told) != people:
            raise SdkEnded(f"what it answered cannot be read: {_shown(answer)}", self._said())
        return told

    async def _line(self, seconds: float, order: bytes = b"") -> bytes:
        """The next line of its output, after an order."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise SdkEnded(f"it could not be started: {self._not_started or 'not asked to'}")
        line = b""
        try:
            async with asyncio.timeout(seconds):
                if order:
                    process.stdin.write(order)
                    await process.stdin.drain()
                line = await process.stdout.readline()
        except TimeoutError:
            raise SdkEnded(f"no answer in {seconds:g} s", self._said()) from None
        except ValueError:  # of a StreamReader: there is no end of the line
            raise SdkEnded("its answer does not end", self._said()) from None
        except OSError:
            pass  # whoever would read the order is gone
        if not line.endswith(b"\n"):
            raise await self._death(process)
        return line

    async def _death(self, process: asyncio.subprocess.Process) -> SdkEnded:
        """How a process ended that has closed its output."""
        how = "it closed its output"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEATH):
                how = _ending(await process.wait())
                if self._listening is not None:
                    await asyncio.shield(self._listening)
        return SdkEnded(how, self._said())

    def _said(self) -> str:
        rows = bytes(self._words).decode("utf-8", "replace").split("\n")
        said = safe(" ".join(row.strip() for row in rows if row.strip()), LAST_WORDS)
        return said if len(said) <= _SHOWN else f"…{said[-_SHOWN:]}"


def _told(record: type[R], order: str, answer: bytes) -> list[R]:
    """What an answer says; nothing where it cannot be read."""
    try:
        return [record_from_json(record, one, order) for one in json.loads(answer)]
    except (ValueError, TypeError, RecursionError, UsageError):
        return []


def _shown(answer: bytes) -> str:
    return safe(answer[:200].decode("utf-8", "replace").strip(), 80)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
