"""``lkdoctor ws-probe``: a raw handshake to the server, phase by phase."""

from collections.abc import Iterator
from typing import Annotated

import typer

from lkdoctor.cli import inputs
from lkdoctor.cli.app import subcommand
from lkdoctor.cli.options import (
    CREATE_ROOM,
    NO_JOIN,
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
from lkdoctor.diagnosis.how import RtcPath
from lkdoctor.errors import UsageError
from lkdoctor.report import waterfall
from lkdoctor.report.layout import Canvas, Line
from lkdoctor.report.model import ExitCode, Report

app = subcommand()

ONLY = ("url", "net", "tls", "http", "clock", "token", "signal")
"""What a probe of the WebSocket looks at; the rest is for ``diagnose``."""

WHO_IS_THERE = ("api.room",)
"""Looked at besides where a token and the keys are given: is its identity in the room now?"""


@app.command()
@command
def ws_probe(
    *,
    target: TargetOptions,
    network: NetworkOptions,
    output: OutputOptions,
    streams: Streams,
    join: Annotated[
        bool, typer.Option("--join", help="Join with the given token: disconnects its owner.")
    ] = False,
    no_join: Annotated[bool, typer.Option("--no-join", help=NO_JOIN)] = False,
    create_room: Annotated[bool, typer.Option("--create-room", help=CREATE_ROOM)] = False,
    pings: Annotated[
        int, typer.Option("--pings", min=0, max=1000, help="Round trips to measure.")
    ] = 3,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, max=1000, help="Connect this many times.")
    ] = 1,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=100, help="Of those, so many at a time.")
    ] = 1,
    hold: Annotated[
        float,
        typer.Option("--hold", min=0, max=3600, help="Keep the session open so many seconds."),
    ] = 0.0,
    all_addresses: Annotated[
        bool, typer.Option("--all-addresses", help="Ask every address of the name by itself, too.")
    ] = False,
    follow_regions: Annotated[
        bool,
        typer.Option("--follow-regions", help="Ask LiveKit Cloud's regions, too; nobody joins."),
    ] = False,
    path: Annotated[
        RtcPath, typer.Option("--path", help="rtc, rtc/v1, or auto: rtc/v1 first, as browsers do.")
    ] = RtcPath.RTC,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be dialled and joined; touch nothing.")
    ] = False,
) -> ExitCode:
    """Shake hands with LIVEKIT_WS_URL (LIVEKIT_URL) and time every phase.

    With API key and secret it joins a throw-away room of its own and leaves; the room ends by itself.
    A token of yours is only validated, unless --join is given.
    """
    if concurrency > 1 and join:
        raise UsageError(
            "--concurrency and --join exclude each other",
            advice=["one token is one identity, and LiveKit lets an identity in once"],
        )

    def draw(report: Report, canvas: Canvas) -> Iterator[Line]:
        shown = repeatable(report, network, output)
        return waterfall.render(shown, canvas, verbose=output.verbose)

    resolution = inputs.dialled(target, streams, asking=not dry_run)
    clock = SystemClock()
    case = cases.gather(resolution, clock)
    request = doctor.Request(
        command="ws-probe",
        join=join,
        no_join=no_join,
        create_room=create_room,
        only=ONLY
        + (WHO_IS_THERE if case.token and case.target.key_pair else ())
        + (("cloud",) if follow_regions else ()),
        how=inputs.how(network)._replace(
            pings=pings,
            repeat=repeat,
            concurrency=concurrency,
            hold_s=hold,
            all_addresses=all_addresses,
            follow_regions=follow_regions,
            path=path,
        ),
        fail_on_warnings=output.fail_on is FailOn.WARN,
    )
    if dry_run:
        return show_plan(doctor.dry_run(case, request), streams, output)
    if join and case.token is not None:
        tell_who_leaves(case, streams)
    return carry_out(
        lambda: case,
        request,
        clock,
        human=draw,
        streams=streams,
        output=output,
    )
