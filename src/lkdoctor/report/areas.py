"""A report's checks as people look at them: by area, and what was not run by what it waits for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from lkdoctor.findings import Layer, Severity
from lkdoctor.report.layout import Style, many
from lkdoctor.report.model import CheckResult, Report, SkipReason, Status

TITLES: Final = {
    Layer.ENV: "Environment",
    Layer.URL: "URL",
    Layer.NETWORK: "Network",
    Layer.TLS: "TLS",
    Layer.PROXY: "Proxy",
    Layer.CLOCK: "Clock",
    Layer.TOKEN: "Token",
    Layer.NAME: "Names",
    Layer.SIGNAL: "Signalling",
    Layer.SERVER: "Server",
    Layer.API: "API",
    Layer.MEDIA: "Media",
    Layer.PAGE: "Page",
    Layer.APP: "App",
    Layer.CLOUD: "Cloud",
}

STYLES: Final = {
    Status.PASS: Style.PASS,
    Status.WARN: Style.WARN,
    Status.FAIL: Style.FAIL,
    Status.UNKNOWN: Style.UNKNOWN,
    Status.SKIP: Style.SKIP,
    Status.ERROR: Style.ERROR,
}

WORDS: Final = {
    Status.WARN: "WARN",
    Status.FAIL: "FAIL",
    Status.UNKNOWN: "UNKN",
    Status.ERROR: "BUG",
}
"""What carries the meaning where colour and glyph do not."""

_WORST_FIRST: Final = (
    Status.FAIL,
    Status.ERROR,
    Status.UNKNOWN,
    Status.WARN,
    Status.PASS,
    Status.SKIP,
)


class Area(NamedTuple):
    """The checks of one layer."""

    layer: Layer
    checks: tuple[CheckResult, ...]
    under: Mapping[str, tuple[str, ...]]
    """Check → the causes under which all its findings were folded; none where one stands."""

    @property
    def title(self) -> str:
        return TITLES[self.layer]

    @property
    def status(self) -> Status:
        """The worst of its checks; skipped only if all of them were."""
        return next(s for s in _WORST_FIRST if any(c.status is s for c in self.checks))

    @property
    def line_of_its_own(self) -> bool:
        """Whether it says something that `unrun` does not say for several areas at once."""
        return self.status is not Status.SKIP or any(map(self.explainer(), self.checks))

    @property
    def deselected(self) -> bool:
        """Whether nobody wanted to know anything of it."""
        return all(check.skip_reason is SkipReason.DESELECTED for check in self.checks)

    def explainer(self) -> Callable[[CheckResult], bool]:
        """Whether the reason why a check was not run is this area's own."""
        mine = {None, *(check.id for check in self.checks)}
        return lambda check: (
            check.blocked_by in mine and check.skip_reason is not SkipReason.DESELECTED
        )

    @property
    def extent(self) -> str:
        """``3 checks``, ``2 of 3 checks``."""
        run = sum(check.status is not Status.SKIP for check in self.checks)
        total = many(len(self.checks), "check")
        return f"{run} of {total}" if 0 < run < len(self.checks) else total


class Unrun(NamedTuple):
    """Checks that were not run for one reason."""

    root: str | None
    """The check that they wait for, where the reason is that."""
    words: str
    checks: tuple[CheckResult, ...]

    @property
    def why(self) -> str:
        """``they need net.dns``, ``the run was interrupted``."""
        if self.root is None:
            return self.words
        return f"{'it needs' if len(self.checks) == 1 else 'they need'} {self.root}"

    @property
    def areas(self) -> tuple[str, ...]:
        """Where they are."""
        return tuple(dict.fromkeys(TITLES[check.layer] for check in self.checks))


def told(area: Area) -> tuple[str, ...]:
    """What the checks of an area say, as far as they are in the area's own state."""
    status = area.status
    mine = [check for check in area.checks if check.status is status]
    if status is Status.PASS and area.layer is Layer.SIGNAL:
        # Each question of signalling goes further than the one before: the last says most.
        mine.reverse()
    # A cause before what only follows from one, and what a verdict rests on before the rest.
    mine.sort(key=lambda check: (check.id in area.under, not check.essential))
    said = tuple(dict.fromkeys(check.summary or check.title for check in mine))
    if status is Status.PASS:
        return said
    if status in {Status.FAIL, Status.WARN} and all(check.id in area.under for check in mine):
        under = {cause for check in mine for cause in area.under[check.id]}
        return (f"follows from {', '.join(sorted(under))}",)
    return said[:1]


def _followers(report: Report) -> Mapping[str, tuple[str, ...]]:
    """The checks all of whose findings were folded, each with the causes that they are under."""
    causes = {code: cause.code for cause in report.findings for code in cause.consequences}
    standing = {f.check for f in report.findings if f.severity is not Severity.INFO}
    followers = {
        check.id: tuple(dict.fromkeys(causes[c] for c in check.findings if c in causes))
        for check in report.checks
        if check.id not in standing
    }
    return {identifier: under for identifier, under in followers.items() if under}


def areas(report: Report) -> tuple[Area, ...]:
    """The report's areas, in the order of its checks."""
    layers: dict[Layer, list[CheckResult]] = {}
    for check in report.checks:
        layers.setdefault(check.layer, []).append(check)
    under = _followers(report)
    return tuple(Area(layer, tuple(checks), under) for layer, checks in layers.items())


_SPREADING: Final = {
    SkipReason.DESELECTED: "left out on request",
    SkipReason.OUT_OF_TIME: "no time was left",
    SkipReason.INTERRUPTED: "the run was interrupted",
}
"""Reasons that hold for a check just as for the one that it needs."""


def unrun(report: Report) -> tuple[Unrun, ...]:
    """What was not run and no area's own line says so, those that wait for a check first."""
    groups: dict[tuple[str | None, str], list[CheckResult]] = {}
    for area in areas(report):
        status, explained = area.status, area.explainer()
        for check in area.checks:
            if check.status is not Status.SKIP or check.skip_reason is SkipReason.NOT_APPLICABLE:
                continue
            if status is not Status.SKIP or not explained(check):
                groups.setdefault(_why(check), []).append(check)
    ordered = sorted(groups.items(), key=lambda group: group[0][0] is None)
    return tuple(Unrun(root, words, tuple(checks)) for (root, words), checks in ordered)


def _why(check: CheckResult) -> tuple[str | None, str]:
    if check.blocked_by is None or check.skip_reason is None:
        return None, check.summary
    if check.skip_reason in _SPREADING:
        return None, _SPREADING[check.skip_reason]
    return check.blocked_by, ""


def tally(report: Report) -> Iterator[str]:
    """``1 failed``, ``2 warnings``, ``31 passed``, ``14 not run``: how the checks ended."""
    counts = report.summary.counts
    undecided = counts.unknown + counts.error
    if counts.fail or undecided:
        yield f"{counts.fail} failed"
    if counts.warn:
        yield many(counts.warn, "warning")
    if counts.unknown:
        yield f"{counts.unknown} unknown"
    if counts.error:
        yield f"{counts.error} broken in lkdoctor"
    yield f"{counts.passed} passed"
    if counts.skip:
        yield f"{counts.skip} not run"


def ending(report: Report) -> str | None:
    """Why the run is not whole, if it is not."""
    if report.run.completed:
        return None
    if report.run.interrupted_by == "deadline":
        return "time ran out: this is what was seen until then"
    return "interrupted: this is what was seen until then"
