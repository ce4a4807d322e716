"""From options, environment and files to a configuration; the only place where commands do that."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lkdoctor.cli.options import AppOptions, BookingOptions, NetworkOptions, TargetOptions
from lkdoctor.cli.streams import Streams, here
from lkdoctor.config.resolve import Resolution
from lkdoctor.config.sources import FOLDER_FILES, Given, load
from lkdoctor.config.target import need_url
from lkdoctor.errors import UsageError
from lkdoctor.redact import Secret
from lkdoctor.report.layout import line

if TYPE_CHECKING:
    from lkdoctor.booking import BookingRules, Seat
    from lkdoctor.config.server_files import ServerFiles
    from lkdoctor.diagnosis.how import How
    from lkdoctor.facts.app import AppFact
    from lkdoctor.wire.proxy import Proxy


def resolution(
    options: TargetOptions,
    streams: Streams,
    app: AppOptions | None = None,
    *,
    every_project: bool = False,
) -> Resolution:
    """All that is configured for this command in this directory, or in the app's.

    Args:
        options: what the user named.
        streams: for a secret on standard input, and for notes.
        app: the app's folder, whose .env files count then.
        every_project: the keys of all projects are wanted, those of lk included.

    Raises:
        UsageError: something that the user named cannot be read.
    """
    if options.api_secret is not None:
        streams.note(
            [line("note: --api-secret shows in the process list; --api-secret-file does not")]
        )
    return load(
        Given(
            url=options.url,
            api_key=options.api_key,
            api_secret=options.api_secret,
            api_secret_file=None
            if options.api_secret_file is None
            else str(options.api_secret_file),
            token_file=options.token_file,
            env_files=tuple(str(path) for path in options.env_file or ()),
            project=options.project,
            dev=options.dev,
            trust_folder=options.trust_folder,
        ),
        environ=os.environ,
        directory=here(),
        home=_home(),
        every_project=every_project,
        stdin=getattr(streams.stdin, "buffer", None),
        folder_files=_folder_files(app),
    )


def dialled(
    options: TargetOptions,
    streams: Streams,
    *,
    own_token: bool = True,
    asking: bool = True,
) -> Resolution:
    """All that is configured for a command that dials; see `resolution`.

    Where the folder names the host and the credentials come from elsewhere, the user hears of it
    before anything goes out, in whatever form the answer is asked for.

    Args:
        options: what the user named.
        streams: for a secret on standard input, for notes, and for the question.
        own_token: a token that was given would be sent, too.
        asking: anything is sent at all.

    Raises:
        UsageError: there is no URL, or something that the user named cannot be read.
    """
    found = resolution(options, streams)
    need_url(found.target)
    return told(found, streams, own_token=own_token, asking=asking)


def told(
    resolution: Resolution, streams: Streams, *, own_token: bool = True, asking: bool = True
) -> Resolution:
    """The configuration, once its user knows where credentials would go; see `dialled`."""
    target = resolution.target if own_token else resolution.target._replace(token=None)
    apart = target.apart
    if apart is None or target.url is None:
        return resolution
    from lkdoctor.facts.url import ParsedUrl
    from lkdoctor.wire.url import parse

    url = parse(target.url.value, apart.url).result
    if not isinstance(url, ParsedUrl):
        return resolution  # nobody is dialled
    host = f"{url.host}:{url.port}" if url.explicit_port else url.host
    notes = [f"{apart.url} names the host {host}; not from this folder: {apart.words}"]
    if apart.picked:
        notes.append(
            "it picks the secret, too, with which nothing is signed (--trust-folder: it is)"
        )
    elif apart.secret is not None:
        notes.append(
            f"{host} gets one token, a minute long and for a room of lkdoctor's own, and no other "
            "until it has shown that it holds the API secret (--trust-folder: all at once)"
        )
    streams.note(line(f"note: {note}") for note in notes)
    if apart.token is None or not asking:
        return resolution
    if streams.may_ask and streams.asks(f"Trust this folder, and send the token to {host}?"):
        return resolution.trusted()
    streams.note([line(f"note: the token is not sent to {host} (--trust-folder: it is)")])
    return resolution


def _home() -> Path | None:
    # `Path.home` reads the user database where the variable is not set, which takes longer.
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE")
    return Path(home) if home else None


def _folder_files(options: AppOptions | None) -> tuple[str, ...]:
    """The .env files that count: the working directory's, or those of the app in its own order."""
    if options is None or options.project_dir is None:
        return FOLDER_FILES
    from lkdoctor.probes import app

    folder = app.open_folder(options.project_dir, here())
    files = app.env_files(folder, os.environ) or FOLDER_FILES
    # As the user wrote it, so that a place can be opened by its name; "." adds nothing.
    return tuple(Path(options.project_dir, name).as_posix() for name in files)


def app(options: AppOptions, secret: Secret | None) -> "AppFact | None":
    """What the app's folder says; None where no folder is named.

    Raises:
        UsageError: it cannot be read.
    """
    if options.project_dir is None:
        return None
    from lkdoctor.probes import app as probe

    folder = probe.open_folder(options.project_dir, here())
    return probe.look(folder, options.project_dir, secret)


def server_files(
    name: Path | None, resolution: Resolution, streams: Streams
) -> "ServerFiles | None":
    """What a livekit-server is started with; None where nothing is known of it.

    Raises:
        UsageError: the file that the user named cannot be used.
    """
    if name is None and not resolution.server:
        return None
    from lkdoctor.config.server_files import load

    return load(
        None if name is None else str(name),
        resolution,
        environ=os.environ,
        directory=here(),
        stdin=getattr(streams.stdin, "buffer", None),
    )


def seat(options: BookingOptions) -> "Seat | None":
    """The person's place in the booking that the options name; None where they name none.

    Raises:
        UsageError: half of it is missing, or an id does not fit the project's pattern.
    """
    if options.booking is None and options.user is None:
        for name in ("role", "provider", "client", "identity"):
            if getattr(options, name) is not None:
                raise UsageError(
                    f"--{name} needs --booking and --user",
                    advice=[f"lkdoctor diagnose --booking ID --user ID --{name} …"],
                )
        return None
    if options.booking is None or options.user is None:
        missing = "--user" if options.user is None else "--booking"
        raise UsageError(
            f"{missing} is missing", advice=["a booking's token needs both: --booking ID --user ID"]
        )
    from lkdoctor import booking

    found = booking.seat(
        booking_rules(),
        booking=options.booking,
        user=options.user,
        role=options.role,
        provider=options.provider,
        client=options.client,
    )
    if options.identity is not None:
        found = found._replace(identity=options.identity)
    if options.room is not None:
        found = found._replace(room=options.room, video={**found.video, "room": options.room})
    return found


def booking_rules() -> "BookingRules":
    """How the project of this directory names its rooms and people.

    Raises:
        UsageError: its file says something that is not a setting.
    """
    from lkdoctor import booking
    from lkdoctor.config.sources import read_project

    project = read_project(here())
    return booking.parse(project.table, project.origin)


def how(options: NetworkOptions) -> "How":
    """How to go there.

    Raises:
        UsageError: the options contradict each other.
    """
    from lkdoctor.diagnosis.how import How
    from lkdoctor.facts.network import Family

    if options.ipv4 and options.ipv6:
        raise UsageError("--ipv4 and --ipv6 exclude each other", advice=["leave out one of them"])
    family = Family.IPV4 if options.ipv4 else Family.IPV6 if options.ipv6 else Family.ANY
    if options.insecure and options.ca_file is not None:
        raise UsageError(
            "--insecure and --ca-file exclude each other",
            advice=["--ca-file alone: it trusts your own CA and still verifies"],
        )
    if options.no_proxy and options.proxy is not None:
        raise UsageError("--proxy and --no-proxy exclude each other", advice=["leave out one"])
    return How(
        timeout_s=options.timeout,
        family=family,
        insecure=options.insecure,
        ca_file=None if options.ca_file is None else str(options.ca_file),
        proxy=None if options.proxy is None else _proxy(options.proxy),
        no_proxy=options.no_proxy,
    )


def _proxy(value: str) -> "Proxy":
    from lkdoctor.wire.proxy import UnusableProxy, parse

    proxy = parse(value, "--proxy")
    if isinstance(proxy, UnusableProxy):
        raise UsageError(
            f"--proxy: {proxy.reason}",
            advice=["--proxy http://proxy.example.com:3128   with user:password@ where it asks"],
        )
    return proxy
