"""Proxies: the upgrade that gets lost, and the upstream that is not there."""

import pytest
from judged import broken, causes, report, the_finding

from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, ForeignAnswer
from lkdoctor.facts.server import HttpAnswer, ServerFact, Silence
from lkdoctor.facts.signal import (
    Held,
    SignalFact,
    UpgradeAttempt,
    Upgraded,
    UpgradeRefused,
    Validation,
    Whose,
)
from lkdoctor.findings import Confidence
from lkdoctor.rules.examples import answer, healthy, no_answer

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
