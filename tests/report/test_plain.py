"""One line a check, for grep and awk."""

from report.screens import check, report

from lkdoctor.report import plain
from lkdoctor.report.model import Status


def test_lines() -> None:
    """Five columns, never wrapped, nothing missing."""
    whole = report()._replace(
        checks=(
            check("url.form", duration_ms=12.44),
            check("tls.x", Status.FAIL, findings=("tls-expired", "tls-hostname"), summary="a\tb"),
            check("api.x", Status.SKIP),
        )
    )
    assert plain.render(whole) == (
        "#status\tcheck\tfinding\tms\tsummary\n"
        "pass\turl.form\t-\t12.4\turl.form was seen\n"
        "fail\ttls.x\ttls-expired,tls-hostname\t-\ta\\x09b\n"
        "skip\tapi.x\t-\t-\tnothing was given to look at\n"
    )
