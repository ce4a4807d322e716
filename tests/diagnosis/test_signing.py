"""Tokens of the configuration's pair, read by the library that servers' SDKs verify with."""

import jwt
from tokens.samples import KEY, SECRET

from lkdoctor.config.target import KeyPair, SecretSetting, Setting
from lkdoctor.diagnosis.signing import sign
from lkdoctor.redact import Secret


def test_a_token_says_what_it_was_asked_to() -> None:
    pair = KeyPair(Setting(KEY, "test"), SecretSetting(Secret(SECRET), "test"))
    token = sign(pair, {"roomList": True}, now=1_790_000_000.0, ttl_s=60.0, identity="ada")
    claims = jwt.decode(
        token.reveal(), SECRET, ["HS256"], options={"verify_exp": False, "verify_nbf": False}
    )
    assert (claims["iss"], claims["sub"], claims["video"]["roomList"]) == (KEY, "ada", True)
    assert claims["exp"] == 1_790_000_060
