"""``lkdoctor rehearse``: a booking, played by two participants of lkdoctor's own."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lkdoctor.cli import inputs
from lkdoctor.cli.app import subcommand
from lkdoctor.cli.options import (
    CREATE_ROOM,
    FailOn,
    NetworkOptions,
    OutputOptions,
    TargetOptions,
    command,
)
from lkdoctor.cli.output import repeatable
from lkdoctor.cli.running import User, run_in_front
from lkdoctor.cli.streams import Streams
from lkdoctor.clock import SystemClock
from lkdoctor.errors import UsageError
from lkdoctor.report.layout import Canvas, Line
from lkdoctor.report.model import ExitCode, Report

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from lkdoctor.booking import BookingRules, Seat

STEPS = 8
"""Each of which may take ``--timeout``."""

app = subcommand()


class Transport(StrEnum):
    ANY = "any"
    RELAY = "relay"


@app.command()
@command
def rehearse(
    *,
    target: TargetOptions,
    output: OutputOptions,
    streams: Streams,
    booking: Annotated[str | None, typer.Option("--booking", help="The booking's id.")] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", help="The booking's provider.")
    ] = None,
    client: Annotated[str | None, typer.Option("--client", help="The booking's client.")] = None,
    room: Annotated[
        list[str] | None,
        typer.Option("--room", help="Room in place of the booking's; one, or one for each --as."),
    ] = None,
    people: Annotated[
        list[str] | None,
        typer.Option("--as", metavar="ROLE:IDENTITY", help="One of the two, without a booking."),
    ] = None,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, max=1000, help="Play it this many times.")
    ] = 1,
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=0, max=3600, help="How long media is measured, each round."),
    ] = 3.0,
    audio_only: Annotated[
        bool, typer.Option("--audio-only", help="Sound alone: no camera, no screen share.")
    ] = False,
    signal_only: Annotated[
        bool, typer.Option("--signal-only", help="No media; needs no SDK.")
    ] = False,
    transport: Annotated[
        Transport, typer.Option("--transport", help="relay: all media has to go over TURN.")
    ] = Transport.ANY,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="In the booking's own room, not in a copy of it.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --in-place: also while people are in the room.")
    ] = False,
    create_room: Annotated[bool, typer.Option("--create-room", help=CREATE_ROOM)] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.5, max=600, help="Seconds for each step.")
    ] = 10.0,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", help="Certificates to trust instead of the system's."),
    ] = None,
    curl: Annotated[
        bool,
        typer.Option("--curl", help="Show the commands that repeat what was seen (as -v does)."),
    ] = False,
) -> ExitCode:
    """Play a whole booking with two participants, and say at which step it fails, and why.

    Both join a throw-away copy of the room, publish a tone and a moving picture, receive each other,
    exchange a message, try what their roles may do and may not do, and leave; the copy ends by
    itself. Every way that media could take is tried, too, as lkdoctor ice does.

    Media takes LiveKit's real-time SDK: pip install 'lkdoctor[media]'.

    Exit code 0: all went well. 1: a cause was found. 3: something could not be told.
    """
    from lkdoctor.diagnosis import rehearsal as engine

    network = NetworkOptions(timeout=timeout, ca_file=ca_file, curl=curl)
    seats = _seats(
        inputs.booking_rules(),
        booking=booking,
        provider=provider,
        client=client,
        rooms=room or [],
        people=people or [],
    )
    if yes and not in_place:
        raise UsageError("--yes is for --in-place", advice=["a throw-away copy is always empty"])
    if create_room and in_place:
        raise UsageError(
            "--create-room makes the throw-away copy, and --in-place takes none",
            advice=["leave out one or the other"],
        )
    if signal_only and (audio_only or transport is Transport.RELAY):
        raise UsageError(
            "--signal-only plays no media",
            advice=["leave out --audio-only and --transport, or --signal-only"],
        )
    if not signal_only:
        from lkdoctor.probes.rehearsal import need_sdk

        need_sdk()
    resolution = inputs.dialled(target, streams, own_token=False)
    script = engine.Script(
        seats=seats,
        rounds=rounds,
        seconds=seconds,
        audio_only=audio_only,
        signal_only=signal_only,
        relay=transport is Transport.RELAY,
        in_place=in_place,
        create_room=create_room,
        yes=yes,
        fail_on_warnings=output.fail_on is FailOn.WARN,
    )

    def draw(report: Report, canvas: Canvas) -> Iterator[Line]:
        from lkdoctor.report import rehearsal as layout

        shown = repeatable(report, network, output)
        return layout.render(shown, canvas, verbose=output.verbose)

    def run(user: User) -> "Coroutine[Any, Any, Report]":
        how = inputs.how(network)
        return engine.rehearse(resolution, script, how, SystemClock(), user.listen)

    longest = rounds * (STEPS * timeout + seconds)
    return run_in_front("rehearse", run, longest, human=draw, streams=streams, output=output)


def _seats(
    rules: "BookingRules",
    *,
    booking: str | None,
    provider: str | None,
    client: str | None,
    rooms: list[str],
    people: list[str],
) -> "tuple[Seat, ...]":
    """The two people that the options name.

    Raises:
        UsageError: they name none, or half of it.
    """
    from lkdoctor import booking as bookings

    if people:
        if booking or provider or client:
            raise UsageError(
                "--as takes the place of --booking, --provider and --client",
                advice=["leave out one or the other"],
            )
        return _cast(rules, rooms, people)
    missing = [
        f"--{name}"
        for name, value in (("booking", booking), ("provider", provider), ("client", client))
        if not value
    ]
    if booking is None or provider is None or client is None or missing:
        raise UsageError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
            advice=[
                "lkdoctor rehearse --booking ID --provider ID --client ID",
                "lkdoctor rehearse --room NAME --as provider:IDENTITY --as client:IDENTITY",
            ],
        )
    if len(rooms) > 1:
        raise UsageError("a booking has one room", advice=["give --room once"])
    seats = tuple(
        bookings.seat(rules, booking=booking, user=user, provider=provider, client=client)
        for user in (provider, client)
    )
    if rooms:
        seats = tuple(
            seat._replace(room=rooms[0], video={**seat.video, "room": rooms[0]}) for seat in seats
        )
    return seats


def _cast(rules: "BookingRules", rooms: list[str], people: list[str]) -> "tuple[Seat, ...]":
    from lkdoctor import booking as bookings

    if len(people) != 2:
        raise UsageError(
            f"a rehearsal has two participants, --as names {len(people)}",
            advice=["--as provider:IDENTITY --as client:IDENTITY"],
        )
    if len(rooms) not in {1, 2}:
        raise UsageError(
            "--as needs --room: one for both, or one for each",
            advice=["lkdoctor rehearse --room NAME --as provider:IDENTITY --as client:IDENTITY"],
        )
    seats = []
    for person, room in zip(people, rooms * (3 - len(rooms)), strict=True):
        role, colon, identity = person.partition(":")
        if not (colon and role and identity):
            raise UsageError(f"--as {person!r} is not ROLE:IDENTITY", advice=["--as provider:ada"])
        known = bookings.role_of(rules, user=identity, role=role, provider=None, client=None)
        seats.append(bookings.seat_at(rules, room=room, identity=identity, role=known))
    first, second = seats
    if first.room == second.room and first.identity == second.identity:
        raise UsageError(
            f"both are the same person ({first.identity!r})",
            advice=["One identity can be in a room once: the second connection ends the first."],
        )
    return first, second
