"""``token decode --all``: a token a line in, a verdict a line out, fast.

The law of this file: no line that goes out holds a token or a secret, although none of the tokens
is registered with the redaction, which would take longer than all the rest: what is written is
safe field by field.
"""

import json
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any, Final, NamedTuple, cast

from lkdoctor.cli.streams import Streams, give_up, going_on
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.token import TokenFact
from lkdoctor.findings import Confidence, Severity
from lkdoctor.redact import safe
from lkdoctor.report.model import ExitCode
from lkdoctor.rules.base import Judge, Rule
from lkdoctor.rules.token import RULES
from lkdoctor.tokens.decode import Jwt, Keyring, NotAToken, SignatureState, read
from lkdoctor.tokens.grants import GRANTS, ValueType
from lkdoctor.tokens.reading import masked, reading_of

FLUSH_EVERY: Final = 64
"""Lines; the reader of a pipe gets them as they come, at little cost."""


def decode_lines(streams: Streams, ring: Keyring, clock: ClockFact) -> ExitCode:
    """Read tokens from standard input until it ends; exit code 1 when one of them is of no use."""
    verdicts = Verdicts(ring, clock)
    source = getattr(streams.stdin, "buffer", None)
    lines: Iterator[str | bytes] = iter(streams.stdin if source is None else source)
    fine = True
    for number, raw in enumerate(lines, 1):
        text = (raw if isinstance(raw, str) else raw.decode("utf-8", "replace")).strip()
        if not text:
            continue
        usable, result = verdicts.of(number, text)
        fine = fine and usable
        try:
            streams.out.write(result)
            if number % FLUSH_EVERY == 0:
                streams.out.flush()
        except OSError as error:  # nobody reads them, and the tokens may never end
            give_up(streams.out, error)
            break
    with going_on(streams.out):
        streams.out.flush()
    return ExitCode.HEALTHY if fine else ExitCode.PROBLEM


class _Judge(NamedTuple):
    rule: Rule
    judge: Judge
    known: dict[str, Any]


_PLAIN_CLAIMS: Final = frozenset({"iss", "sub", "name", "nbf", "exp", "video"})
_PLAIN_HEADER: Final = frozenset({"alg", "typ"})
_SWITCHES: Final = frozenset(
    g.name for g in GRANTS if g.claim == "video" and g.type is ValueType.SWITCH
)
_SHORT: Final = 64
"""Characters: at most 256 bytes in any script."""

_PLAIN_TEXTS: Final = frozenset({"metadata", "kind", "sha256", "roomPreset", "jti"})
_SMALL: Final = 10_000
"""Characters: far from every limit in bytes."""


def _plain_attributes(value: object) -> bool:
    if type(value) is not dict or not all(type(item) is str for item in value.values()):
        return False
    return sum(len(key) + len(item) for key, item in value.items()) <= _SMALL


_encode: Final = json.JSONEncoder(ensure_ascii=False).encode


def _takes_clock(judge: Judge) -> bool:
    code = cast("FunctionType", judge).__code__
    return "clock" in code.co_varnames[: code.co_argcount]


class Verdicts:
    """Judges tokens one after the other."""

    def __init__(self, ring: Keyring, clock: ClockFact) -> None:
        self._ring = ring
        self._clock = clock
        self._judges = tuple(
            _Judge(rule, rule.judge, {"clock": clock} if _takes_clock(rule.judge) else {})
            for rule in RULES
            # The others judge what a server said, and no server was asked.
            if set(rule.needs) <= {"token", "clock"}
        )

    def of(self, number: int, text: str) -> tuple[bool, str]:
        """Whether the token is usable now, and the line that says so."""
        found = read(text)
        plain = self.plain(found) if isinstance(found, Jwt) else None
        if plain is not None:
            return True, _encode({"line": number, **plain}) + "\n"
        usable, result = self.judged(found)
        return usable, _encode({"line": number, **result}) + "\n"

    def plain(self, jwt: Jwt) -> dict[str, object] | None:
        """The verdict on a token of the commonest kind, in which no rule finds anything.

        None says nothing; then `judged` decides. Where this gives a verdict it is the same one.
        """
        claims = jwt.claims
        if jwt.duplicates or jwt.not_json or jwt.padded:
            return None
        if not claims.keys() <= _PLAIN_CLAIMS and not self._plain_extras(claims):
            return None
        issuer, identity, exp, video = map(claims.get, ("iss", "sub", "exp", "video"))
        nbf, name = claims.get("nbf", 0), claims.get("name", "")
        now = self._clock.best
        if not (
            type(issuer) is type(identity) is type(name) is str
            and type(exp) is type(nbf) is int
            and type(video) is dict
            and 0 < len(identity) <= _SHORT
            and now < exp < 1e11
            and 0 <= nbf <= now
        ):
            return None
        room = video.get("room")
        if (
            type(room) is not str
            or not 0 < len(room) <= _SHORT
            or video.get("roomJoin") is not True
        ):
            return None
        granted = []
        for grant, value in video.items():
            if value is True and grant in _SWITCHES:
                granted.append(grant)
            elif grant != "room" and (value is not False or grant not in _SWITCHES):
                return None
        if jwt.header.get("alg") != "HS256" or not jwt.header.keys() <= _PLAIN_HEADER:
            return None
        signature = self._ring.check(jwt)
        if signature.state is not SignatureState.VALID or (self._ring.secret_bytes or 0) < 32:
            return None
        return {
            "usable": True,
            "codes": [],
            "identity": safe(identity),
            "room": safe(room),
            "issuer": masked(issuer),
            "signature": "valid",
            "signed_by": signature.key,
            "nbf": float(nbf) if "nbf" in claims else None,
            "exp": float(exp),
            "grants": granted,
        }

    def _plain_extras(self, claims: Mapping[str, object]) -> bool:
        for name in claims.keys() - _PLAIN_CLAIMS:
            value = claims[name]
            if name in _PLAIN_TEXTS:
                if type(value) is not str or len(value) > _SMALL:
                    return False
            elif name == "iat":
                if type(value) is not int or not 0 <= value <= self._clock.best:
                    return False
            elif name != "attributes" or not _plain_attributes(value):
                return False
        return True

    def judged(self, found: Jwt | NotAToken) -> tuple[bool, dict[str, object]]:
        """The verdict of the rules."""
        fact = TokenFact(
            origin="",
            text=reading_of(found, self._ring),
            as_sent=False,
            secret_bytes=self._ring.secret_bytes,
        )
        usable, codes = self._judge(fact)
        result: dict[str, object] = {"usable": usable, "codes": codes}
        token = fact.token
        if token is None:
            bad = fact.unreadable
            return usable, {**result, "fault": None if bad is None else str(bad.fault)}
        return usable, {
            **result,
            "identity": token.identity,
            "room": token.room,
            "issuer": token.issuer,
            "signature": str(token.signature.state),
            "signed_by": token.signature.key,
            "nbf": None if token.not_before is None else token.not_before.seconds,
            "exp": None if token.expires is None else token.expires.seconds,
            "grants": [grant.name for grant in token.grants if grant.value is True],
        }

    def _judge(self, fact: TokenFact) -> tuple[bool, list[str]]:
        found: list[str] = []
        folded: set[str] = set()
        usable = True
        for rule, judge, known in self._judges:
            for judgement in judge(token=fact, **known):
                found.append(rule.code)
                folded.update(rule.words.explains)
                grave = (judgement.severity or rule.words.severity) is Severity.ERROR
                if grave and (judgement.confidence or rule.words.confidence) is not Confidence.HINT:
                    usable = False
        return usable, [code for code in dict.fromkeys(found) if code not in folded]
