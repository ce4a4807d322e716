"""Raw servers on loopback that behave as badly as a test wants them to."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar, cast

from lkdoctor.clock import SystemClock
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.probes.base import Deadline
from lkdoctor.wire import url

CLOCK: Final = SystemClock()

T = TypeVar("T")


class Caller(NamedTuple):
    """Somebody who has connected."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self) -> bytes:
        """The request's head."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hold(self) -> None:
        """Say nothing more until the caller is gone."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """Close with a reset in place of an end."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Caller], Awaitable[None]]


@contextlib.asynccontextmanager
async def peer(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, scheme: str | None = None
) -> AsyncIterator[ParsedUrl]:
    """A server that treats every caller so; the URL has its address."""

    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving[task] = writer
        # A caller that hangs up is what most of these tests are about.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await behaviour(Caller(reader, writer))
        writer.close()
        del serving[task]

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    server.get_loop().set_exception_handler(lambda *_: None)  # refused TLS handshakes
    try:
        yield address(port, scheme or ("ws" if tls is None else "wss"))
    finally:
        server.close()
        for _ in range(5):  # callers who are through the door, but not yet served
            await asyncio.sleep(0)
        left = dict(serving)
        for task, writer in left.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*left, return_exceptions=True)


def address(port: int, scheme: str = "ws", host: str = "127.0.0.1") -> ParsedUrl:
    parsed = url.parse(f"{scheme}://{host}:{port}", "test").result
    assert isinstance(parsed, ParsedUrl)
    return parsed


def soon(seconds: float = 5.0) -> Deadline:
    return Deadline.within(CLOCK, seconds)


def timeless(value: T) -> T:
    """The same facts with every duration at 0."""
    if not isinstance(value, tuple):
        return value
    record: Any = value
    changed: Any = tuple(timeless(item) for item in record)
    if hasattr(record, "_fields"):
        changed = record._replace(
            **{
                name: 0.0 if name.endswith("_ms") and isinstance(item, float) else item
                for name, item in zip(record._fields, changed, strict=True)
            }
        )
    return cast("T", changed)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
