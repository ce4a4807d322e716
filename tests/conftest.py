"""Fixtures with a lifetime that more than one folder of tests needs."""

import contextlib
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


def pytest_sessionstart(session: pytest.Session) -> None:
    """Where nothing may be skipped, say at once what is missing rather than in each test."""
    lacking = list(needs.lacking()) if needs.required() else []
    if lacking and not hasattr(session.config, "workerinput"):
        told = "".join(f"\n  {line}" for line in lacking)
        pytest.exit(f"all tests need what this machine lacks:{told}", returncode=4)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    """A test whose server is not on this machine needs one, wherever it asks for it."""
    with _server_needed():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    with _server_needed():
        yield


@contextlib.contextmanager
def _server_needed() -> Iterator[None]:
    try:
        yield
    except servers.ServerMissingError:
        needs.missing(needs.SERVER)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was skipped, a line for each need instead of one for each test."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = (report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    lines = list(needs.summary(reasons))
    if lines:
        terminalreporter.section("skipped: what this machine lacks, and how to get it")
        terminalreporter.write_line("\n".join(lines))
        if not needs.required():
            terminalreporter.write_line("make test-all wants all of it, and skips nothing")


@pytest.fixture(scope="session")
def real_server(server_pool: servers.Pool) -> servers.RunningServer:
    """The newest livekit-server; the test is skipped where there is none."""
    return server_pool.get(servers.NEWEST)


@pytest.fixture(scope="session")
def server_of(server_pool: servers.Pool) -> Callable[[str], servers.RunningServer]:
    """A livekit-server by its version, likewise."""
    return server_pool.get


@pytest.fixture(params=servers.VERSIONS)
def each_real_server(
    request: pytest.FixtureRequest, server_pool: servers.Pool
) -> servers.RunningServer:
    """A livekit-server of each version on record, one after the other."""
    version: str = request.param
    return server_pool.get(version)
