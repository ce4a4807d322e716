"""The token that was given, or the one that a booking would get."""

from typing import TYPE_CHECKING, NamedTuple

from lkdoctor.tokens.decode import Around, Jwt, Key, Keyring, NotAToken, read
from lkdoctor.tokens.grants import Capability, capabilities
from lkdoctor.tokens.reading import ReadToken, TokenText, Unreadable, reading_of

if TYPE_CHECKING:
    from lkdoctor.config.resolve import Resolution


class ServerAnswer(NamedTuple):
    """What a group of server versions would answer to ``/rtc/validate``."""

    server: str
    """``1.9 to 1.12``"""
    status: int
    body: str
    """``<TOKEN>`` stands for the token, which servers echo."""
    refusal: str | None
    """Why, in words; none where the token is accepted."""


class TokenFact(NamedTuple):
    """A token as plain data; neither the token nor a secret is in it."""

    origin: str
    """``LIVEKIT_TOKEN (.env:3)``, ``argument``, ``standard input``."""
    text: TokenText
    as_sent: bool = True
    """The app sends the text as it stands, so what is around the token is a fault."""
    secret_bytes: int | None = None
    """The length of the secret at hand, where there is one."""
    capabilities: tuple[Capability, ...] = ()
    """What the grants allow, where it was worked out."""
    answers: tuple[ServerAnswer, ...] = ()
    """What servers would answer, where it was worked out."""

    role: str = ""
    """What its holder is in the booking that it was made for: ``provider``, ``client`` …"""

    @property
    def token(self) -> ReadToken | None:
        """What the token says; none when the text is no token."""
        reading = self.text.reading
        return reading if isinstance(reading, ReadToken) else None

    @property
    def sent(self) -> TokenText:
        """The text as a server gets it: what only the log line has around it is left out."""
        return self.text if self.as_sent else self.text._replace(around=Around.NOTHING)

    @property
    def unreadable(self) -> Unreadable | None:
        """Why the text is no token; none when it is one."""
        reading = self.text.reading
        return reading if isinstance(reading, Unreadable) else None


def token_fact(
    text: str, keyring: Keyring, *, origin: str, as_sent: bool = True
) -> tuple[TokenFact, Jwt | NotAToken]:
    """Read a text as a token; the second is for who needs the token itself."""
    found = read(text)
    fact = TokenFact(
        origin=origin,
        text=reading_of(found, keyring),
        as_sent=as_sent,
        secret_bytes=keyring.secret_bytes,
    )
    return fact, found


def worked_out(fact: TokenFact, now: float) -> TokenFact:
    """The fact with what follows from it: capabilities, and what each server version would answer.

    Args:
        fact: the token.
        now: the clock that a server would judge it by.
    """
    from lkdoctor.tokens.predict import table  # minting does not need it

    read = fact.token
    return fact._replace(
        capabilities=() if read is None else capabilities(read.video, read.grants_of("sip")),
        answers=tuple(
            ServerAnswer(
                str(server), answer.status, answer.body, answer.refusal and str(answer.refusal)
            )
            for server, answer in table(fact.sent, now)
        ),
    )


def keyring_of(resolution: "Resolution") -> Keyring:
    """The key pairs at hand: the target's, then those of the projects."""
    keys: list[Key] = []
    for name, target in (("", resolution.target), *resolution.projects):
        pair = target.key_pair
        if pair is not None:
            words = f"project {name}" if name else f"LIVEKIT_API_SECRET ({pair.api_secret.origin})"
            keys.append(Key(words, pair.api_key.value, pair.api_secret.value))
    return Keyring(keys)
