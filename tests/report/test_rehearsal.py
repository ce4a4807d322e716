"""A rehearsal on the screen: whole screens as files, and the rules that they follow."""

from collections.abc import Callable

import pytest
from report.screens import CANVASES, RUN, TARGET, same_screen

from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts.rehearsal import RehearsalFact, Step, TurnTry
from lkdoctor.findings import Layer
from lkdoctor.report import rehearsal
from lkdoctor.report.layout import Canvas, cells, plain, spelt
from lkdoctor.report.model import Report
from lkdoctor.report.rehearsal import percentile
from lkdoctor.rules.examples import healthy
from lkdoctor.rules.rehearsal import played, stopped


def shown(fact: RehearsalFact | None) -> Report:
    return fold(
        healthy()._replace(rehearsal=fact),
        run=RUN._replace(command="rehearse", duration_ms=4612.0),
        target=TARGET,
        layers=(Layer.MEDIA,),
        not_tested=("your users' networks: both participants were on this machine",),
    )


def several() -> RehearsalFact:
    return played()._replace(rounds=(*played().rounds * 3, *stopped(Step.CONNECTION).rounds))


SCENES: dict[str, Callable[[], RehearsalFact]] = {
    "well": played,
    "blocked": lambda: stopped(Step.CONNECTION, turn=TurnTry()),
    "rounds": several,
}


def screen(fact: RehearsalFact | None, canvas: Canvas, verbose: int = 0) -> str:
    return plain(spelt(rehearsal.render(shown(fact), canvas, verbose=verbose), canvas))


@pytest.mark.parametrize("canvas", CANVASES)
@pytest.mark.parametrize("scene", SCENES)
def test_screens(scene: str, canvas: str) -> None:
    same_screen(f"rehearsal/{scene}-{canvas}", screen(SCENES[scene](), CANVASES[canvas]))


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("scene", SCENES)
def test_no_line_is_wider_than_the_terminal(scene: str, width: int) -> None:
    text = screen(SCENES[scene](), Canvas(width=width))
    assert [row for row in text.splitlines() if cells(row) > width] == []


def test_more_detail_tells_of_every_track_and_every_answer() -> None:
    text = screen(played(), Canvas(width=None), verbose=1)
    assert "RemoveParticipant: 401 unauthenticated" in text
    assert "45 frames, the first after 640 ms" in text


def test_a_run_that_did_not_get_to_play_says_so() -> None:
    assert "peer connection" not in screen(None, Canvas(width=80))


@pytest.mark.parametrize(
    ("share", "expected"), [(50, 5.0), (90, 9.0), (99, 10.0), (1, 1.0), (100, 10.0)]
)
def test_percentiles_are_values_that_were_seen(share: int, expected: float) -> None:
    assert percentile([float(n) for n in range(1, 11)], share) == expected
    assert percentile([7.0], share) == 7.0
