"""Whether the URL is one that every client can dial; judged without dialling it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lkdoctor import digits
from lkdoctor.facts.url import HostKind, ParsedUrl, UnusableUrl, UrlFact, UrlProblem
from lkdoctor.findings import Confidence, Evidence, Layer
from lkdoctor.rules.base import Check, Seen, cause

if TYPE_CHECKING:  # check-env judges without these layers and does not pay for them
    from lkdoctor.facts.network import NetworkFact
    from lkdoctor.facts.server import Elsewhere, ServerFact
    from lkdoctor.facts.signal import SignalFact


def _location(url: UrlFact) -> str | None:
    file, colon, line = url.origin.rpartition(":")
    in_file = bool(file and colon) and digits.number(line) is not None and not file.startswith("-")
    return url.origin if in_file else None


def _written(url: UrlFact, expected: str | None = None) -> Evidence:
    return Evidence(f"the URL ({url.origin})", url.raw or "(empty)", expected, "env")


# url-no-scheme


def _no_scheme(url: UrlFact) -> Iterator[Seen]:
    result = url.result
    if not isinstance(result, UnusableUrl):
        return
    if result.problem not in {UrlProblem.NO_SCHEME, UrlProblem.WRONG_SCHEME}:
        return
    wrong = result.problem is UrlProblem.WRONG_SCHEME
    yield Seen(
        evidence=(
            _written(url, "ws://, wss://, http:// or https:// in front"),
            Evidence("read as", result.detail, source="env"),
        ),
        case="wrong-scheme" if wrong else "",
        values=_right(result),
        location=_location(url),
    )


# url-invalid-hang


def _invalid(url: UrlFact) -> Iterator[Seen]:
    result = url.result
    if not isinstance(result, UnusableUrl):
        return
    case = _CASES.get(result.problem)
    if case is None:
        return
    yield Seen(
        evidence=(_written(url), Evidence("read as", result.detail, source="env")),
        case=case,
        values=_right(result),
        location=_location(url),
    )


_CASES: Final = {
    UrlProblem.EMPTY: "empty",
    UrlProblem.LITERAL: "literal",
    UrlProblem.NO_HOST: "no-host",
    UrlProblem.BAD_PORT: "bad-port",
    UrlProblem.BLANKS: "blanks",
    UrlProblem.BAD_HOST: "bad-host",
}


def _right(result: UnusableUrl) -> dict[str, str]:
    """How it should be written, where that can be told."""
    return {"url": result.suggestion} if result.suggestion else {}


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
) -> Iterator[Seen]:
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
    yield Seen(
        evidence=(_written(url), Evidence(f"port {result.port}", purpose, use, "env"), *dialled),
        values={"port": str(result.port), "url": _with_port(result, use)},
        confidence=Confidence.CERTAIN if dialled else Confidence.LIKELY,
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
) -> Iterator[Seen]:
    result = url.result
    if not isinstance(result, ParsedUrl) or _reached(signal) or _service(result.host):
        return
    endpoint = re.search(_ENDPOINT, result.path) if result.path else None
    bare = result._replace(path=result.path[: endpoint.start()] if endpoint else "")
    right = _with_port(bare, str(result.port))
    if endpoint is not None or (result.path and result.host_kind is HostKind.CLOUD):
        yield Seen(
            evidence=(
                _written(url, right),
                Evidence("clients would ask for", f"{result.path}/rtc", f"{bare.path}/rtc", "env"),
            ),
            case="endpoint" if endpoint else "cloud",
            values={"path": result.path, "url": right},
            location=_location(url),
        )
    elif (found := _found_elsewhere(server, result.path)) is not None:
        right = _with_port(result._replace(path=found.prefix), str(result.port))
        yield Seen(
            evidence=(_written(url, right), *_answers_of(server, result.path, found.prefix)),
            case="prefix-missing"
            if not result.path
            else "other-prefix"
            if found.prefix
            else "at-the-root",
            values={"path": result.path, "prefix": found.prefix, "url": right},
            location=_location(url),
        )
    elif result.query or result.userinfo:
        right = _with_port(result, str(result.port))
        yield Seen(
            evidence=(_written(url, right),),
            case="query" if result.query else "userinfo",
            values={"url": right},
            location=_location(url),
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


def _reached(signal: "SignalFact | None") -> bool:
    if signal is None:
        return False
    from lkdoctor.rules.answers import signalling_reached

    return bool(signalling_reached(signal))


# url-other-service


def _other_service(url: UrlFact) -> Iterator[Seen]:
    result = url.result
    if not isinstance(result, ParsedUrl):
        return
    what = _service(result.host)
    if what is not None:
        yield Seen(
            evidence=(_written(url, "wss://YOUR-PROJECT.livekit.cloud"), _is(result.host, what)),
            values={"service": what, "url": _project_of(result.host)},
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


RULES: Final = (
    cause("url-no-scheme", _no_scheme),
    cause("url-invalid-hang", _invalid),
    cause("url-wrong-port", _wrong_port),
    cause("url-path", _path),
    cause("url-other-service", _other_service),
)
