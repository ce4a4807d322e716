"""Whether a server has shown that it holds an API secret.

A moment after a join a server sends the participant a fresh token (``refresh_token``), which it
signs with an API secret of its own (livekit-server, roommanager.go `refreshToken`). A host that
merely answers as LiveKit does cannot make one; all that it has is what it was sent, and what
others have sent it before.
"""

from collections.abc import Collection
from typing import NamedTuple

from lkdoctor.redact import Secret
from lkdoctor.tokens.decode import Jwt, read_exact, signature_fits


def signing_input(token: Secret) -> bytes:
    """What the signature of a token is over: its header and claims, as they are written.

    Two tokens are the same one if these are the same: how a signature is written can be varied
    without the secret, as base64 has spare bits.
    """
    return token.reveal().rpartition(".")[0].encode()


class Proof(NamedTuple):
    """A token that only a holder of the secret can have made, and what it says of its maker."""

    room_config: bool
    """It knows ``roomConfig`` (livekit-server 1.8 on): what was asked for is in the token again.

    What the same server says unsigned, a host in between can change; this it cannot."""


def proof(
    token: str, secret: Secret, *, room: str, identity: str, sent: Collection[bytes]
) -> Proof | None:
    """What a server's token proves; None where anybody could have sent it.

    A server of several keys signs with any one of them: a token that proves nothing may well
    come from a server that holds this secret, too.

    Args:
        token: what the server sent; anything at all.
        secret: the API secret in question.
        room: a room that nobody but us has ever had a token for.
        identity: ours in it.
        sent: the `signing_input` of every token that we have signed for that room: they are no
            proof when they come back.
    """
    jwt = read_exact(token)
    if not isinstance(jwt, Jwt) or jwt.header.get("alg") != "HS256":
        return None
    video = jwt.claims.get("video")
    if (
        isinstance(video, dict)
        and video.get("room") == room
        and jwt.claims.get("sub") == identity
        and jwt.signing_input not in sent
        and signature_fits(jwt, secret.reveal().encode("utf-8", "surrogateescape"))
    ):
        return Proof(room_config=bool(jwt.claims.get("roomConfig")))
    return None
