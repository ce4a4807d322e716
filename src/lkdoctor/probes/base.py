"""Deadlines, open connections, and the driver that runs a wire conversation over one."""

import asyncio
import socket
from typing import NamedTuple, Self, TypeVar

from lkdoctor.clock import Clock
from lkdoctor.errors import InternalError
from lkdoctor.facts.signal import Phase
from lkdoctor.wire.base import Conversation, End

T = TypeVar("T")

CHUNK = 64 * 1024
"""Bytes asked of a socket at once; nothing is read before somebody wants it."""


class Deadline(NamedTuple):
    """The moment at which something must have ended, whatever it is doing."""

    clock: Clock
    ends: float

    @classmethod
    def within(cls, clock: Clock, seconds: float) -> Self:
        """So many seconds from now."""
        return cls(clock, clock.monotonic() + seconds)

    def sooner(self, seconds: float) -> Self:
        """So many seconds from now, but not later than this one."""
        return self._replace(ends=min(self.ends, self.clock.monotonic() + seconds))

    def earlier(self, other: Self) -> Self:
        """That of the two which ends first."""
        return min(self, other, key=lambda deadline: deadline.ends)

    def remaining(self) -> float:
        """Seconds left; 0 when it has passed."""
        return max(0.0, self.ends - self.clock.monotonic())

    def limit(self) -> asyncio.Timeout:
        """A block that ends with `TimeoutError` when the time is up."""
        return asyncio.timeout(self.remaining())


class Stopwatch:
    """Milliseconds since it was started."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()

    def restart(self) -> None:
        self._started = self._clock.monotonic()

    @property
    def ms(self) -> float:
        return (self._clock.monotonic() - self._started) * 1000


class Connection:
    """A connected TCP socket; what goes in and out are the bytes of the layer above."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self.phases: tuple[Phase, ...] = ()
        """How this connection came to be, from the question to DNS on."""

    async def send(self, data: bytes) -> None:
        """Send all; a peer that is gone shows when we next receive."""
        try:
            await self._loop.sock_sendall(self._sock, data)
        except OSError:
            return

    async def receive(self) -> bytes | End:
        """What comes next."""
        try:
            return await self._loop.sock_recv(self._sock, CHUNK) or End.CLOSED
        except OSError:
            return End.RESET

    def send_at_once(self, data: bytes) -> None:
        """Send what the socket takes without waiting: a last word on the way out."""
        try:
            self._sock.send(data)
        except OSError:
            return

    def detach(self) -> socket.socket:
        """The socket, for another layer to be put on it."""
        return self._sock

    def close(self) -> None:
        self._sock.close()


async def drive(
    connection: Connection, conversation: Conversation[T], deadline: Deadline
) -> tuple[T, float]:
    """Hold a conversation; returns its result and the ms since the last byte was sent."""
    watch = Stopwatch(deadline.clock)
    try:
        outgoing = next(conversation)
        try:
            async with deadline.limit():
                while True:
                    if outgoing:
                        await connection.send(outgoing)
                        watch.restart()
                    incoming = await connection.receive()
                    # A peer that floods us never lets the loop wait, and so never time out.
                    await asyncio.sleep(0)
                    outgoing = conversation.send(incoming)
        except TimeoutError:
            conversation.send(End.TIMEOUT)
    except StopIteration as stop:
        return stop.value, watch.ms
    raise InternalError("a conversation went on after its end")
