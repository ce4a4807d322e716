"""Calls of the RoomService and what comes back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.facts.api import (
    ForeignAnswer,
    ParticipantInfo,
    ParticipantsListed,
    Permission,
    RoomInfo,
    RoomsAnswer,
    RoomsListed,
    TrackInfo,
    TwirpError,
)
from lkdoctor.facts.server import NoAnswer, Silence
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.redact import Secret
from lkdoctor.wire import http, twirp, url


def answer(body: object, status: int = 200, content_type: str = "application/json") -> http.Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return http.Answer(status, "", (("content-type", content_type),), raw, False, b"")


def listed(said: http.Answer | NoAnswer) -> RoomsAnswer:
    return twirp.rooms(said, said if isinstance(said, NoAnswer) else said.fact(0.0))


def test_a_call() -> None:
    there = url.parse("wss://rtc.example.com/sfu", "here").result
    assert isinstance(there, ParsedUrl)
    request = twirp.call(there, "ListRooms", {"names": ["ü"]}, Secret("t0ken-of-nobody"))
    assert request == (
        b"POST /sfu/twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: rtc.example.com\r\n"
        b"User-Agent: lkdoctor\r\nAccept: */*\r\nConnection: close\r\n"
        b"Authorization: Bearer t0ken-of-nobody\r\nContent-Type: application/json\r\n"
        b'Content-Length: 21\r\n\r\n{"names": ["\\u00fc"]}'
    )


ROOM = {
    "sid": "RM_1",
    "name": "a\nb\u001b[31m",
    "empty_timeout": 300,
    "departure_timeout": 20,
    "max_participants": 2,
    "creation_time": "1795486040",
    "creation_time_ms": "1795486040610",
    "turn_password": "never-to-be-read-17",
    "enabled_codecs": [{"mime": "audio/opus", "fmtp_line": ""}],
    "metadata": "äb",
    "num_participants": 1,
    "num_publishers": 1,
    "active_recording": True,
    "version": None,
}


def test_rooms() -> None:
    result = listed(answer({"rooms": [ROOM]}))
    assert result == RoomsListed(
        (
            RoomInfo(
                name="a\\x0ab\\x1b[31m",
                sid="RM_1",
                num_participants=1,
                num_publishers=1,
                max_participants=2,
                created_at=1795486040.61,
                empty_timeout_s=300,
                departure_timeout_s=20,
                metadata_bytes=3,
                active_recording=True,
            ),
        )
    )
    assert "never-to-be-read" not in repr(result)


def test_somebody_else_s_object_is_no_list_of_rooms() -> None:
    assert listed(answer({})) == RoomsListed(())
    assert isinstance(listed(answer({"ok": True})), ForeignAnswer)


def test_participants() -> None:
    one = {
        "sid": "PA_1",
        "identity": "u1",
        "name": "User",
        "state": "ACTIVE",
        "joined_at": "1795486050",
        "kind": "AGENT",
        "is_publisher": True,
        "region": "eu",
        "permission": {
            "can_subscribe": True,
            "can_publish": True,
            "can_publish_data": False,
            "can_publish_sources": ["CAMERA"],
            "hidden": True,
        },
        "tracks": [
            {"sid": "TR_1", "name": "cam", "type": "VIDEO", "source": "CAMERA", "muted": True}
        ],
    }
    said = answer({"participants": [one]})
    assert twirp.participants(said, said.fact(0.0), "demo") == ParticipantsListed(
        "demo",
        (
            ParticipantInfo(
                identity="u1",
                name="User",
                sid="PA_1",
                state="ACTIVE",
                joined_at=1795486050.0,
                kind_of="AGENT",
                permission=Permission(
                    can_subscribe=True,
                    can_publish=True,
                    can_publish_sources=("CAMERA",),
                    hidden=True,
                ),
                tracks=(TrackInfo("TR_1", "cam", "CAMERA", "VIDEO", True),),
                is_publisher=True,
                region="eu",
            ),
        ),
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            answer({"code": "unauthenticated", "msg": "permissions denied"}, 401),
            TwirpError("unauthenticated", "permissions denied", 401),
            id="a no of the API",
        ),
        pytest.param(answer({}), RoomsListed(()), id="no rooms"),
        pytest.param(answer({"rooms": None}), RoomsListed(()), id="rooms that are null"),
        pytest.param(answer({"rooms": [7]}), RoomsListed(()), id="rooms that are numbers"),
    ],
)
def test_answers(said: http.Answer, expected: RoomsAnswer) -> None:
    assert listed(said) == expected


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer(b"invalid API key: x", 401, "text/plain"), id="the token check"),
        pytest.param(answer(b"<html>", 404, "text/html"), id="a proxy's page"),
        pytest.param(answer(b"<html>", 200, "text/html"), id="a page that says 200"),
        pytest.param(answer(b"{", 200), id="half an object"),
        pytest.param(answer([], 200), id="a list"),
        pytest.param(answer({"error": "no"}, 500), id="an error of somebody else's"),
        pytest.param(answer({"code": 5, "msg": []}, 500), id="an error in other types"),
        pytest.param(answer(b"[" * 100_000, 200), id="nested without end"),
        pytest.param(NoAnswer(Silence.TIMEOUT, "not a byte", 5.0), id="silence"),
    ],
)
def test_answers_that_are_not_twirps(said: http.Answer | NoAnswer) -> None:
    exchange = said if isinstance(said, NoAnswer) else said.fact(0.0)
    assert listed(said) == ForeignAnswer(exchange)
    assert twirp.done(said, exchange) == ForeignAnswer(exchange)


def test_done() -> None:
    said = answer({})
    assert twirp.done(said, said.fact(0.0)) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*ROOM, "permission"]), inner),
)


@given(anything, anything)
def test_no_json_breaks_the_reader(room: Any, field: Any) -> None:
    for name in ROOM:
        listed(answer({"rooms": [room, ROOM | {name: field}]}))
    said = answer({"participants": [room, {"permission": field, "tracks": field, "kind": field}]})
    twirp.participants(said, said.fact(0.0), "x")


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (TwirpError("not_found", "no such room", 404), "not_found: no such room"),
        (ForeignAnswer(NoAnswer(Silence.TIMEOUT, "not a byte", 5.0)), "timeout: not a byte"),
        (
            ForeignAnswer(answer(b"<html>\n", 502, "text/html").fact(0.0)),
            "HTTP 502: <html>\\x0a",
        ),
    ],
    ids=["its own no", "no answer", "a proxy's page"],
)
def test_why_a_call_did_not_do_its_work(problem: TwirpError | ForeignAnswer, words: str) -> None:
    assert twirp.why(problem) == words


def test_a_call_that_lists_nothing_may_answer_anything_that_is_an_object() -> None:
    said = answer({"ok": True})
    assert twirp.done(said, said.fact(0.0)) is None


@pytest.mark.parametrize(
    ("written", "number"),
    [
        pytest.param("9223372036854775807", 2**63 - 1, id="the largest, as a text"),
        pytest.param("9223372036854775808", 0, id="one more, as a text"),
        pytest.param(2**63 - 1, 2**63 - 1, id="the largest"),
        pytest.param(2**63, 0, id="one more"),
        pytest.param("1e3", 0, id="no digits"),
        pytest.param(1.5, 0, id="a fraction"),
        pytest.param(None, 0, id="nothing"),
    ],
)
def test_a_number_has_63_bits(written: object, number: int) -> None:
    result = listed(answer({"rooms": [ROOM | {"num_participants": written}]}))
    assert isinstance(result, RoomsListed)
    assert result.rooms[0].num_participants == number


@pytest.mark.parametrize(
    "no", [{"code": 5, "msg": "no"}, {"code": "internal", "msg": []}, {"code": "internal"}, {}]
)
def test_an_error_of_the_api_has_code_and_message(no: dict[str, object]) -> None:
    assert isinstance(listed(answer(no, 500)), ForeignAnswer)


def test_who_a_participant_is_unless_it_is_said() -> None:
    every = {"recorder": True, "agent": True, "can_update_metadata": True}
    people = [{"identity": "u1"}, {"identity": "u2", "permission": every}]
    said = answer({"participants": people})
    listing = twirp.participants(said, said.fact(0.0), "demo")
    assert isinstance(listing, ParticipantsListed)
    first, second = listing.participants
    assert (first.kind_of, first.permission) == ("STANDARD", Permission())
    assert second.permission == Permission(recorder=True, agent=True, can_update_metadata=True)


def test_what_a_room_and_a_permission_do_not_say_is_nothing_and_a_list_has_an_end() -> None:
    bare = listed(answer({"rooms": [{"name": "demo"}, {"name": "x", "metadata": None}]}))
    nothing = RoomInfo("demo", "", 0, 0, 0, 0.0, 0, 0, 0, active_recording=False)
    assert bare == RoomsListed((nothing, nothing._replace(name="x")))
    person = {"identity": "u", "permission": {"can_publish_sources": [f"S{i}" for i in range(25)]}}
    said = answer({"participants": [person]})
    listing = twirp.participants(said, said.fact(0.0), "demo")
    assert isinstance(listing, ParticipantsListed)
    sources = listing.participants[0].permission.can_publish_sources
    assert sources == tuple(f"S{i}" for i in range(20))
