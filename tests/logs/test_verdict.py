"""What a log comes to: the cause on top, its symptoms under it."""

import pytest
from tokens.samples import NOW, changed, token

from lkdoctor import catalogue
from lkdoctor.logs.scan import scan
from lkdoctor.logs.verdict import Verdict, judge

TIMED_OUT = "room connection has timed out (signal)"
WRAPPED = "could not establish signal connection: something new"
HIDDEN = "Encountered unknown websocket error during connection"


def verdict(*lines: str, now: float = NOW) -> Verdict:
    return judge(scan(["\n".join(lines).encode()]), catalogue.cause, now)


def told(found: Verdict) -> list[tuple[str, str, list[str]]]:
    return [
        (entry.weight, entry.code, [one.phrase.codes[0] for one in entry.shown_by])
        for entry in found.entries
    ]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([TIMED_OUT], [("narrows", "tcp-timeout", [])], id="a symptom alone"),
        pytest.param([WRAPPED], [("wraps", "signal-refused", [])], id="a wrapper alone"),
        pytest.param(
            [WRAPPED, HIDDEN],
            [("narrows", "token-room-missing", ["signal-refused"])],
            id="a wrapper under a symptom",
        ),
        pytest.param(
            [WRAPPED, HIDDEN, "no room name"],
            [("decides", "token-room-missing", ["token-room-missing", "signal-refused"])],
            id="both under the cause that the server names",
        ),
        pytest.param(
            [HIDDEN, "identity cannot be empty"],
            [("decides", "token-identity-missing", ["token-room-missing"])],
            id="under the one of its causes that is named, though not the likeliest",
        ),
        pytest.param(
            [TIMED_OUT, "token is expired"],
            [("decides", "token-expired", []), ("narrows", "tcp-timeout", [])],
            id="another failure's symptom stays apart",
        ),
        pytest.param(
            ["requested room does not exist", "getaddrinfo ENOTFOUND x"],
            [("decides", "dns-nxdomain", []), ("decides", "room-not-found", [])],
            id="in the order in which a connection breaks",
        ),
        pytest.param(
            ["secret is too short, should be at least 32 characters", "no room name"],
            [("decides", "token-room-missing", []), ("decides", "token-secret-too-short", [])],
            id="failures before warnings",
        ),
        pytest.param(
            ["error: token signature is invalid: signature is invalid", "cryptographic primitive"],
            [("decides", "token-bad-signature", [])],
            id="one cause, said by two versions",
        ),
    ],
)
def test_entries(lines: list[str], wanted: list[tuple[str, str, list[str]]]) -> None:
    assert told(verdict(*lines)) == wanted


def test_two_ways_to_say_it_are_two_quotes_of_one_entry() -> None:
    found = verdict(
        "go-jose/go-jose: error in cryptographic primitive",
        "error: token signature is invalid: signature is invalid",
    )
    (entry,) = found.entries
    assert [one.first.line for one in entry.found] == [1, 2]


@pytest.mark.parametrize(
    ("ends", "valid"),
    [(NOW + 1, 1), (NOW - 1, 0), (..., 1)],
    ids=["valid", "ended", "never ends"],
)
def test_tokens_that_still_work_are_counted(ends: object, valid: int) -> None:
    found = verdict(f"url?access_token={token(changed(exp=ends))}")
    assert found.leak is not None
    assert (found.leak.valid, found.problem, found.warning) == (valid, False, True)


def test_too_many_tokens_are_not_counted() -> None:
    found = verdict(*(token(changed(sub=f"user-{i}")) for i in range(40)))
    assert found.leak is not None
    assert (found.leak.valid, found.scan.token_lines, len(found.scan.tokens)) == (None, 40, 20)
