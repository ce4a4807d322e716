"""Proxies: upgrades and paths that get lost, upstreams that are not there, gates and limits."""

import pytest
from examples.healthy import answer, healthy, no_answer
from judged import broken, causes, report, the_finding

from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, ForeignAnswer
from lkdoctor.facts.server import Elsewhere, HttpAnswer, ServerFact, Silence
from lkdoctor.facts.signal import (
    Held,
    Joined,
    SignalFact,
    UpgradeAttempt,
    Upgraded,
    UpgradeRefused,
    Validation,
    Whose,
)
from lkdoctor.facts.token import TokenFact
from lkdoctor.findings import Confidence
from lkdoctor.tokens.decode import Around
from lkdoctor.tokens.reading import TokenText, Unreadable

NO_TOKEN = answer(401, "no permissions to access the room")
SUCCESS = answer(200, "success")
BAD_HANDSHAKE = answer(
    400,
    r"Bad Request\x0awebsocket: not a websocket handshake: 'Sec-WebSocket-Key' header is missing",
)


def asked(
    validate: HttpAnswer | None,
    upgrade: HttpAnswer,
    whose: Whose = Whose.MINTED,
    root: HttpAnswer | None = None,
) -> Facts:
    validations = () if validate is None else (Validation(whose, "/rtc/validate", validate),)
    attempt = UpgradeAttempt(whose, "/rtc", UpgradeRefused(upgrade))
    facts = healthy()._replace(signal=SignalFact(validations, (attempt,)))
    return facts if root is None else facts._replace(server=ServerFact(root))


def gateway(status: int, **headers: str) -> HttpAnswer:
    return answer(status, "<html><title>Bad</title></html>", content_type="text/html", **headers)


GO_404 = answer(404, r"404 page not found\x0a", content_type="text/plain; charset=utf-8")
BAD_TOKEN = answer(401, "invalid authorization token")
V1_OWN = answer(400, "join_request is required", access_control_allow_origin="*")
GATE = answer(403, "<html>Members only</html>", content_type="text/html", server="cloudflare")
LOGIN = answer(302, "", location="https://sso.example.com/login?next=/rtc/validate")
MOVED = answer(301, "", location="https://auth.example.com/rtc/validate")


def lost(
    upgrade: HttpAnswer = GO_404,
    elsewhere: tuple[Elsewhere, ...] = (Elsewhere("", GO_404),),
    bad_token: HttpAnswer | None = BAD_TOKEN,
) -> Facts:
    """No signalling path is LiveKit's, so it was looked for."""
    facts = asked(GO_404, upgrade)._replace(api=None)
    return facts._replace(server=ServerFact(GO_404, elsewhere=elsewhere, bad_token=bad_token))


def allowed(*origins: str) -> HttpAnswer:
    """LiveKit's yes, to pages of these origins."""
    return SUCCESS._replace(headers=tuple(("access-control-allow-origin", o) for o in origins))


def browsed(classic: HttpAnswer, v1: HttpAnswer | None = None, version: str = "1.13.5") -> Facts:
    """Healthy, and asked once more as a page asks."""
    answers = (("/rtc/validate", classic), ("/rtc/v1/validate", v1))
    signal = healthy().signal
    assert signal is not None
    assert isinstance(signal.first, Joined)
    return broken(
        "signal",
        as_browser=tuple(Validation(Whose.MINTED, path, a) for path, a in answers if a is not None),
        first=signal.first._replace(server_version=version),
    )


def of_length(size: int) -> TokenFact:
    """A token that is that long; what it says does not matter here."""
    text = TokenText(size, Around.NOTHING, "", Unreadable("x", "x"))  # type: ignore[arg-type]  # any fault
    return TokenFact("argument", text)


def down(reply: HttpAnswer) -> Facts:
    """Everything is answered so."""
    api = ApiFact(rooms=ForeignAnswer(reply), without_token=ForeignAnswer(reply))
    return asked(reply, reply, root=reply)._replace(api=api)


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        pytest.param(healthy(), [], id="healthy"),
        pytest.param(asked(NO_TOKEN, NO_TOKEN, Whose.NONE), [], id="upgrade reaches LiveKit"),
        pytest.param(asked(SUCCESS, answer(404)), ["proxy-upgrade-stripped"], id="404, empty"),
        pytest.param(
            asked(NO_TOKEN, answer(404), Whose.NONE),
            ["proxy-upgrade-stripped"],
            id="without a token",
        ),
        pytest.param(asked(SUCCESS, gateway(400)), ["proxy-upgrade-stripped"], id="400"),
        pytest.param(asked(SUCCESS, answer(426, "x")), ["proxy-upgrade-stripped"], id="426"),
        pytest.param(asked(SUCCESS, answer(405, "x")), ["proxy-upgrade-stripped"], id="405"),
        pytest.param(
            asked(SUCCESS, BAD_HANDSHAKE), ["proxy-upgrade-stripped"], id="a header of it is lost"
        ),
        pytest.param(
            asked(None, answer(404)), ["proxy-upgrade-stripped"], id="known by GET / alone"
        ),
        pytest.param(
            asked(None, answer(404), root=gateway(200)),
            ["url-not-livekit"],
            id="an empty 404 of another site",
        ),
        pytest.param(
            asked(SUCCESS, answer(400, "no room name")),
            ["signal-400-hidden"],
            id="LiveKit's own 400",
        ),
        pytest.param(
            asked(SUCCESS, answer(404, "404 page not found")),
            ["signal-refused"],
            id="a 404 with text",
        ),
        pytest.param(down(gateway(502, server="nginx")), ["proxy-upstream-down"], id="502"),
        pytest.param(down(gateway(503)), ["proxy-upstream-down"], id="503"),
        pytest.param(down(gateway(504)), ["proxy-upstream-down"], id="504"),
        pytest.param(down(gateway(522, cf_ray="1")), ["proxy-upstream-down"], id="522"),
        pytest.param(down(gateway(530, server="cloudflare")), ["proxy-upstream-down"], id="530"),
        pytest.param(
            asked(gateway(502), gateway(502), root=answer(200, "OK")),
            ["proxy-upstream-down"],
            id="only /rtc leads to nothing",
        ),
        pytest.param(
            asked(SUCCESS, gateway(504)), ["signal-refused"], id="a session that does not start"
        ),
        pytest.param(
            asked(NO_TOKEN, NO_TOKEN, Whose.NONE, root=gateway(502)),
            [],
            id="only / leads to nothing: no client asks for it",
        ),
        pytest.param(lost(), ["proxy-path-rewrite"], id="LiveKit gets another path"),
        pytest.param(
            lost(bad_token=GO_404), ["url-not-livekit"], id="a Go server that looks at no token"
        ),
        pytest.param(
            lost(upgrade=answer(200, "OK")),
            ["proxy-path-rewrite"],
            id="/rtc is taken off the path",
        ),
        pytest.param(
            lost(elsewhere=(Elsewhere("", NO_TOKEN),)),
            ["signal-refused"],
            id="the path is right, the token makes the difference",
        ),
        pytest.param(
            lost(upgrade=answer(404), elsewhere=(Elsewhere("", NO_TOKEN),)),
            ["proxy-upgrade-stripped"],
            id="a site at /, and an upgrade that is lost",
        ),
        pytest.param(browsed(allowed("*")), [], id="one CORS header"),
        pytest.param(
            browsed(allowed("https://app.example.com")), [], id="the proxy's own in its place"
        ),
        pytest.param(browsed(allowed("*", "*")), ["proxy-double-cors"], id="two CORS headers"),
        pytest.param(browsed(allowed("*, *")), ["proxy-double-cors"], id="two in one header"),
        pytest.param(browsed(allowed()), ["proxy-double-cors"], id="no CORS header"),
        pytest.param(browsed(gateway(200)), [], id="a page is not LiveKit's answer"),
        pytest.param(browsed(allowed("*"), V1_OWN), [], id="/rtc/v1 of LiveKit's"),
        pytest.param(
            browsed(allowed("*"), GO_404, version="1.8.4"),
            ["signal-v1-vs-old-server"],
            id="/rtc/v1 of an older LiveKit",
        ),
        pytest.param(
            browsed(allowed("*"), GO_404, version="x"),
            ["signal-v1-vs-old-server"],
            id="a version without numbers",
        ),
        pytest.param(
            browsed(allowed("*"), GO_404), ["proxy-v1-not-routed"], id="a newer LiveKit has /rtc/v1"
        ),
        pytest.param(
            browsed(allowed("*"), gateway(404)), ["proxy-v1-not-routed"], id="/rtc/v1 is elsewhere"
        ),
        pytest.param(browsed(allowed("*"), gateway(502)), [], id="/rtc/v1: a 502 in passing"),
        pytest.param(
            browsed(gateway(404), gateway(404)), [], id="nothing is said where /rtc is not known"
        ),
        pytest.param(
            asked(GATE, GATE, root=GATE), ["proxy-access-gate"], id="a gate before everything"
        ),
        pytest.param(
            asked(SUCCESS, GATE), ["proxy-access-gate"], id="a gate before the upgrade alone"
        ),
        pytest.param(
            asked(NO_TOKEN, NO_TOKEN, Whose.NONE, root=GATE), [], id="a gate before / alone"
        ),
        pytest.param(browsed(GATE), ["proxy-access-gate"], id="a gate before browsers"),
        pytest.param(
            asked(LOGIN, LOGIN, root=LOGIN), ["proxy-access-gate"], id="the way to a log-in page"
        ),
        pytest.param(
            asked(MOVED, answer(404), root=answer(404)),
            ["url-redirect"],
            id="a host that is named auth",
        ),
        pytest.param(browsed(answer(414)), ["proxy-url-too-long"], id="414"),
        pytest.param(browsed(answer(431, "x")), ["proxy-url-too-long"], id="431"),
        pytest.param(
            browsed(answer(400, "Request Header Or Cookie Too Large")),
            ["proxy-url-too-long"],
            id="a 400 that says so",
        ),
        pytest.param(
            browsed(allowed("*")._replace(status=400, body="no room name")),
            [],
            id="a 400 of LiveKit's",
        ),
        pytest.param(browsed(gateway(400)), [], id="a 400 to a short token"),
        pytest.param(
            browsed(gateway(400))._replace(token=of_length(9000)),
            ["proxy-url-too-long"],
            id="a 400 to a long token",
        ),
        *(
            pytest.param(
                healthy()._replace(server=ServerFact(answer(200, "OK", **{name: value}))),
                ["proxy-http-only-front"],
                id=f"{name}: {value}",
            )
            for name, value in (
                ("cf_ray", "8f1c-FRA"),
                ("x_amz_cf_id", "x"),
                ("x_served_by", "cache-fra-1"),
                ("via", "1.1 google"),
                ("set_cookie", "AWSALB=x"),
            )
        ),
        pytest.param(
            healthy()._replace(server=ServerFact(answer(200, "OK", via="1.1 Caddy"))),
            [],
            id="a proxy of one's own",
        ),
        pytest.param(
            down(gateway(522, cf_ray="1")), ["proxy-upstream-down"], id="Cloudflare, and no LiveKit"
        ),
    ],
)
def test_causes(facts: Facts, codes: list[str]) -> None:
    assert causes(facts) == codes


@pytest.mark.parametrize(
    ("facts", "confidence"),
    [
        pytest.param(asked(SUCCESS, answer(404)), Confidence.CERTAIN, id="LiveKit's empty 404"),
        pytest.param(asked(SUCCESS, answer(426)), Confidence.CERTAIN, id="426 says it"),
        pytest.param(asked(SUCCESS, BAD_HANDSHAKE), Confidence.CERTAIN, id="LiveKit says it"),
        pytest.param(asked(SUCCESS, gateway(400)), Confidence.LIKELY, id="somebody's 400"),
        pytest.param(down(gateway(502, server="nginx")), Confidence.CERTAIN, id="nginx's 502"),
        pytest.param(down(gateway(502)), Confidence.LIKELY, id="nobody's 502"),
    ],
)
def test_how_sure_it_is(facts: Facts, confidence: Confidence) -> None:
    assert the_finding(facts).confidence is confidence


@pytest.mark.parametrize(
    ("server", "words"),
    [
        pytest.param("nginx/1.24.0", "proxy_set_header Upgrade $http_upgrade;", id="nginx"),
        pytest.param("openresty", "proxy_set_header Upgrade $http_upgrade;", id="openresty"),
        pytest.param("Apache/2.4.58", "upgrade=websocket", id="Apache"),
        pytest.param("Caddy", "reverse_proxy 127.0.0.1:7880", id="Caddy"),
        pytest.param("", "proxy_set_header Upgrade $http_upgrade;", id="unknown"),
    ],
)
def test_the_snippet_is_for_the_proxy_that_answered(server: str, words: str) -> None:
    headers = {"server": server} if server else {}
    snippet = the_finding(asked(SUCCESS, answer(404, "", **headers))).fix[0].snippet
    assert snippet is not None
    assert words in snippet.body


def test_the_evidence_shows_both_answers_and_who_gave_them() -> None:
    evidence = the_finding(asked(SUCCESS, answer(404, "", server="nginx"))).evidence
    assert [(e.label, e.observed, e.expected) for e in evidence] == [
        ("GET /rtc/validate, test token", "200 OK: success", None),
        ("upgrade of /rtc, test token", "404 Not Found, empty body", "101 or 401"),
        ("Server header", "nginx", "none: LiveKit sends none"),
    ]


def test_an_upgrade_that_worked_or_hung_is_not_stripped() -> None:
    facts = broken("signal", upgrades=(UpgradeAttempt(Whose.MINTED, "/rtc", Upgraded(9.0)),))
    assert causes(facts) == []
    assert causes(healthy()._replace(server=ServerFact(no_answer(Silence.CLOSED)))) == []


@pytest.mark.parametrize(
    ("held", "titles"),
    [
        pytest.param(
            Held(60.0, 31.0, "dropped", "no close frame", None, 30.0),
            ["An idle session is cut after 30 s"],
            id="idle",
        ),
        pytest.param(
            Held(60.0, 31.0, "dropped", "no close frame", None, 0.2),
            ["An open session is cut after 31 s"],
            id="not idle",
        ),
        pytest.param(
            Held(60.0, 31.0, "closed", "close code 1001", 1001, 30.0),
            ["An idle session is cut after 30 s"],
            id="with a close frame",
        ),
        pytest.param(Held(60.0, 60.0, pings=11), [], id="to its end"),
        pytest.param(Held(60.0, 59.0, "leave JOIN_FAILURE", quiet_s=4.0), [], id="by LiveKit"),
    ],
)
def test_a_session_that_is_held(held: Held, titles: list[str]) -> None:
    found = report(broken("signal", held=held)).findings
    assert [(f.code, f.title) for f in found] == [("proxy-idle-timeout", t) for t in titles]
