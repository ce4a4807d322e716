"""What answers plain HTTP requests: LiveKit, something else, or something that misbehaves."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from lkdoctor.facts import Facts
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, ServerFact, Silence
from lkdoctor.facts.signal import SignalFact, Validation, Whose
from lkdoctor.facts.url import ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules.answers import (
    GATEWAY,
    Heard,
    duration,
    evidence,
    fitting,
    heard,
    is_gate,
    is_html,
    is_pasteable,
    is_root_ok,
    is_under_the_url,
    lacks_websocket_header,
    leads_to_login,
    one_line,
    said,
    signalling_reached,
    software_evidence,
)
from lkdoctor.rules.base import Check, Effect, Judge, Judgement, Rule, Unsure
from lkdoctor.rules.examples import answer, healthy, no_answer

_GENERIC: Final = "could not establish signal connection"

_SIGNALLING_PATHS: Final = ("/rtc/v1/validate", "/rtc/validate", "/rtc/v1", "/rtc", "/", "")
"""What is asked for behind the URL's own path; the longest first."""

_WEB_HOSTS: Final = ("cloud.livekit.io", "livekit.io", "www.livekit.io", "meet.livekit.io")
"""LiveKit's own sites, which are often pasted in place of the project's address."""


def _host(url: UrlFact | None) -> str | None:
    return url.result.host if url is not None and isinstance(url.result, ParsedUrl) else None


# url-redirect


class _Redirect(NamedTuple):
    asked: Heard
    location: str


def _redirects(server: ServerFact | None, signal: SignalFact | None) -> Iterator[_Redirect]:
    # A redirect of / alone is a landing page, and no client asks for it.
    only_signalling = bool(signalling_reached(signal))
    for asked in heard(None if only_signalling else server, signal):
        if leads_to_login(asked):
            continue  # proxy-access-gate
        if isinstance(asked.exchange, HttpAnswer) and 300 <= asked.exchange.status < 400:
            location = asked.exchange.header("location")
            if location:
                yield _Redirect(asked, location)


def _redirected(
    url: UrlFact, server: ServerFact | None = None, signal: SignalFact | None = None
) -> Iterator[Judgement]:
    redirects = tuple(_redirects(server, signal))
    if not redirects or not isinstance(url.result, ParsedUrl):
        return
    proof = tuple(evidence(redirect.asked, "an answer of LiveKit's") for redirect in redirects)
    right = next((r for redirect in redirects if (r := _moved_to(url.result, redirect))), None)
    if right is None:
        yield Judgement(proof, confidence=Confidence.LIKELY)
        return
    yield Judgement(
        (*proof, Evidence("URL as written", one_line(url.raw), right, "env")),
        title=fitting(f"The URL redirects; the right one is {right}"),
        fix=(
            FixStep(
                "Use the address that the redirect leads to, everywhere:",
                snippet=Snippet("dotenv", f"LIVEKIT_URL={right}"),
            ),
            FixStep("Test it:", command=f"lkdoctor ws-probe --url {right}"),
        ),
    )


def _moved_to(url: ParsedUrl, redirect: _Redirect) -> str | None:
    """The URL that clients should have, where the redirect keeps the path that was asked for."""
    scheme, separator, rest = redirect.location.partition("://")
    secure = {"https": "wss", "wss": "wss", "http": "ws", "ws": "ws"}.get(scheme.lower())
    if not separator or secure is None:
        return None
    netloc, slash, tail = rest.partition("/")
    path = f"{slash}{tail.partition('?')[0].partition('#')[0]}" or "/"
    if not netloc or not is_pasteable(netloc + path):
        return None
    suffix = next(p for p in _SIGNALLING_PATHS if redirect.asked.path.endswith(p))
    # A landing or log-in page has a path of its own; a move keeps what was asked for.
    if not path.endswith(suffix):
        return None
    right = _spelt(secure, netloc.lower(), path.removesuffix(suffix))
    own = _spelt("wss" if url.secure else "ws", _netloc(url), url.path)
    return None if right == own else right


def _netloc(url: ParsedUrl) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{host}:{url.port}"


def _spelt(scheme: str, netloc: str, path: str) -> str:
    default = ":443" if scheme == "wss" else ":80"
    return f"{scheme}://{netloc.removesuffix(default)}{path}"


# url-not-livekit


def _not_livekit(
    server: ServerFact, signal: SignalFact | None = None, url: UrlFact | None = None
) -> Iterator[Judgement]:
    root = server.root
    if not isinstance(root, HttpAnswer) or signalling_reached(signal):
        return
    if is_root_ok(root):
        yield from _ok_to_everything(root, signal)
        return
    if _says_something_else(root) or is_under_the_url(server, url):
        return
    proof = [evidence(Heard("GET /", root), "200 OK: OK")]
    proof += [evidence(h) for h in heard(None, signal) if isinstance(h.exchange, HttpAnswer)][:3]
    host = _host(url)
    page = root.status == 200 and is_html(root)
    if host in _WEB_HOSTS:
        yield Judgement(
            (*proof, Evidence("host", host, "PROJECT.livekit.cloud", "env")),
            title=f"{host} is LiveKit's website, not your server",
            fix=(
                FixStep(
                    "Copy the project's own address from its settings:",
                    snippet=Snippet("dotenv", "LIVEKIT_URL=wss://PROJECT.livekit.cloud"),
                ),
            ),
        )
    elif page or signalling_reached(signal) is False:
        yield Judgement((*proof, *software_evidence(root)))
    else:
        yield Judgement((*proof, *software_evidence(root)), confidence=Confidence.LIKELY)


def _ok_to_everything(root: HttpAnswer, signal: SignalFact | None) -> Iterator[Judgement]:
    """A health check or a stub that says OK whatever it is asked; LiveKit's validate does not."""
    asked = [h for h in heard(None, signal) if isinstance(h.exchange, HttpAnswer)]
    if asked and all(is_root_ok(h.exchange) for h in asked):
        proof = (evidence(h, "success, 101 or LiveKit's own refusal") for h in asked[:3])
        yield Judgement(
            (evidence(Heard("GET /", root)), *proof, *software_evidence(root)),
            title="What answers says OK to everything: it is not LiveKit",
        )


def _says_something_else(root: HttpAnswer) -> bool:
    """Whether an answer to ``GET /`` is another rule's: a redirect, a gate, a fault, a refusal."""
    return (
        300 <= root.status < 400
        or root.status in {401, 403, 406, 407, 429}
        or root.status >= 500
        or _is_tls_port(root)
        or lacks_websocket_header(root)
    )


def _is_tls_port(root: HttpAnswer) -> bool:
    body = root.body.lower()
    return root.status == 400 and ("https" in body or "ssl-enabled" in body)


# server-not-ready, server-refused


def _not_ready(server: ServerFact) -> Iterator[Judgement]:
    root = server.root
    # Web application firewalls say 406 too, with a page of theirs.
    if isinstance(root, HttpAnswer) and root.status == 406 and not is_html(root):
        own = root.body.lstrip().startswith("Not Ready")
        yield Judgement(
            (evidence(Heard("GET /", root), "200 OK: OK"),),
            confidence=None if own else Confidence.LIKELY,
        )


def _refused(server: ServerFact, signal: SignalFact | None = None) -> Iterator[Judgement]:
    root = server.root
    if not isinstance(root, HttpAnswer) or signalling_reached(signal) is not None:
        return  # what the signalling path said weighs more, whatever it was
    if is_gate(root):
        return  # proxy-access-gate
    page = root.status == 406 and is_html(root)
    if (
        root.status in {401, 403, 407}
        or page
        or (root.status >= 500 and root.status not in GATEWAY)
    ):
        yield Judgement(
            (evidence(Heard("GET /", root), "200 OK: OK"), *software_evidence(root)),
            title=f"GET / is answered {root.status}, which LiveKit never says",
        )


# http-*: how the peer can fail to give an answer at all


def _silent(*problems: Silence) -> Judge:
    def judge(server: ServerFact, signal: SignalFact | None = None) -> Iterator[Judgement]:
        root = server.root
        if signalling_reached(signal):
            return  # a proxy may well drop what no client asks for
        if isinstance(root, NoAnswer) and root.problem in problems:
            yield Judgement((evidence(Heard("GET /", root), "200 OK: OK"),))

    return judge


def _look(server: ServerFact, signal: SignalFact | None = None) -> str | Unsure:
    root = server.root
    if is_root_ok(root):
        return f"GET / answers OK, {duration(root.took_ms)}"
    if signalling_reached(signal):
        other = "another site's" if isinstance(root, HttpAnswer) else "not answered"
        return f"GET / is {other}, /rtc is LiveKit's"
    return Unsure(fitting(f"GET /: {said(root)}") or "GET / is not answered as by LiveKit")


CHECKS: Final = (
    Check(
        id="http.root",
        layer=Layer.SERVER,
        title="LiveKit answers plain HTTP",
        look=_look,
        needs=("net.tcp", "tls.handshake"),
        effect=Effect.NETWORK,
    ),
)


def _root(exchange: Exchange) -> Facts:
    """A run that saw only this."""
    fine = healthy()
    return fine._replace(server=ServerFact(exchange), signal=None, api=None, clock=None)


_PAGE: Final = "<!doctype html><html><head><title>Example shop</title></head><body>…</body></html>"


def _web_page(status: int = 200) -> HttpAnswer:
    return answer(status, _PAGE, content_type="text/html; charset=utf-8", server="nginx")


def _sick_redirect() -> Facts:
    moved = answer(301, "", location="https://www.rtc.example.com/")
    validate = answer(301, "", location="https://www.rtc.example.com/rtc/validate")
    signal = SignalFact(validations=(Validation(Whose.MINTED, "/rtc/validate", validate),))
    return _root(moved)._replace(signal=signal)


def _sick_not_livekit() -> Facts:
    signal = SignalFact(validations=(Validation(Whose.NONE, "/rtc/validate", _web_page(404)),))
    return _root(_web_page())._replace(signal=signal)


def _shared_host() -> Facts:
    """``/`` is the app's own site, ``/rtc`` LiveKit's: nothing is wrong with that."""
    return healthy()._replace(server=ServerFact(_web_page()))


def _landing_page() -> Facts:
    redirect = answer(302, "", location="https://www.example.com/welcome")
    return healthy()._replace(server=ServerFact(redirect))


def _sick_not_ready() -> Facts:
    return _root(answer(406, "Not Ready\\x0aNode Updated At 2026-09-21 13:33:10"))


def _sick_refused() -> Facts:
    return _root(answer(403, "Your address is not on the list", server="haproxy"))


_READ_PROXY_LOG: Final = FixStep(
    "On the server, look at the log of the proxy and of LiveKit at this moment:",
    command="docker compose logs --since 5m; journalctl -u livekit-server --since -5m",
)

_ASK_LOCALLY: Final = FixStep(
    "Ask LiveKit on its own host, past every proxy; it must say OK:",
    command="curl -si http://127.0.0.1:7880/",
)

_CONSEQUENCES: Final = (
    "server-refused",
    "signal-refused",
    "signal-timeout",
    "signal-slow",
    "signal-closed-early",
    "signal-handshake-invalid",
    "proxy-upgrade-stripped",
    "api-not-routed",
    "api-refused",
    "api-unavailable",
    "api-no-answer",
)


def _wire_rule(
    code: str,
    problems: tuple[Silence, ...],
    title: str,
    *,
    symptoms: tuple[str, ...],
    cause: str,
    how: str,
    fix: tuple[FixStep, ...],
    source: str,
    example: NoAnswer,
    confidence: Confidence = Confidence.LIKELY,
) -> Rule:
    return Rule(
        code=code,
        check="http.root",
        layer=Layer.SERVER,
        severity=Severity.ERROR,
        confidence=confidence,
        title=title,
        symptoms=symptoms,
        cause=cause,
        how=how,
        fix=fix,
        source=source,
        judge=_silent(*problems),
        sick=lambda: _root(example),
        healthy=healthy,
        explains=_CONSEQUENCES,
        related=("url-wrong-port", "proxy-upstream-down"),
    )


RULES: Final = (
    Rule(
        code="url-redirect",
        check="http.root",
        layer=Layer.SERVER,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The URL redirects, and WebSockets do not follow",
        symptoms=(
            _GENERIC,
            'bad_route: unsupported method "GET" (only POST is allowed)',
            "unexpected HTTP status code 308",
        ),
        cause="The address answers with a redirect to another one (http to https, with or without www, "
        "a new name). Browsers follow no redirect of a WebSocket, and for API calls a 301 or 302 turns "
        "the POST into a GET, which LiveKit refuses.",
        how="GET /, validate or the upgrade is answered 3xx with a Location, and no answer is LiveKit's.",
        fix=(
            FixStep(
                "Use the final address, with wss://, in every place that names the server.",
                command="curl -sIL https://rtc.example.com/ | grep -i ^location",
            ),
        ),
        source="RFC 6455 §4.1, RFC 9110 §15.4, livekit/python-sdks#248, livekit-examples/kitt#11",
        judge=_redirected,
        sick=_sick_redirect,
        healthy=_landing_page,
        explains=("url-not-livekit", *_CONSEQUENCES),
        related=("url-not-livekit",),
    ),
    Rule(
        code="url-not-livekit",
        check="http.root",
        layer=Layer.SERVER,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="What answers at this URL is not LiveKit",
        symptoms=(
            _GENERIC,
            "v1 RTC path not found. Consider upgrading your LiveKit server version",
            "Unexpected server response: 200",
            "Unexpected server response: 404",
        ),
        cause="The URL leads to something else: the web app itself, a dashboard, a token server, another "
        "product's page, or LiveKit sits under a path that the URL lacks.",
        how="GET / is answered by something other than LiveKit's plain OK, and no signalling path "
        "answers in LiveKit's words.",
        fix=(
            FixStep(
                "Take the WebSocket URL of the LiveKit server itself, not the app's or the token server's:",
                snippet=Snippet("dotenv", "LIVEKIT_URL=wss://rtc.example.com"),
            ),
            FixStep(
                "If LiveKit sits under a path, the URL has everything in front of /rtc:",
                snippet=Snippet("dotenv", "LIVEKIT_URL=wss://example.com/livekit"),
            ),
            FixStep(
                "If it should be here, let the proxy pass the whole host on:",
                snippet=Snippet("caddy", "rtc.example.com {\n    reverse_proxy 127.0.0.1:7880\n}"),
            ),
        ),
        source="livekit-server pkg/service/server.go (healthCheck), livekit/livekit#79, element-hq/element-call#3257",
        judge=_not_livekit,
        sick=_sick_not_livekit,
        healthy=_shared_host,
        explains=_CONSEQUENCES,
        related=("url-path", "url-redirect"),
    ),
    Rule(
        code="server-not-ready",
        check="http.root",
        layer=Layer.SERVER,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="LiveKit says that it is not ready",
        symptoms=("room connection has timed out (signal)", "406 Not Ready"),
        cause="The server runs, but has not refreshed its own node statistics for more than four "
        "seconds: Redis does not answer, the machine has no CPU left, or the process hangs. Load "
        "balancers take such a node out, and joins on it hang.",
        how="GET / is answered 406 Not Ready.",
        fix=(
            FixStep(
                "See whether Redis answers, and how busy the machine is:",
                command="redis-cli -h REDIS ping; uptime",
            ),
            FixStep(
                "Read the server's log for redis or psrpc errors:",
                command="docker compose logs --since 10m livekit | grep -iE 'redis|psrpc|error'",
            ),
            FixStep(
                "Restart the node once the cause is gone.",
                command="docker compose restart livekit",
                destructive=True,
            ),
        ),
        source="livekit-server pkg/service/server.go (healthCheck), livekit/livekit#2539",
        judge=_not_ready,
        sick=_sick_not_ready,
        healthy=healthy,
        explains=(*_CONSEQUENCES, "signal-silent-after-upgrade", "signal-room-full"),
        related=("signal-timeout",),
    ),
    Rule(
        code="server-refused",
        check="http.root",
        layer=Layer.SERVER,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="Something refuses requests in LiveKit's place",
        symptoms=(_GENERIC, "401 Unauthorized", "403 Forbidden"),
        cause="LiveKit answers GET / to everybody. This answer comes from something in front of it: an "
        "access rule (an IP list, bot protection) or a proxy with an error of its own. It says nothing "
        "about your token.",
        how="GET / is answered with a status that LiveKit never gives there.",
        fix=(
            FixStep("See who gives this answer:", command="curl -si https://rtc.example.com/"),
            _READ_PROXY_LOG,
        ),
        source="livekit-server pkg/service/auth.go, jitsi/jitsi-meet#5667",
        judge=_refused,
        sick=_sick_refused,
        healthy=healthy,
        explains=("api-refused", "api-not-routed", "api-unavailable"),
        related=("signal-refused",),
    ),
    _wire_rule(
        "http-silent",
        (Silence.TIMEOUT,),
        "The port takes requests and never answers",
        symptoms=("room connection has timed out (signal)", "net::ERR_TIMED_OUT"),
        cause="The connection opens and the request is taken, but not a byte comes back: the server "
        "hangs, a proxy waits for an upstream that is gone, or the port belongs to something that does "
        "not speak HTTP (7881 is for media, 3478 and 5349 for TURN).",
        how="GET / gets no byte in the time given.",
        fix=(_ASK_LOCALLY, _READ_PROXY_LOG),
        source="RFC 9112 §9.5, livekit/livekit#3109",
        example=no_answer(Silence.TIMEOUT),
    ),
    _wire_rule(
        "http-slow",
        (Silence.SLOW,),
        "The answer trickles in and never ends",
        symptoms=("room connection has timed out (signal)",),
        cause="Bytes of an answer come, but so slowly or so endlessly that no client waits for the end: "
        "a proxy that buffers or throttles, a machine without CPU or memory, or something that is not "
        "LiveKit at all (its answer to GET / is two bytes).",
        how="GET / gets bytes, but no whole answer in the time given.",
        fix=(_ASK_LOCALLY, _READ_PROXY_LOG),
        source="RFC 9112 §6.3",
        example=NoAnswer(Silence.SLOW, "", 5000.0, 57),
    ),
    _wire_rule(
        "http-closed-early",
        (Silence.CLOSED, Silence.RESET, Silence.NOT_CONNECTED),
        "The connection is closed in place of an answer",
        symptoms=(
            "could not establish signal connection: Failed to fetch",
            "net::ERR_EMPTY_RESPONSE",
            "socket hang up",
            "Connection reset by peer",
        ),
        cause="The port accepts the connection and closes it before it has answered: a published "
        "container port with nothing behind it, a proxy without an upstream, a port that expects TLS, or "
        "a firewall that cuts the connection.",
        how="GET / ends with a closed or reset connection and no complete answer.",
        fix=(
            FixStep(
                "In Docker, see that the server listens on all of the container's addresses, not on its loopback:",
                command="docker run --rm -p 7880:7880 livekit/livekit-server --dev --bind 0.0.0.0",
            ),
            _ASK_LOCALLY,
            _READ_PROXY_LOG,
        ),
        source="RFC 9112 §9.6, livekit/livekit#1546",
        example=NoAnswer(Silence.CLOSED, "", 3.0, 0),
    ),
    _wire_rule(
        "http-not-http",
        (Silence.NOT_HTTP,),
        "The port does not speak HTTP",
        symptoms=(
            "could not establish signal connection: Failed to fetch",
            "net::ERR_INVALID_HTTP_RESPONSE",
            "Parse Error: Expected HTTP/",
        ),
        cause="Something answers, but not in HTTP: the port is another service's (SSH, a database, TURN, "
        "media), or it wants TLS or HTTP/2 only.",
        how="The bytes that answer GET / are not an HTTP response.",
        fix=(
            FixStep(
                "Use LiveKit's signalling port: 7880 direct, 443 behind a proxy.",
                snippet=Snippet("dotenv", "LIVEKIT_URL=wss://rtc.example.com"),
            ),
            FixStep("On the server, see what has this port:", command="sudo ss -ltnp"),
        ),
        source="RFC 9112 §2.1, livekit/livekit#3109",
        example=NoAnswer(Silence.NOT_HTTP, "SSH-2.0-OpenSSH_9.6", 12.0, 21),
        confidence=Confidence.CERTAIN,
    ),
    _wire_rule(
        "http-too-large",
        (Silence.TOO_LARGE,),
        "The answer's head is larger than clients accept",
        symptoms=(
            "could not establish signal connection: Failed to fetch",
            "net::ERR_RESPONSE_HEADERS_TOO_BIG",
        ),
        cause="The head of the answer does not end within any sensible bound. LiveKit's has four "
        "short lines: something in front adds headers without end (cookies, policies), or the port is "
        "not an HTTP server's.",
        how="GET / gets a head beyond the bound that this program reads.",
        fix=(
            _ASK_LOCALLY,
            FixStep(
                "See which headers the proxy adds, and stop it:",
                command="curl -sI https://rtc.example.com/ | head -c 4000",
            ),
        ),
        source="RFC 9110 §5.4, RFC 6585 §5",
        example=NoAnswer(Silence.TOO_LARGE, "", 40.0, 65536),
        confidence=Confidence.CERTAIN,
    ),
)
