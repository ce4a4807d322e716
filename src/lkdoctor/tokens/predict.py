"""What a livekit-server answers to a token, by version; measured against the real ones.

Sources: livekit/protocol ``auth/verifier.go`` and livekit-server ``pkg/service/auth.go``,
``utils.go`` (``ValidateConnectRequest``) of the versions named below. ``/rtc/validate`` and the
WebSocket upgrade give the same answer.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from lkdoctor.names import MAX_BYTES
from lkdoctor.tokens.decode import Around, SignatureState
from lkdoctor.tokens.grants import CLAIMS
from lkdoctor.tokens.reading import (
    LEEWAY_S,
    GrantFault,
    GrantRead,
    Moment,
    ReadToken,
    TimeForm,
    TokenText,
    Unreadable,
)

TOKEN_MARK: Final = "<TOKEN>"
"""Stands for the whole token, which servers up to 1.13.5 echo."""


class Server(StrEnum):
    """Server versions whose answers differ, each by a version that was measured."""

    V1_13 = "1.13"
    V1_9 = "1.9 to 1.12"
    V1_8 = "1.8"
    V1_5 = "1.5"

    @property
    def go_jose(self) -> bool:
        """Whether the token library is go-jose (until 1.12), not golang-jwt."""
        return self is not Server.V1_13


def server_of(version: str) -> Server:
    """The group that a version belongs to; an unknown one counts as the newest."""
    try:
        major, minor = (int(part) for part in version.split(".")[:2])
    except ValueError:
        return Server.V1_13
    if (major, minor) >= (1, 13):
        return Server.V1_13
    if (major, minor) >= (1, 9):
        return Server.V1_9
    return Server.V1_8 if (major, minor) >= (1, 8) else Server.V1_5


class Refusal(StrEnum):
    """Why a server refuses a token, in one word for all its wordings."""

    NO_VIDEO = "no video grant"
    BAD_HEADER = "not sent as Bearer"
    NOT_A_TOKEN = "not a token"
    UNKNOWN_KEY = "unknown API key"
    BAD_SIGNATURE = "wrong signature"
    BAD_ALGORITHM = "algorithm not accepted"
    EXPIRED = "expired"
    NOT_YET = "not valid yet"
    FROM_FUTURE = "issued in the future"
    NO_EXPIRY = "no exp claim"
    MALFORMED = "a claim of the wrong type"
    NO_JOIN = "may not join"
    NO_ROOM = "no room"
    ROOM_TOO_LONG = "room name too long"
    NO_IDENTITY = "no identity"
    IDENTITY_TOO_LONG = "identity too long"
    NO_SUCH_ROOM = "no such room"


class Answer(NamedTuple):
    """What a server answers."""

    status: int
    body: str
    refusal: Refusal | None = None
    whole: bool = True
    """Whether ``body`` is all of it; else its beginning (Go names the field of its own struct)."""

    @property
    def accepted(self) -> bool:
        return self.refusal is None


ACCEPTED: Final = Answer(200, "success")


def _invalid(error: str, refusal: Refusal, *, whole: bool = True) -> Answer:
    return Answer(401, f"invalid token: {TOKEN_MARK}, error: {error}", refusal, whole)


_NOT_A_TOKEN: Final = Answer(401, "invalid authorization token", Refusal.NOT_A_TOKEN)
_NO_VIDEO: Final = Answer(401, "no permissions to access the room", Refusal.NO_VIDEO)


def predict(text: TokenText, server: Server, now: float) -> Answer:
    """The answer to ``/rtc/validate`` with this token at this time of the server's clock."""
    reading = text.reading
    if isinstance(reading, Unreadable):
        return _NOT_A_TOKEN if text.length else _NO_VIDEO
    if server.go_jose and reading.before_1_13 is not None:
        reading = reading._replace(**reading.before_1_13._asdict())
    if not _reads(text, reading, server):
        return _NOT_A_TOKEN
    if reading.issuer is None or reading.issuer_is_key is False:
        return Answer(401, f"invalid API key: {reading.issuer or ''}", Refusal.UNKNOWN_KEY)
    verify = _verify_go_jose if server.go_jose else _verify_golang_jwt
    return verify(reading, server, now) or _admit(reading, server) or ACCEPTED


def table(text: TokenText, now: float) -> tuple[tuple[Server, Answer], ...]:
    """The answer of every version."""
    return tuple((server, predict(text, server, now)) for server in Server)


# ------------------------------------------------------------------ reading the token

_REGISTERED: Final = frozenset({"iss", "sub", "jti", "aud", "exp", "nbf", "iat"})
_GOLANG_ALGORITHMS: Final = frozenset(
    f"{family}{bits}" for family in ("HS", "RS", "ES", "PS") for bits in (256, 384, 512)
) | {"none", "EdDSA"}


def _reads(text: TokenText, token: ReadToken, server: Server) -> bool:
    """``ParseAPIToken``: three parts of base64url and the registered claims."""
    if text.around in {Around.QUOTES, Around.BEARER, Around.JSON, Around.URL, Around.TEXT}:
        return False
    # go-jose drops every blank first; in a header Go's HTTP drops those at the end.
    if text.around is Around.BROKEN and not server.go_jose:
        return False
    if token.padded and not server.go_jose:
        return False
    if token.not_json or any(m.refused and m.name in _REGISTERED for m in token.misfits):
        return False
    if server.go_jose:
        if any("." not in name for name in token.duplicates) or set(token.bad_header) - {"crit"}:
            return False
        return all(
            _readable_by_go_jose(m) for m in (token.expires, token.not_before, token.issued_at)
        )
    return token.alg in _GOLANG_ALGORITHMS and all(
        moment is None or moment.seconds is not None
        for moment in (token.expires, token.not_before, token.issued_at)
    )


def _readable_by_go_jose(moment: Moment | None) -> bool:
    return moment is None or (moment.seconds is not None and moment.form is not TimeForm.TEXT)


# ------------------------------------------------------------------ signature, types, times


def _seconds(moment: Moment | None) -> float | None:
    if moment is None or moment.seconds is None:
        return None
    # Both libraries cut fractions; a number beyond int64 wraps to the distant past.
    return float(int(moment.seconds)) if abs(moment.seconds) < 2**63 else -(2.0**63)


_BAD_STATES: Final = frozenset(
    {SignatureState.WRONG, SignatureState.VARIANT, SignatureState.OTHER, SignatureState.MISSING,
     SignatureState.CUT}
)  # fmt: skip


def _verify_golang_jwt(token: ReadToken, _server: Server, now: float) -> Answer | None:
    prefix = "token is malformed: could not JSON decode claim: json: cannot unmarshal "
    if _malformed(token, Server.V1_13):
        return _invalid(prefix, Refusal.MALFORMED, whole=False)
    if _bad_settings(token):
        prefix = "token is malformed: could not JSON decode claim: proto:"
        return _invalid(prefix, Refusal.MALFORMED, whole=False)
    if token.alg != "HS256":
        error = f"token signature is invalid: signing method {token.alg} is invalid"
        return _invalid(error, Refusal.BAD_ALGORITHM)
    if token.signature.state in _BAD_STATES:
        return _invalid("token signature is invalid: signature is invalid", Refusal.BAD_SIGNATURE)
    expires, begins = _seconds(token.expires), _seconds(token.not_before)
    wrong: list[tuple[str, Refusal]] = []
    if expires is not None and now >= expires + LEEWAY_S:
        wrong.append(("token is expired", Refusal.EXPIRED))
    if begins is not None and now < begins - LEEWAY_S:
        wrong.append(("token is not valid yet", Refusal.NOT_YET))
    if wrong:
        said = ", ".join(words for words, _ in wrong)
        return _invalid(f"token has invalid claims: {said}", wrong[0][1])
    return None


def _verify_go_jose(token: ReadToken, server: Server, now: float) -> Answer | None:
    if token.bad_header:
        return _invalid("json: cannot unmarshal ", Refusal.MALFORMED, whole=False)
    hmac = token.alg in {"HS256", "HS384", "HS512"}
    if not hmac or token.critical or token.signature.state in _BAD_STATES:
        return _invalid(
            "go-jose/go-jose: error in cryptographic primitive",
            Refusal.BAD_SIGNATURE if hmac else Refusal.BAD_ALGORITHM,
        )
    if _malformed(token, server):
        return _invalid("json: cannot unmarshal ", Refusal.MALFORMED, whole=False)
    if any(_has_claim(server, n.partition(".")[0]) for n in token.duplicates if n[:1] != "…"):
        return _invalid("json: duplicate key ", Refusal.MALFORMED, whole=False)
    odd_settings = bool(token.room_config_unknown) or _bad_settings(token)
    if odd_settings and _has_claim(server, "roomConfig"):
        return _invalid("proto:", Refusal.MALFORMED, whole=False)  # a blank of some kind follows
    expires, begins = _seconds(token.expires), _seconds(token.not_before)
    issued = _seconds(token.issued_at)
    failed = "go-jose/go-jose/jwt: validation failed, "
    if begins is not None and now + LEEWAY_S < begins:
        return _invalid(failed + "token not valid yet (nbf)", Refusal.NOT_YET)
    if expires is not None and now - LEEWAY_S > expires:
        return _invalid(failed + "token is expired (exp)", Refusal.EXPIRED)
    if issued is not None and now + LEEWAY_S < issued:
        error = "go-jose/go-jose/jwt: validation field, token issued in the future (iat)"
        return _invalid(error, Refusal.FROM_FUTURE)
    return None


# Claims that a version does not have in its struct are passed over, whatever their type.
_SINCE: Final[dict[str, tuple[Server, ...]]] = {
    **dict.fromkeys(
        ("kind", "attributes", "roomPreset", "roomConfig", "sip"),
        (Server.V1_13, Server.V1_9, Server.V1_8),
    ),
    **dict.fromkeys(
        ("kindDetails", "agent", "inference", "observability", "identity"),
        (Server.V1_13, Server.V1_9),
    ),
}
_CLAIMS: Final = frozenset({*CLAIMS, "identity"})
_NOT_IN_OPEN_SERVERS: Final = frozenset({"agentEndpoint", "agentThread"})
_OLD_VIDEO: Final = frozenset(
    {"roomCreate", "roomList", "roomRecord", "roomAdmin", "roomJoin", "room", "canPublish",
     "canSubscribe", "canPublishData", "canPublishSources", "canUpdateOwnMetadata", "ingressAdmin",
     "hidden", "recorder"}
)  # fmt: skip

_LATER_VIDEO: Final[dict[str, tuple[Server, ...]]] = {
    "destinationRoom": (Server.V1_13, Server.V1_9),
    "canManageAgentSession": (Server.V1_13,),
}


def _has_grant(server: Server, grant: GrantRead) -> bool:
    if not _has_claim(server, grant.claim):
        return False
    if grant.claim != "video":
        return True
    name = grant.meant or grant.name
    return (server is not Server.V1_5 or name in _OLD_VIDEO) and (
        name not in _LATER_VIDEO or server in _LATER_VIDEO[name]
    )


def _has_claim(server: Server, claim: str) -> bool:
    if claim not in _CLAIMS or claim in _NOT_IN_OPEN_SERVERS:
        return False
    since = _SINCE.get(claim)
    return since is None or server in since


def _bad_settings(token: ReadToken) -> bool:
    return any(m.name.startswith("roomConfig.") for m in token.misfits)


def _malformed(token: ReadToken, server: Server) -> bool:
    bad_claims = any(
        _has_claim(server, m.name) for m in token.misfits if m.refused and m.name not in _REGISTERED
    )
    return bad_claims or any(
        grant.fault is GrantFault.TYPE
        and _has_grant(server, grant)
        and not (server.go_jose and grant.meant)  # go-jose minds upper and lower case
        for grant in token.grants
    )


# ------------------------------------------------------------------ grants and limits


def _admit(token: ReadToken, server: Server) -> Answer | None:
    if not token.has_video:
        return _NO_VIDEO
    video = {
        grant.meant or grant.name: grant.value
        for grant in token.grants
        if grant.claim == "video" and grant.fault is None and not (server.go_jose and grant.meant)
    }
    if video.get("roomJoin") is not True:
        return Answer(401, "permissions denied", Refusal.NO_JOIN)
    limited = server is not Server.V1_5
    if not token.identity_bytes:
        return Answer(400, "identity cannot be empty", Refusal.NO_IDENTITY)
    if limited and token.identity_bytes > MAX_BYTES:
        return Answer(
            400,
            f"participant identity length exceeds limits: max length {MAX_BYTES}",
            Refusal.IDENTITY_TOO_LONG,
        )
    room_bytes = token.room_bytes if video.get("room") else 0
    if not room_bytes and server in {Server.V1_13, Server.V1_9}:
        return Answer(400, "no room name", Refusal.NO_ROOM)
    if limited and room_bytes > MAX_BYTES:
        return Answer(
            400, f"room name length exceeds limits: max length {MAX_BYTES}", Refusal.ROOM_TOO_LONG
        )
    return None


# ------------------------------------------------------------------ the other way round

_WORDINGS: Final[tuple[tuple[str, Refusal], ...]] = (
    ("Must start with Bearer", Refusal.BAD_HEADER),
    ("invalid API key", Refusal.UNKNOWN_KEY),
    ("signing method", Refusal.BAD_ALGORITHM),
    ("signature is invalid", Refusal.BAD_SIGNATURE),
    ("error in cryptographic primitive", Refusal.BAD_SIGNATURE),
    ("is expired", Refusal.EXPIRED),
    ("not valid yet", Refusal.NOT_YET),
    ("issued in the future", Refusal.FROM_FUTURE),
    ("exp claim is required", Refusal.NO_EXPIRY),
    ("cannot unmarshal", Refusal.MALFORMED),
    ("could not JSON decode", Refusal.MALFORMED),
    ("json: duplicate key", Refusal.MALFORMED),
    ("error: proto:", Refusal.MALFORMED),
    ("invalid authorization token", Refusal.NOT_A_TOKEN),
    ("no permissions to access the room", Refusal.NO_VIDEO),
    ("permissions denied", Refusal.NO_JOIN),
    ("no room name", Refusal.NO_ROOM),
    ("room name length exceeds limits", Refusal.ROOM_TOO_LONG),
    ("identity cannot be empty", Refusal.NO_IDENTITY),
    ("identity length exceeds limits", Refusal.IDENTITY_TOO_LONG),
    ("requested room does not exist", Refusal.NO_SUCH_ROOM),
)


def recognise(status: int, body: str) -> Refusal | None:
    """The reason behind a refusal's text, in any version's wording; none when it is not LiveKit's."""
    if status not in {400, 401, 404}:
        return None
    # "invalid authorization token: token is expired" (after 1.13.5) is about the second part.
    return next((refusal for words, refusal in _WORDINGS if words in body), None)
