"""The report as one line a check, tab-separated, never wrapped."""

from lkdoctor.redact import safe
from lkdoctor.report.model import Report


def render(report: Report) -> str:
    """A header that starts with ``#``, then ``status check finding ms summary``."""
    rows = ["#status\tcheck\tfinding\tms\tsummary"]
    for check in report.checks:
        took = "-" if check.duration_ms is None else f"{check.duration_ms:.1f}"
        rows.append(
            "\t".join(
                (
                    check.status,
                    check.id,
                    ",".join(check.findings) or "-",
                    took,
                    safe(check.summary),
                )
            )
        )
    return "\n".join(rows) + "\n"
