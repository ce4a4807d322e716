"""A worker as the quickstart of LiveKit's agents makes it: without a name, so that every room is its."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import servers
from livekit.protocol.agent import (
    AvailabilityResponse,
    JobType,
    RegisterWorkerRequest,
    ServerMessage,
    UpdateWorkerStatus,
    WorkerMessage,
    WorkerStatus,
)

from safety.canary import token


class Worker:
    """Registered at a server; takes no job, and knows for which rooms it was offered one."""

    def __init__(self) -> None:
        self.offered: list[str] = []
        self._another = asyncio.Condition()

    async def listen(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        async for message in ws:
            said = ServerMessage.FromString(message.data)
            if said.WhichOneof("message") == "availability":
                job = said.availability.job
                refusal = AvailabilityResponse(job_id=job.id, available=False)
                await ws.send_bytes(WorkerMessage(availability=refusal).SerializeToString())
                async with self._another:
                    self.offered.append(job.room.name)
                    self._another.notify_all()

    async def until(self, room: str) -> list[str]:
        """The rooms until that one was offered, in order."""
        async with self._another, asyncio.timeout(20):
            await self._another.wait_for(lambda: room in self.offered)
            return list(self.offered)


@contextlib.asynccontextmanager
async def worker(server: servers.RunningServer) -> AsyncIterator[Worker]:
    """A worker that is registered while the block lasts."""
    given = token(server.api_key, server.api_secret, video={"agent": True})
    one = Worker()
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {given}"}) as session,
        session.ws_connect(f"{server.url}/agent?protocol=1") as ws,
    ):
        register = RegisterWorkerRequest(type=JobType.JT_ROOM, version="1.0.0", ping_interval=30)
        await ws.send_bytes(WorkerMessage(register=register).SerializeToString())
        answer = ServerMessage.FromString(await ws.receive_bytes())
        assert answer.WhichOneof("message") == "register"
        idle = UpdateWorkerStatus(status=WorkerStatus.WS_AVAILABLE, load=0.0)
        await ws.send_bytes(WorkerMessage(update_worker=idle).SerializeToString())
        listening = asyncio.create_task(one.listen(ws))
        yield one
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
