"""Leads the official SDK through a rehearsal; it runs in `probes.stage`, a process of its own."""

import asyncio
import contextlib
import importlib.util
import json
import os
import sys
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

from lkdoctor.errors import UsageError
from lkdoctor.facts.codec import record_from_json
from lkdoctor.probes.stage import Connected, Left, Published, Received, Told
from lkdoctor.redact import Secret

R = TypeVar("R")

MARGIN: Final = 5.0
"""Seconds that an answer may take beyond what the order itself allows: the process is busy."""

START: Final = 30.0
"""Seconds for the SDK to load; 0.3 on an idle machine."""

LINE: Final = 1024 * 1024
"""Bytes of an answer."""

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
    """The SDK's process ended by itself, or did not answer."""


class Limits(NamedTuple):
    """What bounds the steps."""

    step_s: float
    """For each step."""
    meet_s: float
    """Until something of the other one arrives."""
    measure_s: float
    """How long media is measured once it flows."""


class Sdk:
    """Two participants in the SDK's process, which ends with the block.

    Args:
        limits: what bounds the steps.
        ca_file: certificates to trust instead of the system's.
    """

    def __init__(self, limits: Limits, ca_file: str | None = None) -> None:
        self._limits = limits
        self._ca_file = ca_file
        self._process: asyncio.subprocess.Process | None = None
        self._ready = False

    async def __aenter__(self) -> Self:
        # Not the package of a folder that lkdoctor happens to be called in: -P.
        command = [sys.executable, "-P", "-m", "lkdoctor.probes.stage"]
        # The SDK takes its authorities from where OpenSSL's variable says (rustls-native-certs).
        trust = {} if self._ca_file is None else {"SSL_CERT_FILE": self._ca_file}
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LINE,
            env={**os.environ, **trust},
            # Ctrl-C on the terminal is for this process, which then ends the other.
            start_new_session=os.name == "posix",
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()

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
            url=url,
            # To the SDK's process alone, over a pipe.
            tokens=[token.reveal() for token in tokens],
            relay=relay,
            seconds=seconds,
        )

    async def publish(self, sources: list[list[str]]) -> list[Published]:
        """Publish these sources of each one."""
        limit = self._limits.step_s
        return await self._ask(Published, "publish", limit, sources=sources, seconds=limit)

    async def publish_refused(self, sources: list[list[str]]) -> list[Published]:
        """Try to publish what must not be published."""
        return await self._ask(Published, "publish", REFUSED, sources=sources, seconds=REFUSED)

    async def receive(self, expected: list[list[str]]) -> list[Received]:
        """What arrived at each one of the other's sources."""
        first, measure = self._limits.meet_s, self._limits.measure_s
        seconds = first + measure + 4.0
        return await self._ask(
            Received, "receive", seconds, expected=expected, first=first, seconds=measure
        )

    async def say(self, may: list[bool]) -> list[Told]:
        """Send a message each way."""
        limit = self._limits.meet_s
        return await self._ask(
            Told, "say", 3 * limit + REFUSED, may=may, seconds=limit, refused=REFUSED
        )

    async def leave(self) -> list[Left]:
        """Leave the room, all at once."""
        limit = min(self._limits.step_s, 5.0)
        return await self._ask(Left, "leave", limit + 10.0, seconds=limit)

    async def _ask(self, record: type[R], order: str, limit: float, **arguments: Any) -> list[R]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise SdkEnded("it was not started")
        try:
            if not self._ready:
                async with asyncio.timeout(START):
                    self._ready = bool(await process.stdout.readline())
            line = json.dumps({"do": order, "with": arguments}) + "\n"
            process.stdin.write(line.encode())
            async with asyncio.timeout(limit + MARGIN):
                await process.stdin.drain()
                answer = await process.stdout.readline()
        except TimeoutError:
            raise SdkEnded(f"no answer to {order}") from None
        except (OSError, ValueError) as error:
            raise SdkEnded(f"{order}: {type(error).__name__}") from error
        if not answer:
            code = await process.wait()
            raise SdkEnded(f"ended with {code} at {order}")
        return [record_from_json(record, one, order) for one in json.loads(answer)]
