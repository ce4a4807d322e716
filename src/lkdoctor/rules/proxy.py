"""What stands between the client and LiveKit, and how it gets in the way."""

from collections.abc import Iterator
from typing import Final

from lkdoctor.facts.server import Exchange, HttpAnswer, ServerFact
from lkdoctor.facts.signal import (
    SILENT,
    Joined,
    SignalFact,
    UpgradeAttempt,
    Upgraded,
    UpgradeRefused,
    Validation,
)
from lkdoctor.facts.token import TokenFact
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence
from lkdoctor.rules.answers import (
    GATEWAY,
    V1_SINCE,
    Heard,
    carrier,
    evidence,
    heard,
    is_gate,
    is_livekit,
    is_pasteable,
    is_root_ok,
    is_under_the_url,
    is_unknown_path,
    lacks_websocket_header,
    leads_to_login,
    of_validation,
    one_line,
    signalling_reached,
    software,
    software_evidence,
    upgrade_label,
    version_of,
)
from lkdoctor.rules.base import Seen, cause

# proxy-upgrade-stripped


def _stripped(
    signal: SignalFact, server: ServerFact | None = None, url: UrlFact | None = None
) -> Iterator[Seen]:
    refused = next((u for u in signal.upgrades if _lost_its_upgrade(u)), None)
    if refused is None or not isinstance(refused.result, UpgradeRefused):
        return
    reply = refused.result.answer
    proof: tuple[Evidence, ...]
    validation = next((v for v in signal.validations if is_livekit(v.answer)), None)
    if validation is not None:
        proof = (evidence(of_validation(validation)),)
    elif lacks_websocket_header(reply):
        proof = ()  # LiveKit itself says what it misses
    elif is_under_the_url(server, url):
        words = "no permissions to access the room"
        proof = (Evidence("GET /rtc/validate, no token", f"401: {words}", None, "net"),)
    elif server is not None and is_root_ok(server.root) and not signal.validations:
        proof = (evidence(Heard("GET /", server.root)),)
    else:
        return
    asked = Heard(upgrade_label(refused), reply)
    yield Seen(
        (*proof, evidence(asked, "101 or 401"), *software_evidence(reply)),
        case=_known_software(reply),
        confidence=None if _says_so(reply) else Confidence.LIKELY,
    )


def _lost_its_upgrade(attempt: UpgradeAttempt) -> bool:
    if not isinstance(attempt.result, UpgradeRefused):
        return False
    reply = attempt.result.answer
    if is_livekit(reply):
        return lacks_websocket_header(reply)
    return _is_plain_get(reply) or reply.status in {400, 405, 426, 501}


def _is_plain_get(reply: HttpAnswer) -> bool:
    """Whether LiveKit answers a GET of /rtc without Upgrade so: 404, and not a byte."""
    return reply.status == 404 and reply.body_bytes == 0


def _says_so(reply: HttpAnswer) -> bool:
    return _is_plain_get(reply) or reply.status == 426 or lacks_websocket_header(reply)


def _known_software(reply: HttpAnswer) -> str:
    name = (software(reply) or "").lower()
    for case, names in (("apache", ("apache",)), ("caddy", ("caddy",)), ("nginx", _NGINX)):
        if any(one in name for one in names):
            return case
    return ""


_NGINX: Final = ("nginx", "openresty")


# proxy-upstream-down


def _upstream_down(server: ServerFact, signal: SignalFact | None = None) -> Iterator[Seen]:
    # An upgrade alone that ends so is a session that did not start: signal-refused.
    validations = None if signal is None else signal._replace(upgrades=())
    down = [
        (asked, asked.exchange)
        for asked in heard(server, validations)
        if isinstance(asked.exchange, HttpAnswer) and asked.exchange.status in GATEWAY
    ]
    if not down or any(is_livekit(asked.exchange) for asked in heard(None, validations)):
        return
    _, first = down[0]
    named = software_evidence(first)
    yield Seen(
        (*(evidence(asked, "an answer of LiveKit's") for asked, _ in down), *named),
        values={"status": str(first.status), "says": _capital(GATEWAY[first.status])},
        confidence=None if named else Confidence.LIKELY,
    )


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


# proxy-idle-timeout


_QUIET_S: Final = 1.0
"""Less than this after a message the connection was not idle."""


def _idle_cut(signal: SignalFact) -> Iterator[Seen]:
    held = signal.held
    if held is None or not held.ended or held.ended.startswith("leave ") or held.ended == SILENT:
        return
    idle = held.quiet_s >= _QUIET_S
    how = one_line(f"{held.ended} after {held.lasted_s:.1f} s")
    upgrade = signal.upgrades[-1].result if signal.upgrades else None
    named = (
        next((v for n, v in upgrade.headers if n in {"server", "via"}), None)
        if isinstance(upgrade, Upgraded)
        else None
    )
    joined = signal.first
    interval = joined.ping_interval_s if isinstance(joined, Joined) else 0
    yield Seen(
        (
            Evidence("session", how, f"open for {held.asked_s:g} s", "net"),
            Evidence("session", one_line(held.detail or held.ended, 100), None, "net"),
            Evidence("session", f"quiet for the last {held.quiet_s:.1f} s", None, "net"),
            *(
                (Evidence("pings", f"clients send one every {interval} s", None, "net"),)
                if interval
                else ()
            ),
            *((Evidence("Server header", one_line(named, 60), None, "net"),) if named else ()),
        ),
        case="idle" if idle else "busy",
        values={"seconds": f"{held.quiet_s if idle else held.lasted_s:.0f}"},
    )


# proxy-path-rewrite


def _path_rewritten(
    server: ServerFact, signal: SignalFact, url: UrlFact | None = None
) -> Iterator[Seen]:
    if signalling_reached(signal) or is_under_the_url(server, url):
        return
    prefix = url.result.path if url is not None and isinstance(url.result, ParsedUrl) else ""
    if server.bad_token is None or not is_livekit(server.bad_token):
        return
    refused = [asked for asked in heard(None, signal) if isinstance(asked.exchange, HttpAnswer)]
    shown = tuple(evidence(asked, "an answer of LiveKit's") for asked in refused[:3])
    asked = Heard(f"GET {one_line(prefix, 60)}/rtc/validate, no real token", server.bad_token)
    proof = evidence(asked, "no words of LiveKit's, were it not there")
    if prefix:
        yield Seen(
            (*shown, proof),
            case="prefix",
            values={"prefix": prefix} | ({"path": prefix} if is_pasteable(prefix) else {}),
        )
    else:
        yield Seen((*shown, proof))


# proxy-double-cors


def _double_cors(signal: SignalFact) -> Iterator[Seen]:
    for asked in signal.as_browser:
        if not isinstance(asked.answer, HttpAnswer) or not is_livekit(asked.answer):
            continue
        origins = [v for name, v in asked.answer.headers if name == _ALLOW_ORIGIN]
        values = [value.strip() for origin in origins for value in origin.split(",")]
        if len(values) == 1:
            continue
        observed = " and ".join(one_line(value, 60) for value in values[:4]) or "none"
        yield Seen(
            (
                evidence(_of_browser(asked)),
                Evidence("Access-Control-Allow-Origin", observed, "* and no other", "net"),
            ),
            case="" if values else "taken-away",
        )
        return


_ALLOW_ORIGIN: Final = "access-control-allow-origin"


# proxy-v1-not-routed


def _v1_not_routed(signal: SignalFact) -> Iterator[Seen]:
    classic = next((v for v in signal.as_browser if "/rtc/v1" not in v.path), None)
    asked = next((v for v in signal.as_browser if "/rtc/v1" in v.path), None)
    if classic is None or not is_livekit(classic.answer):
        return
    if asked is None or not isinstance(asked.answer, HttpAnswer) or is_livekit(asked.answer):
        return
    reply = asked.answer
    version = version_of(signal.first.server_version) if isinstance(signal.first, Joined) else None
    new = version is not None and version >= V1_SINCE
    if is_unknown_path(reply) and not new:
        return  # an older server says so itself
    if reply.status not in _NOT_THERE:
        return
    known = (
        (Evidence("server version", one_line(signal.first.server_version, 20), None, "join"),)
        if new and isinstance(signal.first, Joined)
        else ()
    )
    shown = evidence(_of_browser(asked), "an answer of LiveKit's")
    falls_back = reply.status == 404
    yield Seen(
        (shown, *software_evidence(reply), *known),
        case="" if falls_back else "no-404",
    )


_NOT_THERE: Final = frozenset({200, 204, 400, 404, 405, 410, 501})

# proxy-access-gate


def _gate(server: ServerFact, signal: SignalFact | None = None) -> Iterator[Seen]:
    browser = () if signal is None else signal.as_browser
    asked = [*heard(None, signal), *map(_of_browser, browser)]
    if not signalling_reached(signal):
        asked.insert(0, Heard("GET /", server.root))
    gates = [one for one in asked if _is_gate(one) or leads_to_login(one)]
    if not gates:
        return
    first = gates[0].exchange
    named = software_evidence(first) if isinstance(first, HttpAnswer) else ()
    yield Seen(
        (*(evidence(one, "an answer of LiveKit's") for one in gates[:4]), *named),
        confidence=None if any(map(_is_gate, gates)) else Confidence.LIKELY,
    )


def _is_gate(asked: Heard) -> bool:
    return (
        isinstance(asked.exchange, HttpAnswer)
        and not is_livekit(asked.exchange)
        and is_gate(asked.exchange)
    )


def _of_browser(validation: Validation) -> Heard:
    """What a page was answered, to the token in the query."""
    asked = of_validation(validation)
    return asked._replace(label=f"{asked.label} in the query")


# proxy-url-too-long


def _url_too_long(signal: SignalFact, token: TokenFact | None = None) -> Iterator[Seen]:
    asked = [*heard(None, signal), *map(_of_browser, signal.as_browser)]
    too_long = [one for one in asked if _too_long(one.exchange)]
    size = 0 if token is None else token.text.length
    certain = bool(too_long)
    if not too_long and size > _LONG_TOKEN:
        # haproxy and others have one 400 for all that they cannot read.
        too_long = [one for one in asked if _is_foreign_400(one.exchange)]
    if not too_long:
        return
    first = too_long[0].exchange
    length = (Evidence("token", f"{size} characters", "1000 or fewer", "token"),) if size else ()
    yield Seen(
        (
            *(evidence(one, "an answer of LiveKit's") for one in too_long[:3]),
            *length,
            *(software_evidence(first) if isinstance(first, HttpAnswer) else ()),
        ),
        confidence=None if certain else Confidence.LIKELY,
    )


_LONG_TOKEN: Final = 4096


def _too_long(exchange: Exchange) -> bool:
    if not isinstance(exchange, HttpAnswer):
        return False
    body = exchange.body.lower()
    return exchange.status in {414, 431} or (
        exchange.status == 400 and ("too large" in body or "too long" in body)
    )


def _is_foreign_400(exchange: Exchange) -> bool:
    return isinstance(exchange, HttpAnswer) and exchange.status == 400 and not is_livekit(exchange)


# proxy-http-only-front


def _http_only(
    signal: SignalFact, server: ServerFact | None = None, url: UrlFact | None = None
) -> Iterator[Seen]:
    parsed = None if url is None else url.result
    cloud = isinstance(parsed, ParsedUrl) and parsed.host_kind is HostKind.CLOUD
    if cloud or not signalling_reached(signal):
        return
    found = next((c for headers in _all_headers(server, signal) if (c := carrier(headers))), None)
    if found is None:
        return
    name, header = found
    media = ", ".join(f"{c.protocol} {c.address}:{c.port}" for c in signal.candidates[:4])
    where = (Evidence("media must reach", one_line(media), None, "join"),) if media else ()
    yield Seen(
        (Evidence("header", header, "none: LiveKit sends none", "net"), *where),
        case="named",
        values={"service": name},
    )


def _all_headers(
    server: ServerFact | None, signal: SignalFact
) -> Iterator[tuple[tuple[str, str], ...]]:
    for asked in heard(server, signal):
        if isinstance(asked.exchange, HttpAnswer):
            yield asked.exchange.headers
    for attempt in signal.upgrades:
        if isinstance(attempt.result, Upgraded):
            yield attempt.result.headers


CHECKS: Final = ()


RULES: Final = (
    cause("proxy-upgrade-stripped", _stripped),
    cause("proxy-upstream-down", _upstream_down),
    cause("proxy-idle-timeout", _idle_cut),
    cause("proxy-path-rewrite", _path_rewritten),
    cause("proxy-double-cors", _double_cors),
    cause("proxy-v1-not-routed", _v1_not_routed),
    cause("proxy-access-gate", _gate),
    cause("proxy-url-too-long", _url_too_long),
    cause("proxy-http-only-front", _http_only),
)
