"""Rooms and participants, drawn for people and for pipes."""

from typing import Any

import pytest

from lkdoctor.facts.api import ParticipantInfo, Permission, RoomInfo, TrackInfo
from lkdoctor.redact import safe
from lkdoctor.report.layout import Canvas, cells, plain
from lkdoctor.report.rooms import (
    Ending,
    Outcome,
    SortBy,
    endings_plain,
    in_order,
    notes,
    outcomes,
    people_notes,
    people_plain,
    people_table,
    plan,
    quoted,
    restrictions,
    role,
    room_card,
    rooms_plain,
    shown,
    table,
)

NOON = 1_789_992_000.0
WIDE = Canvas(width=100)
EIGHTY = Canvas(width=80)
PIPE = Canvas()
SPOKEN = Canvas(unicode=False, accessible=True)

PUBLISHER = Permission(can_subscribe=True, can_publish=True, can_publish_data=True)


def room(name: str = "demo", **changes: Any) -> RoomInfo:
    return RoomInfo(
        name=name,
        sid="RM_a1B2c3D4e5F6",
        num_participants=2,
        num_publishers=1,
        max_participants=20,
        created_at=NOON - 4320,
        empty_timeout_s=300,
        departure_timeout_s=20,
        metadata_bytes=0,
        active_recording=False,
    )._replace(**changes)


def person(identity: str = "alice", **changes: Any) -> ParticipantInfo:
    return ParticipantInfo(
        identity=identity,
        name="",
        sid=f"PA_{identity}",
        state="ACTIVE",
        joined_at=NOON - 60,
        kind_of="STANDARD",
        permission=PUBLISHER,
    )._replace(**changes)


CAMERA = TrackInfo(sid="TR_cam", name="", source="CAMERA", type="VIDEO", muted=False)
MICROPHONE = TrackInfo(sid="TR_mic", name="", source="MICROPHONE", type="AUDIO", muted=True)

THREE = (
    room(),
    room(
        "Demo", sid="RM_g7H8i9J0k1L2", num_participants=1, created_at=NOON - 180, max_participants=0
    ),
    room(
        "standup-42",
        sid="RM_m3N4o5P6q7R8",
        num_participants=0,
        num_publishers=0,
        max_participants=0,
        created_at=NOON - 20,
    ),
)


def test_the_table_has_one_row_a_room() -> None:
    assert plain(table(THREE, now=NOON, canvas=EIGHTY)) == (
        "ROOM        PEOPLE   PUBLISHING  AGE         CREATED            SID\n"
        "demo        2 of 20  1           1 h 12 min  2026-09-21 10:48Z  RM_a1B2c3D4e5F6\n"
        "Demo        1        1           3 min       2026-09-21 11:57Z  RM_g7H8i9J0k1L2\n"
        "standup-42  0        0           20 s        2026-09-21 11:59Z  RM_m3N4o5P6q7R8\n"
    )


def test_the_notes_name_the_twins_and_the_total() -> None:
    assert plain(notes(THREE, PIPE)) == (
        '! "demo" and "Demo": they differ in upper and lower case; people in them cannot meet\n'
        "3 rooms, 3 people\n"
    )


def test_what_the_limit_hides_is_counted() -> None:
    assert plain(notes(THREE[1:], PIPE, left_out=1)) == (
        "2 rooms, 1 of them not shown (--limit), 1 person\n"
    )


def test_many_twins_are_counted_after_the_first_five() -> None:
    rooms = [room(f"{name}{number}") for number in range(7) for name in ("a", "A")]
    drawn = plain(notes(rooms, PIPE)).splitlines()
    assert drawn[5:] == ["  and 2 more pairs of names like these", "14 rooms, 28 people"]


def test_no_rooms_is_no_table() -> None:
    assert plain(table((), now=NOON, canvas=EIGHTY)) == ""
    assert plain(notes((), PIPE)) == "0 rooms, 0 people\n"


@pytest.mark.parametrize("width", [20, 40, 44, 60, 72, 80, 100, 200])
@pytest.mark.parametrize(
    "name",
    ["a", "booking-" + "k" * 32, "x" * 256, "会议" * 60],
    ids=["a", "convex", "long", "wide"],
)
def test_no_row_is_wider_than_the_terminal(name: str, width: int) -> None:
    drawn = plain(table((room(name), room("b")), now=NOON, canvas=Canvas(width=width)))
    widest = max(cells(row) for row in drawn.splitlines())
    assert widest <= max(width, 23)  # the name and PEOPLE stay whatever the width


def test_a_booking_room_keeps_its_whole_name_at_80_cells() -> None:
    """Age and people stay beside it; the creation time and the SID give way."""
    name = "booking-" + "k" * 32
    assert plain(table((room(name),), now=NOON, canvas=EIGHTY)).splitlines() == [
        "ROOM                                      PEOPLE   PUBLISHING  AGE",
        f"{name}  2 of 20  1           1 h 12 min",
    ]


def test_a_narrow_terminal_loses_what_can_be_spared() -> None:
    """First the SID and the moment, which `rooms show` and the age say; last the age."""
    assert plain(table(THREE, now=NOON, canvas=Canvas(width=36))).splitlines() == [
        "ROOM        PEOPLE   AGE",
        "demo        2 of 20  1 h 12 min",
        "Demo        1        3 min",
        "standup-42  0        20 s",
    ]
    assert plain(table(THREE, now=NOON, canvas=Canvas(width=44))).splitlines() == [
        "ROOM        PEOPLE   PUBLISHING  AGE",
        "demo        2 of 20  1           1 h 12 min",
        "Demo        1        1           3 min",
        "standup-42  0        0           20 s",
    ]


def test_a_full_room_says_so() -> None:
    drawn = plain(table((room(num_participants=20),), now=NOON, canvas=EIGHTY))
    assert drawn.splitlines()[1].startswith("demo  20 of 20 full  1")


def test_a_screen_reader_gets_sentences() -> None:
    drawn = plain(table(THREE[:2], now=NOON, canvas=SPOKEN))
    assert drawn == (
        "2 rooms.\n"
        "Room 1 of 2: demo. 2 people of at most 20, 1 publishing. Created 1 h 12 min ago, "
        "2026-09-21 10:48Z. SID RM_a1B2c3D4e5F6.\n"
        "Room 2 of 2: Demo. 1 person, 1 publishing. Created 3 min ago, 2026-09-21 11:57Z. "
        "SID RM_g7H8i9J0k1L2.\n"
    )


def test_a_clock_behind_the_servers_makes_no_negative_age() -> None:
    drawn = plain(table((room(created_at=NOON + 90),), now=NOON, canvas=EIGHTY))
    assert drawn.splitlines()[1].split("  ")[-3].strip() == "0 s"


def test_plain_has_every_value_whole() -> None:
    name = "x" * 256
    assert rooms_plain([room(name, active_recording=True)]) == (
        "#room\tpeople\tmax_people\tpublishing\tcreated\tsid\trecording\n"
        f"{name}\t2\t20\t1\t2026-09-21T10:48:00Z\tRM_a1B2c3D4e5F6\tyes\n"
    )


HOSTILE = (
    pytest.param("\x1b[31mred\x1b]0;title\x07", id="ansi"),
    pytest.param("[bold]b[/bold] [/rtc] :warning:", id="markup"),
    pytest.param("evil\u202egnp.exe", id="bidi"),
    pytest.param("a\tb\nc\rd", id="tab and line ends"),
    pytest.param("zero\u200bwidth\u2028line", id="zero width"),
    pytest.param("::error title=x::y", id="runner command"),
    pytest.param("n" * 1_000_000, id="one megabyte"),
    pytest.param("\udcff", id="not text"),
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_cannot_draw(name: str) -> None:
    """One row a room and a participant, no character that acts, whatever the name holds."""
    rooms = [room(safe(name)), room("b")]
    people = [
        person(safe(name), name=safe(name), tracks=(CAMERA._replace(name=safe(name)),)),
        person("bob"),
    ]
    ending = Ending(safe(name), Outcome.WOULD_END, (safe(name),))
    for canvas in (EIGHTY, PIPE, SPOKEN):
        drawn = [
            plain(table(rooms, now=NOON, canvas=canvas)),
            plain(people_table(people, now=NOON, canvas=canvas)),
            plain(plan([ending], canvas)),
            plain(outcomes([ending._replace(outcome=Outcome.ENDED)], canvas)),
        ]
        assert [len(text.splitlines()) for text in drawn] == [3, 4, 2, 1]
        assert all(character.isprintable() or character == "\n" for t in drawn for character in t)
        assert all(len(text) < 1000 for text in drawn)
    assert len(rooms_plain(rooms).splitlines()) == len(people_plain(people).splitlines()) == 3
    assert [row.count("\t") for row in rooms_plain(rooms).splitlines()] == [6, 6, 6]


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        pytest.param("", '""', id="empty"),
        pytest.param("  ", '"  "', id="blanks"),
        pytest.param("demo ", '"demo "', id="blank at its end"),
        pytest.param("a b", "a b", id="blank inside"),
    ],
)
def test_blanks_around_a_name_are_visible(name: str, seen: str) -> None:
    assert shown(name, PIPE) == seen


def test_a_name_is_cut_by_cells_and_quoted_once() -> None:
    assert shown("会议会议", Canvas(width=80), 6) == "会议…"
    assert shown("meeting-room", Canvas(unicode=False), 8) == "meeti..."
    assert shown("Zoë", Canvas(unicode=False)) == "Zo\\xeb"
    assert quoted("demo ", PIPE) == '"demo "'
    assert quoted("demo", PIPE) == '"demo"'


@pytest.mark.parametrize(
    ("by", "names"),
    [
        pytest.param(SortBy.NAME, ["Demo", "demo", "standup-42"], id="name, case second"),
        pytest.param(SortBy.AGE, ["demo", "Demo", "standup-42"], id="oldest first"),
        pytest.param(SortBy.PEOPLE, ["demo", "Demo", "standup-42"], id="fullest first"),
    ],
)
def test_rooms_in_order(by: SortBy, names: list[str]) -> None:
    assert [r.name for r in in_order(reversed(THREE), by)] == names


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        pytest.param({}, "publisher", id="may all"),
        pytest.param({"permission": Permission(can_subscribe=True)}, "subscriber", id="only sees"),
        pytest.param(
            {"permission": Permission(can_publish_data=True)}, "data only", id="only data"
        ),
        pytest.param({"permission": Permission()}, "may nothing", id="nothing"),
        pytest.param({"permission": PUBLISHER._replace(agent=True)}, "agent", id="agent grant"),
        pytest.param({"kind_of": "AGENT"}, "agent", id="agent kind"),
        pytest.param({"permission": PUBLISHER._replace(recorder=True)}, "recorder", id="recorder"),
        pytest.param({"kind_of": "EGRESS"}, "recorder", id="egress"),
        pytest.param({"kind_of": "SIP"}, "sip", id="telephone"),
        pytest.param(
            {"permission": PUBLISHER._replace(hidden=True)}, "publisher, hidden", id="hidden"
        ),
    ],
)
def test_the_role_is_what_the_permissions_show(changes: dict[str, Any], word: str) -> None:
    assert role(person(**changes)) == word


@pytest.mark.parametrize(
    ("permission", "words"),
    [
        pytest.param(PUBLISHER, "", id="may all"),
        pytest.param(
            Permission(can_publish=True, can_publish_sources=("MICROPHONE", "SCREEN_SHARE_AUDIO")),
            "may not subscribe, send data; may publish only microphone, screen share audio",
            id="two sources",
        ),
        pytest.param(Permission(can_subscribe=True), "may not publish, send data", id="viewer"),
    ],
)
def test_restrictions_in_words(permission: Permission, words: str) -> None:
    assert restrictions(person(permission=permission)) == words


PEOPLE = (
    person(
        "bob",
        joined_at=NOON - 30,
        state="JOINED",
        permission=Permission(can_subscribe=True, hidden=True),
    ),
    person(name="Alice", tracks=(CAMERA, MICROPHONE._replace(name="mic 1"))),
)


def test_the_card_of_a_room() -> None:
    drawn = plain(
        room_card(room(metadata_bytes=14, active_recording=True), PEOPLE, now=NOON, canvas=EIGHTY)
    )
    assert drawn == (
        "demo   RM_a1B2c3D4e5F6\n"
        "  people     2 of 20, 1 publishing\n"
        "  created    2026-09-21 10:48Z, 1 h 12 min ago\n"
        "  closes     20 s after the last one leaves; 5 min if nobody ever comes\n"
        "  metadata   14 bytes\n"
        "  recording  yes\n"
        "\n"
        "IDENTITY  ROLE                STATE   SINCE          NAME\n"
        "alice     publisher           active  1 min, 11:59Z  Alice\n"
        "    camera (video)                     live    TR_cam\n"
        '    microphone (audio) "mic 1"         muted   TR_mic\n'
        "bob       subscriber, hidden  joined  30 s, 11:59Z\n"
        "    may not publish, send data\n"
    )


def test_an_empty_room_is_said_to_be_empty() -> None:
    drawn = plain(room_card(room(num_participants=0), (), now=NOON, canvas=EIGHTY))
    assert drawn.splitlines()[-1] == "Nobody is in this room."


def test_the_card_in_sentences() -> None:
    assert plain(room_card(room(), PEOPLE, now=NOON, canvas=SPOKEN)) == (
        "demo   RM_a1B2c3D4e5F6\n"
        "People: 2 of 20, 1 publishing.\n"
        "Created: 2026-09-21 10:48Z, 1 h 12 min ago.\n"
        "Closes: 20 s after the last one leaves; 5 min if nobody ever comes.\n"
        "\n"
        "2 people in the room.\n"
        "Person 1 of 2: alice, named Alice. Role: publisher. State: active, since 1 min, 11:59Z.\n"
        "Track: camera, video, live.\n"
        "Track: microphone, audio, muted.\n"
        "Person 2 of 2: bob. Role: subscriber, hidden. State: joined, since 30 s, 11:59Z.\n"
        "May not publish, send data.\n"
    )


def test_who_waits_for_media_is_pointed_out() -> None:
    """Signalling is up after half a minute and media is not: that user sits on "Connecting…"."""
    assert plain(people_notes(PEOPLE, NOON, PIPE)) == (
        '! "bob" joined 30 s ago and has no media connection: signalling works, '
        "media does not get through\n"
        "ROLE is what the permissions show; who is roomAdmin only the token says.\n"
    )
    many = tuple(person(f"p{n}", state="JOINED") for n in range(8))
    assert plain(people_notes(many, NOON, PIPE)).splitlines()[5] == "  and 3 more like that"
    fresh = (PEOPLE[0]._replace(joined_at=NOON - 5),)
    assert "media" not in plain(people_notes(fresh, NOON, PIPE))
    assert plain(people_notes((), NOON, PIPE)) == ""


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    canvas = Canvas(width=width)
    screen = TrackInfo("TR_VSx4k2pQ7wZ9aB", "the second screen", "SCREEN_SHARE", "VIDEO", False)
    people = [p._replace(tracks=(CAMERA, MICROPHONE, screen)) for p in PEOPLE]
    lines = [
        *room_card(room(), people, now=NOON, canvas=canvas),
        *people_notes(people, NOON, canvas),
    ]
    text = plain(lines)
    assert "second" in text
    assert [row for row in text.splitlines() if cells(row) > width] == []


def test_people_in_plain_form() -> None:
    assert people_plain(reversed(PEOPLE)) == (
        "#identity\tname\tsid\trole\tstate\tjoined\thidden\ttracks\n"
        "alice\tAlice\tPA_alice\tpublisher\tACTIVE\t2026-09-21T11:59:00Z\tno\t"
        "CAMERA:live:TR_cam,MICROPHONE:muted:TR_mic\n"
        "bob\t-\tPA_bob\tsubscriber, hidden\tJOINED\t2026-09-21T11:59:30Z\tyes\t-\n"
    )


ENDINGS = (
    Ending("demo", Outcome.WOULD_END, tuple(f"user-{n}" for n in range(22))),
    Ending("old", Outcome.GONE, detail="it does not exist any more"),
)


def test_the_plan_names_who_is_thrown_out() -> None:
    drawn = plain(plan(ENDINGS, EIGHTY)).splitlines()
    assert drawn[:2] == ['  ! "demo": 22 people thrown out', "      user-0"]
    assert drawn[-2:] == ["      and 2 more", '  - "old": it does not exist any more']


def test_outcomes_in_words_and_in_plain_form() -> None:
    ended = (ENDINGS[0]._replace(outcome=Outcome.ENDED), ENDINGS[1])
    assert plain(outcomes(ended, EIGHTY)) == (
        '  ✓ "demo": ended, 22 people thrown out\n  - "old": gone, it does not exist any more\n'
    )
    assert plain(outcomes(ended[1:], SPOKEN)) == '"old": gone, it does not exist any more\n'
    assert endings_plain(ended) == (
        "#room\toutcome\tpeople\tdetail\n"
        "demo\tended\t22\t-\n"
        "old\tgone\t0\tit does not exist any more\n"
    )
