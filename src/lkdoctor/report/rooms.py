"""Rooms and the people in them, for the terminal and for pipes.

Names, identities and track names were chosen by strangers: the facts hold them escaped and
bounded, and here they are cut to their column (the JSON has them at full length).
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from lkdoctor.facts.api import ParticipantInfo, RoomInfo, TrackInfo
from lkdoctor.names import twins
from lkdoctor.redact import safe
from lkdoctor.report.layout import (
    BLANK,
    Canvas,
    Line,
    Span,
    Style,
    cells,
    cut,
    duration,
    glyph,
    length,
    line,
    many,
    pad,
    wrap,
)
from lkdoctor.report.model import Report, timestamp, to_json

if TYPE_CHECKING:
    from lkdoctor.report.jsonfile import Document

MEDIA_DEADLINE_S: Final = 15.0
"""How long livekit-client waits for media after signalling is up (client-sdk-js 2.21,
``peerConnectionTimeout``); who is not ACTIVE by then sits on "Connecting…"."""

_NAME: Final = 48
"""Cells that a name may take where the width is not known: ``booking-`` and a Convex id fit."""
_SHORT_NAME: Final = 12
"""Cells below which no name is squeezed for the sake of another column."""
_GAP: Final = "  "


class SortBy(StrEnum):
    NAME = "name"
    AGE = "age"
    """Oldest first."""
    PEOPLE = "people"
    """Fullest first."""


def in_order(rooms: Iterable[RoomInfo], by: SortBy) -> tuple[RoomInfo, ...]:
    """The rooms in the order asked for; the server's own order is chance."""
    keys: dict[SortBy, Callable[[RoomInfo], tuple[object, ...]]] = {
        SortBy.NAME: lambda room: (room.name.casefold(), room.name),
        SortBy.AGE: lambda room: (room.created_at, room.name),
        SortBy.PEOPLE: lambda room: (-room.num_participants, room.name.casefold(), room.name),
    }
    return tuple(sorted(rooms, key=keys[by]))


# ------------------------------------------------------------------ foreign names


def shown(name: str, canvas: Canvas, width: int | None = None) -> str:
    """A foreign name as people can read it: blanks at its ends visible, cut to a width in cells."""
    text = _visible(name, canvas)
    return text if width is None else _cut(text, canvas, width)


def _visible(name: str, canvas: Canvas) -> str:
    text = safe(name)
    if not canvas.unicode:
        text = text.encode("ascii", "backslashreplace").decode()
    if not text.strip() or text != text.strip():
        text = f'"{text}"'
    return text


def _cut(text: str, canvas: Canvas, width: int) -> str:
    return cut(text, width, "…" if canvas.unicode else "...")


def quoted(name: str, canvas: Canvas, width: int = 44) -> str:
    """A foreign name in the middle of a sentence."""
    text = shown(name, canvas, width)
    return text if text.startswith('"') and text.endswith('"') else f'"{text}"'


# ------------------------------------------------------------------ rooms list


class _Column(NamedTuple):
    title: str
    cells: tuple[Span, ...]
    widths: tuple[int, ...]
    """Of each cell: every row needs them, and they are measured once."""
    width: int
    dispensable: int
    """The column with the highest number is the first to go where a terminal is too narrow."""

    @classmethod
    def of(cls, title: str, texts: Iterable[Span], dispensable: int = 0) -> Self:
        """The column that these cells make."""
        spans = tuple(texts)
        widths = tuple(cells(span.text) for span in spans)
        return cls(title, spans, widths, max(cells(title), *widths, 0), dispensable)


def table(rooms: Sequence[RoomInfo], *, now: float, canvas: Canvas) -> Iterator[Line]:
    """One line a room; a narrow terminal loses what can best be spared."""
    if canvas.accessible:
        yield from _spoken(rooms, now, canvas)
        return
    if not rooms:
        return
    rest = [
        _Column.of("PEOPLE", (_people(room) for room in rooms)),
        _Column.of("PUBLISHING", (Span(str(room.num_publishers)) for room in rooms), 2),
        _Column.of("AGE", (Span(_age(room, now)) for room in rooms), 1),
        _Column.of("CREATED", (Span(_minute(room.created_at)) for room in rooms), 3),
        _Column.of("SID", (Span(safe(room.sid, 40)) for room in rooms), 4),
    ]
    yield from _rows("ROOM", [room.name for room in rooms], rest, canvas)


def _rows(title: str, names: Sequence[str], rest: list[_Column], canvas: Canvas) -> Iterator[Line]:
    """A table whose first column holds names, to which the others give way."""
    # To make a name safe takes longest: it is done once, for the width and for the row.
    texts = [_visible(name, canvas) for name in names]
    longest = max(cells(title), *(cells(_cut(text, canvas, _NAME)) for text in texts))
    if canvas.width is None:
        room_for_name = longest
    else:
        while len(rest) > 1 and _taken(rest) + longest > canvas.columns:
            rest.remove(max(rest, key=lambda column: column.dispensable))
        room_for_name = min(longest, max(_SHORT_NAME, canvas.columns - _taken(rest)))
    column = _Column.of(title, (Span(_cut(text, canvas, room_for_name)) for text in texts))
    columns = [column, *rest]
    yield _row([(Span(c.title, Style.DIM), c.width - cells(c.title)) for c in columns])
    for at in range(len(names)):
        yield _row([(c.cells[at], c.width - c.widths[at]) for c in columns])


def _taken(rest: list[_Column]) -> int:
    return sum(len(_GAP) + column.width for column in rest)


def _row(parts: list[tuple[Span, int]]) -> Line:
    """The cells of a row, each with the blanks that fill its column up; the last needs none."""
    *front, (last, _) = parts
    filled = ((span, Span(" " * blanks + _GAP)) for span, blanks in front)
    return (*itertools.chain.from_iterable(filled), last)


def _people(room: RoomInfo) -> Span:
    if not room.max_participants:
        return Span(str(room.num_participants))
    text = f"{room.num_participants} of {room.max_participants}"
    if room.num_participants >= room.max_participants:
        return Span(f"{text} full", Style.WARN)
    return Span(text)


def _age(room: RoomInfo, now: float) -> str:
    return duration(max(0.0, now - room.created_at))


def _minute(seconds: float) -> str:
    """As ``2026-03-02 09:00Z``."""
    text = timestamp(seconds)
    return f"{text[:10]} {text[11:16]}Z" if text.endswith("Z") else text


def _spoken(rooms: Sequence[RoomInfo], now: float, canvas: Canvas) -> Iterator[Line]:
    yield line(f"{many(len(rooms), 'room')}.")
    for number, room in enumerate(rooms, 1):
        of = f" of at most {room.max_participants}" if room.max_participants else ""
        yield line(
            f"Room {number} of {len(rooms)}: {shown(room.name, canvas, _NAME)}. "
            f"{many(room.num_participants, 'person', 'people')}{of}, "
            f"{room.num_publishers} publishing. Created {_age(room, now)} ago, "
            f"{_minute(room.created_at)}. SID {safe(room.sid, 40)}."
        )


def notes(
    rooms: Sequence[RoomInfo], canvas: Canvas, *, left_out: int = 0, most: int = 5
) -> Iterator[Line]:
    """What the table alone does not say: names that are easily confused, and the total.

    Args:
        rooms: every room of the answer, the ones not shown included.
        canvas: of the stream that the notes go to.
        left_out: how many ``--limit`` hides.
        most: pairs of names that are spelt out.
    """
    pairs = twins(room.name for room in rooms)
    for first, second, how in pairs[:most]:
        text = f"{quoted(first, canvas)} and {quoted(second, canvas)}: {how}; people in them cannot meet"
        yield from _warning(text, canvas)
    if len(pairs) > most:
        yield line(f"  and {many(len(pairs) - most, 'more pair')} of names like these")
    people = sum(room.num_participants for room in rooms)
    hidden = f", {left_out} of them not shown (--limit)" if left_out else ""
    yield line(f"{many(len(rooms), 'room')}{hidden}, {many(people, 'person', 'people')}")


def _warning(text: str, canvas: Canvas) -> Iterator[Line]:
    mark = Span("Warning:", Style.WARN) if canvas.accessible else glyph(Style.WARN, canvas)
    indent = cells(mark.text) + 1
    room = None if canvas.width is None else max(20, canvas.columns - indent)
    for number, part in enumerate(wrap(text, room)):
        yield line(mark, " ", part) if number == 0 else line(" " * indent, part)


def rooms_plain(rooms: Iterable[RoomInfo]) -> str:
    """One room a line, tab-separated, values at full length."""
    rows = [
        "#room\tpeople\tmax_people\tpublishing\tcreated\tsid\trecording",
        *(
            "\t".join(
                (
                    safe(room.name),
                    str(room.num_participants),
                    str(room.max_participants),
                    str(room.num_publishers),
                    timestamp(room.created_at),
                    safe(room.sid),
                    "yes" if room.active_recording else "no",
                )
            )
            for room in rooms
        ),
    ]
    return "\n".join(rows) + "\n"


# ------------------------------------------------------------------ rooms list --watch


class Change(NamedTuple):
    """Something about a room that is not as it was."""

    room: str
    what: str
    """``made``, ``gone``, ``people``, ``publishing`` or ``recording``"""
    before: int
    after: int


CHANGES_HEAD: Final = "#time\troom\twhat\tbefore\tafter\n"


def changes(before: Iterable[RoomInfo], after: Iterable[RoomInfo]) -> Iterator[Change]:
    """What has changed from one list of rooms to the next, by room name.

    A room that was ended and made anew is gone and made: its SID is another one.
    """
    was = {(room.name, room.sid): room for room in before}
    now = {(room.name, room.sid): room for room in after}
    for key in sorted(was.keys() - now.keys()):
        yield Change(key[0], "gone", was[key].num_participants, 0)
    for key in sorted(now):
        room, old = now[key], was.get(key)
        if old is None:
            yield Change(room.name, "made", 0, room.num_participants)
            continue
        for what, a, b in (
            ("people", old.num_participants, room.num_participants),
            ("publishing", old.num_publishers, room.num_publishers),
            ("recording", int(old.active_recording), int(room.active_recording)),
        ):
            if a != b:
                yield Change(room.name, what, a, b)


def change(seen: Change, moment: str, canvas: Canvas) -> Line:
    """A change as people read it."""
    words = {
        "made": f"made, {many(seen.after, 'person', 'people')}",
        "gone": f"gone, {many(seen.before, 'person', 'people')} before",
        "people": f"{seen.before} to {many(seen.after, 'person', 'people')}",
        "publishing": f"{seen.before} to {seen.after} publishing",
        "recording": "recording" if seen.after else "no longer recording",
    }
    return line(Span(moment, Style.DIM), "  ", quoted(seen.room, canvas), "  ", words[seen.what])


def change_plain(seen: Change, moment: str) -> str:
    """A change as a line under `CHANGES_HEAD`."""
    row = (moment, safe(seen.room), seen.what, str(seen.before), str(seen.after))
    return "\t".join(row) + "\n"


# ------------------------------------------------------------------ rooms show


def role(person: ParticipantInfo) -> str:
    """What the permissions show of a role; ``roomAdmin`` is in the token only, never shown here."""
    may = person.permission
    if may.agent or person.kind_of == "AGENT":
        word = "agent"
    elif may.recorder or person.kind_of == "EGRESS":
        word = "recorder"
    elif person.kind_of not in {"STANDARD", ""}:
        word = safe(person.kind_of, 20).lower()
    elif may.can_publish:
        word = "publisher"
    elif may.can_subscribe:
        word = "subscriber"
    elif may.can_publish_data:
        word = "data only"
    else:
        word = "may nothing"
    return f"{word}, hidden" if may.hidden else word


def restrictions(person: ParticipantInfo) -> str:
    """What this participant may not do, in words; empty where nothing is taken away."""
    may = person.permission
    parts: list[str] = []
    lacks = [
        word
        for word, allowed in (
            ("publish", may.can_publish),
            ("subscribe", may.can_subscribe),
            ("send data", may.can_publish_data),
        )
        if not allowed
    ]
    if lacks:
        parts.append("may not " + ", ".join(lacks))
    if may.can_publish and may.can_publish_sources:
        sources = ", ".join(source_words(source) for source in may.can_publish_sources)
        parts.append(f"may publish only {sources}")
    return "; ".join(parts)


def source_words(source: str) -> str:
    """``SCREEN_SHARE_AUDIO`` as words."""
    return safe(source, 40).lower().replace("_", " ")


def room_card(
    room: RoomInfo, people: Sequence[ParticipantInfo], *, now: float, canvas: Canvas
) -> Iterator[Line]:
    """A room, who is in it and what they send."""
    yield line(
        Span(shown(room.name, canvas), Style.TITLE),
        Span(f"   {safe(room.sid, 40)}", Style.DIM),
    )
    seats = f" of {room.max_participants}" if room.max_participants else ""
    # num_participants lags by up to 5 s and leaves out the hidden; the list is the truth.
    sending = sum(bool(person.tracks) for person in people)
    yield from _fields(
        [
            ("people", f"{len(people)}{seats}, {sending} publishing"),
            ("created", f"{_minute(room.created_at)}, {_age(room, now)} ago"),
            (
                "closes",
                (
                    f"{duration(room.departure_timeout_s)} after the last one leaves; "
                    f"{duration(room.empty_timeout_s)} if nobody ever comes"
                ),
            ),
            ("metadata", many(room.metadata_bytes, "byte") if room.metadata_bytes else ""),
            ("recording", "yes" if room.active_recording else ""),
        ],
        canvas,
    )
    yield BLANK
    if people:
        yield from people_table(people, now=now, canvas=canvas)
    else:
        yield line("Nobody is in this room.")


def _fields(fields: Iterable[tuple[str, str]], canvas: Canvas) -> Iterator[Line]:
    for label, text in fields:
        if not text:
            continue
        if canvas.accessible:
            yield line(f"{label.capitalize()}: {text}.")
            continue
        room = None if canvas.width is None else max(20, canvas.columns - 13)
        for number, part in enumerate(wrap(text, room)):
            yield line("  ", Span(pad(label if number == 0 else "", 11), Style.DIM), part)


def people_table(
    people: Sequence[ParticipantInfo], *, now: float, canvas: Canvas
) -> Iterator[Line]:
    """One line a participant, their tracks under it, in the order in which they came."""
    people = sorted(people, key=lambda person: (person.joined_at, person.identity))
    if canvas.accessible:
        yield from _spoken_people(people, now, canvas)
        return
    rest = [
        _Column.of("ROLE", (Span(role(person)) for person in people)),
        _Column.of("STATE", (_state(person, now) for person in people), 1),
        _Column.of("SINCE", (Span(_since(person, now)) for person in people), 2),
        _Column.of("NAME", (Span(shown(p.name, canvas, 24) if p.name else "") for p in people), 3),
    ]
    rows = list(_rows("IDENTITY", [person.identity for person in people], rest, canvas))
    yield rows[0]
    for person, row in zip(people, rows[1:], strict=True):
        yield row
        limits = restrictions(person)
        if limits:
            room = None if canvas.width is None else max(20, canvas.columns - 4)
            for part in wrap(limits, room):
                yield line("    ", Span(part, Style.DIM))
        for track in person.tracks:
            yield from _track(track, canvas)


def _state(person: ParticipantInfo, now: float) -> Span:
    word = safe(person.state, 20).lower()
    return Span(word, Style.WARN if waits_for_media(person, now) else Style.PLAIN)


def waits_for_media(person: ParticipantInfo, now: float) -> bool:
    """Whether the client of this participant should long have had its media connection."""
    return person.state == "JOINED" and now - person.joined_at > MEDIA_DEADLINE_S


def _since(person: ParticipantInfo, now: float) -> str:
    at = _minute(person.joined_at)[-6:]
    return f"{duration(max(0.0, now - person.joined_at))}, {at}"


def _track(track: TrackInfo, canvas: Canvas) -> Iterator[Line]:
    label = f' "{shown(track.name, canvas, 24)}"' if track.name else ""
    text = f"{source_words(track.source)} ({safe(track.type, 20).lower()}){label}"
    state = Span("muted", Style.WARN) if track.muted else Span("live ")
    tail = line(" ", state, Span(f"   {safe(track.sid, 40)}", Style.DIM))
    column = max(34, cells(text))
    if canvas.width is not None:
        column = max(20, min(column, canvas.columns - 4 - length(tail)))
    first, *others = wrap(text, None if canvas.width is None else column)
    yield (Span("    "), Span(pad(first, column)), *tail)
    for part in others:
        yield line("    ", part)


def _spoken_people(people: Sequence[ParticipantInfo], now: float, canvas: Canvas) -> Iterator[Line]:
    yield line(f"{many(len(people), 'person', 'people')} in the room.")
    for number, person in enumerate(people, 1):
        name = f", named {shown(person.name, canvas, 24)}" if person.name else ""
        yield line(
            f"Person {number} of {len(people)}: {shown(person.identity, canvas, _NAME)}{name}. "
            f"Role: {role(person)}. State: {safe(person.state, 20).lower()}, "
            f"since {_since(person, now)}."
        )
        limits = restrictions(person)
        if limits:
            yield line(f"{limits[0].upper()}{limits[1:]}.")
        for track in person.tracks:
            muted = "muted" if track.muted else "live"
            yield line(
                f"Track: {source_words(track.source)}, {safe(track.type, 20).lower()}, {muted}."
            )


def people_notes(
    people: Sequence[ParticipantInfo], now: float, canvas: Canvas, *, most: int = 5
) -> Iterator[Line]:
    """Who sits on "Connecting…", and what the ROLE column cannot show."""
    waiting = [person for person in people if waits_for_media(person, now)]
    for person in waiting[:most]:
        text = (
            f"{quoted(person.identity, canvas)} joined {duration(now - person.joined_at)} ago "
            "and has no media connection: signalling works, media does not get through"
        )
        yield from _warning(text, canvas)
    if len(waiting) > most:
        yield line(f"  and {len(waiting) - most} more like that")
    if people:
        text = "ROLE is what the permissions show; who is roomAdmin only the token says."
        for part in wrap(text, canvas.width and canvas.columns):
            yield line(part)


def people_plain(people: Iterable[ParticipantInfo]) -> str:
    """One participant a line, tab-separated, values at full length."""
    rows = ["#identity\tname\tsid\trole\tstate\tjoined\thidden\ttracks"]
    for person in people:
        tracks = (
            f"{track.source}:{'muted' if track.muted else 'live'}:{track.sid}"
            for track in person.tracks
        )
        rows.append(
            "\t".join(
                (
                    safe(person.identity),
                    safe(person.name) or "-",
                    safe(person.sid),
                    role(person),
                    safe(person.state),
                    timestamp(person.joined_at),
                    "yes" if person.permission.hidden else "no",
                    safe(",".join(tracks)) or "-",
                )
            )
        )
    return "\n".join(rows) + "\n"


# ------------------------------------------------------------------ rooms end


class Outcome(StrEnum):
    """What became of a room that was to end."""

    ENDED = "ended"
    WOULD_END = "would-end"
    """``--dry-run``"""
    GONE = "gone"
    """It ended by itself; not a failure."""
    KEPT = "kept"
    """``--empty-only`` or ``--older-than`` says no."""
    CHANGED = "changed"
    """Other people are in it than were shown; left alone."""
    FAILED = "failed"
    """The server refused, or could not be reached."""


class Ending(NamedTuple):
    """One room of ``rooms end``."""

    room: str
    """Safe to show."""
    outcome: Outcome
    people: tuple[str, ...] = ()
    """Identities of those who were (or would be) thrown out."""
    sid: str = ""
    detail: str = ""


_OUTCOMES: Final = {
    Outcome.ENDED: Style.PASS,
    Outcome.WOULD_END: Style.WARN,
    Outcome.GONE: Style.SKIP,
    Outcome.KEPT: Style.SKIP,
    Outcome.CHANGED: Style.FAIL,
    Outcome.FAILED: Style.FAIL,
}


def plan(endings: Sequence[Ending], canvas: Canvas) -> Iterator[Line]:
    """What will happen to each room, and to whom."""
    for ending in endings:
        if ending.outcome is Outcome.WOULD_END:
            who = many(len(ending.people), "person", "people")
            text = f"{quoted(ending.room, canvas)}: {who} thrown out"
        else:
            text = f"{quoted(ending.room, canvas)}: {ending.detail}"
        yield from _marked(ending.outcome, text, canvas)
        yield from _identities(ending, canvas)


def outcomes(endings: Sequence[Ending], canvas: Canvas) -> Iterator[Line]:
    """What became of each room."""
    for ending in endings:
        text = f"{quoted(ending.room, canvas)}: {ending.outcome}"
        if ending.outcome is Outcome.ENDED:
            text += f", {many(len(ending.people), 'person', 'people')} thrown out"
        elif ending.detail:
            text += f", {ending.detail}"
        yield from _marked(ending.outcome, text, canvas)


def _marked(outcome: Outcome, text: str, canvas: Canvas) -> Iterator[Line]:
    indent = "" if canvas.accessible else "  "
    mark = () if canvas.accessible else (glyph(_OUTCOMES[outcome], canvas), Span(" "))
    room = None if canvas.width is None else max(20, canvas.columns - 6)
    for number, part in enumerate(wrap(text, room)):
        if number == 0:
            yield (Span(indent), *mark, Span(part))
        else:
            yield line(" " * 6, part)


def _identities(ending: Ending, canvas: Canvas, most: int = 20) -> Iterator[Line]:
    for identity in ending.people[:most]:
        yield line("      ", shown(identity, canvas, _NAME))
    if len(ending.people) > most:
        yield line(f"      and {len(ending.people) - most} more")


def endings_plain(endings: Iterable[Ending]) -> str:
    """One room a line, tab-separated."""
    rows = ["#room\toutcome\tpeople\tdetail"]
    rows += [
        "\t".join(
            (
                safe(ending.room),
                str(ending.outcome),
                str(len(ending.people)),
                safe(ending.detail) or "-",
            )
        )
        for ending in endings
    ]
    return "\n".join(rows) + "\n"


def endings_json(report: Report, endings: Iterable[Ending]) -> "Document":
    """The report as one JSON document, with what became of each room under ``ended``."""
    from lkdoctor.report import jsonfile

    return jsonfile.text({**to_json(report), "ended": [_ending(ending) for ending in endings]})


def endings_ndjson(endings: Iterable[Ending]) -> Iterator["Document"]:
    """An event ``room.ended`` for each room, whatever became of it."""
    from lkdoctor.report import ndjson

    for ending in endings:
        yield ndjson.line("room.ended", **_ending(ending))


def _ending(ending: Ending) -> dict[str, Any]:
    return {**ending._asdict(), "outcome": str(ending.outcome), "people": list(ending.people)}
