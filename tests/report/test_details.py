"""What went over the wire, in words: every kind of answer that a layer can give."""

import pytest
from examples.healthy import NOON, answer, no_answer

import examples
from lkdoctor import catalogue
from lkdoctor.config.manifests import Ecosystem, Package
from lkdoctor.facts import NO_FACTS, Facts
from lkdoctor.facts.api import ApiFact, ForeignAnswer, ParticipantsListed, TwirpError
from lkdoctor.facts.app import AppFact
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.network import (
    Family,
    NameNotFound,
    NetworkFact,
    Resolved,
    ResolverFailed,
    TcpConnected,
    TcpRefused,
    TcpTimedOut,
    TcpUnreachable,
)
from lkdoctor.facts.server import Elsewhere, ServerFact, Silence
from lkdoctor.facts.signal import (
    FirstMessageProblem,
    Goodbye,
    LeftAtOnce,
    NoFirstMessage,
    SignalFact,
    UpgradeAttempt,
    Upgraded,
    UpgradeInvalid,
    UpgradeRefused,
    UpgradeUnanswered,
    Validation,
    Whose,
)
from lkdoctor.facts.tls import (
    Distrust,
    TlsBroken,
    TlsDistrusted,
    TlsEstablished,
    TlsFact,
    TlsNotSpoken,
    TlsTimedOut,
)
from lkdoctor.facts.url import UnusableUrl, UrlFact, UrlProblem
from lkdoctor.findings import Layer
from lkdoctor.report import details
from lkdoctor.rules.base import Rule


def network(dns: object = Resolved(("203.0.113.10",), 12.0), *tcp: object) -> Facts:
    return Facts(
        network=NetworkFact("rtc.example.com", 443, Family.ANY, dns, tcp)  # type: ignore[arg-type]  # a table's rows
    )


def tls(attempt: object) -> Facts:
    return Facts(tls=TlsFact("rtc.example.com", attempt))  # type: ignore[arg-type]  # as above


def upgrade(result: object, whose: Whose = Whose.MINTED) -> Facts:
    attempt = UpgradeAttempt(whose, "/rtc", result)  # type: ignore[arg-type]  # as above
    return Facts(signal=SignalFact(upgrades=(attempt,)))


@pytest.mark.parametrize(
    ("facts", "layer", "expected"),
    [
        pytest.param(
            Facts(url=UrlFact("rtc", ".env:1", UnusableUrl(UrlProblem.NO_SCHEME, "no wss://"))),
            Layer.URL,
            ("unusable", "no-scheme: no wss://"),
            id="a URL that nobody can dial",
        ),
        pytest.param(
            network(Resolved(("127.0.0.1",), 0.0, literal=True)),
            Layer.NETWORK,
            ("DNS", "rtc.example.com: an address, nobody was asked"),
            id="an address in the URL",
        ),
        pytest.param(
            network(NameNotFound("NXDOMAIN", 18.0)),
            Layer.NETWORK,
            ("DNS", "rtc.example.com: no such name (NXDOMAIN) after 18 ms"),
            id="no such name",
        ),
        pytest.param(
            network(ResolverFailed("SERVFAIL", 18.0)),
            Layer.NETWORK,
            ("DNS", "rtc.example.com: no answer (SERVFAIL) after 18 ms"),
            id="the resolver is down",
        ),
        pytest.param(
            network(Resolved(("::1",), 1.0), TcpConnected("2001:db8::10", 443, 24.0)),
            Layer.NETWORK,
            ("TCP", "[2001:db8::10]:443 connected in 24 ms"),
            id="connected over IPv6",
        ),
        pytest.param(
            network(Resolved(("::1",), 1.0), TcpRefused("203.0.113.10", 443, 24.0)),
            Layer.NETWORK,
            ("TCP", "203.0.113.10:443 refused after 24 ms"),
            id="refused",
        ),
        pytest.param(
            network(Resolved(("::1",), 1.0), TcpTimedOut("203.0.113.10", 443, 5000.0)),
            Layer.NETWORK,
            ("TCP", "203.0.113.10:443 did not answer in 5 000 ms"),
            id="silent",
        ),
        pytest.param(
            network(Resolved(("::1",), 1.0), TcpUnreachable("::1", 443, "no route", 1.0)),
            Layer.NETWORK,
            ("TCP", "[::1]:443 cannot be reached: no route"),
            id="no route",
        ),
        pytest.param(
            tls(TlsEstablished("TLSv1.3", "AES", 49.0, verified=False)),
            Layer.TLS,
            ("handshake", "TLSv1.3, AES, NOT verified (--insecure), 49 ms"),
            id="nobody looked at the certificate",
        ),
        pytest.param(
            tls(TlsDistrusted(Distrust.HOSTNAME, "name mismatch", 49.0)),
            Layer.TLS,
            ("handshake", "not trusted (hostname): name mismatch"),
            id="not trusted",
        ),
        pytest.param(
            tls(TlsDistrusted(Distrust.UNKNOWN_ISSUER, "unknown", 49.0, sent=1)),
            Layer.TLS,
            ("sent", "1 of the chain's certificates"),
            id="the leaf alone",
        ),
        pytest.param(
            Facts(tls=TlsFact("rtc.example.com", TlsTimedOut(1.0), roots=140)),
            Layer.TLS,
            ("known here", "140 authorities"),
            id="authorities known here",
        ),
        pytest.param(
            tls(TlsNotSpoken("wrong version number", 5.0, answer(200, "OK"))),
            Layer.TLS,
            ("without TLS", '200 OK, "OK", 25 ms'),
            id="plain HTTP on the port",
        ),
        pytest.param(
            tls(TlsBroken("reset", 5.0)), Layer.TLS, ("handshake", "broken off: reset"), id="reset"
        ),
        pytest.param(
            tls(TlsTimedOut(5000.0)),
            Layer.TLS,
            ("handshake", "not finished after 5 000 ms"),
            id="TLS that never ends",
        ),
        pytest.param(
            Facts(clock=ClockFact(NOON, NOON + 93, 93_000.0, 512.0, "Date header")),
            Layer.CLOCK,
            ("clocks", "this machine is 93.0 s behind the server, ±0.5 s (Date header)"),
            id="behind",
        ),
        pytest.param(
            Facts(clock=ClockFact(NOON, NOON - 93, -93_000.0, 512.0, "pong")),
            Layer.CLOCK,
            ("clocks", "this machine is 93.0 s ahead of the server, ±0.5 s (pong)"),
            id="ahead",
        ),
        pytest.param(
            Facts(clock=ClockFact(NOON)),
            Layer.CLOCK,
            ("clocks", "here 2026-09-21T14:13:20Z, the server did not tell its own"),
            id="no clock to compare with",
        ),
        pytest.param(
            Facts(server=ServerFact(no_answer(Silence.RESET, "by peer"))),
            Layer.SERVER,
            ("GET /", "reset (by peer) after 5 000 ms"),
            id="no answer",
        ),
        pytest.param(
            Facts(server=ServerFact(answer(200, "x" * 500)._replace(truncated=True))),
            Layer.SERVER,
            ("GET /", f'200 OK, "{"x" * 200} (cut)" (the first 500 bytes), 25 ms'),
            id="a long body",
        ),
        pytest.param(
            Facts(api=ApiFact(rooms=TwirpError("unauthenticated", "permissions denied", 401))),
            Layer.API,
            ("ListRooms", '401 unauthenticated: "permissions denied"'),
            id="the API says no",
        ),
        pytest.param(
            Facts(
                app=AppFact(
                    "~/clinic",
                    packages=(Package(Ecosystem.NPM, "livekit-client", None, "^2", False, "p:3"),),
                )
            ),
            Layer.APP,
            ("package", "livekit-client ^2 (not resolved)   p:3"),
            id="a package without a version",
        ),
        pytest.param(
            Facts(api=ApiFact(rooms=ForeignAnswer(answer(404)))),
            Layer.API,
            ("ListRooms", "not the API's: 404 Not Found, no body, 25 ms"),
            id="somebody else answers",
        ),
        pytest.param(
            Facts(api=ApiFact(participants=ParticipantsListed("demo", ()))),
            Layer.API,
            ("ListParticipants", "0 participants in demo"),
            id="an empty room",
        ),
        pytest.param(
            upgrade(Upgraded(88.0, (("server", "nginx"),))),
            Layer.SIGNAL,
            ("header", "server: nginx"),
            id="headers of an upgrade",
        ),
        pytest.param(
            upgrade(UpgradeRefused(answer(401, "no permissions")), Whose.NONE),
            Layer.SIGNAL,
            ("upgrade /rtc", 'without a token: 401 Unauthorized, "no permissions", 25 ms'),
            id="LiveKit's own refusal",
        ),
        pytest.param(
            upgrade(UpgradeInvalid(answer(101), "wrong Accept"), Whose.GIVEN),
            Layer.SIGNAL,
            ("upgrade /rtc", "your token: 101, but no WebSocket handshake: wrong Accept"),
            id="no handshake",
        ),
        pytest.param(
            upgrade(UpgradeUnanswered(no_answer(Silence.TIMEOUT))),
            Layer.SIGNAL,
            ("upgrade /rtc", "a token of lkdoctor's own: timeout after 5 000 ms"),
            id="no answer to the upgrade",
        ),
        pytest.param(
            Facts(
                server=ServerFact(
                    no_answer(Silence.RESET), elsewhere=(Elsewhere("/livekit", answer(404)),)
                )
            ),
            Layer.SERVER,
            ("GET /livekit/rtc/validate", "no token: 404 Not Found, no body, 25 ms"),
            id="looked for elsewhere",
        ),
        pytest.param(
            Facts(server=ServerFact(no_answer(Silence.RESET), bad_token=answer(404))),
            Layer.SERVER,
            ("GET …/rtc/validate", "no real token: 404 Not Found, no body, 25 ms"),
            id="a token that is none",
        ),
        pytest.param(
            Facts(
                signal=SignalFact(
                    as_browser=(Validation(Whose.MINTED, "/rtc/validate", answer(404)),)
                )
            ),
            Layer.SIGNAL,
            (
                "GET /rtc/validate",
                "a token of lkdoctor's own, as a page asks: 404 Not Found, no body, 25 ms",
            ),
            id="as a page asks",
        ),
        pytest.param(
            Facts(signal=SignalFact(first=LeftAtOnce(2.0, "JOIN_FAILURE", "DISCONNECT"))),
            Layer.SIGNAL,
            ("first message", "leave: JOIN_FAILURE, DISCONNECT"),
            id="sent away",
        ),
        pytest.param(
            Facts(
                signal=SignalFact(
                    first=NoFirstMessage(FirstMessageProblem.CLOSED, "1011 internal", 4.0)
                )
            ),
            Layer.SIGNAL,
            ("first message", "closed: 1011 internal after 4.0 ms"),
            id="closed",
        ),
        pytest.param(
            Facts(signal=SignalFact(goodbye=Goodbye(answered=False, close_code=None))),
            Layer.SIGNAL,
            ("leave", "not confirmed"),
            id="no goodbye",
        ),
    ],
)
def test_words(facts: Facts, layer: Layer, expected: tuple[str, str]) -> None:
    assert expected in list(details.of(layer, facts))


@pytest.mark.parametrize("rule", tuple(catalogue.rules()), ids=lambda rule: rule.code)
def test_every_example_can_be_told(rule: Rule) -> None:
    """Each pair has a label and a text, whatever a rule's example holds."""
    facts = examples.sick(rule.code)
    for layer in Layer:
        assert all(label and text for label, text in details.of(layer, facts))


def test_what_was_not_looked_at_has_no_details() -> None:
    assert [row for layer in Layer for row in details.of(layer, NO_FACTS)] == []
