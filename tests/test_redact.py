"""What was once wrapped in `Secret` leaves by no sink, however it is spelt."""

import base64
import copy
import hashlib
import json
import pickle
import string
import tracemalloc
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lkdoctor import redact
from lkdoctor.redact import (
    REDACTED,
    SLICE,
    Secret,
    clean,
    masked_key,
    register,
    remembered,
    safe,
    screened,
    visible,
)


def leaks(secret: str, text: str) -> list[str]:
    """Every run of `SLICE` characters of the secret that the text still holds."""
    folded = text.lower()
    runs = {secret.lower()[i : i + SLICE] for i in range(len(secret) - SLICE + 1)}
    return sorted(run for run in runs if run in folded)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "URL-encoded": lambda s: urllib.parse.quote(s, safe=""),
    "URL-encoded as a form": urllib.parse.quote_plus,
    "URL-encoded by JavaScript": lambda s: urllib.parse.quote(s, safe="!'()*"),
    "in JSON": json.dumps,
    "hexadecimal": lambda s: s.encode().hex(),
    "hexadecimal, upper case": lambda s: s.encode().hex().upper(),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 at the second offset": lambda s: base64.b64encode(b"k" + s.encode()).decode(),
    "base64 at the third offset": lambda s: base64.b64encode(b"k:" + s.encode()).decode(),
    "base64 of a header": lambda s: base64.b64encode(f"APIkey:{s}@x".encode()).decode(),
    "base64 for URLs": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "in quotes": lambda s: f'"{s}"',
    "its first half": lambda s: s[: max(SLICE, len(s) // 2)],
    "its second half": lambda s: s[-max(SLICE, len(s) // 2) :],
    "but for its first and last character": lambda s: s[1:-1],
    "twice": lambda s: s + s,
    "in a URL": lambda s: f"wss://h/rtc?access_token={s}&sdk=js",
}


def not_our_marks(text: str) -> bool:
    """Whether the text is none of the marks that stand for a secret, nor a part of one."""
    marks = ("redact", "token>", "secret,", *redact._public)
    return not any(mark in text.lower() for mark in marks)


# Digits of every kind that a generator of secrets uses; no words of our own.
secrets = st.text(
    string.ascii_letters + string.digits + "+/=_-.~!'()*&%$# \\\"", min_size=10
).filter(not_our_marks)
surroundings = st.text(max_size=40)


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(secret=secrets, before=surroundings, after=surroundings)
@example(secret="Kq3vT8mZp1Wd9xYb", before="İ", after="ΑΣ")
def test_no_run_of_a_secret_survives_in_any_spelling(
    spelling: str, secret: str, before: str, after: str
) -> None:
    register(secret)
    spelt = SPELLINGS[spelling](secret)
    shown = clean(before + spelt + after)
    assert leaks(secret, shown) == []
    if spelling.startswith(("base64", "hex", "URL")):
        # Nor any run of the spelling: whoever can decode it has the secret. (At the ends of a
        # base64 run stand characters that depend on what is around the secret.)
        assert leaks(spelt.rstrip("=")[4:-4], shown) == []


def test_the_names_of_variables_are_no_secret() -> None:
    """Whoever pastes the whole line as the value still reads which variable is meant."""
    register("LIVEKIT_API_SECRET=Kq3vT8mZp1Wd9xYb")
    assert clean("LIVEKIT_API_SECRET and --api-secret-file") == (
        "LIVEKIT_API_SECRET and --api-secret-file"
    )
    assert clean("Kq3vT8mZp1Wd9xYb") == REDACTED


@pytest.mark.parametrize("sample", ["<your api secret>", "your-api-secret", "YOUR_API_KEY"])
def test_a_sample_value_does_not_blot_out_the_advice(sample: str) -> None:
    register(sample)
    text = "Put the API secret of your project in its place: --api-secret-file F"
    assert clean(text) == text


@given(
    secret=st.text(min_size=SLICE, max_size=60).filter(not_our_marks),
    before=surroundings,
    after=surroundings,
)
@example(secret="ΟΔΥΣΣΕΥΣ", before="", after="Σ")
@example(secret="\ud800-surrogate", before="", after="")
def test_a_secret_may_hold_any_character(secret: str, before: str, after: str) -> None:
    register(secret)
    assert secret not in clean(before + secret + after)


@given(text=st.text(max_size=200), secret=secrets)
def test_cleaning_twice_changes_nothing(text: str, secret: str) -> None:
    register(secret)
    once = clean(text + secret + text)
    assert clean(once) == once


def jwt(signature: str = "c2lnbmF0dXJlLW9mLWEtdG9rZW4") -> str:
    """A token that nobody registered, as a server makes one."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"iss": "APIxyz", "sub": "ann", "video": {}})
    encoded = (base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)
    return ".".join((*encoded, signature))


def test_a_token_that_nobody_registered_is_known_by_its_shape() -> None:
    assert (
        clean(f"invalid token: {jwt()}, error: expired") == "invalid token: <token>, error: expired"
    )


@pytest.mark.parametrize("length", [9, 20, 40, 60, 100])
def test_a_token_cut_short_is_still_one(length: int) -> None:
    assert clean("got " + jwt()[:length]) == "got <token>"


def test_a_known_token_leaves_nothing_however_it_is_cut() -> None:
    token = jwt()
    Secret(token)
    _, payload, signature = token.split(".")
    for start in range(0, len(token) - SLICE, 7):
        shown = clean(f"echo {token[start:]}")
        assert leaks(payload, shown) == []
        assert leaks(signature, shown) == []


def test_a_known_token_is_one_mark() -> None:
    token = jwt()
    Secret(token)
    assert clean(f"invalid token: {token}, error") == "invalid token: <token>, error"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(
            "GET /rtc?access_token=abc.def&sdk=js",
            f"GET /rtc?access_token={REDACTED}&sdk=js",
            id="token in a query",
        ),
        pytest.param(
            "Authorization: Bearer 0123456789abcdef",
            f"Authorization: Bearer {REDACTED}",
            id="bearer token of an unknown form",
        ),
        pytest.param(
            "authorization: basic dXNlcjpwYXNzd29yZA==",
            f"authorization: basic {REDACTED}",
            id="basic credentials",
        ),
        pytest.param(
            "wss://user:p@ss/w?o#rd@host:7880/rtc",
            f"wss://{REDACTED}@host:7880/rtc",
            id="user and password in a URL",
        ),
        pytest.param("redis://token@cache", f"redis://{REDACTED}@cache", id="user in a URL"),
        pytest.param(
            '{"urls":["turn:h"],"credential":"a\'b c"}',
            f'{{"urls":["turn:h"],"credential":"{REDACTED}"}}',
            id="TURN credential in JSON",
        ),
        pytest.param(
            r"{\"credential\":\"abc\"}",
            rf"{{\"credential\":\"{REDACTED}\"}}",
            id="TURN credential in JSON within JSON",
        ),
        pytest.param(
            "{urls: 'turn:h', credential: 'abc'}",
            f"{{urls: 'turn:h', credential: '{REDACTED}'}}",
            id="TURN credential in JavaScript",
        ),
        pytest.param(
            '"turn_password": "xyz"', f'"turn_password": "{REDACTED}"', id="a room's TURN password"
        ),
        pytest.param('turnPassword="x"', f'turnPassword="{REDACTED}"', id="the same in camel case"),
    ],
)
def test_what_looks_like_a_credential_is_removed(text: str, shown: str) -> None:
    assert clean(text) == shown
    assert clean(shown) == shown


@pytest.mark.parametrize(
    "prose",
    [
        "Basic authentication is off; Bearer tokens go in the header.",
        "invalid authorization header. Must start with Bearer ",
        "Authorization: Bearer <token>",
        "https://host:7880/a@b and https://unpkg.com/livekit-client@2.1/dist and ws://[::1]:7880/@x",
        "mail ann@example.com about http://example.com",
        "the credential: it expired",
        "signal-timeout: nothing came in 5 000 ms (lkdoctor explain signal-timeout)",
        "eyJust kidding",
        "",
    ],
)
def test_ordinary_prose_is_untouched(prose: str) -> None:
    Secret("Kq3vT8mZp1Wd9xYb2Rn7Lc4Hs6Jf0Ga5Ue")
    assert clean(prose) == prose


def test_what_every_dev_server_has_for_a_secret_is_none() -> None:
    register("secret")
    assert clean("the secret of the API") == "the secret of the API"


@pytest.mark.parametrize("secret", ["tulip", "tulip7", "abc", "p@ss/w"])
def test_a_short_secret_is_removed_as_a_whole_word(secret: str) -> None:
    register(secret)
    for spelt in (secret, secret.upper(), urllib.parse.quote(secret, safe=""), json.dumps(secret)):
        shown = clean(f"not {spelt}, but x{secret}x")
        assert shown.startswith(("not <redacted>,", 'not "<redacted>",'))
        assert f"x{secret}x" in shown
    encoded = base64.b64encode(secret.encode()).decode()
    assert clean(f"key {encoded} of") in {f"key {REDACTED} of", f"key {REDACTED}{'=' * 2} of"} | {
        f"key {REDACTED}= of"
    }


@pytest.mark.parametrize("secret", ["orchardlanternvelvet", "Diagnose", "password"])
def test_a_secret_of_letters_is_removed_from_what_others_say_and_not_from_our_words(
    secret: str,
) -> None:
    register(secret)
    assert clean(f"server says {secret}") == "server says <redacted>"
    ours = "lkdoctor diagnose: the password of the relay"
    assert screened(ours) == ours
    assert safe(ours) != ours or secret.startswith("orchard")


def test_a_secret_with_digits_leaves_by_no_line_of_the_report() -> None:
    register("Kq3vT8mZp1Wd9xYb")
    assert screened("as Kq3vT8mZp1Wd9xYb and T8mZp1Wd") == "as <redacted> and <redacted>"


def test_what_a_server_names_is_looked_for_in_what_servers_say_alone() -> None:
    register("Zt7q-ice-credential-93", theirs=True)
    assert clean("echo Zt7q-ice-credential-93") == "echo <redacted>"
    assert screened("echo Zt7q-ice-credential-93") == "echo Zt7q-ice-credential-93"


@pytest.mark.parametrize(
    "word", ["FAIL", '"schema"', "lkdoctor diagnose", "1.13.5", "127.0.0.1:7880", "signal.connect"]
)
def test_a_word_that_a_server_names_is_none(word: str) -> None:
    Secret(word, theirs=True)
    assert clean(f"what is {word}?") == f"what is {word}?"


ESCAPED: dict[str, Callable[[str], str]] = {
    "every letter in a URL": lambda s: "".join(f"%{byte:02x}" for byte in s.encode()),
    "every letter in JSON": lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    "every letter in HTML": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "JSON in JSON": lambda s: json.dumps(json.dumps(s)),
    "JSON in JSON in JSON": lambda s: json.dumps(json.dumps(json.dumps(s))),
    "twice in a URL": lambda s: urllib.parse.quote(urllib.parse.quote(s, safe=""), safe=""),
    "JSON in a URL": lambda s: urllib.parse.quote(json.dumps(s), safe=""),
}


@pytest.mark.parametrize("spelling", ESCAPED)
@pytest.mark.parametrize("secret", ['Kq3"vT8/mZ\\p1W', "ščučka-v-rybníku", "tulip"])
def test_escapes_hide_nothing(spelling: str, secret: str) -> None:
    register(secret)
    text = ESCAPED[spelling](secret)
    assert clean(f"says {text} there").strip('sayther \\"%2') == REDACTED


def test_memory_does_not_grow_with_what_was_seen() -> None:
    """A server, a log or a watch that goes on for days names ever new ones."""

    def names(count: int) -> None:
        for number in range(count):
            digest = hashlib.sha256(str(number).encode()).hexdigest()
            register(digest + digest.upper(), theirs=True)
            register(digest[:43])
            register(f"eyJhbGciOiJIUzI1NiJ9.{digest * 4}.{digest[:43]}")
            Secret(digest[: number % 8])

    names(300)
    tracemalloc.start()
    names(900)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 20 * 1024 * 1024
    assert len(remembered()[0]) <= 256


def test_what_is_forgotten_first_is_known_by_its_shape() -> None:
    register("Kq3vT8mZp1Wd9xYb2Rn7Lc4Hs6Jf0Ga5")
    for number in range(200):
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        register(f"eyJhbGciOiJIUzI1NiJ9.{digest * 4}.{digest[:43]}")
    assert clean("T8mZp1Wd9xYb") == REDACTED


@pytest.mark.parametrize(
    "unit",
    ["a://", "a.b-c+", "://@", "a://b:@", "Bearer ", 'credential:"', "access_token=", "eyJ", "@a:"],
)
def test_no_text_takes_quadratic_time(unit: str) -> None:
    """A body made to be slow: at 1 MiB a quadratic pattern would run into the time limit."""
    text = unit * (1024 * 1024 // len(unit)) + "://@"
    assert len(clean(text)) > 0


@pytest.mark.parametrize(
    "show",
    [
        pytest.param(repr, id="repr"),
        pytest.param(str, id="str"),
        pytest.param(lambda s: f"{s}", id="f-string"),
        pytest.param(lambda s: f"{s!r:>40}", id="f-string with a format"),
        pytest.param(lambda s: "%s %r" % (s, s), id="percent"),  # noqa: UP031 - what is tested
        pytest.param("{0} {0!s:.99}".format, id="format"),
        pytest.param(lambda s: repr([s, {"k": s}]), id="in containers"),
        pytest.param(lambda s: repr(ValueError("no", s)), id="in an exception"),
    ],
)
def test_a_secret_shows_its_length_alone(show: Callable[[Any], str]) -> None:
    value = "Kq3vT8mZp1Wd9xYb"
    shown = show(Secret(value))
    assert "<secret, 16 chars>" in shown
    assert leaks(value, shown) == []


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(pickle.dumps, id="pickle"),
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(json.dumps, id="json"),
        pytest.param(vars, id="vars"),
        pytest.param(bytes, id="bytes"),
        pytest.param("".join, id="join"),
    ],
)
def test_a_secret_is_written_nowhere(write: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as refused:
        write(Secret("Kq3vT8mZp1Wd9xYb"))
    assert leaks("Kq3vT8mZp1Wd9xYb", str(refused.value)) == []


def test_a_secret_is_a_value() -> None:
    one, same, other = Secret("a" * 9), Secret("a" * 9), Secret("b" * 9)
    assert (one == same, one == other, one == "a" * 9) == (True, False, False)
    assert len({one, same, other}) == 2
    assert (bool(one), bool(Secret("")), len(one)) == (True, False, 9)
    assert one.reveal() == "a" * 9


def test_wrapping_is_what_registers() -> None:
    assert clean("x Kq3vT8mZ x") == "x Kq3vT8mZ x"
    Secret("Kq3vT8mZp1Wd9xYb")
    assert clean("x Kq3vT8mZ x") == f"x {REDACTED} x"


@given(st.text())
def test_nothing_visible_can_act(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable() or not any(ord(c) < 0x20 or c in "\x7f\x9b\u202e" for c in shown)
    assert shown.splitlines() in ([shown], [])
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("\x1b[31mred", r"\x1b[31mred", id="escape sequence"),
        pytest.param("\x9b2J", r"\x9b2J", id="C1 control sequence introducer"),
        pytest.param("a\rb\nc\td", r"a\x0db\x0ac\x09d", id="line ends and tab"),
        pytest.param("a\u202eb", r"a\u202eb", id="right-to-left override"),
        pytest.param("a\u2066b\u2069", r"a\u2066b\u2069", id="bidi isolates"),
        pytest.param("a\u200bb\ufeff", r"a\u200bb\ufeff", id="zero width"),
        pytest.param("a\u2028b\u2029\x85", r"a\u2028b\u2029\x85", id="Unicode line ends"),
        pytest.param("\U000e0041", r"\U000e0041", id="tag characters"),
        pytest.param("\ud800", r"\ud800", id="lone surrogate"),
        pytest.param("Žoë 漢字 ✓ 👩‍⚕", "Žoë 漢字 ✓ 👩\\u200d⚕", id="letters stay, a joiner shows"),
    ],
)
def test_what_is_invisible_becomes_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        pytest.param("short", 10, "short", id="fits"),
        pytest.param("0123456789", 10, "0123456789", id="just fits"),
        pytest.param("0123456789a", 10, "0123456789 (cut)", id="too long"),
        pytest.param("Kq3vT8mZp1Wd9xYb" * 3, 12, "<redacted> (", id="redacted before it is cut"),
    ],
)
def test_foreign_text_is_bounded(text: str, limit: int, shown: str) -> None:
    Secret("Kq3vT8mZp1Wd9xYb")
    assert safe(text, limit).startswith(shown[:10])
    assert leaks("Kq3vT8mZp1Wd9xYb", safe(text, limit)) == []
    assert len(safe(text, limit)) <= limit + len(" (cut)")


@given(cut=st.integers(0, 43))
def test_a_secret_cut_by_the_bound_leaves_nothing(cut: int) -> None:
    secret = "Kq3vT8mZp1Wd9xYb2Rn7Lc4Hs6Jf0Ga5UeQzMt3wXo1"
    register(secret)
    text = "." * (64 * 1024 - cut) + secret
    assert leaks(secret, safe(text, 10**6)) == []


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        pytest.param("devkey", "devkey", id="too short to be masked"),
        pytest.param("APIxkLmN3pQ7Qm", "APIxk…7Qm", id="as LiveKit makes them"),
        pytest.param("API\x1bkLmN3pQ7Qm", r"API\x…7Qm", id="with a control character"),
    ],
)
def test_a_key_is_told_by_its_ends(key: str, shown: str) -> None:
    assert masked_key(key) == shown


def test_a_name_of_our_own_stays_whole_beside_a_secret_that_looks_like_it() -> None:
    """A finding's code that is blotted out leads nobody to its page."""
    secret = "an-alpaca-lama-vicuna-too"
    register(secret)
    assert clean("alpaca-lama-vicuna") == REDACTED
    redact.spare(["alpaca-lama-vicuna"])
    assert clean("alpaca-lama-vicuna") == "alpaca-lama-vicuna"
    assert clean(secret) != secret
