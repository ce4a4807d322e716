"""Tokens, sound and broken in one way each, and what livekit-server answers to them.

    for case in CASES:
        token = case.token(key=..., secret=..., now=..., room=..., identity=...)
        answer = case.expected("1.13.5")     # Answer(status=401, body="invalid token: <TOKEN>, …")

`answer.text(token)` is the body to be compared. The answers were measured on loopback against
each version of `tests/servers.py`; they are the same on `/rtc/validate`, on `/rtc/v1/validate`
where there is one, and on the upgrades (101 in place of 200).
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple


class Answer(NamedTuple):
    """A status and a body, in which ``<TOKEN>`` stands for the token that was sent."""

    status: int
    body: str

    def text(self, token: str) -> str:
        return self.body.replace("<TOKEN>", token)


class Ingredients(NamedTuple):
    """What a token is made of."""

    key: str
    secret: str
    now: int
    room: str
    identity: str


class Unsigned(NamedTuple):
    """Header, claims, and the secret that signs them; None leaves an arbitrary signature."""

    header: dict[str, Any]
    claims: dict[str, Any]
    secret: str | None

    def signed(self) -> str:
        head, body = (_encode(json.dumps(part).encode()) for part in (self.header, self.claims))
        return f"{head}.{body}.{_encode(self._signature(f'{head}.{body}'))}"

    def _signature(self, text: str) -> bytes:
        alg = self.header.get("alg")
        if alg == "none":
            return b""
        if self.secret is None:
            return b"\x5a" * 256
        hashes = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}
        return hmac.new(
            self.secret.encode(), text.encode(), hashes.get(str(alg), hashlib.sha256)
        ).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Case(NamedTuple):
    """One token, and the answers by version; an absent version answers as the next newer one."""

    name: str
    recipe: Callable[[Ingredients], Unsigned | str]
    answers: Mapping[str, Answer]
    upgrades: Mapping[str, Answer] = {}
    """Where the upgrade says otherwise than `/rtc/validate`: of what a session needs to start."""

    def token(self, *, key: str, secret: str, now: float, room: str, identity: str) -> str:
        made = self.recipe(Ingredients(key, secret, int(now), room, identity))
        return made if isinstance(made, str) else made.signed()

    def expected(self, version: str) -> Answer:
        """What this livekit-server answers on the validate paths."""
        return _at(version, self.answers)

    def upgraded(self, version: str) -> Answer:
        """What this livekit-server answers to the upgrade, in a room that does not exist yet."""
        if self.upgrades:
            return _at(version, self.upgrades)
        answer = self.expected(version)
        return UPGRADED if answer.status == 200 else answer


VERSIONS: Final = ("1.13.5", "1.11.0", "1.9.12", "1.8.4", "1.5.0")


def _at(version: str, answers: Mapping[str, Answer]) -> Answer:
    known = VERSIONS[: VERSIONS.index(version) + 1]
    return next(answers[candidate] for candidate in reversed(known) if candidate in answers)


def _good(given: Ingredients) -> Unsigned:
    return Unsigned(
        header={"alg": "HS256", "typ": "JWT"},
        claims={
            "iss": given.key,
            "sub": given.identity,
            "nbf": given.now - 5,
            "exp": given.now + 600,
            "video": {"roomJoin": True, "room": given.room},
        },
        secret=given.secret,
    )


def _claims(**changes: Any) -> Callable[[Ingredients], Unsigned]:
    """The sound token with other claims; None takes one away, a callable is given `now`."""

    def recipe(given: Ingredients) -> Unsigned:
        made = _good(given)
        for name, value in changes.items():
            if value is None:
                made.claims.pop(name, None)
            else:
                made.claims[name] = value(given.now) if callable(value) else value
        return made

    return recipe


def _video(**changes: Any) -> Callable[[Ingredients], Unsigned]:
    """The sound token with another video grant; None takes a member away, a callable is called."""

    def recipe(given: Ingredients) -> Unsigned:
        made = _good(given)
        for name, value in changes.items():
            if value is None:
                made.claims["video"].pop(name, None)
            else:
                made.claims["video"][name] = value() if callable(value) else value
        return made

    return recipe


def _alg(alg: str, *, keyed: bool = True) -> Callable[[Ingredients], Unsigned]:
    def recipe(given: Ingredients) -> Unsigned:
        made = _good(given)
        made.header["alg"] = alg
        return made if keyed else made._replace(secret=None)

    return recipe


def _text(change: Callable[[str], str]) -> Callable[[Ingredients], str]:
    return lambda given: change(_good(given).signed())


def _header(**changes: Any) -> Callable[[Ingredients], Unsigned]:
    def recipe(given: Ingredients) -> Unsigned:
        made = _good(given)
        header = {k: v for k, v in {**made.header, **changes}.items() if v is not None}
        return made._replace(header=header)

    return recipe


def _payload(text: str) -> Callable[[Ingredients], str]:
    """A token whose payload is this text, whatever it is."""

    def recipe(given: Ingredients) -> str:
        head = _good(given).signed().partition(".")[0]
        return f"{head}.{_encode(text.encode())}.{_encode(b'signature')}"

    return recipe


def _renamed(**names: str) -> Callable[[Ingredients], Unsigned]:
    def recipe(given: Ingredients) -> Unsigned:
        made = _good(given)
        made.claims["video"] = {names.get(k, k): v for k, v in made.claims["video"].items()}
        return made

    return recipe


def _after(seconds: float) -> Callable[[int], float]:
    return lambda now: now + seconds


OK: Final = Answer(200, "success")
UPGRADED: Final = Answer(101, "")
NO_SESSION: Final = Answer(500, "connection closed by media")
DENIED: Final = Answer(401, "permissions denied")
NO_PERMISSION: Final = Answer(401, "no permissions to access the room")
NOT_A_TOKEN: Final = Answer(401, "invalid authorization token")
NO_ROOM: Final = Answer(400, "no room name")
NO_IDENTITY: Final = Answer(400, "identity cannot be empty")
LONG_ROOM: Final = Answer(400, "room name length exceeds limits: max length 256")
LONG_IDENTITY: Final = Answer(400, "participant identity length exceeds limits: max length 256")


def _invalid(why: str) -> Answer:
    return Answer(401, f"invalid token: <TOKEN>, error: {why}")


_CRYPTO: Final = _invalid("go-jose/go-jose: error in cryptographic primitive")
_JOSE: Final = "go-jose/go-jose/jwt: validation "


def _malformed(found: str, where: str, wanted: str) -> Answer:
    return _invalid(
        "token is malformed: could not JSON decode claim: json: "
        f"cannot unmarshal {found} into Go struct field {where} of type {wanted}"
    )


def _unfit(found: str, wanted: str) -> Answer:
    return _invalid(f"json: cannot unmarshal {found} into Go value of type {wanted}")


def _case(
    name: str,
    recipe: Callable[[Ingredients], Unsigned | str],
    newest: Answer,
    middle: Answer | None = None,
    oldest: Answer | None = None,
    **exact: Answer,
) -> Case:
    """A row: 1.13.5, then 1.8.4 to 1.11.0, then 1.5.0; `v1_8_4=` is one version alone."""
    answers = {"1.13.5": newest}
    if middle is not None:
        answers["1.11.0"] = middle
    answers |= {name[1:].replace("_", "."): answer for name, answer in exact.items()}
    if oldest is not None:
        answers["1.5.0"] = oldest
    return Case(name, recipe, answers)


_BAD_SIGNATURE: Final = (_invalid("token signature is invalid: signature is invalid"), _CRYPTO)
_EXPIRED: Final = (
    _invalid("token has invalid claims: token is expired"),
    _invalid(f"{_JOSE}failed, token is expired (exp)"),
)
_EARLY: Final = (
    _invalid("token has invalid claims: token is not valid yet"),
    _invalid(f"{_JOSE}failed, token not valid yet (nbf)"),
)


def _method(alg: str) -> Answer:
    return _invalid(f"token signature is invalid: signing method {alg} is invalid")


def _wrong_type(name: str, recipe: Callable[[Ingredients], Unsigned], *what: str) -> Case:
    """A claim of a type that Go does not read: found, struct and field, type wanted."""
    found, where, wanted = what
    return _case(name, recipe, _malformed(found, where, wanted), _unfit(found, wanted))


_VIDEO: Final = "VideoGrant.ClaimGrants.video."
_CLAIM: Final = "tokenClaims.ClaimGrants."

CASES: Final = (
    _case("good", _good, OK),
    _case("no token", lambda _: "", NO_PERMISSION),
    # Not a token at all.
    _case("garbage", lambda _: "garbage", NOT_A_TOKEN),
    _case("three parts of garbage", lambda _: "aaa.bbb.ccc", NOT_A_TOKEN),
    _case("in quotes", _text(lambda token: f'"{token}"'), NOT_A_TOKEN),
    _case("escaped line end behind it", _text(lambda token: token + "\\n"), NOT_A_TOKEN),
    _case("signature missing", _text(lambda token: token.rpartition(".")[0]), NOT_A_TOKEN),
    _case("a fourth part", _text(lambda token: token + ".x"), NOT_A_TOKEN),
    _case("padded base64", _text(lambda token: token + "="), NOT_A_TOKEN, OK),
    _case("payload is not JSON", _payload("{nonsense"), NOT_A_TOKEN),
    _case("payload is a list", _payload("[]"), NOT_A_TOKEN),
    _case("payload is null", _payload("null"), Answer(401, "invalid API key: ")),
    _case("byte order mark in the payload", _payload("\ufeff{}"), NOT_A_TOKEN),
    _case("bytes behind the payload", _payload("{} {}"), NOT_A_TOKEN),
    # Who signed it.
    _case("unknown key", _claims(iss="nosuchkey"), Answer(401, "invalid API key: nosuchkey")),
    _case("key with a line end", _claims(iss="a\nb<b>"), Answer(401, "invalid API key: a\nb<b>")),
    _case("no issuer", _claims(iss=None), Answer(401, "invalid API key: ")),
    _case("issuer is a number", _claims(iss=5), NOT_A_TOKEN),
    _case("wrong secret", lambda given: _good(given)._replace(secret="another"), *_BAD_SIGNATURE),
    _case("signature cut short", _text(lambda token: token[:-4]), *_BAD_SIGNATURE),
    _case(
        "wrong secret and expired",
        lambda given: _claims(exp=_after(-600))(given)._replace(secret="another"),
        *_BAD_SIGNATURE,
    ),
    # The algorithm.
    _case("alg none", _alg("none"), _method("none"), _CRYPTO),
    _case("alg HS384", _alg("HS384"), _method("HS384"), OK),
    _case("alg HS512", _alg("HS512"), _method("HS512"), OK),
    _case("alg RS256", _alg("RS256", keyed=False), _method("RS256"), _CRYPTO),
    _case("alg ES256", _alg("ES256", keyed=False), _method("ES256"), _CRYPTO),
    _case("alg in lower case", _alg("hs256"), NOT_A_TOKEN, _CRYPTO),
    _case("alg unknown", _alg("XX99"), NOT_A_TOKEN, _CRYPTO),
    _case("alg missing", _header(alg=None), NOT_A_TOKEN, _CRYPTO),
    _case("no typ", _header(typ=None), OK),
    _case("kid in the header", _header(kid="1"), OK),
    _case("crit in the header", _header(crit=["x"]), OK, _CRYPTO),
    # Times.
    _case("expired 30 s ago", _claims(exp=_after(-30)), OK),
    _case("expired 70 s ago", _claims(exp=_after(-70)), *_EXPIRED),
    _case("expired 10 min ago", _claims(exp=_after(-600)), *_EXPIRED),
    _case("exp 0", _claims(exp=0), *_EXPIRED),
    _case("exp negative", _claims(exp=-5), *_EXPIRED),
    _case("exp beyond 64 bits", _claims(exp=10**30), *_EXPIRED),
    _case("exp missing", _claims(exp=None), OK),
    _case("exp null", _claims(exp=lambda _: None), OK),
    _case("exp in milliseconds", _claims(exp=lambda now: (now + 600) * 1000), OK),
    _case("exp with a fraction", _claims(exp=_after(600.5)), OK),
    _case("exp a string of digits", _claims(exp=lambda now: str(now + 600)), OK, NOT_A_TOKEN),
    _case("exp a word", _claims(exp="soon"), NOT_A_TOKEN),
    _case("exp a date", _claims(exp="2030-01-01T00:00:00Z"), NOT_A_TOKEN),
    _case("exp true", _claims(exp=True), NOT_A_TOKEN),
    _case("nbf missing", _claims(nbf=None), OK),
    _case("nbf 30 s ahead", _claims(nbf=_after(30)), OK),
    _case("nbf 10 min ahead", _claims(nbf=_after(600)), *_EARLY),
    _case("nbf in milliseconds", _claims(nbf=lambda now: now * 1000), *_EARLY),
    _case(
        "expired and not yet valid",
        _claims(exp=_after(-600), nbf=_after(600)),
        _invalid("token has invalid claims: token is expired, token is not valid yet"),
        _EARLY[1],
    ),
    _case(
        "iat 10 min ahead",
        _claims(iat=_after(600)),
        OK,
        _invalid(f"{_JOSE}field, token issued in the future (iat)"),
    ),
    # Grants.
    _case("no video", _claims(video=None), NO_PERMISSION),
    _case("video null", _claims(video=lambda _: None), NO_PERMISSION),
    _case("video empty", _claims(video={}), DENIED),
    _case("roomJoin missing", _video(roomJoin=None), DENIED),
    _case("roomJoin false", _video(roomJoin=False), DENIED),
    _case("roomAdmin alone", _video(roomJoin=None, roomAdmin=True), DENIED),
    _case("snake case", _renamed(roomJoin="room_join"), DENIED),
    _case("roomJoin in lower case", _renamed(roomJoin="roomjoin"), OK, DENIED),
    _case("room in upper case", _renamed(room="ROOM"), OK, NO_ROOM, v1_8_4=OK),
    _case("canPublish null", _video(canPublish=lambda: None), OK),
    _wrong_type(
        "roomJoin a string", _video(roomJoin="true"), "string", f"{_VIDEO}roomJoin", "bool"
    ),
    _wrong_type(
        "canPublish a number", _video(canPublish=1), "number", f"{_VIDEO}canPublish", "bool"
    ),
    _wrong_type("room a number", _video(room=5), "number", f"{_VIDEO}room", "string"),
    _wrong_type("room a list", _video(room=["a"]), "array", f"{_VIDEO}room", "string"),
    _wrong_type(
        "video a string", _claims(video="x"), "string", f"{_CLAIM}video", "auth.VideoGrant"
    ),
    _wrong_type("video true", _claims(video=True), "bool", f"{_CLAIM}video", "auth.VideoGrant"),
    _wrong_type("name a number", _claims(name=7), "number", f"{_CLAIM}name", "string"),
    _wrong_type(
        "metadata an object", _claims(metadata={}), "object", f"{_CLAIM}metadata", "string"
    ),
    _wrong_type(
        "canPublishSources a string",
        _video(canPublishSources="camera"),
        *("string", f"{_VIDEO}canPublishSources", "[]string"),
    ),
    _wrong_type(
        "canPublishSources of numbers",
        _video(canPublishSources=[1]),
        *("number", f"{_VIDEO}canPublishSources", "string"),
    ),
    _case(
        "attributes of numbers",
        _claims(attributes={"a": 1}),
        _malformed("number", f"{_CLAIM}attributes", "string"),
        _unfit("number", "string"),
        OK,
    ),
    _case(
        "attributes a list",
        _claims(attributes=["a"]),
        _malformed("array", f"{_CLAIM}attributes", "map[string]string"),
        _unfit("array", "map[string]string"),
        OK,
    ),
    _case(
        "wrong secret and roomJoin a string",
        lambda given: _video(roomJoin="true")(given)._replace(secret="another"),
        _malformed("string", f"{_VIDEO}roomJoin", "bool"),
        _CRYPTO,
    ),
    _case(
        "canManageAgentSession a string",
        _video(canManageAgentSession="yes"),
        _malformed("string", f"{_VIDEO}canManageAgentSession", "bool"),
        OK,
    ),
    _case("source unknown", _video(canPublishSources=["hologram"]), OK),
    _case("kind agent", _claims(kind="agent"), OK),
    _case("kind unknown", _claims(kind="alien"), OK),
    _case("roomPreset unknown", _claims(roomPreset="nosuchpreset"), OK)._replace(
        upgrades={"1.13.5": NO_SESSION, "1.5.0": UPGRADED}
    ),
    _case("roomConfig", _claims(roomConfig={"emptyTimeout": 60, "maxParticipants": 5}), OK),
    _case("hidden", _video(hidden=True), OK),
    _case("audience listed", _claims(aud=["a", "b"]), OK),
    _case("audience a number", _claims(aud=5), NOT_A_TOKEN),
    # The room's name.
    _case("room missing", _video(room=None), NO_ROOM, v1_8_4=OK),
    _case("room empty", _video(room=""), NO_ROOM, v1_8_4=OK),
    _case("room of blanks", _video(room="  "), OK),
    _case("room of 256 bytes", _video(room="r" * 256), OK),
    _case("room of 257 bytes", _video(room="r" * 257), LONG_ROOM, oldest=OK),
    _case("room of 200 characters in 400 bytes", _video(room="é" * 200), LONG_ROOM, oldest=OK),
    _case("room with slash and question mark", _video(room="a/b?c#d"), OK),
    _case("room with control characters", _video(room="a\nb\x1b[31m\0"), OK),
    # The identity.
    _case("identity missing", _claims(sub=None), NO_IDENTITY),
    _case("identity empty", _claims(sub=""), NO_IDENTITY),
    _case("identity in jti", _claims(sub=None, jti="somebody"), OK),
    _case("identity a number", _claims(sub=7), NOT_A_TOKEN),
    _case("identity of 256 bytes", _claims(sub="i" * 256), OK),
    _case("identity of 257 bytes", _claims(sub="i" * 257), LONG_IDENTITY, oldest=OK),
    _case("name of 257 bytes", _claims(name="n" * 257), OK),
    _case("metadata of 600,000 bytes", _claims(metadata="m" * 600_000), OK)._replace(
        upgrades={"1.13.5": NO_SESSION, "1.11.0": UPGRADED}
    ),
)
BY_NAME: Final = {case.name: case for case in CASES}
