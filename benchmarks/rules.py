"""All rules over a saved report: how long it takes to judge one again.

In turn a healthy report and sick ones, one for each rule of the catalogue; the time is the CPU's,
the least of many runs, as the machine may have other things to do. Exit code 1 above the limit.

    python benchmarks/rules.py [--rounds 30]
"""

import argparse
import json
import sys
import time
from typing import Any, Final

from examples.healthy import healthy

import examples
from lkdoctor import catalogue
from lkdoctor.diagnosis.doctor import judge_again
from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts import Facts
from lkdoctor.report.model import RunInfo, TargetInfo, to_json

LIMIT_MS: Final = 50.0


def saved(facts: Facts) -> str:
    run = RunInfo(id="1", command="diagnose", started_at=1_790_000_000.0, duration_ms=1.0)
    return json.dumps(to_json(fold(facts, run=run, target=TargetInfo())))


def least(text: str, rounds: int) -> float:
    """CPU milliseconds from the file's text to the report."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        report = judge_again(json.loads(text))
        times.append((time.process_time() - started) * 1000)
        assert report.checks
    return min(times)


def sickest() -> Facts:
    """The healthy facts with the sick layers of as many rules as fit beside each other."""
    layers: dict[str, Any] = {}
    for rule in catalogue.rules():
        sick = examples.sick(rule.code)
        layers |= {name: fact for name, fact in sick._asdict().items() if fact is not None}
    return healthy()._replace(**layers)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    rules = tuple(catalogue.rules())
    print(f"{len(rules)} rules over a saved report, CPU time, least of {rounds}")
    single = {rule.code: least(saved(examples.sick(rule.code)), 3) for rule in rules}
    slowest = max(single, key=lambda code: single[code])
    times = {
        "healthy": least(saved(healthy()), rounds),
        "many faults": least(saved(sickest()), rounds),
        f"slowest: {slowest}": least(saved(examples.sick(slowest)), rounds),
    }
    for name, took in times.items():
        print(f"  {name:<36} {took:7.2f} ms")
    print(f"  {'limit':<36} {LIMIT_MS:7.2f} ms")
    return 1 if max(times.values()) > LIMIT_MS else 0


if __name__ == "__main__":
    sys.exit(main())
