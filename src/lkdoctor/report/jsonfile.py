"""The report as one JSON document."""

import json

from lkdoctor.report.model import Report, to_json


def render(report: Report) -> str:
    """One JSON object and a line end; see ``lkdoctor schema``."""
    return json.dumps(to_json(report), indent=2, ensure_ascii=False) + "\n"
