"""What rules say at their edges: the last value that is well, and the first that is not."""

import pytest
from examples.healthy import NOON, answer, healthy
from examples.media import FINE, RELAY, SILENT, STUN_SERVER, checked, ice_server
from examples.media import example as with_media
from examples.rehearsal import played, stopped
from tokens.samples import NOW, RING, changed, token, with_video

import examples
from lkdoctor import catalogue
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, TwirpError
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.media import Checked, Mapped, Outcome, Tried
from lkdoctor.facts.rehearsal import RehearsalFact, Step
from lkdoctor.facts.server import HttpAnswer
from lkdoctor.facts.signal import Joined, SignalFact, Validation, Whose
from lkdoctor.facts.tls import Certificate, TlsEstablished
from lkdoctor.facts.token import token_fact
from lkdoctor.findings import Severity
from lkdoctor.rules.base import Seen

DAY = 86400.0


def seen(code: str, facts: Facts) -> list[Seen]:
    """What the judge of this cause sees in the facts."""
    return list(catalogue.by_code()[code].seen(facts))


# ------------------------------------------------------------------ media


def mapped(*places: str) -> Facts:
    """So many servers saw us at these places."""
    return with_media(
        FINE._replace(mapped=tuple(Mapped(f"server {i}", p) for i, p in enumerate(places)))
    )


@pytest.mark.parametrize(
    ("places", "symmetric"),
    [
        pytest.param((), False, id="nobody saw us"),
        pytest.param(("198.51.100.7:50000",), False, id="one server"),
        pytest.param(("198.51.100.7:50000",) * 3, False, id="a NAT that maps alike"),
        pytest.param(
            ("198.51.100.7:50000", "198.51.100.8:50000"), False, id="two ways out, one port"
        ),
        pytest.param(("198.51.100.7:50000", "[2001:db8::7]:50001"), False, id="IPv4 and IPv6"),
        pytest.param(("198.51.100.7:50000", "198.51.100.7:50001"), True, id="two ports"),
        pytest.param(
            ("198.51.100.7:50000", "198.51.100.7:50000", "198.51.100.7:50001"),
            True,
            id="two ports at three servers",
        ),
    ],
)
def test_a_nat_that_maps_by_peer_shows_by_two_ports(
    places: tuple[str, ...], symmetric: bool
) -> None:
    assert bool(seen("ice-vpn-symmetric-nat", mapped(*places))) is symmetric


def offering(*candidates: Checked) -> Facts:
    return with_media(FINE._replace(candidates=candidates, servers=(STUN_SERVER,)))


def udp(address: str, tried: Tried = FINE.candidates[0].tried) -> Checked:
    return checked("udp", address, tried)


GOOD = tuple(udp(f"203.0.113.{i}") for i in range(1, 7))
DEAD = udp("203.0.113.99", SILENT)


@pytest.mark.parametrize(
    ("candidates", "many"),
    [
        pytest.param((*GOOD, udp("203.0.113.7")), False, id="seven that answer"),
        pytest.param((*GOOD[:5], DEAD), False, id="six, one of them dead"),
        pytest.param((*GOOD, DEAD), True, id="seven, one of them dead"),
        pytest.param((DEAD,) * 7, False, id="none answers"),
        pytest.param((GOOD[0], udp("172.17.0.1", SILENT)), True, id="a container's, dead"),
        pytest.param((GOOD[0], udp("172.17.0.1")), False, id="a container's that answers"),
        pytest.param((udp("172.17.0.1"), udp("172.18.0.1", SILENT)), False, id="containers alone"),
        pytest.param(
            (*GOOD[:5], checked("tcp", "203.0.113.8"), DEAD), False, id="TCP does not count"
        ),
    ],
)
def test_many_interfaces_are_more_than_six_or_a_container_s(
    candidates: tuple[Checked, ...], many: bool
) -> None:
    assert bool(seen("ice-many-interfaces", offering(*candidates))) is many


def allocating(code: int) -> Facts:
    """A TURN server answers Allocate with this error."""
    refused = Tried(Outcome.REFUSED_BY, None, code, "no")
    server = ice_server("udp", RELAY._replace(allocate=refused))
    return with_media(FINE._replace(servers=(STUN_SERVER, server)))


@pytest.mark.parametrize("code", [400, 401, 403, 431, 436, 438, 441])
def test_an_error_that_means_not_you_is_about_credentials(code: int) -> None:
    (found,) = seen("turn-credentials", allocating(code))
    assert found.case == "refused"
    assert seen("turn-relay-blocked", allocating(code)) == []


@pytest.mark.parametrize("code", [300, 420, 437, 442, 486, 500, 508])
def test_an_error_of_another_kind_is_not_about_credentials(code: int) -> None:
    assert seen("turn-credentials", allocating(code)) == []
    (found,) = seen("turn-relay-blocked", allocating(code))
    assert found.case == "refuses"


# ------------------------------------------------------------------ a rehearsal


def with_codecs(*codecs: str, fact: RehearsalFact | None = None) -> Facts:
    """The booking in a room with these codecs."""
    facts = healthy()._replace(rehearsal=fact or played())
    assert facts.signal is not None
    assert isinstance(facts.signal.first, Joined)
    first = facts.signal.first._replace(codecs=codecs)
    return facts._replace(signal=facts.signal._replace(first=first))


@pytest.mark.parametrize(
    ("codecs", "missing"),
    [
        pytest.param((), None, id="a server that names none"),
        pytest.param(("audio/opus", "video/VP8"), None, id="one of each"),
        pytest.param(("AUDIO/OPUS", "Video/H264"), None, id="in capitals"),
        pytest.param(("audio/red", "video/VP8"), "audio", id="redundancy of nothing"),
        pytest.param(("audio/opus", "video/rtx"), "video", id="retransmission of nothing"),
        pytest.param(
            ("audio/rtx", "AUDIO/RED", "video/RTX"), "audio and video", id="carriers alone"
        ),
        pytest.param(("audio/opus",), "video", id="sound alone"),
        pytest.param(("video/VP8",), "audio", id="pictures alone"),
    ],
)
def test_a_room_without_a_codec_of_what_is_played_is_named(
    codecs: tuple[str, ...], missing: str | None
) -> None:
    found = seen("rehearsal-codec-disabled", with_codecs(*codecs))
    assert [one.values["media"] for one in found] == ([] if missing is None else [missing])


def test_nobody_misses_a_codec_that_he_would_not_use() -> None:
    people = tuple(who._replace(sources=("microphone",)) for who in played().participants)
    fact = played()._replace(participants=people)
    assert seen("rehearsal-codec-disabled", with_codecs("audio/opus", fact=fact)) == []


@pytest.mark.parametrize(
    ("fact", "found"),
    [
        pytest.param(played(), False, id="all left"),
        pytest.param(played()._replace(in_place=True), False, id="all left the real room"),
        pytest.param(stopped(Step.LEAVING), False, id="a room of ours goes by itself"),
        pytest.param(stopped(Step.LEAVING)._replace(in_place=True), True, id="the real room"),
        pytest.param(played()._replace(left_behind=("carl",)), True, id="one is seen there"),
    ],
)
def test_who_does_not_leave_is_left_behind_in_the_real_room_alone(
    fact: RehearsalFact, found: bool
) -> None:
    facts = healthy()._replace(rehearsal=fact)
    assert bool(seen("rehearsal-left-behind", facts)) is found


# ------------------------------------------------------------------ a token


def judged(claims: dict[str, object]) -> list[Seen]:
    fact, _ = token_fact(token(claims), RING, origin="LIVEKIT_TOKEN", as_sent=True)
    return seen("token-grant-misspelt", Facts(token=fact, clock=ClockFact(local=float(NOW))))


@pytest.mark.parametrize(
    ("claims", "severity"),
    [
        pytest.param(changed(), [], id="healthy"),
        pytest.param(
            changed(video=..., grants={"roomJoin": True}), [Severity.ERROR], id="no video beside it"
        ),
        pytest.param(changed(grants={"roomJoin": True}), [None], id="video beside it"),
        pytest.param(
            with_video(room=..., roomName="demo"), [Severity.ERROR], id="no room beside it"
        ),
        pytest.param(with_video(roomName="demo"), [None], id="room beside it"),
        pytest.param(with_video(canPublsh=False), [None], id="nothing that a join takes"),
    ],
)
def test_a_wrong_name_beside_the_right_one_keeps_nobody_out(
    claims: dict[str, object], severity: list[Severity | None]
) -> None:
    assert [one.severity for one in judged(claims)] == severity


# ------------------------------------------------------------------ TLS


def lasting(before: float, after: float) -> Facts:
    """A certificate so many seconds old, with so many to go."""
    certificate = Certificate(
        subject="CN=rtc.example.com",
        issuer="CN=Example CA",
        names=("rtc.example.com",),
        not_before=NOON - before,
        not_after=NOON + after,
        self_signed=False,
    )
    attempt = TlsEstablished("TLSv1.3", "X", 49.0, verified=True, certificate=certificate)
    facts = healthy()
    assert facts.tls is not None
    return facts._replace(tls=facts.tls._replace(attempt=attempt), clock=ClockFact(local=NOON))


@pytest.mark.parametrize(
    ("before", "after", "soon"),
    [
        pytest.param(83 * DAY, 7 * DAY, False, id="a week to go"),
        pytest.param(83 * DAY + 1, 7 * DAY - 1, True, id="a second less than a week"),
        pytest.param(89 * DAY, 0.0, True, id="its last second"),
        pytest.param(90 * DAY + 1, -1.0, False, id="ended: another cause"),
        pytest.param(5 * DAY, DAY, False, id="a sixth of six days to go"),
        pytest.param(5 * DAY + 1, DAY - 1, True, id="a second less than a sixth"),
    ],
)
def test_notice_is_a_week_or_a_sixth_of_a_certificate_s_time(
    before: float, after: float, soon: bool
) -> None:
    assert bool(seen("tls-expires-soon", lasting(before, after))) is soon


# ------------------------------------------------------------------ signalling


@pytest.mark.parametrize(
    ("reply", "refused", "limited"),
    [
        pytest.param(answer(429, "slow down"), False, True, id="429"),
        pytest.param(answer(428, "first this"), True, False, id="428"),
        pytest.param(answer(430, "what?"), True, False, id="430"),
    ],
)
def test_too_many_requests_are_a_cause_of_their_own(
    reply: HttpAnswer, refused: bool, limited: bool
) -> None:
    validation = Validation(Whose.GIVEN, "/rtc/validate", reply)
    facts = healthy()._replace(signal=SignalFact((validation,)))
    assert bool(seen("signal-refused", facts)) is refused
    assert bool(seen("signal-rate-limited", facts)) is limited


def test_the_example_of_too_many_requests_has_one_cause() -> None:
    facts = examples.sick("signal-rate-limited")
    assert seen("signal-refused", facts) == []
    (found,) = seen("signal-rate-limited", facts)
    assert found.evidence[-1].observed == "30"


@pytest.mark.parametrize(("status", "limited"), [(428, False), (429, True), (430, False)])
def test_the_server_api_may_limit_us_as_well(status: int, limited: bool) -> None:
    said = TwirpError("resource_exhausted", "too many requests", status)
    facts = Facts(api=ApiFact(rooms=said))
    assert bool(seen("signal-rate-limited", facts)) is limited
