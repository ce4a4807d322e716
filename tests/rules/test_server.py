"""Plain HTTP: who answers, who refuses, and how a peer can fail to answer."""

import pytest
from examples.healthy import answer, healthy, no_answer
from judged import broken, causes, only, status, the_finding

from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, RoomsListed, TwirpError
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, ServerFact, Silence
from lkdoctor.facts.signal import (
    LeftAtOnce,
    SignalFact,
    Tally,
    UpgradeAttempt,
    UpgradeRefused,
    UpgradeUnanswered,
    Validation,
    Whose,
)
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence

PAGE = "<!doctype html><html><head><title>Example shop</title></head></html>"
NO_TOKEN = answer(401, "no permissions to access the room")
SUCCESS = answer(200, "success")


def page(status_code: int = 200, **headers: str) -> HttpAnswer:
    return answer(status_code, PAGE, content_type="text/html", **headers)


def saw(root: Exchange, validate: Exchange | None = None, upgrade: Exchange | None = None) -> Facts:
    """A run without a token that was answered so."""
    facts = only(network=healthy().network, tls=healthy().tls, server=ServerFact(root))
    if validate is None:
        return facts
    attempts: tuple[UpgradeAttempt, ...] = ()
    if upgrade is not None:
        result = (
            UpgradeRefused(upgrade)
            if isinstance(upgrade, HttpAnswer)
            else UpgradeUnanswered(upgrade)
        )
        attempts = (UpgradeAttempt(Whose.NONE, "/rtc", result),)
    validation = Validation(Whose.NONE, "/rtc/validate", validate)
    return facts._replace(signal=SignalFact((validation,), attempts))


def at(facts: Facts, written: str, scheme: str, host: str, *, port: int, path: str = "") -> Facts:
    result = ParsedUrl(
        scheme=scheme,
        host=host,
        port=port,
        explicit_port=False,
        path=path,
        query=False,
        userinfo=False,
        host_kind=HostKind.PUBLIC,
    )
    return facts._replace(url=UrlFact(written, ".env:1", result))


def moved(to: str, validate_to: str | None = None, code: int = 301) -> Facts:
    return saw(
        answer(code, location=to), answer(code, location=validate_to) if validate_to else None
    )


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        pytest.param(healthy(), [], id="healthy"),
        pytest.param(saw(answer(200, "OK\\x0a"), NO_TOKEN, NO_TOKEN), [], id="no token at all"),
        pytest.param(saw(page(), NO_TOKEN, NO_TOKEN), [], id="a website at /, LiveKit at /rtc"),
        pytest.param(
            saw(answer(302, location="https://example.com/welcome"), NO_TOKEN, NO_TOKEN),
            [],
            id="a landing page at /",
        ),
        pytest.param(
            saw(answer(403, "forbidden"), NO_TOKEN, NO_TOKEN), [], id="/ is closed, /rtc is open"
        ),
        pytest.param(
            saw(no_answer(Silence.CLOSED), NO_TOKEN, NO_TOKEN), [], id="/ is dropped, /rtc is open"
        ),
        pytest.param(
            saw(answer(404, "404 page not found"), NO_TOKEN, NO_TOKEN), [], id="no / in the proxy"
        ),
        pytest.param(saw(page()), ["url-not-livekit"], id="a website"),
        pytest.param(
            saw(page(), page(404), page(404)), ["url-not-livekit"], id="a website, at all"
        ),
        pytest.param(saw(answer(200, "{}"), page()), ["url-not-livekit"], id="another service"),
        pytest.param(
            saw(answer(404, "404 page not found"), answer(404, "404 page not found")),
            ["url-not-livekit"],
            id="a Go server that is not LiveKit",
        ),
        pytest.param(
            moved("https://www.example.com/", "https://www.example.com/rtc/validate"),
            ["url-redirect"],
            id="moved",
        ),
        pytest.param(
            moved("https://login.example.com/?next=x", "https://login.example.com/?next=y", 302),
            ["proxy-access-gate"],
            id="a log-in page",
        ),
        pytest.param(
            saw(answer(406, "Not Ready")), ["server-not-ready"], id="the node is not ready"
        ),
        pytest.param(
            saw(answer(406, "Not Ready"), NO_TOKEN, no_answer(Silence.TIMEOUT)),
            ["server-not-ready"],
            id="the node is not ready and joins hang",
        ),
        pytest.param(saw(page(406)), ["server-refused"], id="a firewall's 406"),
        pytest.param(
            saw(answer(200, "OK"), answer(200, "OK"), answer(200, "OK")),
            ["url-not-livekit"],
            id="OK to everything",
        ),
        pytest.param(saw(page(401)), ["proxy-access-gate"], id="a gate"),
        pytest.param(saw(answer(403, "not on the list")), ["server-refused"], id="a refusal"),
        pytest.param(
            saw(answer(401, "", www_authenticate="Basic"), answer(401, "", www_authenticate="B")),
            ["proxy-access-gate"],
            id="a gate in front of everything",
        ),
        pytest.param(saw(answer(500, "oops")), ["server-refused"], id="an error of a proxy's own"),
        pytest.param(saw(no_answer(Silence.TIMEOUT)), ["http-silent"], id="never answers"),
        pytest.param(
            saw(no_answer(Silence.TIMEOUT), no_answer(Silence.TIMEOUT), no_answer(Silence.TIMEOUT)),
            ["http-silent"],
            id="never answers anything",
        ),
        pytest.param(saw(NoAnswer(Silence.SLOW, "", 5e3, 9)), ["http-slow"], id="without end"),
        pytest.param(
            saw(NoAnswer(Silence.SLOW, "", 5e3, 9), NoAnswer(Silence.SLOW, "", 5e3, 9)),
            ["http-slow"],
            id="everything without end",
        ),
        pytest.param(saw(no_answer(Silence.CLOSED)), ["http-closed-early"], id="closes at once"),
        pytest.param(
            saw(no_answer(Silence.CLOSED), no_answer(Silence.RESET), no_answer(Silence.CLOSED)),
            ["http-closed-early"],
            id="closes whatever comes",
        ),
        pytest.param(saw(no_answer(Silence.RESET)), ["http-closed-early"], id="resets"),
        pytest.param(
            saw(NoAnswer(Silence.NOT_HTTP, "SSH-2.0", 3.0, 7)), ["http-not-http"], id="not HTTP"
        ),
        pytest.param(
            saw(no_answer(Silence.NOT_HTTP), no_answer(Silence.NOT_HTTP)),
            ["http-not-http"],
            id="not HTTP anywhere",
        ),
        pytest.param(saw(no_answer(Silence.TOO_LARGE)), ["http-too-large"], id="endless head"),
    ],
)
def test_causes(facts: Facts, codes: list[str]) -> None:
    assert causes(facts) == codes


@pytest.mark.parametrize(
    ("facts", "right"),
    [
        pytest.param(
            at(
                moved("https://rtc.example.com/"),
                "ws://rtc.example.com",
                "ws",
                "rtc.example.com",
                port=80,
            ),
            "wss://rtc.example.com",
            id="http to https",
        ),
        pytest.param(
            moved("https://www.example.com/", "https://www.example.com/rtc/validate?x=1"),
            "wss://www.example.com",
            id="to another host",
        ),
        pytest.param(
            moved("https://rtc.example.com:8443/"), "wss://rtc.example.com:8443", id="to a port"
        ),
        pytest.param(
            at(
                moved("https://New.example.com/Sfu/"),
                "wss://old.example.com/sfu",
                "wss",
                "old.example.com",
                port=443,
                path="/Sfu",
            ),
            "wss://new.example.com/Sfu",
            id="with its prefix",
        ),
        pytest.param(
            moved("/welcome", "https://new.example.com:443/rtc/validate"),
            "wss://new.example.com",
            id="where only validate tells",
        ),
    ],
)
def test_a_redirect_says_the_right_url(facts: Facts, right: str) -> None:
    finding = the_finding(facts)
    snippet = finding.fix[0].snippet
    assert snippet is not None
    assert (finding.confidence, snippet.body) == (Confidence.CERTAIN, f"LIVEKIT_URL={right}")
    assert finding.evidence[-1].expected == right


@pytest.mark.parametrize(
    "location",
    [
        pytest.param("/welcome", id="a path alone"),
        pytest.param("https://www.example.com/welcome?next=/rtc", id="a landing page"),
        pytest.param("https://rtc.example.com/", id="to itself"),
        pytest.param("https://evil.example/$(reboot)/", id="not a URL to paste"),
        pytest.param("https://user@evil.example/", id="with a user in it"),
        pytest.param("https:///", id="without a host"),
        pytest.param("javascript://alert/", id="another scheme"),
        pytest.param("https://a b.example/", id="with a blank"),
    ],
)
def test_a_redirect_that_names_no_right_url_gives_none_to_paste(location: str) -> None:
    """What is offered for pasting is built from checked parts only."""
    facts = saw(answer(302, location=location))
    (code,) = causes(facts)
    assert code == "url-redirect"
    finding = the_finding(facts)
    snippets = [s.body for step in finding.fix if (s := step.snippet) is not None]
    hostile = [body for body in snippets if "$(" in body or "user@" in body]
    assert hostile == []
    if "evil" not in location or "@" in location:
        assert finding.confidence is Confidence.LIKELY


def test_a_redirect_of_the_upgrade_alone_is_found() -> None:
    facts = saw(answer(200, "OK"), NO_TOKEN, answer(307, location="https://x.example/rtc"))
    assert causes(facts) == ["url-redirect"]


def test_livekit_s_own_website_is_named() -> None:
    facts = at(saw(page()), "https://cloud.livekit.io", "https", "cloud.livekit.io", port=443)
    assert the_finding(facts).title == "cloud.livekit.io is LiveKit's website, not your server"


@pytest.mark.parametrize(
    ("facts", "confidence"),
    [
        pytest.param(saw(page()), Confidence.CERTAIN, id="a page"),
        pytest.param(saw(answer(200, "{}")), Confidence.LIKELY, id="something, nothing else asked"),
        pytest.param(saw(answer(200, "{}"), page(404)), Confidence.CERTAIN, id="something, twice"),
        pytest.param(saw(answer(406, "Not Ready")), Confidence.CERTAIN, id="LiveKit's own 406"),
        pytest.param(saw(answer(406, "no")), Confidence.LIKELY, id="somebody's 406"),
        pytest.param(saw(page(403)), Confidence.CERTAIN, id="a gate"),
    ],
)
def test_how_sure_it_is(facts: Facts, confidence: Confidence) -> None:
    assert the_finding(facts).confidence is confidence


def test_the_page_and_its_software_are_evidence() -> None:
    evidence = the_finding(saw(page(200, server="nginx/1.24"))).evidence
    assert [(e.label, e.observed) for e in evidence] == [
        ("GET /", '200 OK, a web page "Example shop"'),
        ("Server header", "nginx/1.24"),
    ]


@pytest.mark.parametrize(
    ("silence", "observed"),
    [
        pytest.param(NoAnswer(Silence.TIMEOUT, "not a byte", 5e3), "no byte in 5.0 s", id="silent"),
        pytest.param(
            NoAnswer(Silence.SLOW, "HTTP/1.1 200 OK, 9 bytes of body", 5e3, 47),
            "47 bytes in 5.0 s, no end: HTTP/1.1 200 OK, 9 bytes of body",
            id="slow",
        ),
        pytest.param(
            NoAnswer(Silence.CLOSED, "not a byte", 3.0), "closed without a byte", id="closed"
        ),
        pytest.param(
            NoAnswer(Silence.RESET, "HTTP/1.1 200 OK", 3.0, 15),
            "reset after 15 bytes: HTTP/1.1 200 OK",
            id="reset",
        ),
        pytest.param(
            NoAnswer(Silence.NOT_HTTP, "SSH-2.0-OpenSSH_9.6", 3.0, 21),
            "not HTTP: SSH-2.0-OpenSSH_9.6",
            id="not HTTP",
        ),
        pytest.param(
            NoAnswer(Silence.TOO_LARGE, "HTTP/1.1 200 OK, and no end", 3.0, 65536),
            "65536 bytes of head: HTTP/1.1 200 OK, and no end",
            id="too large",
        ),
        pytest.param(
            NoAnswer(Silence.NOT_CONNECTED, "refused", 3.0), "no connection: refused", id="none"
        ),
    ],
)
def test_what_came_in_place_of_an_answer_is_evidence(silence: NoAnswer, observed: str) -> None:
    assert the_finding(saw(silence)).evidence[0].observed == observed


def test_a_gate_is_not_taken_for_a_bad_token() -> None:
    """401 of a log-in page says nothing about the token, and must not be put on it."""
    finding = the_finding(broken("server", root=page(401))._replace(signal=None, api=None))
    assert finding.title == "Something in front of LiveKit wants a log-in"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(healthy(), ("pass", "GET / answers OK, 25 ms"), id="healthy"),
        pytest.param(
            saw(page(), NO_TOKEN),
            ("pass", "GET / is another site's, /rtc is LiveKit's"),
            id="a website",
        ),
        pytest.param(
            saw(no_answer(Silence.CLOSED), NO_TOKEN),
            ("pass", "GET / is not answered, /rtc is LiveKit's"),
            id="dropped",
        ),
        pytest.param(
            saw(answer(429, "slow down")), ("unknown", "GET /: 429: slow down"), id="limited"
        ),
        pytest.param(
            saw(no_answer(Silence.TIMEOUT)),
            ("fail", "The port takes requests and never answers"),
            id="silent",
        ),
        pytest.param(Facts(), ("skip", "needs net.dns"), id="no look"),
    ],
)
def test_check(facts: Facts, expected: tuple[str, str]) -> None:
    assert status(facts, "http.root") == expected


def rooms_with(**changes: int) -> Facts:
    facts = healthy()
    assert facts.api is not None
    assert isinstance(facts.api.rooms, RoomsListed)
    (room,) = facts.api.rooms.rooms
    rooms = RoomsListed((room._replace(**changes),))  # type: ignore[arg-type]  # its own fields
    return facts._replace(api=facts.api._replace(rooms=rooms, room_asked=room.name))


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        pytest.param(rooms_with(departure_timeout_s=5), ["server-room-timeouts"], id="5 s"),
        pytest.param(rooms_with(empty_timeout_s=30), ["server-room-timeouts"], id="30 s, empty"),
        pytest.param(rooms_with(departure_timeout_s=6), [], id="6 s"),
        pytest.param(rooms_with(departure_timeout_s=0), [], id="a server that does not tell"),
    ],
)
def test_a_room_that_closes_soon(facts: Facts, codes: list[str]) -> None:
    assert causes(facts) == codes


@pytest.mark.parametrize(
    "words", ["could not find any available nodes", "reached configured limit for node"]
)
def test_no_node_by_the_api(words: str) -> None:
    api = ApiFact(rooms=TwirpError("unavailable", f"twirp: {words}", 503))
    assert causes(healthy()._replace(api=api)) == ["server-no-nodes"]


def test_a_server_that_drains() -> None:
    facts = healthy()
    assert facts.signal is not None
    leave = LeftAtOnce(2.0, "SERVER_SHUTDOWN", "RECONNECT")
    signal = facts.signal._replace(first=leave, pings=None, goodbye=None)
    assert causes(facts._replace(signal=signal)) == ["server-restart-drain"]


@pytest.mark.parametrize(
    ("again", "codes"),
    [
        pytest.param((SUCCESS,), [], id="always the same"),
        pytest.param(
            (SUCCESS, answer(401, "invalid API key: x")), ["server-multi-node-routing"], id="keys"
        ),
        pytest.param(
            (SUCCESS, answer(404, "requested room does not exist")),
            ["server-multi-node-routing"],
            id="rooms",
        ),
        pytest.param((SUCCESS, answer(429, "slow down")), [], id="a limit of the proxy's"),
    ],
)
def test_what_is_asked_again(again: tuple[HttpAnswer, ...], codes: list[str]) -> None:
    assert causes(broken("signal", again=tuple(Tally(one, 3) for one in again))) == codes


def test_a_join_that_went_through_is_not_said_to_hang() -> None:
    stale = ServerFact(root=answer(406, "Not Ready\nNode Updated At 2026-01-01"))
    joined = the_finding(healthy()._replace(server=stale))
    alone = the_finding(only(server=stale))
    assert (joined.code, alone.code) == ("server-not-ready", "server-not-ready")
    assert joined.cause.endswith("although this join went through.")
    assert alone.cause.endswith("and joins on it hang.")
