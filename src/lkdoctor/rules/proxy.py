"""What stands between the client and LiveKit, and how it gets in the way."""

from collections.abc import Iterator
from typing import Final, cast

from lkdoctor.facts import Facts
from lkdoctor.facts.server import Elsewhere, Exchange, HttpAnswer, ServerFact
from lkdoctor.facts.signal import (
    SILENT,
    Held,
    Joined,
    SignalFact,
    UpgradeAttempt,
    Upgraded,
    UpgradeRefused,
    Validation,
    Whose,
)
from lkdoctor.facts.token import TokenFact
from lkdoctor.facts.url import HostKind, ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules.answers import (
    GATEWAY,
    V1_SINCE,
    Heard,
    carrier,
    evidence,
    fitting,
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
from lkdoctor.rules.base import Judgement, Rule
from lkdoctor.rules.examples import answer, healthy

# proxy-upgrade-stripped

_NGINX: Final = Snippet(
    "nginx",
    "location / {\n"
    "    proxy_pass http://127.0.0.1:7880;\n"
    "    proxy_http_version 1.1;\n"
    "    proxy_set_header Upgrade $http_upgrade;\n"
    '    proxy_set_header Connection "upgrade";\n'
    "    proxy_set_header Host $host;\n"
    "    proxy_read_timeout 1h;\n"
    "}",
)

_APACHE: Final = Snippet(
    "apache",
    "# a2enmod proxy proxy_http proxy_wstunnel (2.4.47 and later need no wstunnel)\n"
    "ProxyPass / http://127.0.0.1:7880/ upgrade=websocket\n"
    "ProxyPassReverse / http://127.0.0.1:7880/",
)

_CADDY: Final = Snippet("caddy", "rtc.example.com {\n    reverse_proxy 127.0.0.1:7880\n}")

_EVERY_HOP: Final = FixStep(
    "Do the same on every proxy on the way; one that drops the headers is enough. Load balancers "
    "need an HTTP/1.1 or WebSocket target, API gateways a WebSocket route, Cloudflare its WebSockets "
    "switch."
)

_TEST_AGAIN: Final = FixStep("Test it again:", command="lkdoctor ws-probe")


def _stripped(
    signal: SignalFact, server: ServerFact | None = None, url: UrlFact | None = None
) -> Iterator[Judgement]:
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
    yield Judgement(
        (*proof, evidence(asked, "101 or 401"), *software_evidence(reply)),
        confidence=None if _says_so(reply) else Confidence.LIKELY,
        fix=(_snippet_for(reply), _EVERY_HOP, _TEST_AGAIN),
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


def _snippet_for(reply: HttpAnswer) -> FixStep:
    name = (software(reply) or "").lower()
    if "apache" in name:
        return FixStep("In Apache httpd, pass the upgrade on:", snippet=_APACHE)
    if "caddy" in name:
        return FixStep("Caddy passes it on by itself; a plain block is enough:", snippet=_CADDY)
    where = "In nginx" if "nginx" in name or "openresty" in name else "In the proxy (here: nginx)"
    return FixStep(f"{where}, speak HTTP/1.1 and pass the upgrade on:", snippet=_NGINX)


# proxy-upstream-down


def _upstream_down(server: ServerFact, signal: SignalFact | None = None) -> Iterator[Judgement]:
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
    yield Judgement(
        (*(evidence(asked, "an answer of LiveKit's") for asked, _ in down), *named),
        title=f"The proxy answers, LiveKit behind it does not ({first.status})",
        cause=f"{GATEWAY[first.status][0].upper()}{GATEWAY[first.status][1:]}. {_DOWN}",
        confidence=None if named else Confidence.LIKELY,
    )


# proxy-idle-timeout


_QUIET_S: Final = 1.0
"""Less than this after a message the connection was not idle."""


def _idle_cut(signal: SignalFact) -> Iterator[Judgement]:
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
    yield Judgement(
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
        title=f"An idle session is cut after {held.quiet_s:.0f} s"
        if idle
        else f"An open session is cut after {held.lasted_s:.0f} s",
        cause=None if idle else _CUT_WHILE_BUSY,
    )


_CUT_WHILE_BUSY: Final = (
    "The session ends although something was said on it a moment ago: a proxy or load balancer gives a "
    "connection so long and no longer, or restarts, or the server itself has ended."
)


_DOWN: Final = (
    "livekit-server is not running, or the proxy looks for it in the wrong place: another port, "
    "another Docker network (localhost inside the proxy's container is that container), or https "
    "where LiveKit speaks plain HTTP."
)


# proxy-path-rewrite


def _path_rewritten(
    server: ServerFact, signal: SignalFact, url: UrlFact | None = None
) -> Iterator[Judgement]:
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
        yield Judgement(
            (*shown, proof),
            title=fitting(f"The proxy does not take {prefix} off the path"),
            fix=(*_strip(prefix), _TEST_AGAIN),
        )
    else:
        yield Judgement((*shown, proof))


def _strip(prefix: str) -> tuple[FixStep, ...]:
    path = prefix if is_pasteable(prefix) else "/livekit"
    return (
        FixStep(
            "In nginx, end both with a slash: what location matches is then replaced.",
            snippet=Snippet(
                "nginx",
                f"location {path}/ {{\n    proxy_pass http://127.0.0.1:7880/;\n    proxy_http_version 1.1;\n"
                "    proxy_set_header Upgrade $http_upgrade;\n"
                '    proxy_set_header Connection "upgrade";\n}',
            ),
        ),
        FixStep(
            "In Caddy, handle_path strips what it matches (handle does not):",
            snippet=Snippet(
                "caddy", f"handle_path {path}/* {{\n    reverse_proxy 127.0.0.1:7880\n}}"
            ),
        ),
        FixStep("Traefik needs the StripPrefix middleware, ingress-nginx a rewrite-target of /$2."),
    )


# proxy-double-cors


def _double_cors(signal: SignalFact) -> Iterator[Judgement]:
    for asked in signal.as_browser:
        if not isinstance(asked.answer, HttpAnswer) or not is_livekit(asked.answer):
            continue
        origins = [v for name, v in asked.answer.headers if name == _ALLOW_ORIGIN]
        values = [value.strip() for origin in origins for value in origin.split(",")]
        if len(values) == 1:
            continue
        observed = " and ".join(one_line(value, 60) for value in values[:4]) or "none"
        yield Judgement(
            (
                evidence(_of_browser(asked)),
                Evidence("Access-Control-Allow-Origin", observed, "* and no other", "net"),
            ),
            title=None if values else "The proxy takes LiveKit's CORS header away",
        )
        return


_ALLOW_ORIGIN: Final = "access-control-allow-origin"


# proxy-v1-not-routed


def _v1_not_routed(signal: SignalFact) -> Iterator[Judgement]:
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
    yield Judgement(
        (shown, *software_evidence(reply), *known),
        severity=None if falls_back else Severity.ERROR,
        cause=None if falls_back else f"{_V1_CAUSE} They do so only after a 404, and this is none.",
    )


_NOT_THERE: Final = frozenset({200, 204, 400, 404, 405, 410, 501})

_V1_CAUSE: Final = (
    "livekit-client from 2.17 on asks for /rtc/v1 first and goes back to /rtc where that is not there; "
    "2.18.1 to 2.18.3 did so badly. The proxy passes /rtc on, but not what is under it."
)


# proxy-access-gate


def _gate(server: ServerFact, signal: SignalFact | None = None) -> Iterator[Judgement]:
    browser = () if signal is None else signal.as_browser
    asked = [*heard(None, signal), *map(_of_browser, browser)]
    if not signalling_reached(signal):
        asked.insert(0, Heard("GET /", server.root))
    gates = [one for one in asked if _is_gate(one) or leads_to_login(one)]
    if not gates:
        return
    first = gates[0].exchange
    named = software_evidence(first) if isinstance(first, HttpAnswer) else ()
    yield Judgement(
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


def _url_too_long(signal: SignalFact, token: TokenFact | None = None) -> Iterator[Judgement]:
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
    yield Judgement(
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
) -> Iterator[Judgement]:
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
    yield Judgement(
        (Evidence("header", header, "none: LiveKit sends none", "net"), *where),
        title=fitting(f"In front is {name}, which carries no media"),
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


def _upgrade_dropped() -> Facts:
    success = Validation(Whose.MINTED, "/rtc/validate", answer(200, "success"))
    plain = UpgradeRefused(answer(404, "", server="nginx"))
    return healthy()._replace(
        signal=SignalFact(
            validations=(success,), upgrades=(UpgradeAttempt(Whose.MINTED, "/rtc", plain),)
        )
    )


def _held(held: Held) -> Facts:
    """A healthy session that was kept open."""
    facts = healthy()
    return facts._replace(signal=facts.signal._replace(held=held) if facts.signal else None)


def _no_token() -> Facts:
    """Without a token LiveKit answers both in its own words: the upgrade gets through."""
    own = answer(401, "no permissions to access the room")
    return healthy()._replace(
        signal=SignalFact(
            validations=(Validation(Whose.NONE, "/rtc/validate", own),),
            upgrades=(UpgradeAttempt(Whose.NONE, "/rtc", UpgradeRefused(own)),),
        )
    )


def _down() -> Facts:
    gateway = answer(502, "<html><title>502 Bad Gateway</title></html>", server="nginx/1.24.0")
    return healthy()._replace(
        server=ServerFact(gateway),
        signal=SignalFact(validations=(Validation(Whose.MINTED, "/rtc/validate", gateway),)),
        api=None,
        clock=None,
    )


def _prefix_kept() -> Facts:
    missing = answer(404, r"404 page not found\x0a", content_type="text/plain; charset=utf-8")
    own = answer(401, "invalid authorization token")
    facts = healthy()
    url = cast("UrlFact", facts.url)
    url = url._replace(
        raw="wss://rtc.example.com/livekit",
        result=cast("ParsedUrl", url.result)._replace(path="/livekit"),
    )
    elsewhere = (Elsewhere("/livekit", missing), Elsewhere("", answer(404, "shop", server="nginx")))
    return facts._replace(
        url=url,
        server=ServerFact(missing, elsewhere=elsewhere, bad_token=own),
        signal=SignalFact(
            validations=(Validation(Whose.MINTED, "/rtc/validate", missing),),
            upgrades=(UpgradeAttempt(Whose.MINTED, "/rtc", UpgradeRefused(missing)),),
        ),
        api=None,
        clock=None,
    )


def _prefix_taken_off() -> Facts:
    return healthy()._replace(url=_prefix_kept().url)


_SUCCESS: Final = Validation(
    Whose.MINTED, "/rtc/validate", answer(200, "success", access_control_allow_origin="*")
)


def _from_a_page(
    *origins: str,
    path: str = "/rtc/validate",
    reply: HttpAnswer | None = None,
    before: tuple[Validation, ...] = (),
) -> Facts:
    """Healthy, and asked once more as a browser asks."""
    said = reply or answer(200, "success")
    headers = tuple((_ALLOW_ORIGIN, origin) for origin in origins)
    asked = Validation(Whose.MINTED, path, said._replace(headers=(*said.headers, *headers)))
    facts = healthy()
    signal = cast("SignalFact", facts.signal)
    return facts._replace(signal=signal._replace(as_browser=(*before, asked)))


def _v1_is_the_proxys() -> Facts:
    reply = answer(404, "<html>404</html>", server="nginx", content_type="text/html")
    return _from_a_page(path="/rtc/v1/validate", reply=reply, before=(_SUCCESS,))


def _v1_is_livekits() -> Facts:
    own = answer(400, "join_request is required")
    return _from_a_page("*", path="/rtc/v1/validate", reply=own, before=(_SUCCESS,))


def _gated() -> Facts:
    page = answer(
        401,
        "<html>Authorization Required</html>",
        www_authenticate='Basic realm="x"',
        server="nginx",
    )
    return healthy()._replace(
        server=ServerFact(page),
        signal=SignalFact(
            validations=(Validation(Whose.MINTED, "/rtc/validate", page),),
            upgrades=(UpgradeAttempt(Whose.MINTED, "/rtc", UpgradeRefused(page)),),
        ),
        api=None,
        clock=None,
    )


def _token_too_long() -> Facts:
    return _from_a_page(reply=answer(414, "<html>414 Request-URI Too Large</html>", server="nginx"))


def _behind_cloudflare() -> Facts:
    root = answer(200, "OK", cf_ray="8f1c2d3e4f5a6b7c-FRA", server="cloudflare")
    return healthy()._replace(server=ServerFact(root))


RULES: Final = (
    Rule(
        code="proxy-upgrade-stripped",
        check="signal.upgrade",
        layer=Layer.PROXY,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="A proxy in front of LiveKit drops the WebSocket upgrade",
        symptoms=(
            "could not establish signal connection",
            "Encountered unknown websocket error during connection",
            "Encountered websocket error during connection establishment",
            "Unexpected server response: 404",
            "Insufficient capacity",
        ),
        cause="The proxy passes the request on, but as a plain GET without its Upgrade header (nginx "
        "does so unless told otherwise; so do proxies that speak HTTP/1.0 and many gateways). LiveKit "
        "answers such a GET with 404 and an empty body, which SDKs report only as a failed connection.",
        how="/rtc/validate is answered by LiveKit, but the upgrade of /rtc gets what LiveKit says to a "
        "plain GET (404 with an empty body), or 400, 405 or 426 from the proxy.",
        fix=(
            FixStep(
                "In the proxy (here: nginx), speak HTTP/1.1 and pass the upgrade on:",
                snippet=_NGINX,
            ),
            _EVERY_HOP,
            _TEST_AGAIN,
        ),
        source="RFC 6455 §4.1, RFC 9110 §7.8, livekit-server pkg/service/rtcservice.go, livekit/livekit#1546, livekit/livekit#79",
        judge=_stripped,
        sick=_upgrade_dropped,
        healthy=_no_token,
        explains=("signal-refused",),
        related=("url-path", "signal-refused"),
    ),
    Rule(
        code="proxy-upstream-down",
        check="http.root",
        layer=Layer.PROXY,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The proxy answers, LiveKit behind it does not",
        symptoms=(
            "Server responded with 502 on the validate path",
            "could not establish signal connection: Failed to fetch",
            "Unexpected server response: 502",
            "server error: 502",
            "Error from intermediary with HTTP status code 502",
        ),
        cause=_DOWN,
        how="GET / or validate is answered 502, 503, 504 or 52x, which a proxy says of its upstream and "
        "LiveKit never.",
        fix=(
            FixStep(
                "See whether LiveKit runs, and what it said last:",
                command="docker compose ps; docker compose logs --tail 50 livekit || journalctl -u livekit-server -n 50",
            ),
            FixStep(
                "Ask it from where the proxy runs; it must say OK:",
                command="docker compose exec caddy wget -qO- http://livekit:7880/ || curl -si http://127.0.0.1:7880/",
            ),
            FixStep(
                "Point the proxy at that address, in plain http:",
                snippet=Snippet("caddy", "rtc.example.com {\n    reverse_proxy livekit:7880\n}"),
            ),
            FixStep(
                "Read the proxy's own reason:",
                command="docker compose logs --tail 50 caddy || sudo tail -50 /var/log/nginx/error.log",
            ),
        ),
        source="RFC 9110 §15.6, bekriebel/fvtt-module-avclient-livekit#106",
        judge=_upstream_down,
        sick=_down,
        healthy=healthy,
        explains=(
            "url-not-livekit",
            "server-refused",
            "signal-refused",
            "signal-timeout",
            "signal-slow",
            "signal-closed-early",
            "api-not-routed",
            "api-refused",
            "api-unavailable",
            "api-no-answer",
        ),
        related=("tcp-refused", "server-not-ready"),
    ),
    Rule(
        code="proxy-idle-timeout",
        check="signal.ping",
        layer=Layer.PROXY,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="Something on the way cuts idle sessions",
        symptoms=(
            "the call reconnects every minute or so",
            "Websocket got closed during a (re)connection attempt",
            "ping timeout triggered. last pong received at",
        ),
        cause="The session was open and well, and was cut while nothing was said for a moment. LiveKit says good-"
        "bye before it ends a session; a proxy, load balancer or firewall does not. Its time for silent "
        "connections is shorter than the pause between a client's pings.",
        how="With --hold the session stays open with the pings that a client sends; it ends before its time, "
        "without a leave request.",
        fix=(
            FixStep(
                "Give WebSockets an hour, in nginx:",
                snippet=Snippet("nginx", "proxy_read_timeout 3600s;\nproxy_send_timeout 3600s;"),
            ),
            FixStep(
                "On other fronts it is called: timeout tunnel (haproxy), idle timeout (AWS, Azure and Google load "
                "balancers), respondingTimeouts (Traefik)."
            ),
            FixStep("Measure again:", command="lkdoctor ws-probe --hold 60"),
        ),
        source="nginx proxy_read_timeout, livekit-server pkg/service/wsprotocol.go (pings every 10 s); measured "
        "with nginx in front of livekit-server 1.13.5",
        judge=_idle_cut,
        sick=lambda: _held(
            Held(60.0, 2.1, "dropped", "the connection ended without a close frame", None, 2.0)
        ),
        healthy=lambda: _held(Held(60.0, 60.0, pings=11)),
        related=("signal-no-pong", "signal-dropped-after-upgrade"),
    ),
    Rule(
        code="proxy-path-rewrite",
        check="signal.validate",
        layer=Layer.PROXY,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The proxy leads to LiveKit, but changes the path",
        symptoms=(
            "v1 RTC path not found. Consider upgrading your LiveKit server version",
            "could not establish signal connection: 404 page not found",
            "Unexpected server response: 404",
        ),
        cause="The request reaches LiveKit, but not as /rtc: the proxy leaves a prefix on the path that it "
        "should take off, or takes /rtc itself off (in nginx a slash behind proxy_pass does that).",
        how="No signalling path is answered in LiveKit's words, but a token that is none is refused in "
        "them: LiveKit looks at the token before it looks at the path.",
        fix=(
            FixStep(
                "Pass the whole host on, and nothing behind the port in proxy_pass:",
                snippet=_NGINX,
            ),
            FixStep("If LiveKit sits under a prefix, strip exactly that; the URL has it, too."),
            _TEST_AGAIN,
        ),
        source="livekit-server pkg/service/auth.go, nginx ngx_http_proxy_module (proxy_pass), element-hq/element-call#3710",
        judge=_path_rewritten,
        sick=_prefix_kept,
        healthy=_prefix_taken_off,
        explains=(
            "url-not-livekit",
            "proxy-upgrade-stripped",
            "server-refused",
            "signal-refused",
            "signal-handshake-invalid",
            "api-not-routed",
            "api-refused",
        ),
        related=("url-path", "api-not-routed"),
    ),
    Rule(
        code="proxy-double-cors",
        check="signal.validate",
        layer=Layer.PROXY,
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN,
        title="The proxy adds a CORS header to LiveKit's own",
        symptoms=(
            "could not establish signal connection: Failed to fetch",
            "has been blocked by CORS policy",
            "The 'Access-Control-Allow-Origin' header contains multiple values",
        ),
        cause="A page may connect all the same, as WebSockets know no CORS. But when a connection fails, "
        "livekit-client asks /rtc/validate for the reason, and the browser keeps the answer from it: LiveKit "
        "sends Access-Control-Allow-Origin: * there, and with a second value, or none, it does not count. "
        "Every refusal then reads Failed to fetch.",
        how="/rtc/validate is asked with an Origin, as a page does; LiveKit's answer comes with two values of "
        "Access-Control-Allow-Origin, or with none.",
        fix=(
            FixStep(
                "LiveKit answers CORS itself. Take the proxy's own out; in nginx:",
                snippet=Snippet(
                    "nginx", "# add_header Access-Control-Allow-Origin …;   remove this line"
                ),
            ),
            FixStep(
                "See that one is left:",
                command="curl -si -H 'Origin: https://app.example.com' https://rtc.example.com/rtc/validate",
            ),
        ),
        source="Fetch standard §3.3 (CORS check), livekit-server pkg/service/rtcservice.go, livekit/livekit#1192",
        judge=_double_cors,
        sick=lambda: _from_a_page("*", "https://app.example.com"),
        healthy=lambda: _from_a_page("*"),
    ),
    Rule(
        code="proxy-v1-not-routed",
        check="signal.validate",
        layer=Layer.PROXY,
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN,
        title="The proxy passes /rtc on, but not /rtc/v1",
        symptoms=(
            "v1 RTC path not found. Consider upgrading your LiveKit server version",
            "Initial connection failed with ConnectionError: v1 RTC path not found",
            "NegotiationError: negotiation timed out",
        ),
        cause=f"{_V1_CAUSE} Every join then takes a failed attempt first.",
        how="/rtc is answered by LiveKit, /rtc/v1/validate by something else (a LiveKit older than 1.9.10 "
        "says 404 page not found there, which is no fault).",
        fix=(
            FixStep(
                "Route by the beginning of the path, not by the whole of it:",
                snippet=Snippet(
                    "nginx",
                    "location /rtc {     # not: location = /rtc\n    proxy_pass http://127.0.0.1:7880;\n    …\n}",
                ),
            ),
            FixStep("Test it:", command="lkdoctor ws-probe --path rtc/v1"),
        ),
        source="livekit-server 1.9.10 pkg/service/rtcservice.go, client-sdk-js 2.17.0, livekit/client-sdk-js#1785",
        judge=_v1_not_routed,
        sick=_v1_is_the_proxys,
        healthy=_v1_is_livekits,
        related=("api-not-routed",),
    ),
    Rule(
        code="proxy-access-gate",
        check="http.root",
        layer=Layer.PROXY,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="Something in front of LiveKit wants a log-in",
        symptoms=(
            "could not establish signal connection",
            "Unexpected server response: 401",
            "Unexpected server response: 403",
            "Unexpected server response: 302",
        ),
        cause="The answer is a log-in's (a page, a WWW-Authenticate header, a way to a log-in page), not "
        "LiveKit's, whose refusals are short texts: Cloudflare Access, basic auth, an IP list, a bot rule. "
        "The token was not even looked at. A browser that has logged in gets through, agents and apps do not.",
        how="A signalling path (or GET /) is answered 401, 403 or 407 with WWW-Authenticate or a web page, or "
        "redirects to a log-in page.",
        fix=(
            FixStep(
                "LiveKit checks every token itself: let the access rule pass /rtc, /twirp and /agent. In nginx:",
                snippet=Snippet(
                    "nginx",
                    "location ~ ^/(rtc|twirp|agent) {\n    auth_basic off;\n    proxy_pass http://127.0.0.1:7880;\n    …\n}",
                ),
            ),
            FixStep(
                "Test from outside; LiveKit says no permissions to access the room:",
                command="curl -si https://rtc.example.com/rtc/validate",
            ),
        ),
        source="RFC 9110 §11.6.1, livekit-server pkg/service/auth.go, jitsi/jitsi-meet#5667",
        judge=_gate,
        sick=_gated,
        healthy=_no_token,
        explains=(
            "url-redirect",
            "url-not-livekit",
            "proxy-upgrade-stripped",
            "proxy-v1-not-routed",
            "server-refused",
            "signal-refused",
            "api-not-routed",
            "api-refused",
        ),
        related=("url-redirect", "server-refused"),
    ),
    Rule(
        code="proxy-url-too-long",
        check="signal.validate",
        layer=Layer.PROXY,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The token makes the request too long for the proxy",
        symptoms=(
            "could not establish signal connection",
            "414 Request-URI Too Large",
            "431 Request Header Fields Too Large",
            "400 Request Header Or Cookie Too Large",
        ),
        cause="Browsers send the token in the URL, other clients in a header, and /rtc/v1 adds the client's "
        "offer. The proxy's limit (4 to 8 KB in many) is below that: large metadata, attributes or room "
        "configuration make a long token, so it hits some users and not others.",
        how="Asked with the token in the query or in the header, validate is answered 414, 431 or 400 by "
        "something that is not LiveKit.",
        fix=(
            FixStep("Keep large values out of the token; let the app fetch them by an id."),
            FixStep(
                "Raise the proxy's limit; in nginx, beside server_name:",
                snippet=Snippet("nginx", "large_client_header_buffers 4 32k;"),
            ),
            FixStep(
                "In haproxy, in the global section:",
                snippet=Snippet("haproxy", "tune.bufsize 65536"),
            ),
        ),
        source="RFC 9110 §15.5.15, RFC 6585 §5, nginx large_client_header_buffers, client-sdk-js src/api/utils.ts",
        judge=_url_too_long,
        sick=_token_too_long,
        healthy=lambda: _from_a_page("*"),
        explains=("signal-refused", "api-refused"),
        related=("token-limits",),
    ),
    Rule(
        code="proxy-http-only-front",
        check="http.root",
        layer=Layer.PROXY,
        severity=Severity.INFO,
        confidence=Confidence.HINT,
        title="What is in front carries HTTP, but no media",
        symptoms=(
            "could not establish pc connection",
            "could not connect PeerConnection after timeout",
            "engine: connection error: wait_pc_connection timed out",
        ),
        cause="Signalling goes through a service that carries HTTP only (a CDN, a tunnel, a load balancer). "
        "That is fine, but media needs a way of its own: UDP or TCP to the node itself, at the address that "
        "the node announces, or TURN over TLS under a name that does not go through this service.",
        how="An answer has a header that only such a service adds (cf-ray, x-amz-cf-id, ngrok-agent-ips, Via …).",
        fix=(
            FixStep(
                "See that the addresses under “media must reach” are the node's own, and open: 7881/tcp and its UDP "
                "port or range."
            ),
            FixStep(
                "For TURN and media use a name whose DNS record is not proxied (in Cloudflare: DNS only)."
            ),
        ),
        source="livekit/livekit#2107, livekit/livekit#2666, docs.livekit.io self-hosting (ports and firewall)",
        judge=_http_only,
        sick=_behind_cloudflare,
        healthy=healthy,
    ),
)
