"""What stands between the client and LiveKit, and how it gets in the way."""

from collections.abc import Iterator
from typing import Final

from lkdoctor.facts import Facts
from lkdoctor.facts.server import HttpAnswer, ServerFact
from lkdoctor.facts.signal import (
    Held,
    Joined,
    SignalFact,
    UpgradeAttempt,
    Upgraded,
    UpgradeRefused,
    Validation,
    Whose,
)
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules.answers import (
    GATEWAY,
    Heard,
    evidence,
    heard,
    is_livekit,
    is_root_ok,
    lacks_websocket_header,
    of_validation,
    one_line,
    software,
    software_evidence,
    upgrade_label,
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


def _stripped(signal: SignalFact, server: ServerFact | None = None) -> Iterator[Judgement]:
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
    if held is None or not held.ended or held.ended.startswith("leave "):
        return
    idle = held.quiet_s >= _QUIET_S
    how = f"{held.ended} after {held.lasted_s:.1f} s"
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
            Evidence("session", one_line(held.detail, 100) or held.ended, None, "net"),
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
)
