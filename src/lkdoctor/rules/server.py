"""What answers plain HTTP requests: LiveKit, something else, or something that misbehaves."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from lkdoctor import shell
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, RoomsListed, TwirpError
from lkdoctor.facts.network import NetworkFact
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, ServerFact, Silence
from lkdoctor.facts.signal import (
    Joined,
    LeftAtOnce,
    SignalFact,
    Tally,
    UpgradeAttempt,
    Upgraded,
    UpgradeRefused,
    Validation,
    Whose,
)
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
    is_livekit,
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
                snippet=Snippet("dotenv", shell.setting("LIVEKIT_URL", right)),
            ),
            FixStep("Test it:", command=shell.command("lkdoctor", "ws-probe", "--url", right)),
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


def _not_ready(server: ServerFact, signal: SignalFact | None = None) -> Iterator[Judgement]:
    root = server.root
    joined = signal is not None and isinstance(signal.first, Joined)
    # Web application firewalls say 406 too, with a page of theirs.
    if isinstance(root, HttpAnswer) and root.status == 406 and not is_html(root):
        own = root.body.lstrip().startswith("Not Ready")
        yield Judgement(
            (evidence(Heard("GET /", root), "200 OK: OK"),),
            cause=f"{_STALE} take such a node out, although this join went through."
            if joined
            else None,
            confidence=None if own else Confidence.LIKELY,
        )


_STALE: Final = (
    "The server runs, but has not refreshed its own node statistics for more than four seconds: Redis "
    "does not answer, the machine has no CPU left, or the process hangs. Load balancers"
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


# server-no-nodes


_NO_NODES: Final = ("could not find any available nodes", "reached configured limit for node")


def _no_nodes(signal: SignalFact | None = None, api: ApiFact | None = None) -> Iterator[Judgement]:
    proof = [
        evidence(asked, "101")
        for asked in heard(None, signal)
        if isinstance(asked.exchange, HttpAnswer)
        and any(words in asked.exchange.body for words in _NO_NODES)
    ]
    for answer_ in (api.rooms, api.participants) if api is not None else ():
        if isinstance(answer_, TwirpError) and any(words in answer_.msg for words in _NO_NODES):
            said_ = one_line(f"{answer_.status} {answer_.msg}")
            proof.append(Evidence("ListRooms", said_, "200", "api"))
    if proof:
        yield Judgement(tuple(proof))


# server-multi-node-routing


def _backends(
    signal: SignalFact | None = None, network: NetworkFact | None = None
) -> Iterator[Judgement]:
    answers = [
        ("GET /rtc/validate again", tally.answer)
        for tally in (signal.again if signal is not None else ())
    ]
    answers += [
        (f"GET /rtc/validate at {one_line(look.address, 40)}", look.validation)
        for look in (network.each if network is not None else ())
        if look.validation is not None
    ]
    own = [
        (label, answer_)
        for label, answer_ in answers
        if isinstance(answer_, HttpAnswer) and is_livekit(answer_)
    ]
    if len({answer_.status for _, answer_ in own}) > 1:
        yield Judgement(
            tuple(Evidence(label, one_line(said(a), 100), "one answer", "net") for label, a in own)
        )


# server-restart-drain


def _draining(signal: SignalFact) -> Iterator[Judgement]:
    first = signal.first
    if isinstance(first, LeftAtOnce) and first.reason == "SERVER_SHUTDOWN":
        yield Judgement((Evidence("first message", "leave SERVER_SHUTDOWN", "join", "net"),))


# server-room-timeouts


_SHORT_DEPARTURE_S: Final = 5
_SHORT_EMPTY_S: Final = 30


def _room_timeouts(api: ApiFact) -> Iterator[Judgement]:
    if not isinstance(api.rooms, RoomsListed):
        return
    room = next((room for room in api.rooms.rooms if room.name == api.room_asked), None)
    if room is None:
        return
    proof = [
        Evidence(f"ListRooms {one_line(room.name, 40)}", f"{name} {seconds} s", usual, "api")
        for name, seconds, short, usual in (
            ("departure_timeout", room.departure_timeout_s, _SHORT_DEPARTURE_S, "20 s by default"),
            ("empty_timeout", room.empty_timeout_s, _SHORT_EMPTY_S, "300 s by default"),
        )
        # Servers that do not know one of them say 0.
        if 0 < seconds <= short
    ]
    if proof:
        yield Judgement(tuple(proof))


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


def _upgraded(result: UpgradeRefused | Upgraded, first: LeftAtOnce | None = None) -> Facts:
    """The token is fine, the upgrade ends so."""
    success = Validation(Whose.MINTED, "/rtc/validate", answer(200, "success"))
    attempt = UpgradeAttempt(Whose.MINTED, "/rtc", result)
    return healthy()._replace(signal=SignalFact((success,), (attempt,), first))


def _asked_again(*answers: HttpAnswer) -> Facts:
    """Validate was asked several times, and said each of these."""
    facts = healthy()
    if facts.signal is None:
        return facts
    return facts._replace(
        signal=facts.signal._replace(again=tuple(Tally(answer_, 5) for answer_ in answers))
    )


def _room_with(**timeouts: int) -> Facts:
    """The room in question, with these timeouts."""
    facts = healthy()
    if facts.api is None or not isinstance(facts.api.rooms, RoomsListed):
        return facts
    (room,) = facts.api.rooms.rooms
    rooms = RoomsListed((room._replace(**timeouts),))  # type: ignore[arg-type]  # its own fields
    return facts._replace(api=facts.api._replace(rooms=rooms, room_asked=room.name))


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
        cause=f"{_STALE} take such a node out, and joins on it hang.",
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
    Rule(
        code="server-no-nodes",
        check="signal.upgrade",
        layer=Layer.SERVER,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="LiveKit has no node that takes the room",
        symptoms=(
            "could not find any available nodes",
            "reached configured limit for node",
            "Encountered websocket error during connection establishment",
        ),
        cause="The node selector refuses every node: load or CPU above its limit (0.9 by default), a node that "
        "drains before a restart, a limit of tracks or bytes that is reached, no node in the wanted region, or "
        "statistics that are out of date because the machine stalls.",
        how="The upgrade or the API is answered in these words.",
        fix=(
            FixStep(
                "On each node, see how busy it is:", command="uptime; docker stats --no-stream"
            ),
            FixStep(
                "Add nodes, or raise the limits:",
                snippet=Snippet(
                    "yaml",
                    "node_selector:\n  kind: sysload\n  sysload_limit: 0.9\nlimit:\n  num_tracks: 8000",
                ),
            ),
            FixStep(
                "If nothing is busy, restart the node whose statistics stand still.",
                destructive=True,
            ),
        ),
        source="livekit-server pkg/routing/selector, livekit/livekit#2703, livekit/livekit#1851, "
        "livekit/livekit-cli#313",
        judge=_no_nodes,
        sick=lambda: _upgraded(UpgradeRefused(answer(500, "could not find any available nodes"))),
        healthy=healthy,
        explains=("signal-refused", "api-unavailable", "signal-test-room-left"),
        related=("signal-5xx-bus", "server-not-ready"),
    ),
    Rule(
        code="server-restart-drain",
        check="signal.join",
        layer=Layer.SERVER,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="The node is shutting down and takes nobody in",
        symptoms=(
            "Disconnected with SERVER_SHUTDOWN",
            "Received leave request while trying to (re)connect",
        ),
        cause="The node has been told to stop: it ends its sessions and sends newcomers away. Rooms live on one "
        "node, so everybody in them reconnects, all at once where the time to drain is short.",
        how="The server's leave request has the reason SERVER_SHUTDOWN.",
        fix=(
            FixStep("Try again in a moment; clients reconnect by themselves, to another node."),
            FixStep(
                "Give a node hours to drain before it is ended, in Kubernetes:",
                snippet=Snippet("yaml", "terminationGracePeriodSeconds: 18000"),
            ),
            FixStep("Let the load balancer ask for GET /, which fails while a node drains."),
        ),
        source="livekit-server pkg/service/server.go (Stop), livekit/client-sdk-js#313",
        judge=_draining,
        sick=lambda: _upgraded(Upgraded(88.0), LeftAtOnce(2.0, "SERVER_SHUTDOWN", "RECONNECT")),
        healthy=healthy,
        explains=("signal-leave-on-connect",),
        related=("server-no-nodes",),
    ),
    Rule(
        code="server-room-timeouts",
        check="api.room",
        layer=Layer.SERVER,
        severity=Severity.INFO,
        confidence=Confidence.HINT,
        title="The room closes soon after it is empty",
        symptoms=(
            "Disconnected with ROOM_CLOSED",
            "the room's metadata and agent are gone after a reload",
        ),
        cause="departure_timeout counts from the last leave on (20 s by default), empty_timeout before the "
        "first join (300 s). With a few seconds, a reload of the page or a change of networks ends the room: "
        "its metadata is lost, and an agent that was in it.",
        how="ListRooms shows the room's departure_timeout of at most 5 s, or its empty_timeout of at most 30 s.",
        fix=(
            FixStep(
                "Create the room with timeouts that outlast a reload:",
                command="lk room create --empty-timeout 300 --departure-timeout 20 ROOM",
            ),
        ),
        source="livekit-server config.go (room), livekit/livekit#1776, livekit/livekit#2090, livekit/livekit#4316",
        judge=_room_timeouts,
        sick=lambda: _room_with(departure_timeout_s=2),
        healthy=lambda: _room_with(departure_timeout_s=20),
        related=("room-not-found",),
    ),
    Rule(
        code="server-multi-node-routing",
        check="signal.validate",
        layer=Layer.SERVER,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="Not all nodes behind this address say the same",
        symptoms=(
            "it works after some attempts",
            "could not establish signal connection: invalid API key",
            "room connection has timed out (signal)",
        ),
        cause="One name leads to several servers, and they do not agree on the same token: they have different "
        "keys, or are not one cluster at all (no common Redis), so that it is luck who is let in and who "
        "meets whom.",
        how="/rtc/validate is asked for the same token again and again (--repeat), or at every address "
        "(--all-addresses), and LiveKit itself answers now so, now otherwise.",
        fix=(
            FixStep(
                "Give all nodes the same keys: and the same redis:, and restart them.",
                destructive=True,
            ),
            FixStep(
                "Compare what each says:", command="lkdoctor ws-probe --repeat 20 --concurrency 4"
            ),
            FixStep(
                "Take nodes that belong to another cluster out of the load balancer and of DNS."
            ),
        ),
        source="livekit-server pkg/routing/redisrouter.go, livekit/livekit#3258, agence104/livekit-server-sdk-php#48",
        judge=_backends,
        sick=lambda: _asked_again(answer(200, "success"), answer(401, "invalid API key: APIab")),
        healthy=lambda: _asked_again(answer(200, "success")),
        explains=(
            "env-project-mismatch",
            "env-cloud-key-on-local-server",
            "token-unknown-key",
            "token-bad-signature",
            "room-not-found",
            "signal-refused",
            "signal-test-room-left",
            "api-refused",
        ),
        related=("dns-wrong-target", "signal-5xx-bus"),
    ),
)
