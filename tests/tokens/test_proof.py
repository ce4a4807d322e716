"""What shows that a server holds our secret, and what does not."""

import jwt
import pytest
from tokens.samples import KEY, NOW, SECRET

from lkdoctor.redact import Secret
from lkdoctor.tokens.proof import Proof, proof, signing_input

ROOM = "lkdoctor-5f2c9a1e"
IDENTITY = "lkdoctor-probe-5f2c9a1e"
CLAIMS = {
    "iss": KEY,
    "sub": IDENTITY,
    "nbf": NOW,
    "exp": NOW + 60,
    "video": {"roomJoin": True, "room": ROOM},
}
FRESH = {**CLAIMS, "exp": NOW + 600, "roomConfig": {"departureTimeout": 1}}
"""As livekit-server 1.9.12 words it: the same grants, for ten minutes."""

OURS = jwt.encode(CLAIMS, SECRET, "HS256")


def proven(token: str) -> Proof | None:
    sent = {signing_input(Secret(OURS))}
    return proof(token, Secret(SECRET), room=ROOM, identity=IDENTITY, sent=sent)


def test_a_token_of_the_servers_own_proves_that_it_has_the_secret() -> None:
    assert proven(jwt.encode(FRESH, SECRET, "HS256")) == Proof(room_config=True)


def test_a_server_that_knows_no_room_config_leaves_it_out() -> None:
    old = {name: claim for name, claim in FRESH.items() if name != "roomConfig"}
    assert proven(jwt.encode(old, SECRET, "HS256")) == Proof(room_config=False)


def spelt_otherwise(token: str) -> str:
    """The same token: the last character of 32 bytes in base64 has two bits to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(OURS, id="ours again"),
        pytest.param(spelt_otherwise(OURS), id="ours, its signature spelt otherwise"),
        pytest.param(OURS + "=", id="ours, padded"),
        pytest.param(jwt.encode(FRESH, "x" * 43, "HS256"), id="another secret"),
        pytest.param(
            jwt.encode({**FRESH, "sub": "ann"}, SECRET, "HS256"), id="somebody else's, overheard"
        ),
        pytest.param(
            jwt.encode({**FRESH, "video": {"room": "demo"}}, SECRET, "HS256"), id="another room's"
        ),
        pytest.param(
            jwt.encode({**FRESH, "video": None}, SECRET, "HS256"), id="a token for no room"
        ),
        pytest.param(jwt.encode(FRESH, "", "none"), id="without a signature"),
        pytest.param("a-token-of-the-server", id="no token"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_proves_nothing(token: str) -> None:
    assert proven(token) is None


def test_an_algorithm_that_no_server_signs_with_proves_nothing() -> None:
    long = SECRET + SECRET
    good, odd = (jwt.encode(FRESH, long, name) for name in ("HS256", "HS384"))
    found = [
        proof(token, Secret(long), room=ROOM, identity=IDENTITY, sent=()) for token in (good, odd)
    ]
    assert found == [Proof(room_config=True), None]


def test_a_signature_that_is_spelt_otherwise_is_still_good() -> None:
    """So the test above would notice if whole tokens were compared."""
    again = spelt_otherwise(jwt.encode(FRESH, SECRET, "HS256"))
    assert proven(again) == Proof(room_config=True)
