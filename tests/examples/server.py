"""Facts that raise each cause of `rules/server.py`, and the nearest that do not."""

from typing import Final

from examples.base import Example
from examples.healthy import answer, healthy, no_answer
from lkdoctor.facts import Facts
from lkdoctor.facts.api import RoomsListed
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, ServerFact, Silence
from lkdoctor.facts.signal import (
    LeftAtOnce,
    SignalFact,
    Tally,
    UpgradeAttempt,
    Upgraded,
    UpgradeRefused,
    Validation,
    Whose,
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


EXAMPLES: Final = {
    "url-redirect": Example(_sick_redirect, _landing_page),
    "url-not-livekit": Example(_sick_not_livekit, _shared_host),
    "server-not-ready": Example(_sick_not_ready, healthy),
    "server-refused": Example(_sick_refused, healthy),
    "http-silent": Example(lambda: _root(no_answer(Silence.TIMEOUT)), healthy),
    "http-slow": Example(lambda: _root(NoAnswer(Silence.SLOW, "", 5000.0, 57)), healthy),
    "http-closed-early": Example(lambda: _root(NoAnswer(Silence.CLOSED, "", 3.0, 0)), healthy),
    "http-not-http": Example(
        lambda: _root(NoAnswer(Silence.NOT_HTTP, "SSH-2.0-OpenSSH_9.6", 12.0, 21)), healthy
    ),
    "http-too-large": Example(lambda: _root(NoAnswer(Silence.TOO_LARGE, "", 40.0, 65536)), healthy),
    "server-no-nodes": Example(
        lambda: _upgraded(UpgradeRefused(answer(500, "could not find any available nodes"))),
        healthy,
    ),
    "server-restart-drain": Example(
        lambda: _upgraded(Upgraded(88.0), LeftAtOnce(2.0, "SERVER_SHUTDOWN", "RECONNECT")), healthy
    ),
    "server-room-timeouts": Example(
        lambda: _room_with(departure_timeout_s=2), lambda: _room_with(departure_timeout_s=20)
    ),
    "server-multi-node-routing": Example(
        lambda: _asked_again(answer(200, "success"), answer(401, "invalid API key: APIab")),
        lambda: _asked_again(answer(200, "success")),
    ),
}
