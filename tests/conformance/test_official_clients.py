"""LiveKit's own clients, which know nothing of lkdoctor, take the sandbox for LiveKit."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from livekit import api
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.rtc import SignalResponse

from lkdoctor.sandbox import Sandbox
from lkdoctor.sandbox.settings import VERSIONS

CLIENT = Path(__file__).with_name("sdk_client.py")
KEYS = {"APIkQ7vXw2": "Zq8RtYpL3mNcVb5Xw9KjHg4Fd2Sa7PoI"}
SECONDS = 60.0
SDK_STAGE = "wait_pc_connection timed out"
"""What the SDK says when signalling is done and it has waited for media in vain."""

pytest.importorskip("livekit.rtc", reason="needs the official SDK: pip install livekit")


@asynccontextmanager
async def sdk(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(CLIENT), *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _inside(client: api.LiveKitAPI) -> dict[str, int]:
    listed = await client.room.list_participants(api.ListParticipantsRequest(room="practice"))
    return {info.identity: info.state for info in listed.participants}


@pytest.mark.parametrize("version", [version.name for version in VERSIONS])
async def test_the_real_time_sdk_joins(version: str) -> None:
    """Two of them are in the room; with the newest also until each says that only media is missing."""
    async with asyncio.timeout(SECONDS), Sandbox(version=version, keys=KEYS) as sandbox:
        tokens = [sandbox.token(name) for name in ("anna", "ben")]
        async with (
            api.LiveKitAPI(sandbox.http_url, sandbox.api_key, sandbox.api_secret) as client,
            sdk(sandbox.url, *tokens) as process,
        ):
            both = dict.fromkeys(("anna", "ben"), ParticipantInfo.State.JOINED)
            while await _inside(client) != both:
                pass  # bounded by the timeout above
            if version == VERSIONS[0].name:
                assert process.stderr is not None
                for _ in both:
                    assert SDK_STAGE in (await process.stderr.readline()).decode()


async def test_the_real_time_sdk_sees_a_fault() -> None:
    """So that the test above would fail if signalling did."""
    async with (
        asyncio.timeout(SECONDS),
        Sandbox(faults=["token-bad-signature"], keys=KEYS) as sandbox,
        sdk(sandbox.url, sandbox.token()) as process,
    ):
        out, _ = await process.communicate()
    assert out.decode().startswith("engine: signal failure: client error: 401 Unauthorized")


async def test_no_server_outside_this_machine_is_offered() -> None:
    """Nor does the SDK know another: it asks the ICE servers that it is told."""
    async with Sandbox(keys=KEYS) as sandbox, aiohttp.ClientSession() as http:
        headers = {"Authorization": f"Bearer {sandbox.token()}"}
        async with http.ws_connect(f"{sandbox.url}/rtc?protocol=16", headers=headers) as ws:
            joined = SignalResponse.FromString(await ws.receive_bytes()).join
    urls = [url for server in joined.ice_servers for url in server.urls]
    assert urls == [f"stun:127.0.0.1:{sandbox.port}"]
