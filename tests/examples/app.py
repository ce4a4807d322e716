"""Facts that raise each cause of `rules/app.py`, and the nearest that do not."""

from typing import Any, Final

from examples.base import Example
from examples.healthy import healthy
from lkdoctor.config.manifests import Ecosystem, Package
from lkdoctor.facts import Facts
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
from lkdoctor.facts.url import ParsedUrl


def _with(*packages: Package, scheme: str = "wss", **changes: Any) -> "Facts":
    """The healthy example with a project, and with the URL under another scheme."""

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


_SERVER_SDK: Final = _package(Ecosystem.NPM, "livekit-server-sdk", "2.13.1")


EXAMPLES: Final = {
    "app-file-unreadable": Example(
        lambda: _with(unread=(Unread("package-lock.json", "no JSON (line 3)", Reason.BROKEN),)),
        lambda: _with(unread=(Unread(".", "git's index: damaged", Reason.LIMIT),)),
    ),
    "env-sdk-ignores-url": Example(
        lambda: _with(_package(Ecosystem.PYPI, "livekit-agents", "1.3.4")),
        lambda: _with(_package(Ecosystem.PYPI, "livekit-agents", "1.3.5")),
    ),
    "url-scheme-for-sdk": Example(
        lambda: _with(_package(Ecosystem.GO, "github.com/livekit/server-sdk-go", "0.9.3")),
        lambda: _with(_package(Ecosystem.GO, "github.com/livekit/server-sdk-go", "0.10.0")),
    ),
    "url-double-slash": Example(lambda: _with(_client("2.9.7")), lambda: _with(_client("2.9.9"))),
    "signal-version-skew": Example(
        lambda: _with(
            _client("2.17.0"), _package(Ecosystem.NPM, "@livekit/protocol", "1.45.8", line=40)
        ),
        lambda: _with(
            _client("2.18.9"), _package(Ecosystem.NPM, "@livekit/protocol", "1.45.8", line=40)
        ),
    ),
    "identity-rejoin-race": Example(
        lambda: _with(_package(Ecosystem.PUB, "livekit_client", "2.13.0")),
        lambda: _with(_package(Ecosystem.PUB, "livekit_client", "2.12.0")),
    ),
    "mobile-cleartext": Example(
        lambda: _with(
            _package(Ecosystem.MAVEN, "io.livekit:livekit-android", "2.22.1"), scheme="ws"
        ),
        lambda: _with(
            _package(Ecosystem.MAVEN, "io.livekit:livekit-android", "2.22.1"),
            scheme="ws",
            cleartext=(
                Cleartext("app/src/main/AndroidManifest.xml", allowed=True, debug_only=False),
            ),
        ),
    ),
    "env-public-prefix-missing": Example(
        lambda: _with(frameworks=(_NEXT,), reads=(_read("LIVEKIT_URL"),)),
        lambda: _with(frameworks=(_NEXT,), reads=(_read("LIVEKIT_URL", in_browser=False),)),
    ),
    "env-backend-runtime-unset": Example(
        lambda: _with(_SERVER_SDK, hosts=(Host("Vercel", "vercel.json"),)),
        lambda: _with(_SERVER_SDK),
    ),
    "app-token-promise": Example(
        lambda: _with(
            _SERVER_SDK, tokens=(UnawaitedToken("app/api/token/route.ts:21", sure=True),)
        ),
        lambda: _with(
            _package(Ecosystem.NPM, "livekit-server-sdk", "1.2.7"),
            tokens=(UnawaitedToken("app/api/token/route.ts:21", sure=True),),
        ),
    ),
    "app-secret-tracked": Example(
        lambda: _with(secret_searched=True, secret_in=("config/prod.yaml:7",)),
        lambda: _with(secret_searched=True),
    ),
    "ice-port-remap": Example(
        lambda: _with(published=(_port("20638", "7882/udp"),)),
        lambda: _with(published=(_port("7882", "7882/udp"), _port("80", "7880/tcp"))),
    ),
    "ice-udp-unpublished": Example(
        lambda: _with(published=(_port("7882", "7882/tcp"),)),
        lambda: _with(published=(_port("7882", "7882/udp"), _port("7882", "7882/tcp"))),
    ),
}
