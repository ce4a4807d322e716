"""``lkdoctor check-room``: what LiveKit takes for a name, and what will bite although it does."""

from collections.abc import Iterator
from typing import Annotated, Final

import typer

from lkdoctor import places
from lkdoctor.cli.app import subcommand
from lkdoctor.cli.options import FailOn, OutputOptions, command
from lkdoctor.cli.output import show
from lkdoctor.cli.streams import Streams, here
from lkdoctor.clock import SystemClock
from lkdoctor.errors import UsageError
from lkdoctor.names import NameOf
from lkdoctor.report.model import ExitCode

MAX_NAMES: Final = 100_000

PROJECT_FILES: Final = ("lkdoctor.toml", "pyproject.toml")
"""Without one of these there is no template, and no need to load what reads them."""

app = subcommand()


@app.command()
@command
def check_room(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME…", help="Names; - reads one a line.")
    ] = None,
    *,
    identity: Annotated[
        bool, typer.Option("--identity", help="They are identities, not room names.")
    ] = False,
    output: OutputOptions,
    streams: Streams,
) -> ExitCode:
    """Check room names or identities: what LiveKit takes, what will bite, does it fit the project.

    Exit code 0: LiveKit takes them. 1: it refuses one. Warnings alone: 0, or 4 with --fail-on warn.
    """
    from lkdoctor.diagnosis.fold import fold
    from lkdoctor.facts import Facts
    from lkdoctor.facts.name import name_fact
    from lkdoctor.findings import Layer
    from lkdoctor.report import names as layout
    from lkdoctor.report.model import RunInfo, TargetInfo

    if not names:
        raise UsageError(
            "no name was given",
            advice=["lkdoctor check-room NAME…", "lkdoctor check-room -   reads one a line"],
        )
    of = NameOf.IDENTITY if identity else NameOf.ROOM
    if names.count("-") > 1:
        raise UsageError("standard input can be read once", advice=["write - once"])
    given = tuple(_given(names, streams))
    if not given:
        raise UsageError("standard input holds no name", advice=["write one a line"])
    fact = name_fact((name, of, off) for name, off in _against_template(given, of))
    clock = SystemClock()
    report = fold(
        Facts(name=fact),
        run=RunInfo(clock.token_hex(6), "check-room", clock.now(), 0.0),
        target=TargetInfo(),
        layers=(Layer.NAME,),
        fail_on_warnings=output.fail_on is FailOn.WARN,
    )
    return show(
        report,
        lambda canvas: layout.render(report, canvas, verbose=output.verbose),
        streams,
        output,
    )


def _given(names: list[str], streams: Streams) -> Iterator[str]:
    for name in names:
        if name != "-":
            yield name
            continue
        # A blank at the end of a line is a part of the name: that is what is looked for.
        lines = streams.read("names").split("\n")
        if lines[-1] == "":
            lines.pop()
        if len(lines) > MAX_NAMES:
            raise UsageError(f"standard input holds more than {MAX_NAMES} names")
        yield from (line.removesuffix("\r") for line in lines)


def _against_template(names: tuple[str, ...], of: NameOf) -> Iterator[tuple[str, str | None]]:
    """Each name, and why it does not fit the project's template where there is one."""
    directory = here()
    if not any(places.exists(directory / file) for file in PROJECT_FILES):
        yield from ((name, None) for name in names)
        return
    from lkdoctor import booking
    from lkdoctor.config.sources import read_project

    project = read_project(directory)
    rules = booking.parse(project.table, project.origin)
    for name in names:
        yield name, booking.off_template(rules, name, of)
