"""Looking again: for as long as waiting can help, and not a look longer."""

import asyncio
from collections.abc import Callable

import pytest
from report.screens import report, sick

from lkdoctor.diagnosis import waiting
from lkdoctor.diagnosis.waiting import Attempt, may_pass, until_healthy
from lkdoctor.report.model import ExitCode, Report, SkipReason, Status, Verdict

HEALTHY = report()
REFUSED = report(sick("tcp-refused"))


class Clock:
    """Stands still but for what a look takes."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def token_hex(self, size: int) -> str:
        return "00" * size


def looking(
    clock: Clock, *seen: Report, took: float = 1.0
) -> tuple[Callable[[float], "asyncio.Future[Report]"], list[float]]:
    """A look that sees these in turn, and the seconds that each was given."""
    given: list[float] = []
    left = list(seen)

    def look(seconds: float) -> "asyncio.Future[Report]":
        given.append(seconds)
        clock.seconds += took
        done: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        done.set_result(left.pop(0))
        return done

    return look, given


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PAUSE_S", 0.0)


async def waited(
    *seen: Report, seconds: float = 60.0, took: float = 1.0
) -> tuple[Report, list[float], list[Attempt]]:
    clock, told = Clock(), list[Attempt]()
    look, given = looking(clock, *seen, took=took)
    return await until_healthy(look, seconds, 10.0, clock, told.append), given, told


async def test_the_first_look_that_finds_nothing_is_the_last() -> None:
    seen, given, told = await waited(REFUSED, REFUSED, HEALTHY, REFUSED)
    assert seen is HEALTHY
    assert given == [10.0] * 3
    assert [(a.number, a.waited_s, a.last) for a in told] == [
        (1, 1.0, False),
        (2, 2.0, False),
        (3, 3.0, True),
    ]


async def test_time_ends_it_and_shortens_the_last_looks() -> None:
    seen, given, _ = await waited(*[REFUSED] * 9, seconds=20.0, took=6.0)
    assert seen is REFUSED
    assert given == [10.0, 10.0, 8.0, 2.0]


@pytest.mark.parametrize(
    ("code", "helps"),
    [
        ("tcp-refused", True),
        ("tcp-timeout", True),
        ("dns-nxdomain", True),
        ("proxy-upstream-down", True),
        ("server-not-ready", True),
        ("signal-timeout", True),
        ("api-unavailable", True),
        ("token-bad-signature", False),
        ("url-no-scheme", False),
        ("env-missing", False),
    ],
)
def test_what_waiting_can_help(code: str, *, helps: bool) -> None:
    assert may_pass(report(sick(code))) is helps


def test_a_cause_that_stays_does_not_hide_one_that_may_pass() -> None:
    """localhost in a container is judged before the server is up; it may be right all the same."""
    both = sick("tcp-refused")._replace(env=sick("env-internal-vs-public-url").env)
    assert may_pass(report(both))


def test_a_host_that_has_not_shown_the_secret_will_not_in_a_second() -> None:
    """Each look would send it another token."""
    checks = tuple(
        c._replace(status=Status.SKIP, skip_reason=SkipReason.NOT_TRUSTED)
        if c.id == "api.key"
        else c
        for c in HEALTHY.checks
    )
    open_verdict = HEALTHY.summary._replace(verdict=Verdict.INCONCLUSIVE)
    unsettled = HEALTHY._replace(summary=open_verdict)
    assert may_pass(unsettled)
    assert not may_pass(unsettled._replace(checks=checks))


async def test_an_interruption_in_the_pause_keeps_what_was_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "PAUSE_S", 30.0)
    clock = Clock()
    look, _ = looking(clock, REFUSED)
    task: asyncio.Task[Report] | None = None

    def tell(attempt: Attempt) -> None:
        del attempt
        assert task is not None
        asyncio.get_running_loop().call_soon(task.cancel)

    async def run() -> Report:
        return await until_healthy(look, 60.0, 10.0, clock, tell)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(run())
    seen = task.result()
    assert (seen.run.completed, seen.run.interrupted_by) == (False, "signal")
    assert seen.summary.exit_code is ExitCode.INTERRUPTED
    assert seen.findings == REFUSED.findings


def test_an_interrupted_look_is_the_last() -> None:
    run = REFUSED.run._replace(interrupted_by="signal")
    assert not may_pass(REFUSED._replace(run=run))
