"""The table of paths, and the sentences that follow from it."""

import pytest
from examples.media import FINE, SILENT, STUN_SERVER, checked, example, ice_server

from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts.media import (
    IceServerSeen,
    MediaFact,
    Negotiation,
    Outcome,
    Relay,
    Tried,
)
from lkdoctor.report.layout import Canvas, cells, plain
from lkdoctor.report.media import paths, render, sentences
from lkdoctor.report.model import RunInfo, TargetInfo

RUN = RunInfo(id="1", command="ice", started_at=1_790_000_000.0, duration_ms=182.0)
PUBLIC = "203.0.113.10"
UDP, TCP = checked("udp", PUBLIC), checked("tcp", PUBLIC)
NO_UDP, NO_TCP = checked("udp", PUBLIC, SILENT), checked("tcp", PUBLIC, SILENT)


def drawn(fact: MediaFact, canvas: Canvas, verbose: int = 0) -> str:
    report = fold(example(fact), run=RUN, target=TargetInfo(url="wss://rtc.example.com"))
    return plain(render(report, canvas, verbose=verbose))


def told(*candidates: object, servers: tuple[IceServerSeen, ...] = ()) -> tuple[str, ...]:
    return sentences(FINE._replace(candidates=candidates, servers=servers))  # type: ignore[arg-type]  # candidates they are


def test_a_path_counts_what_is_offered_reached_and_relayed() -> None:
    refused = Relay(Tried(Outcome.REFUSED_BY, None, 401, "Unauthorized"))
    fact = FINE._replace(
        candidates=(UDP, checked("udp", "172.17.0.1", SILENT), NO_TCP),
        servers=(ice_server("udp"), ice_server("tcp", refused)),
    )
    assert [
        (p.name, p.offered, p.reachable, p.relayed, p.round_trip_ms, p.works) for p in paths(fact)
    ] == [
        ("UDP", 2, 1, None, 24.0, True),
        ("TCP", 1, 0, None, None, False),
        ("TURN/UDP", 1, 1, 1, 24.0, True),
        ("TURN/TCP", 1, 1, 0, None, False),
        ("TURN/TLS", 0, 0, 0, None, False),
    ]


@pytest.mark.parametrize(
    ("ways", "sentence"),
    [
        pytest.param(
            told(UDP, TCP, servers=(ice_server("tls"),)),
            "It would get through wherever web pages do: TURN/TLS on port 443 relays.",
            id="TURN/TLS on 443",
        ),
        pytest.param(
            told(UDP, servers=(ice_server("tls")._replace(port=5349),)),
            "It would fail on a network that lets nothing but ports 80 and 443 out: TURN/TLS is on "
            "port 5349.",
            id="TURN/TLS on another port",
        ),
        pytest.param(
            told(UDP, TCP),
            "It would fail on a network that blocks UDP and TCP port 7881: no TURN/TLS on port 443 "
            "is offered.",
            id="TCP",
        ),
        pytest.param(
            told(UDP, TCP, servers=(ice_server("tcp"), ice_server("tls", Relay(SILENT)))),
            "It would fail on a network that blocks UDP and TCP ports 3478 and 7881: no TURN/TLS on "
            "port 443 works.",
            id="TCP twice",
        ),
        pytest.param(
            told(UDP, checked("tcp", PUBLIC, port=443)),
            "It would fail on a network that looks into what passes port 443, and lets only TLS "
            "through: no TURN/TLS on port 443 is offered.",
            id="TCP on 443",
        ),
        pytest.param(
            told(UDP, NO_TCP),
            "It would fail on a network that blocks UDP: no TCP path works, and no TURN/TLS on port "
            "443 is offered.",
            id="UDP alone",
        ),
    ],
)
def test_where_it_would_fail(ways: tuple[str, ...], sentence: str) -> None:
    assert ways == (
        f"From here, media would go over UDP to {PUBLIC}:7882, round trip 24 ms.",
        sentence,
    )


def test_without_any_way_the_sentence_says_so() -> None:
    assert told(NO_UDP, NO_TCP) == ("From here, media would not get through: no path works.",)


def test_a_relay_is_named_by_its_host() -> None:
    assert told(NO_UDP, servers=(ice_server("tls"),))[0] == (
        "From here, media would go over TURN/TLS by way of turn.example.com:443, round trip 24 ms."
    )


@pytest.mark.parametrize("width", [44, 80])
@pytest.mark.parametrize("unicode", [True, False])
def test_the_table_fits(width: int, *, unicode: bool) -> None:
    bad = FINE._replace(
        candidates=(UDP, NO_TCP),
        servers=(STUN_SERVER, ice_server("udp", Relay(SILENT)), ice_server("tls")),
    )
    for fact in (FINE, bad):
        text = drawn(fact, Canvas(width=width, unicode=unicode))
        table = text[text.index("PATH") :].splitlines()[:12]
        assert max(map(cells, table)) <= width
        assert unicode or text.isascii()


def test_the_table_of_a_healthy_server() -> None:
    text = drawn(FINE, Canvas(width=80))
    assert (
        text[text.index("  PATH") : text.index("OK   ")]
        == """\
  PATH      OFFERED  REACHABLE  RELAYED  ROUND TRIP  WHO HAS ONLY THIS
✓ UDP       1        1          -        24 ms       the best there is
✓ TCP       1        1          -        24 ms       stutters at losses
✓ TURN/UDP  1        1          1        24 ms       a detour, else as UDP
- TURN/TCP  no       -          -        -
✓ TURN/TLS  1        1          1        24 ms       slow; passes firewalls

From here, media would go over UDP to 203.0.113.10:7882, round trip 24 ms.
It would get through wherever web pages do: TURN/TLS on port 443 relays.

"""
    )


def test_what_could_not_be_tried_is_not_said_to_be_missing() -> None:
    """Who may not subscribe gets no offer, and so no candidates."""
    allocated = Relay(Tried(Outcome.OK, 1.0), "203.0.113.20:50000")
    fact = FINE._replace(
        negotiation=Negotiation.NO_OFFER,
        candidates=(),
        servers=(ice_server("udp", allocated), ice_server("tcp", Relay(SILENT))),
    )
    text = drawn(fact, Canvas(width=80))
    assert (
        "\n\n".join(text[text.index("  PATH") :].split("\n\n")[:2])
        == """\
  PATH      OFFERED  REACHABLE  RELAYED  ROUND TRIP  WHO HAS ONLY THIS
- UDP       ?        -          -        -           not tried
- TCP       ?        -          -        -           not tried
- TURN/UDP  1        1          -        -           not tried
✗ TURN/TCP  1        0          0        -           gets nothing
- TURN/TLS  no       -          -        -

It cannot be told whether media would get through: the server made no offer of
media."""
    )
    heard = drawn(fact, Canvas(accessible=True))
    assert "UDP: not tried.\nTCP: not tried.\nTURN/UDP: not tried.\nTURN/TCP: 1 server" in heard


def test_verbose_names_everybody_who_was_asked() -> None:
    refused = Relay(Tried(Outcome.REFUSED_BY, None, 401, "Unauthorized"))
    fact = FINE._replace(
        servers=(
            STUN_SERVER,
            ice_server("udp", refused),
            ice_server("tls")._replace(connect=Tried(Outcome.UNRESOLVED), relay=None),
        ),
        elsewhere=(checked("udp", "192.168.1.20"),),
    )
    text = drawn(fact, Canvas(width=None), verbose=1)
    for row in (
        "  ✓ UDP 203.0.113.10:7882 (public): answers in 24.0 ms\n",
        "  ✓ UDP 192.168.1.20:7882 (not offered): answers in 24.0 ms\n",
        "  ✓ stun:stun.example.com:3478: answers in 18.0 ms; we are 198.51.100.7:50000\n",
        "  ✗ turn:turn.example.com:3478?transport=udp: allocate: 401 Unauthorized\n",
        "  ✗ turns:turn.example.com:443?transport=tcp: the name has no address\n",
    ):
        assert row in text


def test_a_screen_reader_hears_sentences() -> None:
    lines = drawn(FINE, Canvas(width=80, accessible=True)).splitlines()
    assert lines[:4] == [
        "From here, media would go over UDP to 203.0.113.10:7882, round trip 24 ms.",
        "It would get through wherever web pages do: TURN/TLS on port 443 relays.",
        "UDP: 1 address offered, 1 reachable, round trip 24.0 milliseconds.",
        "Who has only UDP: the best there is.",
    ]
    assert "TURN/TCP: not offered." in lines
    assert not any("   " in line for line in lines)


def test_without_a_session_the_checks_say_why() -> None:
    facts = example()._replace(media=None)
    report = fold(facts, run=RUN, target=TargetInfo(url="wss://rtc.example.com"))
    text = plain(render(report, Canvas(width=80)))
    assert "PATH" not in text
    assert "Signalling" in text
