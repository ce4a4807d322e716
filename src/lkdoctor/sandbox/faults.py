"""The ways in which a sandbox can be broken; a new one is one entry of `Fault`.

A fault has the name of the cause that it brings about: the code that lkdoctor says first. An
entry has one line for people, what it decides (two faults that decide the same contradict each
other), and the change itself: to the settings, to the answers, to what is said after the upgrade,
or to the tokens and keys that the app is given. A change that a real server could suffer is made
in the settings, so that everything else about it stays true.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import Flag, StrEnum, auto
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from lkdoctor.sandbox import breaking
from lkdoctor.spelling import distance

if TYPE_CHECKING:
    from aiohttp import web

    from lkdoctor.sandbox.breaking import Draft
    from lkdoctor.sandbox.settings import Settings

    Conversation = Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]
    """What is said over a WebSocket, until it is over."""

MAX_TURN: Final = 1_000_000
"""The last request that can be named by its number."""


class FaultError(ValueError):
    """Faults that cannot be had; the message says why, `advice` what to write instead."""

    def __init__(self, message: str, *, advice: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.advice = tuple(advice)


class Part(Flag):
    """What a fault decides; the words are for whoever asked for two that decide the same."""

    ROOT = auto()
    VALIDATE = auto()
    UPGRADE = auto()
    SESSION = auto()
    API = auto()
    DELETE = auto()
    KEYS = auto()
    CLOCK = auto()
    ROOMS = auto()
    PEOPLE = auto()
    SECRET = auto()
    SIGNED = auto()
    TIMES = auto()
    JOIN = auto()
    ROOM = auto()
    WHO = auto()

    @property
    def words(self) -> str:
        """The first of them."""
        return next(words for part, words in _WORDS.items() if part & self)


_EVERYTHING: Final = (
    Part.ROOT | Part.VALIDATE | Part.UPGRADE | Part.SESSION | Part.API | Part.DELETE
    | Part.KEYS | Part.CLOCK | Part.ROOMS | Part.PEOPLE
)  # fmt: skip
_JOINING: Final = Part.UPGRADE | Part.SESSION
_TOKEN: Final = Part.SIGNED | Part.TIMES | Part.JOIN | Part.ROOM | Part.WHO
_HANDED_OUT: Final = _TOKEN | Part.SECRET | Part.CLOCK | Part.PEOPLE
"""What is one for all requests."""

_WORDS: Final = {
    Part.ROOT: "what GET / is answered",
    Part.VALIDATE: "what /rtc/validate is answered",
    Part.UPGRADE: "what the upgrade is answered",
    Part.SESSION: "what follows the upgrade",
    Part.API: "what the server API answers",
    Part.DELETE: "what DeleteRoom answers",
    Part.KEYS: "which keys the server has",
    Part.CLOCK: "the server's clock",
    Part.ROOMS: "which rooms there are",
    Part.PEOPLE: "who is in the rooms",
    Part.SECRET: "the API secret",
    Part.SIGNED: "how the token is signed",
    Part.TIMES: "the token's times",
    Part.JOIN: "whether the token allows joining",
    Part.ROOM: "the token's room",
    Part.WHO: "the token's identity",
}


class Change(NamedTuple):
    """What a fault does; whatever is None stays as it is.

    Attributes:
        settings: another configuration.
        answer: an answer in place of the server's.
        session: what happens after the upgrade in place of a session.
        token: another token in place of the one that the app hands out.
        keys: other keys, for the app and the server alike.
        met: the requests in which it shows, unless it is asked for at a path.
        in_token: it is met with a participant's token, not with the key and secret.
        told_by: the command of lkdoctor that says its code first.
    """

    settings: Callable[[Settings], Settings] | None = None
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    session: Conversation | None = None
    token: Callable[[Draft], Draft] | None = None
    keys: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None
    met: Callable[[web.Request], bool] = breaking.any_request
    in_token: bool = False
    told_by: str = "diagnose"


def _token(change: Callable[[Draft], Draft]) -> Change:
    return Change(token=change, in_token=True)


def _everywhere(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Change:
    return Change(answer=answer)


def _upgrade(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Change:
    return Change(answer=answer, met=breaking.upgrading)


def _session(talk: Conversation) -> Change:
    return Change(session=talk, met=breaking.upgrading)


def _api(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Change:
    return Change(answer=answer, met=breaking.calling_with_token)


class Fault(StrEnum):
    """A way to break a sandbox, by the code of the cause.

    Attributes:
        description: one line, for people.
        decides: what is no longer as it was.
        change: what is changed.
    """

    description: str
    decides: Part
    change: Change

    def __new__(
        cls, code: str, description: str = "", decides: Part = _EVERYTHING, *changes: Change
    ) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.description = description
        member.decides = decides
        (member.change,) = changes or (Change(),)
        return member

    @classmethod
    def _missing_(cls, value: object) -> Fault | None:
        return cls.__members__.get(str(value).upper().replace("-", "_"))

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names under which it can be asked for."""
        return tuple(
            name.lower().replace("_", "-")
            for name, fault in type(self).__members__.items()
            if fault is self and name != self.name
        )

    # Keys, clocks and rooms.
    ENV_PROJECT_MISMATCH = (
        "env-project-mismatch",
        "The server does not have the key: it belongs to another project",
        Part.KEYS,
        Change(settings=breaking.another_key),
    )
    TOKEN_BAD_SIGNATURE = (
        "token-bad-signature",
        "The server holds another secret for the key",
        Part.KEYS,
        Change(settings=breaking.another_secret),
    )
    TOKEN_SECRET_TOO_SHORT = (
        "token-secret-too-short",
        "The API secret has 12 characters, at the app and at the server",
        Part.SECRET,
        Change(keys=breaking.short_secrets),
    )
    CLOCK_SERVER_WRONG = (
        "clock-server-wrong",
        "The server's clock is two days ahead",
        Part.CLOCK,
        Change(settings=lambda settings: settings._replace(clock_ahead=2 * 86_400)),
    )
    ROOM_NOT_FOUND = (
        "room-not-found",
        "Rooms are not made by joining them, and nobody made one",
        Part.ROOMS | _JOINING,
        Change(
            settings=lambda settings: settings._replace(auto_create=False),
            met=breaking.joining,
            in_token=True,
        ),
    )
    IDENTITY_IN_ROOM = (
        "identity-in-room",
        "Somebody with the token's identity is in its room already",
        Part.PEOPLE,
        Change(
            settings=lambda s: s._replace(seated=(*s.seated, (s.room, s.identity))), in_token=True
        ),
    )

    # Tokens as a backend hands them out.
    TOKEN_EXPIRED = (
        "token-expired",
        "Tokens arrive two days old: the server finds every one expired",
        Part.TIMES,
        Change(settings=lambda settings: settings._replace(token_age=2 * 86_400), in_token=True),
    )
    TOKEN_NOT_JWT = (
        "token-not-jwt",
        "The app hands out a promise of a token, written as text",
        _TOKEN,
        _token(lambda draft: draft._replace(text="[object Promise]")),
    )
    TOKEN_ALG = (
        "token-alg",
        "The token is signed with HS512",
        Part.SIGNED,
        _token(lambda draft: draft._replace(alg="HS512")),
    )
    TOKEN_UNKNOWN_KEY = (
        "token-unknown-key",
        "The token is signed in the name of a key that the server does not have",
        Part.SIGNED,
        _token(breaking.claims(iss="APIofNobodyHere")),
    )
    TOKEN_TIME_UNITS = (
        "token-time-units",
        "The token's end is in milliseconds",
        Part.TIMES,
        _token(breaking.claims(exp=lambda seconds: seconds * 1000)),
    )
    TOKEN_NO_EXP = (
        "token-no-exp",
        "The token never ends",
        Part.TIMES,
        _token(breaking.claims(exp=None)),
    )
    CLOCK_MINT_AHEAD = (
        "clock-mint-ahead",
        "The token is made by a clock that is ten minutes ahead",
        Part.TIMES,
        _token(breaking.claims(nbf=lambda now: now + 600, exp=lambda ends: ends + 600)),
    )
    TOKEN_GRANT_MISSPELT = (
        "token-grant-misspelt",
        "The token says room_join in place of roomJoin",
        Part.JOIN,
        _token(breaking.video(roomJoin=None, room_join=lambda _: True)),
    )
    TOKEN_CLAIM_TYPE = (
        "token-claim-type",
        "The token says roomJoin as text in place of true",
        Part.JOIN,
        _token(breaking.video(roomJoin="true")),
    )
    TOKEN_NO_VIDEO_GRANT = (
        "token-no-video-grant",
        "The token has no video grant",
        Part.JOIN | Part.ROOM,
        _token(breaking.claims(video=None)),
    )
    TOKEN_ROOMJOIN_MISSING = (
        "token-roomjoin-missing",
        "The token names the room, but does not allow joining",
        Part.JOIN,
        _token(breaking.video(roomJoin=None)),
    )
    TOKEN_ROOM_MISSING = (
        "token-room-missing",
        "The token names no room",
        Part.ROOM,
        _token(breaking.video(room=None)),
    )
    TOKEN_IDENTITY_MISSING = (
        "token-identity-missing",
        "The token names nobody",
        Part.WHO,
        _token(breaking.claims(sub=None)),
    )
    TOKEN_PUBLISH_DENIED = (
        "token-publish-denied",
        "The token says canPublish false",
        Part.JOIN,
        _token(breaking.video(canPublish=lambda _: False)),
    )
    TOKEN_SUBSCRIBE_DENIED = (
        "token-subscribe-denied",
        "The token says canSubscribe false",
        Part.JOIN,
        _token(breaking.video(canSubscribe=lambda _: False)),
    )
    TOKEN_HIDDEN_OR_RECORDER = (
        "token-hidden-or-recorder",
        "The token says hidden true",
        Part.JOIN,
        _token(breaking.video(hidden=lambda _: True)),
    )
    TOKEN_LIMITS = (
        "token-limits",
        "The token's room has a name of 300 characters",
        Part.ROOM,
        _token(breaking.video(room="r" * 300)),
    )

    # A proxy in front.
    PROXY_UPGRADE_STRIPPED = (
        "proxy-upgrade-stripped",
        "A proxy drops the WebSocket upgrade: LiveKit sees a plain GET",
        _JOINING,
        _upgrade(breaking.plain_get),
    )
    PROXY_V1_NOT_ROUTED = (
        "proxy-v1-not-routed",
        "A proxy passes /rtc on to LiveKit, but not /rtc/v1",
        Part.VALIDATE | _JOINING,
        Change(answer=breaking.missing_page, met=breaking.joining_by_v1),
    )
    PROXY_UPSTREAM_DOWN = (
        "proxy-upstream-down",
        "A proxy answers, LiveKit behind it does not",
        _EVERYTHING,
        _everywhere(breaking.bad_gateway),
    )

    # Signalling.
    SIGNAL_ROOM_FULL = (
        "signal-room-full",
        "Every room has one place, and somebody sits in it",
        Part.ROOMS | _JOINING,
        Change(settings=lambda settings: settings._replace(full=True), met=breaking.joining),
    )
    SIGNAL_TIMEOUT = (
        "signal-timeout",
        "The upgrade is never answered, everything else is",
        _JOINING,
        _upgrade(breaking.gone),
    )
    SIGNAL_SLOW = (
        "signal-slow",
        "The answer to the upgrade trickles in, a byte at a time",
        _JOINING,
        _upgrade(breaking.drip),
    )
    SIGNAL_CLOSED_EARLY = (
        "signal-closed-early",
        "The connection is reset in place of an answer to the upgrade",
        _JOINING,
        _upgrade(breaking.hang_up),
    )
    SIGNAL_HANDSHAKE_INVALID = (
        "signal-handshake-invalid",
        "The upgrade is answered with a wrong Sec-WebSocket-Accept",
        _JOINING,
        _upgrade(breaking.wrong_accept),
    )
    SIGNAL_RATE_LIMITED = (
        "signal-rate-limited",
        "A proxy answers the upgrade with 429: too many requests",
        _JOINING,
        _upgrade(breaking.rate_limited),
    )
    SIGNAL_REFUSED = (
        "signal-refused",
        "A proxy answers everything under /rtc with 418",
        Part.VALIDATE | _JOINING,
        Change(answer=breaking.teapot, met=breaking.joining),
    )
    SIGNAL_LEAVE_ON_CONNECT = (
        "signal-leave-on-connect",
        "The first message is a Leave",
        Part.SESSION,
        _session(breaking.leave),
    )
    SIGNAL_SILENT_AFTER_UPGRADE = (
        "signal-silent-after-upgrade",
        "The upgrade succeeds, then nothing is ever said",
        Part.SESSION,
        _session(breaking.silence),
    )
    SIGNAL_CLOSED_AFTER_UPGRADE = (
        "signal-closed-after-upgrade",
        "The WebSocket is closed before anything is said",
        Part.SESSION,
        _session(breaking.close),
    )
    SIGNAL_DROPPED_AFTER_UPGRADE = (
        "signal-dropped-after-upgrade",
        "The upgrade succeeds, then the connection is cut",
        Part.SESSION,
        _session(breaking.drop),
    )
    SIGNAL_NOT_LIVEKIT = (
        "signal-not-livekit",
        "The WebSocket belongs to something else, which chatters",
        Part.SESSION,
        _session(breaking.chatter),
    )
    SIGNAL_FRAME_INVALID = (
        "signal-frame-invalid",
        "What follows the upgrade is no WebSocket frame",
        Part.SESSION,
        _session(breaking.no_frame),
    )
    SIGNAL_MESSAGE_TOO_LARGE = (
        "signal-message-too-large",
        "The first message says that it is a terabyte long",
        Part.SESSION,
        _session(breaking.endless_message),
    )
    SIGNAL_CUT_AFTER_JOIN = (
        "signal-cut-after-join",
        "The connection is cut right after the join",
        Part.SESSION,
        Change(settings=lambda s: s._replace(cuts_after_join=True), met=breaking.upgrading),
    )
    SIGNAL_NO_PONG = (
        "signal-no-pong",
        "The session starts, and pings are not answered",
        Part.SESSION,
        Change(settings=lambda s: s._replace(answers_pings=False), met=breaking.upgrading),
    )
    SIGNAL_TEST_ROOM_LEFT = (
        "signal-test-room-left",
        "Rooms last as long as the server says, whatever a token asks, and cannot be deleted",
        Part.DELETE,
        Change(
            settings=lambda s: s._replace(reads_room_config=False),
            answer=breaking.no_node,
            met=breaking.deleting,
        ),
    )

    # Something else than LiveKit, or LiveKit in no state to serve.
    URL_REDIRECT = (
        "url-redirect",
        "Everything is redirected to another host",
        _EVERYTHING,
        _everywhere(breaking.redirect),
    )
    URL_NOT_LIVEKIT = (
        "url-not-livekit",
        "The URL is that of a web app, which answers everything with its page",
        _EVERYTHING,
        _everywhere(breaking.web_page),
    )
    SERVER_NOT_READY = (
        "server-not-ready",
        "The server says that it is not ready",
        Part.ROOT,
        Change(answer=breaking.not_ready, met=breaking.of_root),
    )
    SERVER_REFUSED = (
        "server-refused",
        "A proxy answers everything with a 500 of its own",
        _EVERYTHING,
        _everywhere(breaking.broken)._replace(told_by="rooms list"),
    )
    HTTP_SILENT = (
        "http-silent",
        "The connection is accepted, and no request is ever answered",
        _EVERYTHING,
        _everywhere(breaking.gone),
    )
    HTTP_SLOW = (
        "http-slow",
        "Every answer trickles in, a byte at a time",
        _EVERYTHING,
        _everywhere(breaking.drip),
    )
    HTTP_CLOSED_EARLY = (
        "http-closed-early",
        "The connection is reset as soon as something is asked",
        _EVERYTHING,
        _everywhere(breaking.hang_up),
    )
    HTTP_NOT_HTTP = (
        "http-not-http",
        "A mail server listens on the port",
        _EVERYTHING,
        _everywhere(breaking.not_http),
    )
    HTTP_TOO_LARGE = (
        "http-too-large",
        "Every answer begins with a header of a megabyte",
        _EVERYTHING,
        _everywhere(breaking.endless_head),
    )

    # The server API.
    API_PERMISSION = (
        "api-permission",
        "A proxy drops the Authorization header of API calls",
        Part.API,
        Change(settings=lambda s: s._replace(api_authorization=False), met=breaking.calling),
    )
    API_NOT_ROUTED = (
        "api-not-routed",
        "A proxy passes /rtc on to LiveKit, but not the server API under /twirp",
        Part.API | Part.DELETE,
        Change(answer=breaking.missing_page, met=breaking.calling),
    )
    API_NOT_FOUND = (
        "api-not-found",
        "The others sit in a room whose name differs in upper and lower case",
        Part.PEOPLE,
        Change(
            settings=lambda s: s._replace(seated=(*s.seated, (s.room.upper(), "ann"))),
            in_token=True,
        ),
    )
    API_UNAVAILABLE = (
        "api-unavailable",
        "No node answers to API calls",
        Part.API | Part.DELETE,
        _api(breaking.no_node),
    )
    API_NO_ANSWER = (
        "api-no-answer",
        "API calls are never answered, everything else is",
        Part.API | Part.DELETE,
        _api(breaking.gone),
    )
    API_REFUSED = (
        "api-refused",
        "A proxy answers API calls with 403",
        Part.API | Part.DELETE,
        _api(breaking.forbidden),
    )

    # Other names, which say what is done rather than what lkdoctor calls it.
    UNKNOWN_KEY = ENV_PROJECT_MISMATCH
    WRONG_SECRET = TOKEN_BAD_SIGNATURE
    EXPIRED_TOKEN = TOKEN_EXPIRED
    CLOCK_AHEAD = CLOCK_SERVER_WRONG
    UPGRADE_DROPPED = PROXY_UPGRADE_STRIPPED
    UPSTREAM_DOWN = PROXY_UPSTREAM_DOWN
    SESSION_STALLS = SIGNAL_TIMEOUT
    SILENT = SIGNAL_SILENT_AFTER_UPGRADE
    ROOM_FULL = SIGNAL_ROOM_FULL
    LEAVE_ON_CONNECT = SIGNAL_LEAVE_ON_CONNECT
    NOT_READY = SERVER_NOT_READY
    NOT_LIVEKIT = URL_NOT_LIVEKIT
    REDIRECT = URL_REDIRECT
    NO_ANSWER = HTTP_SILENT
    HANGS_UP = HTTP_CLOSED_EARLY
    CLOSES_AFTER_UPGRADE = SIGNAL_CLOSED_AFTER_UPGRADE
    ECHO_SERVER = SIGNAL_NOT_LIVEKIT


class Placed(NamedTuple):
    """A fault, and the requests that meet it.

    Attributes:
        fault: what is broken.
        path: the path at which it is, ``*`` standing for anything; empty: where it belongs.
        first: the first request that meets it, counted from 1 among those of the path.
        last: the last one; None: all that come.
    """

    fault: Fault
    path: str = ""
    first: int = 1
    last: int | None = None

    @property
    def everywhere(self) -> bool:
        return not self.path and (self.first, self.last) == (1, None)

    def meets(self, request: web.Request) -> bool:
        """Whether this request is one of those that are counted."""
        if not self.path:
            return self.fault.change.met(request)
        return fnmatch.fnmatchcase(request.path, self.path)

    def acts(self, turn: int) -> bool:
        return self.first <= turn <= (MAX_TURN if self.last is None else self.last)

    def __str__(self) -> str:
        turns = f"#{self.first}"
        if self.last != self.first:
            turns += f"-{self.last or ''}"
        if (self.first, self.last) == (1, None):
            turns = ""
        return f"{self.fault}{f'@{self.path}' if self.path else ''}{turns}"


def placed(wanted: Iterable[Fault | Placed | str]) -> tuple[Placed, ...]:
    """Faults as they are asked for, in the order in which they are looked at.

    A fault at a path or for some requests comes before one that is everywhere.

    Raises:
        FaultError: there is no such fault, or two of them contradict each other.
    """
    each = tuple(dict.fromkeys(_read(fault) for fault in wanted))
    for left, right in combinations(each, 2):
        _compare(left, right)
    return tuple(sorted(each, key=lambda one: one.everywhere))


def nearest(name: str, limit: int = 3) -> list[str]:
    """The names of faults that were perhaps meant: a few slips away, or with this in them."""
    known = [other for fault in Fault for other in (str(fault), *fault.aliases)]
    slips = max(2, len(name) // 4)
    near = sorted((distance(name, other, slips), other) for other in known)
    found = [other for count, other in near if count <= slips]
    if len(name) > 3:
        found += [other for other in known if name in other]
    return list(dict.fromkeys(found))[:limit]


_WRITTEN: Final = re.compile(
    r"(?P<name>[^@#]*)(@(?P<path>/[^#]*))?(#(?P<first>\d{1,7})(?P<more>-(?P<last>\d{0,7}))?)?"
)


def _read(wanted: Fault | Placed | str) -> Placed:
    if isinstance(wanted, Fault):
        return Placed(wanted)
    if isinstance(wanted, Placed):
        return _allowed(wanted)
    found = _WRITTEN.fullmatch(wanted)
    if found is None:
        raise FaultError(
            f"{wanted}: behind a fault's name only @/PATH and #N can stand",
            advice=["signal-timeout@/rtc   signal-timeout#2   signal-timeout@/rtc#1-3"],
        )
    try:
        fault = Fault(found["name"])
    except ValueError:
        near = [f"did you mean {other}" for other in nearest(found["name"])]
        raise FaultError(f"{found['name']}: there is no such fault", advice=near) from None
    first = int(found["first"] or 1)
    last = (
        int(found["last"])
        if found["last"]
        else (None if found["more"] or not found["first"] else first)
    )
    return _allowed(Placed(fault, found["path"] or "", first, last))


def _allowed(one: Placed) -> Placed:
    """The same, if the fault can be had there."""
    if one.everywhere:
        return one
    alone = f"{one.fault} alone, without @ and #"
    if one.first < 1 or (one.last is not None and one.last < one.first):
        raise FaultError(f"{one}: requests are counted from 1, the first before the last")
    answers = one.fault.change.answer is not None
    if one.fault.decides & _HANDED_OUT and not answers:
        what = one.fault.decides.words
        raise FaultError(f"{one}: it changes {what}, for all requests alike", advice=[alone])
    upgrades = not answers and not one.fault.decides & (Part.KEYS | Part.API)
    if one.path and upgrades and not _any_fits(one.path, ("/rtc", "/rtc/v1", "/rtc/validate")):
        raise FaultError(f"{one}: it shows on joining alone", advice=[f"{one.fault}@/rtc"])
    return one


def _any_fits(pattern: str, paths: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for path in paths)


def _compare(left: Placed, right: Placed) -> None:
    both = left.fault.decides & right.fault.decides
    apart = left.path != right.path or left.everywhere != right.everywhere
    after = (left.last is not None and left.last < right.first) or (
        right.last is not None and right.last < left.first
    )
    if both and not apart and not after:
        raise FaultError(
            f"{left} and {right} contradict each other: both decide {both.words}",
            advice=["one of them, or each at a path or request of its own: CODE@/rtc, CODE#2"],
        )
