"""Facts that raise each cause of `rules/proxy.py`, and the nearest that do not."""

from typing import Final, cast

from examples.base import Example
from examples.healthy import answer, healthy
from lkdoctor.facts import Facts
from lkdoctor.facts.server import Elsewhere, HttpAnswer, ServerFact
from lkdoctor.facts.signal import (
    Held,
    SignalFact,
    UpgradeAttempt,
    UpgradeRefused,
    Validation,
    Whose,
)
from lkdoctor.facts.url import ParsedUrl, UrlFact
from lkdoctor.rules.proxy import _ALLOW_ORIGIN


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


EXAMPLES: Final = {
    "proxy-upgrade-stripped": Example(_upgrade_dropped, _no_token),
    "proxy-upstream-down": Example(_down, healthy),
    "proxy-idle-timeout": Example(
        lambda: _held(
            Held(60.0, 2.1, "dropped", "the connection ended without a close frame", None, 2.0)
        ),
        lambda: _held(Held(60.0, 60.0, pings=11)),
    ),
    "proxy-path-rewrite": Example(_prefix_kept, _prefix_taken_off),
    "proxy-double-cors": Example(
        lambda: _from_a_page("*", "https://app.example.com"), lambda: _from_a_page("*")
    ),
    "proxy-v1-not-routed": Example(_v1_is_the_proxys, _v1_is_livekits),
    "proxy-access-gate": Example(_gated, _no_token),
    "proxy-url-too-long": Example(_token_too_long, lambda: _from_a_page("*")),
    "proxy-http-only-front": Example(_behind_cloudflare, healthy),
}
