"""The SDK's process: led, and gone whatever happens; it leaves nothing of itself behind."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import pytest
from servers import RunningServer

from lkdoctor.facts.rehearsal import Outcome
from lkdoctor.probes.rehearsal import Limits, Sdk, SdkEnded, installed
from lkdoctor.redact import Secret
from lkdoctor.tokens.mint import TokenRequest, mint

LIMITS = Limits(step_s=20.0, meet_s=20.0, measure_s=0.0)
EVERYTHING = ["microphone", "camera", "screen_share"]


def tokens(server: RunningServer, room: str) -> list[Secret]:
    return [
        mint(
            TokenRequest(identity=identity, video={"roomJoin": True, "room": room}),
            api_key=server.api_key,
            secret=Secret(server.api_secret),
            now=1_700_000_000.0,
            ttl_s=10**9,
        )
        for identity in ("ada", "carl")
    ]


async def play(sdk: Sdk, server: RunningServer, room: str) -> None:
    """The whole way, once."""
    connected = await sdk.connect(server.url, tokens(server, room), relay=False)
    assert [one.outcome for one in connected] == [Outcome.OK, Outcome.OK]
    published = await sdk.publish([EVERYTHING, EVERYTHING])
    assert [len(one.sids) for one in published] == [3, 3]
    for one in await sdk.receive([EVERYTHING, EVERYTHING]):
        assert [r.source for r in one.receptions if r.first_frame_ms is not None] == EVERYTHING
        assert one.path is not None
        assert one.ended == ""
    assert all(one.took_ms is not None for one in await sdk.say([True, True]))
    assert [one.ended for one in await sdk.leave()] == ["", ""]


def test_the_sdk_is_here() -> None:
    assert installed()


async def test_a_token_that_is_refused_is_an_answer(real_server: RunningServer) -> None:
    async with Sdk(LIMITS) as sdk:
        (answer,) = await sdk.connect(real_server.url, [Secret("no-token-at-all")], relay=False)
    assert answer.outcome is Outcome.FAILED
    assert "401" in answer.detail


async def test_a_process_that_ended_is_told(real_server: RunningServer) -> None:
    async with Sdk(LIMITS) as sdk:
        await sdk.publish([])
        assert sdk._process is not None
        sdk._process.kill()
        with pytest.raises(SdkEnded, match="at connect"):
            await sdk.connect(real_server.url, tokens(real_server, "r"), relay=False)


async def test_nothing_outlives_the_block_not_even_when_it_is_cancelled() -> None:
    async with Sdk(LIMITS) as sdk:
        process = sdk._process
        assert process is not None
        waiting = asyncio.get_running_loop().create_task(sdk.receive([[], []]))
        await asyncio.sleep(0)
        waiting.cancel()
    assert process.returncode is not None


def resources() -> tuple[int, int]:
    """Open files and resident pages of this process."""
    files = len(list(Path("/proc/self/fd").iterdir()))
    return files, int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(300)
async def test_twenty_rounds_leave_files_and_memory_where_they_were(
    real_server: RunningServer,
) -> None:
    before = after = (0, 0)
    for number in range(22):
        async with Sdk(LIMITS) as sdk:
            await play(sdk, real_server, f"round-{number}")
        after = resources()
        if number == 1:
            before = after  # what is loaded once is loaded by now
    assert after[0] == before[0]
    # 256 pages of 4 KiB a MB; a round that was kept would be some MB each time.
    assert after[1] - before[1] < 4 * 256
    assert children() == []


def children() -> list[str]:
    """Processes of this one that are left, the SDK's."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode().split("\0")
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if "lkdoctor.probes.stage" in words and parent == str(os.getpid()):
                found.append(folder.name)
    return found
