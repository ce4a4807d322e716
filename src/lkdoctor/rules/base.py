"""What a check and a rule are.

A rule is its catalogue entry and a pure generator of judgements. The generator's parameters
name the layers of `Facts` that it needs, as fixtures do in pytest; a parameter with a default
of None is a layer that it can use but does not need. A layer that was not looked at means
"not judged", without an ``if`` in the rule. No evidence, no finding.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from types import FunctionType
from typing import Any, NamedTuple, cast

from lkdoctor.facts import Facts
from lkdoctor.findings import Confidence, Evidence, Finding, Layer, Severity
from lkdoctor.rules import words
from lkdoctor.rules.words import Words


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


class Advice(NamedTuple):
    """A step of the repair that the facts call for; its words are a ``[step.NAME]`` of the cause."""

    name: str
    values: Mapping[str, str] = {}


class Seen(NamedTuple):
    """What a judge has seen of a cause. Its words are data: `lkdoctor.causes`."""

    evidence: tuple[Evidence, ...]
    case: str = ""
    """Which of the cause's cases this is, where it can be told apart; its words come first. Of
    several, with a blank between, the first that has a title gives the title, and so on."""
    values: Mapping[str, str] = {}
    """What the words leave open, by name: ``{"host": "rtc.example.com"}``; safe to show."""
    steps: tuple[Advice, ...] = ()
    """What to do, where that depends on how many things are wrong; in place of the case's steps."""
    severity: Severity | None = None
    """Where this depends on more than the case."""
    confidence: Confidence | None = None
    location: str | None = None
    """``.env.local:3``"""
    check: Check | None = None
    """The question that this answers, where one cause can be found in two ways."""


Judge = Callable[..., Iterator[Seen]]


class Rule(NamedTuple):
    """One cause: its words, which are data, and the function that recognises it."""

    code: str
    judge: Judge

    @property
    def words(self) -> Words:
        """How it shows, why it happens, what to do; read when first asked for."""
        return words.of(self.code)

    @property
    def needs(self) -> tuple[str, ...]:
        """The layers without which it cannot be judged."""
        required, _ = _parameters(self.judge)
        return required

    def seen(self, facts: Facts) -> Iterator[Seen]:
        """What its judge sees in the facts; nothing where a layer that it needs is missing."""
        arguments = _arguments(self.judge, facts)
        if arguments is not None:
            yield from self.judge(**arguments)

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """What this rule says about the facts."""
        return (finding(self.code, seen) for seen in self.seen(facts))


def cause(code: str, judge: Judge) -> Rule:
    """The rule that recognises this cause.

    Args:
        code: of its file in `lkdoctor.causes`.
        judge: yields what was seen of it.
    """
    return Rule(code, judge)


def finding(code: str, seen: Seen) -> Finding:
    """What was seen of a cause, in its words."""
    own = words.of(code)
    case = words.together((*(own.cases[name] for name in seen.case.split()), own.general))
    values = {**own.example, **seen.values} if own.example else seen.values
    steps = tuple(words.filled_step(own.steps[s.name], s.values) for s in seen.steps)
    symptom = next(iter(own.symptoms), "") if case.symptom is None else case.symptom
    return Finding(
        code=code,
        check=(own.check or "") if seen.check is None else seen.check.id,
        layer=own.layer if seen.check is None else seen.check.layer,
        severity=seen.severity or case.severity or own.severity,
        confidence=seen.confidence or case.confidence or own.confidence,
        title=words.fitting(case.title or own.title, values) or own.title,
        symptom=symptom,
        cause=words.filled(case.cause or own.cause, values),
        evidence=seen.evidence,
        fix=steps or tuple(words.filled_step(step, values) for step in case.fix),
        source=own.source,
        location=seen.location,
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
