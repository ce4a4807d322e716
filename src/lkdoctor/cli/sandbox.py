"""``lkdoctor sandbox``: a LiveKit stand-in on loopback, healthy or with faults."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lkdoctor.cli.app import subcommand
from lkdoctor.cli.options import command
from lkdoctor.cli.streams import Streams
from lkdoctor.errors import UsageError
from lkdoctor.report.layout import BLANK, Canvas, Line, Span, Style, labelled, line
from lkdoctor.report.model import ExitCode

if TYPE_CHECKING:
    from lkdoctor.sandbox import Fault, Sandbox

KEYS: Final = {
    # Long enough that a healthy sandbox is not warned of; it opens nothing but a sandbox.
    "APIsandbox": "made-up-secret-that-opens-only-a-sandbox",
    # The pair of `livekit-server --dev`, so that --dev works here as well.
    "devkey": "secret",
}

PORT: Final = 7880
"""livekit-server's own."""

app = subcommand()


@app.command()
@command
def sandbox(
    *,
    streams: Streams,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where to listen; 0 takes a free port.")
    ] = PORT,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            help="Break it in this way; may be repeated. CODE, CODE@/PATH (* is anything), CODE#N "
            "for the Nth request, CODE#N-M, CODE@/PATH#N.",
        ),
    ] = None,
    server_version: Annotated[
        str | None,
        typer.Option(
            "--server-version",
            help="The livekit-server to answer as: 1.13, 1.11, 1.9, 1.8 or 1.5; the newest without.",
        ),
    ] = None,
    list_faults: Annotated[
        bool, typer.Option("--list-faults", help="Name the faults, and what lkdoctor says to each.")
    ] = False,
) -> ExitCode:
    """Run a LiveKit stand-in on 127.0.0.1 until Ctrl-C: signalling and server API, no media.

    It answers as a real livekit-server does, or wrongly in the way that a --fault names: to see
    what lkdoctor makes of it, or how your own app takes it.

    A fault is named by the code that lkdoctor says. It is where it belongs, unless it is put at a
    path (signal-refused@/rtc/validate) or in some requests (signal-timeout@/rtc#1-2: the first two).
    """
    from lkdoctor.sandbox import Fault, FaultError, VersionError

    if list_faults:
        streams.result(_listed(tuple(Fault), streams.canvas))
        return ExitCode.HEALTHY
    try:
        running = _made(port, fault or (), server_version)
    except FaultError as error:
        advice = [*error.advice, "lkdoctor sandbox --list-faults   names them all"]
        raise UsageError(f"--fault {error}", advice=advice) from error
    except VersionError as error:
        raise UsageError(f"--server-version {error}") from error
    import asyncio

    try:
        asyncio.run(_serve(running, streams))
    except KeyboardInterrupt:  # the way in which it is meant to end
        streams.note([line("sandbox stopped")])
    return ExitCode.HEALTHY


def _made(port: int, faults: Sequence[str], version: str | None) -> "Sandbox":
    """The sandbox, not yet started."""
    from lkdoctor.sandbox import Sandbox
    from lkdoctor.sandbox.faults import placed

    placed(faults)  # what cannot be had is said before the server is loaded
    return Sandbox(port=port, faults=faults, version=version, keys=KEYS)


def _listed(faults: Sequence["Fault"], canvas: Canvas) -> Iterator[Line]:
    from lkdoctor import catalogue

    titles = {rule.code: rule.words.title for rule in catalogue.rules()}
    column = max(len(fault) for fault in faults) + 2
    for fault in faults:
        command = "" if fault.change.told_by == "diagnose" else f" {fault.change.told_by}"
        told = (
            f"{fault.description}.",
            f"lkdoctor{command} says: {titles[fault]}.",
            *(f"Also called {alias}." for alias in fault.aliases),
        )
        if canvas.accessible:
            yield line(f"{fault}: {' '.join(told)}")
        else:
            yield from labelled(fault, told, canvas, column=column)


async def _serve(running: "Sandbox", streams: Streams) -> None:
    import asyncio
    import contextlib

    from lkdoctor.redact import Secret

    port = running.port
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(running)
        except OSError as error:
            raise _unavailable(port, error) from error
        streams.note(_told(running))
        for name, value in running.environment().items():
            row = export(name, value, windows=os.name == "nt")
            if (
                name == "LIVEKIT_TOKEN"
            ):  # of a fault that a key, which mints fresh ones, would not show
                streams.reveal(Secret(row))
            else:
                streams.result([line(row)])
        streams.note([BLANK, line("then: lkdoctor diagnose"), line("Ctrl-C ends the sandbox")])
        if not streams.unread:
            await asyncio.Event().wait()


def _unavailable(port: int, error: OSError) -> UsageError:
    import errno

    free = "--port 0   takes a free port"
    if error.errno == errno.EADDRINUSE:
        return UsageError(
            f"port {port} of 127.0.0.1 is in use",
            advice=[free, "perhaps a livekit-server or another sandbox runs there"],
        )
    return UsageError(f"cannot listen on port {port} of 127.0.0.1: {error}", advice=[free])


def _told(running: "Sandbox") -> Iterator[Line]:
    for number, text in enumerate(running.banner().splitlines()):
        yield line(Span(text, Style.PLAIN if number else Style.TITLE))
    if len(running.faults) == 1 and running.faults[0].everywhere:
        yield line(f"lkdoctor should say: {running.faults[0].fault}")
    yield BLANK
    yield line("paste this into another terminal:")


def export(name: str, value: str, *, windows: bool) -> str:
    """What sets the variable in a shell: POSIX, or PowerShell on Windows."""
    return f'$env:{name}="{value}"' if windows else f"export {name}={value}"
