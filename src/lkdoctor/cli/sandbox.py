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
        list[str] | None, typer.Option("--fault", help="Break it in this way; may be repeated.")
    ] = None,
    list_faults: Annotated[
        bool, typer.Option("--list-faults", help="Name the faults, and what diagnose says to each.")
    ] = False,
) -> ExitCode:
    """Run a LiveKit stand-in on 127.0.0.1 until Ctrl-C: signalling and server API, no media.

    It answers as a real livekit-server does, or wrongly in the way that a --fault names: to see
    what lkdoctor makes of it, or how your own app takes it.
    """
    from lkdoctor.sandbox import Fault

    if list_faults:
        streams.result(_listed(tuple(Fault), streams.canvas))
        return ExitCode.HEALTHY
    faults = tuple(_fault(name) for name in dict.fromkeys(fault or ()))
    import asyncio

    try:
        asyncio.run(_serve(port, faults, streams))
    except KeyboardInterrupt:  # the way in which it is meant to end
        streams.note([line("sandbox stopped")])
    return ExitCode.HEALTHY


def _fault(name: str) -> "Fault":
    from lkdoctor.sandbox import Fault

    found = next((fault for fault in Fault if fault == name), None)
    if found is not None:
        return found
    import difflib

    near = difflib.get_close_matches(name, [str(fault) for fault in Fault], n=1)
    raise UsageError(
        f"--fault {name}: there is no such fault",
        advice=[
            *(f"did you mean --fault {other}" for other in near),
            "lkdoctor sandbox --list-faults   names them all",
        ],
    )


def _listed(faults: Sequence["Fault"], canvas: Canvas) -> Iterator[Line]:
    column = max(len(fault) for fault in faults) + 2
    for fault in faults:
        told = (f"{fault.description}.", f"lkdoctor says: {fault.leads_to}")
        if canvas.accessible:
            yield line(f"{fault}: {' '.join(told)}")
        else:
            yield from labelled(fault, told, canvas, column=column)


async def _serve(port: int, faults: Sequence["Fault"], streams: Streams) -> None:
    import asyncio
    import contextlib

    from lkdoctor.redact import Secret
    from lkdoctor.sandbox import Sandbox

    running = Sandbox(port=port, faults=faults, keys=KEYS)
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
    if len(running.faults) == 1:
        yield line(f"lkdoctor should say: {running.faults[0].leads_to}")
    yield BLANK
    yield line("paste this into another terminal:")


def export(name: str, value: str, *, windows: bool) -> str:
    """What sets the variable in a shell: POSIX, or PowerShell on Windows."""
    return f'$env:{name}="{value}"' if windows else f"export {name}={value}"
