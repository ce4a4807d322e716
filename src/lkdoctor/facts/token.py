"""The token that was given, or the one that a booking would get."""

from typing import NamedTuple

from lkdoctor.tokens.decode import Jwt, Keyring, NotAToken, read
from lkdoctor.tokens.reading import ReadToken, TokenText, Unreadable, reading_of


class TokenFact(NamedTuple):
    """A token as plain data; neither the token nor a secret is in it."""

    origin: str
    """``LIVEKIT_TOKEN (.env:3)``, ``argument``, ``standard input``."""
    text: TokenText
    as_sent: bool = True
    """The app sends the text as it stands, so what is around the token is a fault."""
    secret_bytes: int | None = None
    """The length of the secret at hand, where there is one."""

    @property
    def token(self) -> ReadToken | None:
        """What the token says; none when the text is no token."""
        reading = self.text.reading
        return reading if isinstance(reading, ReadToken) else None

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
    secrets = [len(key.secret.reveal().encode()) for key in keyring.keys]
    fact = TokenFact(
        origin=origin,
        text=reading_of(found, keyring),
        as_sent=as_sent,
        secret_bytes=secrets[0] if secrets else None,
    )
    return fact, found
