"""Which command is which module, and the one place where an exception becomes a line.

A command's module is imported when it is called: ``check-env`` does not pay for ``ws-probe``.
"""

import contextlib
import errno
import os
import sys
from typing import Annotated, Any, Final, TextIO

import typer
from typer.core import TyperGroup

from lkdoctor.cli import misuse
from lkdoctor.cli.streams import give_up, going_on, unwritten
from lkdoctor.errors import UsageError, exhausted, leaf
from lkdoctor.redact import safe, screened, visible

COMMANDS: Final = {
    "diagnose": ("diagnose", "Everything that the inputs allow, one verdict."),
    "check-env": ("check_env", "The variables: found where, shadowed by what, valid?"),
    "check-room": ("check_room", "Room-name and identity format."),
    "token": ("token", "Mint, decode and compare tokens."),
    "ws-probe": ("ws_probe", "Raw handshake to LIVEKIT_WS_URL, phase by phase."),
    "ice": ("ice", "Every way that media could take: UDP, TCP, and each TURN server."),
    "rehearse": ("rehearse", "Play a whole booking with two participants, media included."),
    "rooms": ("rooms", "List, show and end rooms through the server API."),
    "explain": ("explain", "The catalogue of causes, offline."),
    "sandbox": ("sandbox", "A LiveKit stand-in on loopback, healthy or with faults."),
    "demo": ("demo", "Diagnose the sandbox: no account, no network, no set-up."),
    "schema": ("schema", "The JSON Schema of a report."),
    "completion": ("completion", "The completion script of a shell."),
}
"""Command → module of `lkdoctor.cli` with a Typer ``app``, and its line in the help."""

EXAMPLES: Final = """\
Examples:

  lkdoctor demo                            see it work, no account needed
  lkdoctor diagnose                        what LIVEKIT_URL and the keys allow
  lkdoctor token --booking B1 --user U1    mint a token and see what it allows
"""

CONTEXT: Final = {"help_option_names": ["-h", "--help"]}


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Typer looks here for a command's nearest name.
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # names are all it reads

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # Typer's own Context
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str):  # type: ignore[no-untyped-def,override]  # noqa: ANN201 - Typer keeps its command classes private
        del ctx
        if cmd_name not in COMMANDS:
            return None
        import importlib

        module = importlib.import_module(f"lkdoctor.cli.{COMMANDS[cmd_name][0]}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def shell_complete(self, ctx: typer.Context, incomplete: str):  # type: ignore[no-untyped-def,override]  # noqa: ANN201 - as above
        """The commands' names, without importing any of them."""
        from typer.core import CompletionItem  # type: ignore[attr-defined]  # not declared there

        names = [
            (name, text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)
        ]
        options = super(TyperGroup, self).shell_complete(ctx, incomplete)
        return [*(CompletionItem(name, help=text) for name, text in names), *options]

    def format_commands(self, ctx: typer.Context, formatter) -> None:  # type: ignore[no-untyped-def,override]  # noqa: ANN001 - as above
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def format_epilog(self, ctx: typer.Context, formatter) -> None:  # type: ignore[no-untyped-def,override]  # noqa: ANN001 - as above
        del ctx
        formatter.write_paragraph()
        formatter.write(EXAMPLES)


app = typer.Typer(
    cls=LazyGroup,
    name="lkdoctor",
    help="Why does a LiveKit user sit on “Connecting…”, and what should I change?",
    context_settings=CONTEXT,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    add_completion=False,
    no_args_is_help=True,
)


def subcommand(help_text: str = "", **settings: object) -> typer.Typer:
    """The Typer app of one command's module, under the same policy as the root."""
    return typer.Typer(
        help=help_text,
        context_settings=CONTEXT,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,
        add_completion=False,
        **settings,  # type: ignore[arg-type]  # passed on as given
    )


def _print_version(asked: bool) -> None:  # noqa: FBT001 - the form of a Typer callback
    if not asked:
        return
    import platform
    import ssl

    from lkdoctor import __version__

    sys.stdout.write(
        f"lkdoctor {__version__}\n"
        f"Python {platform.python_version()}\n"
        f"{' '.join(ssl.OPENSSL_VERSION.split()[:2])}\n"
        f"CA-bundle {ssl.get_default_verify_paths().cafile or 'of the system'}\n"
    )
    raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            is_eager=True,
            callback=_print_version,
            help="Version of lkdoctor, Python, OpenSSL and the CA bundle.",
        ),
    ] = False,
) -> None:
    del version


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code; nothing is ever raised."""
    _open_what_is_closed()
    _forget_a_key_log_that_cannot_be()
    if "_LKDOCTOR_COMPLETE" in os.environ:
        # Typer does this by itself only where it also adds options for it.
        from typer.completion import completion_init  # type: ignore[attr-defined]  # not declared

        completion_init()
    stdout, stderr = sys.stdout, sys.stderr
    misuse.begin(arguments)
    try:
        code = app(arguments, prog_name="lkdoctor", standalone_mode=False)
    except SystemExit as end:
        code = end.code
        if sys.stdout is not stdout:  # Typer takes every broken pipe for that of the output
            sys.stdout, sys.stderr = stdout, stderr
            broken = end.__context__
            if not isinstance(broken, OSError) or not (_left(stdout) or _left(stderr)):
                return _own_fault(broken or end)
            give_up(stdout, broken)
            code = 0
    except UsageError as error:
        said = (f"Error: {error.message}", *(f"  {advice}" for advice in error.advice))
        _complain(*map(misuse.concealed, said))
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as error:  # noqa: BLE001 - the one place where our own bug becomes a line
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EIO, errno.EFBIG}:
            give_up(stdout, error)
            return _delivered(stdout, 0)
        return _misused(error) or _at_its_limit(error) or _own_fault(error)
    with going_on(stdout):
        stdout.flush()
    return _delivered(stdout, code if isinstance(code, int) else 0)


def _left(stream: TextIO) -> bool:
    """Whether the reader of a pipe has left; True where that cannot be told."""
    import select

    if not hasattr(select, "poll"):
        return True
    look = select.poll()
    try:
        look.register(stream, 0)
    except (OSError, ValueError):  # closed, or not a real stream
        return False
    return bool(look.poll(0))


def _delivered(stdout: TextIO, code: int) -> int:
    """The exit code of a run whose answer perhaps could not be written.

    A reader that leaves has what it wanted; a failed run stays failed, whoever reads of it.
    """
    error = unwritten(stdout)
    # Windows has no other number for a pipe whose reader has left.
    left = isinstance(error, BrokenPipeError) or (
        sys.platform == "win32" and error is not None and error.errno == errno.EINVAL
    )
    if error is None or left:
        return code
    _complain(f"Error: cannot write the answer: {error.strerror}")
    return code or 2


def _open_what_is_closed() -> None:
    """Let a stream that was closed before we started (``>&-``) lead nowhere.

    Python has None in its place, and the next socket would get its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - as long as the process


def _forget_a_key_log_that_cannot_be() -> None:
    """Go on without ``SSLKEYLOGFILE`` where it cannot be written, as curl and browsers do.

    Python's ssl raises where a context is made, which libraries do when they are imported.
    """
    name = os.environ.get("SSLKEYLOGFILE")
    if not name:
        return
    try:
        open(name, "ab").close()  # noqa: PTH123 - pathlib is not loaded here
    except (OSError, ValueError) as error:
        del os.environ["SSLKEYLOGFILE"]
        reason = getattr(error, "strerror", None) or str(error)
        _complain(f"note: SSLKEYLOGFILE is ignored: it cannot be written ({reason})")


def _misused(error: Exception) -> int | None:
    """Show what Typer says of the arguments; None for any other exception."""
    show = getattr(error, "show", None)  # its classes moved between the releases that we allow
    if show is None:
        return None
    import io

    # Arguments may be secrets, and Typer repeats them.
    said = io.StringIO()
    show(file=said)
    known = _known_to(getattr(error, "ctx", None))
    _complain(*misuse.concealed_by_typer(said.getvalue(), known).splitlines())
    return 2


def _at_its_limit(error: Exception) -> int | None:
    """Say what this machine has run out of; None for any other exception."""
    words = exhausted(leaf(error))
    if words is None:
        return None
    _complain(
        f"Error: {words}, and nothing could be looked at",
        "  ulimit -a   shows the limits of this shell; ulimit -n 4096 lets it open more files",
    )
    return 3


def _known_to(context: Any) -> list[str]:
    """The commands, options and choices that a command has."""
    command = getattr(context, "command", None)
    words = list(getattr(command, "commands", None) or ())
    for parameter in getattr(command, "params", ()):
        words += [option for option in parameter.opts if option.startswith("-")]
        words += [str(choice) for choice in getattr(parameter.type, "choices", ())]
    return words


def _own_fault(error: BaseException) -> int:
    import traceback

    problem = leaf(error)
    where = traceback.extract_tb(problem.__traceback__)[-1]
    _complain(
        f"lkdoctor broke: {type(problem).__name__}: {safe(str(problem), 500)}",
        f"  in {os.path.basename(where.filename)}:{where.lineno} ({where.name})",  # noqa: PTH119 - pathlib is not loaded here
        "  This is our fault. Please report it with the command that you ran: lkdoctor --version",
    )
    if os.environ.get("LKDOCTOR_DEBUG"):
        _complain(*"".join(traceback.format_exception(error)).splitlines())
    return 5


def _complain(*lines: str) -> None:
    with contextlib.suppress(ValueError, AttributeError), going_on(sys.stderr):
        for text in lines:
            # Typer indents with tabs. An advice may be a snippet of several lines; nothing else in it may act.
            shown = "\n".join(visible(row.expandtabs(2)) for row in screened(text).split("\n"))
            sys.stderr.write(shown + "\n")
