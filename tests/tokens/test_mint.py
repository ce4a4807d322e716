"""Tokens that are minted say what livekit-api's would, and nothing is replaced in silence."""

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit import api

from lkdoctor.errors import UsageError
from lkdoctor.redact import Secret
from lkdoctor.tokens import grants
from lkdoctor.tokens.decode import Jwt, Key, Keyring, SignatureState, read
from lkdoctor.tokens.mint import TokenRequest, lifetime, mint

KEY = "APIexample"
SECRET = "Zq7Wk3Rt9LxP8vNb5Hc1Yd6Gf4Js0UaTeM2oIiEw1"


def claims_of_token(token: str) -> dict[str, Any]:
    found = read(token)
    assert isinstance(found, Jwt)
    return dict(found.claims)


def test_a_minted_token_says_who_where_and_until_when() -> None:
    request = TokenRequest("alice", {"roomJoin": True, "room": "demo"}, name="Alice")
    token = mint(request, api_key=KEY, secret=Secret(SECRET), now=1_790_000_000.9, ttl_s=600)
    assert claims_of_token(token.reveal()) == {
        "sub": "alice",
        "iss": KEY,
        "nbf": 1_790_000_000,
        "exp": 1_790_000_600,
        "name": "Alice",
        "video": {
            "roomJoin": True,
            "room": "demo",
            "canPublish": True,
            "canSubscribe": True,
            "canPublishData": True,
        },
    }


def test_a_minted_token_verifies_with_the_secret_it_was_made_with() -> None:
    token = mint(
        TokenRequest("a", {"roomJoin": True, "room": "r"}),
        api_key=KEY,
        secret=Secret(SECRET),
        now=0,
        ttl_s=60,
    )
    found = read(token.reveal())
    assert isinstance(found, Jwt)
    assert found.header == {"alg": "HS256", "typ": "JWT"}
    assert Keyring([Key("k", KEY, Secret(SECRET))]).check(found).state is SignatureState.VALID


def test_a_short_secret_signs_without_a_warning_on_stderr() -> None:
    """pytest turns warnings into errors here; PyJWT warns of a secret under 32 bytes."""
    mint(TokenRequest("a", None), api_key="devkey", secret=Secret("secret"), now=0, ttl_s=60)


# ------------------------------------------------------------------ the same as livekit-api

_LETTERS = st.characters(codec="utf-8")
"""Every character but halves of surrogate pairs, which no JSON text can carry."""

_CLASSES: dict[str, tuple[Any, str]] = {
    "video": (api.VideoGrants, "with_grants"),
    "sip": (api.SIPGrants, "with_sip_grants"),
    "inference": (api.access_token.InferenceGrants, "with_inference_grants"),
    "observability": (api.access_token.ObservabilityGrants, "with_observability_grants"),
    "agent": (api.access_token.AgentGrants, "with_agent_grants"),
    "agentEndpoint": (api.access_token.AgentEndpointGrants, "with_agent_endpoint_grants"),
    "agentThread": (api.access_token.AgentThreadGrants, "with_agent_thread_grants"),
}


def snake(name: str) -> str:
    return api.access_token.camel_to_snake(name)


def test_the_table_has_every_grant_of_livekit_api_and_no_other() -> None:
    theirs = {
        claim: {
            api.access_token.snake_to_lower_camel(field) for field in record.__dataclass_fields__
        }
        for claim, (record, _) in _CLASSES.items()
    }
    assert {claim: set(table) for claim, table in grants.BY_CLAIM.items()} == theirs


texts = st.text(_LETTERS, max_size=12)
_VALUES = {
    grants.ValueType.SWITCH: st.booleans(),
    grants.ValueType.TEXT: texts,
    grants.ValueType.TEXTS: st.lists(texts, max_size=3),
}


def grants_of(claim: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={g.name: _VALUES[g.type] for g in grants.GRANTS if g.claim == claim},
    )


@settings(max_examples=150)
@given(
    identity=st.text(_LETTERS, min_size=1, max_size=20),
    video=st.none() | grants_of("video"),
    others=st.fixed_dictionaries(
        {}, optional={claim: grants_of(claim) for claim in _CLASSES if claim != "video"}
    ),
    words=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("name", "kind", "metadata", "sha256", "room_preset"), texts),
    ),
    attributes=st.none() | st.dictionaries(texts, texts, max_size=3),
    room_config=st.none()
    | st.fixed_dictionaries(
        {}, optional={"emptyTimeout": st.integers(1, 900), "name": st.text("abc", min_size=1)}
    ),
    ttl=st.integers(1, 10**6),
)
def test_claims_equal_those_of_livekit_api(
    *,
    identity: str,
    video: dict[str, Any] | None,
    others: dict[str, dict[str, Any]],
    words: dict[str, str],
    attributes: dict[str, str] | None,
    room_config: dict[str, Any] | None,
    ttl: int,
) -> None:
    """Whatever the input, the decoded claims are the same."""
    if video is not None and video.get("roomJoin") and not video.get("room"):
        video = {**video, "room": "somewhere"}  # livekit-api refuses to mint the other
    theirs = api.AccessToken(KEY, SECRET).with_identity(identity)
    theirs = theirs.with_ttl(dt.timedelta(seconds=ttl))
    for claim, given_grants in {**({} if video is None else {"video": video}), **others}.items():
        record, method = _CLASSES[claim]
        values = {snake(name): value for name, value in given_grants.items()}
        theirs = getattr(theirs, method)(record(**values))
    for word, value in words.items():
        theirs = getattr(theirs, f"with_{word}")(value)
    if attributes is not None:
        theirs = theirs.with_attributes(attributes)
    if room_config is not None:
        from google.protobuf.json_format import ParseDict
        from livekit.protocol.room import RoomConfiguration

        theirs = theirs.with_room_config(ParseDict(room_config, RoomConfiguration()))
    expected = claims_of_token(theirs.to_jwt())
    request = TokenRequest(
        identity, video, attributes=attributes, grants=others, room_config=room_config, **words
    )
    ours = claims_of_token(
        mint(request, api_key=KEY, secret=Secret(SECRET), now=expected["nbf"], ttl_s=ttl).reveal()
    )
    # livekit-api reads the clock twice: nbf and exp may lie on two sides of a second.
    assert expected.pop("exp") - ours.pop("exp") in {0, 1}
    assert ours == expected


# ------------------------------------------------------------------ lifetimes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10m", 600),
        ("1h30m", 5400),
        ("600", 600),
        ("600s", 600),
        ("2d", 172800),
        (" 90S ", 90),
        ("1.5h", 5400),
    ],
)
def test_lifetimes_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert lifetime(text) == seconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-5m", "is negative"),
        ("0", "is less than a second"),
        ("0m", "is less than a second"),
        ("soon", "cannot be read"),
        ("", "cannot be read"),
        ("10 minutes", "cannot be read"),
        ("nan", "cannot be read"),
        ("1e99", "cannot be read"),
        ("99999999999d", "is more than a hundred years"),
    ],
)
def test_a_lifetime_that_makes_no_sense_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        lifetime(text)
    assert caught.value.advice


def test_the_claims_are_json_for_every_request() -> None:
    request = TokenRequest("ä\u2028", {"room": "\ud83d\ude00"}, metadata='{"a": "\\"b"}')
    token = mint(request, api_key=KEY, secret=Secret(SECRET), now=1, ttl_s=1).reveal()
    assert json.loads(json.dumps(claims_of_token(token)))["metadata"] == '{"a": "\\"b"}'
