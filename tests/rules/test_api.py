"""The server API: its own errors, and answers that are not its own."""

import pytest
from examples.healthy import answer, healthy, no_answer
from judged import broken, causes, status, the_finding

from lkdoctor.facts import Facts
from lkdoctor.facts.api import (
    ApiFact,
    ForeignAnswer,
    ParticipantsListed,
    RoomInfo,
    RoomsListed,
    TwirpError,
)
from lkdoctor.facts.server import Exchange, ServerFact, Silence
from lkdoctor.facts.signal import SignalFact, Validation, Whose
from lkdoctor.findings import Confidence, Severity

DENIED = TwirpError("unauthenticated", "permissions denied", 401)
BAD_ROUTE = TwirpError("bad_route", 'no handler for path "/twirp/…"', 404)
PAGE = "<!doctype html><title>Example shop</title>"
HTML_404 = answer(404, PAGE, content_type="text/html", server="nginx")
GO_404 = answer(404, "404 page not found")


def rooms(*names: str, people: int = 1) -> RoomsListed:
    return RoomsListed(
        tuple(
            RoomInfo(
                name=name,
                sid="RM_1",
                num_participants=people,
                num_publishers=0,
                max_participants=0,
                created_at=0.0,
                empty_timeout_s=300,
                departure_timeout_s=20,
                metadata_bytes=0,
                active_recording=False,
            )
            for name in names
        )
    )


def foreign(exchange: Exchange) -> Facts:
    return broken("api", rooms=ForeignAnswer(exchange))


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        pytest.param(healthy(), [], id="healthy"),
        pytest.param(
            healthy()._replace(api=ApiFact(without_token=DENIED)), [], id="routed, without a key"
        ),
        pytest.param(healthy()._replace(api=None), [], id="not asked"),
        pytest.param(broken("api", rooms=DENIED), ["api-permission"], id="no roomList"),
        pytest.param(
            broken("api", participants=DENIED, room_asked="demo"),
            ["api-permission"],
            id="no roomAdmin",
        ),
        pytest.param(foreign(HTML_404), ["api-not-routed"], id="a page"),
        pytest.param(foreign(GO_404), ["api-not-routed"], id="another path of LiveKit's"),
        pytest.param(foreign(answer(405, "")), ["api-not-routed"], id="405"),
        pytest.param(
            foreign(answer(200, PAGE, content_type="text/html")), ["api-not-routed"], id="an app"
        ),
        pytest.param(
            healthy()._replace(api=ApiFact(without_token=ForeignAnswer(HTML_404))),
            ["api-not-routed"],
            id="not routed, seen without a key",
        ),
        pytest.param(broken("api", rooms=BAD_ROUTE), ["api-not-routed"], id="bad_route"),
        pytest.param(
            foreign(HTML_404)._replace(server=ServerFact(answer(200, PAGE)), signal=None),
            ["url-not-livekit"],
            id="nothing here is LiveKit",
        ),
        pytest.param(
            foreign(HTML_404)._replace(
                server=None,
                signal=SignalFact((Validation(Whose.NONE, "/rtc/validate", HTML_404),)),
            ),
            ["signal-refused"],
            id="nothing here is LiveKit, as far as signalling shows",
        ),
        pytest.param(
            broken("api", participants=TwirpError("not_found", "no such room", 404)),
            ["api-not-found"],
            id="not found",
        ),
        pytest.param(broken("api", room_asked="demo"), [], id="the room is there"),
        pytest.param(
            broken("api", room_asked="booking-42"), ["api-not-found"], id="not there: worth a word"
        ),
        pytest.param(
            broken("api", rooms=TwirpError("unavailable", "no response from servers", 503)),
            ["api-unavailable"],
            id="unavailable",
        ),
        pytest.param(
            broken("api", rooms=TwirpError("internal", "redis: connection refused", 500)),
            ["api-unavailable"],
            id="internal",
        ),
        pytest.param(foreign(answer(502, "bad")), ["api-unavailable"], id="502 for the API alone"),
        pytest.param(foreign(no_answer(Silence.TIMEOUT)), ["api-no-answer"], id="silent"),
        pytest.param(foreign(no_answer(Silence.CLOSED)), ["api-no-answer"], id="closed"),
        pytest.param(foreign(no_answer(Silence.NOT_HTTP)), ["api-no-answer"], id="not HTTP"),
        pytest.param(
            foreign(answer(403, PAGE, content_type="text/html")), ["api-refused"], id="a gate"
        ),
        pytest.param(foreign(answer(418, "teapot")), ["api-refused"], id="who knows"),
        pytest.param(
            broken("api", rooms=TwirpError("malformed", "could not be decoded", 400)),
            ["api-refused"],
            id="another error of its own",
        ),
        pytest.param(
            foreign(answer(401, "invalid token: <token>, error: token is expired")),
            ["api-refused"],
            id="expired at once",
        ),
        pytest.param(foreign(answer(429, "slow down")), ["signal-rate-limited"], id="rate limited"),
        pytest.param(
            foreign(answer(401, "invalid API key: devkey")), [], id="a wrong key: another layer's"
        ),
        pytest.param(
            foreign(answer(401, "invalid token: <token>, error: signature is invalid")),
            [],
            id="a wrong secret: another layer's",
        ),
    ],
)
def test_causes(facts: Facts, codes: list[str]) -> None:
    assert causes(facts) == codes


def test_one_reason_for_signalling_and_api_is_not_told_twice() -> None:
    late = answer(401, "invalid token: <token>, error: token has invalid claims: token is expired")
    signal = SignalFact((Validation(Whose.MINTED, "/rtc/validate", late),))
    assert causes(foreign(late)._replace(signal=signal)) == ["signal-refused"]


@pytest.mark.parametrize(
    ("facts", "confidence"),
    [
        pytest.param(foreign(HTML_404), Confidence.CERTAIN, id="LiveKit is here"),
        pytest.param(
            foreign(HTML_404)._replace(server=None, signal=None), Confidence.LIKELY, id="unknown"
        ),
    ],
)
def test_how_sure_a_missing_route_is(facts: Facts, confidence: Confidence) -> None:
    assert the_finding(facts).confidence is confidence


def test_a_room_that_is_not_there_yet_is_no_fault() -> None:
    """Rooms are made by the first join; before that they are absent, as they should be."""
    finding = the_finding(broken("api", room_asked="booking-42"))
    assert (finding.severity, finding.confidence, finding.title) == (
        Severity.INFO,
        Confidence.HINT,
        "The room booking-42 does not exist now",
    )


def test_people_in_a_room_that_differs_only_in_case_are_worth_a_warning() -> None:
    facts = broken("api", rooms=rooms("Booking-42", "demo"), room_asked="booking-42")
    finding = the_finding(facts)
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    assert finding.evidence[-1].observed == "Booking-42"


def test_an_empty_room_that_differs_only_in_case_is_not() -> None:
    facts = broken("api", rooms=rooms("Booking-42", people=0), room_asked="booking-42")
    assert the_finding(facts).severity is Severity.INFO


@pytest.mark.parametrize(
    ("facts", "check", "expected"),
    [
        pytest.param(healthy(), "api.key", ("pass", "key accepted, 1 room"), id="one room"),
        pytest.param(
            broken("api", rooms=rooms("a", "b")), "api.key", ("pass", "key accepted, 2 rooms"), id="two"
        ),
        pytest.param(
            healthy()._replace(api=ApiFact(without_token=DENIED)),
            "api.key",
            ("pass", "the API is there; no key to try"),
            id="no key",
        ),
        pytest.param(
            foreign(answer(401, "invalid API key: x")),
            "api.key",
            ("unknown", "the API did not list the rooms"),
            id="another layer says why",
        ),
        pytest.param(healthy(), "api.room", ("skip", "nothing was given to look at"), id="no room"),
        pytest.param(
            broken("api", room_asked="demo"), "api.room", ("pass", "demo: 2 participants"), id="there"
        ),
        pytest.param(
            broken("api", room_asked="demo", participants=ParticipantsListed("demo", ())),
            "api.room",
            ("pass", "demo: 0 participants"),
            id="empty",
        ),
        pytest.param(
            broken("api", room_asked="x"), "api.room", ("pass", "x: no such room now"), id="absent"
        ),
    ],
)  # fmt: skip
def test_checks(facts: Facts, check: str, expected: tuple[str, str]) -> None:
    assert status(facts, check) == expected


def test_an_error_page_is_not_called_the_api_s_own() -> None:
    page = the_finding(foreign(HTML_404._replace(status=500)))
    own = the_finding(broken("api", rooms=TwirpError("unavailable", "no response", 503)))
    assert (page.code, own.code) == ("api-unavailable", "api-unavailable")
    assert page.title == "Something else answers for the server API, with an error"
    assert "not of the API's own form" in page.cause
    assert own.title == "The server API is there, but cannot serve the call"


def test_what_fails_signalling_and_the_api_alike_is_told_once() -> None:
    page = HTML_404._replace(status=500)
    asked = SignalFact(validations=(Validation(Whose.MINTED, "/rtc/validate", page),))
    facts = foreign(page)._replace(signal=asked, server=ServerFact(root=page))
    assert "api-unavailable" not in causes(facts)


def test_a_room_that_is_not_there_yet_shows_nobody_an_error() -> None:
    """The server makes it when the first one joins."""
    note = the_finding(broken("api", room_asked="clinic"))
    assert (note.code, note.severity, note.symptom) == ("api-not-found", Severity.INFO, "")
