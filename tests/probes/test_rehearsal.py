"""The SDK's process: led, and gone whatever happens; it leaves nothing of itself behind."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from servers import RunningServer

from lkdoctor.facts.rehearsal import Outcome
from lkdoctor.probes import rehearsal
from lkdoctor.probes.rehearsal import Limits, Sdk, SdkEnded, installed
from lkdoctor.redact import Secret
from lkdoctor.tokens.mint import TokenRequest, mint

if sys.platform != "win32":
    import resource

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
    assert [one.ended for one in await sdk.leave(2)] == ["", ""]


def test_the_sdk_is_here() -> None:
    assert installed()


async def test_the_sdk_s_process_is_told_no_secret_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its environment holds what a program needs, and its tokens come over a pipe."""
    for name, value in {
        "LIVEKIT_API_SECRET": "Kq3vT8mZp1Wd9xYb2Rn7Lc4Hs6Jf0Ga5",
        "NEXT_PUBLIC_LIVEKIT_API_SECRET": "Kq3vT8mZp1Wd9xYb2Rn7Lc4Hs6Jf0Ga5",
        "LIVEKIT_KEYS": "key: Kq3vT8mZp1Wd9xYb2Rn7Lc4Hs6Jf0Ga5",
        "AWS_SECRET_ACCESS_KEY": "Kq3vT8mZp1Wd9xYb2Rn7Lc4Hs6Jf0Ga5",
        "LC_ALL": "C.UTF-8",
        "https_proxy": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    seen = tmp_path / "environment"
    program = (sys.executable, "-c", f"import os; open({str(seen)!r}, 'w').write(repr(os.environ))")
    async with Sdk(LIMITS, ca_file="/ca.pem", program=program) as sdk:
        with pytest.raises(SdkEnded):
            await sdk.leave(2)
    text = seen.read_text()
    assert "Kq3vT8mZ" not in text
    for needed in ("PATH", "'LC_ALL': 'C.UTF-8'", "https_proxy", "'SSL_CERT_FILE': '/ca.pem'"):
        assert needed in text


async def test_a_token_that_is_refused_is_an_answer(real_server: RunningServer) -> None:
    async with Sdk(LIMITS) as sdk:
        (answer,) = await sdk.connect(real_server.url, [Secret("no-token-at-all")], relay=False)
    assert answer.outcome is Outcome.FAILED
    assert "401" in answer.detail


ORDERS = ("ready", "connect", "publish", "receive", "say", "leave")


async def give(sdk: Sdk, order: str, server: RunningServer) -> None:
    """One order, as a rehearsal gives it."""
    match order:
        case "ready":
            await sdk.ready()
        case "connect":
            await sdk.connect(server.url, tokens(server, "ends"), relay=False)
        case "publish":
            await sdk.publish([EVERYTHING, EVERYTHING])
        case "receive":
            await sdk.receive([EVERYTHING, EVERYTHING])
        case "say":
            await sdk.say([True, True])
        case _:
            await sdk.leave(2)


def pid_of(sdk: Sdk) -> int:
    assert sdk._process is not None
    return sdk._process.pid


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals")
@pytest.mark.parametrize("order", ORDERS)
async def test_a_process_that_is_killed_is_told(order: str, real_server: RunningServer) -> None:
    async with Sdk(LIMITS) as sdk:
        for before in ORDERS[: ORDERS.index(order)]:
            await give(sdk, before, real_server)
        os.kill(pid_of(sdk), signal.SIGKILL)
        with pytest.raises(SdkEnded) as end:
            await give(sdk, order, real_server)
    assert end.value.how == "killed by SIGKILL"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals")
async def test_a_process_that_is_killed_while_it_plays_is_told(real_server: RunningServer) -> None:
    async with Sdk(LIMITS) as sdk:
        await give(sdk, "connect", real_server)
        playing = asyncio.get_running_loop().create_task(sdk.receive([EVERYTHING, EVERYTHING]))
        await asyncio.sleep(0)
        os.kill(pid_of(sdk), signal.SIGKILL)
        with pytest.raises(SdkEnded, match="killed by SIGKILL"):
            await playing


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals")
async def test_a_process_that_hangs_is_told(
    real_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "MARGIN", 0.5)
    async with Sdk(LIMITS._replace(step_s=0.5)) as sdk:
        await sdk.ready()
        process = pid_of(sdk)
        os.kill(process, signal.SIGSTOP)
        with pytest.raises(SdkEnded, match=r"no answer in 1 s"):
            await give(sdk, "connect", real_server)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def limit_memory(pid: int) -> None:
    """No more than it has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    size = pages * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (size, size))


def limit_descriptors(pid: int) -> None:
    """No more than it has."""
    count = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, count))


@pytest.mark.skipif(sys.platform != "linux", reason="sets another process's limits")
async def test_a_process_without_memory_says_so(real_server: RunningServer) -> None:
    async with Sdk(LIMITS) as sdk:
        await give(sdk, "ready", real_server)
        limit_memory(pid_of(sdk))
        with pytest.raises(SdkEnded) as end:
            for order in ORDERS:
                await give(sdk, order, real_server)
    assert re.match("killed by SIG|ended with exit code", end.value.how)
    assert end.value.said


@pytest.mark.skipif(sys.platform != "linux", reason="sets another process's limits")
async def test_a_process_without_descriptors_says_so(real_server: RunningServer) -> None:
    async with Sdk(LIMITS) as sdk:
        await give(sdk, "ready", real_server)
        limit_descriptors(pid_of(sdk))
        with pytest.raises(SdkEnded) as end:
            for order in ORDERS:
                await give(sdk, order, real_server)
    assert "Too many open files" in end.value.said


READY = "print(chr(34) + 'ready' + chr(34), flush=True); import sys; sys.stdin.readline(); "


@pytest.mark.parametrize(
    ("program", "how", "said"),
    [
        pytest.param(
            "print('hello')", "in place of being ready it said hello", "", id="another program"
        ),
        pytest.param(
            f"{READY}print('[1')", "what it answered cannot be read: [1", "", id="broken JSON"
        ),
        pytest.param(
            f"{READY}print('[{{}}]')", "what it answered cannot be read: [{}]", "", id="no record"
        ),
        pytest.param(
            f"{READY}print('[]')", "what it answered cannot be read: []", "", id="of nobody"
        ),
        pytest.param(
            f"{READY}print('x' * 3_000_000)", "its answer does not end", "", id="an endless line"
        ),
        pytest.param(f"{READY}print(end='[')", "ended with exit code 0", "", id="half a line"),
        pytest.param(
            f"{READY}sys.stderr.write('noise ' * 100_000 + 'the\\nend'); sys.exit(3)",
            "ended with exit code 3",
            f"…{('noise ' * 50)[7:]}the end",
            id="much noise before its last words",
        ),
        pytest.param(
            "import sys; sys.modules['livekit.rtc'] = None\n"
            "from lkdoctor.probes.stage import main\nmain()",
            "ended with exit code 1",
            "ModuleNotFoundError: import of livekit.rtc halted; None in sys.modules",
            id="an SDK that cannot be imported",
        ),
    ],
)
async def test_what_comes_in_place_of_an_answer_is_told(
    program: str, how: str, said: str, real_server: RunningServer
) -> None:
    command = (sys.executable, "-P", "-c", program)
    async with Sdk(LIMITS, program=command) as sdk:
        with pytest.raises(SdkEnded) as end:
            await give(sdk, "connect", real_server)
    assert end.value.how == how
    assert end.value.said.endswith(said)
    assert len(end.value.said) <= 301


async def test_a_process_that_cannot_be_started_is_told(real_server: RunningServer) -> None:
    async with Sdk(LIMITS, program=("/no/such/program",)) as sdk:
        with pytest.raises(SdkEnded, match=r"it could not be started: .*No such file"):
            await give(sdk, "connect", real_server)


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
