"""lkdoctor from Python: a health check that says what is wrong, not only that something is.

LIVEKIT_URL=… LIVEKIT_API_KEY=… LIVEKIT_API_SECRET=… python library.py
"""

import json
import sys

import lkdoctor


def livekit_health() -> dict[str, object]:
    """What an app could answer on its own ``/health``; nothing in it is secret."""
    try:
        report = lkdoctor.diagnose(timeout=5)
    except lkdoctor.UsageError as error:  # nothing is configured, or it cannot be read
        return {"healthy": False, "cause": error.message, "fix": list(error.advice)}
    if report.summary.verdict is not lkdoctor.Verdict.PROBLEMS:
        return {"healthy": True, "server": report.target.server}
    cause = report.findings[0]
    return {
        "healthy": False,
        "code": cause.code,
        "cause": cause.title,
        "users see": cause.symptom,
        "evidence": [f"{e.label}: {e.observed}" for e in cause.evidence],
        "fix": [step.text for step in cause.fix],
    }


if __name__ == "__main__":
    health = livekit_health()
    print(json.dumps(health, indent=2, ensure_ascii=False))
    sys.exit(0 if health["healthy"] else 1)
