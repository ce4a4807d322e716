"""One connection, phase by phase: whole screens, the scale of the bars, what stopped it."""

import pytest
from report.screens import CANVASES, report, same_screen, sick

from examples import healthy as examples
from lkdoctor.facts import Facts
from lkdoctor.facts.network import TcpRefused
from lkdoctor.facts.signal import (
    CleanUp,
    Cut,
    Joined,
    ParticipantSeen,
    Phase,
    PhaseName,
    PhaseOutcome,
    Pings,
    Repeat,
    SignalFact,
    UpgradeAttempt,
    UpgradeRefused,
    Validation,
    Whose,
)
from lkdoctor.facts.tls import TlsEstablished
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.findings import Layer
from lkdoctor.report import details, waterfall
from lkdoctor.report.layout import Canvas, plain, spelt

LAYERS = (Layer.NETWORK, Layer.TLS, Layer.PROXY, Layer.CLOCK, Layer.SIGNAL)


def facts(**signal: object) -> Facts:
    """A healthy connection with something changed in what signalling answered."""
    whole = examples.healthy()
    assert whole.signal is not None
    return whole._replace(signal=whole.signal._replace(**signal))  # type: ignore[arg-type]  # a test's own words


def screen(shown: Facts, canvas: Canvas, verbose: int = 0) -> str:
    lines = waterfall.render(report(shown, layers=LAYERS), canvas, verbose=verbose)
    return plain(spelt(lines, canvas))


@pytest.mark.parametrize("canvas", CANVASES)
def test_healthy_screen(canvas: str) -> None:
    same_screen(f"probe/healthy-{canvas}", screen(examples.healthy(), CANVASES[canvas]))


@pytest.mark.parametrize("code", ["signal-timeout", "tcp-refused", "proxy-upgrade-stripped"])
@pytest.mark.parametrize("canvas", ["80-unicode", "44-unicode", "accessible"])
def test_failing_screen(canvas: str, code: str) -> None:
    same_screen(f"probe/{code}-{canvas}", screen(sick(code), CANVASES[canvas]))


def bars(*phases: Phase, width: int = 74) -> list[str]:
    """The rows of the waterfall behind their numbers."""
    rows = screen(facts(phases=phases), Canvas(width)).splitlines()
    first = next(i for i, row in enumerate(rows) if row.startswith("PHASE"))
    return [row[34:] for row in rows[first : first + 1 + len(phases)]]


def test_bars_are_drawn_to_scale() -> None:
    """Forty cells for two hundred milliseconds: five to a cell, a started cell is a whole one."""
    assert bars(
        Phase(PhaseName.DNS, PhaseOutcome.OK, 0, 10),
        Phase(PhaseName.TCP, PhaseOutcome.OK, 10, 0.1),
        Phase(PhaseName.TLS, PhaseOutcome.OK, 50, 51),
        Phase(PhaseName.FIRST_MESSAGE, PhaseOutcome.OK, 199.5, 0.5),
    ) == [
        "0         50        100       150     ms",
        "██",
        "  █",
        "          ███████████",
        "                                       █",
    ]


def test_a_phase_without_an_answer_points_onwards() -> None:
    assert bars(
        Phase(PhaseName.UPGRADE, PhaseOutcome.OK, 0, 1000),
        Phase(PhaseName.FIRST_MESSAGE, PhaseOutcome.TIMEOUT, 1000, 4000),
    )[1:] == ["████████", "        ███████████████████████████████>"]


@pytest.mark.parametrize("took", [0.0, 1e-9, 6e5], ids=["nothing", "next to nothing", "minutes"])
def test_any_time_can_be_drawn(took: float) -> None:
    """Neither a division by nothing nor a bar beyond the edge."""
    rows = bars(Phase(PhaseName.FIRST_MESSAGE, PhaseOutcome.OK, 0.0, took))
    assert all(len(row) <= 40 for row in rows)


def test_phases_after_the_one_that_stopped_are_not_reached() -> None:
    rows = screen(
        facts(
            first=None,
            pings=None,
            phases=(
                Phase(PhaseName.DNS, PhaseOutcome.OK, 0, 12),
                Phase(PhaseName.TCP, PhaseOutcome.FAILED, 12, 24, "connection refused"),
                Phase(PhaseName.TLS, PhaseOutcome.NOT_REACHED),
            ),
        ),
        Canvas(80),
    ).splitlines()
    start = next(i for i, row in enumerate(rows) if row.startswith("TCP connect"))
    assert rows[start + 1 : start + 3] == [
        " " * 34 + "FAILED: connection refused",
        "TLS handshake" + " " * 21 + "not reached",
    ]
    assert rows[-1].split("   ")[1] == "stopped at TCP connect"


def told(shown: Facts) -> dict[str, str]:
    """The labelled rows below the waterfall, the last of each label."""
    rows = screen(shown, Canvas(None)).splitlines()
    return {
        row.split(maxsplit=1)[0]: row.split(maxsplit=1)[1]
        for row in rows
        if row.startswith("  ") and row.split()[0].isupper()
    }


def joined(**changed: object) -> Joined:
    signal = examples.healthy().signal
    assert signal is not None
    assert isinstance(signal.first, Joined)
    return signal.first._replace(**changed)  # type: ignore[arg-type]  # a test's own words


@pytest.mark.parametrize(
    ("signal", "label", "expected"),
    [
        pytest.param(
            {"pings": Pings(5, (24.8, 25.2, 27.1, 25.0))},
            "PING",
            "4 of 5   min 24.8   median 25.1   max 27.1 ms   jitter 1.5",
            id="pings",
        ),
        pytest.param({"pings": Pings(3, ())}, "PING", "0 of 3 answered", id="no pong"),
        pytest.param(
            {"without_v1": True}, "PATH", "/rtc: the server does not have /rtc/v1", id="fell back"
        ),
        pytest.param(
            {"cut": Cut("leave ROOM_DELETED", 4.0)},
            "ENDED",
            "leave ROOM_DELETED, 4.0 ms after the join response",
            id="cut off",
        ),
        pytest.param(
            {"clean_up": CleanUp("lkdoctor-7f", removed=False, detail="permission denied")},
            "ROOM",
            "lkdoctor-7f could NOT be removed, and stays: permission denied",
            id="room left behind",
        ),
        pytest.param(
            {"clean_up": CleanUp("lkdoctor-7f", False, "no token was sent", lasts_s=300)},
            "ROOM",
            "lkdoctor-7f could NOT be removed, and stays for 300 s: no token was sent",
            id="room that lasts",
        ),
        pytest.param(
            {"clean_up": CleanUp("lkdoctor-7f", removed=True)},
            "ROOM",
            "lkdoctor-7f removed",
            id="room removed",
        ),
        pytest.param(
            {"clean_up": CleanUp("lkdoctor-7f", removed=False, lasts_s=1)},
            "ROOM",
            "lkdoctor-7f ends by itself within 2 s",
            id="room that ends",
        ),
        pytest.param(
            {"clean_up": CleanUp("lkdoctor-7f", removed=False, known=False)},
            "ROOM",
            "lkdoctor-7f ends by itself, if it was made",
            id="room that nobody has seen",
        ),
        pytest.param(
            {
                "first": joined(
                    others=(
                        ParticipantSeen("alice", "Alice", "PA_1", "ACTIVE", 0.0, publishing=2),
                        ParticipantSeen("bob", "", "PA_2", "JOINED", 0.0, hidden=True),
                    )
                )
            },
            "PEOPLE",
            'alice "Alice", ACTIVE, 2 tracks   bob, JOINED, hidden',
            id="who is in the room",
        ),
        pytest.param({"first": joined(ice_servers=())}, "ICE", "SERVER  none offered", id="no ICE"),
        pytest.param(
            {"repeats": (Repeat(170.0, "joined"), Repeat(None, "closed"), Repeat(180.0, "joined"))},
            "CONNECTIONS",
            "1 failed: closed",
            id="one of several connections failed",
        ),
    ],
)
def test_what_the_server_told(signal: dict[str, object], label: str, expected: str) -> None:
    assert told(facts(**signal))[label] == expected


def test_no_credential_of_an_ice_server_is_shown() -> None:
    """Only that there is one."""
    text = screen(examples.healthy(), Canvas(120), verbose=2)
    assert "turns:turn.example.com:443?transport=tcp   with a credential" in text


def test_nothing_was_asked() -> None:
    """A probe that never reached signalling still has a screen."""
    shown = examples.healthy()._replace(signal=None, tls=None, network=None, clock=None)
    assert screen(shown, Canvas(80)).splitlines()[0] == "wss://rtc.example.com"


def test_ready_only_with_a_first_message() -> None:
    """A connection whose last phase was an upgrade never was."""
    assert waterfall.ready_ms((Phase(PhaseName.UPGRADE, PhaseOutcome.OK, 0, 9),)) is None
    assert waterfall.ready_ms(()) is None


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "ready in 175 ms"),
        (401, "your token is refused; a join of lkdoctor's own was ready in 175 ms"),
    ],
)
def test_a_refused_token_is_not_said_to_be_ready(status: int, words: str) -> None:
    given = Validation(Whose.GIVEN, "/rtc/validate", examples.answer(status, "x"))
    shown = screen(facts(validations=(given,)), CANVASES["120-unicode"])
    assert words in shown.splitlines()[-1]
    assert ("your token is refused" in shown) is (status == 401)


def test_jitter_is_the_mean_step_between_neighbours() -> None:
    assert details.jitter(Pings(3, (10.0, 14.0, 12.0))) == 3.0
    assert details.jitter(Pings(1, (10.0,))) == 0.0


def test_repeats_are_summed_up() -> None:
    seen = (Repeat(170.0, "joined"), Repeat(None, "closed"), Repeat(180.0, "joined"))
    assert list(details.repeats(seen)) == [
        ("connections", "2 of 3 joined   min 170.0   median 175.0   max 180.0 ms"),
        ("connections", "1 failed: closed"),
    ]


def test_signal_fact_may_hold_nothing() -> None:
    assert screen(facts()._replace(signal=SignalFact()), Canvas(80))


OUTCOMES = {
    PhaseOutcome.OK: "ok",
    PhaseOutcome.FAILED: "failed",
    PhaseOutcome.TIMEOUT: "timeout",
    PhaseOutcome.NOT_REACHED: "-",
}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("dns-nxdomain", "failed - - - -", id="DNS"),
        pytest.param("tcp-refused", "ok failed - - -", id="TCP"),
        pytest.param("tcp-timeout", "ok timeout - - -", id="nobody answers"),
        pytest.param("tls-expired", "ok ok failed - -", id="TLS"),
        pytest.param("tls-timeout", "ok ok timeout - -", id="TLS without end"),
        pytest.param("proxy-upgrade-stripped", "ok ok ok failed -", id="upgrade"),
        pytest.param("signal-timeout", "ok ok ok timeout -", id="upgrade without end"),
        pytest.param("signal-closed-early", "ok ok ok failed -", id="upgrade cut off"),
        pytest.param("signal-handshake-invalid", "ok ok ok failed -", id="no handshake"),
    ],
)
def test_where_the_way_stopped(code: str, expected: str) -> None:
    """Told from what was seen of each part, where no connection has phases of its own."""
    shown = sick(code)
    if shown.signal is not None:
        shown = shown._replace(signal=shown.signal._replace(phases=()))
    seen = waterfall.phases_of(shown)
    assert " ".join(OUTCOMES[phase.outcome] for phase in seen) == expected
    assert [phase.name for phase in seen] == [
        name for name in PhaseName if name is not PhaseName.PROXY
    ]


def test_a_refusal_without_a_token_is_an_answer() -> None:
    """LiveKit's 401 shows that upgrades get through; nobody meant to join."""
    refused = UpgradeAttempt(Whose.NONE, "/rtc", UpgradeRefused(examples.answer(401)))
    shown = facts(upgrades=(refused,), phases=(), first=None)
    assert [phase.outcome for phase in waterfall.phases_of(shown)] == [PhaseOutcome.OK] * 4
    assert waterfall.ready_ms(waterfall.phases_of(shown)) is None


def test_a_way_without_tls_has_no_phase_for_it() -> None:
    shown = sick("tcp-refused")
    assert shown.url is not None
    assert isinstance(shown.url.result, ParsedUrl)
    plain_url = shown.url._replace(result=shown.url.result._replace(scheme="ws"))
    names = [phase.name for phase in waterfall.phases_of(shown._replace(url=plain_url))]
    assert PhaseName.TLS not in names


def test_addresses_are_listed_where_there_are_several() -> None:
    network = examples.healthy().network
    assert network is not None
    tcp = (TcpRefused("2001:db8::10", 443, 12.0), *network.tcp)
    shown = examples.healthy()._replace(network=network._replace(tcp=tcp))
    assert told(shown)["ADDRESSES"] == (
        "[2001:db8::10]:443 refused after 12 ms   203.0.113.10:443 connected in 24 ms"
    )


def test_an_unverified_certificate_is_said_in_the_header() -> None:
    tls = examples.healthy().tls
    assert tls is not None
    assert isinstance(tls.attempt, TlsEstablished)
    shown = examples.healthy()._replace(
        tls=tls._replace(attempt=tls.attempt._replace(verified=False))
    )
    assert "TLS 1.3, certificate NOT verified (--insecure)" in screen(shown, Canvas(None))


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        ("tcp-refused", PhaseName.TCP, "203.0.113.10:443 refused after 24 ms"),
        ("signal-timeout", PhaseName.UPGRADE, "request sent, no byte came back"),
        ("signal-leave-on-connect", PhaseName.FIRST_MESSAGE, "leave: STATE_MISMATCH, DISCONNECT"),
    ],
)
def test_a_stopped_phase_says_what_was_seen(code: str, name: PhaseName, expected: str) -> None:
    """Not the word that the probe left, where the facts know more."""
    shown = sick(code)
    noted = (Phase(name, PhaseOutcome.FAILED, 0.0, 1.0, "failed"),)
    signal = shown.signal or SignalFact()
    seen = waterfall.phases_of(shown._replace(signal=signal._replace(phases=noted)))
    assert seen[0].detail == expected


def test_a_crowd_is_counted_not_listed() -> None:
    others = tuple(ParticipantSeen(f"u{n}", "", "", "ACTIVE", 0.0) for n in range(12))
    people = told(facts(first=joined(others=others)))["PEOPLE"]
    assert (people.count("ACTIVE"), people.endswith("and 2 more")) == (10, True)
