"""A booking gives room, identity and role, by the project's own rules."""

from typing import Any

import pytest

from lkdoctor.booking import NO_ROLE, BookingRules, Seat, off_template, parse, seat
from lkdoctor.errors import UsageError
from lkdoctor.names import NameOf
from lkdoctor.tokens.grants import ROLES

RULES = BookingRules()
CONVEX = "k57a2b9c0d1e2f3a4b5c6d7e8f9a0b1c"
CLIENT = {"roomJoin": True, "canPublish": True, "canSubscribe": True, "canPublishData": True}


def rules(**tables: Any) -> BookingRules:
    return parse(tables, "lkdoctor.toml")


def test_without_a_project_file_rooms_and_people_are_called_after_their_ids() -> None:
    assert seat(RULES, booking="b1", user="u1", role="client") == Seat(
        room="booking-b1", identity="u1", role="client", video={**CLIENT, "room": "booking-b1"}
    )


def test_a_provider_may_administer_and_record_too() -> None:
    assert seat(RULES, booking="b1", user="u1", role="provider").video == {
        **CLIENT,
        "roomAdmin": True,
        "roomRecord": True,
        "room": "booking-b1",
    }


def test_without_a_role_a_client_s_grants_come_with_a_note() -> None:
    found = seat(RULES, booking="b1", user="u1")
    assert (found.role, found.video["roomJoin"], found.notes) == (None, True, (NO_ROLE,))
    assert "roomAdmin" not in found.video


@pytest.mark.parametrize(
    ("user", "role"), [("ann", "provider"), ("bob", "client")], ids=["provider", "client"]
)
def test_the_role_follows_from_who_the_two_people_are(user: str, role: str) -> None:
    found = seat(RULES, booking="b1", user=user, provider="ann", client="bob")
    assert (found.role, found.notes) == (role, ())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(
            {"user": "eve", "provider": "ann", "client": "bob"},
            "the user 'eve' is neither the provider nor the client of this booking",
            id="neither",
        ),
        pytest.param(
            {"user": "ann", "provider": "ann", "client": "ann"},
            "provider and client are the same person ('ann')",
            id="both",
        ),
        pytest.param(
            {"user": "bob", "provider": "ann", "client": "bob", "role": "provider"},
            "--role provider contradicts the booking, in which 'bob' is the client",
            id="contradiction",
        ),
        pytest.param(
            {"user": "ann", "role": "provder"}, "there is no role 'provder' (built in)", id="role"
        ),
        pytest.param({"user": ""}, "the user is empty", id="nobody"),
    ],
)
def test_who_cannot_be_placed_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        seat(RULES, booking="b1", **given)
    assert caught.value.message == message


def test_a_misspelt_role_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        seat(RULES, booking="b1", user="u1", role="provder")
    assert caught.value.advice[0] == "Did you mean provider?"


# ------------------------------------------------------------------ the project's own rules


def test_templates_and_roles_are_the_project_s_own() -> None:
    own = rules(
        booking={"room": "call_{booking}", "identity": "{role}:{user}"},
        roles={"supervisor": {"canPublish": False, "hidden": True}},
    )
    found = seat(own, booking="b1", user="u1", role="supervisor")
    assert found == Seat(
        room="call_b1",
        identity="supervisor:u1",
        role="supervisor",
        video={"roomJoin": True, "canPublish": False, "hidden": True, "room": "call_b1"},
    )
    assert set(own.roles) == {*ROLES, "supervisor"}


def test_a_template_understands_nothing_but_its_fields() -> None:
    own = rules(booking={"room": "x-{booking}"})
    assert seat(own, booking="{user.__class__}", user="u1").room == "x-{user.__class__}"


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"booking": {"rooms": "x"}}, "lkdoctor.toml: booking.rooms is not a setting"),
        ({"booking": {"room": 5}}, "lkdoctor.toml: booking.room is not a text"),
        (
            {"booking": {"room": "b-{bookng}"}},
            "lkdoctor.toml: booking.room has the unknown field {bookng}",
        ),
        (
            {"booking": {"room": "lobby"}},
            "lkdoctor.toml: booking.room has no field, so everyone would get the same room",
        ),
        ({"booking": []}, "lkdoctor.toml: booking is not a table"),
        ({"roles": {"x": True}}, "lkdoctor.toml: roles.x is not a table"),
        (
            {"roles": {"x": {"roomjoin": True}}},
            "lkdoctor.toml: roles.x: there is no grant 'roomjoin'; servers ignore it in silence",
        ),
        (
            {"roles": {"x": {"roomJoin": "yes"}}},
            "lkdoctor.toml: roles.x: roomJoin must be true or false",
        ),
    ],
)
def test_a_mistake_in_the_project_file_is_named(tables: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        rules(**tables)
    assert caught.value.message == message


def test_a_pattern_that_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(UsageError, match="is not a regular expression"):
        rules(booking={"id_pattern": "["})


# ------------------------------------------------------------------ ids


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(CONVEX[:-1], "it has 31 characters, not 32", id="short"),
        pytest.param(CONVEX.upper(), "cannot stand in it", id="upper case"),
        pytest.param(f"{CONVEX[:-1]}-", "'-' cannot stand in it", id="a hyphen"),
    ],
)
def test_an_id_that_does_not_fit_is_refused_with_the_reason(value: str, reason: str) -> None:
    convex = rules(booking={"id_pattern": "convex"})
    with pytest.raises(UsageError) as caught:
        seat(convex, booking=value, user=CONVEX)
    assert "ids are 32 lower-case letters and digits; " in caught.value.message
    assert caught.value.message.endswith(reason)


def test_an_id_that_fits_is_taken() -> None:
    convex = rules(booking={"id_pattern": "convex"})
    assert seat(convex, booking=CONVEX, user=CONVEX).room == f"booking-{CONVEX}"


def test_an_id_pattern_may_be_a_regular_expression() -> None:
    own = rules(booking={"id_pattern": "B[0-9]+"})
    assert seat(own, booking="B1", user="B2").identity == "B2"
    with pytest.raises(UsageError, match=r"ids are what matches B\[0-9\]\+"):
        seat(own, booking="1", user="B2")


def test_a_name_is_compared_with_the_project_s_template_where_there_is_one() -> None:
    own = rules(booking={"id_pattern": "integer"})
    assert off_template(RULES, "whatever", NameOf.ROOM) is None
    assert off_template(own, "booking-12", NameOf.ROOM) is None
    assert (
        off_template(own, "booking-x", NameOf.ROOM)
        == "does not fit booking-{booking}, ids being digits (lkdoctor.toml)"
    )
    assert off_template(own, "alice", NameOf.IDENTITY) is not None
