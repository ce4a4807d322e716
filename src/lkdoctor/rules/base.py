"""What a check and a rule are.

A rule is its catalogue entry and a pure generator of judgements. The generator's parameters
name the layers of `Facts` that it needs, as fixtures do in pytest; a parameter with a default
of None is a layer that it can use but does not need. A layer that was not looked at means
"not judged", without an ``if`` in the rule. No evidence, no finding.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from types import FunctionType
from typing import Any, NamedTuple, cast

from lkdoctor.facts import Facts
from lkdoctor.findings import Confidence, Evidence, Finding, FixStep, Layer, Severity


class Effect(StrEnum):
    """What finding out does to the world."""

    NONE = "none"
    """Local values only."""
    NETWORK = "network"
    """Opens connections, changes nothing."""
    API_READ = "api_read"
    """A signed, read-only call."""
    JOIN = "join"
    """Creates a participant and perhaps a room."""


class Unsure(NamedTuple):
    """Looked, but could not tell."""

    summary: str


Look = Callable[..., str | Unsure | None]
"""A pure function of layers (as a rule's): the one-line summary where nothing is wrong, `Unsure`,
or None where there was nothing to look at."""


class Check(NamedTuple):
    """A question with a stable id; rules answer it."""

    id: str
    """``signal.upgrade``; never reused."""
    layer: Layer
    title: str
    """An assertion: ``The WebSocket upgrade reaches LiveKit``."""
    look: Look
    needs: tuple[str, ...] = ()
    """Checks that must not have failed before this one can be asked."""
    effect: Effect = Effect.NONE
    essential: bool = True
    """Whether "could not tell" leaves the whole run inconclusive."""
    by_option: bool = False
    """Left out of a report, not skipped in it, where nobody gave what it looks at: few have it."""
    stands: bool = False
    """What answers it is a consequence of nothing, and is never folded under a cause."""

    def see(self, facts: Facts) -> str | Unsure | None:
        """What there is to say if no rule objects."""
        arguments = _arguments(self.look, facts)
        return None if arguments is None else self.look(**arguments)


class Judgement(NamedTuple):
    """What a rule concludes; all but the evidence replaces the rule's own words where it is set."""

    evidence: tuple[Evidence, ...]
    title: str | None = None
    cause: str | None = None
    symptom: str | None = None
    """What the user sees in this case, where it is not the rule's first symptom; "": nothing."""
    severity: Severity | None = None
    confidence: Confidence | None = None
    fix: tuple[FixStep, ...] = ()
    """Steps that this case allows to spell out; they stand in place of the rule's."""
    location: str | None = None
    check: Check | None = None
    """The question that this answers, where one cause can be found in two ways."""


Judge = Callable[..., Iterator[Judgement]]


class Rule(NamedTuple):
    """One cause: how it shows, why it happens, what to do, and the function that recognises it."""

    code: str
    check: str
    layer: Layer
    severity: Severity
    confidence: Confidence
    title: str
    """The cause in one line, at most 60 cells."""
    symptoms: tuple[str, ...]
    """What the app's user or its log shows, in the clients' own words, the commonest first."""
    cause: str
    how: str
    """How it is found: which observation decides."""
    fix: tuple[FixStep, ...]
    source: str
    judge: Judge
    sick: Callable[[], Facts]
    """An example that raises this finding."""
    healthy: Callable[[], Facts]
    """The nearest example that does not."""
    explains: tuple[str, ...] = ()
    """Codes that are only consequences where this one is found."""
    related: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """The layers without which it cannot be judged."""
        required, _ = _parameters(self.judge)
        return required

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """What this rule says about the facts."""
        arguments = _arguments(self.judge, facts)
        if arguments is None:
            return
        for judgement in self.judge(**arguments):
            yield Finding(
                code=self.code,
                check=self.check if judgement.check is None else judgement.check.id,
                layer=self.layer if judgement.check is None else judgement.check.layer,
                severity=judgement.severity or self.severity,
                confidence=judgement.confidence or self.confidence,
                title=judgement.title or self.title,
                symptom=next(iter(self.symptoms), "")
                if judgement.symptom is None
                else judgement.symptom,
                cause=judgement.cause or self.cause,
                evidence=judgement.evidence,
                fix=judgement.fix or self.fix,
                source=self.source,
                location=judgement.location,
            )


def _parameters(function: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names without and with a default; `inspect` would say the same, a hundred times slower."""
    plain = cast("FunctionType", function)
    names = plain.__code__.co_varnames[: plain.__code__.co_argcount]
    split = len(names) - len(plain.__defaults__ or ())
    return names[:split], names[split:]


def _arguments(function: Callable[..., Any], facts: Facts) -> dict[str, Any] | None:
    required, optional = _parameters(function)
    arguments = {name: getattr(facts, name) for name in (*required, *optional)}
    if any(arguments[name] is None for name in required):
        return None
    return arguments
