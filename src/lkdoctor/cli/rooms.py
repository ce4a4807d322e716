"""``lkdoctor rooms``: list, show and end rooms through the server API."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from lkdoctor.cli import inputs, rooms_watch
from lkdoctor.cli.app import subcommand
from lkdoctor.cli.options import (
    FailOn,
    NetworkOptions,
    OutputFormat,
    OutputOptions,
    TargetOptions,
    command,
)
from lkdoctor.cli.output import for_machines, own_up, repeatable, save
from lkdoctor.cli.progress import Progress
from lkdoctor.cli.streams import Streams
from lkdoctor.clock import Clock, SystemClock
from lkdoctor.config.target import need_url
from lkdoctor.diagnosis import case as cases
from lkdoctor.diagnosis import rooms as engine
from lkdoctor.diagnosis.events import StepStarted
from lkdoctor.errors import UsageError
from lkdoctor.facts.api import RoomsListed
from lkdoctor.report import rooms as drawn
from lkdoctor.report.findings import brief, findings
from lkdoctor.report.layout import BLANK, Canvas, Line, Span, Style, line, many, wrap
from lkdoctor.report.model import ExitCode, Report, SkipReason
from lkdoctor.report.rooms import Ending, Outcome, SortBy

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from lkdoctor.diagnosis.case import Case
    from lkdoctor.diagnosis.rooms import Ended, View


class ListByDefault(TyperGroup):
    """``rooms`` alone, or with options only, is ``rooms list``."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # Typer's own Context
        if not args or (args[0].startswith("-") and args[0] not in {"-h", "--help"}):
            args = ["list", *args]
        return super().parse_args(ctx, args)


app = subcommand(
    "List, show and end rooms through the server API. Without a word: list.", cls=ListByDefault
)


@app.command("list")
@command
def list_rooms(
    *,
    target: TargetOptions,
    network: NetworkOptions,
    output: OutputOptions,
    streams: Streams,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="Only this room; may be repeated.")
    ] = None,
    sort: Annotated[
        SortBy,
        typer.Option("--sort", help="By name, age (oldest first) or people (fullest first)."),
    ] = SortBy.NAME,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Show at most so many.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then tell what changes, until Ctrl-C.")
    ] = False,
    interval: Annotated[
        float, typer.Option("--interval", min=0.5, max=3600, help="Seconds between two looks.")
    ] = 2.0,
) -> ExitCode:
    """The rooms that there are: how many people, since when.

    The server's count of people may be five seconds old, and leaves out the hidden; rooms show
    is exact.

    Exit code 0: listed (also when there are none), 1: refused, 3: not reached.
    """
    if watch:
        rooms_watch.refuse(output)
    case, clock = _case(target, streams), SystemClock()

    def look() -> "Coroutine[Any, Any, Report]":
        return engine.listing(case, inputs.how(network), clock, tuple(name or ()))

    with Progress(streams, network.timeout) as progress:
        progress.listen(StepStarted("api", "asking for the rooms"))
        report = asyncio.run(look())
    case = engine.acquainted(case, report)
    report = _strict(report, output)
    answer = report.facts.api.rooms if report.facts.api is not None else None
    if not isinstance(answer, RoomsListed):
        return _refused(report, network, streams, output)
    chosen = drawn.in_order(answer.rooms, sort)[:limit]
    shown = report._replace(
        facts=report.facts._replace(
            api=report.facts.api._replace(rooms=RoomsListed(chosen)) if report.facts.api else None
        )
    )
    save(report, output)
    match output.format:
        case OutputFormat.PLAIN:
            streams.result_text(drawn.rooms_plain(chosen))
        case OutputFormat.HUMAN:
            streams.result(drawn.table(chosen, now=clock.now(), canvas=streams.canvas))
            if not output.quiet:
                left_out = len(answer.rooms) - len(chosen)
                streams.note(_remarks(report))
                streams.note(drawn.notes(answer.rooms, streams.err_canvas, left_out=left_out))
                streams.note(_not_there(name or (), answer, streams.err_canvas))
        case OutputFormat.NDJSON if watch:
            pass  # the rooms that there are begin the events
        case _:
            for_machines(shown, streams, output.format)
    if watch:
        return rooms_watch.watch(look, report, streams, output, clock=clock, every_s=interval)
    return report.summary.exit_code


@app.command()
@command
def show(
    *,
    room: Annotated[str, typer.Argument(metavar="ROOM", help="The room's exact name.")],
    target: TargetOptions,
    network: NetworkOptions,
    output: OutputOptions,
    streams: Streams,
) -> ExitCode:
    """One room: who is in it, with which permissions and tracks.

    ROLE is what the permissions show. Who is roomAdmin stands in the token alone, and the
    server shows it to nobody.

    Exit code 0: it exists (also when nobody is in it), 1: there is none of that name, or the
    server refused to tell, 3: not reached.
    """
    case, clock = _case(target, streams), SystemClock()
    with Progress(streams, network.timeout) as progress:
        progress.listen(StepStarted("api", "asking for the room"))
        shown = asyncio.run(engine.showing(case, inputs.how(network), clock, room))
    report = _strict(shown.report, output)
    view = shown.view
    if view is None or not (view.absent or view.participants is not None):
        return _refused(report, network, streams, output)
    if view.absent:
        report = engine.with_code(report, ExitCode.PROBLEM)
    elif report.summary.exit_code in {ExitCode.PROBLEM, ExitCode.INCONCLUSIVE}:
        return _refused(report, network, streams, output)
    save(report, output)
    match output.format:
        case OutputFormat.PLAIN:
            if view.absent:
                streams.note(_absent(room, shown.others, streams.err_canvas))
            else:
                streams.result_text(drawn.people_plain(view.participants or ()))
        case OutputFormat.HUMAN:
            if view.absent:
                streams.result(_absent(room, shown.others, streams.canvas))
            else:
                streams.result(_card(view, clock, streams.canvas))
                if not output.quiet:
                    streams.note(_remarks(report))
                    streams.note(
                        drawn.people_notes(view.participants or (), clock.now(), streams.err_canvas)
                    )
        case _:
            for_machines(report, streams, output.format)
    return report.summary.exit_code


@app.command()
@command
def end(
    *,
    rooms: Annotated[list[str], typer.Argument(metavar="ROOM…", help="The rooms' exact names.")],
    target: TargetOptions,
    network: NetworkOptions,
    output: OutputOptions,
    streams: Streams,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say who would be thrown out; change nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask; needed where nobody can be asked.")
    ] = False,
    empty_only: Annotated[
        bool, typer.Option("--empty-only", help="Leave rooms alone that somebody is in.")
    ] = False,
    older_than: Annotated[
        str | None, typer.Option("--older-than", help="Leave younger rooms alone: 2h, 30m.")
    ] = None,
) -> ExitCode:
    """End rooms and disconnect everybody in them.

    Shows first who will be thrown out, and asks. A room whose people have changed since is left
    alone. A room that has vanished meanwhile is no failure.

    Exit code 0: every room is gone or was kept on purpose, 1: one was refused or left alone
    because it had changed, 3: not reached, 130: you said no.
    """
    from lkdoctor.tokens.mint import lifetime

    age = None if older_than is None else lifetime(older_than, "--older-than")
    asking = not (yes or dry_run)
    if asking and not _terminal(streams):
        raise UsageError(
            "rooms end asks before it ends anything, and nobody can be asked here",
            advice=["--dry-run   shows who would be thrown out", "--yes   ends without asking"],
        )
    case, clock = _case(target, streams), SystemClock()
    names = tuple(dict.fromkeys(rooms))
    how = inputs.how(network)
    looked = asyncio.run(engine.looking(case, how, clock, names))
    case = engine.acquainted(case, looked.report)
    report = _strict(looked.report, output)
    if len(looked.views) < len(names):
        return _refused(report, network, streams, output)
    planned = [
        _planned(view, clock.now(), empty_only=empty_only, older_than=age) for view in looked.views
    ]
    agreed = [
        view
        for view, ending in zip(looked.views, planned, strict=True)
        if ending.outcome is Outcome.WOULD_END
    ]
    if dry_run or not agreed:
        return _result(report, planned, streams, output, told=False)
    if not output.quiet or asking:
        streams.note(drawn.plan(planned, streams.err_canvas))
    if asking and not _agreed(agreed, streams):
        streams.note([line("nothing was changed")])
        return ExitCode.INTERRUPTED
    done: list[Ending] = []
    # Of each room as soon as it is settled: who interrupts the rest still knows what was done.
    told = output.format is OutputFormat.HUMAN
    before = {view.name: ending for view, ending in zip(agreed, _would_end(planned), strict=True)}

    def tell(ended: "Ended") -> None:
        done.append(_settled(before[ended.name], ended))
        if told:
            streams.result(drawn.outcomes(done[-1:], streams.canvas))

    interrupted = False
    try:
        asyncio.run(engine.ending(case, how, clock, agreed, tell))
    except KeyboardInterrupt:
        interrupted = True
        for view in agreed[len(done) :]:
            tell(engine.Ended(view.name, "failed", "interrupted; lkdoctor rooms show tells"))
    kept = [ending for ending in planned if ending.outcome is not Outcome.WOULD_END]
    code = _result(report, [*done, *kept], streams, output, told=told)
    return ExitCode.INTERRUPTED if interrupted else code


def _settled(planned: Ending, ended: "Ended") -> Ending:
    outcome = Outcome(ended.outcome)
    people = planned.people if outcome is Outcome.ENDED else ()
    return planned._replace(outcome=outcome, people=people, detail=ended.detail)


def _would_end(planned: Sequence[Ending]) -> list[Ending]:
    return [ending for ending in planned if ending.outcome is Outcome.WOULD_END]


def _planned(view: "View", now: float, *, empty_only: bool, older_than: float | None) -> Ending:
    """What is to become of a room that was looked at."""
    from lkdoctor.redact import safe
    from lkdoctor.report.layout import duration

    name = safe(view.name)
    if view.room is None:
        return Ending(name, Outcome.GONE, detail="there is no such room")
    people = view.participants or ()
    identities = tuple(person.identity for person in people)
    ending = Ending(name, Outcome.KEPT, identities, view.room.sid)
    age = max(0.0, now - view.room.created_at)
    if empty_only and people:
        count = many(len(people), "person is", "people are")
        return ending._replace(detail=f"{count} in it (--empty-only)")
    if older_than is not None and age < older_than:
        return ending._replace(detail=f"it is only {duration(age)} old (--older-than)")
    return ending._replace(outcome=Outcome.WOULD_END)


def _agreed(agreed: Sequence["View"], streams: Streams) -> bool:
    """Whether the person at the terminal said yes; Ctrl-C says no."""
    try:
        return _agrees(agreed, streams)
    except KeyboardInterrupt:
        streams.note([BLANK])
        return False


def _agrees(agreed: Sequence["View"], streams: Streams) -> bool:
    people = sum(len(view.participants or ()) for view in agreed)
    rooms = many(len(agreed), "room")
    out = f" and throw {many(people, 'person', 'people')} out" if people else ""
    return streams.asks(f"End {rooms}{out}?")


def _result(
    report: Report,
    endings: Sequence[Ending],
    streams: Streams,
    output: OutputOptions,
    *,
    told: bool,
) -> ExitCode:
    """Show what became of the rooms, and why where one was refused."""
    failed = [e for e in endings if e.outcome in {Outcome.FAILED, Outcome.CHANGED}]
    denied = [e for e in failed if e.detail.startswith("unauthenticated")]
    if denied:
        found = (*report.findings, engine.may_not_delete(denied[0].detail))
        report = report._replace(findings=found)
    code = ExitCode.PROBLEM if failed else report.summary.exit_code
    report = engine.with_code(report, code)
    save(report, output)
    match output.format:
        case OutputFormat.JSON:
            streams.result_document(drawn.endings_json(report, endings))
        case OutputFormat.NDJSON:
            from lkdoctor.report import ndjson

            for row in (ndjson.started(report.run.command), *drawn.endings_ndjson(endings)):
                streams.result_document(row)
            for_machines(report, streams, output.format, begun=True)
        case OutputFormat.PLAIN:
            streams.result_text(drawn.endings_plain(endings))
        case OutputFormat.HUMAN:
            if not told:
                streams.result(drawn.plan(endings, streams.canvas))
            if denied:
                streams.result(findings(report.findings, streams.canvas))
        case _:
            for_machines(report, streams, output.format)
    return code


def _case(target: TargetOptions, streams: Streams) -> "Case":
    resolution = inputs.resolution(target, streams)
    need_url(resolution.target)
    own_token = resolution.target.key_pair is None  # beside keys it is not used
    resolution = inputs.told(resolution, streams, own_token=own_token)
    case = cases.gather(resolution, SystemClock())
    case = case if own_token else case.with_keys_alone()
    engine.access(case)  # says what is missing before anything is dialled
    return case


def _strict(report: Report, output: OutputOptions) -> Report:
    warned = report.summary.verdict == "warnings" and output.fail_on is FailOn.WARN
    if warned and report.summary.exit_code is ExitCode.HEALTHY:
        return engine.with_code(report, ExitCode.WARNINGS)
    return report


def _refused(
    report: Report, network: NetworkOptions, streams: Streams, output: OutputOptions
) -> ExitCode:
    """Show why there is no answer: the findings are the result then."""
    save(report, output)
    code = report.summary.exit_code
    match output.format:
        case OutputFormat.PLAIN:
            shown = repeatable(report, network, output)
            streams.note(findings(shown.findings, streams.err_canvas))
        case OutputFormat.HUMAN if output.quiet:
            streams.result(brief(report.findings))
        case OutputFormat.HUMAN:
            streams.result(_why(repeatable(report, network, output), streams.canvas))
        case _:
            for_machines(report, streams, output.format)
    own_up(report, streams)
    return code


def _why(report: Report, canvas: Canvas) -> Iterator[Line]:
    url = report.target.url or "the server"
    code = report.summary.exit_code
    word = Span("NOT REACHED", Style.UNKNOWN)
    if code is ExitCode.INTERNAL:
        word = Span("BROKEN IN LKDOCTOR", Style.ERROR)
    elif code is ExitCode.PROBLEM:
        word = Span("PROBLEMS", Style.FAIL)
    elif any(check.skip_reason is SkipReason.NOT_TRUSTED for check in report.checks):
        word = Span("NOT ASKED", Style.UNKNOWN)
    if canvas.accessible:
        yield line(f"Result: {word.text.lower()}. {url}. Exit code {int(code)}.")
    if not report.findings:
        yield line(
            f"{url} gave no usable answer, and no known cause fits: lkdoctor diagnose tells more"
        )
    for number, row in enumerate(findings(report.findings, canvas)):
        if number or row:  # the blank line in front of the first finding parts it from nothing here
            yield row
    if not canvas.accessible:
        yield BLANK
        yield line(word, f"   {url}   exit {int(code)}")


def _not_there(names: Iterable[str], answer: RoomsListed, canvas: Canvas) -> Iterator[Line]:
    """Which of the names asked for no room has."""
    from lkdoctor.redact import safe

    there = {room.name for room in answer.rooms}
    for name in dict.fromkeys(safe(name, 512) for name in names):
        if name not in there:
            yield line(
                f"no room is called {drawn.quoted(name, canvas)}: lkdoctor rooms show names the nearest"
            )


def _remarks(report: Report) -> Iterator[Line]:
    """What was found although the server answered."""
    yield from brief(report.findings)


def _card(view: "View", clock: Clock, canvas: Canvas) -> Iterator[Line]:
    people = view.participants or ()
    if view.room is not None:
        yield from drawn.room_card(view.room, people, now=clock.now(), canvas=canvas)
        return
    yield line("The token may not list rooms: these are the people, the room itself is not shown.")
    yield from drawn.people_table(people, now=clock.now(), canvas=canvas)


def _absent(room: str, others: Sequence[str], canvas: Canvas) -> Iterator[Line]:
    """There is no such room; the nearest name that there is."""
    from lkdoctor.names import nearest_twin
    from lkdoctor.redact import safe

    name = safe(room)
    count = f"of {many(len(others), 'room')}" if others else "there are no rooms"
    said = f"no room is called {drawn.quoted(name, canvas)} ({count})"
    for number, part in enumerate(wrap(said, canvas.width and canvas.columns - 9)):
        yield line(Span("" if number else "ABSENT", Style.FAIL), " " * (9 if number else 3), part)
    twin = nearest_twin(name, others)
    if twin is not None:
        yield line(f"  nearest: {drawn.quoted(twin.second, canvas)} ({twin.how})")
    else:
        import difflib

        for other in difflib.get_close_matches(name, others, n=1):
            yield line(f"  nearest: {drawn.quoted(other, canvas)}")
    told = "a room begins when the first one joins, and ends soon after the last one left"
    for part in wrap(told, canvas.width and canvas.columns - 2):
        yield line("  ", part)


def _terminal(streams: Streams) -> bool:
    try:
        return streams.stdin.isatty()
    except (AttributeError, ValueError):  # closed, or none at all
        return False
