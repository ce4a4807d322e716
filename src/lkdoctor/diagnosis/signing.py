"""Tokens that are signed with the pair of the configuration."""

from collections.abc import Mapping

from lkdoctor.config.target import KeyPair
from lkdoctor.redact import Secret
from lkdoctor.tokens.mint import TokenRequest, mint


def sign(
    pair: KeyPair,
    video: Mapping[str, object],
    *,
    now: float,
    ttl_s: float,
    identity: str = "lkdoctor",
) -> Secret:
    """A token that allows this.

    Args:
        pair: who signs.
        video: the grants (livekit/protocol, auth/grants.go `VideoGrant`).
        now: the moment from which it is good, in Unix seconds.
        ttl_s: for so many seconds.
        identity: whose token it is.
    """
    return mint(
        TokenRequest(identity=identity, video=video),
        api_key=pair.api_key.value,
        secret=pair.api_secret.value,
        now=now,
        ttl_s=ttl_s,
    )
