"""Whether the app's own files, packages and code let it connect."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lkdoctor import shell
from lkdoctor.config.manifests import Ecosystem, Package, numbers
from lkdoctor.config.resolve import Kind, Meaning, name_of
from lkdoctor.facts.app import (
    AppFact,
    Cleartext,
    EnvRead,
    FrameworkSeen,
    Host,
    PublishedPort,
    Reason,
    UnawaitedToken,
    Unread,
)
from lkdoctor.facts.env import EnvFact
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules.base import Check, Judgement, Rule

if TYPE_CHECKING:  # check-env judges without these layers and does not pay for them
    from lkdoctor.facts import Facts
    from lkdoctor.facts.signal import SignalFact


class Known(NamedTuple):
    """A range of releases with a fault, and where that is written."""

    ecosystem: Ecosystem
    name: str
    first: tuple[int, ...]
    before: tuple[int, ...]
    """The first release without it."""
    fixed: str
    """What to ask for; empty where no release is known to be better."""
    source: str


_ALL: Final = (0, 0, 0)

KNOWN: Final = {
    "env-sdk-ignores-url": (
        Known(
            Ecosystem.PYPI, "livekit-agents", (1, 3, 4), (1, 3, 5), "1.3.5",
            "livekit/agents#4086; withdrawn from PyPI: connection URL is wrong",
        ),
    ),
    "url-double-slash": (
        Known(
            Ecosystem.NPM, "livekit-client", (2, 9, 6), (2, 9, 9), "2.9.9",
            "livekit/client-sdk-js#1439, #1440, #1455; its CHANGELOG, 2.9.9",
        ),
    ),
    "url-scheme-for-sdk": (
        Known(
            Ecosystem.GO, "github.com/livekit/server-sdk-go", _ALL, (0, 10, 0), "v0.10.0",
            "livekit/server-sdk-go#42, #57",
        ),
        Known(
            Ecosystem.GEMS, "livekit-server-sdk", _ALL, (0, 6, 4), "0.6.4",
            "livekit/server-sdk-ruby#47",
        ),
        Known(
            Ecosystem.COMPOSER, "agence104/livekit-server-sdk", _ALL, (1, 3, 6), "",
            "agence104/livekit-server-sdk-php#23; its source at 1.3.5",
        ),
    ),
    "signal-v1-vs-old-server": (
        Known(
            Ecosystem.NPM, "livekit-client", (2, 18, 1), (2, 18, 4), "2.18.5",
            "livekit/client-sdk-js#1887, #1893, #1901; its CHANGELOG, 2.18.4",
        ),
    ),
    "signal-version-skew": (
        Known(
            Ecosystem.NPM, "@livekit/protocol", (1, 45, 8), (1, 45, 9), "",
            "livekit/protocol#1562",
        ),
    ),
    "identity-rejoin-race": (
        Known(
            Ecosystem.MAVEN, "io.livekit:livekit-android", (2, 20, 2), (2, 20, 3), "",
            "livekit/client-sdk-android#778",
        ),
        Known(
            Ecosystem.PUB, "livekit_client", (2, 13, 0), (2, 13, 1), "",
            "livekit/client-sdk-flutter#1219",
        ),
    ),
}  # fmt: skip
"""Every range that a rule here knows, by the rule's code. A requirement such as ``^2.9`` is in no
range: which release it stands for is not known."""

_V1_CLIENT: Final = (2, 17, 0)
"""livekit-client from which on ``/rtc/v1`` is tried first (its CHANGELOG, #1785)."""
_V1_SERVER: Final = (1, 9, 10)
"""livekit-server from which on there is a ``/rtc/v1``."""
_PINNED_1458: Final = (2, 18, 9)
"""The first livekit-client that is made for @livekit/protocol 1.45.8 (its package.json, #1930)."""
_ASYNC_TOKENS: Final = (2, 0, 0)
"""livekit-server-sdk from which on toJwt() is asynchronous (livekit/node-sdks#115)."""
_LATER: Final = (10**9,)


def _known(app: AppFact, code: str) -> Iterator[tuple[Package, Known]]:
    for known in KNOWN[code]:
        package = app.within(known.ecosystem, known.name, known.first, known.before)
        if package is not None:
            yield package, known


def _seen(package: Package, expected: str | None = None) -> Evidence:
    return Evidence(
        f"{package.name} ({package.origin})", str(package.version), expected, source="app"
    )


def _other(known: Known) -> str:
    return f"{known.fixed} or later" if known.fixed else "another release"


_INSTALL: Final = {
    Ecosystem.NPM: ("npm", "install", "{name}@latest"),
    Ecosystem.PYPI: ("pip", "install", "--upgrade", "{name}"),
    Ecosystem.GO: ("go", "get", "{name}@latest"),
    Ecosystem.GEMS: ("bundle", "update", "{name}"),
    Ecosystem.PUB: ("flutter", "pub", "upgrade", "{name}"),
}


def _upgrade(package: Package, known: Known) -> FixStep:
    words = _INSTALL.get(package.ecosystem, ()) if known.fixed else ()
    return FixStep(
        f"Install {package.name} {_other(known)}, and build again.",
        shell.command(*(word.format(name=package.name) for word in words)) if words else None,
    )


def _fitting(title: str) -> str:
    return title if len(title) <= 60 else title[:59] + "…"


# app-file-unreadable


def _unreadable(app: AppFact) -> Iterator[Judgement]:
    broken = [item for item in app.unread if item.reason is not Reason.LIMIT]
    if broken:
        denied = all(item.reason is Reason.DENIED for item in broken)
        one = f"{broken[0].origin} cannot be read"
        yield Judgement(
            evidence=tuple(Evidence(item.origin, item.why, source="app") for item in broken),
            title=_fitting(one if len(broken) == 1 else f"{len(broken)} files cannot be read"),
            # A database's folder beside the source is nobody's fault.
            severity=Severity.INFO if denied else None,
            location=broken[0].origin,
        )


# app-secret-tracked


def _tracked_secret(app: AppFact) -> Iterator[Judgement]:
    if app.secret_in:
        yield Judgement(
            evidence=tuple(
                Evidence(place, "holds the API secret's value", "no secret in git", "app")
                for place in app.secret_in
            ),
            location=app.secret_in[0],
        )


# env-public-prefix-missing


def _prefix_missing(app: AppFact, env: EnvFact | None = None) -> Iterator[Judgement]:
    plain = [r for r in app.reads if _is_url(r) and _reads_nothing(r)]
    if plain:
        first = plain[0]
        right = first.prefix + first.name
        yield Judgement(
            evidence=tuple(
                Evidence(r.origin, f"{r.object}.{r.name}", f"{r.prefix}{r.name}", "app")
                for r in plain[:5]
            ),
            title=_fitting(f"{first.framework} hides {first.name} from the browser"),
            fix=(*_BACKEND, _set_prefixed(right), _REBUILD),
            location=first.origin,
        )
        return
    if env is None or not env.variables:
        return
    there = {v.name for v in env.variables} | set(app.env_names)
    unset = [
        r
        for r in app.reads
        if _is_url(r) and _is_public(r) and not r.fallback and r.name not in there
    ]
    if unset:
        first = unset[0]
        yield Judgement(
            evidence=(
                *(Evidence(r.origin, f"{r.object}.{r.name}", source="app") for r in unset[:5]),
                Evidence(
                    first.name, "set in no .env file and not in the environment", "set", "env"
                ),
            ),
            title=_fitting(f"{first.name} is read, but not set"),
            cause="The bundler puts the value into the browser's code when the app is built. What is "
            "not set then is the word undefined for ever.",
            severity=Severity.WARNING,
            fix=(*_BACKEND, _set_prefixed(first.name), _REBUILD),
            location=first.origin,
        )


def _is_url(read: EnvRead) -> bool:
    name = name_of(read.name)
    return name is not None and name.typo_of is None and name.meaning is Meaning.URL


def _is_public(read: EnvRead) -> bool:
    return bool(read.prefix) and read.name.startswith(read.prefix)


def _reads_nothing(read: EnvRead) -> bool:
    return read.in_browser and not read.fallback and not read.name.startswith(read.prefix)


_BACKEND: Final = (FixStep("Best: let the app's server return the URL together with the token."),)
_REBUILD: Final = FixStep("Restart the dev server, or build the app again.")


def _set_prefixed(name: str) -> FixStep:
    return FixStep(
        f"Or read {name}, and set it (the secret never gets this prefix):",
        snippet=Snippet("dotenv", f"{name}=wss://YOUR-PROJECT.livekit.cloud"),
    )


# env-backend-runtime-unset

_SECRET_STORES: Final = {
    "Vercel": "vercel env add LIVEKIT_API_SECRET production",
    "Convex": "npx convex env set LIVEKIT_API_SECRET …",
    "Supabase": "supabase secrets set --env-file .env",
    "Cloudflare": "npx wrangler secret put LIVEKIT_API_SECRET",
    "Fly.io": "fly secrets import < .env",
    "Netlify": "netlify env:import .env",
}
"""How each platform takes a secret, by its own documentation."""

_MINTING: Final = (
    (Ecosystem.NPM, "livekit-server-sdk"),
    (Ecosystem.PYPI, "livekit-api"),
    (Ecosystem.GO, "github.com/livekit/server-sdk-go"),
    (Ecosystem.GO, "github.com/livekit/server-sdk-go/v2"),
)


def _hosted(app: AppFact, env: EnvFact) -> Iterator[Judgement]:
    secret = env.used(Meaning.API_SECRET)
    minting = next((p for e, n in _MINTING for p in app.installed(e, n)), None)
    if secret is None or minting is None or secret.source is not Kind.FOLDER_FILE:
        return
    hosts = [host for host in app.hosts if host.name in _SECRET_STORES]
    if hosts:
        yield Judgement(
            evidence=(
                Evidence(f"{secret.name} ({secret.origin})", "set on this machine", source="env"),
                *(
                    Evidence(host.origin, f"deployed to {host.name}", source="app")
                    for host in hosts
                ),
            ),
            fix=(
                *(
                    FixStep(
                        f"Set URL, key and secret at {host.name}, if that is not done yet:",
                        _SECRET_STORES[host.name],
                    )
                    for host in hosts
                ),
                FixStep("Deploy again; preview and production have values of their own."),
            ),
            location=hosts[0].origin,
        )


# the packages


def _ignores_url(app: AppFact) -> Iterator[Judgement]:
    for package, known in _known(app, "env-sdk-ignores-url"):
        yield Judgement(
            evidence=(_seen(package, _other(known)),),
            fix=(_upgrade(package, known),),
            location=package.origin,
        )


def _scheme(app: AppFact, url: UrlFact) -> Iterator[Judgement]:
    result = url.result
    if not isinstance(result, ParsedUrl) or result.scheme not in {"ws", "wss"}:
        return
    if app.swaps_scheme:
        return
    right = f"http{'s' if result.secure else ''}://"
    for package, known in _known(app, "url-scheme-for-sdk"):
        yield Judgement(
            evidence=(
                Evidence(f"the URL ({url.origin})", url.raw, f"{right}… for the API", "env"),
                _seen(package, _other(known) if known.fixed else None),
            ),
            fix=(
                FixStep(f"Give the API client the same host with {right} in front."),
                *((_upgrade(package, known),) if known.fixed else ()),
            ),
            location=package.origin,
        )


def _double_slash(app: AppFact) -> Iterator[Judgement]:
    for package, known in _known(app, "url-double-slash"):
        yield Judgement(
            evidence=(_seen(package, _other(known)),),
            fix=(_upgrade(package, known),),
            location=package.origin,
        )


def _old_server(signal: "SignalFact | None") -> Evidence | None:
    """What shows that the server has no /rtc/v1."""
    if signal is None:
        return None
    version = getattr(signal.first, "server_version", None)
    parts = numbers(version)
    if parts is not None:
        if parts >= _V1_SERVER:
            return None
        return Evidence("the server's version", str(version), "1.9.10 or later", "net")
    for validation in (*signal.as_browser, *signal.validations):
        answer = validation.answer
        if validation.path.endswith("/rtc/v1/validate") and answer.kind == "answer":
            if answer.status == 404 and "page not found" in answer.body:
                return Evidence(f"GET {validation.path}", "404", "401 or 200", "net")
            return None
    return None


def has_web_client(app: AppFact) -> bool:
    """Whether the app's browsers speak to LiveKit through livekit-client."""
    return bool(app.installed(Ecosystem.NPM, "livekit-client"))


def v1_client(app: AppFact, signal: "SignalFact") -> Iterator[Judgement]:
    """What the app's livekit-client makes of a server that has no /rtc/v1; see rules/signal.py."""
    old = _old_server(signal)
    for package, known in _known(app, "signal-v1-vs-old-server"):
        if old is not None:
            yield Judgement(
                evidence=(_seen(package, _other(known)), old),
                title="This livekit-client does not get on with the old server",
                cause="livekit-client 2.18.1 to 2.18.3 send their first offer along with /rtc/v1, "
                "which servers before 1.9.10 do not have, and do not start over when they go back "
                "to /rtc.",
                symptom="NegotiationError: negotiation timed out",
                severity=Severity.ERROR,
                confidence=Confidence.CERTAIN,
                fix=(
                    _upgrade(package, known),
                    FixStep("Or upgrade livekit-server to 1.9.10 or later."),
                ),
                location=package.origin,
            )
        return
    newer = app.within(Ecosystem.NPM, "livekit-client", _V1_CLIENT, _LATER)
    if old is not None and newer is not None:
        yield Judgement(
            evidence=(_seen(newer), old),
            title="The client first asks for a path that the server lacks",
            cause="livekit-client from 2.17.0 on tries /rtc/v1 first. A server before 1.9.10 answers "
            "404, and the client goes back to /rtc: two red lines in the browser's console and a "
            "slower join, no more.",
            symptom="v1 RTC path not found. Consider upgrading your LiveKit server version",
            severity=Severity.INFO,
            confidence=Confidence.HINT,
            fix=(FixStep("Upgrade livekit-server to 1.9.10 or later."),),
            location=newer.origin,
        )


def _skew(app: AppFact) -> Iterator[Judgement]:
    for package, _ in _known(app, "signal-version-skew"):
        client = app.within(Ecosystem.NPM, "livekit-client", _ALL, _PINNED_1458)
        alone = len({p.version for p in app.installed(Ecosystem.NPM, package.name)}) == 1
        if client is not None and client.locked and package.locked and alone:
            yield Judgement(
                evidence=(
                    _seen(client, "2.18.9 or later, which is made for 1.45.8"),
                    _seen(package, "the release that livekit-client names"),
                ),
                location=package.origin,
            )


def _rejoin(app: AppFact) -> Iterator[Judgement]:
    for package, known in _known(app, "identity-rejoin-race"):
        yield Judgement(
            evidence=(_seen(package, _other(known)),),
            fix=(
                _upgrade(package, known),
                FixStep(
                    "Until then treat DUPLICATE_IDENTITY right after a reconnect as a lost "
                    "connection: connect again with a fresh token."
                ),
            ),
            location=package.origin,
        )


def _cleartext(app: AppFact, url: UrlFact) -> Iterator[Judgement]:
    result = url.result
    if not isinstance(result, ParsedUrl) or result.secure:
        return
    mobile = [
        *app.installed(Ecosystem.MAVEN, "io.livekit:livekit-android"),
        *app.installed(Ecosystem.NPM, "@livekit/react-native"),
    ]
    released = [m for m in app.cleartext if not m.debug_only]
    if not mobile or any(m.allowed for m in released):
        return
    near = result.host_kind is not HostKind.PUBLIC
    debug = any(m.allowed and m.debug_only for m in app.cleartext)
    written = Evidence(f"the URL ({url.origin})", url.raw, "wss://", "env")
    package = Evidence(
        f"{mobile[0].name} ({mobile[0].origin})", mobile[0].required or "in use", source="app"
    )
    manifests = tuple(
        Evidence(m.origin, "allows no connections without TLS", source="app") for m in released[:3]
    )
    yield Judgement(
        evidence=(written, package, *manifests),
        title="A phone's localhost is the phone itself"
        if result.host_kind is HostKind.LOOPBACK
        else None,
        # While developing at home, with a debug build or a URL that is not the phone's, all is well.
        severity=Severity.INFO if near or debug else None,
        confidence=Confidence.HINT if near or debug else None,
        location=mobile[0].origin,
    )


# app-token-promise


def _promise(app: AppFact) -> Iterator[Judgement]:
    sdk = app.within(Ecosystem.NPM, "livekit-server-sdk", _ASYNC_TOKENS, _LATER)
    if sdk is None or not app.tokens:
        return
    first = min(app.tokens, key=lambda token: not token.sure)
    yield Judgement(
        evidence=(
            *(
                Evidence(token.origin, "toJwt() without await", "await …toJwt()", "app")
                for token in app.tokens[:5]
            ),
            _seen(sdk),
        ),
        confidence=Confidence.CERTAIN if first.sure else Confidence.LIKELY,
        location=first.origin,
    )


# ice-port-remap, ice-udp-unpublished


def _published(port: PublishedPort) -> Evidence:
    return Evidence(port.origin, port.written, port.straight, "app")


def _port_remap(app: AppFact) -> Iterator[Judgement]:
    bent = [
        port
        for port in app.published
        # TCP may be led to another port where clients are told of it: the URL's, TURN/TLS on 443.
        if port.written != port.straight and (port.udp or port.holds(_ICE_TCP, _ICE_TCP))
    ]
    if bent:
        yield Judgement(tuple(_published(port) for port in bent[:5]), location=bent[0].origin)


def _udp_unpublished(app: AppFact) -> Iterator[Judgement]:
    if any(port.udp for port in app.published):
        return
    meant = [port for port in app.published if any(port.holds(*ports) for ports in _MEDIA_UDP)]
    if meant:
        yield Judgement(
            tuple(
                Evidence(
                    port.origin, port.written, f"{port.written.removesuffix('/tcp')}/udp", "app"
                )
                for port in meant[:5]
            ),
            location=meant[0].origin,
        )


_ICE_TCP: Final = 7881
_MEDIA_UDP: Final = ((7882, 7882), (50000, 60000))
"""rtc.udp_port, and the range where none is set (livekit-server, config-sample.yaml)."""


# ------------------------------------------------------------------ checks


def _look_files(app: AppFact) -> str:
    frameworks = ", ".join(dict.fromkeys(f.name for f in app.frameworks))
    parts = [frameworks] if frameworks else []
    parts.append(f"{app.files:,} file{'' if app.files == 1 else 's'}")
    parts += [item.why for item in app.unread if item.reason is Reason.LIMIT]
    return ", ".join(parts)


def _look_packages(app: AppFact) -> str | None:
    if not app.packages:
        return "no LiveKit package is named"
    said = dict.fromkeys(
        f"{p.name} {p.version or p.required or '(version unknown)'}"
        for named in app.packages
        for p in app.installed(named.ecosystem, named.name)[:1]
    )
    shown = list(said)[:3]
    more = len(said) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _look_variables(app: AppFact) -> str | None:
    if not app.reads:
        return None
    return f"source reads {', '.join(dict.fromkeys(r.name for r in app.reads[:3]))}"


def _look_tokens(app: AppFact) -> str | None:
    sdk = app.installed(Ecosystem.NPM, "livekit-server-sdk")
    return "every toJwt() that was found is waited for" if sdk else None


def _look_secret(app: AppFact) -> str | None:
    if not app.secret_searched or app.tracked is None:
        return None
    return f"in none of {app.tracked:,} tracked file{'' if app.tracked == 1 else 's'}"


def _look_compose(app: AppFact) -> str | None:
    if not app.published:
        return None
    ports = ", ".join(port.written for port in app.published[:4])
    more = len(app.published) - 4
    return f"publishes {ports}" + (f" and {more} more" if more > 0 else "")


CHECKS: Final = (
    Check("app.files", Layer.APP, "The project's files can be read", _look_files, essential=False),
    Check(
        "app.sdks",
        Layer.APP,
        "LiveKit's packages have no known fault",
        _look_packages,
        essential=False,
    ),
    Check(
        "app.env",
        Layer.APP,
        "Source reads variables that are there where it runs",
        _look_variables,
        essential=False,
    ),
    Check("app.tokens", Layer.APP, "Tokens are waited for", _look_tokens, essential=False),
    Check(
        "app.secret",
        Layer.APP,
        "The API secret stands in no file that git tracks",
        _look_secret,
        essential=False,
    ),
    Check(
        "app.compose",
        Layer.APP,
        "The compose file publishes LiveKit's ports for media",
        _look_compose,
        essential=False,
        by_option=True,
    ),
)


# ------------------------------------------------------------------ examples


def _with(*packages: Package, scheme: str = "wss", **changes: Any) -> "Facts":
    """The healthy example with a project, and with the URL under another scheme."""
    from lkdoctor.rules.examples import healthy

    facts = healthy()
    app = AppFact(folder="~/clinic", files=12, packages=packages, tracked=9)._replace(**changes)
    if scheme != "wss" and facts.url is not None and isinstance(facts.url.result, ParsedUrl):
        port = 7880
        result = facts.url.result._replace(scheme=scheme, port=port, explicit_port=True)
        url = facts.url._replace(raw=f"{scheme}://rtc.example.com:{port}", result=result)
        return facts._replace(
            app=app, url=url, tls=None, network=None, signal=None, server=None, api=None
        )
    return facts._replace(app=app)


def _package(ecosystem: Ecosystem, name: str, version: str, *, line: int = 12) -> Package:
    files = {
        Ecosystem.NPM: "package-lock.json",
        Ecosystem.PYPI: "uv.lock",
        Ecosystem.GO: "go.mod",
        Ecosystem.MAVEN: "app/build.gradle.kts",
        Ecosystem.PUB: "pubspec.lock",
    }
    return Package(
        ecosystem,
        name,
        version,
        version,
        locked=ecosystem is not Ecosystem.MAVEN,
        origin=f"{files[ecosystem]}:{line}",
    )


def _client(version: str) -> Package:
    return _package(Ecosystem.NPM, "livekit-client", version)


def _on(server: str, *packages: Package) -> "Facts":
    facts = _with(*packages)
    if facts.signal is not None and facts.signal.first is not None:
        first = facts.signal.first._replace(server_version=server)  # type: ignore[call-arg]  # it joined
        facts = facts._replace(signal=facts.signal._replace(first=first))
    return facts


_NEXT: Final = FrameworkSeen("Next.js", "package.json", "NEXT_PUBLIC_")


def _read(name: str, **changes: Any) -> EnvRead:
    read = EnvRead(
        name=name,
        origin="app/room/page.tsx:14",
        framework="Next.js",
        prefix="NEXT_PUBLIC_",
        in_browser=True,
        fallback=False,
        object="process.env",
    )
    return read._replace(**changes)


def _port(host: str, container: str) -> PublishedPort:
    inside, _, protocol = container.partition("/")
    return PublishedPort(
        origin="docker-compose.yml:9",
        written=f"{host}:{container}",
        straight=f"{inside}:{container}",
        udp=protocol == "udp",
        first=int(inside),
        last=int(inside),
    )


_NO_MEDIA: Final = ("could not establish pc connection", "wait_pc_connection timed out")
_UNCONNECTED: Final = ("rehearsal-media-blocked", "rehearsal-connect-failed")

_PORTS: Final = Snippet("yaml", "    ports:\n      - 7881:7881/tcp\n      - 7882:7882/udp")

_SERVER_SDK: Final = _package(Ecosystem.NPM, "livekit-server-sdk", "2.13.1")
_PROMISE_FIX: Final = (
    FixStep(
        "Wait for it:",
        snippet=Snippet("javascript", "const token = await at.toJwt();"),
    ),
    FixStep("Look at what the endpoint returns; a token begins with eyJ:", "lkdoctor token decode"),
)

RULES: Final = (
    Rule(
        code="app-file-unreadable",
        check="app.files",
        layer=Layer.APP,
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN,
        title="A file of the project cannot be read",
        symptoms=(),
        cause="What stands in it was not judged. A lock file that is cut short or holds the marks of "
        "a merge also breaks the next installation.",
        how="A lock file or manifest is not what its name says, or may not be read.",
        fix=(
            FixStep("Make the file whole again: solve the merge, or have it written anew."),
            FixStep("Give yourself the right to read it."),
        ),
        source="the formats' own documentation; see lkdoctor.config.manifests",
        judge=_unreadable,
        sick=lambda: _with(
            unread=(Unread("package-lock.json", "no JSON (line 3)", Reason.BROKEN),)
        ),
        healthy=lambda: _with(unread=(Unread(".", "git's index: damaged", Reason.LIMIT),)),
        related=("env-file-unreadable",),
    ),
    Rule(
        code="env-sdk-ignores-url",
        check="app.sdks",
        layer=Layer.APP,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="This livekit-agents dials localhost whatever is set",
        symptoms=(
            "failed to connect to livekit, retrying … Cannot connect to host localhost:7880",
        ),
        cause="livekit-agents 1.3.4 has ws://localhost:7880 as its default and never reads "
        "LIVEKIT_URL.",
        how="A lock file or an exact requirement names livekit-agents 1.3.4.",
        fix=(
            FixStep(
                "Install livekit-agents 1.3.5 or later.", "pip install --upgrade livekit-agents"
            ),
        ),
        source="livekit/agents#4086; livekit/agents/worker.py of 1.3.4 and 1.3.5",
        judge=_ignores_url,
        sick=lambda: _with(_package(Ecosystem.PYPI, "livekit-agents", "1.3.4")),
        healthy=lambda: _with(_package(Ecosystem.PYPI, "livekit-agents", "1.3.5")),
        related=("env-missing",),
    ),
    Rule(
        code="url-scheme-for-sdk",
        check="app.sdks",
        layer=Layer.APP,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        title="This server SDK wants https in place of wss",
        symptoms=(
            'unsupported protocol scheme "wss"',
            'cURL error 1: Protocol "wss" not supported',
        ),
        cause="Signalling is spoken over ws or wss, the server API over http or https. Most SDKs swap "
        "one for the other; this release does not.",
        how="The URL begins with ws:// or wss://, the project uses a release that does not convert "
        "it, and no source of the project seems to.",
        fix=(FixStep("Give the API client the same host with https:// in front."),),
        source="livekit/server-sdk-go#42, #57, livekit/server-sdk-ruby#47, "
        "agence104/livekit-server-sdk-php#23",
        judge=_scheme,
        sick=lambda: _with(_package(Ecosystem.GO, "github.com/livekit/server-sdk-go", "0.9.3")),
        healthy=lambda: _with(_package(Ecosystem.GO, "github.com/livekit/server-sdk-go", "0.10.0")),
    ),
    Rule(
        code="url-double-slash",
        check="app.sdks",
        layer=Layer.APP,
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN,
        title="This livekit-client asks for //rtc",
        symptoms=("room connection has timed out (signal)",),
        cause="livekit-client 2.9.6 to 2.9.8 put a second slash in front of rtc. LiveKit itself does "
        "not mind; proxies that do not merge slashes answer 404 or nothing.",
        how="A lock file or an exact requirement names one of these releases.",
        fix=(
            FixStep(
                "Install livekit-client 2.9.9 or later, and build again.",
                "npm install livekit-client@latest",
            ),
        ),
        source="livekit/client-sdk-js#1439, #1440, #1455, livekit/client-sdk-react-native#215",
        judge=_double_slash,
        sick=lambda: _with(_client("2.9.7")),
        healthy=lambda: _with(_client("2.9.9")),
    ),
    Rule(
        code="signal-version-skew",
        check="app.sdks",
        layer=Layer.APP,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        title="livekit-client runs with a protocol of another release",
        symptoms=("connected, reconnecting, connected, reconnecting … negotiation disconnected",),
        cause="livekit-client names one release of @livekit/protocol. A range, an override or a merged "
        "lock file has put 1.45.8 under a client that was made for an earlier one; with that pair "
        "people saw a connection that never settles.",
        how="The lock file has @livekit/protocol 1.45.8 alone, and a livekit-client before 2.18.9.",
        fix=(
            FixStep("Upgrade all of LiveKit's packages.", "npm install livekit-client@latest"),
            FixStep("Remove overrides and resolutions of @livekit/protocol, and install again."),
        ),
        source="livekit/protocol#1562; client-sdk-js package.json of 2.18.2 and 2.18.9",
        judge=_skew,
        sick=lambda: _with(
            _client("2.17.0"), _package(Ecosystem.NPM, "@livekit/protocol", "1.45.8", line=40)
        ),
        healthy=lambda: _with(
            _client("2.18.9"), _package(Ecosystem.NPM, "@livekit/protocol", "1.45.8", line=40)
        ),
    ),
    Rule(
        code="identity-rejoin-race",
        check="app.sdks",
        layer=Layer.APP,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        title="This SDK may throw itself out when it reconnects",
        symptoms=("DUPLICATE_IDENTITY seconds after the network was lost, with one device",),
        cause="After a short loss of the network the SDK opens a second session under the same "
        "identity while the first one lingers, and the server ends one of them.",
        how="A lock file or an exact requirement names a release in which this was seen.",
        fix=(FixStep("Install another release of the SDK, and build again."),),
        source="livekit/client-sdk-android#778, livekit/client-sdk-flutter#1219",
        judge=_rejoin,
        sick=lambda: _with(_package(Ecosystem.PUB, "livekit_client", "2.13.0")),
        healthy=lambda: _with(_package(Ecosystem.PUB, "livekit_client", "2.12.0")),
    ),
    Rule(
        code="mobile-cleartext",
        check="app.sdks",
        layer=Layer.APP,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        title="Android refuses connections without TLS",
        symptoms=(
            "CLEARTEXT communication to … not permitted by network security policy",
            "WebSocket closed with code 1006",
        ),
        cause="From Android 9 on an app may only dial wss:// unless its manifest says otherwise. The "
        "templates allow it in debug builds alone; and the localhost of a phone or emulator is the "
        "phone itself.",
        how="The URL begins with ws:// or http://, the project uses LiveKit's Android or React Native "
        "SDK, and no manifest of a release allows cleartext.",
        fix=(
            FixStep("Put a certificate in front of the server and use wss://."),
            FixStep(
                "For tests alone: a debug manifest with usesCleartextTraffic, and in an emulator "
                "10.0.2.2 in place of localhost."
            ),
        ),
        source="developer.android.com, network security configuration; openinterpreter/01-app#5",
        judge=_cleartext,
        sick=lambda: _with(
            _package(Ecosystem.MAVEN, "io.livekit:livekit-android", "2.22.1"), scheme="ws"
        ),
        healthy=lambda: _with(
            _package(Ecosystem.MAVEN, "io.livekit:livekit-android", "2.22.1"),
            scheme="ws",
            cleartext=(
                Cleartext("app/src/main/AndroidManifest.xml", allowed=True, debug_only=False),
            ),
        ),
    ),
    Rule(
        code="env-public-prefix-missing",
        check="app.env",
        layer=Layer.APP,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The browser's code reads a URL that the bundler hides",
        symptoms=(
            "Failed to construct 'URL': Invalid URL",
            "GET https://YOUR-APP/undefined/rtc 404",
        ),
        cause="Bundlers copy only variables with their public prefix into the browser's code. Without "
        "it the value is undefined there, however well it is set.",
        how="The project's framework is known, and source that runs in the browser reads LIVEKIT_URL "
        "without its prefix and without a fallback; or reads it with the prefix, and nothing sets it.",
        fix=(*_BACKEND, _set_prefixed("NEXT_PUBLIC_LIVEKIT_URL"), _REBUILD),
        source="livekit/livekit#3810; Next.js, Vite, Expo and Create React App docs, environment "
        "variables",
        judge=_prefix_missing,
        sick=lambda: _with(frameworks=(_NEXT,), reads=(_read("LIVEKIT_URL"),)),
        healthy=lambda: _with(frameworks=(_NEXT,), reads=(_read("LIVEKIT_URL", in_browser=False),)),
        related=("url-invalid-hang", "env-secret-public-prefix"),
    ),
    Rule(
        code="env-backend-runtime-unset",
        check="app.env",
        layer=Layer.APP,
        severity=Severity.INFO,
        confidence=Confidence.HINT,
        title="The values of this .env file are not deployed with the app",
        symptoms=("500 from the token endpoint, in the hosted app only",),
        cause="The platform has a store of its own for secrets; .env files stay on this machine. At "
        "Vercel a value marked as sensitive comes back empty when it is pulled.",
        how="The project mints tokens, its secret stands in a .env file, and a file shows the "
        "platform that it is deployed to.",
        fix=(FixStep("Set URL, key and secret in the platform's own store, and deploy again."),),
        source="livekit/livekit#4746; the platforms' documentation of their secrets",
        judge=_hosted,
        sick=lambda: _with(_SERVER_SDK, hosts=(Host("Vercel", "vercel.json"),)),
        healthy=lambda: _with(_SERVER_SDK),
        related=("env-missing",),
    ),
    Rule(
        code="app-token-promise",
        check="app.tokens",
        layer=Layer.APP,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The app hands out a Promise in place of a token",
        symptoms=(
            "could not establish signal connection: invalid authorization token",
            '{"token": {}}',
        ),
        cause="From livekit-server-sdk 2 on toJwt() is asynchronous. Without await the token is a "
        "Promise, which JSON writes as {} and text as [object Promise].",
        how="The project uses livekit-server-sdk 2, and source writes out what toJwt() returns "
        "without waiting for it.",
        fix=_PROMISE_FIX,
        source="livekit/node-sdks#115",
        judge=_promise,
        sick=lambda: _with(
            _SERVER_SDK, tokens=(UnawaitedToken("app/api/token/route.ts:21", sure=True),)
        ),
        healthy=lambda: _with(
            _package(Ecosystem.NPM, "livekit-server-sdk", "1.2.7"),
            tokens=(UnawaitedToken("app/api/token/route.ts:21", sure=True),),
        ),
        explains=("token-not-jwt",),
        related=("token-not-jwt",),
    ),
    Rule(
        code="app-secret-tracked",
        check="app.secret",
        layer=Layer.APP,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The API secret stands in a file that git tracks",
        symptoms=(),
        cause="Whoever can read the repository, now or in any later clone, can mint tokens for every "
        "room. Removing the line does not take it out of the history.",
        how="A file of the work tree that git tracks holds the very value of the API secret.",
        fix=(
            FixStep(
                "Make a new API key and revoke this one: it has to count as known.",
                destructive=True,
            ),
            FixStep(
                "Take the value out of the file, and let git forget files that are for secrets:",
                "git rm --cached .env.local && echo .env.local >> .gitignore",
            ),
        ),
        source="docs.github.com, removing sensitive data from a repository",
        judge=_tracked_secret,
        sick=lambda: _with(secret_searched=True, secret_in=("config/prod.yaml:7",)),
        healthy=lambda: _with(secret_searched=True),
        related=("env-secret-public-prefix",),
    ),
    Rule(
        code="ice-port-remap",
        check="app.compose",
        layer=Layer.APP,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The compose file leads a media port to another number",
        symptoms=_NO_MEDIA,
        cause="livekit-server tells clients the port that it listens on, inside the container; outside, that "
        "port leads elsewhere or nowhere. It has no setting for another port outside.",
        how="An entry of ports of a service with livekit-server's image: host and container port of UDP, or "
        "of 7881, differ.",
        fix=(
            FixStep(
                "Publish each under its own number, and change the number in livekit.yaml where it is "
                "taken:",
                snippet=_PORTS,
            ),
            FixStep(
                "Or give it the host's network:",
                snippet=Snippet("yaml", "    network_mode: host"),
            ),
        ),
        source="livekit/mediatransportutil#96, livekit/livekit#3894",
        judge=_port_remap,
        sick=lambda: _with(published=(_port("20638", "7882/udp"),)),
        healthy=lambda: _with(published=(_port("7882", "7882/udp"), _port("80", "7880/tcp"))),
        explains=("ice-udp-range-blocked", "ice-tcp-7881-closed", *_UNCONNECTED),
    ),
    Rule(
        code="ice-udp-unpublished",
        check="app.compose",
        layer=Layer.APP,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The compose file publishes the media ports for TCP alone",
        symptoms=_NO_MEDIA,
        cause="Without /udp at its end an entry of ports publishes TCP. Media is UDP: it reaches the host, and "
        "the container never sees it.",
        how="A service with livekit-server's image publishes 7882 or ports from 50000 on, and nothing as UDP.",
        fix=(
            FixStep(
                "Add /udp; one port is enough with rtc.udp_port:",
                snippet=_PORTS,
            ),
        ),
        source="docs.docker.com/reference/compose-file/services (ports), livekit/livekit#3236",
        judge=_udp_unpublished,
        sick=lambda: _with(published=(_port("7882", "7882/tcp"),)),
        healthy=lambda: _with(published=(_port("7882", "7882/udp"), _port("7882", "7882/tcp"))),
        explains=("ice-udp-range-blocked", *_UNCONNECTED),
    ),
)
