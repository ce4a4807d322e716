"""The same questions to the sandbox and to the real server whose answers it copies."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import servers
from conformance.peer import Target

from lkdoctor.sandbox import running_sandbox
from lkdoctor.sandbox.settings import V1_13_5


@pytest.fixture(scope="session")
def real_target(real_server: servers.RunningServer) -> Target:
    return Target("real", real_server.http_url, real_server.long_key, real_server.long_secret)


@pytest.fixture(scope="session")
def sandbox_target() -> Iterator[Target]:
    # Long, as livekit's own client warns of a short one.
    with running_sandbox(keys={"APIlongsecret": secrets.token_urlsafe(32)}) as sandbox:
        assert sandbox.server_version == V1_13_5.name == servers.NEWEST
        yield Target("sandbox", sandbox.http_url, sandbox.api_key, sandbox.api_secret)


@pytest.fixture(params=["sandbox", "real"])
def target(request: pytest.FixtureRequest) -> Target:
    """One after the other."""
    found: Target = request.getfixturevalue(f"{request.param}_target")
    return found


@pytest.fixture(scope="session")
def both(real_target: Target, sandbox_target: Target) -> tuple[Target, Target]:
    """The real one, and the sandbox."""
    return real_target, sandbox_target


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    # Headers and URLs as large as livekit-server takes, and no pool that outlives the test.
    async with contextlib.AsyncExitStack() as stack:
        yield await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                timeout=aiohttp.ClientTimeout(total=30),
            )
        )
