"""Facts that raise each cause of `rules/token.py`, and the nearest that do not."""

from collections.abc import Callable
from typing import Final

from examples.base import Example
from examples.healthy import NOON, healthy
from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact
from lkdoctor.facts.token import TokenFact
from lkdoctor.tokens.decode import Around, Fault, Signature, SignatureState
from lkdoctor.tokens.reading import (
    GrantFault,
    GrantRead,
    Moment,
    ReadToken,
    TimeForm,
    TokenText,
    Unreadable,
)

_GOOD: Final = ReadToken(
    alg="HS256",
    issuer="APIex…9Qm",
    issuer_is_key=True,
    signature=Signature(
        SignatureState.VALID, "LIVEKIT_API_SECRET (.env.local:3)", key_matches=True
    ),
    identity="alice",
    identity_bytes=5,
    name="Alice",
    room="demo",
    room_bytes=4,
    expires=Moment(f"{NOON + 3600:.0f}", TimeForm.INTEGER, NOON + 3600),
    not_before=Moment(f"{NOON - 60:.0f}", TimeForm.INTEGER, NOON - 60),
    issued_at=None,
    has_video=True,
    grants=(
        GrantRead("video", "roomJoin", value=True, written="true"),
        GrantRead("video", "room", "demo", '"demo"'),
    ),
    claim_names=("name", "video", "sub", "iss", "nbf", "exp"),
)


def _fact(reading: ReadToken | Unreadable, *, secret: int = 44) -> TokenFact:
    return TokenFact(
        origin="LIVEKIT_TOKEN (.env.local:4)",
        text=TokenText(412, Around.NOTHING, "", reading),
        secret_bytes=secret,
    )


def _example(
    reading: ReadToken | Unreadable, said: str = "", status: int = 401, *, secret: int = 44
) -> Callable[[], Facts]:
    """A run that had this token, and asked the server about it where ``said`` is its answer."""

    def facts() -> Facts:
        from examples.healthy import answer
        from lkdoctor.facts.signal import Validation, Whose

        fine = healthy()
        signal = fine.signal
        if said and signal is not None:
            told = answer(status, said, content_type="text/plain; charset=utf-8")
            asked = Validation(Whose.GIVEN, "/rtc/validate", told)
            signal = signal._replace(validations=(asked, *signal.validations))
        return fine._replace(token=_fact(reading, secret=secret), signal=signal)

    return facts


def _example_in_room() -> Facts:
    from lkdoctor.facts.api import ParticipantInfo, ParticipantsListed, Permission

    alice = ParticipantInfo(
        identity="alice",
        name="Alice",
        sid="PA_a1B2c3D4e5F6",
        state="ACTIVE",
        joined_at=NOON - 60,
        kind_of="STANDARD",
        permission=Permission(can_subscribe=True, can_publish=True, can_publish_data=True),
    )
    fine = _HEALTHY()
    there = ParticipantsListed("demo", (alice,))
    api = (fine.api or ApiFact())._replace(participants=there, room_asked="demo")
    return fine._replace(api=api)


def _with_user() -> Facts:
    """A URL that brings a log-in of its own."""

    fine = healthy()
    if fine.url is None or fine.url.result.kind != "parsed":
        return fine
    raw = f"wss://<redacted>@{fine.url.result.host}"
    url = fine.url._replace(raw=raw, result=fine.url.result._replace(userinfo=True))
    return fine._replace(url=url)


def _time(seconds: float, written: str | None = None) -> Moment:
    return Moment(written or f"{seconds:.0f}", TimeForm.INTEGER, seconds)


_HEALTHY: Final = _example(_GOOD, "success", 200)


def _video(*grants: GrantRead) -> ReadToken:
    return _GOOD._replace(
        grants=grants,
        room="demo" if any(g.name == "room" for g in grants) else "",
        room_bytes=4 if any(g.name == "room" for g in grants) else 0,
    )


_JOIN: Final = GrantRead("video", "roomJoin", value=True, written="true")

_ROOM: Final = GrantRead("video", "room", "demo", '"demo"')


EXAMPLES: Final = {
    "token-not-jwt": Example(
        _example(Unreadable(Fault.PROMISE, ""), "invalid authorization token"), _HEALTHY
    ),
    "token-alg": Example(
        _example(
            _GOOD._replace(
                alg="RS256", signature=Signature(SignatureState.NOT_HMAC), issuer="https…dev"
            ),
            "invalid token: <token>, error: token signature is invalid: signing method RS256 is invalid",
        ),
        _HEALTHY,
    ),
    "token-unknown-key": Example(
        _example(_GOOD._replace(issuer_is_key=False), "invalid API key: APIother"), _HEALTHY
    ),
    "token-bad-signature": Example(
        _example(
            _GOOD._replace(
                signature=Signature(SignatureState.WRONG, "LIVEKIT_API_SECRET", key_matches=True)
            ),
            "invalid token: <token>, error: token signature is invalid: signature is invalid",
        ),
        _HEALTHY,
    ),
    "token-secret-too-short": Example(_example(_GOOD, "success", 200, secret=16), _HEALTHY),
    "token-time-units": Example(
        _example(
            _GOOD._replace(not_before=_time(NOON * 1000)),
            "invalid token: <token>, error: token has invalid claims: token is not valid yet",
        ),
        _HEALTHY,
    ),
    "token-expired": Example(
        _example(
            _GOOD._replace(expires=_time(NOON - 7380)),
            "invalid token: <token>, error: token has invalid claims: token is expired",
        ),
        _HEALTHY,
    ),
    "token-no-exp": Example(_example(_GOOD._replace(expires=None), "success", 200), _HEALTHY),
    "clock-mint-ahead": Example(
        _example(
            _GOOD._replace(not_before=_time(NOON + 94)),
            "invalid token: <token>, error: token has invalid claims: token is not valid yet",
        ),
        _HEALTHY,
    ),
    "token-grant-misspelt": Example(
        _example(
            _video(
                GrantRead("video", "room_join", None, "true", GrantFault.UNKNOWN, "roomJoin"), _ROOM
            ),
            "permissions denied",
        ),
        _HEALTHY,
    ),
    "token-claim-type": Example(
        _example(
            _video(GrantRead("video", "roomJoin", None, '"true"', GrantFault.TYPE), _ROOM),
            "invalid token: <token>, error: token is malformed: could not JSON decode claim: json: cannot "
            "unmarshal string",
        ),
        _HEALTHY,
    ),
    "token-no-video-grant": Example(
        _example(
            _GOOD._replace(has_video=False, grants=(), room="", room_bytes=0),
            "no permissions to access the room",
        ),
        _HEALTHY,
    ),
    "token-roomjoin-missing": Example(
        _example(_video(_JOIN._replace(value=False, written="false"), _ROOM), "permissions denied"),
        _HEALTHY,
    ),
    "token-room-missing": Example(_example(_video(_JOIN), "no room name", 400), _HEALTHY),
    "token-identity-missing": Example(
        _example(
            _GOOD._replace(identity="", identity_bytes=0, claim_names=("video", "iss", "exp")),
            "identity cannot be empty",
            400,
        ),
        _HEALTHY,
    ),
    "token-limits": Example(
        _example(
            _GOOD._replace(room="r" * 257, room_bytes=257),
            "room name length exceeds limits: max length 256",
            400,
        ),
        _HEALTHY,
    ),
    "identity-in-room": Example(_example_in_room, _HEALTHY),
    "token-publish-denied": Example(
        _example(
            _video(_JOIN, _ROOM, GrantRead("video", "canPublish", value=False, written="false")),
            "success",
            200,
        ),
        _HEALTHY,
    ),
    "token-subscribe-denied": Example(
        _example(
            _video(_JOIN, _ROOM, GrantRead("video", "canSubscribe", value=False, written="false")),
            "success",
            200,
        ),
        _HEALTHY,
    ),
    "token-hidden-or-recorder": Example(
        _example(
            _video(_JOIN, _ROOM, GrantRead("video", "hidden", value=True, written="true")),
            "success",
            200,
        ),
        _HEALTHY,
    ),
    "token-auth-header": Example(_with_user, _HEALTHY),
    "token-prefetched-short-ttl": Example(
        _example(_GOOD._replace(expires=_time(NOON + 30), not_before=_time(NOON - 570))),
        _example(_GOOD._replace(expires=_time(NOON + 570), not_before=_time(NOON - 30))),
    ),
}
