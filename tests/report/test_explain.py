"""A cause as the catalogue tells it."""

import pytest
from report.screens import CANVASES, same_screen

from lkdoctor import catalogue
from lkdoctor.report import explain
from lkdoctor.report.layout import Canvas, cells, plain, spelt


def shown(code: str, canvas: Canvas) -> str:
    return plain(spelt(explain.render(catalogue.cause(code), canvas), canvas))


@pytest.mark.parametrize("canvas", ["80-unicode", "60-ascii", "44-unicode", "accessible"])
@pytest.mark.parametrize("code", ["token-expired", "proxy-upgrade-stripped"])
def test_screen(code: str, canvas: str) -> None:
    same_screen(f"explain/{code}-{canvas}", shown(code, CANVASES[canvas]))


LISTED = ("tls-expired", "tls-expires-soon", "identity-number", "proxy-upgrade-stripped")


@pytest.mark.parametrize("canvas", ["80-unicode", "60-ascii", "44-unicode", "accessible"])
def test_catalogue_screen(canvas: str) -> None:
    """By area, each with its weight."""
    causes = [catalogue.cause(code) for code in LISTED]
    lines = spelt(explain.catalogue(causes, CANVASES[canvas]), CANVASES[canvas])
    same_screen(f"explain/catalogue-{canvas}", plain(lines))


@pytest.mark.parametrize("cause", tuple(catalogue.causes()), ids=lambda cause: cause.code)
def test_every_cause_fits_the_screen(cause: explain.Cause) -> None:
    """Only what is to be pasted may be wider."""
    whole = {
        row.strip()
        for step in cause.fix
        for row in [step.command or "", *(step.snippet.body.splitlines() if step.snippet else [])]
    }
    rows = shown(cause.code, Canvas(80)).splitlines()
    assert [row for row in rows if cells(row) > 80 and row.strip() not in whole] == []


def test_json_has_every_field() -> None:
    told = explain.to_json(catalogue.cause("tls-expired"))
    assert list(told) == [
        "code",
        "layer",
        "check",
        "severity",
        "confidence",
        "title",
        "symptoms",
        "cause",
        "how",
        "fix",
        "cases",
        "explains",
        "related",
        "source",
    ]
    assert told["fix"][0] == {
        "text": "Renew it, and look why that did not happen by itself:",
        "destructive": False,
        "command": "certbot renew && certbot certificates",
    }
