"""What the user typed, and what clients make of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.facts.url import HostKind, ParsedUrl, UnusableUrl, UrlFact, UrlProblem
from lkdoctor.redact import REDACTED
from lkdoctor.wire import url

EXAMPLE = ParsedUrl(
    scheme="wss",
    host="rtc.example.com",
    port=443,
    explicit_port=False,
    path="",
    query=False,
    userinfo=False,
    host_kind=HostKind.PUBLIC,
)


def parsed(text: str) -> ParsedUrl:
    result = url.parse(text, "here").result
    assert isinstance(result, ParsedUrl)
    return result


def test_the_fact_says_what_was_written_and_where() -> None:
    fact = url.parse(" wss://rtc.example.com/ ", ".env:3")
    assert fact == UrlFact(" wss://rtc.example.com/ ", ".env:3", EXAMPLE)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        pytest.param("wss://rtc.example.com", {}, id="plain"),
        pytest.param("WSS://RTC.Example.COM.", {}, id="capitals and the root's dot"),
        pytest.param("wss://rtc.example.com:443/", {"explicit_port": True}, id="its own port"),
        pytest.param("wss://rtc.example.com:", {}, id="a colon without a port"),
        pytest.param("https://rtc.example.com", {"scheme": "https"}, id="https"),
        pytest.param(
            "http://rtc.example.com:7880",
            {"scheme": "http", "port": 7880, "explicit_port": True},
            id="http and a port",
        ),
        pytest.param("wss://rtc.example.com/sfu//", {"path": "/sfu"}, id="a prefix"),
        pytest.param("wss://rtc.example.com/rtc/v1", {"path": "/rtc/v1"}, id="LiveKit's own path"),
        pytest.param("wss://rtc.example.com/ä", {"path": "/%C3%A4"}, id="a path outside ASCII"),
        pytest.param(
            "wss://rtc.example.com/\udce4", {"path": "/%EF%BF%BD"}, id="bytes that are no UTF-8"
        ),
        pytest.param("wss://rtc.example.com?x=1", {"query": True}, id="a query"),
        pytest.param("wss://rtc.example.com/#x", {"query": True}, id="a fragment"),
        pytest.param("wss://me:pw@rtc.example.com", {"userinfo": True}, id="user information"),
        pytest.param(
            "ws://localhost:7880",
            {
                "scheme": "ws",
                "host": "localhost",
                "port": 7880,
                "explicit_port": True,
                "host_kind": HostKind.LOOPBACK,
            },
            id="localhost",
        ),
        pytest.param(
            "ws://[0:0::1]",
            {"scheme": "ws", "port": 80, "host": "::1", "host_kind": HostKind.LOOPBACK},
            id="an IPv6 address",
        ),
        pytest.param("wss://bücher.example", {"host": "xn--bcher-kva.example"}, id="an umlaut"),
        pytest.param("wss://straße.example", {"host": "xn--strae-oqa.example"}, id="a sharp s"),
        pytest.param("wss://例え。jp", {"host": "xn--r8jz45g.jp"}, id="another full stop"),
        pytest.param(
            "wss://a_b.example", {"host": "a_b.example"}, id="an underscore, as browsers take it"
        ),
    ],
)
def test_usable(text: str, changes: dict[str, Any]) -> None:
    assert parsed(text) == EXAMPLE._replace(**changes)


@pytest.mark.parametrize(
    ("text", "problem", "suggestion"),
    [
        pytest.param("", UrlProblem.EMPTY, None, id="nothing"),
        pytest.param(" \n", UrlProblem.EMPTY, None, id="blanks alone"),
        pytest.param("undefined", UrlProblem.LITERAL, None, id="undefined"),
        pytest.param("[object Object]", UrlProblem.LITERAL, None, id="an object"),
        pytest.param("None", UrlProblem.LITERAL, None, id="None"),
        pytest.param("wss://a b.com", UrlProblem.BLANKS, "wss://ab.com", id="a blank inside"),
        pytest.param("wss://a.com\nX", UrlProblem.BLANKS, "wss://a.comX", id="a line feed inside"),
        pytest.param("rtc.example.com", UrlProblem.NO_SCHEME, "wss://rtc.example.com", id="bare"),
        pytest.param("localhost:7880", UrlProblem.NO_SCHEME, "ws://localhost:7880", id="local"),
        pytest.param("10.0.0.1:7880", UrlProblem.NO_SCHEME, "ws://10.0.0.1:7880", id="private"),
        pytest.param("wss:/a.example", UrlProblem.NO_SCHEME, "wss://a.example", id="one slash"),
        pytest.param("wss:a.example", UrlProblem.NO_SCHEME, "wss://a.example", id="no slash"),
        pytest.param("https//a.example", UrlProblem.NO_SCHEME, "https://a.example", id="no colon"),
        pytest.param("//a.example", UrlProblem.NO_SCHEME, "wss://a.example", id="slashes alone"),
        pytest.param('"wss://a.example"', UrlProblem.NO_SCHEME, "wss://a.example", id="quotes"),
        pytest.param("wws://a.example", UrlProblem.WRONG_SCHEME, "wss://a.example", id="misspelt"),
        pytest.param("tcp://a.example", UrlProblem.WRONG_SCHEME, "wss://a.example", id="tcp"),
        pytest.param("wss://", UrlProblem.NO_HOST, None, id="a scheme alone"),
        pytest.param("wss:///rtc", UrlProblem.NO_HOST, None, id="a path alone"),
        pytest.param("wss://:7880", UrlProblem.NO_HOST, None, id="a port alone"),
        pytest.param("wss://a.example:78x", UrlProblem.BAD_PORT, "wss://a.example", id="letters"),
        pytest.param("wss://a.example:0", UrlProblem.BAD_PORT, "wss://a.example", id="port 0"),
        pytest.param("wss://a.example:70000", UrlProblem.BAD_PORT, "wss://a.example", id="70000"),
        pytest.param("wss://a..b", UrlProblem.BAD_HOST, None, id="an empty label"),
        pytest.param("wss://256.1.1.1", UrlProblem.BAD_HOST, None, id="no IPv4 address"),
        pytest.param("wss://a%20b", UrlProblem.BAD_HOST, None, id="a percent sign"),
        pytest.param("wss://" + "a" * 64 + ".com", UrlProblem.BAD_HOST, None, id="a long label"),
        pytest.param("wss://[::g]", UrlProblem.BAD_HOST, None, id="no IPv6 address"),
        pytest.param("ws://::1", UrlProblem.BAD_HOST, "ws://[::1]", id="IPv6 without brackets"),
        pytest.param(
            "ws://fe80::1/x",
            UrlProblem.BAD_HOST,
            "ws://[fe80::1]/x",
            id="IPv6 without brackets, a path",
        ),
        pytest.param("wss://a:1:2", UrlProblem.BAD_HOST, None, id="two ports"),
        pytest.param("wss://☃.example", UrlProblem.BAD_HOST, None, id="a snowman"),
    ],
)
def test_unusable(text: str, problem: UrlProblem, suggestion: str | None) -> None:
    result = url.parse(text, "here").result
    assert isinstance(result, UnusableUrl)
    assert (result.problem, result.suggestion) == (problem, suggestion)


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("my-app.livekit.cloud", HostKind.CLOUD),
        ("notlivekit.cloud", HostKind.PUBLIC),
        ("app.localhost", HostKind.LOOPBACK),
        ("127.9.9.9", HostKind.LOOPBACK),
        ("0.0.0.0", HostKind.LOOPBACK),
        ("172.16.0.1", HostKind.PRIVATE),
        ("100.64.0.1", HostKind.PRIVATE),
        ("fd00::1", HostKind.PRIVATE),
        ("livekit", HostKind.SINGLE_LABEL),
        ("8.8.8.8", HostKind.PUBLIC),
    ],
)
def test_who_can_reach_it(host: str, kind: HostKind) -> None:
    assert url.host_kind(host) == kind


def test_what_clients_dial() -> None:
    there = parsed("http://[::1]:7880/sfu/")
    assert url.authority(there) == "[::1]:7880"
    assert url.http_url(there, "/x") == "http://[::1]:7880/sfu/x"
    assert [address for _, address in url.dialled(there)] == [
        "ws://[::1]:7880/sfu/rtc/v1",
        "ws://[::1]:7880/sfu/rtc",
        "http://[::1]:7880/sfu/twirp/livekit.RoomService/ListRooms",
    ]


PASSWORDS = [
    "wss://me:hunter22@rtc.example.com",
    "wss://me:hunter22@rtc",
    "me:hunter22@rtc.example.com:x",
    "me:hunter22@rtc.example.com",
    "//me:hunter22@rtc.example.com",
    "wss:/me:hunter22@rtc.example.com",
    "wss:\\\\me:hunter22@rtc.example.com",
    "wss://wss://me:hunter22@rtc.example.com",
    "ftp://me:hunter22@rtc.example.com",
    " wss://me:hunter22@rtc.example.com ",
    '"wss://me:hunter22@rtc.example.com"',
    "<wss://me:hunter22@rtc.example.com>",
    "(me:hunter22@rtc.example.com)",
    "wss://me:hunter22@rtc.example.com:port",
    "wss://me:hunter22@",
    "wss://me:hun/hunter22@rtc.example.com",
    "wss://me:hunter22/hun@rtc",
    "wss://me:123/hunter22@rtc.example.com",
    "wss://me:hun?hunter22@rtc.example.com",
    "wss://me:hunter22#hun@rtc.example.com",
    "wss://me:hun\\hunter22@rtc.example.com",
    "wss://hunter22/hun@rtc.example.com",
    "wss://me:hun hunter22@rtc.example.com",
    "wss://me:hun@hunter22@rtc.example.com",
    "wss://me:<hunter22>@rtc.example.com",
    "wss://rtc.example.com/?access_token=hunter22",
    "wss://rtc.example.com/?token=hunter22&x=1",
    "wss://rtc.example.com/?api_secret=hunter22",
]


@pytest.mark.parametrize("written", PASSWORDS)
def test_no_form_of_a_url_shows_its_password(written: str) -> None:
    fact = url.parse(written, "here")
    assert "hunter22" in written
    assert "hunter" not in repr(fact)
    assert REDACTED in fact.raw


@pytest.mark.parametrize("cut", ["/", "?", "#", "\\"])
def test_a_password_that_ends_the_authority_is_said_to(cut: str) -> None:
    result = url.parse(f"wss://me:hun{cut}ter@rtc.example.com:7880", "here").result
    assert isinstance(result, UnusableUrl)
    assert result.detail.startswith("a password with / ? #")
    assert result.suggestion == "wss://rtc.example.com:7880"


@pytest.mark.parametrize(
    "written", ["https://host:7880/a@b", "wss://rtc.example.com/@x", "wss://rtc.example.com/a?b=@c"]
)
def test_an_at_sign_behind_the_host_is_no_password(written: str) -> None:
    fact = url.parse(written, "here")
    assert fact.raw == written
    assert isinstance(fact.result, ParsedUrl)
    assert not fact.result.userinfo


CHANCE = "Kq3vT8mZp1Wd9xYb2Rn7Lc4Hs6Jf0Ga5UeQzMt3wXo1"


@pytest.mark.parametrize(
    "written",
    [CHANCE, f"<{CHANCE}>", f"wss://{CHANCE}", f"key:{CHANCE}", f"wss://h.example/{CHANCE}"],
)
def test_what_no_one_would_choose_for_a_name_is_not_shown(written: str) -> None:
    fact = url.parse(written, "here")
    assert CHANCE[:8] not in fact.raw
    assert not (isinstance(fact.result, ParsedUrl) and fact.result.host == CHANCE.lower())


@pytest.mark.parametrize(
    "written",
    [
        "wss://my-clinic-x7k2p9q3.livekit.cloud",
        "wss://h.example/123e4567-e89b-12d3-a456-426614174000",
        "wss://ec2-203-0-113-25.compute-1.amazonaws.com:7880/LiveKit/Production/Rtc",
        "wss://a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6.example.com",
    ],
)
def test_a_long_name_is_shown(written: str) -> None:
    assert url.parse(written, "here").raw == written


def test_a_token_is_no_host() -> None:
    """Nobody's resolver hears of it."""
    token = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiJhbm4ifQ" + ".c2lnbmF0dXJlLW9mLWFubg"
    result = url.parse(f"wss://{token}", "here").result
    assert result == UnusableUrl(UrlProblem.BAD_HOST, "a token or secret where the host belongs")


@given(st.text() | st.text(alphabet="ws:/[]@.?#%-1a \\é").map("ws://{}".format))
def test_any_text_is_judged_and_what_is_usable_can_be_sent(text: str) -> None:
    result = url.parse(text, "here").result
    if isinstance(result, ParsedUrl):
        sent = url.http_url(result)
        assert sent.isascii()
        assert not any(char.isspace() or ord(char) < 32 for char in sent)
        assert url.parse(url.ws_url(result), "here").result == result._replace(
            scheme="wss" if result.secure else "ws",
            explicit_port=f":{result.port}" in url.authority(result)[-6:],
            query=False,
            userinfo=False,
        )
    elif result.suggestion is not None and "<redacted>" not in result.suggestion:
        assert isinstance(url.parse(result.suggestion, "here").result, ParsedUrl)


def test_each_scheme_has_its_port() -> None:
    ports = {scheme: parsed(f"{scheme}://rtc.example.com").port for scheme in url.SCHEMES}
    assert ports == {"ws": 80, "wss": 443, "http": 80, "https": 443}


@pytest.mark.parametrize(
    "word", ["undefined", "null", "None", "nil", "NaN", "[object Object]", "false"]
)
def test_the_word_of_a_variable_that_was_never_set_is_no_host(word: str) -> None:
    result = url.parse(word, "here").result
    assert isinstance(result, UnusableUrl)
    assert (result.problem, result.suggestion) == (UrlProblem.LITERAL, None)


@pytest.mark.parametrize(
    ("text", "problem", "suggestion"),
    [
        pytest.param(
            "rtc.example.com:7880",
            UrlProblem.NO_SCHEME,
            "ws://rtc.example.com:7880",
            id="LiveKit's own port has no TLS",
        ),
        pytest.param(
            "rtc.example.com:443",
            UrlProblem.NO_SCHEME,
            "wss://rtc.example.com:443",
            id="another port",
        ),
        pytest.param("wss://:abc", UrlProblem.NO_HOST, None, id="a port of letters alone"),
        pytest.param("wss://rtc.example.1", UrlProblem.BAD_HOST, None, id="it ends in a number"),
        pytest.param("wss://.", UrlProblem.BAD_HOST, None, id="a dot"),
        pytest.param("WS://@A? @", UrlProblem.BLANKS, None, id="no better without the blank"),
        pytest.param(
            "wss://" + ".".join(["a" * 62] * 3 + ["b" * 65]),
            UrlProblem.BAD_HOST,
            None,
            id="a label of 65",
        ),
        pytest.param(
            "wss://" + ".".join(["a" * 63] * 3 + ["b" * 62]),
            UrlProblem.BAD_HOST,
            None,
            id="a name of 254",
        ),
    ],
)
def test_unusable_at_the_edges(text: str, problem: UrlProblem, suggestion: str | None) -> None:
    result = url.parse(text, "here").result
    assert isinstance(result, UnusableUrl)
    assert (result.problem, result.suggestion) == (problem, suggestion)


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("localhost.", "localhost"),
        ("1.example.com", "1.example.com"),
        (".".join(["a" * 63] * 3 + ["b" * 61]), ".".join(["a" * 63] * 3 + ["b" * 61])),
    ],
    ids=["one label and the root's dot", "it begins with a number", "a name of 253"],
)
def test_a_host_at_the_edges(written: str, host: str) -> None:
    assert parsed(f"ws://{written}:7880").host == host
