"""Tokens that are signed with the pair of the configuration."""

from collections.abc import Mapping

from lkdoctor.clock import Clock
from lkdoctor.config.target import KeyPair
from lkdoctor.redact import Secret
from lkdoctor.tokens.mint import TokenRequest, mint
from lkdoctor.tokens.proof import Proof, proof, signing_input


def sign(
    pair: KeyPair,
    video: Mapping[str, object],
    *,
    now: float,
    ttl_s: float,
    identity: str = "lkdoctor",
    room_config: Mapping[str, object] | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Secret:
    """A token that allows this.

    Args:
        pair: who signs.
        video: the grants (livekit/protocol, auth/grants.go `VideoGrant`).
        now: the moment from which it is good, in Unix seconds.
        ttl_s: for so many seconds.
        identity: whose token it is.
        room_config: of the room that a join with it makes.
        attributes: of the participant.
    """
    return mint(
        TokenRequest(
            identity=identity, video=video, room_config=room_config, attributes=attributes
        ),
        api_key=pair.api_key.value,
        secret=pair.api_secret.value,
        now=now,
        ttl_s=ttl_s,
    )


class Signer:
    """Signs for one run, and tells a token of the server's from its own.

    Args:
        pair: who signs.
        clock: when.
        ttl_s: how long its tokens are good.
    """

    def __init__(self, pair: KeyPair, clock: Clock, ttl_s: float) -> None:
        self._pair, self._clock, self._ttl_s = pair, clock, ttl_s
        self._sent: set[bytes] = set()

    def sign(
        self,
        video: Mapping[str, object],
        *,
        identity: str = "lkdoctor",
        room_config: Mapping[str, object] | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> Secret:
        """A token that allows this; see `sign`."""
        token = sign(
            self._pair,
            video,
            now=self._clock.now(),
            ttl_s=self._ttl_s,
            identity=identity,
            room_config=room_config,
            attributes=attributes,
        )
        self._sent.add(signing_input(token))
        return token

    def proof(self, token: str, *, room: str, identity: str) -> Proof | None:
        """What a token that the server sent proves; see `lkdoctor.tokens.proof`."""
        secret = self._pair.api_secret.value
        return proof(token, secret, room=room, identity=identity, sent=self._sent)
