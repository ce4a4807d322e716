"""Facts that raise each cause of `rules/url.py`, and the nearest that do not."""

from typing import Final

from examples.base import Example
from examples.healthy import healthy
from lkdoctor.facts import Facts
from lkdoctor.facts.url import HostKind, ParsedUrl, UnusableUrl, UrlFact, UrlProblem


def _at(raw: str, result: ParsedUrl | UnusableUrl) -> "Facts":
    """The healthy example with another URL, not dialled."""

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


EXAMPLES: Final = {
    "url-no-scheme": Example(
        lambda: _at(
            "rtc.example.com",
            UnusableUrl(UrlProblem.NO_SCHEME, "no scheme in front", "wss://rtc.example.com"),
        ),
        _healthy,
    ),
    "url-invalid-hang": Example(
        lambda: _at(
            "undefined",
            UnusableUrl(UrlProblem.LITERAL, "the word undefined: a variable that was never set"),
        ),
        _healthy,
    ),
    "url-wrong-port": Example(
        lambda: _at(
            "ws://rtc.example.com:7881", _parsed(scheme="ws", port=7881, explicit_port=True)
        ),
        lambda: _at(
            "ws://rtc.example.com:7880", _parsed(scheme="ws", port=7880, explicit_port=True)
        ),
    ),
    "url-path": Example(
        lambda: _at("wss://rtc.example.com/rtc", _parsed(path="/rtc")),
        lambda: _at("wss://rtc.example.com/livekit", _parsed(path="/livekit")),
    ),
    "url-other-service": Example(
        lambda: _at(
            "https://cloud.livekit.io/projects/p_1",
            _parsed(scheme="https", host="cloud.livekit.io", path="/projects/p_1"),
        ),
        _healthy,
    ),
}
