"""``lkdoctor ice``: whether media gets through, path by path."""

from collections.abc import Iterator
from typing import Annotated

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
from lkdoctor.cli.output import repeatable, show_plan
from lkdoctor.cli.running import carry_out, tell_who_leaves
from lkdoctor.cli.streams import Streams
from lkdoctor.clock import SystemClock
from lkdoctor.diagnosis import case as cases
from lkdoctor.diagnosis import doctor
from lkdoctor.errors import UsageError
from lkdoctor.report import media
from lkdoctor.report.layout import Canvas, Line
from lkdoctor.report.model import ExitCode, Report

app = subcommand()

ONLY = (
    *("url", "net", "tls", "http", "clock", "token"),
    *("signal.validate", "signal.upgrade", "signal.join", "media"),
)
"""Without signalling there is no media, so its causes are named, too."""


@app.command()
@command
def ice(
    *,
    target: TargetOptions,
    network: NetworkOptions,
    output: OutputOptions,
    streams: Streams,
    join: Annotated[
        bool, typer.Option("--join", help="Join with the given token: disconnects its owner.")
    ] = False,
    create_room: Annotated[bool, typer.Option("--create-room", help=CREATE_ROOM)] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked of whom; touch nothing.")
    ] = False,
) -> ExitCode:
    """Try every way that media could take: UDP, TCP, and each TURN server.

    Joins a throw-away room, checks each address that the server offers, asks each STUN and TURN
    server that it names, and leaves; the room ends by itself. No camera, microphone or browser.
    """

    def draw(report: Report, canvas: Canvas) -> Iterator[Line]:
        shown = repeatable(report, network, output)
        return media.render(shown, canvas, verbose=output.verbose)

    resolution = inputs.dialled(target, streams, asking=not dry_run)
    clock = SystemClock()
    case = cases.gather(resolution, clock)
    if case.target.key_pair is None and not (join and case.token is not None):
        raise UsageError(
            "lkdoctor ice joins a room, and there is nothing to join with",
            advice=[
                "LIVEKIT_API_KEY and LIVEKIT_API_SECRET: a throw-away room is joined",
                "or a token (--token-file FILE) and --join: disconnects the token's owner",
            ],
        )
    request = doctor.Request(
        command="ice",
        join=join,
        create_room=create_room,
        only=ONLY,
        how=inputs.how(network)._replace(pings=0),
        fail_on_warnings=output.fail_on is FailOn.WARN,
    )
    if dry_run:
        return show_plan(doctor.dry_run(case, request), streams, output)
    if join and case.token is not None:
        tell_who_leaves(case, streams)
    return carry_out(lambda: case, request, clock, human=draw, streams=streams, output=output)
