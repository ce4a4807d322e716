"""Tokens for tests, each made on the spot from made-up credentials."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from lkdoctor.redact import Secret
from lkdoctor.tokens.decode import Key, Keyring

KEY: Final = "APIexample9Qm"
SECRET: Final = "Zq7Wk3Rt9LxP8vNb5Hc1Yd6Gf4Js0UaTeM2oIiEw1"
NOW: Final = 1_790_000_000
RING: Final = Keyring([Key("LIVEKIT_API_SECRET", KEY, Secret(SECRET))])

GOOD: Final[Mapping[str, Any]] = {
    "iss": KEY,
    "sub": "alice",
    "name": "Alice",
    "nbf": NOW - 600,
    "exp": NOW + 3000,
    "video": {"roomJoin": True, "room": "demo"},
}


def encode(data: bytes) -> str:
    """One part of a token."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token_of(header: bytes, claims: bytes, secret: bytes | None = SECRET.encode()) -> str:
    """A token of two texts, whatever they are."""
    text = f"{encode(header)}.{encode(claims)}"
    signature = b"" if secret is None else hmac.digest(secret, text.encode(), hashlib.sha256)
    return f"{text}.{encode(signature)}"


def token(
    claims: Mapping[str, Any] = GOOD, *, secret: str | bytes | None = SECRET, **header: Any
) -> str:
    """A token with these claims; ``without``-values are those set to `...`."""
    kept = {name: value for name, value in claims.items() if value is not ...}
    return token_of(
        json.dumps({"alg": "HS256", "typ": "JWT", **header}).encode(),
        json.dumps(kept).encode(),
        secret.encode() if isinstance(secret, str) else secret,
    )


def changed(**claims: Any) -> dict[str, Any]:
    """The good claims with some others; `...` takes one away."""
    return {**GOOD, **claims}


def with_video(**grants: Any) -> dict[str, Any]:
    """The good claims with other video grants; `...` takes one away."""
    video = {**GOOD["video"], **grants}
    return changed(video={name: value for name, value in video.items() if value is not ...})
