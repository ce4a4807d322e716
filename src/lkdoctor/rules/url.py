"""Whether the URL is one that every client can dial; judged without dialling it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lkdoctor import digits, shell
from lkdoctor.facts.url import HostKind, ParsedUrl, UnusableUrl, UrlFact, UrlProblem
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules.base import Check, Judgement, Rule

if TYPE_CHECKING:  # check-env judges without these layers and does not pay for them
    from lkdoctor.facts import Facts
    from lkdoctor.facts.network import NetworkFact
    from lkdoctor.facts.server import Elsewhere, ServerFact
    from lkdoctor.facts.signal import SignalFact


def _location(url: UrlFact) -> str | None:
    file, colon, line = url.origin.rpartition(":")
    in_file = bool(file and colon) and digits.number(line) is not None and not file.startswith("-")
    return url.origin if in_file else None


def _written(url: UrlFact, expected: str | None = None) -> Evidence:
    return Evidence(f"the URL ({url.origin})", url.raw or "(empty)", expected, "env")


def _use(right: str) -> FixStep:
    return FixStep(
        "Write it like this:", snippet=Snippet("dotenv", shell.setting("LIVEKIT_URL", right))
    )


def _restart() -> FixStep:
    return FixStep("Restart the process that reads it; rebuild the page where it is built in.")


def _fitting(title: str) -> str:
    return title if len(title) <= 60 else title[:59] + "…"


# url-no-scheme


def _no_scheme(url: UrlFact) -> Iterator[Judgement]:
    result = url.result
    if not isinstance(result, UnusableUrl):
        return
    if result.problem not in {UrlProblem.NO_SCHEME, UrlProblem.WRONG_SCHEME}:
        return
    wrong = result.problem is UrlProblem.WRONG_SCHEME
    yield Judgement(
        evidence=(
            _written(url, "ws://, wss://, http:// or https:// in front"),
            Evidence("read as", result.detail, source="env"),
        ),
        title="The URL begins with a scheme that clients do not know" if wrong else None,
        fix=(_use(result.suggestion or "wss://YOUR-HOST"), _restart()),
        location=_location(url),
    )


# url-invalid-hang


def _invalid(url: UrlFact) -> Iterator[Judgement]:
    result = url.result
    if not isinstance(result, UnusableUrl):
        return
    title = _TITLES.get(result.problem)
    if title is None:
        return
    yield Judgement(
        evidence=(_written(url), Evidence("read as", result.detail, source="env")),
        title=title,
        fix=(_use(result.suggestion or "wss://YOUR-HOST"), *_INVALID_FIX),
        location=_location(url),
    )


_TITLES: Final = {
    UrlProblem.EMPTY: "The URL is empty",
    UrlProblem.LITERAL: "The URL is a word in place of a value",
    UrlProblem.NO_HOST: "The URL has no host",
    UrlProblem.BAD_PORT: "The URL's port is no port",
    UrlProblem.BLANKS: "The URL holds blanks or control characters",
    UrlProblem.BAD_HOST: "The URL's host is no host name",
}

_INVALID_FIX: Final = (
    FixStep(
        "In the app, check the URL before connect(), and make a new Room after such an error: the "
        "old one keeps its lock and never connects again.",
        snippet=Snippet("javascript", "if (!/^(wss?|https?):\\/\\/\\S+$/.test(url ?? '')) throw …"),
    ),
    _restart(),
)

# url-wrong-port

_PORTS: Final = {
    7881: "ICE over TCP: media, no WebSocket",
    7882: "ICE over UDP: media, no WebSocket",
    3478: "TURN or STUN over UDP",
    5349: "TURN over TLS",
    6789: "metrics for Prometheus",
}
"""Ports of a LiveKit server that are not for signalling (livekit-server config-sample.yaml)."""


def _wrong_port(
    url: UrlFact, network: "NetworkFact | None" = None, server: "ServerFact | None" = None
) -> Iterator[Judgement]:
    result = url.result
    if not isinstance(result, ParsedUrl):
        return
    cloud = result.host_kind is HostKind.CLOUD and result.port != 443
    if result.port not in _PORTS and not cloud:
        return
    root = None if server is None else server.root
    if root is not None and root.kind == "answer" and root.body.strip() == "OK":
        return  # somebody does serve LiveKit there
    use = "443" if result.secure or cloud else "7880"
    purpose = "LiveKit Cloud listens on 443" if cloud else _PORTS[result.port]
    dialled = _dialled(network, server)
    yield Judgement(
        evidence=(_written(url), Evidence(f"port {result.port}", purpose, use, "env"), *dialled),
        title=f"Port {result.port} is not LiveKit's signalling port",
        confidence=Confidence.CERTAIN if dialled else Confidence.LIKELY,
        fix=(_use(_with_port(result, use)), _restart()),
        location=_location(url),
    )


def _dialled(network: "NetworkFact | None", server: "ServerFact | None") -> tuple[Evidence, ...]:
    """What came of dialling the port; nothing where nobody has tried."""
    if server is not None:
        root = server.root
        said = f"{root.status} {root.body[:60]}" if root.kind == "answer" else str(root.problem)
        return (Evidence("GET /", said, "200 OK", "net"),)
    if network is None or network.connected is not None:
        return ()
    from lkdoctor.rules.network import attempts

    return attempts(network)


def _with_port(url: ParsedUrl, port: str) -> str:
    scheme = "wss" if url.secure or url.host_kind is HostKind.CLOUD else "ws"
    host = f"[{url.host}]" if ":" in url.host else url.host
    explicit = "" if port == {"ws": "80", "wss": "443"}[scheme] else f":{port}"
    return f"{scheme}://{host}{explicit}{url.path}"


# url-path

_ENDPOINT: Final = (
    r"(?i)(?:/rtc(?:/v\d+)?(?:/validate)?|/validate|/twirp(?:/.*)?|/settings/regions)$"
)


def _path(
    url: UrlFact, signal: "SignalFact | None" = None, server: "ServerFact | None" = None
) -> Iterator[Judgement]:
    result = url.result
    if not isinstance(result, ParsedUrl) or _reached(signal) or _service(result.host):
        return
    endpoint = re.search(_ENDPOINT, result.path) if result.path else None
    bare = result._replace(path=result.path[: endpoint.start()] if endpoint else "")
    right = _with_port(bare, str(result.port))
    if endpoint is not None or (result.path and result.host_kind is HostKind.CLOUD):
        yield Judgement(
            evidence=(
                _written(url, right),
                Evidence("clients would ask for", f"{result.path}/rtc", f"{bare.path}/rtc", "env"),
            ),
            title=_fitting(f"The URL ends with {result.path}, which clients add themselves")
            if endpoint
            else "A LiveKit Cloud URL has no path",
            fix=(_use(right), _restart()),
            location=_location(url),
        )
    elif (found := _found_elsewhere(server, result.path)) is not None:
        right = _with_port(result._replace(path=found.prefix), str(result.port))
        yield Judgement(
            evidence=(_written(url, right), *_answers_of(server, result.path, found.prefix)),
            title=_moved(result.path, found.prefix),
            cause=_ANOTHER_PREFIX,
            fix=(_use(right), _restart()),
            location=_location(url),
        )
    elif result.query or result.userinfo:
        what = "a query or fragment" if result.query else "a user name or password"
        yield Judgement(
            evidence=(_written(url, _with_port(result, str(result.port))),),
            title=f"The URL carries {what}",
            cause="Clients drop it or send it on in ways that no server reads; what was secret in it "
            "stands in logs.",
            severity=Severity.WARNING,
            confidence=Confidence.LIKELY,
            fix=(_use(_with_port(result, str(result.port))), _restart()),
            location=_location(url),
        )


_ANOTHER_PREFIX: Final = (
    "Clients ask for /rtc behind the URL's path, and there is no LiveKit. Under another path of the same "
    "host there is: the URL lacks the prefix under which the proxy serves it, or has one too many."
)


def _found_elsewhere(server: "ServerFact | None", own: str) -> "Elsewhere | None":
    """The first prefix but the URL's own under which LiveKit answers; None if its own does."""
    if server is None or not server.elsewhere:
        return None
    from lkdoctor.rules.answers import is_livekit

    there = [asked for asked in server.elsewhere if is_livekit(asked.answer)]
    return there[0] if there and own not in {asked.prefix for asked in there} else None


def _answers_of(server: "ServerFact | None", *prefixes: str) -> tuple[Evidence, ...]:
    """What was answered under these prefixes."""
    from lkdoctor.rules.answers import said

    asked = {} if server is None else {a.prefix: a.answer for a in server.elsewhere}
    return tuple(
        Evidence(f"GET {prefix}/rtc/validate, no token", said(asked[prefix]), _NO_TOKEN, "net")
        for prefix in prefixes
        if prefix in asked
    )


_NO_TOKEN: Final = "401: no permissions to access the room"


def _moved(own: str, prefix: str) -> str:
    if not own:
        return _fitting(f"LiveKit is under {prefix}, which the URL lacks")
    if not prefix:
        return _fitting(f"LiveKit is at the host's root, not under {own}")
    return _fitting(f"LiveKit is under {prefix}, not under {own}")


def _reached(signal: "SignalFact | None") -> bool:
    if signal is None:
        return False
    from lkdoctor.rules.answers import signalling_reached

    return bool(signalling_reached(signal))


# url-other-service


def _other_service(url: UrlFact) -> Iterator[Judgement]:
    result = url.result
    if not isinstance(result, ParsedUrl):
        return
    what = _service(result.host)
    if what is not None:
        yield Judgement(
            evidence=(_written(url, "wss://YOUR-PROJECT.livekit.cloud"), _is(result.host, what)),
            title=f"The URL is that of {what}",
            fix=(_use(_project_of(result.host)), _restart()),
            location=_location(url),
        )


def _is(host: str, what: str) -> Evidence:
    return Evidence(host, what, "signalling", "env")


def _service(host: str) -> str | None:
    """What of LiveKit's is at this host that is no signalling."""
    if host == "cloud.livekit.io":
        return "LiveKit Cloud's dashboard"
    if host == "livekit.io" or host.endswith(".livekit.io"):
        return "LiveKit's website"
    for label, what in _CLOUD_SERVICES.items():
        if host.endswith(f".{label}.livekit.cloud"):
            return what
    return "no LiveKit Cloud project" if host == "livekit.cloud" else None


_CLOUD_SERVICES: Final = {
    "sip": "a project's SIP service",
    "whip": "a project's WHIP service",
    "rtmp": "a project's RTMP service",
    "turn": "a TURN server",
}


def _project_of(host: str) -> str:
    name = host.partition(".")[0] if host.count(".") == 3 else "YOUR-PROJECT"
    return f"wss://{name}.livekit.cloud"


# ------------------------------------------------------------------ check


def _look_form(url: UrlFact) -> str | None:
    result = url.result
    if not isinstance(result, ParsedUrl):
        return None
    place = {
        HostKind.CLOUD: "LiveKit Cloud project address",
        HostKind.LOOPBACK: f"port {result.port} of this machine",
        HostKind.PRIVATE: f"port {result.port} of a private address",
        HostKind.SINGLE_LABEL: f"port {result.port} of a host in this network",
        HostKind.PUBLIC: f"port {result.port}" if result.explicit_port else "default port",
    }[result.host_kind]
    return f"{result.scheme}, {place}, {'prefix ' + result.path if result.path else 'no path'}"


FORM: Final = Check("url.form", Layer.URL, "Every client can dial the URL", _look_form)
"""Answered by what the URL alone says."""

CHECKS: Final = (FORM,)


# ------------------------------------------------------------------ examples


def _at(raw: str, result: ParsedUrl | UnusableUrl) -> "Facts":
    """The healthy example with another URL, not dialled."""
    from lkdoctor.rules.examples import healthy

    facts = healthy()
    url = UrlFact(raw=raw, origin=".env.local:1", result=result)
    return facts._replace(url=url, network=None, tls=None, server=None, signal=None, api=None)


def _parsed(**changes: object) -> ParsedUrl:
    url = ParsedUrl(
        scheme="wss",
        host="rtc.example.com",
        port=443,
        explicit_port=False,
        path="",
        query=False,
        userinfo=False,
        host_kind=HostKind.PUBLIC,
    )
    return url._replace(**changes)  # type: ignore[arg-type]  # an example's own fields


def _healthy() -> "Facts":
    return _at("wss://rtc.example.com", _parsed())


RULES: Final = (
    Rule(
        code="url-no-scheme",
        check="url.form",
        layer=Layer.URL,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The URL has no scheme in front",
        symptoms=(
            "failed to parse the url",
            "Failed to construct 'URL': Invalid URL",
            "unsupported protocol scheme",
        ),
        cause="A bare host was copied. Browsers take it for a path on their own site, other clients "
        "refuse it.",
        how="The value does not begin with ws://, wss://, http:// or https://.",
        fix=(_use("wss://YOUR-HOST"), _restart()),
        source="bekriebel/fvtt-module-avclient-livekit#14, agence104/livekit-server-sdk-php#48",
        judge=_no_scheme,
        sick=lambda: _at(
            "rtc.example.com",
            UnusableUrl(UrlProblem.NO_SCHEME, "no scheme in front", "wss://rtc.example.com"),
        ),
        healthy=_healthy,
        related=("url-invalid-hang",),
    ),
    Rule(
        code="url-invalid-hang",
        check="url.form",
        layer=Layer.URL,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The URL cannot be read, and the page waits for ever",
        symptoms=(
            "Failed to construct 'URL': Invalid URL",
            "nothing: the room stays in the state “connecting”",
        ),
        cause="livekit-client takes its lock before it reads the URL; where that throws, the lock is "
        "never given back, and the next connect() or disconnect() waits for ever.",
        how="The value is empty, the word undefined or null, has no host, or holds blanks.",
        fix=(_use("wss://YOUR-HOST"), *_INVALID_FIX),
        source="client-sdk-js 2.0.0 to 2.21.0, src/room/Room.ts (connect); livekit/livekit#3810",
        judge=_invalid,
        sick=lambda: _at(
            "undefined",
            UnusableUrl(UrlProblem.LITERAL, "the word undefined: a variable that was never set"),
        ),
        healthy=_healthy,
        related=("url-no-scheme", "env-missing"),
    ),
    Rule(
        code="url-wrong-port",
        check="url.form",
        layer=Layer.URL,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The URL's port is not LiveKit's signalling port",
        symptoms=(
            "could not establish signal connection: Failed to fetch",
            "room connection has timed out (signal)",
        ),
        cause="A LiveKit server has several ports. Clients begin with signalling: 7880 at the server "
        "itself, 443 behind a proxy; the others are for media, TURN and metrics.",
        how="The port is 7881, 7882, 3478, 5349 or 6789, or a Cloud URL has a port of its own.",
        fix=(
            FixStep(
                "Use 7880 directly, or no port behind a proxy with a certificate:",
                snippet=Snippet("dotenv", "LIVEKIT_URL=wss://YOUR-HOST"),
            ),
            _restart(),
        ),
        source="livekit/livekit#3109, fluxerapp/fluxer#1010; livekit-server config-sample.yaml",
        judge=_wrong_port,
        sick=lambda: _at(
            "ws://rtc.example.com:7881", _parsed(scheme="ws", port=7881, explicit_port=True)
        ),
        healthy=lambda: _at(
            "ws://rtc.example.com:7880", _parsed(scheme="ws", port=7880, explicit_port=True)
        ),
        explains=("tcp-refused", "tcp-timeout", "url-not-livekit", "url-tls-mismatch"),
        related=("url-tls-mismatch",),
    ),
    Rule(
        code="url-path",
        check="url.form",
        layer=Layer.URL,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The URL's path is not the one that LiveKit is under",
        symptoms=(
            "v1 RTC path not found. Consider upgrading your LiveKit server version",
            "could not establish signal connection: 404 page not found",
            "could not establish signal connection",
        ),
        cause="Clients add /rtc to what is in front of it. With /rtc in the URL they ask for "
        "/rtc/rtc, which no server has.",
        how="The path ends with /rtc, /rtc/v1, /validate or /twirp, or a Cloud URL has a path; or "
        "/rtc/validate is LiveKit's under another prefix of the host (its root, the paths above the URL's, "
        "/livekit, /livekit/sfu, /livekit-server) and not under the URL's own.",
        fix=(
            FixStep(
                "Write everything in front of /rtc, a proxy's prefix included, and no more:",
                snippet=Snippet("dotenv", "LIVEKIT_URL=wss://YOUR-HOST"),
            ),
            _restart(),
        ),
        source="element-hq/element-call#3710, spantaleev/matrix-docker-ansible-deploy#4281",
        judge=_path,
        sick=lambda: _at("wss://rtc.example.com/rtc", _parsed(path="/rtc")),
        healthy=lambda: _at("wss://rtc.example.com/livekit", _parsed(path="/livekit")),
        explains=(
            "url-not-livekit",
            "proxy-path-rewrite",
            "proxy-upgrade-stripped",
            "server-refused",
            "signal-refused",
            "api-not-routed",
            "api-not-found",
            "api-refused",
        ),
        related=("url-not-livekit", "proxy-path-rewrite"),
    ),
    Rule(
        code="url-other-service",
        check="url.form",
        layer=Layer.URL,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The URL is that of another service of LiveKit",
        symptoms=(
            "v1 RTC path not found. Consider upgrading your LiveKit server version",
            "could not establish signal connection: Failed to fetch",
        ),
        cause="The address of a page, of the dashboard or of a service for telephones or streams was "
        "copied. Clients begin with signalling, which is at the project's own address.",
        how="The host is livekit.io or under it, or has sip, whip, rtmp or turn in front of livekit.cloud.",
        fix=(_use("wss://YOUR-PROJECT.livekit.cloud"), _restart()),
        source="docs.livekit.io, LiveKit Cloud and SIP: the project's URL and its SIP URI",
        judge=_other_service,
        sick=lambda: _at(
            "https://cloud.livekit.io/projects/p_1",
            _parsed(scheme="https", host="cloud.livekit.io", path="/projects/p_1"),
        ),
        healthy=_healthy,
        explains=("url-path", "url-not-livekit", "api-not-routed", "api-not-found"),
        related=("url-path", "url-not-livekit"),
    ),
)
