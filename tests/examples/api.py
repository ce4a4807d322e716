"""Facts that raise each cause of `rules/api.py`, and the nearest that do not."""

from typing import Final

from examples.base import Example
from examples.healthy import answer, healthy, no_answer
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, ForeignAnswer, TwirpError
from lkdoctor.facts.server import Silence


def _with(api: ApiFact) -> Facts:
    return healthy()._replace(api=api)


_HTML: Final = "<!doctype html><title>404</title>"


def _sick_permission() -> Facts:
    return _with(ApiFact(rooms=TwirpError("unauthenticated", "permissions denied", 401)))


def _sick_not_routed() -> Facts:
    page = ForeignAnswer(answer(404, _HTML, content_type="text/html", server="nginx"))
    return _with(ApiFact(rooms=page, without_token=page))


def _sick_not_found() -> Facts:
    missing = TwirpError("not_found", "twirp error unknown: requested room does not exist", 404)
    return _with(ApiFact(participants=missing, room_asked="demo"))


def _there() -> Facts:
    facts = healthy()
    return facts._replace(api=facts.api._replace(room_asked="demo") if facts.api else None)


def _sick_unavailable() -> Facts:
    return _with(ApiFact(rooms=TwirpError("unavailable", "no response from servers", 503)))


def _sick_no_answer() -> Facts:
    return _with(ApiFact(rooms=ForeignAnswer(no_answer(Silence.TIMEOUT))))


def _sick_refused() -> Facts:
    gate = answer(403, _HTML, content_type="text/html", server="cloudflare")
    return _with(ApiFact(rooms=ForeignAnswer(gate)))


EXAMPLES: Final = {
    "api-permission": Example(_sick_permission, healthy),
    "api-not-routed": Example(_sick_not_routed, healthy),
    "api-not-found": Example(_sick_not_found, _there),
    "api-unavailable": Example(_sick_unavailable, healthy),
    "api-no-answer": Example(_sick_no_answer, healthy),
    "api-refused": Example(_sick_refused, healthy),
}
