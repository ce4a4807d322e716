"""The same questions to the sandbox and to the real server whose answers it copies, by version."""

import contextlib
import functools
import secrets
from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp
import pytest
import servers
from conformance.peer import Target

from lkdoctor.sandbox import running_sandbox


@pytest.fixture(params=servers.VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """One after the other."""
    asked: str = request.param
    return asked


@pytest.fixture(scope="session")
def sandbox_of() -> Iterator[Callable[[str], Target]]:
    """A sandbox of each version, started when a test first asks for it."""
    # Long, as livekit's own client warns of a short one.
    keys = {"APIlongsecret": secrets.token_urlsafe(32)}
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start(version: str) -> Target:
            sandbox = stack.enter_context(running_sandbox(version=version, keys=keys))
            assert sandbox.server_version == version
            return Target("sandbox", version, sandbox.http_url, sandbox.api_key, sandbox.api_secret)

        yield start


@pytest.fixture(scope="session")
def real_of(server_of: Callable[[str], servers.RunningServer]) -> Callable[[str], Target]:
    """The real server of each version; the test is skipped where there is none."""

    def find(version: str) -> Target:
        server = server_of(version)
        return Target("real", version, server.http_url, server.long_key, server.long_secret)

    return find


@pytest.fixture(params=["sandbox", "real"])
def target(
    request: pytest.FixtureRequest,
    version: str,
    sandbox_of: Callable[[str], Target],
    real_of: Callable[[str], Target],
) -> Target:
    """One after the other."""
    return sandbox_of(version) if request.param == "sandbox" else real_of(version)


@pytest.fixture
def both(
    version: str, sandbox_of: Callable[[str], Target], real_of: Callable[[str], Target]
) -> tuple[Target, Target]:
    """The real one, and the sandbox."""
    return real_of(version), sandbox_of(version)


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
