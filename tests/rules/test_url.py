"""Every fault of a URL is named by its code before anything is dialled."""

import pytest
from examples.healthy import answer, no_answer

from lkdoctor.facts import Facts
from lkdoctor.facts.network import Family, NameNotFound, NetworkFact, Resolved, TcpRefused
from lkdoctor.facts.server import Elsewhere, ServerFact, Silence
from lkdoctor.facts.signal import SignalFact, Validation, Whose
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.findings import Finding
from lkdoctor.rules.url import CHECKS, RULES
from lkdoctor.wire.url import parse


def found(facts: Facts) -> list[Finding]:
    return [finding for rule in RULES for finding in rule.findings(facts)]


def at(url: str, origin: str = ".env:1") -> Facts:
    return Facts(url=parse(url, origin))


NO_TOKEN = answer(401, "no permissions to access the room")
GO_404 = answer(404, r"404 page not found\x0a")


def searched(url: str, *there: str) -> Facts:
    """Nothing is LiveKit's but what a search finds under these prefixes."""
    facts = at(url)
    assert facts.url is not None
    own = facts.url.result.path if isinstance(facts.url.result, ParsedUrl) else ""
    prefixes = dict.fromkeys((own, "", "/livekit", "/livekit/sfu", "/livekit-server"))
    elsewhere = tuple(Elsewhere(p, NO_TOKEN if p in there else GO_404) for p in prefixes)
    asked = Validation(Whose.MINTED, "/rtc/validate", GO_404)
    return facts._replace(
        server=ServerFact(GO_404, elsewhere=elsewhere), signal=SignalFact(validations=(asked,))
    )


@pytest.mark.parametrize(
    ("facts", "title", "right"),
    [
        pytest.param(
            searched("wss://example.com", "/livekit/sfu"),
            "LiveKit is under /livekit/sfu, which the URL lacks",
            "wss://example.com/livekit/sfu",
            id="none is written",
        ),
        pytest.param(
            searched("wss://example.com:8443/video", "/livekit"),
            "LiveKit is under /livekit, not under /video",
            "wss://example.com:8443/livekit",
            id="another is written",
        ),
        pytest.param(
            searched("ws://example.com/livekit", ""),
            "LiveKit is at the host's root, not under /livekit",
            "ws://example.com",
            id="one is written, there is none",
        ),
    ],
)
def test_livekit_is_found_under_another_prefix(facts: Facts, title: str, right: str) -> None:
    (finding,) = found(facts)
    snippet = finding.fix[0].snippet
    assert snippet is not None
    assert (finding.code, finding.title, snippet.body) == (
        "url-path",
        title,
        f"LIVEKIT_URL={right}",
    )
    assert finding.evidence[0].expected == right
    assert finding.evidence[-1].observed == "401 Unauthorized: no permissions to access the room"


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(searched("wss://example.com/livekit"), id="nowhere"),
        pytest.param(
            searched("wss://example.com/livekit", "", "/livekit"), id="where it should be"
        ),
    ],
)
def test_no_other_prefix_is_named_without_need(facts: Facts) -> None:
    assert found(facts) == []


@pytest.mark.parametrize(
    ("url", "codes", "right"),
    [
        pytest.param("wss://demo-x4k2.livekit.cloud", [], "", id="Cloud"),
        pytest.param("wss://rtc.example.com/livekit/sfu", [], "", id="a proxy's prefix"),
        pytest.param("ws://localhost:7880", [], "", id="local"),
        pytest.param("https://rtc.example.com", [], "", id="https, which clients swap"),
        pytest.param("ws://[::1]:7880", [], "", id="IPv6"),
        pytest.param("wss://rtc.example.com:8443", [], "", id="a port of one's own"),
        pytest.param("wss://rtc.example.com/rtcserver", [], "", id="a prefix that begins with rtc"),
        pytest.param("rtc.example.com", ["url-no-scheme"], "wss://rtc.example.com", id="bare host"),
        pytest.param(
            "localhost:7880", ["url-no-scheme"], "ws://localhost:7880", id="bare local host"
        ),
        pytest.param(
            "https://cloud.livekit.io/projects/p_abc",
            ["url-other-service"],
            "wss://YOUR-PROJECT.livekit.cloud",
            id="the dashboard",
        ),
        pytest.param(
            "wss://demo-x4k2.sip.livekit.cloud",
            ["url-other-service"],
            "wss://demo-x4k2.livekit.cloud",
            id="a project's SIP address",
        ),
        pytest.param(
            "wss://wss://rtc.example.com",
            ["url-invalid-hang"],
            "wss://rtc.example.com",
            id="two schemes",
        ),
        pytest.param(
            "wss://dem\u043e-x4k2.livekit.cloud",
            ["url-invalid-hang"],
            "wss://YOUR-HOST",
            id="a Cyrillic letter in a Cloud address",
        ),
        pytest.param(
            "ftp://rtc.example.com", ["url-no-scheme"], "wss://rtc.example.com", id="other scheme"
        ),
        pytest.param(
            "wss:/rtc.example.com", ["url-no-scheme"], "wss://rtc.example.com", id="one slash"
        ),
        pytest.param("undefined", ["url-invalid-hang"], "wss://YOUR-HOST", id="undefined"),
        pytest.param("[object Object]", ["url-invalid-hang"], "wss://YOUR-HOST", id="object"),
        pytest.param("  ", ["url-invalid-hang"], "wss://YOUR-HOST", id="nothing but blanks"),
        pytest.param("wss://", ["url-invalid-hang"], "wss://YOUR-HOST", id="no host"),
        pytest.param(
            "wss://rtc.exa mple.com",
            ["url-invalid-hang"],
            "wss://rtc.example.com",
            id="a blank inside",
        ),
        pytest.param("ws://h:78800", ["url-invalid-hang"], "ws://h", id="a port beyond 65535"),
        pytest.param("ws://h:7881", ["url-wrong-port"], "ws://h:7880", id="ICE over TCP"),
        pytest.param("ws://h:7882", ["url-wrong-port"], "ws://h:7880", id="ICE over UDP"),
        pytest.param("wss://h:5349", ["url-wrong-port"], "wss://h", id="TURN over TLS"),
        pytest.param(
            "wss://demo.livekit.cloud:7880",
            ["url-wrong-port"],
            "wss://demo.livekit.cloud",
            id="a Cloud port",
        ),
        pytest.param("wss://h.example/rtc", ["url-path"], "wss://h.example", id="/rtc"),
        pytest.param("wss://h.example/rtc/", ["url-path"], "wss://h.example", id="/rtc/"),
        pytest.param("ws://h:7880/rtc/v1", ["url-path"], "ws://h:7880", id="/rtc/v1"),
        pytest.param(
            "wss://h.example/sfu/rtc/validate",
            ["url-path"],
            "wss://h.example/sfu",
            id="prefix and /rtc",
        ),
        pytest.param(
            "https://h.example/twirp/livekit.RoomService/ListRooms",
            ["url-path"],
            "wss://h.example",
            id="the API's path",
        ),
        pytest.param(
            "wss://demo.livekit.cloud/projects",
            ["url-path"],
            "wss://demo.livekit.cloud",
            id="a Cloud path",
        ),
        pytest.param("wss://h.example?x=1", ["url-path"], "wss://h.example", id="a query"),
        pytest.param("wss://u:p@h.example", ["url-path"], "wss://h.example", id="a password"),
    ],
)
def test_which_cause_and_what_to_write(url: str, codes: list[str], right: str) -> None:
    """A row names every finding of this layer that it must raise, and no other."""
    findings = found(at(url))
    assert [finding.code for finding in findings] == codes
    for finding in findings:
        snippet = finding.fix[0].snippet
        assert snippet is not None
        assert snippet.body == f"LIVEKIT_URL={right}"
        assert finding.location == ".env:1"


def test_the_place_of_an_option_is_no_file() -> None:
    (finding,) = found(at("localhost:7880", "--url"))
    assert finding.location is None


def test_a_port_is_not_wrong_where_livekit_answers() -> None:
    facts = at("ws://h:7881")
    assert found(facts._replace(server=ServerFact(answer(200, "OK")))) == []
    (wrong,) = found(facts._replace(server=ServerFact(no_answer(Silence.NOT_HTTP))))
    assert (wrong.code, str(wrong.confidence)) == ("url-wrong-port", "certain")


def test_a_wrong_port_that_nobody_answers_is_the_cause_of_the_silence() -> None:
    tried = NetworkFact(
        "127.0.0.1",
        7881,
        Family.ANY,
        Resolved(("127.0.0.1",), 0.0, literal=True),
        (TcpRefused("127.0.0.1", 7881, 0.1),),
    )
    facts = at("ws://127.0.0.1:7881")._replace(network=tried)
    (wrong,) = found(facts)
    assert (wrong.code, str(wrong.confidence)) == ("url-wrong-port", "certain")
    assert [(e.label, e.observed) for e in wrong.evidence][2:] == [
        ("TCP 127.0.0.1:7881", "refused after 0 ms")
    ]
    # A name that cannot be looked up says nothing about the port.
    unnamed = tried._replace(dns=NameNotFound("Name or service not known", 1.0), tcp=())
    (wrong,) = found(facts._replace(network=unnamed))
    assert str(wrong.confidence) == "likely"


def test_a_path_is_not_wrong_where_livekit_answers_behind_it() -> None:
    facts = at("wss://h.example/rtc")
    validation = Validation(Whose.MINTED, "/rtc/rtc/validate", answer(200, "success"))
    assert found(facts._replace(signal=SignalFact(validations=(validation,)))) == []


def test_a_password_in_the_url_is_not_shown() -> None:
    (finding,) = found(at("wss://alice:Xq7Lm2Rt9w@h.example"))
    assert "Xq7Lm2Rt9w" not in repr(finding)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("wss://demo.livekit.cloud", "wss, LiveKit Cloud project address, no path"),
        ("ws://localhost:7880", "ws, port 7880 of this machine, no path"),
        ("wss://rtc.example.com/sfu", "wss, default port, prefix /sfu"),
        ("wss://rtc.example.com:8443", "wss, port 8443, no path"),
        ("ws://10.0.0.5:7880", "ws, port 7880 of a private address, no path"),
        ("ws://livekit:7880", "ws, port 7880 of a host in this network, no path"),
        ("undefined", None),
    ],
)
def test_what_a_good_url_is_told(url: str, told: str | None) -> None:
    assert CHECKS[0].see(at(url)) == told
