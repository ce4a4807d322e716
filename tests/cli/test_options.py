"""A shared option is defined once and means the same everywhere."""

import contextlib
import io
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from lkdoctor.cli import options
from lkdoctor.cli.options import (
    AppOptions,
    BookingOptions,
    FailOn,
    NetworkOptions,
    OutputFormat,
    OutputOptions,
    TargetOptions,
    command,
    streams_for,
)
from lkdoctor.cli.streams import ColorChoice, Streams
from lkdoctor.report.model import ExitCode

GROUPS = (TargetOptions, AppOptions, OutputOptions, NetworkOptions, BookingOptions)


def parsed(*arguments: str) -> tuple[dict[str, Any], int]:
    """What a command that takes every group is called with, and how it ends."""
    seen: dict[str, Any] = {}

    @command
    def everything(
        *,
        name: Annotated[str, typer.Argument()] = "nobody",
        target: TargetOptions,
        files: AppOptions,
        output: OutputOptions,
        network: NetworkOptions,
        booking: BookingOptions,
        streams: Streams,
        own: Annotated[int, typer.Option("--own")] = 7,
    ) -> ExitCode:
        """Do everything."""
        seen.update(
            name=name,
            target=target,
            files=files,
            output=output,
            network=network,
            booking=booking,
            streams=type(streams),
            own=own,
        )
        return ExitCode.PROBLEM if own == 1 else ExitCode.HEALTHY

    app = typer.Typer()
    app.command()(everything)
    done = CliRunner().invoke(app, list(arguments))
    return seen, done.exit_code


def test_groups_become_options_and_come_back_as_groups() -> None:
    seen, code = parsed()
    assert code == 0
    assert seen == {
        "name": "nobody",
        "target": TargetOptions(env_file=seen["target"].env_file),
        "files": AppOptions(),
        "output": OutputOptions(),
        "network": NetworkOptions(),
        "booking": BookingOptions(),
        "streams": Streams,
        "own": 7,
    }
    assert not seen["target"].env_file


def test_what_is_given_arrives() -> None:
    seen, code = parsed(
        *("ann", "--url", "wss://h", "--api-key", "APIx", "--dev", "--env-file", "a", "--own", "1"),
        *("--env-file", "b", "-o", "plain", "--fail-on", "warn", "--color", "never", "-qvv"),
        *("--timeout", "2.5", "--ipv6", "--booking", "B1", "--user", "U1", "--role", "client"),
    )
    assert code == 1
    assert seen["name"] == "ann"
    assert [str(path) for path in seen["target"].env_file] == ["a", "b"]
    assert seen["target"]._replace(env_file=None) == TargetOptions(
        url="wss://h", api_key="APIx", dev=True
    )
    assert seen["output"] == OutputOptions(
        output=OutputFormat.PLAIN,
        fail_on=FailOn.WARN,
        color=ColorChoice.NEVER,
        quiet=True,
        verbose=2,
    )
    assert seen["network"] == NetworkOptions(timeout=2.5, ipv6=True)
    assert seen["booking"] == BookingOptions(booking="B1", user="U1", role="client")


@pytest.mark.parametrize("value", ["0", "-1", "601", "soon", "nan"])
def test_a_time_limit_is_a_sensible_number(value: str) -> None:
    assert parsed("--timeout", value) == ({}, 2)


def test_two_spellings_of_json() -> None:
    assert OutputOptions().format is OutputFormat.HUMAN
    assert OutputOptions(json=True).format is OutputFormat.JSON
    assert OutputOptions(output=OutputFormat.JSON).format is OutputFormat.JSON


def test_no_two_options_share_a_spelling_and_each_says_what_it_is() -> None:
    spellings: list[str] = []
    for group in GROUPS:
        for parameter in options._flattened(group):
            (option,) = parameter.annotation.__metadata__
            spellings += [option.default, *option.param_decls]
            assert option.help
            assert option.help.endswith((".", ";"))
    assert len(spellings) == len(set(spellings))


def test_output_options_decide_the_streams() -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        plain = streams_for(OutputOptions())
        loud = streams_for(OutputOptions(color=ColorChoice.ALWAYS, ascii=True))
        spoken = streams_for(OutputOptions(color=ColorChoice.ALWAYS, accessible=True))
    assert (plain.color, plain.canvas.accessible) == (False, False)
    assert (loud.color, loud.canvas.unicode) == (True, False)
    assert (spoken.color, spoken.canvas.accessible) == (False, True)
