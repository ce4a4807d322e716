"""``lkdoctor token``: mint one, read one, compare two."""

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lkdoctor.cli import inputs
from lkdoctor.cli.app import subcommand
from lkdoctor.cli.options import (
    BookingOptions,
    FailOn,
    OutputFormat,
    OutputOptions,
    TargetOptions,
    command,
)
from lkdoctor.cli.streams import Streams, decoded, here
from lkdoctor.clock import SystemClock
from lkdoctor.errors import UsageError
from lkdoctor.redact import register, safe
from lkdoctor.report.model import ExitCode

if TYPE_CHECKING:
    from lkdoctor.booking import Seat
    from lkdoctor.config.resolve import Resolution
    from lkdoctor.facts.clock import ClockFact
    from lkdoctor.report.model import Report
    from lkdoctor.tokens.decode import Jwt, NotAToken

DEFAULT_TTL: Final = "10m"
MAX_FILE: Final = 1 << 20

app = subcommand(
    """Mint a token for a booking's user; the commands below read and compare tokens.

    Standard output has the token alone, so that TOKEN=$(lkdoctor token …) works. What it allows,
    and until when, is said on standard error.
    """,
    invoke_without_command=True,
)


# ------------------------------------------------------------------ mint


@app.callback()
@command
def mint(
    context: typer.Context,
    *,
    booking: BookingOptions,
    name: Annotated[
        str, typer.Option("--name", help="Display name of the participant.", show_default=False)
    ] = "",
    ttl: Annotated[str, typer.Option("--ttl", help="Lifetime: 10m, 1h30m, 600s.")] = DEFAULT_TTL,
    metadata: Annotated[
        str, typer.Option("--metadata", help="The participant's metadata.", show_default=False)
    ] = "",
    attribute: Annotated[
        list[str] | None, typer.Option("--attribute", help="KEY=VALUE; may be repeated.")
    ] = None,
    grant: Annotated[
        list[str] | None,
        typer.Option("--grant", help="A grant, NAME or NAME=VALUE; may be repeated."),
    ] = None,
    deny: Annotated[
        list[str] | None, typer.Option("--deny", help="A grant to set to false; may be repeated.")
    ] = None,
    target: TargetOptions,
    output: OutputOptions,
    streams: Streams,
) -> ExitCode:
    """Mint, unless a subcommand was named."""
    given = (booking, name, ttl, metadata, attribute, grant, deny, target, output)
    if context.invoked_subcommand is not None:
        _nothing_before(context.invoked_subcommand, given)
        return ExitCode.HEALTHY
    from lkdoctor.config.target import need_key_pair
    from lkdoctor.facts.token import keyring_of, token_fact
    from lkdoctor.tokens.mint import LONG_TTL_S, TokenRequest, lifetime
    from lkdoctor.tokens.mint import mint as sign

    _only_human(output)
    seconds = lifetime(ttl)
    seat = _seat(booking)
    video, others = _grants(dict(seat.video), grant or (), deny or ())
    notes = [*seat.notes, *_check_names(seat), *_check_sizes(name, metadata)]
    if seconds > LONG_TTL_S:
        notes.append(
            f"a lifetime of {ttl} is longer than a day: whoever finds the token can join until then"
        )
    resolution = inputs.resolution(target, streams)
    pair = need_key_pair(resolution.target)
    notes += _check_pair(resolution)
    now = SystemClock().now()
    request = TokenRequest(
        identity=seat.identity,
        video=video,
        name=name,
        metadata=metadata,
        attributes=_attributes(attribute) if attribute else None,
        grants=others,
    )
    token = sign(
        request,
        api_key=pair.api_key.value,
        secret=pair.api_secret.value,
        now=now,
        ttl_s=seconds,
    )
    fact, _ = token_fact(token.reveal(), keyring_of(resolution), origin="minted")
    if not output.quiet:
        from lkdoctor.report import tokens

        streams.note(tokens.card(fact, streams.err_canvas, now=now, role=seat.role, notes=notes))
    streams.reveal(token)
    return ExitCode.HEALTHY


def _nothing_before(called: str, given: tuple[Any, ...]) -> None:
    """Options in front of a subcommand would be dropped in silence; nobody means that."""
    groups = (BookingOptions(), "", DEFAULT_TTL, "", None, None, None, TargetOptions())
    fine = (*groups, OutputOptions())
    if given != fine:
        raise UsageError(
            f"the options in front of {called} belong to minting",
            advice=[f"write them behind it: lkdoctor token {called} … --option"],
        )


def _only_human(output: OutputOptions) -> None:
    files = (output.save, output.junit_file)
    if output.format is not OutputFormat.HUMAN or any(path is not None for path in files):
        raise UsageError(
            "a token is printed alone, in no other form",
            advice=["lkdoctor token … | lkdoctor token decode - -o json   says what it is"],
        )


def _seat(options: BookingOptions) -> "Seat":
    seat = (
        inputs.seat(options._replace(role=options.role if options.booking else None))
        if (options.booking is not None or options.user is not None)
        else None
    )
    if seat is not None:
        return seat
    if options.room is None or options.identity is None:
        raise UsageError(
            "for whom is the token?",
            advice=[
                "--booking ID --user ID   for a person of a booking",
                "--room NAME --identity NAME   for anybody else",
            ],
        )
    from lkdoctor import booking
    from lkdoctor.config.sources import read_project

    project = read_project(here())
    rules = booking.parse(project.table, project.origin)
    role = booking.role_of(
        rules,
        user=options.identity,
        role=options.role,
        provider=options.provider,
        client=options.client,
    )
    return booking.seat_at(rules, room=options.room, identity=options.identity, role=role)


_SOURCES_GRANT: Final = "canPublishSources"


def _grants(
    video: dict[str, object], grant: "list[str] | tuple[()]", deny: "list[str] | tuple[()]"
) -> tuple[dict[str, object], dict[str, dict[str, object]]]:
    """The video grants and those of other claims, after --grant and --deny."""
    others: dict[str, dict[str, object]] = {}
    named: set[str] = set()
    for option, texts in (("--grant", grant), ("--deny", deny)):
        for text in texts:
            path, claim, name, value = _one_grant(option, text)
            if path in named:
                raise UsageError(f"{path} is named twice in --grant and --deny")
            named.add(path)
            (video if claim == "video" else others.setdefault(claim, {}))[name] = value
    return video, others


def _one_grant(option: str, text: str) -> tuple[str, str, str, object]:
    from lkdoctor import booking
    from lkdoctor.tokens import grants

    name, equals, written = text.partition("=")
    found = grants.find(name)
    if found is None:
        booking.check_grant(name, None, where=option)
        raise UsageError(f"{option}: there is no grant {name!r}")
    if option == "--deny":
        if equals or found.type is not grants.ValueType.SWITCH:
            raise UsageError(
                f"--deny {text}: only a grant that is true or false can be denied",
                advice=[f"--grant {found.path}=…   sets it"],
            )
        return found.path, found.claim, found.name, False
    value = _value(option, found, written, given=bool(equals))
    return found.path, found.claim, found.name, value


def _value(option: str, grant: Any, written: str, *, given: bool) -> object:
    from lkdoctor.tokens.grants import SOURCES, ValueType, nearest

    if grant.type is ValueType.SWITCH:
        if not given or written in {"true", "false"}:
            return written != "false"
        raise UsageError(
            f"{option} {grant.path}={written}: {grant.path} is true or false",
            advice=[f"--grant {grant.path}   or   --deny {grant.path}"],
        )
    if not given or not written:
        raise UsageError(f"{option} {grant.path} needs a value", advice=[f"{grant.path}=VALUE"])
    if grant.type is ValueType.TEXT:
        return written
    items = [item.strip() for item in written.split(",")]
    if grant.name == _SOURCES_GRANT:
        for item in items:
            if item not in SOURCES:
                near = nearest(item, SOURCES)
                raise UsageError(
                    f"{option}: there is no source {item!r}; a server takes it in silence, and then "
                    "nothing may be published",
                    advice=[
                        f"did you mean {near}?" if near else f"there are: {', '.join(SOURCES)}"
                    ],
                )
    return items


def _attributes(texts: list[str]) -> dict[str, str]:
    read: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"--attribute {text!r} is not KEY=VALUE")
        if key in read:
            raise UsageError(f"--attribute {key} is given twice")
        read[key] = value
    return read


def _check_pair(resolution: "Resolution") -> Iterator[str]:
    """What makes servers refuse every token of this key pair.

    Raises:
        UsageError: the token would show the secret to everybody, as its issuer.
    """
    from lkdoctor.config.resolve import Meaning
    from lkdoctor.facts.env import Looks, env_fact, value_faults

    env = env_fact(resolution)
    key, secret = env.used(Meaning.API_KEY), env.used(Meaning.API_SECRET)
    if key is None or secret is None:
        return
    exchanged = key.looks is Looks.SECRET and secret.looks in {Looks.KEY, Looks.DEV_KEY}
    if exchanged or resolution.target.api_key_is_secret:
        raise UsageError(
            f"{key.name} ({key.origin}) holds the API secret: everybody who has the token could read it",
            advice=["lkdoctor check-env   says what to exchange, and where"],
        )
    for variable in (key, secret):
        if variable.looks in {Looks.PLACEHOLDER, Looks.REFERENCE}:
            what = "a sample value" if variable.looks is Looks.PLACEHOLDER else "a reference"
            yield f"{variable.name} ({variable.origin}) holds {what}: no server takes this token"
        for fault in value_faults(variable):
            yield f"{variable.name} ({variable.origin}): {fault.detail}; see lkdoctor check-env"


def _check_names(seat: "Seat") -> Iterator[str]:
    from lkdoctor.names import MINOR, REFUSED, NameOf, examine

    for of, name in ((NameOf.ROOM, seat.room), (NameOf.IDENTITY, seat.identity)):
        for remark in examine(name, of):
            if remark.trouble in REFUSED:
                raise UsageError(
                    f"LiveKit refuses the {of}: {remark.says}",
                    advice=[
                        f"lkdoctor check-room{' --identity' if of is NameOf.IDENTITY else ''} NAME"
                    ],
                )
            if remark.trouble not in MINOR:
                yield f"the {of}: {remark.says}"


def _check_sizes(name: str, metadata: str) -> Iterator[str]:
    from lkdoctor.names import MAX_BYTES, byte_length

    if byte_length(name) > MAX_BYTES:
        yield f"the name has {byte_length(name)} bytes; LiveKit lets nobody change to more than {MAX_BYTES}"
    if byte_length(metadata) > 512 * 1024:
        yield "the metadata has more than 512 KiB: servers since 1.13.2 refuse the join"


# ------------------------------------------------------------------ decode


@app.command()
@command
def decode(
    token: Annotated[
        str | None,
        typer.Argument(
            metavar="TOKEN",
            help="The token, a text that holds one, - for standard input, or @FILE.",
        ),
    ] = None,
    *,
    from_env: Annotated[
        str | None, typer.Option("--from-env", help="Read it from this variable.")
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="One token a line on standard input, one JSON result a line."),
    ] = False,
    target: TargetOptions,
    output: OutputOptions,
    streams: Streams,
) -> ExitCode:
    """Read, verify and explain a token, or the first one in any text, JSON or URL.

    Exit code 0: usable now. 1: a server would refuse it, or it is no token.
    """
    from lkdoctor.facts.token import keyring_of

    resolution = inputs.resolution(target, streams, every_project=True)
    ring = keyring_of(resolution)
    clock = _clock()
    if every:
        if token not in {None, "-"} or from_env is not None:
            raise UsageError(
                "--all reads standard input", advice=["lkdoctor token decode --all < FILE"]
            )
        from lkdoctor.cli.token_stream import decode_lines

        return decode_lines(streams, ring, clock)
    text, origin, as_sent = _text(token, from_env, resolution, streams)
    from lkdoctor.facts import Facts
    from lkdoctor.facts.token import token_fact, worked_out

    fact, found = token_fact(text, ring, origin=origin, as_sent=as_sent)
    _protect(found)
    fact = worked_out(fact, clock.best)
    report = _judge(Facts(token=fact, clock=clock), output, "token decode")
    from lkdoctor.cli.output import show
    from lkdoctor.report import tokens

    return show(
        report,
        lambda canvas: tokens.render(report, canvas, verbose=output.verbose),
        streams,
        output,
    )


def _protect(found: "Jwt | NotAToken") -> None:
    """Let the redaction know the token; the text around it is not secret."""
    from lkdoctor.tokens.decode import Jwt

    if isinstance(found, Jwt):
        register(found.written)


def _clock() -> "ClockFact":
    from lkdoctor.facts.clock import ClockFact

    return ClockFact(local=SystemClock().now())


def _judge(facts: Any, output: OutputOptions, name: str) -> "Report":
    from lkdoctor.diagnosis.fold import fold
    from lkdoctor.findings import Layer
    from lkdoctor.report.model import RunInfo, TargetInfo

    clock = SystemClock()
    return fold(
        facts,
        run=RunInfo(clock.token_hex(6), name, clock.now(), 0.0),
        target=TargetInfo(),
        layers=(Layer.TOKEN,),
        fail_on_warnings=output.fail_on is FailOn.WARN,
    )


def _text(
    token: str | None, from_env: str | None, resolution: "Resolution", streams: Streams
) -> tuple[str, str, bool]:
    """The text to read, where it came from, and whether an app would send it as it stands."""
    if from_env is not None:
        if token is not None:
            raise UsageError(
                "a token and --from-env say the same", advice=["leave out one of them"]
            )
        return (*_variable(from_env, resolution), True)
    if token is None:
        configured = resolution.target.token
        if configured is not None:
            return configured.value.reveal(), configured.origin, True
        if streams.stdin.isatty():
            raise UsageError(
                "no token was given",
                advice=[
                    "lkdoctor token decode TOKEN   or   -   or   @FILE",
                    "--from-env LIVEKIT_TOKEN   reads a variable",
                ],
            )
        token = "-"
    if token == "-":
        return streams.read("a token", MAX_FILE * 2), "standard input", False
    if token.startswith("@"):
        return _file(token[1:]), safe(token[1:], 200), False
    return token, "argument", False


def _variable(name: str, resolution: "Resolution") -> tuple[str, str]:
    if name in os.environ:
        return os.environ[name], f"{name} (environment)"
    for resolved in resolution.values:
        if resolved.value.name == name:
            return resolved.value.text, f"{name} ({resolved.value.origin})"
    raise UsageError(
        f"{safe(name, 80)} is not set",
        advice=["lkdoctor check-env   shows what is set, and where"],
    )


def _file(name: str) -> str:
    from lkdoctor.config.named_files import read_named

    return decoded(read_named(name, "@FILE", MAX_FILE * 2, holds_secret=True))


# ------------------------------------------------------------------ compare


@app.command()
@command
def compare(
    left: Annotated[str, typer.Argument(metavar="A", help="A token, or @FILE.")],
    right: Annotated[str, typer.Argument(metavar="B", help="A token, @FILE, or - for stdin.")],
    *,
    target: TargetOptions,
    output: OutputOptions,
    streams: Streams,
) -> ExitCode:
    """Two tokens side by side: same room? distinct people? who may do what?

    Exit code 0: the two meet. 1: they do not, or one of them would be refused.
    """
    from lkdoctor.cli.output import refuse_forms
    from lkdoctor.facts.token import keyring_of, token_fact
    from lkdoctor.report import tokens
    from lkdoctor.tokens.compare import compare as side_by_side

    refuse_forms("token compare", output)
    if left == right == "-":
        raise UsageError("standard input cannot hold both tokens", advice=["write one to a file"])
    resolution = inputs.resolution(target, streams, every_project=True)
    ring = keyring_of(resolution)
    facts = []
    for name, given in (("A", left), ("B", right)):
        text, _, _ = _text(given, None, resolution, streams)
        fact, read = token_fact(text, ring, origin=name, as_sent=False)
        _protect(read)
        facts.append(fact)
    found = side_by_side(facts[0].sent, facts[1].sent, SystemClock().now())
    if output.format is OutputFormat.HUMAN:
        streams.result(tokens.comparison(found, streams.canvas))
    elif output.format is OutputFormat.PLAIN:
        rows = [f"obstacle\t{o.code}\t{o.says}" for o in found.obstacles]
        rows += [
            f"{'differs' if r.differs else 'same'}\t{r.what}\t{r.left}\t{r.right}"
            for r in found.rows
        ]
        streams.result_text("".join(re.sub(r"[\r\n]", " ", row) + "\n" for row in rows))
    else:
        from lkdoctor.facts.codec import to_json
        from lkdoctor.report import jsonfile

        document = {
            "schema": "lkdoctor.comparison",
            "schema_version": "1.0",
            "meet": found.meet,
            **to_json(found),
        }
        streams.result_document(jsonfile.text(document))
    return ExitCode.HEALTHY if found.meet else ExitCode.PROBLEM
