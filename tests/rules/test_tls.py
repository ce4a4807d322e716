"""TLS: a certificate that does not hold, a port that does not speak it, a URL that does not fit."""

from typing import Any

import pytest
from examples.healthy import NOON, answer, healthy, no_answer
from judged import broken, causes, only, report, status, the_finding

from lkdoctor.facts import Facts
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.server import NoAnswer, ServerFact, Silence
from lkdoctor.facts.tls import (
    Certificate,
    Distrust,
    TlsAttempt,
    TlsBroken,
    TlsDistrusted,
    TlsEstablished,
    TlsFact,
    TlsNotSpoken,
    TlsTimedOut,
)
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Severity

DAY = 86400.0
CERTIFICATE = Certificate(
    subject="CN=rtc.example.com",
    issuer="CN=Example CA",
    names=("rtc.example.com", "*.rtc.example.com"),
    not_before=NOON - 30 * DAY,
    not_after=NOON + 60 * DAY,
    self_signed=False,
)


def stopped(attempt: TlsAttempt, host: str = "rtc.example.com") -> Facts:
    return only(network=healthy().network, tls=TlsFact(host, attempt), clock=ClockFact(local=NOON))


def distrusted(reason: Distrust, certificate: Certificate | None = CERTIFICATE) -> Facts:
    return stopped(TlsDistrusted(reason, "certificate verify failed", 51.0, certificate))


PUBLISHED = CERTIFICATE._replace(issuer="CN=R11", issuer_at="http://ca.example/r11")
INSPECTED = CERTIFICATE._replace(issuer="CN=FortiGate CA,O=Fortinet")


def unknown(certificate: Certificate, sent: int | None, roots: int = 140) -> Facts:
    """The issuer is unknown here; so many certificates came, so many roots there are."""
    error = "unable to get local issuer certificate"
    attempt = TlsDistrusted(Distrust.UNKNOWN_ISSUER, error, 51.0, certificate, sent)
    return stopped(attempt)._replace(tls=TlsFact("rtc.example.com", attempt, roots=roots))


def valid_for(before: float, after: float) -> Facts:
    certificate = CERTIFICATE._replace(not_before=NOON - before, not_after=NOON + after)
    attempt = TlsEstablished("TLSv1.2", "AES128", 49.0, verified=True, certificate=certificate)
    return broken("tls", attempt=attempt)


def parsed(scheme: str, host: str, port: int, kind: HostKind = HostKind.PUBLIC) -> UrlFact:
    result = ParsedUrl(
        scheme=scheme,
        host=host,
        port=port,
        explicit_port=True,
        path="",
        query=False,
        userinfo=False,
        host_kind=kind,
    )
    return UrlFact(f"{scheme}://{host}:{port}", ".env:1", result)


def plain(root: object, port: int = 443) -> Facts:
    """``ws://`` was used, and this is what GET / got."""
    network = healthy().network
    assert network is not None
    return Facts(
        url=parsed("ws", "rtc.example.com", port),
        network=network._replace(port=port),
        server=ServerFact(root),  # type: ignore[arg-type]  # an answer, or none
    )


NGINX = answer(
    400,
    "<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>",
    content_type="text/html",
    server="nginx",
)
GO = answer(400, "Client sent an HTTP request to an HTTPS server.\\x0a")
ALERT = NoAnswer(Silence.NOT_HTTP, r"\x15\x03\x01\x00\x02\x02\x16", 3.0, 7)
LIVEKIT = answer(200, "OK")


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        pytest.param(distrusted(Distrust.SELF_SIGNED), ["tls-untrusted"], id="self-signed"),
        pytest.param(distrusted(Distrust.UNKNOWN_ISSUER), ["tls-untrusted"], id="unknown issuer"),
        pytest.param(
            distrusted(Distrust.UNKNOWN_ISSUER, CERTIFICATE._replace(not_after=NOON - DAY)),
            ["tls-untrusted", "tls-expired"],
            id="unknown issuer, and expired",
        ),
        pytest.param(distrusted(Distrust.OTHER), ["tls-untrusted"], id="another reason"),
        pytest.param(distrusted(Distrust.HOSTNAME), ["tls-hostname"], id="another name"),
        pytest.param(distrusted(Distrust.EXPIRED), ["tls-expired"], id="expired"),
        pytest.param(distrusted(Distrust.NOT_YET_VALID), ["tls-not-yet-valid"], id="too early"),
        pytest.param(
            distrusted(Distrust.EXPIRED, None), ["tls-expired"], id="expired, certificate unread"
        ),
        pytest.param(unknown(PUBLISHED, 1), ["tls-incomplete-chain"], id="the leaf alone"),
        pytest.param(unknown(PUBLISHED, 2), ["tls-untrusted"], id="the leaf and its issuer"),
        pytest.param(unknown(PUBLISHED, None), ["tls-untrusted"], id="nobody counted"),
        pytest.param(unknown(CERTIFICATE, 1), ["tls-untrusted"], id="the leaf of a private root"),
        pytest.param(
            unknown(PUBLISHED, 1, roots=0), ["tls-client-roots-missing"], id="no roots here"
        ),
        pytest.param(unknown(CERTIFICATE, 2, roots=1), ["tls-untrusted"], id="one root here"),
        pytest.param(unknown(INSPECTED, 2), ["tls-intercepted"], id="an inspector's root"),
        pytest.param(
            unknown(INSPECTED._replace(issuer_at="http://ca.example/x"), 1),
            ["tls-intercepted"],
            id="an inspector's leaf alone",
        ),
        pytest.param(distrusted(Distrust.HOSTNAME, INSPECTED), ["tls-hostname"], id="its name"),
        pytest.param(
            broken(
                "tls",
                attempt=TlsEstablished("TLSv1.3", "", 9.0, verified=True, certificate=INSPECTED),
            ),
            ["tls-intercepted"],
            id="an inspector's root that is trusted",
        ),
        pytest.param(
            stopped(TlsNotSpoken("wrong version number", 9.0, LIVEKIT)),
            ["url-tls-mismatch"],
            id="wss to a plain port",
        ),
        pytest.param(
            stopped(TlsNotSpoken("wrong version number", 9.0, answer(301, location="https://x/"))),
            ["url-tls-mismatch"],
            id="wss to a proxy's port 80",
        ),
        pytest.param(
            stopped(TlsNotSpoken("wrong version number", 9.0, no_answer(Silence.NOT_HTTP))),
            ["tls-not-spoken"],
            id="wss to something else",
        ),
        pytest.param(
            stopped(TlsNotSpoken("wrong version number", 9.0)),
            ["tls-not-spoken"],
            id="wss to something, not asked further",
        ),
        pytest.param(
            stopped(TlsBroken("unexpected eof", 9.0)), ["tls-handshake-failed"], id="broken off"
        ),
        pytest.param(stopped(TlsTimedOut(5000.0)), ["tls-timeout"], id="silent"),
        pytest.param(plain(NGINX), ["url-tls-mismatch"], id="ws to nginx's TLS port"),
        pytest.param(plain(GO, 7443), ["url-tls-mismatch"], id="ws to a Go server's TLS port"),
        pytest.param(plain(ALERT, 7443), ["url-tls-mismatch"], id="ws to a TLS alert"),
        pytest.param(
            plain(no_answer(Silence.CLOSED)), ["url-tls-mismatch"], id="ws to 443, closed at once"
        ),
        pytest.param(
            plain(no_answer(Silence.CLOSED), 7880),
            ["http-closed-early"],
            id="ws to 7880, closed at once",
        ),
        pytest.param(plain(LIVEKIT, 7880), [], id="ws to a plain port"),
        pytest.param(
            plain(answer(200, NGINX.body), 7880), ["url-not-livekit"], id="ws to a page about TLS"
        ),
        pytest.param(valid_for(30 * DAY, 60 * DAY), [], id="valid for two months"),
        pytest.param(valid_for(87 * DAY, 3 * DAY), ["tls-expires-soon"], id="three days left"),
        pytest.param(valid_for(2 * DAY, 4 * DAY), [], id="a six-day certificate"),
        pytest.param(valid_for(5.5 * DAY, 0.5 * DAY), ["tls-expires-soon"], id="its last day"),
        pytest.param(
            broken("tls", insecure=True, attempt=TlsEstablished("TLSv1.3", "", 9.0, False)),
            [],
            id="nobody looked at the certificate",
        ),
    ],
)
def test_causes(facts: Facts, codes: list[str]) -> None:
    assert causes(facts) == codes


@pytest.mark.parametrize(
    ("facts", "title", "confidence"),
    [
        pytest.param(
            distrusted(Distrust.SELF_SIGNED),
            "The certificate of rtc.example.com is self-signed",
            Confidence.CERTAIN,
            id="self-signed",
        ),
        pytest.param(
            distrusted(Distrust.OTHER),
            "The certificate does not pass verification",
            Confidence.LIKELY,
            id="a reason that browsers may not share",
        ),
        pytest.param(
            distrusted(Distrust.HOSTNAME),
            "The certificate is not for rtc.example.com",
            Confidence.CERTAIN,
            id="another name",
        ),
        pytest.param(
            stopped(TlsDistrusted(Distrust.HOSTNAME, "", 9.0, CERTIFICATE), "192.0.2.7"),
            "The URL has an IP address, the certificate a name",
            Confidence.CERTAIN,
            id="an address in the URL",
        ),
        pytest.param(
            distrusted(Distrust.EXPIRED, CERTIFICATE._replace(not_after=NOON - 3 * DAY)),
            "The certificate expired 3 days ago",
            Confidence.CERTAIN,
            id="expired",
        ),
        pytest.param(
            plain(NGINX), "ws:// is used on a port that speaks TLS", Confidence.CERTAIN, id="ws"
        ),
        pytest.param(
            plain(no_answer(Silence.RESET)),
            "ws:// is used on a port that speaks TLS",
            Confidence.LIKELY,
            id="ws to 443, reset",
        ),
    ],
)
def test_what_is_said_of_a_case(facts: Facts, title: str, confidence: Confidence) -> None:
    finding = the_finding(facts)
    assert (finding.title, finding.confidence) == (title, confidence)


def test_the_name_for_an_address_comes_from_the_certificate() -> None:
    facts = stopped(TlsDistrusted(Distrust.HOSTNAME, "", 9.0, CERTIFICATE), "192.0.2.7")
    snippet = the_finding(facts).fix[0].snippet
    assert snippet is not None
    assert snippet.body == "LIVEKIT_URL=wss://rtc.example.com"


def test_a_certificate_s_name_is_pasted_only_when_a_shell_would_leave_it_alone() -> None:
    """A certificate is written by whoever runs the server."""
    hostile = CERTIFICATE._replace(names=("$(reboot).example.com", "a b", "*.example.com"))
    facts = stopped(TlsDistrusted(Distrust.HOSTNAME, "", 9.0, hostile), "192.0.2.7")
    snippet = the_finding(facts).fix[0].snippet
    assert snippet is not None
    assert snippet.body == "LIVEKIT_URL=wss://YOUR-HOST"


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        pytest.param(HostKind.LOOPBACK, "LIVEKIT_URL=ws://10.0.0.5:7880", id="on this machine"),
        pytest.param(HostKind.PRIVATE, "LIVEKIT_URL=ws://10.0.0.5:7880", id="in this network"),
        pytest.param(
            HostKind.PUBLIC,
            "rtc.example.com {\n    reverse_proxy 127.0.0.1:7880\n}",
            id="in public: TLS comes first",
        ),
    ],
)
def test_the_fix_of_wss_to_a_plain_port(kind: HostKind, first: str) -> None:
    facts = stopped(TlsNotSpoken("wrong version number", 9.0, LIVEKIT))
    finding = the_finding(facts._replace(url=parsed("wss", "10.0.0.5", 7880, kind)))
    snippet = finding.fix[0].snippet
    assert snippet is not None
    assert snippet.body == first


def with_authority(attempt: TlsAttempt, ca_file: str | None = "own root.pem") -> Facts:
    facts = stopped(attempt)
    return facts._replace(tls=facts.tls._replace(ca_file=ca_file) if facts.tls else None)


SIGNED_BY_NOBODY = TlsDistrusted(Distrust.UNKNOWN_ISSUER, "no issuer", 9.0, CERTIFICATE, sent=2)


def test_what_is_expected_of_the_issuer_follows_the_authority_that_was_given() -> None:
    own = the_finding(with_authority(SIGNED_BY_NOBODY))
    expected = "an authority of own root.pem, or one that this machine knows"
    assert [e.expected for e in own.evidence] == [f"a chain to {expected}", expected, None]
    assert "no authority of own root.pem" in own.cause
    assert own.fix[0].command == "openssl x509 -noout -subject -issuer -in 'own root.pem'"
    assert all("--ca-file" not in (step.command or "") for step in own.fix)
    none = the_finding(with_authority(SIGNED_BY_NOBODY, None))
    assert none.evidence[1].expected == "an authority that this machine knows"
    assert none.fix[-1].command == "lkdoctor ws-probe --ca-file root.pem"


@pytest.mark.parametrize("ca_file", [None, "root.pem"])
def test_an_expired_certificate_s_issuer_is_not_in_question(ca_file: str | None) -> None:
    old = CERTIFICATE._replace(not_before=NOON - 92 * DAY, not_after=NOON - DAY)
    attempt = TlsDistrusted(Distrust.EXPIRED, "certificate has expired", 9.0, old)
    finding = the_finding(with_authority(attempt, ca_file))
    assert finding.code == "tls-expired"
    assert [e.expected for e in finding.evidence if e.label == "issued by"] == [None]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, "Its root is trusted here, so", id="trusted by this machine"),
        pytest.param({"ca_file": "r.pem"}, "Its root is trusted here by --ca-file", id="by a file"),
        pytest.param({"insecure": True}, "Nobody looked at it here (--insecure)", id="unlooked at"),
    ],
)
def test_who_trusts_an_inspecting_product_s_certificate(
    changes: dict[str, Any], words: str
) -> None:
    theirs = CERTIFICATE._replace(issuer="CN=Zscaler Intermediate Root CA")
    attempt = TlsEstablished("TLSv1.3", "", 9.0, "insecure" not in changes, theirs)
    assert words in the_finding(broken("tls", attempt=attempt, **changes)).cause


def test_a_certificate_that_nobody_checked_is_not_said_to_work() -> None:
    ending = CERTIFICATE._replace(not_before=NOON - 60 * DAY, not_after=NOON + DAY)
    checked, unchecked = (
        the_finding(broken("tls", attempt=TlsEstablished("TLSv1.3", "", 9.0, verified, ending)))
        for verified in (True, False)
    )
    assert checked.cause.startswith("The certificate works")
    assert "works" not in unchecked.cause


def test_port_7880_without_a_plain_answer_is_likely() -> None:
    """It is LiveKit's own port, and LiveKit never speaks TLS there."""
    facts = stopped(TlsNotSpoken("wrong version number", 9.0, no_answer(Silence.TIMEOUT)))
    network = facts.network
    assert network is not None
    facts = facts._replace(
        url=parsed("wss", "rtc.example.com", 7880), network=network._replace(port=7880)
    )
    finding = the_finding(facts)
    assert (finding.code, finding.confidence) == ("url-tls-mismatch", Confidence.LIKELY)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(Facts(url=parsed("wss", "rtc.example.com", 7880)), True, id="not dialled"),
        pytest.param(Facts(url=parsed("ws", "10.0.0.5", 7880)), False, id="plain"),
        pytest.param(Facts(url=parsed("wss", "rtc.example.com", 7443)), False, id="another port"),
        pytest.param(
            healthy()._replace(url=parsed("wss", "rtc.example.com", 7880)),
            False,
            id="a proxy took the port",
        ),
    ],
)
def test_the_url_alone_says_that_7880_never_speaks_tls(facts: Facts, *, expected: bool) -> None:
    """Only a hint: what took the port is not seen before somebody dials it."""
    found = [(f.code, f.check, f.severity, f.confidence) for f in report(facts).findings]
    hint = ("url-tls-mismatch", "url.form", Severity.WARNING, Confidence.HINT)
    assert found == ([hint] if expected else [])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(healthy(), ("pass", "TLS 1.3, certificate valid 60 more days"), id="verified"),
        pytest.param(
            valid_for(DAY, DAY),
            ("pass", "TLS 1.2, certificate valid 24 more hours"),
            id="short",
        ),
        pytest.param(
            healthy()._replace(clock=None), ("pass", "TLS 1.3, certificate valid"), id="no clock"
        ),
        pytest.param(
            broken("tls", attempt=TlsEstablished("TLSv1.3", "", 9.0, False)),
            ("pass", "TLS 1.3, certificate not checked (--insecure)"),
            id="insecure",
        ),
        pytest.param(
            healthy()._replace(tls=None), ("skip", "nothing was given to look at"), id="plain"
        ),
        pytest.param(
            stopped(TlsTimedOut(5000.0)),
            ("fail", "The port opens, but TLS never gets an answer"),
            id="silent",
        ),
        pytest.param(
            valid_for(87 * DAY, 3 * DAY), ("warn", "The certificate ends in 3 days"), id="ends soon"
        ),
    ],
)
def test_check(facts: Facts, expected: tuple[str, str]) -> None:
    assert status(facts, "tls.handshake") == expected


def test_a_date_that_no_calendar_has_is_shown_as_it_is() -> None:
    endless = CERTIFICATE._replace(not_after=1e18)
    finding = the_finding(distrusted(Distrust.NOT_YET_VALID, endless))
    assert finding.evidence[1].observed == "2026-08-22 14:13Z to 1000000000000000000"
