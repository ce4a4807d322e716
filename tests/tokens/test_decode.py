"""Any text is read as a token, or it is said why it is none; nothing makes the reader fall over."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokens.samples import GOOD, KEY, RING, SECRET, changed, encode, token, token_of

from lkdoctor.redact import Secret
from lkdoctor.tokens.decode import (
    Around,
    Fault,
    Jwt,
    Key,
    Keyring,
    NotAToken,
    Signature,
    SignatureState,
    read,
    unbase64url,
)

WHOLE = token()
HEADER = WHOLE.split(".", maxsplit=1)[0]
CLAIMS = WHOLE.split(".")[1]


def jwt(text: str) -> Jwt:
    found = read(text)
    assert isinstance(found, Jwt), found
    return found


@pytest.mark.parametrize(
    ("text", "around", "detail"),
    [
        pytest.param(WHOLE, Around.NOTHING, "", id="the token alone"),
        pytest.param(f" {WHOLE}\r\n", Around.BLANKS, "", id="a line of a file"),
        pytest.param(f'"{WHOLE}"', Around.QUOTES, "", id="in quotes"),
        pytest.param(f"Bearer {WHOLE}", Around.BEARER, "", id="an Authorization value"),
        pytest.param(json.dumps({"token": WHOLE}), Around.JSON, "token", id="an answer in JSON"),
        pytest.param(
            json.dumps({"data": {"participantToken": WHOLE}}, indent=1),
            Around.JSON,
            "participantToken",
            id="deep in JSON",
        ),
        pytest.param(
            f"wss://x.example/rtc?access_token={WHOLE}&auto_subscribe=1",
            Around.URL,
            "access_token",
            id="a URL",
        ),
        pytest.param(
            f"/login?next=%2Frtc%3Faccess_token%3D{WHOLE}%26a", Around.TEXT, "", id="an escaped URL"
        ),
        pytest.param(
            f"2026-11-24 ERROR invalid token: {WHOLE}, error: expired",
            Around.TEXT,
            "",
            id="a log line",
        ),
        pytest.param(
            f"first {WHOLE} then eyJzZWNvbmQ.eyJ.x", Around.TEXT, "", id="the first of two"
        ),
        pytest.param(
            f"{WHOLE[:50]}\n{WHOLE[50:]}\n", Around.BROKEN, "", id="broken over two lines"
        ),
    ],
)
def test_the_first_token_is_found_in_any_text(text: str, around: Around, detail: str) -> None:
    found = jwt(text)
    assert (found.around, found.around_detail) == (around, detail)
    assert found.claims == GOOD
    assert RING.check(found).state is SignatureState.VALID


@pytest.mark.parametrize(
    ("text", "fault", "detail"),
    [
        pytest.param("", Fault.EMPTY, "", id="nothing"),
        pytest.param(" \n", Fault.EMPTY, "", id="blanks"),
        pytest.param("[object Promise]", Fault.PROMISE, "", id="a promise"),
        pytest.param('"[object Object]"', Fault.OBJECT, "", id="an object"),
        pytest.param("undefined", Fault.UNDEFINED, "", id="undefined"),
        pytest.param("null", Fault.NULL, "", id="null"),
        pytest.param("<!DOCTYPE html><html>…</html>", Fault.HTML, "", id="a page"),
        pytest.param('{"error": "no such user"}', Fault.JSON, "", id="an error in JSON"),
        pytest.param("garbage", Fault.PARTS, "1 part", id="a word"),
        pytest.param("a.b.c.d", Fault.PARTS, "4 parts", id="a fourth part"),
        pytest.param("." * 5000, Fault.PARTS, "more than 5 parts", id="thousands of dots"),
        pytest.param(WHOLE[:60], Fault.CUT, "2 of 3 parts", id="cut in the claims"),
        pytest.param(HEADER, Fault.CUT, "1 of 3 parts", id="cut in the header"),
        pytest.param(f"{HEADER}.a.b.c.d", Fault.ENCRYPTED, "", id="an encrypted token"),
        pytest.param(
            f"{HEADER}.{CLAIMS}.a+/b",
            Fault.BASE64,
            "signature: standard base64 (+ and /) in place of base64url (- and _)",
            id="standard base64",
        ),
        pytest.param(
            f"{HEADER}.{CLAIMS[:-1]}*.abcd",
            Fault.BASE64,
            "claims: characters that base64url does not have",
            id="a foreign character",
        ),
        pytest.param(
            f"{HEADER}.abcde.abcd",
            Fault.BASE64,
            "claims: one character too many or too few",
            id="a length that base64 cannot have",
        ),
        pytest.param(
            token_of(b"nonsense", b"{}"), Fault.HEADER, "expecting value, character 1", id="header"
        ),
        pytest.param(
            token_of(b"{}", b'{"iss": "a"'),
            Fault.CLAIMS,
            "expecting ',' delimiter, character 12",
            id="claims that end too early",
        ),
        pytest.param(
            token_of(b"{}", b"[]"), Fault.CLAIMS, "another JSON value than an object", id="a list"
        ),
        pytest.param("x" * (1 << 20) + "y", Fault.LONG, "", id="more than a server reads"),
    ],
)
def test_what_is_no_token_is_named(text: str, fault: Fault, detail: str) -> None:
    found = read(text)
    assert isinstance(found, NotAToken)
    assert (found.fault, found.detail) == (fault, detail)
    assert found.length == len(text)


def test_nothing_shows_the_token() -> None:
    """Not its representation, and not what is wrong with it."""
    assert CLAIMS[:8] not in repr(jwt(WHOLE))
    cut = read(WHOLE[:90])
    assert WHOLE[10:18] not in repr(cut)


def test_base64_is_read_as_strictly_as_a_server_does() -> None:
    assert unbase64url(b"_-8") == b"\xff\xef"
    assert [unbase64url(part) for part in (b"a", b"ab=", b"a b", b"a+b/", b"a\nbc")] == [None] * 5


def test_a_name_that_stands_twice_is_reported_and_the_last_one_counts() -> None:
    """RFC 7515, section 4: names must be unique; Go's encoding/json takes the last."""
    claims = b'{"sub": "a", "sub": "b", "video": {"room": "x", "room": "y"}}'
    found = jwt(token_of(b'{"alg": "HS256"}', claims))
    assert found.claims == {"sub": "b", "video": {"room": "y"}}
    assert found.duplicates == ("video.room", "sub")


def test_numbers_that_are_no_json_are_reported() -> None:
    found = jwt(token_of(b'{"alg": "HS256"}', b'{"exp": NaN, "nbf": -Infinity}'))
    assert found.not_json == ("NaN", "-Infinity")


def test_null_claims_are_read_as_none_as_go_does() -> None:
    assert jwt(token_of(b'{"alg": "HS256"}', b"null")).claims == {}


def test_bytes_that_are_not_utf8_are_replaced_and_reported() -> None:
    found = jwt(token_of(b'{"alg": "HS256"}', b'{"sub": "\xff"}'))
    assert (found.claims, found.not_utf8) == ({"sub": "\ufffd"}, True)


# ------------------------------------------------------------------ whatever comes


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(b"[" * 200_000, id="deep lists"),
        pytest.param(b'{"a":' * 100_000, id="deep objects"),
        pytest.param(b'{"exp": ' + b"9" * 500_000 + b"}", id="a number of half a million digits"),
        pytest.param(b'{"exp": 1e999999}', id="a number beyond floats"),
        pytest.param(b'{"a": "' + b"x" * 700_000 + b'"}', id="a long text"),
        pytest.param(b'{"sub": "\\ud800"}', id="half a surrogate pair"),
    ],
)
def test_hostile_claims_are_read_or_refused_in_time(claims: bytes) -> None:
    started = time.process_time()
    read(token_of(b'{"alg":"HS256"}', claims))
    assert time.process_time() - started < 5  # quadratic reading would take minutes


@pytest.mark.parametrize(
    "text", ["ey" * 500_000, "ey-" * 300_000 + ".", "eyJ." * 250_000, "%3D" * 300_000]
)
def test_a_megabyte_of_almost_tokens_is_searched_in_time(text: str) -> None:
    started = time.process_time()
    read(text)
    assert time.process_time() - started < 5


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300)
@given(st.text() | st.text('eyJ.-_=" \n{}', max_size=60))
def test_any_text_is_read_without_an_exception(text: str) -> None:
    assert isinstance(read(text), Jwt | NotAToken)


@settings(max_examples=300)
@given(st.binary(max_size=60), st.binary(max_size=200))
def test_any_bytes_in_a_token_are_read_without_an_exception(header: bytes, claims: bytes) -> None:
    found = read(token_of(header, claims))
    assert isinstance(found, Jwt | NotAToken)


@settings(max_examples=200)
@given(st.dictionaries(st.text(), json_values, max_size=6))
def test_claims_come_back_as_they_were_written(claims: dict[str, object]) -> None:
    text = json.dumps(claims)
    found = jwt(token_of(b'{"alg":"HS256"}', text.encode("utf-8", "surrogatepass")))
    if not found.not_json and not found.not_utf8:
        assert json.dumps(found.claims) == text


# ------------------------------------------------------------------ signatures

OTHER = Key("project staging", "APIstaging", Secret("Vt4Bn8Mq2Xc6Lk0Pz9Rw3Jd7Hf1Ys5Ga"))
BOTH = Keyring([*RING.keys, OTHER])


@pytest.mark.parametrize(
    ("text", "ring", "signature"),
    [
        pytest.param(
            WHOLE, RING, Signature(SignatureState.VALID, "LIVEKIT_API_SECRET", True), id="valid"
        ),
        pytest.param(WHOLE, Keyring(), Signature(SignatureState.UNCHECKED), id="no secret at hand"),
        pytest.param(
            token(secret="not the secret"),
            RING,
            Signature(SignatureState.WRONG, "LIVEKIT_API_SECRET", True),
            id="another secret",
        ),
        pytest.param(
            token(changed(iss="APIunknown"), secret="not the secret"),
            RING,
            Signature(SignatureState.WRONG, "LIVEKIT_API_SECRET", False),
            id="another key",
        ),
        pytest.param(
            token(changed(iss="APIstaging"), secret=OTHER.secret.reveal()),
            BOTH,
            Signature(SignatureState.VALID, "project staging", True),
            id="the second project's",
        ),
        pytest.param(
            token(secret=OTHER.secret.reveal()),
            BOTH,
            Signature(SignatureState.OTHER, "project staging", True),
            id="the second project's secret under the first one's key",
        ),
        pytest.param(
            token(secret=None), RING, Signature(SignatureState.MISSING, None, True), id="none"
        ),
        pytest.param(WHOLE[:-8], RING, Signature(SignatureState.CUT, None, True), id="cut short"),
        pytest.param(
            token(alg="RS256"),
            RING,
            Signature(SignatureState.NOT_HMAC, None, True),
            id="not an HMAC",
        ),
    ],
)
def test_a_signature_is_explained(text: str, ring: Keyring, signature: Signature) -> None:
    assert ring.check(jwt(text)) == signature


PLAIN = "c2VjcmV0LW9mLXRoaXJ0eS10d28tYnl0ZXMtbG9uZw"


@pytest.mark.parametrize(
    ("configured", "used", "variant"),
    [
        (f" {SECRET}\n", SECRET.encode(), "the secret without the blanks around it"),
        (f'"{SECRET}"', SECRET.encode(), "the secret without the quotes around it"),
        (SECRET, f"{SECRET}\n".encode(), "the secret with a line break at its end"),
        (SECRET, f"{SECRET}\r\n".encode(), "the secret with a Windows line break at its end"),
        (SECRET, f"{SECRET} ".encode(), "the secret with a blank at its end"),
        (SECRET, f'"{SECRET}"'.encode(), "the secret with quotes around it"),
        (SECRET, f"\ufeff{SECRET}".encode(), "the secret with a byte order mark in front"),
        (PLAIN, base64.b64decode(PLAIN + "=="), "the secret decoded from base64"),
        (SECRET, base64.b64encode(SECRET.encode()), "the secret encoded in base64"),
        ("ab" * 16, bytes.fromhex("ab" * 16), "the secret decoded from hexadecimal"),
        (SECRET, hashlib.sha256(SECRET.encode()).digest(), "the SHA-256 of the secret"),
        (SECRET, SECRET[:-1].encode(), "the secret without its last character"),
    ],
)
def test_the_way_in_which_a_secret_was_distorted_is_named(
    configured: str, used: bytes, variant: str
) -> None:
    ring = Keyring([Key("LIVEKIT_API_SECRET", KEY, Secret(configured))])
    assert ring.check(jwt(token(secret=used))) == Signature(
        SignatureState.VARIANT, "LIVEKIT_API_SECRET", True, variant
    )


def test_longer_hmacs_are_verified_with_their_own_hash() -> None:
    header, claims = encode(b'{"alg": "HS512"}'), encode(json.dumps(dict(GOOD)).encode())
    digest = hmac.digest(SECRET.encode(), f"{header}.{claims}".encode(), "sha512")
    assert RING.check(jwt(f"{header}.{claims}.{encode(digest)}")).state is SignatureState.VALID
