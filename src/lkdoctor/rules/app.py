"""Whether the app's own files, packages and code let it connect."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from lkdoctor.config.manifests import Ecosystem, Package, numbers
from lkdoctor.config.resolve import Kind, Meaning, name_of
from lkdoctor.facts.app import (
    AppFact,
    EnvRead,
    PublishedPort,
    Reason,
)
from lkdoctor.facts.env import EnvFact
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, Layer, Severity
from lkdoctor.rules.base import Advice, Check, Seen, cause

if TYPE_CHECKING:  # check-env judges without these layers and does not pay for them
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


def _named(package: Package, expected: str | None = None) -> Evidence:
    return Evidence(
        f"{package.name} ({package.origin})", str(package.version), expected, source="app"
    )


def _other(known: Known) -> str:
    return f"{known.fixed} or later" if known.fixed else "another release"


def _upgrade(package: Package, known: Known) -> Advice:
    if not known.fixed:
        return Advice("other-release", {"package": package.name})
    values = {"package": package.name, "release": known.fixed}
    return Advice(f"upgrade-{_INSTALLERS[package.ecosystem]}", values)


_INSTALLERS: Final = {
    Ecosystem.NPM: "npm",
    Ecosystem.PYPI: "pypi",
    Ecosystem.GO: "go",
    Ecosystem.GEMS: "gems",
    Ecosystem.PUB: "pub",
}


# app-file-unreadable


def _unreadable(app: AppFact) -> Iterator[Seen]:
    broken = [item for item in app.unread if item.reason is not Reason.LIMIT]
    if broken:
        denied = all(item.reason is Reason.DENIED for item in broken)
        yield Seen(
            evidence=tuple(Evidence(item.origin, item.why, source="app") for item in broken),
            case="one" if len(broken) == 1 else "several",
            values={"file": broken[0].origin, "count": str(len(broken))},
            # A database's folder beside the source is nobody's fault.
            severity=Severity.INFO if denied else None,
            location=broken[0].origin,
        )


# app-secret-tracked


def _tracked_secret(app: AppFact) -> Iterator[Seen]:
    if app.secret_in:
        yield Seen(
            evidence=tuple(
                Evidence(place, "holds the API secret's value", "no secret in git", "app")
                for place in app.secret_in
            ),
            location=app.secret_in[0],
        )


# env-public-prefix-missing


def _prefix_missing(app: AppFact, env: EnvFact | None = None) -> Iterator[Seen]:
    plain = [r for r in app.reads if _is_url(r) and _reads_nothing(r)]
    if plain:
        first = plain[0]
        yield Seen(
            evidence=tuple(
                Evidence(r.origin, f"{r.object}.{r.name}", f"{r.prefix}{r.name}", "app")
                for r in plain[:5]
            ),
            case="hidden",
            values={
                "framework": first.framework,
                "name": first.name,
                "prefixed": first.prefix + first.name,
            },
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
        yield Seen(
            evidence=(
                *(Evidence(r.origin, f"{r.object}.{r.name}", source="app") for r in unset[:5]),
                Evidence(
                    first.name, "set in no .env file and not in the environment", "set", "env"
                ),
            ),
            case="unset",
            values={"name": first.name, "prefixed": first.name},
            location=first.origin,
        )


def _is_url(read: EnvRead) -> bool:
    name = name_of(read.name)
    return name is not None and name.typo_of is None and name.meaning is Meaning.URL


def _is_public(read: EnvRead) -> bool:
    return bool(read.prefix) and read.name.startswith(read.prefix)


def _reads_nothing(read: EnvRead) -> bool:
    return read.in_browser and not read.fallback and not read.name.startswith(read.prefix)


# env-backend-runtime-unset

_SECRET_STORES: Final = {
    "Vercel": "vercel",
    "Convex": "convex",
    "Supabase": "supabase",
    "Cloudflare": "cloudflare",
    "Fly.io": "fly",
    "Netlify": "netlify",
}
"""The step that tells how each platform takes a secret."""

_MINTING: Final = (
    (Ecosystem.NPM, "livekit-server-sdk"),
    (Ecosystem.PYPI, "livekit-api"),
    (Ecosystem.GO, "github.com/livekit/server-sdk-go"),
    (Ecosystem.GO, "github.com/livekit/server-sdk-go/v2"),
)


def _hosted(app: AppFact, env: EnvFact) -> Iterator[Seen]:
    secret = env.used(Meaning.API_SECRET)
    minting = next((p for e, n in _MINTING for p in app.installed(e, n)), None)
    if secret is None or minting is None or secret.source is not Kind.FOLDER_FILE:
        return
    hosts = [host for host in app.hosts if host.name in _SECRET_STORES]
    if hosts:
        yield Seen(
            evidence=(
                Evidence(f"{secret.name} ({secret.origin})", "set on this machine", source="env"),
                *(
                    Evidence(host.origin, f"deployed to {host.name}", source="app")
                    for host in hosts
                ),
            ),
            steps=(*(Advice(_SECRET_STORES[host.name]) for host in hosts), Advice("deploy")),
            location=hosts[0].origin,
        )


# the packages


def _ignores_url(app: AppFact) -> Iterator[Seen]:
    for package, known in _known(app, "env-sdk-ignores-url"):
        yield Seen(
            evidence=(_named(package, _other(known)),),
            steps=(_upgrade(package, known),),
            location=package.origin,
        )


def _scheme(app: AppFact, url: UrlFact) -> Iterator[Seen]:
    result = url.result
    if not isinstance(result, ParsedUrl) or result.scheme not in {"ws", "wss"}:
        return
    if app.swaps_scheme:
        return
    right = f"http{'s' if result.secure else ''}://"
    for package, known in _known(app, "url-scheme-for-sdk"):
        yield Seen(
            evidence=(
                Evidence(f"the URL ({url.origin})", url.raw, f"{right}… for the API", "env"),
                _named(package, _other(known) if known.fixed else None),
            ),
            steps=(
                Advice("scheme", {"scheme": right}),
                *((_upgrade(package, known),) if known.fixed else ()),
            ),
            location=package.origin,
        )


def _double_slash(app: AppFact) -> Iterator[Seen]:
    for package, known in _known(app, "url-double-slash"):
        yield Seen(
            evidence=(_named(package, _other(known)),),
            steps=(_upgrade(package, known),),
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


def v1_client(app: AppFact, signal: "SignalFact") -> Iterator[Seen]:
    """What the app's livekit-client makes of a server that has no /rtc/v1; see rules/signal.py."""
    old = _old_server(signal)
    for package, known in _known(app, "signal-v1-vs-old-server"):
        if old is not None:
            yield Seen(
                evidence=(_named(package, _other(known)), old),
                case="client-breaks",
                steps=(_upgrade(package, known), Advice("or-upgrade-the-server")),
                location=package.origin,
            )
        return
    newer = app.within(Ecosystem.NPM, "livekit-client", _V1_CLIENT, _LATER)
    if old is not None and newer is not None:
        yield Seen(
            evidence=(_named(newer), old),
            case="client-goes-back",
            location=newer.origin,
        )


def _skew(app: AppFact) -> Iterator[Seen]:
    for package, _ in _known(app, "signal-version-skew"):
        client = app.within(Ecosystem.NPM, "livekit-client", _ALL, _PINNED_1458)
        alone = len({p.version for p in app.installed(Ecosystem.NPM, package.name)}) == 1
        if client is not None and client.locked and package.locked and alone:
            yield Seen(
                evidence=(
                    _named(client, "2.18.9 or later, which is made for 1.45.8"),
                    _named(package, "the release that livekit-client names"),
                ),
                location=package.origin,
            )


def _rejoin(app: AppFact) -> Iterator[Seen]:
    for package, known in _known(app, "identity-rejoin-race"):
        yield Seen(
            evidence=(_named(package, _other(known)),),
            steps=(_upgrade(package, known), Advice("until-then")),
            location=package.origin,
        )


def _cleartext(app: AppFact, url: UrlFact) -> Iterator[Seen]:
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
    yield Seen(
        evidence=(written, package, *manifests),
        case="localhost" if result.host_kind is HostKind.LOOPBACK else "",
        # While developing at home, with a debug build or a URL that is not the phone's, all is well.
        severity=Severity.INFO if near or debug else None,
        confidence=Confidence.HINT if near or debug else None,
        location=mobile[0].origin,
    )


# app-token-promise


def _promise(app: AppFact) -> Iterator[Seen]:
    sdk = app.within(Ecosystem.NPM, "livekit-server-sdk", _ASYNC_TOKENS, _LATER)
    if sdk is None or not app.tokens:
        return
    first = min(app.tokens, key=lambda token: not token.sure)
    yield Seen(
        evidence=(
            *(
                Evidence(token.origin, "toJwt() without await", "await …toJwt()", "app")
                for token in app.tokens[:5]
            ),
            _named(sdk),
        ),
        confidence=Confidence.CERTAIN if first.sure else Confidence.LIKELY,
        location=first.origin,
    )


# ice-port-remap, ice-udp-unpublished


def _published(port: PublishedPort) -> Evidence:
    return Evidence(port.origin, port.written, port.straight, "app")


def _port_remap(app: AppFact) -> Iterator[Seen]:
    bent = [
        port
        for port in app.published
        # TCP may be led to another port where clients are told of it: the URL's, TURN/TLS on 443.
        if port.written != port.straight and (port.udp or port.holds(_ICE_TCP, _ICE_TCP))
    ]
    if bent:
        yield Seen(tuple(_published(port) for port in bent[:5]), location=bent[0].origin)


def _udp_unpublished(app: AppFact) -> Iterator[Seen]:
    if any(port.udp for port in app.published):
        return
    meant = [port for port in app.published if any(port.holds(*ports) for ports in _MEDIA_UDP)]
    if meant:
        yield Seen(
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


RULES: Final = (
    cause("app-file-unreadable", _unreadable),
    cause("env-sdk-ignores-url", _ignores_url),
    cause("url-scheme-for-sdk", _scheme),
    cause("url-double-slash", _double_slash),
    cause("signal-version-skew", _skew),
    cause("identity-rejoin-race", _rejoin),
    cause("mobile-cleartext", _cleartext),
    cause("env-public-prefix-missing", _prefix_missing),
    cause("env-backend-runtime-unset", _hosted),
    cause("app-token-promise", _promise),
    cause("app-secret-tracked", _tracked_secret),
    cause("ice-port-remap", _port_remap),
    cause("ice-udp-unpublished", _udp_unpublished),
)
