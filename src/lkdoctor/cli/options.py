"""Shared options, each defined once, and the frame that every command runs in.

A command is a function of option groups; `command` turns it into what Typer understands: the
groups' fields become options, and `Streams` is built from what was chosen.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from lkdoctor.cli.streams import ColorChoice, Streams
from lkdoctor.report.model import ExitCode


class OutputFormat(StrEnum):
    HUMAN = "human"
    PLAIN = "plain"
    JSON = "json"
    NDJSON = "ndjson"
    GITHUB = "github"


class FailOn(StrEnum):
    ERROR = "error"
    WARN = "warn"


NO_JOIN: Final = "Ask /rtc/validate only; nobody joins, no throw-away room is made."

CREATE_ROOM: Final = (
    "Make the throw-away room first, where joining makes none (room.auto_create: false). Sends a "
    "token that may create and delete rooms to a server that has not yet shown that it holds the "
    "secret."
)


class TargetOptions(NamedTuple):
    """Where to connect, and as whom."""

    url: Annotated[
        str | None, typer.Option("--url", help="Server URL, e.g. wss://demo.livekit.cloud.")
    ] = None
    api_key: Annotated[str | None, typer.Option("--api-key", help="API key.")] = None
    api_secret: Annotated[
        str | None,
        typer.Option("--api-secret", help="API secret. Better a file: the process list shows it."),
    ] = None
    api_secret_file: Annotated[
        Path | None, typer.Option("--api-secret-file", help="File that holds the API secret.")
    ] = None
    token_file: Annotated[
        str | None,
        typer.Option("--token-file", help="File that holds a token; - reads standard input."),
    ] = None
    env_file: Annotated[
        list[Path] | None, typer.Option("--env-file", help="A .env file; may be repeated.")
    ] = None
    project: Annotated[
        str | None, typer.Option("--project", help="A project of lkdoctor.toml, or one of lk's.")
    ] = None
    dev: Annotated[
        bool, typer.Option("--dev", help="A local server started with --dev.", show_default=False)
    ] = False
    trust_folder: Annotated[
        bool,
        typer.Option(
            "--trust-folder",
            help="Send credentials from elsewhere to a URL that this folder's files name.",
            show_default=False,
        ),
    ] = False


class AppOptions(NamedTuple):
    """Whose files to look at, too."""

    project_dir: Annotated[
        str | None,
        typer.Option("--project-dir", help="Folder of your app: packages, source, .env files."),
    ] = None


class OutputOptions(NamedTuple):
    """How to show the answer."""

    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="human, plain, json, ndjson or github.")
    ] = OutputFormat.HUMAN
    json: Annotated[bool, typer.Option("--json", "-j", help="Short for -o json.")] = False
    save: Annotated[
        Path | None, typer.Option("--save", help="Also write the report (JSON) to a file.")
    ] = None
    junit_file: Annotated[
        Path | None, typer.Option("--junit-file", help="Also write JUnit XML to a file.")
    ] = None
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="warn: exit with 4 when there are only warnings.")
    ] = FailOn.ERROR
    color: Annotated[ColorChoice, typer.Option("--color", help="auto, always or never.")] = (
        ColorChoice.AUTO
    )
    ascii: Annotated[bool, typer.Option("--ascii", help="No characters beyond ASCII.")] = False
    accessible: Annotated[
        bool, typer.Option("--accessible", help="For a screen reader: sentences, no columns.")
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only what was found.")] = False
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="More detail.", show_default=False)
    ] = 0

    @property
    def format(self) -> OutputFormat:
        """The form that was asked for, by either spelling."""
        return OutputFormat.JSON if self.json else self.output


def _number(seconds: float) -> float:
    if seconds != seconds:  # noqa: PLR0124 - "nan" passes every comparison with a bound
        raise typer.BadParameter("not a number")
    return seconds


class NetworkOptions(NamedTuple):
    """How to go there."""

    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", min=0.1, max=600, callback=_number, help="Seconds for the whole run."
        ),
    ] = 10.0
    ipv4: Annotated[bool, typer.Option("--ipv4", help="Only IPv4 addresses.")] = False
    ipv6: Annotated[bool, typer.Option("--ipv6", help="Only IPv6 addresses.")] = False
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Do not verify certificates; the report says so."),
    ] = False
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", help="Certificates to trust instead of the system's."),
    ] = None
    curl: Annotated[
        bool,
        typer.Option("--curl", help="Show the commands that repeat what was seen (as -v does)."),
    ] = False
    proxy: Annotated[
        str | None,
        typer.Option("--proxy", help="Go through this HTTP proxy, e.g. http://proxy:3128."),
    ] = None
    no_proxy: Annotated[
        bool, typer.Option("--no-proxy", help="Go directly, whatever HTTPS_PROXY says.")
    ] = False


class BookingOptions(NamedTuple):
    """Whom the token is for."""

    booking: Annotated[str | None, typer.Option("--booking", help="The booking's id.")] = None
    user: Annotated[str | None, typer.Option("--user", help="The user's id.")] = None
    role: Annotated[
        str | None, typer.Option("--role", help="provider, client or a role of lkdoctor.toml.")
    ] = None
    provider: Annotated[
        str | None, typer.Option("--provider", help="The booking's provider; decides the role.")
    ] = None
    client: Annotated[
        str | None, typer.Option("--client", help="The booking's client; decides the role.")
    ] = None
    room: Annotated[
        str | None, typer.Option("--room", help="Room name, in place of the booking's.")
    ] = None
    identity: Annotated[
        str | None, typer.Option("--identity", help="Identity, in place of the user's.")
    ] = None


_GROUPS: tuple[type, ...] = (
    TargetOptions,
    AppOptions,
    OutputOptions,
    NetworkOptions,
    BookingOptions,
)


def command(function: Callable[..., ExitCode]) -> Callable[..., None]:
    """What Typer calls for a command: groups flattened, streams built, exit code raised."""
    # Annotations here are never strings, so they need no evaluation (typing.get_type_hints).
    hints = function.__annotations__
    own = inspect.signature(function).parameters
    parameters: list[inspect.Parameter] = []
    for name, parameter in own.items():
        if hints[name] in _GROUPS:
            parameters += _flattened(hints[name])
        elif hints[name] is not Streams:
            parameters.append(
                parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
            )

    @functools.wraps(function)
    def run(**given: Any) -> None:
        arguments: dict[str, Any] = {}
        for name in own:
            group = hints[name]
            if group in _GROUPS:
                arguments[name] = group(**{field: given.pop(field) for field in group._fields})
        chosen = next((a for a in arguments.values() if isinstance(a, OutputOptions)), None)
        for name in own:
            if hints[name] is Streams:
                arguments[name] = streams_for(chosen or OutputOptions())
        with _early_end_in(chosen and chosen.junit_file, function.__name__):
            code = function(**arguments, **given)
        if code != ExitCode.HEALTHY:
            raise typer.Exit(int(code))

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


@contextlib.contextmanager
def _early_end_in(file: Path | None, name: str) -> Iterator[None]:
    """Lets a JUnit file tell of a command that came to no report."""
    try:
        yield
    except Exception as error:
        if file is not None:
            from lkdoctor.cli.files import write_early_end

            write_early_end(file, name.replace("_", "-"), error)
        raise


def _flattened(group: Any) -> list[inspect.Parameter]:
    fields = group.__annotations__
    return [
        inspect.Parameter(
            field,
            inspect.Parameter.KEYWORD_ONLY,
            default=group._field_defaults[field],
            annotation=fields[field],
        )
        for field in group._fields
    ]


def streams_for(output: OutputOptions) -> Streams:
    """The streams under the chosen output options."""
    return Streams.of(
        color=output.color,
        ascii_only=output.ascii,
        accessible=output.accessible,
        quiet=output.quiet,
    )
