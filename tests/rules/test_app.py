"""Every fault of a project is named by its code, and its nearest healthy neighbour is not."""

from typing import Any

import pytest
from examples.healthy import answer, healthy

from lkdoctor import catalogue
from lkdoctor.config.manifests import Ecosystem, Package
from lkdoctor.facts import Facts
from lkdoctor.facts.app import (
    AppFact,
    Cleartext,
    EnvRead,
    Host,
    PublishedPort,
    Reason,
    UnawaitedToken,
    Unread,
)
from lkdoctor.facts.signal import SignalFact, Validation, Whose
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Finding
from lkdoctor.rules.app import CHECKS, KNOWN, RULES

NPM, GO, PUB = Ecosystem.NPM, Ecosystem.GO, Ecosystem.PUB
ANDROID = (Ecosystem.MAVEN, "io.livekit:livekit-android")


def package(
    ecosystem: Ecosystem, name: str, version: str | None, *, locked: bool = True, required: str = ""
) -> Package:
    return Package(ecosystem, name, version, required or version or "", locked, "lock:1")


def facts(*packages: Package, url: str = "wss", **changes: Any) -> Facts:
    app = AppFact(folder="~/clinic", packages=packages)._replace(**changes)
    parsed = healthy().url
    assert parsed is not None
    assert isinstance(parsed.result, ParsedUrl)
    result = parsed.result._replace(scheme=url)
    return healthy()._replace(app=app, url=parsed._replace(result=result))


def on(version: str, *packages: Package) -> Facts:
    """What a server of this version says to a join."""
    before = facts(*packages)
    assert before.signal is not None
    assert before.signal.first is not None
    first = before.signal.first._replace(server_version=version)  # type: ignore[call-arg]  # it joined
    return before._replace(signal=before.signal._replace(first=first))


JUDGED = (*RULES, catalogue.by_code()["signal-v1-vs-old-server"])
"""That one is signalling's, and judges by the app where there is one."""


def found(given: Facts) -> list[Finding]:
    return [finding for rule in JUDGED for finding in rule.findings(given)]


def judged(given: Facts) -> list[tuple[str, str, str]]:
    return [(f.code, str(f.severity), str(f.confidence)) for f in found(given)]


def read(name: str, **changes: Any) -> EnvRead:
    plain = EnvRead(name, "app/page.tsx:3", "Next.js", "NEXT_PUBLIC_", True, False, "process.env")
    return plain._replace(**changes)


def client(version: str | None, **changes: Any) -> Package:
    return package(NPM, "livekit-client", version, **changes)


def protocol(version: str) -> Package:
    return package(NPM, "@livekit/protocol", version)


SDK = package(NPM, "livekit-server-sdk", "2.13.1")
TOKEN = UnawaitedToken("route.ts:9", sure=True)
MANIFEST = Cleartext("app/src/main/AndroidManifest.xml", allowed=False, debug_only=False)
DEBUG = Cleartext("app/src/debug/AndroidManifest.xml", allowed=True, debug_only=True)
V1_ASKED = SignalFact(
    validations=(Validation(Whose.NONE, "/rtc/v1/validate", answer(404, "404 page not found\n")),),
    upgrades=(),
    first=None,
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(facts(), [], id="nothing of LiveKit's"),
        pytest.param(
            facts(package(Ecosystem.PYPI, "livekit-agents", "1.3.4")),
            [("env-sdk-ignores-url", "error", "certain")],
            id="agents 1.3.4",
        ),
        pytest.param(facts(package(Ecosystem.PYPI, "livekit-agents", "1.3.3")), [], id="1.3.3"),
        pytest.param(
            facts(package(Ecosystem.PYPI, "livekit-agents", None, required="~=1.3.4")),
            [],
            id="a range is no version",
        ),
        pytest.param(
            facts(package(Ecosystem.PYPI, "livekit-agents", "1.3.4.dev1")), [], id="no release"
        ),
        pytest.param(
            facts(client("2.9.8")), [("url-double-slash", "warning", "certain")], id="2.9.8"
        ),
        pytest.param(facts(client("2.9.5")), [], id="2.9.5"),
        pytest.param(facts(client("2.9.9")), [], id="2.9.9"),
        pytest.param(
            facts(client("2.9.7", locked=False), client("2.18.9")),
            [],
            id="the lock file counts, not the manifest",
        ),
        pytest.param(
            facts(package(GO, "github.com/livekit/server-sdk-go", "0.9.3")),
            [("url-scheme-for-sdk", "warning", "likely")],
            id="an old SDK for Go",
        ),
        pytest.param(
            facts(package(GO, "github.com/livekit/server-sdk-go", "0.9.3"), url="https"),
            [],
            id="https",
        ),
        pytest.param(
            facts(package(GO, "github.com/livekit/server-sdk-go/v2", "2.1.0")), [], id="Go, v2"
        ),
        pytest.param(
            facts(package(Ecosystem.COMPOSER, "agence104/livekit-server-sdk", "1.3.5")),
            [("url-scheme-for-sdk", "warning", "likely")],
            id="PHP",
        ),
        pytest.param(
            facts(
                package(Ecosystem.COMPOSER, "agence104/livekit-server-sdk", "1.3.5"),
                swaps_scheme=True,
            ),
            [],
            id="PHP, and the app converts",
        ),
        pytest.param(
            on("1.8.4", client("2.18.1")),
            [("signal-v1-vs-old-server", "error", "certain")],
            id="2.18.1 at 1.8.4",
        ),
        pytest.param(on("1.9.10", client("2.18.1")), [], id="2.18.1 at 1.9.10"),
        pytest.param(
            on("1.9.9", client("2.18.4")),
            [("signal-v1-vs-old-server", "info", "hint")],
            id="2.18.4 at 1.9.9",
        ),
        pytest.param(on("1.8.4", client("2.16.1")), [], id="2.16.1 at 1.8.4"),
        pytest.param(on("", client("2.18.1")), [], id="a server of an unknown version"),
        pytest.param(
            facts(client("2.18.1"))._replace(signal=V1_ASKED),
            [("signal-v1-vs-old-server", "error", "certain")],
            id="a server without /rtc/v1",
        ),
        pytest.param(
            facts(client("2.18.1"))._replace(signal=None), [], id="a server that was not asked"
        ),
        pytest.param(
            facts(client("2.17.0"), protocol("1.45.8")),
            [("signal-version-skew", "warning", "likely")],
            id="another release's protocol",
        ),
        pytest.param(
            facts(client("2.17.0"), protocol("1.45.8"), protocol("1.44.0")),
            [],
            id="each has its own protocol",
        ),
        pytest.param(facts(client("2.18.9"), protocol("1.45.8")), [], id="its own protocol"),
        pytest.param(
            facts(package(*ANDROID, "2.20.2", locked=False)),
            [("identity-rejoin-race", "warning", "likely")],
            id="Android 2.20.2",
        ),
        pytest.param(facts(package(*ANDROID, "2.21.0", locked=False)), [], id="Android 2.21.0"),
        pytest.param(
            facts(package(PUB, "livekit_client", "2.13.0")),
            [("identity-rejoin-race", "warning", "likely")],
            id="Flutter 2.13.0",
        ),
        pytest.param(
            facts(package(*ANDROID, "2.22.1"), url="ws", cleartext=(MANIFEST,)),
            [("mobile-cleartext", "warning", "likely")],
            id="ws on Android",
        ),
        pytest.param(facts(package(*ANDROID, "2.22.1"), url="wss"), [], id="wss on Android"),
        pytest.param(
            facts(package(*ANDROID, "2.22.1"), url="ws", cleartext=(MANIFEST, DEBUG)),
            [("mobile-cleartext", "info", "hint")],
            id="allowed in debug builds",
        ),
        pytest.param(
            facts(
                package(*ANDROID, "2.22.1"),
                url="ws",
                cleartext=(MANIFEST._replace(allowed=True),),
            ),
            [],
            id="allowed",
        ),
        pytest.param(
            facts(package(PUB, "livekit_client", "2.12.0"), url="ws"),
            [],
            id="Flutter dials itself, past Android's rule",
        ),
        pytest.param(
            facts(reads=(read("LIVEKIT_URL"),)),
            [("env-public-prefix-missing", "error", "likely")],
            id="no prefix",
        ),
        pytest.param(facts(reads=(read("LIVEKIT_URL", fallback=True),)), [], id="a fallback"),
        pytest.param(
            facts(reads=(read("LIVEKIT_URL", in_browser=False),)), [], id="read on a server"
        ),
        pytest.param(facts(reads=(read("LIVEKIT_DEBUG"),)), [], id="another variable of LiveKit's"),
        pytest.param(
            facts(reads=(read("NEXT_PUBLIC_LIVEKIT_URL"),)),
            [("env-public-prefix-missing", "warning", "likely")],
            id="read with its prefix, set nowhere",
        ),
        pytest.param(
            facts(reads=(read("NEXT_PUBLIC_LIVEKIT_URL"),), env_names=("NEXT_PUBLIC_LIVEKIT_URL",)),
            [],
            id="set for production alone",
        ),
        pytest.param(
            facts(SDK, hosts=(Host("Vercel", "vercel.json"),)),
            [("env-backend-runtime-unset", "info", "hint")],
            id="deployed",
        ),
        pytest.param(
            facts(client("2.18.9"), hosts=(Host("Vercel", "vercel.json"),)),
            [],
            id="deployed, and mints nothing",
        ),
        pytest.param(
            facts(SDK, tokens=(TOKEN,)), [("app-token-promise", "error", "certain")], id="promise"
        ),
        pytest.param(
            facts(SDK, tokens=(TOKEN._replace(sure=False),)),
            [("app-token-promise", "error", "likely")],
            id="a promise that is kept first",
        ),
        pytest.param(
            facts(package(NPM, "livekit-server-sdk", "1.2.7"), tokens=(TOKEN,)),
            [],
            id="toJwt() of version 1",
        ),
        pytest.param(
            facts(package(NPM, "livekit-server-sdk", None, required="^2"), tokens=(TOKEN,)),
            [],
            id="of which version is not known",
        ),
        pytest.param(
            facts(secret_searched=True, secret_in=("a.yaml:3",)),
            [("app-secret-tracked", "error", "certain")],
            id="a secret in git",
        ),
        pytest.param(
            facts(unread=(Unread("package-lock.json", "no JSON", Reason.BROKEN),)),
            [("app-file-unreadable", "warning", "certain")],
            id="a broken file",
        ),
        pytest.param(
            facts(unread=(Unread("data", "permission denied", Reason.DENIED),)),
            [("app-file-unreadable", "info", "certain")],
            id="a closed folder",
        ),
        pytest.param(
            facts(unread=(Unread(".", "more than 50000 files", Reason.LIMIT),)), [], id="a limit"
        ),
    ],
)
def test_each_fault_has_its_code(given: Facts, expected: list[tuple[str, str, str]]) -> None:
    assert judged(given) == expected


def test_a_phones_localhost_is_the_phone() -> None:
    given = facts(package(*ANDROID, "2.22.1"), url="ws")
    assert given.url is not None
    assert isinstance(given.url.result, ParsedUrl)
    near = given.url.result._replace(host="localhost", host_kind=HostKind.LOOPBACK)
    (finding,) = found(given._replace(url=UrlFact("ws://localhost:7880", ".env:1", near)))
    assert (finding.title, finding.severity, finding.confidence) == (
        "A phone's localhost is the phone itself",
        "info",
        "hint",
    )


def test_every_range_is_one_and_says_where_it_is_written() -> None:
    assert {rule.code for rule in JUDGED} >= set(KNOWN)
    for ranges in KNOWN.values():
        for known in ranges:
            assert known.first < known.before
            assert "#" in known.source


def test_what_there_is_to_say_where_nothing_is_wrong() -> None:
    given = facts(
        client("2.18.9"),
        client(None, locked=False, required="^2"),
        SDK,
        protocol("1.45.8"),
        package(NPM, "@livekit/components-react", None, locked=False, required="^2.9.0"),
        files=1,
        tracked=1,
        secret_searched=True,
        unread=(Unread(".", "git's index: damaged", Reason.LIMIT),),
        published=(
            PublishedPort(
                "c.yml:1", "7882:7882/udp", "7882:7882/udp", udp=True, first=7882, last=7882
            ),
        ),
    )
    assert {check.id: check.see(given) for check in CHECKS} == {
        "app.files": "1 file, git's index: damaged",
        "app.sdks": "livekit-client 2.18.9, livekit-server-sdk 2.13.1, @livekit/protocol 1.45.8 "
        "and 1 more",
        "app.env": None,
        "app.tokens": "every toJwt() that was found is waited for",
        "app.secret": "in none of 1 tracked file",
        "app.compose": "publishes 7882:7882/udp",
    }
