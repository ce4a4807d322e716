"""What follows from what media could reach, cause by cause."""

import pytest
from examples.media import FINE, OK, RELAY, SILENT, STUN_SERVER, checked, ice_server
from examples.media import example as with_media
from examples.server_config import FINE as CONFIG
from examples.server_config import example as configured

from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts import Facts
from lkdoctor.facts.media import (
    Checked,
    IceServerSeen,
    MediaFact,
    Negotiation,
    Outcome,
    Relay,
    Tried,
)
from lkdoctor.facts.tls import (
    Distrust,
    TlsBroken,
    TlsDistrusted,
    TlsFact,
    TlsNotSpoken,
    TlsTimedOut,
)
from lkdoctor.findings import Confidence, Finding, Severity
from lkdoctor.report.model import Report, RunInfo, TargetInfo

RUN = RunInfo(id="1", command="ice", started_at=1_790_000_000.0, duration_ms=612.0)
PUBLIC, OTHER, INSIDE = "203.0.113.10", "198.51.100.9", "192.168.1.20"
REFUSED = Tried(Outcome.REFUSED)
FOREIGN = Tried(Outcome.FOREIGN, detail="HTTP/1.1 400 Bad Request")
DEAF = STUN_SERVER._replace(binding=SILENT)


def judged(facts: Facts) -> Report:
    return fold(facts, run=RUN, target=TargetInfo())


def media(*candidates: Checked, **changes: object) -> MediaFact:
    fact = FINE._replace(candidates=candidates or FINE.candidates, servers=(STUN_SERVER,))
    return fact._replace(**changes)  # type: ignore[arg-type]  # its own fields


def udp(address: str = PUBLIC, tried: Tried = OK) -> Checked:
    return checked("udp", address, tried)


def tcp(address: str = PUBLIC, tried: Tried = OK) -> Checked:
    return checked("tcp", address, tried)


def turned(*servers: IceServerSeen, **changes: object) -> MediaFact:
    return media(servers=(STUN_SERVER, *servers), **changes)


def relay(**changes: object) -> Relay:
    return RELAY._replace(**changes)  # type: ignore[arg-type]  # its own fields


def tls(**changes: object) -> IceServerSeen:
    return ice_server("tls")._replace(**changes)  # type: ignore[arg-type]  # its own fields


def no_tls(attempt: TlsBroken | TlsNotSpoken | TlsTimedOut | TlsDistrusted) -> IceServerSeen:
    return tls(connect=Tried(Outcome.NO_TLS), tls=TlsFact("turn.example.com", attempt), relay=None)


def denied(code: int, reason: str = "") -> Tried:
    return Tried(Outcome.REFUSED_BY, None, code, reason)


@pytest.mark.parametrize(
    ("fact", "codes"),
    [
        pytest.param(FINE, [], id="healthy"),
        pytest.param(media(servers=()), [], id="no ICE servers at all"),
        pytest.param(
            media(udp("127.0.0.1", SILENT)), ["ice-loopback-node-ip"], id="loopback for others"
        ),
        pytest.param(media(udp("127.0.0.1"), reached="127.0.0.1"), [], id="loopback on loopback"),
        pytest.param(
            media(udp("10.0.0.5", SILENT), tcp("10.0.0.5", SILENT)),
            ["ice-private-candidates"],
            id="private, and the URL is public",
        ),
        pytest.param(
            media(udp("10.0.0.5"), tcp("10.0.0.5")),
            ["ice-private-candidates"],
            id="private, and this is that network",
        ),
        pytest.param(
            media(udp("10.0.0.5"), reached="10.0.0.5"), [], id="a private server for its network"
        ),
        pytest.param(
            media(udp("10.0.0.5", SILENT), reached=INSIDE),
            ["ice-private-candidates"],
            id="private, of another network",
        ),
        pytest.param(
            media(udp(OTHER, SILENT)), ["ice-wrong-public-ip"], id="another public address"
        ),
        pytest.param(media(udp(OTHER), tcp(OTHER)), [], id="another public address that answers"),
        pytest.param(
            media(udp(PUBLIC, SILENT), reached=INSIDE, elsewhere=(udp(INSIDE),)),
            ["ice-hairpin"],
            id="the public address, from inside",
        ),
        pytest.param(
            media(udp(PUBLIC, SILENT), tcp()), ["ice-udp-range-blocked"], id="UDP is closed"
        ),
        pytest.param(
            media(udp(PUBLIC, SILENT), tcp(PUBLIC, SILENT)),
            ["ice-udp-range-blocked"],
            id="both are closed",
        ),
        pytest.param(
            media(udp(PUBLIC, SILENT), tcp(PUBLIC, SILENT), reached=""),
            ["ice-udp-range-blocked"],
            id="both are closed, by way of a proxy",
        ),
        pytest.param(
            media(udp(), tcp(PUBLIC, REFUSED)), ["ice-tcp-7881-closed"], id="TCP is closed"
        ),
        pytest.param(
            media(udp(), tcp(PUBLIC, FOREIGN)), ["ice-tcp-7881-closed"], id="a proxy at TCP"
        ),
        pytest.param(
            media(udp(PUBLIC, SILENT), tcp(PUBLIC, SILENT), servers=(DEAF,)),
            ["ice-client-firewall"],
            id="neither UDP nor TCP gets out of here",
        ),
        pytest.param(
            media(udp(PUBLIC, SILENT), tcp(), servers=(DEAF,)),
            ["ice-client-firewall"],
            id="UDP does not get out of here, TCP does",
        ),
        pytest.param(
            media(udp(PUBLIC, SILENT), tcp(PUBLIC, SILENT), servers=(DEAF, tls())),
            ["ice-client-firewall"],
            id="TURN over TLS gets out of here",
        ),
        pytest.param(
            media(udp(), udp("172.17.0.1", SILENT)), ["ice-many-interfaces"], id="a bridge"
        ),
        pytest.param(
            media(udp(), *(udp(f"192.168.{i}.1", SILENT) for i in range(6))),
            ["ice-many-interfaces"],
            id="seven addresses",
        ),
        pytest.param(
            media(udp(), udp("192.168.1.1", SILENT)), [], id="a private address beside it"
        ),
        pytest.param(media(servers=(DEAF,)), ["ice-offline-lan"], id="no STUN server answers"),
        pytest.param(media(servers=(DEAF, STUN_SERVER)), [], id="one STUN server answers"),
        pytest.param(
            turned(tls(connect=Tried(Outcome.UNRESOLVED), tls=None, relay=None)),
            ["turn-domain-cert"],
            id="a TURN name without an address",
        ),
        pytest.param(
            turned(no_tls(TlsDistrusted(Distrust.EXPIRED, "certificate has expired", 20.0))),
            ["turn-domain-cert"],
            id="a TURN certificate that has expired",
        ),
        pytest.param(
            turned(tls(relay=Relay(Tried(Outcome.CLOSED)), speaks="HTTP")),
            ["turn-tls-443-hardcoded"],
            id="a web server in place of TURN",
        ),
        pytest.param(
            turned(no_tls(TlsNotSpoken("not TLS", 3.0))._replace(speaks="HTTP")),
            ["turn-tls-443-hardcoded"],
            id="a web server without TLS in place of TURN",
        ),
        pytest.param(
            turned(no_tls(TlsBroken("end of file", 3.0))._replace(plain=OK)),
            ["turn-external-tls"],
            id="TURN without TLS",
        ),
        pytest.param(
            turned(no_tls(TlsTimedOut(3000.0))), ["turn-external-tls"], id="silence in place of TLS"
        ),
        pytest.param(
            turned(tls(relay=Relay(SILENT))), ["turn-external-tls"], id="TLS, and silence behind"
        ),
        pytest.param(
            turned(ice_server("udp", Relay(denied(401, "Unauthorized")))),
            ["turn-credentials"],
            id="wrong credentials",
        ),
        pytest.param(
            turned(*(ice_server(t, Relay(denied(401))) for t in ("udp", "tcp", "tls"))),
            ["turn-credentials"],
            id="wrong credentials, three times one cause",
        ),
        pytest.param(
            turned(ice_server("udp", relay(permission=denied(403, "Forbidden")))),
            ["turn-private-peer-denied"],
            id="the peer is denied",
        ),
        pytest.param(
            turned(ice_server("tcp", Relay(FOREIGN))), ["turn-port-conflict"], id="another service"
        ),
        pytest.param(
            turned(ice_server("tcp", Relay(SILENT))),
            ["turn-port-conflict"],
            id="a connection, and then nothing",
        ),
        pytest.param(
            turned(ice_server("udp", Relay(SILENT))), ["turn-unreachable"], id="no TURN over UDP"
        ),
        pytest.param(
            turned(ice_server("tcp")._replace(connect=REFUSED, relay=None)),
            ["turn-unreachable"],
            id="no TURN over TCP",
        ),
        pytest.param(
            turned(ice_server("udp", relay(through=SILENT))),
            ["turn-relay-blocked"],
            id="the relay is closed",
        ),
        pytest.param(
            turned(ice_server("udp", Relay(denied(508, "Insufficient Capacity")))),
            ["turn-relay-blocked"],
            id="no port is left",
        ),
        pytest.param(
            turned(ice_server("udp", relay(permission=denied(437)))),
            ["turn-relay-blocked"],
            id="a permission that fails for another reason",
        ),
        pytest.param(
            media(udp(), servers=(ice_server("udp"),)), ["turn-no-tcp"], id="UDP is the only way"
        ),
        pytest.param(media(negotiation=Negotiation.NO_OFFER, candidates=()), [], id="no offer"),
    ],
)
def test_each_observation_has_its_cause_and_no_other(fact: MediaFact, codes: list[str]) -> None:
    assert [finding.code for finding in judged(with_media(fact)).findings] == codes


def finding(fact: MediaFact) -> Finding:
    (found,) = judged(with_media(fact)).findings
    return found


def test_where_the_same_ports_answer_it_is_certain_and_the_address_is_named() -> None:
    found = finding(media(udp("172.17.0.2", SILENT), reached=INSIDE, elsewhere=(udp(INSIDE),)))
    assert (found.code, found.confidence) == ("ice-private-candidates", Confidence.CERTAIN)
    assert (found.check, found.layer) == ("media.direct", "media")
    assert found.fix[0].snippet is not None
    assert found.fix[0].snippet.body == f"rtc:\n  node_ip: {INSIDE}"
    texts = " ".join(step.text for step in found.fix)
    for deployment in ("cloud machine", "Docker", "compose", "Kubernetes"):
        assert deployment in texts


def test_udp_to_another_host_says_whose_firewall_it_is() -> None:
    blocked = (udp(PUBLIC, SILENT), tcp())
    assert finding(media(*blocked)).confidence is Confidence.CERTAIN
    assert finding(media(*blocked, servers=())).confidence is Confidence.LIKELY


def test_a_way_over_tcp_makes_it_a_warning() -> None:
    dead = (udp(PUBLIC, SILENT), tcp(PUBLIC, SILENT))
    no_way = finding(media(*dead, servers=(DEAF,)))
    by_turn = finding(media(*dead, servers=(DEAF, tls())))
    assert (no_way.severity, by_turn.severity) == (Severity.ERROR, Severity.WARNING)


def test_credentials_that_ended_before_are_said_to_have_expired() -> None:
    refused = ice_server("udp", Relay(denied(401)))._replace(expires=1_790_000_000.0)
    late, early = (finding(turned(refused, at=1_790_000_000.0 + by)) for by in (60, -60))
    assert late.title == "The TURN credentials that clients get have expired"
    assert early.title == "The TURN server refuses the credentials of clients"
    assert late.evidence[1].observed == "2026-09-21 14:13:20Z"


def test_one_cause_names_all_the_servers_that_show_it() -> None:
    found = finding(turned(*(ice_server(t, Relay(denied(401))) for t in ("udp", "tcp"))))
    assert [evidence.label for evidence in found.evidence] == [
        "Allocate at turn:turn.example.com:3478?transport=udp",
        "Allocate at turn:turn.example.com:3478?transport=tcp",
    ]


def test_what_was_seen_names_the_line_that_is_wrong_where_it_is_known() -> None:
    facts = configured(CONFIG, rtc__node_ip="10.0.0.5")
    facts = facts._replace(media=media(udp("10.0.0.5", SILENT)))
    found = [f for f in judged(facts).findings if f.code == "ice-private-candidates"]
    assert [(f.check, f.location, f.confidence) for f in found] == [
        ("media.direct", "livekit.yaml:10", Confidence.CERTAIN)
    ]


def status(fact: MediaFact, check: str) -> tuple[str, str]:
    result = judged(with_media(fact)).check(check)
    assert result is not None
    return str(result.status), result.summary


def test_the_checks_say_what_was_seen() -> None:
    assert status(FINE, "media.direct") == ("pass", "media gets through: UDP 24.0 ms, TCP 24.0 ms")
    assert status(FINE, "media.stun") == (
        "pass",
        "1 of 1 STUN servers answer; we are 198.51.100.7:50000",
    )
    assert status(FINE, "media.turn") == ("pass", "2 of 2 TURN servers relay")
    bare = media(servers=())
    assert status(bare, "media.stun") == ("pass", "no STUN server is offered, and none is needed")
    assert status(bare, "media.turn") == ("pass", "no TURN server is offered")


@pytest.mark.parametrize(
    ("fact", "summary"),
    [
        (
            media(negotiation=Negotiation.NO_OFFER, candidates=()),
            "the server made no offer of media",
        ),
        (
            media(negotiation=Negotiation.UNREADABLE, candidates=()),
            "the server's offer cannot be read",
        ),
        (
            media(negotiation=Negotiation.CUT, candidates=()),
            "the session ended before the server's offer",
        ),
    ],
)
def test_what_could_not_be_told_is_said(fact: MediaFact, summary: str) -> None:
    assert status(fact, "media.direct") == ("unknown", summary)


def test_an_offer_without_an_address_is_the_cause() -> None:
    nothing = FINE._replace(candidates=(), servers=())
    assert status(nothing, "media.direct") == ("fail", "The server offers no address for media")
