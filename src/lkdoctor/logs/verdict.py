"""What a scanned log comes to: the causes in it, what only shows them folded under them."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from lkdoctor.findings import FixStep, Layer, Severity
from lkdoctor.logs.phrases import Phrase, Weight
from lkdoctor.logs.scan import Found, Scan

LEAK: Final = "token-leak"


class Known(Protocol):
    """What is used of a cause's words."""

    @property
    def layer(self) -> Layer: ...
    @property
    def title(self) -> str: ...
    @property
    def check(self) -> str | None: ...
    @property
    def cause(self) -> str: ...
    @property
    def fix(self) -> tuple[FixStep, ...]: ...


Tell = Callable[[str], Known]
"""The words of a cause, by its code."""


class Candidate(NamedTuple):
    """A cause that the log names or may mean."""

    code: str
    layer: Layer
    title: str
    cause: str = ""
    """Of a cause that no rule looks for: why it happens; `lkdoctor explain` has the others."""
    fix: tuple[str, ...] = ()


class Entry(NamedTuple):
    """One thing that the log says."""

    weight: Weight
    severity: Severity
    candidates: tuple[Candidate, ...]
    """The cause and what may stand behind it; of a symptom its causes, the likeliest first."""
    found: tuple[Found, ...]
    """The phrases that say it, the first one first; at least one."""
    shown_by: tuple[Found, ...] = ()
    """Phrases that only show this cause."""

    @property
    def code(self) -> str:
        """Of the cause, or of the likeliest one."""
        return self.candidates[0].code


class Leak(NamedTuple):
    """Secrets that the log shows."""

    candidate: Candidate
    valid: int | None
    """Tokens that are still valid; none where that cannot be told."""


class Verdict(NamedTuple):
    """All that a log says, the causes first."""

    scan: Scan
    entries: tuple[Entry, ...]
    leak: Leak | None

    @property
    def problem(self) -> bool:
        """Whether the log shows a failure."""
        return any(entry.severity is Severity.ERROR for entry in self.entries)

    @property
    def warning(self) -> bool:
        """Whether it shows something that wants looking at."""
        return self.leak is not None or any(
            entry.severity is Severity.WARNING for entry in self.entries
        )


_WEIGHTS: Final = tuple(Weight)
_SEVERITIES: Final = tuple(Severity)
_LAYERS: Final = tuple(Layer)


def judge(scan: Scan, tell: Tell, now: float) -> Verdict:
    """Order what was found, and fold symptoms under a cause that has them.

    Causes stay apart even where the catalogue says that one explains the other: a log tells of
    many attempts, and each line names the cause of its own.

    Args:
        scan: what stands in the log.
        tell: the catalogue.
        now: seconds since 1970, for tokens that are still valid.
    """
    causes: dict[str, list[Found]] = {}
    others: list[Found] = []
    for found in scan.found:
        if found.phrase.weight is Weight.DECIDES:
            causes.setdefault(found.phrase.codes[0], []).append(found)
        else:
            others.append(found)
    entries = [
        _entry(found, tuple(dict.fromkeys(c for f in found for c in f.phrase.codes)), tell)
        for found in causes.values()
    ]
    entries.sort(key=_order)
    left: list[Found] = []
    for found in others:
        home = _home(found.phrase, entries)
        if home is None:
            left.append(found)
        else:
            entries[home] = entries[home]._replace(shown_by=(*entries[home].shown_by, found))
    entries += _symptoms(left, tell)
    return Verdict(scan, tuple(sorted(entries, key=_order)), _leak(scan, tell, now))


def candidate(code: str, tell: Tell) -> Candidate:
    """What is known of a code."""
    words = tell(code)
    if words.check is not None:
        return Candidate(code, words.layer, words.title)
    fix = tuple(step.text for step in words.fix)
    return Candidate(code, words.layer, words.title, words.cause, fix)


def _entry(found: Iterable[Found], codes: tuple[str, ...], tell: Tell) -> Entry:
    told = tuple(sorted(found, key=lambda one: one.first.line))
    return Entry(
        weight=min((f.phrase.weight for f in told), key=_WEIGHTS.index),
        severity=min((f.phrase.severity for f in told), key=_SEVERITIES.index),
        candidates=tuple(candidate(code, tell) for code in codes),
        found=told,
    )


def _order(entry: Entry) -> tuple[int, int, int, int]:
    return (
        _SEVERITIES.index(entry.severity),
        _WEIGHTS.index(entry.weight),
        _LAYERS.index(entry.candidates[0].layer),
        entry.found[0].first.line,
    )


def _home(phrase: Phrase, entries: list[Entry]) -> int | None:
    """Of the causes found, the one that this symptom belongs to."""
    if phrase.weight is Weight.TELLS:
        return None
    for code in phrase.codes:
        for i, entry in enumerate(entries):
            if entry.code == code:
                return i
    grave = entries and entries[0].severity is Severity.ERROR
    return 0 if grave and phrase.weight is Weight.WRAPS else None


def _symptoms(found: list[Found], tell: Tell) -> list[Entry]:
    """Symptoms whose cause the log does not name, one for each set of candidates."""
    groups: dict[tuple[Weight, tuple[str, ...]], list[Found]] = {}
    for one in found:
        groups.setdefault((one.phrase.weight, one.phrase.codes), []).append(one)
    narrow = any(weight is Weight.NARROWS for weight, _ in groups)
    made = [
        _entry(told, codes, tell)
        for (weight, codes), told in groups.items()
        if not (narrow and weight is Weight.WRAPS)
    ]
    if narrow:
        wraps = [f for (weight, _), told in groups.items() if weight is Weight.WRAPS for f in told]
        made.sort(key=_order)
        made[0] = made[0]._replace(shown_by=tuple(wraps))
    return made


def _leak(scan: Scan, tell: Tell, now: float) -> Leak | None:
    if not scan.token_lines and not scan.secret_lines:
        return None
    ends = [token.expires for token in scan.tokens]
    valid = None
    if ends and scan.token_lines <= len(ends):
        valid = sum(1 for end in ends if end is None or end > now)
    return Leak(candidate(LEAK, tell), valid)
