"""``lkdoctor diagnose``: everything that the inputs allow, one verdict."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from lkdoctor.cli import inputs
from lkdoctor.cli.app import subcommand
from lkdoctor.cli.options import (
    CREATE_ROOM,
    NO_JOIN,
    AppOptions,
    BookingOptions,
    FailOn,
    NetworkOptions,
    OutputOptions,
    TargetOptions,
    command,
)
from lkdoctor.cli.output import repeatable, show, show_plan
from lkdoctor.cli.running import carry_out
from lkdoctor.cli.streams import Streams, decoded
from lkdoctor.clock import SystemClock
from lkdoctor.config.target import need_url
from lkdoctor.diagnosis import case as cases
from lkdoctor.diagnosis import doctor
from lkdoctor.errors import UsageError
from lkdoctor.report import human
from lkdoctor.report.layout import Canvas, Line
from lkdoctor.report.model import ExitCode, Report

MAX_REPORT: Final = 4 * 1024 * 1024
"""Bytes of a report that is read; what we write has a tenth of them."""

app = subcommand()


@app.command()
@command
def diagnose(
    *,
    target: TargetOptions,
    files: AppOptions,
    booking: BookingOptions,
    network: NetworkOptions,
    output: OutputOptions,
    streams: Streams,
    join: Annotated[
        bool, typer.Option("--join", help="Join with the given token, too: disconnects its owner.")
    ] = False,
    no_join: Annotated[bool, typer.Option("--no-join", help=NO_JOIN)] = False,
    create_room: Annotated[bool, typer.Option("--create-room", help=CREATE_ROOM)] = False,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="What takes longer, too: every address, every way of media."),
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Judge the configuration; dial nothing.")
    ] = False,
    all_addresses: Annotated[
        bool, typer.Option("--all-addresses", help="Ask every address of the name by itself, too.")
    ] = False,
    follow_regions: Annotated[
        bool,
        typer.Option("--follow-regions", help="Ask LiveKit Cloud's regions, too; nobody joins."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be dialled and joined; touch nothing.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A check, a layer or a finding's code.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", help="Leave out a check, a layer or a code.")
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            "--wait", min=0, max=86400, help="Look again until all is well, for so many seconds."
        ),
    ] = None,
    server_config: Annotated[
        Path | None,
        typer.Option("--server-config", help="A livekit-server's YAML, judged offline; - reads."),
    ] = None,
    saved: Annotated[
        Path | None, typer.Option("--from", help="Judge a saved report again; dials nothing.")
    ] = None,
) -> ExitCode:
    """Find the one cause: configuration, token, network, TLS, proxy, server, API.

    With API key and secret it joins a throw-away room of its own and leaves; the room ends by itself.
    A token of yours is only validated, unless --join is given.
    """
    warn = output.fail_on is FailOn.WARN

    def draw(report: Report, canvas: Canvas) -> Iterator[Line]:
        shown = repeatable(report, network, output)
        return human.render(shown, canvas, verbose=output.verbose)

    if wait is not None and (saved is not None or offline or dry_run):
        raise UsageError(
            "--wait has nothing to wait for where nothing is dialled",
            advice=["leave out --from, --offline and --dry-run, or --wait"],
        )
    if saved is not None:
        chosen: dict[str, object] = {
            "join": join,
            "no_join": no_join,
            "create_room": create_room,
            "deep": deep,
            "dry_run": dry_run,
            "only": only,
            "skip": skip,
        }
        chosen["server_config"] = server_config
        dialling = network._replace(curl=False)
        _refuse_beside_from(_given(chosen, target, files, booking, dialling))
        report = _judged_again(saved, streams, fail_on_warnings=warn)
        return show(report, lambda canvas: draw(report, canvas), streams, output)
    resolution = inputs.resolution(target, streams, files)
    seat = inputs.seat(booking)
    server = inputs.server_files(server_config, resolution, streams)
    # A server's file can be judged alone.
    if not offline and (server_config is None or wait is not None):
        need_url(resolution.target)
    if not resolution.values and server_config is not None and not only:
        only = ["server.config"]  # nothing else was given to look at
    if not offline:
        resolution = inputs.told(resolution, streams, own_token=seat is None, asking=not dry_run)
    clock = SystemClock()
    rules = inputs.booking_rules() if seat is not None or booking.room is not None else None
    secret = resolution.target.api_secret
    app_fact = inputs.app(files, secret.value if secret else None)

    def gather() -> cases.Case:
        return cases.gather(
            resolution,
            clock,
            seat=seat,
            room=booking.room,
            rules=rules,
            server=server,
            app=app_fact,
        )

    request = doctor.Request(
        join=join,
        no_join=no_join,
        create_room=create_room,
        deep=deep,
        offline=offline,
        only=tuple(only or ()),
        skip=tuple(skip or ()),
        how=inputs.how(network)._replace(
            all_addresses=all_addresses or deep, follow_regions=follow_regions
        ),
        fail_on_warnings=warn,
    )
    if dry_run:
        return show_plan(doctor.dry_run(gather(), request), streams, output)
    return carry_out(
        gather,
        request,
        clock,
        human=draw,
        streams=streams,
        output=output,
        wait_s=wait or 0.0,
    )


def _given(chosen: Mapping[str, object], *groups: Any) -> Iterator[str]:
    """The options that are not as they are without being given."""
    for group in groups:
        default = group._field_defaults
        yield from (name for name, value in group._asdict().items() if value != default[name])
    yield from (name for name, value in chosen.items() if value)


def _refuse_beside_from(names: Iterable[str]) -> None:
    options = ", ".join(f"--{name.replace('_', '-')}" for name in names)
    if options:
        raise UsageError(
            f"--from judges a saved report as a whole, so {options} would change nothing",
            advice=["leave out one or the other"],
        )


def _judged_again(path: Path, streams: Streams, *, fail_on_warnings: bool) -> Report:
    document = _read(path, streams)
    try:
        return doctor.judge_again(document, fail_on_warnings=fail_on_warnings)
    except UsageError as error:
        raise UsageError(f"--from {path}: {error.message}", advice=error.advice) from error


def _read(path: Path, streams: Streams) -> object:
    import json

    from lkdoctor.config.named_files import read_named

    text = (
        streams.read("a report", MAX_REPORT)
        if str(path) == "-"
        else decoded(read_named(str(path), "--from", MAX_REPORT))
    )
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--from {path}: not JSON ({error})") from error
    return document
