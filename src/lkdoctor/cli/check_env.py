"""``lkdoctor check-env``: the variables, found where, hidden by what, valid?"""

from collections.abc import Iterator
from typing import Annotated

import typer

from lkdoctor.cli import inputs
from lkdoctor.cli.app import subcommand
from lkdoctor.cli.options import AppOptions, FailOn, OutputOptions, TargetOptions, command
from lkdoctor.cli.output import show
from lkdoctor.cli.streams import Streams
from lkdoctor.clock import SystemClock
from lkdoctor.config.resolve import Meaning, Resolution
from lkdoctor.diagnosis.fold import fold
from lkdoctor.facts import Facts
from lkdoctor.facts.env import ID_FROM, EnvFact, env_fact
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Layer
from lkdoctor.report import env as layout
from lkdoctor.report.model import ExitCode, RunInfo, TargetInfo

app = subcommand()


@app.command()
@command
def check_env(
    *,
    target: TargetOptions,
    files: AppOptions,
    output: OutputOptions,
    streams: Streams,
    show_origin: Annotated[
        bool,
        typer.Option("--show-origin", help="Also show the places that hold the same value."),
    ] = False,
) -> ExitCode:
    """Look at LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET and LIVEKIT_TOKEN.

    Reads the environment, .env.local, .env, lkdoctor.toml and the files that you name. Dials
    nothing, shows no secret: two people may compare the id of a long one.
    """
    clock = SystemClock()
    started, begun = clock.now(), clock.monotonic()
    resolution = inputs.resolution(target, streams, files)
    secret = resolution.target.api_secret
    facts = Facts(
        env=env_fact(resolution),
        url=_url_fact(resolution),
        app=inputs.app(files, secret.value if secret else None),
    )
    report = fold(
        facts,
        run=RunInfo(
            id=clock.token_hex(6),
            command="check-env",
            started_at=started,
            duration_ms=(clock.monotonic() - begun) * 1000,
        ),
        target=_target_info(facts, resolution),
        layers=(Layer.ENV, Layer.URL) if facts.app is None else (Layer.ENV, Layer.URL, Layer.APP),
        also=tuple(_also(facts)),
        fail_on_warnings=output.fail_on is FailOn.WARN,
        not_tested=("whether a server knows the key, and whether it can be reached",),
    )
    return show(
        report,
        lambda canvas: layout.render(
            report, canvas, verbose=output.verbose, show_origin=show_origin
        ),
        streams,
        output,
    )


def _also(facts: Facts) -> Iterator[tuple[Layer, str]]:
    """Causes of other layers that the values alone show; their modules are read where one may be."""
    secret = facts.env.used(Meaning.API_SECRET) if facts.env else None
    if secret is not None and 0 < secret.length < ID_FROM:
        yield Layer.TOKEN, "token-secret-too-short"
    url = facts.url.result if facts.url else None
    if isinstance(url, ParsedUrl) and url.secure and url.explicit_port:
        yield Layer.TLS, "url-tls-mismatch"


def _url_fact(resolution: Resolution) -> UrlFact | None:
    if resolution.target.url is None:
        return None
    from lkdoctor.wire.url import parse

    return parse(resolution.target.url.value, resolution.target.url.origin)


def _target_info(facts: Facts, resolution: Resolution) -> TargetInfo:
    url = facts.url.result if facts.url else None
    kind = "unknown"
    if isinstance(url, ParsedUrl):
        kind = "cloud" if url.host_kind is HostKind.CLOUD else "self_hosted"
    target = resolution.target
    key = (facts.env or EnvFact()).used(Meaning.API_KEY)
    return TargetInfo(
        url=facts.url.raw if facts.url else None,
        kind=kind,
        api_key=key.shown or None if key is not None else None,
        sources=tuple(
            (name, setting.origin)
            for name, setting in zip(target._fields, target, strict=True)
            if setting is not None
        ),
    )
