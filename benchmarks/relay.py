"""A relay on loopback that delays every byte by half a round trip each way, and counts turns.

    async with relay(port, round_trip_ms=100) as there:
        there.port, there.turns

What comes in is passed on whole and in order, so much later. A turn is counted whenever the
client speaks after it has heard: as many round trips the exchange cannot do without.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable


class Relay:
    """Where the relay listens, and what it has seen."""

    def __init__(self, target: int, round_trip_ms: float) -> None:
        self._target = target
        self._delay = round_trip_ms / 2000
        self.port = 0
        self.turns = 0
        self.turns_of: list[int] = []
        """The turns of each connection, in the order in which they were opened."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled when the relay's block ends before its callers have gone.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            spoken = False
            mine = len(self.turns_of)
            self.turns_of.append(0)

            def speaks() -> None:
                nonlocal spoken
                self.turns += not spoken
                self.turns_of[mine] += not spoken
                spoken = True

            def hears() -> None:
                nonlocal spoken
                spoken = False

            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, far_writer, speaks))
                both.create_task(self._pass_on(far_reader, writer, hears))
        writer.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Callable[[], None]
    ) -> None:
        """Read at once, deliver later: the delay must not slow down the reading."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def read() -> None:
            while True:
                chunk = b""
                with contextlib.suppress(OSError):  # a reset is passed on as an end
                    chunk = await reader.read(65536)
                if chunk:
                    seen()
                waiting.put_nowait((loop.time() + self._delay, chunk))
                if not chunk:
                    return

        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            while True:
                due, chunk = await waiting.get()
                if self._delay:
                    await asyncio.sleep(due - loop.time())
                if not chunk:
                    break
                writer.write(chunk)
        writer.close()


@contextlib.asynccontextmanager
async def relay(target: int, round_trip_ms: float) -> AsyncIterator[Relay]:
    """A relay in front of that port of this machine."""
    made = Relay(target, round_trip_ms)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
