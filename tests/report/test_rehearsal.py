"""A rehearsal on the screen: whole screens as files, and the rules that they follow."""

from collections.abc import Callable

import pytest
from examples.healthy import healthy
from examples.media import FINE, SILENT, STUN_SERVER, checked, ice_server
from examples.rehearsal import played, stopped
from report.screens import CANVASES, RUN, TARGET, same_screen

from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts.media import MediaFact, Negotiation, Relay
from lkdoctor.facts.rehearsal import MediaPath, RehearsalFact, Step, TurnTry
from lkdoctor.findings import Layer
from lkdoctor.report import rehearsal
from lkdoctor.report.layout import Canvas, cells, plain, spelt
from lkdoctor.report.model import Report
from lkdoctor.report.rehearsal import path, percentile, told


def shown(fact: RehearsalFact | None, ways: MediaFact | None = None) -> Report:
    return fold(
        healthy()._replace(rehearsal=fact, media=ways),
        run=RUN._replace(command="rehearse", duration_ms=4612.0),
        target=TARGET,
        layers=(Layer.MEDIA,),
        not_tested=("your users' networks: both participants were on this machine",),
    )


def several() -> RehearsalFact:
    return played()._replace(rounds=(*played().rounds * 3, *stopped(Step.CONNECTION).rounds))


CLOSED = FINE._replace(
    candidates=(checked("udp", "203.0.113.10", SILENT), checked("tcp", "203.0.113.10", SILENT)),
    servers=(STUN_SERVER, ice_server("udp", Relay(SILENT))),
)
"""Neither the server's ports nor its TURN server answer."""

SCENES: dict[str, tuple[Callable[[], RehearsalFact], MediaFact | None]] = {
    "well": (played, FINE),
    "blocked": (lambda: stopped(Step.CONNECTION, turn=TurnTry()), CLOSED),
    "rounds": (several, None),
}


def drawn(report: Report, canvas: Canvas, verbose: int = 0) -> str:
    return plain(spelt(rehearsal.render(report, canvas, verbose=verbose), canvas))


def screen(scene: str, canvas: Canvas, verbose: int = 0) -> str:
    fact, ways = SCENES[scene]
    return drawn(shown(fact(), ways), canvas, verbose)


@pytest.mark.parametrize("canvas", CANVASES)
@pytest.mark.parametrize("scene", SCENES)
def test_screens(scene: str, canvas: str) -> None:
    same_screen(f"rehearsal/{scene}-{canvas}", screen(scene, CANVASES[canvas]))


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("scene", SCENES)
def test_no_line_is_wider_than_the_terminal(scene: str, width: int) -> None:
    text = screen(scene, Canvas(width=width))
    assert [row for row in text.splitlines() if cells(row) > width] == []


def test_more_detail_tells_of_every_track_and_every_answer() -> None:
    text = screen("well", Canvas(width=None), verbose=1)
    assert "RemoveParticipant: 401 unauthenticated" in text
    assert "45 frames, the first after 640 ms" in text
    assert text.count("not tested: your users' networks") == 1


def test_a_run_that_did_not_get_to_play_says_so() -> None:
    assert "peer connection" not in drawn(shown(None), Canvas(width=80))


def test_a_path_by_a_relay_names_it() -> None:
    relay = "turns:turn.example.com:443?transport=tcp"
    seen = MediaPath("relay", "host", "tls", "203.0.113.10", 7882, 31.0, relay=relay)
    assert path(seen) == f"TURN/TLS {relay}, relayed to 203.0.113.10:7882, round trip 31 ms"


def test_the_ways_that_would_carry_a_booking_are_told() -> None:
    ways = FINE._replace(
        candidates=(checked("udp", "203.0.113.10"), checked("tcp", "203.0.113.10", SILENT))
    )
    text = drawn(shown(played(), ways), Canvas(width=None))
    rows = [row.strip() for row in text.splitlines()]
    assert [row for row in rows if row.startswith(("would", "does", "not off", "elsewhere"))] == [
        "would carry it      UDP 24 ms, TURN/UDP 24 ms, TURN/TLS 24 ms",
        "does not work       TCP",
        "not offered         TURN/TCP",
        "elsewhere           It would get through wherever web pages do: TURN/TLS on port 443 relays.",
    ]


@pytest.mark.parametrize(
    ("negotiation", "words"),
    [
        pytest.param(
            Negotiation.NO_OFFER,
            "UDP, others not tried: the server made no offer of media",
            id="no offer",
        ),
        pytest.param(
            Negotiation.CUT,
            "UDP, others not tried: the session ended before the server's offer",
            id="cut",
        ),
    ],
)
def test_ways_that_were_not_tried_are_not_said_to_be_missing(
    negotiation: Negotiation, words: str
) -> None:
    ways = FINE._replace(negotiation=negotiation, candidates=(), servers=())
    rows = dict(told(played(), ways))
    assert rows["would carry it"] == words
    assert {"not offered", "does not work", "elsewhere"}.isdisjoint(rows)


def test_a_way_that_carried_it_works_whatever_a_check_of_it_came_to() -> None:
    silent = (checked("udp", "203.0.113.10", SILENT), checked("tcp", "203.0.113.10"))
    rows = dict(told(played(), FINE._replace(candidates=silent, servers=())))
    assert rows["would carry it"] == "UDP, TCP 24 ms"
    assert "does not work" not in rows


def test_where_neither_may_subscribe_no_way_is_tried() -> None:
    fact = played()
    deaf = tuple(who._replace(can_subscribe=False) for who in fact.participants)
    rows = dict(told(fact._replace(participants=deaf)))
    expected = "not tried: neither may subscribe, so the server offers nothing"
    assert rows["would carry it"] == expected


def test_a_booking_whose_grants_are_at_fault_did_not_go_well() -> None:
    fact = played()
    provider, client = fact.participants
    denied = fact._replace(participants=(provider, client._replace(sources=())))
    text = drawn(shown(denied), Canvas(width=80))
    assert text.splitlines()[-1].startswith("PROBLEMS   1 of 1 round went as the grants say")


def test_where_all_has_to_be_relayed_only_relays_are_told() -> None:
    relayed = stopped(Step.CONNECTION)._replace(relay_only=True)
    text = drawn(shown(relayed, FINE._replace(servers=(STUN_SERVER,))), Canvas(width=None))
    assert "  would carry it  nothing\n" in text
    assert "  not offered     TURN/UDP, TURN/TCP, TURN/TLS\n" in text
    assert "elsewhere" not in text


@pytest.mark.parametrize(
    ("share", "expected"), [(50, 5.0), (90, 9.0), (99, 10.0), (1, 1.0), (100, 10.0)]
)
def test_percentiles_are_values_that_were_seen(share: int, expected: float) -> None:
    assert percentile([float(n) for n in range(1, 11)], share) == expected
    assert percentile([7.0], share) == 7.0
