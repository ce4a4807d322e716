"""Facts in, report out: judges, orders, folds consequences under their cause. Pure.

What lives here: the order of findings, the status of a check, the exit code. Nothing else in
lkdoctor decides any of them.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from lkdoctor import __version__, catalogue
from lkdoctor.errors import InternalError, leaf
from lkdoctor.facts import Facts
from lkdoctor.findings import Confidence, Finding, Layer, Severity
from lkdoctor.redact import safe, screened
from lkdoctor.report.model import (
    CheckResult,
    Counts,
    ExitCode,
    Report,
    RunInfo,
    SkipReason,
    Status,
    Summary,
    TargetInfo,
    ToolInfo,
    Verdict,
)
from lkdoctor.rules.base import Check, Unsure

_UNSETTLED: Final = frozenset(
    {SkipReason.OUT_OF_TIME, SkipReason.INTERRUPTED, SkipReason.NOT_TRUSTED}
)
"""Why an essential check was not asked although all was there to ask it."""

_SEVERITIES: Final = tuple(Severity)
_CONFIDENCES: Final = tuple(Confidence)
_LAYERS: Final = tuple(Layer)


class Skip(NamedTuple):
    """Why a check was not asked."""

    reason: SkipReason
    blocked_by: str | None = None
    words: str = ""


def fold(
    facts: Facts,
    *,
    run: RunInfo,
    target: TargetInfo,
    layers: Iterable[Layer] = catalogue.LAYERS,
    also: Iterable[tuple[Layer, str]] = (),
    skipped: Mapping[str, Skip] | None = None,
    broken: Mapping[str, str] | None = None,
    durations: Mapping[str, float] | None = None,
    fail_on_warnings: bool = False,
    not_tested: tuple[str, ...] = (),
) -> Report:
    """The report on these facts.

    Args:
        facts: what was observed.
        run: when and how.
        target: where.
        layers: whose checks and rules take part.
        also: codes of other layers that answer a check of these.
        skipped: checks that were not asked although their layer takes part.
        broken: our own faults while looking, by the check that they leave open (see `own_fault`).
        durations: milliseconds a check took, by its id.
        fail_on_warnings: ``--fail-on warn``.
        not_tested: what the run says nothing about, in words.
    """
    # The regions of LiveKit Cloud are looked at on request alone, and are no gap otherwise.
    layers = tuple(x for x in layers if x is not Layer.CLOUD or facts.cloud is not None)
    found: list[Finding] = []
    faults = list((broken or {}).items())
    explains: dict[str, tuple[str, ...]] = {}
    for rule in (*catalogue.rules(layers), *catalogue.named(also)):
        try:
            mine = tuple(rule.findings(facts))
        except Exception as error:  # noqa: BLE001 - one broken rule must not silence the others
            faults.append((rule.words.check or "", own_fault(f"rule {rule.code}", error)))
            continue
        if mine:  # only then are the cause's words needed
            found += mine
            explains[rule.code] = rule.words.explains
    deselected = {
        check for check, skip in (skipped or {}).items() if skip.reason is SkipReason.DESELECTED
    }
    found = [_repeatable(f, facts, faults) for f in found if f.check not in deselected]
    checks = tuple(catalogue.checks(layers))
    stand = {check.id for check in checks if check.stands}
    causes, folded = _folded(sorted(found, key=_order), explains, stand)
    judged = _Judged(facts, tuple(found), dict(faults), skipped or {}, durations or {})
    results = judged.results(judged.those_asked(checks))
    # Said here, too, as a check that fails for another reason has no place for it.
    not_tested = (*not_tested, *dict.fromkeys(screened(words) for _, words in faults))
    return Report(
        tool=this_tool(),
        run=run,
        target=_with_server(target, facts),
        summary=_summary(
            results,
            causes,
            run,
            fail_on_warnings=fail_on_warnings,
            not_tested=not_tested,
            broken=bool(faults),
        ),
        findings=causes,
        folded=folded,
        checks=results,
        facts=facts,
    )


def _repeatable(finding: Finding, facts: Facts, faults: list[tuple[str, str]]) -> Finding:
    """The finding, its network evidence with the commands that show the same."""
    if all(evidence.source not in {"net", "api"} for evidence in finding.evidence):
        return finding
    from lkdoctor.rules.repeat import command  # offline findings do not need it

    try:
        seen = tuple(
            e._replace(repeat=screened(c) if (c := command(e, facts)) else None)
            for e in finding.evidence
        )
    except Exception as error:  # noqa: BLE001 - the finding stands without its commands
        faults.append((finding.check, own_fault(f"command to repeat {finding.code}", error)))
        return finding
    return finding._replace(evidence=seen)


def fails(finding: Finding) -> bool:
    """Whether the finding makes a run fail: an error that is more than a hint."""
    return finding.severity is Severity.ERROR and finding.confidence is not Confidence.HINT


def _order(finding: Finding) -> tuple[bool, int, int, int]:
    return (
        # A hint never stands above something that is known.
        not fails(finding),
        _SEVERITIES.index(finding.severity),
        _CONFIDENCES.index(finding.confidence),
        _LAYERS.index(finding.layer),
    )


def _folded(
    ordered: list[Finding], explains: Mapping[str, tuple[str, ...]], stand: Container[str] = ()
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    causes: list[Finding] = []
    consequences: list[Finding] = []
    left = list(ordered)
    # A cause may stand behind its consequence in the order; it still explains it.
    for finding in ordered:
        if finding not in left or finding.confidence is Confidence.HINT:
            continue
        under = [
            other
            for other in left
            if other.code != finding.code
            and other.code in explains[finding.code]
            and other.check not in stand
            and _weighs_as_much(finding, other)
        ]
        if under:
            left = [other for other in left if other not in under]
            consequences += under
            # What a consequence explains is explained by its cause.
            named = (code for other in under for code in (other.code, *other.consequences))
            codes = tuple(dict.fromkeys(named))
            left[left.index(finding)] = finding._replace(consequences=codes)
    causes = left
    return tuple(causes), tuple(consequences)


def _weighs_as_much(cause: Finding, consequence: Finding) -> bool:
    """Whether one may stand for the other: a guess never hides what is certain."""
    return (fails(cause) or not fails(consequence)) and (
        _CONFIDENCES.index(cause.confidence) <= _CONFIDENCES.index(consequence.confidence)
    )


class _Judged(NamedTuple):
    """What a check's status follows from."""

    facts: Facts
    found: tuple[Finding, ...]
    broken: Mapping[str, str]
    """Our own faults, by check."""
    skipped: Mapping[str, Skip]
    durations: Mapping[str, float]

    def those_asked(self, checks: Iterable[Check]) -> Iterator[Check]:
        """The checks whose question arises; a step of something that was begun does, too."""
        begun: set[str] = set()
        for check in checks:
            if self._asked(check) or not begun.isdisjoint(check.needs):
                if check.by_option:
                    begun.add(check.id)
                yield check

    def _asked(self, check: Check) -> bool:
        if not check.by_option or any(finding.check == check.id for finding in self.found):
            return True
        skip = self.skipped.get(check.id)
        if skip is not None:  # it was wanted, unless it was left out
            return skip.reason is not SkipReason.DESELECTED
        try:
            return check.see(self.facts) is not None
        except Exception:  # noqa: BLE001 - `results` tells of it
            return True

    def results(self, checks: Iterable[Check]) -> tuple[CheckResult, ...]:
        waiting = list(checks)
        order = [check.id for check in waiting]
        done: dict[str, CheckResult] = {}
        while waiting:
            # A check may need one of a later layer (the clock comes from an HTTP answer).
            ready = [c for c in waiting if all(n in done or n not in order for n in c.needs)]
            if not ready:
                raise InternalError(f"checks need each other: {[c.id for c in waiting]}")
            for check in ready:
                done[check.id] = self._result(check, done)
                waiting.remove(check)
        return tuple(done[identifier] for identifier in order)

    def _result(self, check: Check, done: Mapping[str, CheckResult]) -> CheckResult:
        mine = [finding for finding in self.found if finding.check == check.id]
        status, summary, reason, blocked_by = self._state(check, mine, done)
        return CheckResult(
            id=check.id,
            layer=check.layer,
            title=check.title,
            status=status,
            summary=screened(summary),
            essential=check.essential,
            effect=str(check.effect),
            duration_ms=self.durations.get(check.id),
            skip_reason=reason,
            blocked_by=blocked_by,
            findings=tuple(dict.fromkeys(finding.code for finding in mine)),
        )

    def _state(
        self, check: Check, mine: list[Finding], done: Mapping[str, CheckResult]
    ) -> tuple[Status, str, SkipReason | None, str | None]:
        if mine:
            worst = min(mine, key=_order)
            if fails(worst):
                return Status.FAIL, worst.title, None, None
            if any(finding.severity is not Severity.INFO for finding in mine):
                return Status.WARN, worst.title, None, None
        if check.id in self.broken:
            return Status.ERROR, self.broken[check.id], None, None
        skip = self.skipped.get(check.id)
        if skip is not None:
            return _skipped(skip, _root(check, done))
        try:
            seen = check.see(self.facts)
        except Exception as error:  # noqa: BLE001 - nor must one broken check
            return Status.ERROR, own_fault(f"check {check.id}", error), None, None
        if isinstance(seen, Unsure):
            return Status.UNKNOWN, seen.summary, None, None
        if seen is not None:
            return Status.PASS, seen, None, None
        root = _root(check, done)
        if root is not None:
            reason, blocked_by = root
            return Status.SKIP, f"needs {blocked_by}", reason, blocked_by
        return Status.SKIP, self._nothing_seen(check.layer), SkipReason.NO_INPUT, None

    def _nothing_seen(self, layer: Layer) -> str:
        if layer in _NOT_GIVEN and getattr(self.facts, layer) is not None:
            return "nothing of the kind was found"
        return _NOT_GIVEN.get(layer, _words(SkipReason.NO_INPUT))


def _skipped(
    skip: Skip, root: tuple[SkipReason, str] | None
) -> tuple[Status, str, SkipReason | None, str | None]:
    """A check that was not asked; one that waits for another does so for that one's own root."""
    if skip.blocked_by is not None and root is not None:
        return Status.SKIP, f"needs {root[1]}", *root
    return Status.SKIP, skip.words or _words(skip.reason), skip.reason, skip.blocked_by


_NOT_GIVEN: Final = {
    Layer.TOKEN: "none given: --token-file F, or --booking ID --user ID",
    Layer.NAME: "none given: --room NAME, or --booking ID --user ID",
    Layer.APP: "none given: --project-dir DIR",
}
"""What to give so that a layer can be looked at."""


def _root(check: Check, done: Mapping[str, CheckResult]) -> tuple[SkipReason, str] | None:
    """The reason and the first check on the way that could not be passed."""
    for need in check.needs:
        result = done.get(need)
        if result is None or result.status in {Status.PASS, Status.WARN}:
            continue
        if result.status is not Status.SKIP:
            return SkipReason.BLOCKED, need
        if result.skip_reason is not SkipReason.NOT_APPLICABLE:
            return result.skip_reason or SkipReason.BLOCKED, result.blocked_by or need
    return None


def _words(reason: SkipReason) -> str:
    return {
        SkipReason.BLOCKED: "something before it failed",
        SkipReason.NOT_APPLICABLE: "does not apply here",
        SkipReason.NO_INPUT: "nothing was given to look at",
        SkipReason.NEEDS_CONSENT: "would change something; needs your word",
        SkipReason.DESELECTED: "left out on request",
        SkipReason.NOT_TRUSTED: "the folder names the host, and the credentials are not its own",
        SkipReason.OUT_OF_TIME: "no time was left",
        SkipReason.INTERRUPTED: "the run was interrupted",
    }[reason]


def own_fault(who: str, error: Exception) -> str:
    """In a line, what of ours broke, and how."""
    problem = leaf(error)
    said = safe(str(problem), 120)
    return f"lkdoctor's {who} broke: {type(problem).__name__}{f': {said}' if said else ''}"


def _summary(
    results: tuple[CheckResult, ...],
    causes: tuple[Finding, ...],
    run: RunInfo,
    *,
    fail_on_warnings: bool,
    not_tested: tuple[str, ...],
    broken: bool = False,
) -> Summary:
    tally = {status: sum(r.status is status for r in results) for status in Status}
    counts = Counts(
        passed=tally[Status.PASS],
        warn=tally[Status.WARN],
        fail=tally[Status.FAIL],
        unknown=tally[Status.UNKNOWN],
        skip=tally[Status.SKIP],
        error=tally[Status.ERROR],
    )
    looked_at = any(result.status is not Status.SKIP for result in results)
    broken = broken or any(result.status is Status.ERROR for result in results)
    unsettled = (
        broken
        or not looked_at
        or any(
            result.essential
            and (result.status is Status.UNKNOWN or result.skip_reason in _UNSETTLED)
            for result in results
        )
    )
    warned = any(not fails(cause) and cause.severity is not Severity.INFO for cause in causes)
    if any(fails(cause) for cause in causes):
        verdict, code = Verdict.PROBLEMS, ExitCode.PROBLEM
    elif unsettled:
        verdict, code = Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE
    elif warned:
        verdict = Verdict.WARNINGS
        code = ExitCode.WARNINGS if fail_on_warnings else ExitCode.HEALTHY
    else:
        verdict, code = Verdict.HEALTHY, ExitCode.HEALTHY
    if broken:
        code = ExitCode.INTERNAL
    if run.interrupted_by == "signal":
        code = ExitCode.INTERRUPTED
    shown = [cause for cause in causes if cause.severity is not Severity.INFO]
    return Summary(
        verdict=verdict,
        exit_code=code,
        counts=counts,
        primary=shown[0].code if shown else None,
        not_tested=not_tested,
    )


def this_tool() -> ToolInfo:
    """What writes a report, and on what."""
    import os
    import sys

    # `platform` would say the same and load `subprocess` for it, a twentieth of a start.
    machine = (
        os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    )
    return ToolInfo(
        name="lkdoctor",
        version=__version__,
        python=".".join(map(str, sys.version_info[:3])),
        platform=f"{sys.platform}-{machine.lower()}",
    )


def _with_server(target: TargetInfo, facts: Facts) -> TargetInfo:
    first = facts.signal.first if facts.signal else None
    version = getattr(first, "server_version", None)
    return target._replace(server=version) if version else target
