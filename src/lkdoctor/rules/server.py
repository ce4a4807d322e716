"""What answers plain HTTP requests: LiveKit, something else, or something that misbehaves."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from lkdoctor.facts.api import ApiFact, RoomsListed, TwirpError
from lkdoctor.facts.network import NetworkFact
from lkdoctor.facts.server import HttpAnswer, NoAnswer, ServerFact, Silence
from lkdoctor.facts.signal import (
    Joined,
    LeftAtOnce,
    SignalFact,
)
from lkdoctor.facts.url import ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, Layer
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
from lkdoctor.rules.base import Check, Effect, Judge, Seen, Unsure, cause

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
) -> Iterator[Seen]:
    redirects = tuple(_redirects(server, signal))
    if not redirects or not isinstance(url.result, ParsedUrl):
        return
    proof = tuple(evidence(redirect.asked, "an answer of LiveKit's") for redirect in redirects)
    right = next((r for redirect in redirects if (r := _moved_to(url.result, redirect))), None)
    if right is None:
        yield Seen(proof, confidence=Confidence.LIKELY)
        return
    yield Seen(
        (*proof, Evidence("URL as written", one_line(url.raw), right, "env")),
        case="moved",
        values={"url": right},
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
) -> Iterator[Seen]:
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
        yield Seen(
            (*proof, Evidence("host", host, "PROJECT.livekit.cloud", "env")),
            case="website",
            values={"host": host},
        )
    elif page or signalling_reached(signal) is False:
        yield Seen((*proof, *software_evidence(root)))
    else:
        yield Seen((*proof, *software_evidence(root)), confidence=Confidence.LIKELY)


def _ok_to_everything(root: HttpAnswer, signal: SignalFact | None) -> Iterator[Seen]:
    """A health check or a stub that says OK whatever it is asked; LiveKit's validate does not."""
    asked = [h for h in heard(None, signal) if isinstance(h.exchange, HttpAnswer)]
    if asked and all(is_root_ok(h.exchange) for h in asked):
        proof = (evidence(h, "success, 101 or LiveKit's own refusal") for h in asked[:3])
        yield Seen(
            (evidence(Heard("GET /", root)), *proof, *software_evidence(root)),
            case="ok-to-everything",
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


def _not_ready(server: ServerFact, signal: SignalFact | None = None) -> Iterator[Seen]:
    root = server.root
    joined = signal is not None and isinstance(signal.first, Joined)
    # Web application firewalls say 406 too, with a page of theirs.
    if isinstance(root, HttpAnswer) and root.status == 406 and not is_html(root):
        own = root.body.lstrip().startswith("Not Ready")
        yield Seen(
            (evidence(Heard("GET /", root), "200 OK: OK"),),
            case="joined" if joined else "",
            confidence=None if own else Confidence.LIKELY,
        )


def _refused(server: ServerFact, signal: SignalFact | None = None) -> Iterator[Seen]:
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
        yield Seen(
            (evidence(Heard("GET /", root), "200 OK: OK"), *software_evidence(root)),
            case="root",
            values={"status": str(root.status)},
        )


# server-no-nodes


_NO_NODES: Final = ("could not find any available nodes", "reached configured limit for node")


def _no_nodes(signal: SignalFact | None = None, api: ApiFact | None = None) -> Iterator[Seen]:
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
        yield Seen(tuple(proof))


# server-multi-node-routing


def _backends(
    signal: SignalFact | None = None, network: NetworkFact | None = None
) -> Iterator[Seen]:
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
        yield Seen(
            tuple(Evidence(label, one_line(said(a), 100), "one answer", "net") for label, a in own)
        )


# server-restart-drain


def _draining(signal: SignalFact) -> Iterator[Seen]:
    first = signal.first
    if isinstance(first, LeftAtOnce) and first.reason == "SERVER_SHUTDOWN":
        yield Seen((Evidence("first message", "leave SERVER_SHUTDOWN", "join", "net"),))


# server-room-timeouts


_SHORT_DEPARTURE_S: Final = 5
_SHORT_EMPTY_S: Final = 30


def _room_timeouts(api: ApiFact) -> Iterator[Seen]:
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
        yield Seen(tuple(proof))


# http-*: how the peer can fail to give an answer at all


def _silent(*problems: Silence) -> Judge:
    def judge(server: ServerFact, signal: SignalFact | None = None) -> Iterator[Seen]:
        root = server.root
        if signalling_reached(signal):
            return  # a proxy may well drop what no client asks for
        if isinstance(root, NoAnswer) and root.problem in problems:
            yield Seen((evidence(Heard("GET /", root), "200 OK: OK"),))

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


RULES: Final = (
    cause("url-redirect", _redirected),
    cause("url-not-livekit", _not_livekit),
    cause("server-not-ready", _not_ready),
    cause("server-refused", _refused),
    cause("http-silent", _silent(Silence.TIMEOUT)),
    cause("http-slow", _silent(Silence.SLOW)),
    cause("http-closed-early", _silent(Silence.CLOSED, Silence.RESET, Silence.NOT_CONNECTED)),
    cause("http-not-http", _silent(Silence.NOT_HTTP)),
    cause("http-too-large", _silent(Silence.TOO_LARGE)),
    cause("server-no-nodes", _no_nodes),
    cause("server-restart-drain", _draining),
    cause("server-room-timeouts", _room_timeouts),
    cause("server-multi-node-routing", _backends),
)
