"""Fixtures with a lifetime that more than one folder of tests needs."""

import os
import signal
from collections.abc import Callable, Iterator

import needs
import pytest
import servers
from hypothesis import HealthCheck, settings

from lkdoctor import redact

# Started in the background, a shell's children ignore Ctrl-C, and so would every command under test.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A test is right or wrong, however busy the machine is.
settings.register_profile(
    "any machine",
    deadline=None,
    derandomize="CI" in os.environ,  # there, the same examples at every run
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")

PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command sees the terminal, the proxies or the LiveKit variables of who runs the tests.

    pytest-xdist, for one, gives its workers a COLUMNS.
    """
    for name in os.environ:
        if name.upper().startswith(("LIVEKIT_", "NO_COLOR", "FORCE_COLOR", "CLICOLOR")) or (
            name.upper() in {"COLUMNS", "ACCESSIBLE", "CI", "GITHUB_ACTIONS", *PROXIES}
        ):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def secrets_are_forgotten() -> Iterator[None]:
    """What a test registers as secret does not blot out ordinary words in the next one."""
    before = redact.remembered()
    yield
    redact.forget(before)


@pytest.fixture(scope="session")
def server_pool() -> Iterator[servers.Pool]:
    """Real livekit-servers by version, each started when a test first asks for it."""
    pool = servers.Pool()
    yield pool
    pool.close()


def _started(pool: servers.Pool, version: str) -> servers.RunningServer:
    try:
        return pool.get(version)
    except servers.ServerMissingError as missing:
        needs.missing(str(missing))


@pytest.fixture(scope="session")
def real_server(server_pool: servers.Pool) -> servers.RunningServer:
    """The newest livekit-server; the test is skipped where there is none."""
    return _started(server_pool, servers.NEWEST)


@pytest.fixture(scope="session")
def server_of(server_pool: servers.Pool) -> Callable[[str], servers.RunningServer]:
    """A livekit-server by its version, likewise."""
    return lambda version: _started(server_pool, version)


@pytest.fixture(params=servers.VERSIONS)
def each_real_server(
    request: pytest.FixtureRequest, server_pool: servers.Pool
) -> servers.RunningServer:
    """A livekit-server of each version on record, one after the other."""
    version: str = request.param
    return _started(server_pool, version)
