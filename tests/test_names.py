"""What LiveKit takes for a name, and what is said about those that bite."""

import pytest
import servers
from hypothesis import given
from hypothesis import strategies as st
from tokens.samples import token, with_video

from lkdoctor.names import (
    NameOf,
    Remark,
    Trouble,
    Twin,
    byte_length,
    examine,
    fill,
    fits,
    nearest_twin,
    skeleton,
    twins,
)


@pytest.mark.parametrize(
    "name",
    [
        "demo",
        "booking-k57a2b",
        "a",
        "Room_1.b",
        "r" * 256,
        "комната",
        "会议室",
        "café",
        "Ärzte",
        "δωμάτιο",
    ],
)
def test_a_name_of_one_alphabet_bites_nobody(name: str) -> None:
    bad = {remark.trouble for remark in examine(name)} - {Trouble.FILE}
    assert bad == set()


@pytest.mark.parametrize(
    ("name", "remarks"),
    [
        pytest.param("", [(Trouble.EMPTY, "it is empty")], id="empty"),
        pytest.param(
            "r" * 257, [(Trouble.TOO_LONG, "257 bytes of UTF-8; LiveKit takes 256")], id="too long"
        ),
        pytest.param(
            "é" * 200,
            [(Trouble.TOO_LONG, "400 bytes of UTF-8 (200 characters); LiveKit takes 256")],
            id="too long in bytes",
        ),
        pytest.param(
            " demo", [(Trouble.BLANK_EDGE, "a blank at its beginning")], id="blank before"
        ),
        pytest.param("demo ", [(Trouble.BLANK_EDGE, "a blank at its end")], id="blank behind"),
        pytest.param("  ", [(Trouble.BLANK_EDGE, "the whole name is blank")], id="blanks alone"),
        pytest.param("my room", [(Trouble.BLANK_INSIDE, "a blank inside")], id="blank inside"),
        pytest.param(
            "a\x1b[31m", [(Trouble.CONTROL, "control characters: U+001B")], id="an escape sequence"
        ),
        pytest.param(
            "demo\u200b",
            [(Trouble.INVISIBLE, "invisible characters: U+200B ZERO WIDTH SPACE")],
            id="zero-width space",
        ),
        pytest.param(
            "d\u0435mo",
            [(Trouble.LOOK_ALIKE, "looks like other letters: U+0435 CYRILLIC SMALL LETTER IE")],
            id="one Cyrillic letter",
        ),
        pytest.param(
            "\uff44emo",
            [
                (
                    Trouble.LOOK_ALIKE,
                    "looks like plain letters: U+FF44 FULLWIDTH LATIN SMALL LETTER D",
                )
            ],
            id="a wide letter",
        ),
        pytest.param(
            "a/b?c",
            [
                (Trouble.URL, "/ ? means something in a URL: encode it, or leave it out"),
                (Trouble.FILE, "/ makes folders of a file name"),
                (Trouble.FILE, "? cannot stand in a file name on Windows"),
            ],
            id="a path and a query",
        ),
        pytest.param(
            "NUL",
            [(Trouble.FILE, "a device name on Windows: no file can be called so")],
            id="a device",
        ),
        pytest.param(
            "demo.",
            [(Trouble.FILE, "ends with a dot, which Windows drops from file names")],
            id="dot",
        ),
        pytest.param(
            "undefined",
            [(Trouble.PLACEHOLDER, '"undefined" is a variable that was never set')],
            id="undefined",
        ),
        pytest.param(
            "booking-undefined",
            [(Trouble.PLACEHOLDER, '"undefined" is a variable that was never set')],
            id="undefined in a template",
        ),
        pytest.param("booking-null-set", [], id="a word that people use"),
        pytest.param(
            "con.txt",
            [(Trouble.FILE, "a device name on Windows: no file can be called so")],
            id="a device with a suffix",
        ),
        pytest.param(
            "booking-${id}",
            [(Trouble.PLACEHOLDER, "a template whose placeholder was never filled in")],
            id="a template",
        ),
    ],
)
def test_what_bites_is_named(name: str, remarks: list[tuple[Trouble, str]]) -> None:
    assert examine(name) == tuple(Remark(*remark) for remark in remarks)


def test_the_two_forms_of_an_accent_are_told_apart() -> None:
    (remark,) = examine("cafe\u0301")
    assert remark.trouble is Trouble.NORMAL_FORM
    assert remark.says.startswith("not in Unicode's composed form (NFC): 6 bytes, composed 5")


@pytest.mark.parametrize(
    ("name", "troubles"),
    [("4711", {Trouble.NUMBER}), ("guest", {Trouble.GENERIC}), ("k57a", set())],
)
def test_identities_have_troubles_of_their_own(name: str, troubles: set[Trouble]) -> None:
    assert {remark.trouble for remark in examine(name, NameOf.IDENTITY)} == troubles
    assert examine(name) == ()


@pytest.mark.parametrize(
    ("names", "found"),
    [
        pytest.param(["a", "b"], [], id="two names"),
        pytest.param(["a", "a"], [], id="one name twice"),
        pytest.param(
            ["Demo", "demo"],
            [Twin("Demo", "demo", "they differ in upper and lower case")],
            id="case",
        ),
        pytest.param(
            ["demo", "demo "],
            [Twin("demo", "demo ", "they differ in the blanks around them")],
            id="blank",
        ),
        pytest.param(
            ["my-room", "my_room"],
            [Twin("my-room", "my_room", "they differ in blanks, hyphens or underscores")],
            id="hyphen",
        ),
        pytest.param(
            ["caf\u00e9", "cafe\u0301"],
            [Twin("caf\u00e9", "cafe\u0301", "the same text in two Unicode forms (NFC, NFD)")],
            id="normal form",
        ),
        pytest.param(
            ["demo", "de\u200bmo"],
            [Twin("demo", "de\u200bmo", "they differ in characters that cannot be seen")],
            id="invisible",
        ),
        pytest.param(
            ["demo", "d\u0435mo"],
            [Twin("demo", "d\u0435mo", "they differ in letters that look the same")],
            id="look-alike",
        ),
    ],
)
def test_twins_are_found_and_told_apart(names: list[str], found: list[Twin]) -> None:
    assert list(twins(names)) == found
    if found:
        assert nearest_twin(names[1], names) == Twin(names[1], names[0], found[0].how)


@given(st.text(max_size=300), st.sampled_from(NameOf))
def test_any_text_is_examined(name: str, of: NameOf) -> None:
    """Whatever the name, the refusals are exactly LiveKit's two and what no token can carry."""
    refused = {r.trouble for r in examine(name, of)} & {Trouble.EMPTY, Trouble.TOO_LONG}
    assert bool(refused) == (not 0 < byte_length(name) <= 256)


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_a_name_made_by_a_template_fits_it(booking: str, user: str) -> None:
    made = fill("b-{booking}.{user}", {"booking": booking, "user": user})
    assert fits(made, "b-{booking}.{user}", {})


@pytest.mark.parametrize(
    ("name", "fitting"),
    [("booking-ab1", True), ("Booking-ab1", False), ("booking-", False), ("booking-AB", False)],
)
def test_a_template_s_fields_take_what_their_pattern_takes(name: str, *, fitting: bool) -> None:
    assert fits(name, "booking-{booking}", {"booking": "[a-z0-9]+"}) is fitting


@pytest.mark.parametrize(
    "name",
    [
        "demo",
        "  ",
        "a/b?c#d",
        "a\nb\x1b[31m",
        "d\u0435mo",
        "e\u0301",
        "r" * 256,
        "r" * 257,
        "é" * 129,
        "",
    ],
)
def test_a_real_server_takes_what_is_not_called_refused(
    name: str, real_server: servers.RunningServer
) -> None:
    import http.client
    import time

    now = int(time.time())
    claims = {**with_video(room=name), "iss": real_server.long_key, "nbf": now - 5, "exp": now + 60}
    text = token(claims, secret=real_server.long_secret)
    connection = http.client.HTTPConnection("127.0.0.1", real_server.port, timeout=10)
    connection.request("GET", "/rtc/validate", headers={"Authorization": f"Bearer {text}"})
    taken = connection.getresponse().status == 200
    connection.close()
    refused = {r.trouble for r in examine(name)} & {Trouble.EMPTY, Trouble.TOO_LONG}
    assert taken == (not refused)


@given(st.text(st.characters(codec="ascii")), st.sampled_from(["\u200b", "\ufeff"]))
def test_a_name_of_ascii_looks_as_it_does_beside_what_nobody_sees(name: str, nothing: str) -> None:
    """The short way that ASCII takes comes to the same as the long one."""
    assert skeleton(name) == skeleton(name + nothing)
