"""What the layers between DNS and the API conclude from facts, and from one broken thing."""

from typing import Any

from examples.healthy import healthy

from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts import Facts
from lkdoctor.findings import Finding, Layer
from lkdoctor.report.model import Report, RunInfo, TargetInfo

LAYERS = (
    Layer.NETWORK,
    Layer.TLS,
    Layer.PROXY,
    Layer.CLOCK,
    Layer.SIGNAL,
    Layer.SERVER,
    Layer.API,
)

RUN = RunInfo(id="1", command="diagnose", started_at=1_790_000_000.0, duration_ms=612.0)


def report(facts: Facts) -> Report:
    """All that these layers say."""
    return fold(facts, run=RUN, target=TargetInfo(), layers=LAYERS)


def causes(facts: Facts) -> list[str]:
    """Codes of the causes, the first being the verdict; what is folded under one is left out."""
    return [finding.code for finding in report(facts).findings]


def the_finding(facts: Facts) -> Finding:
    """The one cause that these facts have."""
    (finding,) = report(facts).findings
    return finding


def status(facts: Facts, check: str) -> tuple[str, str]:
    """A check's status and its one line."""
    result = report(facts).check(check)
    assert result is not None
    return str(result.status), result.summary


def broken(layer: str, **changes: Any) -> Facts:
    """The healthy facts with something changed in one layer."""
    facts = healthy()
    return facts._replace(**{layer: getattr(facts, layer)._replace(**changes)})


def only(**layers: Any) -> Facts:
    """A run that came no further: the URL and these layers."""
    return Facts(url=healthy().url)._replace(**layers)
