"""What each command is called with where no harm may come of it; a new command needs a row here."""

from collections.abc import Iterator
from typing import Any, Final

import typer

from lkdoctor.cli.app import COMMANDS as MODULES
from lkdoctor.cli.app import app

BOOKING: Final = ("--booking", "consultation", "--provider", "dr-ann", "--client", "ben")

COMMANDS: Final = {
    "diagnose": ["diagnose"],
    "diagnose a token": ["diagnose", "--token-file", "token.txt"],
    "diagnose a booking": ["diagnose", "--booking", "consultation", "--user", "ann"],
    "diagnose a room": ["diagnose", "--room", "consultation"],
    "diagnose deeply": ["diagnose", "--deep"],
    "diagnose, made first": ["diagnose", "--create-room"],
    "diagnose, nobody joins": ["diagnose", "--no-join"],
    "dry run": ["diagnose", "--dry-run", "--join", "--token-file", "token.txt"],
    "check-env": ["check-env"],
    "check-room": ["check-room", "consultation"],
    "token": ["token", "--room", "consultation", "--identity", "ann"],
    "token decode": ["token", "decode", "@token.txt"],
    "token compare": ["token", "compare", "@token.txt", "@token.txt"],
    "ws-probe": ["ws-probe"],
    "ws-probe of a token": ["ws-probe", "--token-file", "token.txt"],
    "ws-probe v1": ["ws-probe", "--path", "rtc/v1"],
    "ws-probe three times": ["ws-probe", "--repeat", "3"],
    "ws-probe at once": ["ws-probe", "--repeat", "4", "--concurrency", "4"],
    "ws-probe held": ["ws-probe", "--hold", "2"],
    "ice": ["ice"],
    "rehearse": ["rehearse", *BOOKING, "--seconds", "0"],
    "rehearse, sound alone": ["rehearse", *BOOKING, "--seconds", "0", "--audio-only"],
    "rehearse, no media": ["rehearse", *BOOKING, "--signal-only"],
    "rehearse, made first": ["rehearse", *BOOKING, "--signal-only", "--create-room"],
    "rooms list": ["rooms", "list"],
    "rooms show": ["rooms", "show", "consultation"],
    "rooms end, dry": ["rooms", "end", "consultation", "--dry-run"],
    "rooms end, empty only": ["rooms", "end", "consultation", "--yes", "--empty-only"],
    "rooms end, nobody to ask": ["rooms", "end", "consultation"],
    "explain": ["explain"],
    "sandbox": ["sandbox", "--list-faults"],
    "demo": ["demo"],
    "schema": ["schema"],
    "completion": ["completion", "bash"],
}


def names(command: Any = None, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that there is, in words: ``("rooms", "show")``."""
    group: Any = typer.main.get_command(app) if command is None else command
    below = list(MODULES) if command is None else list(getattr(group, "commands", ()))
    if command is not None and (not below or getattr(group, "invoke_without_command", False)):
        yield above
    for name in below:
        yield from names(group.get_command(None, name), (*above, name))
