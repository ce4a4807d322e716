"""``token decode --all``: a verdict a line, the same as the rules', and no token in it."""

import json

from cli.shell import Shell, fresh
from hypothesis import given, settings
from hypothesis import strategies as st
from tokens.samples import KEY, NOW, RING, SECRET, changed, token

from lkdoctor.cli.token_stream import Verdicts
from lkdoctor.facts.clock import ClockFact
from lkdoctor.tokens.decode import Jwt, read

VERDICTS = Verdicts(RING, ClockFact(local=float(NOW)))


def test_each_line_has_its_verdict(shell: Shell) -> None:
    lines = [
        fresh(),
        "",
        token(changed(exp=1_600_000_000)),
        "garbage",
        f'"GET /rtc?access_token={fresh()}"',
    ]
    done = shell.piped("\n".join(lines), "token", "decode", "--all")
    results = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 1
    assert [(r["line"], r["usable"], r["codes"]) for r in results] == [
        (1, True, []),
        (3, False, ["token-expired"]),
        (4, False, ["token-not-jwt"]),
        (5, True, []),
    ]
    assert results[0]["room"] == "demo"
    assert results[0]["signature"] == "valid"
    assert "eyJ" not in done.out


def test_usable_tokens_alone_end_with_0(shell: Shell) -> None:
    assert shell.piped(f"{fresh()}\n" * 200, "token", "decode", "--all").code == 0


words = st.text(max_size=70)
times = st.integers(-10, 2 * NOW) | st.sampled_from([NOW - 60, NOW, NOW + 60, NOW * 1000])
claims = st.fixed_dictionaries(
    {"iss": st.sampled_from([KEY, "APIother"]), "sub": words, "exp": times},
    optional={
        "nbf": times,
        "iat": times | st.none(),
        "name": words | st.integers(),
        "metadata": words | st.none(),
        "attributes": st.dictionaries(words, words | st.integers(), max_size=2),
        "kind": words,
        "custom": words,
        "video": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "roomJoin": st.booleans() | st.just("true"),
                "room": words,
                "canPublish": st.booleans() | st.none(),
                "can_publish": st.booleans(),
                "canPublishSources": st.lists(words, max_size=2),
                "hidden": st.booleans(),
            },
        ),
    },
)


@settings(max_examples=600)
@given(claims, st.sampled_from([SECRET, "wrong"]), st.sampled_from(["HS256", "HS512", "none"]))
def test_the_short_way_says_what_the_rules_say(
    written: dict[str, object], secret: str, alg: str
) -> None:
    found = read(token(written, secret=secret, alg=alg))
    assert isinstance(found, Jwt)
    plain = VERDICTS.plain(found)
    usable, judged = VERDICTS.judged(found)
    if plain is not None:
        assert usable
        assert plain == judged


def test_the_commonest_tokens_take_the_short_way() -> None:
    for written in (
        changed(),
        changed(name=...),
        changed(metadata="{}", attributes={"a": "b"}, iat=1),
    ):
        found = read(token(written))
        assert isinstance(found, Jwt)
        assert VERDICTS.plain(found) is not None
