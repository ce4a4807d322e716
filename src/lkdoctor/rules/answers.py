"""How an HTTP answer reads: whether LiveKit itself gave it, and in one line what it says.

What LiveKit says is known word for word (recorded from livekit-server 1.5 to 1.13); every other
answer comes from something in front of it, or from something else altogether.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, assert_never

from lkdoctor import digits
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, ServerFact, Silence
from lkdoctor.facts.signal import (
    Joined,
    LeftAtOnce,
    SignalFact,
    UpgradeAttempt,
    Upgraded,
    Validation,
    Whose,
)
from lkdoctor.facts.url import ParsedUrl, UrlFact
from lkdoctor.findings import Evidence

_OWN_WORDS: Final = (
    (400, "no room name"),
    (400, "identity cannot be empty"),
    (400, "room name length exceeds limits"),
    (400, "participant identity length exceeds limits"),
    (400, "join_request is required"),
    (400, "cannot base64 decode"),
    (401, "no permissions to access the room"),
    (401, "invalid authorization header"),
    (401, "invalid authorization token"),
    (401, "invalid API key"),
    (401, "invalid token:"),
    (401, "permissions denied"),
    (404, "requested room does not exist"),
    (500, "connection closed by media"),
    (500, "could not find any available nodes"),
)
"""Beginnings of the bodies that livekit-server's signalling gives (pkg/service/auth.go, rtcservice.go)."""

_WEBSOCKET_WORDS: Final = "websocket: "
"""gorilla/websocket's refusals, which LiveKit passes on: a header of the handshake is missing or wrong."""

GATEWAY: Final = {
    502: "the proxy could not use what its upstream answered",
    503: "the proxy has no upstream that works",
    504: "the upstream did not answer the proxy in time",
    520: "Cloudflare could not make sense of the origin's answer",
    521: "the origin refused Cloudflare's connection",
    522: "the origin did not answer Cloudflare's connection",
    523: "Cloudflare has no route to the origin",
    524: "the origin answered Cloudflare too late",
    525: "TLS between Cloudflare and the origin failed",
    526: "the origin's certificate does not satisfy Cloudflare",
    530: "Cloudflare could not resolve or reach the origin (a tunnel that is down)",
}
"""Status codes with which a proxy speaks of its upstream, and what each says."""


def is_root_ok(exchange: Exchange) -> bool:
    """Whether this is LiveKit's own answer to ``GET /``; the status alone can come from anywhere."""
    return (
        isinstance(exchange, HttpAnswer)
        and exchange.status == 200
        and exchange.body.strip() == "OK"
    )


def lacks_room(exchange: Exchange) -> bool:
    """Whether the token was taken, and the room is not there and not made by joining."""
    return (
        isinstance(exchange, HttpAnswer)
        and exchange.status == 404
        and "requested room does not exist" in exchange.body
    )


def is_livekit(exchange: Exchange) -> bool:
    """Whether the words of an answer of the signalling endpoint are LiveKit's own."""
    if not isinstance(exchange, HttpAnswer):
        return False
    body = exchange.body.lstrip()
    if exchange.status == 200:
        return body.strip() == "success"
    if exchange.status == 400 and ("exceeds limits" in body or _WEBSOCKET_WORDS in body):
        return True
    return any(exchange.status == status and body.startswith(w) for status, w in _OWN_WORDS)


def lacks_websocket_header(answer: HttpAnswer) -> bool:
    """Whether LiveKit (or its WebSocket library) misses a header that was sent."""
    return answer.status == 400 and _WEBSOCKET_WORDS in answer.body


class Heard(NamedTuple):
    """An exchange, and what was asked."""

    label: str
    exchange: Exchange
    path: str = "/"


def whose_token(whose: Whose) -> str:
    """In words."""
    match whose:
        case Whose.NONE:
            return "no token"
        case Whose.MINTED:
            return "test token"
        case Whose.GIVEN:
            return "your token"
        case _:
            assert_never(whose)


def of_validation(validation: Validation) -> Heard:
    """What validate answered."""
    label = f"GET {one_line(validation.path, 80)}, {whose_token(validation.whose)}"
    return Heard(label, validation.answer, validation.path)


def upgrade_label(attempt: UpgradeAttempt) -> str:
    """What was asked, in words."""
    return f"upgrade of {one_line(attempt.path, 80)}, {whose_token(attempt.whose)}"


def of_upgrade(attempt: UpgradeAttempt) -> Heard | None:
    """What the upgrade answered, where it did not succeed."""
    if isinstance(attempt.result, Upgraded):
        return None
    return Heard(upgrade_label(attempt), attempt.result.answer, attempt.path)


def heard(server: ServerFact | None, signal: SignalFact | None) -> Iterator[Heard]:
    """Every HTTP exchange of the signalling port, ``GET /`` first, upgrades last."""
    if server is not None:
        yield Heard("GET /", server.root)
    if signal is not None:
        yield from map(of_validation, signal.validations)
        yield from (h for attempt in signal.upgrades if (h := of_upgrade(attempt)))


def reached(server: ServerFact | None, signal: SignalFact | None) -> bool | None:
    """Whether LiveKit itself was heard; None where nobody was asked."""
    exchanges = [h.exchange for h in heard(None, signal)]
    if signal is not None and isinstance(signal.first, (Joined, LeftAtOnce)):
        return True
    if server is None and not exchanges:
        return None
    # OK in answer to anything but GET / is LiveKit's as well, but not where clients look for it.
    root = server is not None and is_root_ok(server.root)
    return root or any(is_livekit(x) for x in exchanges)


def signalling_reached(signal: SignalFact | None) -> bool | None:
    """Whether LiveKit itself answered on a signalling path; None where nobody was asked."""
    return reached(None, signal)


def is_under_the_url(server: ServerFact | None, url: UrlFact | None) -> bool:
    """Whether LiveKit was found where the URL says, when it was looked for without a token."""
    if server is None or url is None or not isinstance(url.result, ParsedUrl):
        return False
    own = url.result.path
    return any(asked.prefix == own and is_livekit(asked.answer) for asked in server.elsewhere)


V1_SINCE: Final = (1, 9, 10)
"""livekit-server's first version with ``/rtc/v1``."""


def version_of(text: str) -> tuple[int, ...] | None:
    """A server's version in numbers, as it says it in a join response."""
    parts = [digits.number(part) for part in text.partition("-")[0].split(".")]
    numbers = tuple(part for part in parts if part is not None)
    return numbers if len(numbers) == len(parts) else None


def is_html(answer: HttpAnswer) -> bool:
    """Whether a page for people came back."""
    kind = answer.header("content-type") or ""
    start = answer.body.lstrip()[:64].lower()
    return "html" in kind.lower() or start.startswith(("<!doctype html", "<html"))


def is_gate(answer: HttpAnswer) -> bool:
    """Whether something in front of LiveKit wants a log-in; LiveKit's own 401 is a short text."""
    return answer.status in {401, 403, 407} and (
        answer.header("www-authenticate") is not None or is_html(answer)
    )


_LOGIN: Final = re.compile(
    r"(?i)(?:^|[^a-z0-9])(?:log-?in|sign-?in|sso|saml2?|oauth2?|authorize|auth|cloudflareaccess)"
    r"(?:$|[^a-z0-9])"
)
"""A word of a log-in page's address."""


def leads_to_login(asked: Heard) -> bool:
    """Whether the answer sends people to a page where they log in."""
    answer = asked.exchange
    if not isinstance(answer, HttpAnswer) or not 300 <= answer.status < 400:
        return False
    location = answer.header("location") or ""
    # A move keeps the path that was asked for, a log-in page has its own.
    moved = asked.path != "/" and location.partition("?")[0].endswith(asked.path)
    return _LOGIN.search(location) is not None and not moved


def is_unknown_path(answer: HttpAnswer) -> bool:
    """Whether it is what LiveKit says where it has nothing; other Go servers say so, too."""
    return answer.status == 404 and answer.body.strip() in {"404 page not found", _NOT_FOUND_LINE}


_NOT_FOUND_LINE: Final = r"404 page not found\x0a"
"""As it stands in a fact."""

_CARRIERS: Final = (
    ("cf-ray", "", "Cloudflare"),
    ("x-amz-cf-id", "", "Amazon CloudFront"),
    ("x-azure-ref", "", "Azure Front Door"),
    ("x-vercel-id", "", "Vercel"),
    ("x-served-by", "cache-", "Fastly"),
    ("ngrok-agent-ips", "", "ngrok"),
    ("ngrok-trace-id", "", "ngrok"),
    ("via", "cloudfront", "Amazon CloudFront"),
    ("via", "1.1 google", "Google's load balancer"),
    ("via", "vegur", "Heroku"),
    ("via", "heroku-router", "Heroku"),
    ("set-cookie", "awsalb", "an AWS load balancer"),
)
"""Headers by which one knows what carries HTTP and nothing else: name, part of the value, whose."""


def carrier(headers: tuple[tuple[str, str], ...]) -> tuple[str, str] | None:
    """Who carries this answer, and the header's name; None where nobody known does."""
    for wanted, part, name in _CARRIERS:
        if any(header == wanted and part in value.lower() for header, value in headers):
            return name, wanted
    return None


def software(answer: HttpAnswer) -> str | None:
    """What says that it answered; LiveKit itself sends no such header."""
    if answer.header("cf-ray") is not None:
        return "cloudflare"
    return answer.header("server") or answer.header("via")


def duration(milliseconds: float) -> str:
    """``24 ms``, ``5.0 s``."""
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f} s"


_TITLE: Final = re.compile(r"(?is)<title[^>]*>(.{1,200}?)</title>")
_ESCAPED_BLANKS: Final = re.compile(r"(?:\\x0[9ad]|\s)+")


def one_line(text: str, limit: int = 120) -> str:
    """The text on one line, cut where it is long."""
    line = _ESCAPED_BLANKS.sub(" ", text).strip()
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def said(exchange: Exchange) -> str:
    """The exchange in one line: status and words, or how it failed."""
    return _answer_said(exchange) if isinstance(exchange, HttpAnswer) else _silence_said(exchange)


def _answer_said(answer: HttpAnswer) -> str:
    head = f"{answer.status} {one_line(answer.reason, 60)}".strip()
    location = answer.header("location")
    if 300 <= answer.status < 400 and location:
        return f"{head}, to {one_line(location)}"
    if answer.body_bytes == 0:
        return f"{head}, empty body"
    if is_html(answer):
        title = _TITLE.search(answer.body)
        return f"{head}, a web page" + (f' "{one_line(title[1], 60)}"' if title else "")
    return f"{head}: {one_line(answer.body)}"


def _silence_said(silence: NoAnswer) -> str:
    detail = f": {one_line(silence.detail)}" if silence.detail else ""
    took = duration(silence.took_ms)
    count = silence.received_bytes
    after = f"after {count} bytes{detail}" if count else "without a byte"
    match silence.problem:
        case Silence.TIMEOUT:
            return f"no byte in {took}"
        case Silence.SLOW:
            return f"{count} bytes in {took}, no end{detail}"
        case Silence.CLOSED:
            return f"closed {after}"
        case Silence.RESET:
            return f"reset {after}"
        case Silence.NOT_HTTP:
            return f"not HTTP{detail}"
        case Silence.TOO_LARGE:
            return f"{count} bytes of head{detail}"
        case Silence.NOT_CONNECTED | Silence.OWN_LIMIT:
            return f"no connection{detail}"
        case _:
            assert_never(silence.problem)


def evidence(asked: Heard, expected: str | None = None) -> Evidence:
    """The exchange as an observation."""
    return Evidence(asked.label, said(asked.exchange), expected, "net")


def software_evidence(answer: HttpAnswer) -> tuple[Evidence, ...]:
    """Who says that it answered, where somebody does."""
    name = software(answer)
    if name is None:
        return ()
    return (Evidence("Server header", one_line(name, 60), "none: LiveKit sends none", "net"),)


_HARMLESS: Final = re.compile(r"[A-Za-z0-9._~:/\[\]-]+")


def is_pasteable(text: str) -> bool:
    """Whether a host or URL of somebody else's has nothing in it that a shell would act on."""
    return _HARMLESS.fullmatch(text) is not None


def fitting(title: str) -> str | None:
    """The title where it fits the line that a title has; else the rule's own stands."""
    return title if len(title) <= 60 and title.isprintable() else None
