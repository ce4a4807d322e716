"""Looks again and again until all is well: for scripts that start beside their server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from lkdoctor.clock import Clock
from lkdoctor.diagnosis.fold import fails
from lkdoctor.findings import Layer
from lkdoctor.report.model import Report, SkipReason, Status, Verdict, interrupted

PAUSE_S: Final = 1.0
"""Between two attempts: a server that starts is seen soon, one that is down is not drummed on."""

LEAST_S: Final = 1.0
"""Seconds that an attempt is given, also the last."""

_PASSING: Final = frozenset(
    {Layer.NETWORK, Layer.TLS, Layer.PROXY, Layer.SIGNAL, Layer.SERVER, Layer.API}
)
"""Where a fault may be gone in a moment, as nobody has to change a value for that."""


class Attempt(NamedTuple):
    """One of the looks."""

    number: int
    report: Report
    waited_s: float
    """Since the first one began."""
    last: bool
    """Nothing is waited for any more."""


async def until_healthy(
    look: Callable[[float], Awaitable[Report]],
    seconds: float,
    timeout_s: float,
    clock: Clock,
    tell: Callable[[Attempt], None],
) -> Report:
    """The report of the first look that found nothing wrong, else of the last.

    Where waiting can change nothing (a wrong secret stays wrong) the first look is the last.

    Args:
        look: diagnoses within so many seconds; cancelled, it returns what it has seen.
        seconds: how long to go on.
        timeout_s: seconds for one look.
        clock: this machine's.
        tell: hears of every look.
    """
    begun = clock.monotonic()
    number = 0
    while True:
        number += 1
        left = begun + seconds - clock.monotonic()
        report = await look(max(LEAST_S, min(timeout_s, left)))
        waited = clock.monotonic() - begun
        last = not may_pass(report) or waited + PAUSE_S >= seconds
        tell(Attempt(number, report, waited, last))
        if last:
            return report
        try:
            await asyncio.sleep(PAUSE_S)
        except asyncio.CancelledError:
            return interrupted(report)


def may_pass(report: Report) -> bool:
    """Whether another look may see something else."""
    if report.run.interrupted_by == "signal":
        return False
    joined = report.check("signal.join")
    if joined is not None and joined.status is Status.PASS and _is_held_back(report):
        return False  # it has answered, and holds the secret no more in a second than now
    if report.summary.verdict is Verdict.INCONCLUSIVE:
        return True
    wrong = (finding for finding in (*report.findings, *report.folded) if fails(finding))
    return any(finding.layer in _PASSING for finding in wrong)


def _is_held_back(report: Report) -> bool:
    """Whether a host that the folder names has not shown what it has to show."""
    return any(check.skip_reason is SkipReason.NOT_TRUSTED for check in report.checks)
