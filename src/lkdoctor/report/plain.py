"""The report as one line a check, tab-separated, never wrapped."""

from lkdoctor.redact import shown
from lkdoctor.report.layout import disarmed
from lkdoctor.report.model import Report


def render(report: Report) -> str:
    """A header that starts with ``#``, then ``status check finding ms summary``."""
    rows = [("#status", "check", "finding", "ms", "summary")]
    for check in report.checks:
        took = "-" if check.duration_ms is None else f"{check.duration_ms:.1f}"
        rows.append((check.status, check.id, ",".join(check.findings) or "-", took, check.summary))
    return "".join(disarmed("\t".join(map(shown, row))) + "\n" for row in rows)
