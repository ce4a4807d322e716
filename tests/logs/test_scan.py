"""What is found in a log, whatever its bytes are."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs.lines import HEALTHY, LINES, Line
from tokens.samples import changed, token

from lkdoctor.logs.phrases import Weight
from lkdoctor.logs.scan import MAX_LINE, Scan, Scanner, Sighting, scan, stamp

EXPIRED = "could not establish signal connection: error: token has invalid claims: token is expired"


def codes(found: Scan) -> list[tuple[Weight, str, int]]:
    return [(one.phrase.weight, one.phrase.codes[0], one.times) for one in found.found]


ONE_EXPIRED = [(Weight.DECIDES, "token-expired", 1)]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.text[-60:])
def test_a_line_says_one_thing(line: Line) -> None:
    found = scan([line.written.encode()])
    assert codes(found) == [(line.weight, line.code, 1)]
    assert found.found[0].first.line == 1


@pytest.mark.parametrize("line", HEALTHY, ids=lambda line: line[-40:])
def test_a_healthy_line_says_nothing(line: str) -> None:
    assert codes(scan([line.encode()])) == []


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.text[-60:])
def test_no_quote_holds_a_token(line: Line) -> None:
    quote = scan([line.written.encode()]).found[0].quote
    assert "eyJ" not in quote
    assert not any(part in quote for part in token().split("."))


def test_one_error_many_times_is_one_entry() -> None:
    rows = [f"2026-11-25T14:{i // 60:02d}:{i % 60:02d}Z {EXPIRED}" for i in range(3000)]
    (found,) = scan(["\n".join(["start", *rows, "end"]).encode()]).found
    assert (found.times, found.first, found.last) == (
        3000,
        Sighting(2, "2026-11-25T14:00:00Z"),
        Sighting(3001, "2026-11-25T14:49:59Z"),
    )


@pytest.mark.parametrize("size", [1, 7, 512, 4096])
def test_it_does_not_matter_how_the_bytes_come(size: int) -> None:
    text = "\n".join(line.written for line in LINES).encode()
    assert scan(text[i : i + size] for i in range(0, len(text), size)) == scan([text])


@pytest.mark.parametrize(
    ("encoding", "mark", "name"),
    [
        pytest.param("utf-8", b"", "UTF-8", id="UTF-8"),
        pytest.param("utf-8-sig", b"", "UTF-8", id="UTF-8 with a mark"),
        pytest.param("utf-16-le", b"\xff\xfe", "UTF-16-LE", id="as PowerShell writes it"),
        pytest.param("utf-16-be", b"\xfe\xff", "UTF-16-BE", id="UTF-16, the other way round"),
        pytest.param("utf-16-le", b"", "UTF-16-LE", id="UTF-16 without a mark"),
        pytest.param("utf-32-le", b"\xff\xfe\0\0", "UTF-32-LE", id="UTF-32"),
    ],
)
@pytest.mark.parametrize("size", [3, 100_000])
def test_encodings(encoding: str, mark: bytes, name: str, size: int) -> None:
    text = mark + f"first line\r\nsecond: {EXPIRED}\r\n".encode(encoding)
    found = scan(text[i : i + size] for i in range(0, len(text), size))
    assert (codes(found), found.found[0].first.line) == (ONE_EXPIRED, 2)
    assert (found.encoding, found.lines, found.size) == (name, 2, len(text))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"\x1b[31mERROR\x1b[0m {EXPIRED}", id="coloured level"),
        pytest.param(EXPIRED.replace("token is", "\x1b[1;33mtoken\x1b[0m is"), id="coloured word"),
        pytest.param(EXPIRED.replace("token is", "\x1b]8;;x\x07token is"), id="link"),
        pytest.param(EXPIRED.upper(), id="capitals"),
        pytest.param(f"\0\0\0{EXPIRED}\0", id="NULs"),
        pytest.param(f'{{"level":"error","msg":"{EXPIRED}"}}', id="JSON"),
        pytest.param(f"api-1  | {EXPIRED}\r", id="docker compose"),
    ],
)
def test_what_stands_around_does_not_matter(text: str) -> None:
    assert codes(scan([text.encode()])) == ONE_EXPIRED


@pytest.mark.parametrize("before", [0, 10, MAX_LINE - 30, MAX_LINE, 3 * MAX_LINE, 1 << 21])
@pytest.mark.parametrize("ended", [True, False])
def test_a_long_line_is_looked_at_in_parts(before: int, ended: bool) -> None:
    text = f"{'x' * before} {EXPIRED} {'y' * 2 * MAX_LINE}" + ("\nnext\n" if ended else "")
    data = text.encode()
    found = scan(data[i : i + 100_000] for i in range(0, len(data), 100_000))
    assert (codes(found), found.cut_lines) == (ONE_EXPIRED, 1)
    assert found.lines == (2 if ended else 1)


@pytest.mark.parametrize("ended", [True, False])
def test_the_end_of_a_token_is_never_quoted(ended: bool) -> None:
    """A long line is looked at from within it, which may be within a long token."""
    long = token(changed(metadata="m" * 3000))
    text = f"{'x ' * 40_000}{long}, error: token is expired {'y' * 70_000}" + (
        "\n" if ended else ""
    )
    (found,) = scan([text.encode()]).found
    assert long[-12:] not in found.quote


def test_a_line_is_one_however_often_it_says_so() -> None:
    assert codes(scan([f"{EXPIRED} {EXPIRED}\n".encode()])) == ONE_EXPIRED


def test_tokens_are_counted_and_read_but_not_kept() -> None:
    rows = [f"GET /rtc?access_token={token()}", "nothing", f"again {token()}"]
    found = scan(["\n".join(rows).encode()])
    assert (found.token_lines, found.first_token) == (2, Sighting(1, ""))
    (seen,) = found.tokens
    assert (seen.line, seen.issuer) == (1, "APIex…9Qm")
    assert token() not in repr(found)


def test_an_api_secret_is_named_and_hidden_everywhere() -> None:
    secret = "Zq7Wk3Rt9LxP8vNb5Hc1Yd6Gf4Js0UaTeM2oIiEw1"
    rows = [f"LIVEKIT_API_SECRET={secret}", f"{secret} {EXPIRED}"]
    found = scan(["\n".join(rows).encode()])
    assert found.secret_lines == (1,)
    assert secret not in repr(found)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-25T14:55:29.732Z\tWARN", "2026-11-25T14:55:29.732Z"),
        ("2026-11-25 14:55:29,732 - ERROR", "2026-11-25 14:55:29,732"),
        ("2026/11/25 14:55:40 [error]", "2026/11/25 14:55:40"),
        ('1.2.3.4 - [25/Nov/2026:14:55:40 +0000] "GET', "25/Nov/2026:14:55:40 +0000"),
        ("Nov 25 14:55:40 host livekit[1]:", "Nov 25 14:55:40"),
        ("14:55:40.123 websocket", "14:55:40.123"),
        ('{"level":"warn","ts":1795618529.5,"msg":', "2026-11-25T14:55:29Z"),
        ('{"time": 1795618529732}', "2026-11-25T14:55:29Z"),
        ("at fe80::12:34:56:78 port", ""),
        ("no time at all", ""),
    ],
)
def test_time_stamps(text: str, time: str) -> None:
    assert stamp(text) == time


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.binary(max_size=200)
        | st.sampled_from([line.text.encode() for line in LINES])
        | st.sampled_from(
            [b"\n", b"\r\n", b"\x1b[", b"\xff\xfe", b"\0" * 70_000, b"eyJhbGciOi.", b"."]
        ),
        max_size=12,
    )
)
def test_any_bytes(pieces: list[bytes]) -> None:
    """Nothing is raised, nothing acts, and every line number is one of the log."""
    found = scan(pieces)
    assert found.size == sum(map(len, pieces))
    for one in found.found:
        assert 1 <= one.first.line <= one.last.line <= found.lines
        assert 1 <= one.times <= found.lines
        assert len(one.quote) < 300
        assert not re.search(r"[\x00-\x1f\x7f]", one.quote)


def test_memory_is_bounded() -> None:
    """What is kept of 50 MB without a line end is a piece of it."""
    scanner = Scanner()
    for _ in range(50):
        scanner.feed(b"x" * (1 << 20))
        assert len(scanner._carry) <= MAX_LINE
    assert scanner.close().lines == 1
