"""``lkdoctor demo``: the real engine against a stand-in that is healthy, then broken on purpose."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from lkdoctor.cli.app import subcommand
from lkdoctor.cli.options import command
from lkdoctor.cli.streams import ColorChoice, Streams
from lkdoctor.clock import Clock, SystemClock
from lkdoctor.report.layout import BLANK, Canvas, Line, Span, Style, glyph, line, wrap
from lkdoctor.report.model import ExitCode, Report, Verdict

if TYPE_CHECKING:
    from lkdoctor.config.resolve import Resolution
    from lkdoctor.sandbox import Fault, Sandbox

TIMEOUT_S: Final = 5.0
"""For each diagnosis; on loopback one takes a fraction of a second."""

app = subcommand()


class Scene(NamedTuple):
    """One diagnosis of the demo."""

    title: str
    story: str
    fault: "Fault | None" = None
    says: str | None = None
    """The code that must come first; None: nothing may be found."""


def scenes() -> tuple[Scene, ...]:
    """What is shown, in this order."""
    from lkdoctor.sandbox import Fault

    return (
        Scene(
            "All is well",
            "First a server that works. Everything is asked that can be asked without harm: "
            "a test token is minted, joins a room of its own, leaves, and the room ends by itself.",
        ),
        Scene(
            "The proxy drops the WebSocket upgrade",
            "Now a proxy stands in front of LiveKit that passes requests on, but not the "
            "Upgrade header. The token is right, the API answers; users sit on “Connecting…”.",
            Fault.UPGRADE_DROPPED,
            "proxy-upgrade-stripped",
        ),
        Scene(
            "The secret is that of another environment",
            "Now the app signs its tokens with a secret that the server does not know, as after "
            "a deployment with the wrong .env file. In a browser it looks just the same.",
            Fault.WRONG_SECRET,
            "token-bad-signature",
        ),
        Scene(
            "The room is full",
            "Now every room has one place, and somebody sits in it. LiveKit's own validation "
            "still says “success”; only the join fails, with a 500.",
            Fault.ROOM_FULL,
            "signal-room-full",
        ),
    )


@app.command()
@command
def demo(
    *,
    color: Annotated[ColorChoice, typer.Option("--color", help="auto, always or never.")] = (
        ColorChoice.AUTO
    ),
    ascii_only: Annotated[
        bool, typer.Option("--ascii", help="No characters beyond ASCII.")
    ] = False,
    accessible: Annotated[
        bool, typer.Option("--accessible", help="For a screen reader: sentences, no columns.")
    ] = False,
) -> ExitCode:
    """Diagnose a LiveKit stand-in on this machine: healthy, then broken in three ways.

    No account, no network, no set-up; your variables and .env files are not read.
    """
    streams = Streams.of(color=color, ascii_only=ascii_only, accessible=accessible)
    return play(scenes(), streams, SystemClock())


def play(shown: Sequence[Scene], streams: Streams, clock: Clock) -> ExitCode:
    """Show the scenes; healthy where every diagnosis said what it should."""
    right = 0
    streams.result(_opening(len(shown), streams.canvas))
    for number, scene in enumerate(shown, 1):
        streams.result(_narration(scene, f"{number} of {len(shown)}", streams.canvas))
        report = asyncio.run(diagnosis(scene, clock))
        if report.run.interrupted_by == "signal":  # Ctrl-C, which the engine turns into a report
            return ExitCode.INTERRUPTED
        streams.result(_report(report, streams.canvas))
        told = as_it_should(report, scene)
        right += told
        if not told:
            streams.result([BLANK, line(Span("This is not what it should say.", Style.FAIL))])
    streams.result(_ending(right, len(shown), streams.canvas))
    return ExitCode.HEALTHY if right == len(shown) else ExitCode.PROBLEM


def as_it_should(report: Report, scene: Scene) -> bool:
    """Whether the diagnosis names what was broken, and nothing where nothing was."""
    if scene.says is None:
        return report.summary.verdict is Verdict.HEALTHY
    first = report.findings[0] if report.findings else None
    # A cause that stands behind it may be named in its place; it says then what it explains.
    return first is not None and scene.says in {first.code, *first.consequences}


async def diagnosis(scene: Scene, clock: Clock) -> Report:
    """What the engine says of a sandbox that is as the scene wants it."""
    from lkdoctor.diagnosis import case, doctor
    from lkdoctor.diagnosis.how import How
    from lkdoctor.sandbox import Sandbox

    # Long and new each time: a healthy sandbox must not be warned of a secret that can be guessed.
    keys = {"APIdemo": clock.token_hex(24)}
    faults = () if scene.fault is None else (scene.fault,)
    async with Sandbox(faults=faults, keys=keys) as sandbox:
        request = doctor.Request(how=How(timeout_s=TIMEOUT_S))
        return await doctor.diagnose(case.gather(_configured(sandbox), clock), request, clock)


def _configured(sandbox: "Sandbox") -> "Resolution":
    """The sandbox's variables and nothing else: neither the environment nor a file is read."""
    from lkdoctor.config.resolve import Kind, Source, Value, resolve
    from lkdoctor.redact import Secret

    secrets = {"LIVEKIT_API_SECRET"}
    values = tuple(
        Value(name, Secret(text) if name in secrets else text, "demo")
        for name, text in sandbox.environment().items()
    )
    return resolve([Source("demo", Kind.OPTION, values)])


def _opening(count: int, canvas: Canvas) -> Iterator[Line]:
    yield line(Span("lkdoctor demo", Style.TITLE))
    yield from _paragraph(
        f"{count} diagnoses of a LiveKit stand-in that runs on this machine only, and only now. "
        "Nothing leaves the machine; your variables and .env files are not read.",
        canvas,
    )


def _narration(scene: Scene, place: str, canvas: Canvas) -> Iterator[Line]:
    yield BLANK
    if not canvas.accessible:
        yield line(Span(("─" if canvas.unicode else "-") * canvas.columns, Style.DIM))
    yield line(Span(f"{place}   {scene.title}", Style.TITLE))
    yield from _paragraph(scene.story, canvas)
    yield line("By hand: lkdoctor sandbox" + (f" --fault {scene.fault}" if scene.fault else ""))
    yield BLANK


def _paragraph(text: str, canvas: Canvas) -> Iterator[Line]:
    if not canvas.unicode:
        for pretty, plain in (("“", '"'), ("”", '"'), ("…", "...")):
            text = text.replace(pretty, plain)
    # Prose is wrapped in a pipe, too: nobody pastes it anywhere.
    yield from (line(row) for row in wrap(text, canvas.columns))


def _report(report: Report, canvas: Canvas) -> Iterator[Line]:
    from lkdoctor.report import human

    yield from human.render(report, canvas)


def _ending(right: int, count: int, canvas: Canvas) -> Iterator[Line]:
    yield BLANK
    if not canvas.accessible:
        yield line(Span(("─" if canvas.unicode else "-") * canvas.columns, Style.DIM))
    style = Style.PASS if right == count else Style.FAIL
    mark = () if canvas.accessible else (glyph(style, canvas), Span(" "))
    yield (*mark, Span(f"{right} of {count} diagnoses said what they should"))
    yield line("Next: lkdoctor diagnose                with your own LIVEKIT_URL, key and secret")
    yield line("      lkdoctor sandbox --list-faults   more ways to break it")
