"""Two tokens side by side: can their holders meet, and who may do what."""

from typing import NamedTuple

from lkdoctor.names import nearest_twin
from lkdoctor.tokens import grants
from lkdoctor.tokens.predict import Refusal, Server, predict
from lkdoctor.tokens.reading import ReadToken, TokenText, Unreadable


class Obstacle(NamedTuple):
    """Why the two do not meet."""

    code: str
    says: str


class Row(NamedTuple):
    """One property of both tokens."""

    what: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


class Comparison(NamedTuple):
    """What follows from two tokens."""

    obstacles: tuple[Obstacle, ...]
    rows: tuple[Row, ...]
    """Those that differ first, each part in the order in which they matter to a call."""

    @property
    def meet(self) -> bool:
        """Whether both can be in one room at one time."""
        return not self.obstacles


_CODES = {
    Refusal.NOT_A_TOKEN: "token-not-jwt",
    Refusal.UNKNOWN_KEY: "token-unknown-key",
    Refusal.BAD_SIGNATURE: "token-bad-signature",
    Refusal.BAD_ALGORITHM: "token-alg",
    Refusal.EXPIRED: "token-expired",
    Refusal.NOT_YET: "clock-mint-ahead",
    Refusal.FROM_FUTURE: "clock-mint-ahead",
    Refusal.MALFORMED: "token-claim-type",
    Refusal.NO_VIDEO: "token-no-video-grant",
    Refusal.NO_JOIN: "token-roomjoin-missing",
    Refusal.NO_ROOM: "token-room-missing",
    Refusal.NO_IDENTITY: "token-identity-missing",
    Refusal.ROOM_TOO_LONG: "token-limits",
    Refusal.IDENTITY_TOO_LONG: "token-limits",
}


def compare(left: TokenText, right: TokenText, now: float) -> Comparison:
    """Compare two tokens at a time of this machine's clock."""
    a, b = left.reading, right.reading
    obstacles = [
        Obstacle(_CODES.get(answer.refusal, "token-not-jwt"), f"token {name}: {answer.refusal}")
        for name, text in (("A", left), ("B", right))
        if (answer := predict(text, Server.V1_13, now)).refusal is not None
    ]
    if isinstance(a, Unreadable) or isinstance(b, Unreadable):
        return Comparison(tuple(obstacles), ())
    obstacles = [*_apart(a, b), *obstacles]
    rows = tuple(_rows(a, b))
    return Comparison(tuple(obstacles), tuple(sorted(rows, key=lambda row: not row.differs)))


def _apart(a: ReadToken, b: ReadToken) -> list[Obstacle]:
    found: list[Obstacle] = []
    if a.room != b.room:
        twin = nearest_twin(a.room, (b.room,))
        how = f": {twin.how}" if twin is not None else ""
        found.append(Obstacle("room-name-mismatch", f'two rooms, "{a.room}" and "{b.room}"{how}'))
    if a.identity == b.identity:
        found.append(
            Obstacle(
                "identity-collision",
                f'one identity, "{a.identity}": the second to join throws out the first',
            )
        )
    if a.issuer != b.issuer:
        found.append(
            Obstacle(
                "env-project-mismatch",
                f"two API keys, {a.issuer or 'none'} and {b.issuer or 'none'}: two projects or servers",
            )
        )
    return found


def _rows(a: ReadToken, b: ReadToken) -> list[Row]:
    rows = [
        Row("Room", a.room, b.room),
        Row("Identity", a.identity, b.identity),
        Row("API key", a.issuer or "none", b.issuer or "none"),
        Row("Signature", str(a.signature.state), str(b.signature.state)),
    ]
    mine, theirs = (
        {row.id: row for row in grants.capabilities(t.video, t.grants_of("sip"))} for t in (a, b)
    )
    for name, row in mine.items():
        label = "Join the room" if name == "join" else row.label
        rows.append(
            Row(label, "yes" if row.allowed else "no", "yes" if theirs[name].allowed else "no")
        )
    rows.append(Row("Name", a.name, b.name))
    rows.append(Row("Ends", _ends(a), _ends(b)))
    return rows


def _ends(token: ReadToken) -> str:
    from datetime import UTC, datetime

    if token.expires is None or token.expires.seconds is None:
        return "never"
    try:
        return f"{datetime.fromtimestamp(token.expires.seconds, UTC):%Y-%m-%d %H:%M:%S}Z"
    except (OverflowError, ValueError, OSError):
        return token.expires.written
