"""DNS and TCP: which observation is a cause, and which only looks like one."""

import pytest
from examples.healthy import answer, healthy, no_answer
from judged import broken, causes, only, report, status, the_finding

from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, ForeignAnswer
from lkdoctor.facts.media import Checked, MediaFact, Negotiation, Outcome, Reach, Tried
from lkdoctor.facts.network import (
    AddressLook,
    Direct,
    Family,
    NameNotFound,
    NetworkFact,
    OwnLimit,
    Resolved,
    ResolverFailed,
    TcpAttempt,
    TcpConnected,
    TcpRefused,
    TcpTimedOut,
    TcpUnreachable,
    Tunnel,
)
from lkdoctor.facts.server import Exchange, NoAnswer, ServerFact, Silence
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Severity

V4, V6 = "203.0.113.10", "2001:db8::10"
OPEN = TcpConnected(V4, 443, 24.0)
OPEN6 = TcpConnected(V6, 443, 24.0)
REFUSED = TcpRefused(V4, 443, 24.0)
SILENT = TcpTimedOut(V4, 443, 5000.0)
NO_ROUTE = TcpUnreachable(V6, 443, "Network is unreachable", 0.1)
BOTH = Resolved((V6, V4), 12.0)


def url(host: str, port: int, kind: HostKind, scheme: str = "wss") -> UrlFact:
    parsed = ParsedUrl(
        scheme=scheme,
        host=host,
        port=port,
        explicit_port=True,
        path="",
        query=False,
        userinfo=False,
        host_kind=kind,
    )
    return UrlFact(f"{scheme}://{host}:{port}", ".env.local:1", parsed)


def stopped(*tcp: TcpAttempt, host: str = "rtc.example.com", **more: object) -> Facts:
    network = NetworkFact(host, 443, Family.ANY, BOTH, tcp)
    return only(network=network._replace(**more))  # type: ignore[arg-type]  # its own fields


LOOPBACK = url("localhost", 7880, HostKind.LOOPBACK, "ws")


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        pytest.param(healthy(), [], id="healthy"),
        pytest.param(
            stopped(dns=NameNotFound("Name or service not known", 18.0)),
            ["dns-nxdomain"],
            id="no such name",
        ),
        pytest.param(
            stopped(dns=ResolverFailed("timed out", 5000.0)),
            ["dns-resolver-failed"],
            id="the resolver does not answer",
        ),
        pytest.param(stopped(REFUSED), ["tcp-refused"], id="refused"),
        pytest.param(stopped(SILENT), ["tcp-timeout"], id="silent"),
        pytest.param(stopped(NO_ROUTE), ["tcp-unreachable"], id="no route"),
        pytest.param(
            stopped(NO_ROUTE, REFUSED), ["tcp-refused"], id="no IPv6 here, and IPv4 is refused"
        ),
        pytest.param(
            stopped(NO_ROUTE, SILENT), ["tcp-timeout"], id="no IPv6 here, and IPv4 is silent"
        ),
        pytest.param(stopped(REFUSED, SILENT), ["tcp-refused"], id="one refuses, one is silent"),
        pytest.param(stopped(), [], id="no attempt was made"),
        pytest.param(
            broken("network", dns=BOTH, tcp=(NO_ROUTE, OPEN)), [], id="no IPv6 here, IPv4 is open"
        ),
        pytest.param(
            broken("network", dns=Resolved((V6,), 9.0), tcp=(OPEN6,)), [], id="IPv6 alone"
        ),
        pytest.param(
            broken("network", dns=BOTH, tcp=(TcpRefused(V6, 443, 1.0), OPEN)),
            ["tcp-refused"],
            id="IPv6 refuses, IPv4 is open: worth a word",
        ),
        pytest.param(
            broken("network", dns=BOTH, tcp=(TcpTimedOut(V6, 443, 250.0), OPEN)),
            ["tcp-timeout"],
            id="IPv6 is silent, IPv4 is open: worth a word",
        ),
        pytest.param(
            healthy()._replace(
                url=LOOPBACK,
                tls=None,
                network=NetworkFact(
                    "localhost",
                    7880,
                    Family.ANY,
                    Resolved(("::1", "127.0.0.1"), 0.3),
                    (TcpRefused("::1", 7880, 0.1), TcpConnected("127.0.0.1", 7880, 0.2)),
                ),
            ),
            [],
            id="localhost on IPv4 alone",
        ),
    ],
)
def test_causes(facts: Facts, codes: list[str]) -> None:
    assert causes(facts) == codes


NO_FILES = "this process may open no more files and connections"
SPENT = NoAnswer(Silence.OWN_LIMIT, NO_FILES, 0.1)
UNOPENED = Checked(
    "udp", V4, 7882, "host", "", Reach.PUBLIC, Tried(Outcome.UNTRIED, detail=NO_FILES)
)


@pytest.mark.parametrize(
    ("facts", "labels", "check"),
    [
        pytest.param(
            stopped(dns=OwnLimit(NO_FILES, 0.1)), ["DNS rtc.example.com"], "net.dns", id="a name"
        ),
        pytest.param(
            stopped(OwnLimit(NO_FILES, 0.1, V4, 443)), [f"TCP {V4}:443"], "net.tcp", id="TCP"
        ),
        pytest.param(
            healthy()._replace(server=ServerFact(SPENT)), ["GET /"], "net.tcp", id="a request"
        ),
        pytest.param(
            healthy()._replace(api=ApiFact(rooms=ForeignAnswer(SPENT))),
            ["the server API"],
            "net.tcp",
            id="the API",
        ),
        pytest.param(
            healthy()._replace(media=MediaFact(V4, Negotiation.ANSWERED, candidates=(UNOPENED,))),
            [f"{V4}:7882"],
            "net.tcp",
            id="a candidate",
        ),
    ],
)
def test_what_this_machine_has_run_out_of_is_its_own_fault(
    facts: Facts, labels: list[str], check: str
) -> None:
    found = report(facts).findings[0]
    assert (found.code, found.check, found.severity) == ("own-limit", check, Severity.ERROR)
    assert found.title == "This process may open no more files and connections"
    assert [(e.label, e.observed) for e in found.evidence] == [
        (label, f"not tried: {NO_FILES}") for label in labels
    ]


def test_an_address_that_this_machine_forbids_beside_one_that_works_is_no_fault() -> None:
    forbidden = OwnLimit("this machine does not permit it", 0.1, V6, 443)
    assert causes(broken("network", dns=BOTH, tcp=(forbidden, OPEN))) == []


@pytest.mark.parametrize("kind", [TcpRefused, TcpTimedOut], ids=["refuses", "is silent"])
def test_one_bad_address_of_two_is_a_hint(kind: type[TcpRefused | TcpTimedOut]) -> None:
    """Clients go on to the next address, so nobody is locked out."""
    finding = the_finding(broken("network", dns=BOTH, tcp=(kind(V6, 443, 1.0), OPEN)))
    assert (finding.severity, finding.confidence) == (Severity.INFO, Confidence.HINT)
    assert [e.label for e in finding.evidence] == [
        "TCP [2001:db8::10]:443",
        "TCP 203.0.113.10:443",
    ]


@pytest.mark.parametrize(
    ("family", "title"),
    [
        pytest.param(Family.ANY, "demo.example.com does not exist", id="any"),
        pytest.param(Family.IPV4, "demo.example.com has no IPv4 address", id="IPv4"),
        pytest.param(Family.IPV6, "demo.example.com has no IPv6 address", id="IPv6"),
    ],
)
def test_a_missing_name_is_named(family: Family, title: str) -> None:
    dns = NameNotFound("no such name", 18.0)
    facts = stopped(dns=dns, host="demo.example.com", family=family)
    assert the_finding(facts).title == title


def test_a_title_that_would_be_too_long_is_cut() -> None:
    dns = NameNotFound("no such name", 18.0)
    facts = stopped(dns=dns, host=f"{'very-' * 12}long.example.com")
    assert the_finding(facts).title == f"{('very-' * 12)[:44]}… does not exist"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        pytest.param(HostKind.CLOUD, "cloud.livekit.io", id="a Cloud project"),
        pytest.param(HostKind.SINGLE_LABEL, "compose network", id="a compose service"),
        pytest.param(HostKind.PUBLIC, "letter by letter", id="any other name"),
    ],
)
def test_the_fix_for_a_missing_name_depends_on_its_kind(kind: HostKind, words: str) -> None:
    facts = stopped(dns=NameNotFound("no such name", 18.0))
    finding = the_finding(facts._replace(url=url("rtc.example.com", 443, kind)))
    assert words in finding.fix[0].text


def test_localhost_is_told_to_start_the_server() -> None:
    facts = stopped(TcpRefused("127.0.0.1", 7880, 0.1), host="localhost", port=7880)
    finding = the_finding(facts._replace(url=LOOPBACK))
    assert finding.fix[0].command == "livekit-server --dev"
    assert finding.title == "Nothing listens on port 7880 of localhost"


def test_a_proxy_variable_is_evidence_where_nothing_answers() -> None:
    """Clients that honour it may get through where this look could not."""
    finding = the_finding(stopped(SILENT, proxy="HTTPS_PROXY"))
    assert finding.evidence[-1].label == "HTTPS_PROXY"


@pytest.mark.parametrize(
    ("facts", "check", "expected"),
    [
        pytest.param(healthy(), "net.dns", ("pass", "1 IPv4 address"), id="one address"),
        pytest.param(
            broken("network", dns=Resolved((V6, V4, "192.0.2.1"), 1.0)),
            "net.dns",
            ("pass", "2 IPv4 and 1 IPv6 addresses"),
            id="both families",
        ),
        pytest.param(
            broken("network", dns=Resolved((V4,), 0.0, literal=True)),
            "net.dns",
            ("pass", "the URL holds the address"),
            id="an address in the URL",
        ),
        pytest.param(healthy(), "net.tcp", ("pass", "port 443 open, 24 ms"), id="open"),
        pytest.param(stopped(REFUSED), "net.tcp", ("fail", "Nothing listens on port 443 of rtc.example.com"), id="refused"),
        pytest.param(
            stopped(dns=NameNotFound("no", 1.0)), "net.tcp", ("skip", "needs net.dns"), id="no name"
        ),
        pytest.param(
            stopped(), "net.tcp", ("skip", "nothing was given to look at"), id="not tried"
        ),
        pytest.param(Facts(), "net.dns", ("skip", "nothing was given to look at"), id="no look"),
    ],
)  # fmt: skip
def test_checks(facts: Facts, check: str, expected: tuple[str, str]) -> None:
    assert status(facts, check) == expected


TO_PROXY = TcpConnected("192.0.2.80", 3128, 1.0)
PROXYS = Resolved(("192.0.2.80",), 2.0)
PAST = Direct(Resolved((V4,), 12.0), (OPEN,))
FILTERED = Direct(Resolved((V4,), 12.0), (SILENT,))
UNKNOWN = Direct(NameNotFound("Name or service not known", 18.0))
LATE = Direct(Resolved((V4,), 12.0))


def through(
    reply: Exchange | None,
    *tcp: TcpAttempt,
    direct: Direct | None = PAST,
    dns: Resolved | NameNotFound = PROXYS,
    credentials: bool = False,
) -> NetworkFact:
    tunnel = Tunnel("HTTPS_PROXY", "proxy.example.com", 3128, credentials, reply)
    return NetworkFact(
        "rtc.example.com", 443, Family.ANY, dns, tcp or (TO_PROXY,), through=tunnel, direct=direct
    )


@pytest.mark.parametrize(
    ("network", "codes"),
    [
        pytest.param(through(answer(200)), [], id="both ways"),
        pytest.param(through(answer(200), direct=None), [], id="the other way was not looked at"),
        pytest.param(through(answer(200), direct=LATE), [], id="no time was left for the other"),
        pytest.param(
            through(answer(200), direct=FILTERED), ["proxy-outbound-client"], id="only the proxy's"
        ),
        pytest.param(
            through(answer(200), direct=UNKNOWN), ["proxy-outbound-client"], id="a name of its own"
        ),
        pytest.param(through(answer(403)), ["proxy-outbound-refused"], id="403"),
        pytest.param(through(answer(502)), ["proxy-outbound-refused"], id="502"),
        pytest.param(through(answer(407)), ["proxy-outbound-auth"], id="407"),
        pytest.param(
            through(answer(401), credentials=True), ["proxy-outbound-auth"], id="wrong credentials"
        ),
        pytest.param(through(answer(405)), ["proxy-outbound-invalid"], id="a web server"),
        pytest.param(through(answer(302)), ["proxy-outbound-invalid"], id="a redirect"),
        pytest.param(
            through(no_answer(Silence.TIMEOUT)), ["proxy-outbound-invalid"], id="no answer"
        ),
        pytest.param(
            through(None, TcpRefused("192.0.2.80", 3128, 1.0)),
            ["proxy-outbound-unreachable"],
            id="the proxy refuses the connection",
        ),
        pytest.param(
            through(None, TcpTimedOut("192.0.2.80", 3128, 5000.0)),
            ["proxy-outbound-unreachable"],
            id="the proxy is silent",
        ),
        pytest.param(
            through(None, NO_ROUTE), ["proxy-outbound-unreachable"], id="no route to the proxy"
        ),
        pytest.param(
            through(None, dns=NameNotFound("no such name", 1.0))._replace(tcp=()),
            ["proxy-outbound-unreachable"],
            id="the proxy has no address",
        ),
    ],
)
def test_a_proxy_on_the_way(network: NetworkFact, codes: list[str]) -> None:
    facts = healthy()._replace(network=network)
    if network.through is not None and not network.through.open:
        facts = only(network=network)
    assert causes(facts) == codes


def test_the_way_past_a_proxy_is_a_fix_only_where_there_is_one() -> None:
    past = the_finding(only(network=through(None, TcpRefused("192.0.2.80", 3128, 1.0))))
    assert past.fix[0].command == "export NO_PROXY=rtc.example.com${NO_PROXY:+,$NO_PROXY}"
    refused = TcpRefused("192.0.2.80", 3128, 1.0)
    none = the_finding(only(network=through(None, refused, direct=FILTERED)))
    assert "NO_PROXY" not in (none.fix[0].command or "")


def test_the_checks_say_which_way_was_taken() -> None:
    facts = healthy()._replace(network=through(answer(200)))
    assert status(facts, "net.dns") == (
        "pass",
        "left to the proxy (HTTPS_PROXY, proxy.example.com:3128)",
    )
    assert status(facts, "net.tcp") == ("pass", "the proxy opens port 443, 25 ms")


@pytest.mark.parametrize(
    ("loopback", "codes"),
    [
        pytest.param(answer(200, "OK"), ["dev-bind-loopback"], id="LiveKit is there"),
        pytest.param(answer(200, "hello"), ["tcp-refused"], id="something else is there"),
        pytest.param(no_answer(Silence.CLOSED), ["tcp-refused"], id="nothing that answers"),
        pytest.param(None, ["tcp-refused"], id="nothing at all"),
    ],
)
def test_what_listens_on_loopback_alone(loopback: Exchange | None, codes: list[str]) -> None:
    assert causes(stopped(REFUSED, loopback=loopback)) == codes


V4B = "203.0.113.11"
OK, SUCCESS = answer(200, "OK"), answer(200, "success")
GOOD = AddressLook(V4, OPEN, "established", "", OK, SUCCESS)
SHOP = answer(200, "<html>", content_type="text/html")


@pytest.mark.parametrize(
    ("other", "codes"),
    [
        pytest.param(GOOD._replace(address=V4B), [], id="the same"),
        pytest.param(GOOD._replace(root=SHOP), [], id="a landing page in front of one"),
        pytest.param(
            AddressLook(V4B, OPEN, "established", "", SHOP, answer(404, "<html>")),
            ["dns-wrong-target"],
            id="another site",
        ),
        pytest.param(
            AddressLook(V4B, OPEN, "distrusted", "CN=shop.example"),
            ["dns-wrong-target"],
            id="another certificate",
        ),
        pytest.param(AddressLook(V6, NO_ROUTE), [], id="no IPv6 here"),
        pytest.param(AddressLook(V4B, None), [], id="no time was left"),
        pytest.param(
            GOOD._replace(address=V4B, validation=answer(401, "invalid API key: x")),
            ["server-multi-node-routing"],
            id="LiveKit with other keys",
        ),
    ],
)
def test_every_address_by_itself(other: AddressLook, codes: list[str]) -> None:
    assert causes(broken("network", each=(GOOD, other))) == codes


def test_where_no_address_is_livekits_nothing_differs() -> None:
    shop = AddressLook(V4, OPEN, "established", "", SHOP, answer(404, "<html>"))
    assert causes(broken("network", each=(shop, shop))) == []
