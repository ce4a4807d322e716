"""The whole way from a case to a report; what the command line and the library both call."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from lkdoctor import catalogue
from lkdoctor.clock import Clock
from lkdoctor.diagnosis import plan as plans
from lkdoctor.diagnosis.case import Case
from lkdoctor.diagnosis.events import Listener, nobody
from lkdoctor.diagnosis.fold import Skip, fold
from lkdoctor.diagnosis.how import How
from lkdoctor.diagnosis.plan import Inputs, Plan
from lkdoctor.diagnosis.run import run
from lkdoctor.facts.signal import Whose
from lkdoctor.report import model
from lkdoctor.report.model import Report, RunInfo

MEDIA_NOT_TESTED: Final = "media: whether audio and video get through from a user's network"
MEDIA_TESTED_HERE: Final = "media from another network than this one"
NEVER_TESTED: Final = ("the page, the browser and its devices",)
"""What no run of this command says anything about."""


class Request(NamedTuple):
    """What the user wants done with a case."""

    command: str = "diagnose"
    join: bool = False
    no_join: bool = False
    create_room: bool = False
    deep: bool = False
    offline: bool = False
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    how: How = How()
    fail_on_warnings: bool = False


async def diagnose(case: Case, request: Request, clock: Clock, listen: Listener = nobody) -> Report:
    """Carry out all that the case allows and judge it.

    A cancellation (Ctrl-C) ends the run; what was observed until then is judged all the same.

    Raises:
        UsageError: ``only`` or ``skip`` name nothing that exists, or ``join`` has no token.
    """
    plan, inputs = _plan(case, request)
    started = clock.now()
    begun = clock.monotonic()
    observed = await run(plan, case, request.how, clock, listen)
    media = MEDIA_NOT_TESTED if observed.facts.media is None else MEDIA_TESTED_HERE
    not_tested: tuple[str, ...] = (media, *NEVER_TESTED)
    signal = observed.facts.signal
    if inputs.token and (signal is None or signal.validation(Whose.GIVEN) is None) and inputs.apart:
        not_tested = (f"what the server says of {case.token_words}", *not_tested)
    elif inputs.token and plan.joins is not Whose.GIVEN:
        not_tested = (f"joining with {case.token_words}", *not_tested)
    return fold(
        observed.facts,
        run=RunInfo(
            id=clock.token_hex(6),
            command=request.command,
            started_at=started,
            duration_ms=(clock.monotonic() - begun) * 1000,
            completed=observed.interrupted_by is None,
            interrupted_by=observed.interrupted_by,
        ),
        target=case.info(),
        skipped={**observed.skipped, **plan.skipped},
        broken=observed.broken,
        durations=observed.durations,
        fail_on_warnings=request.fail_on_warnings,
        not_tested=not_tested,
    )


def dry_run(case: Case, request: Request) -> tuple[str, ...]:
    """What `diagnose` would do, in sentences; nothing is dialled."""
    plan, inputs = _plan(case, request)
    return plans.describe(plan, inputs)


def judge_again(saved: object, *, fail_on_warnings: bool = False) -> Report:
    """A saved report under today's rules, without any network.

    Raises:
        UsageError: it is not a report that this version reads; says where.
    """
    run_before = model.from_json(saved)
    return fold(
        run_before.facts,
        run=run_before.run,
        target=run_before.target,
        skipped={
            check: Skip(reason, blocked_by, words)
            for check, reason, blocked_by, words in run_before.skipped
        },
        durations=dict(run_before.durations),
        fail_on_warnings=fail_on_warnings,
        not_tested=run_before.not_tested,
    )


class _CheckOf(Mapping[str, str]):
    """The check of each code; a cause's file is read only where somebody names it."""

    def __init__(self) -> None:
        self._rules = catalogue.by_code()

    def __getitem__(self, code: str) -> str:
        return self._rules[code].words.check or ""

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)


def _plan(case: Case, request: Request) -> tuple[Plan, Inputs]:
    inputs = Inputs(
        url=case.facts.url,
        keys=case.signs,
        token=case.token is not None,
        token_words=case.token_words,
        room=case.room,
        join=request.join,
        no_join=request.no_join,
        create_room=request.create_room,
        deep=request.deep,
        offline=request.offline,
        only=request.only,
        skip=request.skip,
        apart=case.target.apart,
    )
    return plans.make(inputs, catalogue.checks(), codes=_CheckOf()), inputs
