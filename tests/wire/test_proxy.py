"""The URL of a forward proxy, and the tunnel through it, cut in every way."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.facts.server import NoAnswer, Silence
from lkdoctor.redact import Secret
from lkdoctor.wire import http, proxy
from lkdoctor.wire.base import Conversation, End
from lkdoctor.wire.proxy import Proxy, UnusableProxy, parse

SPOKEN = {"tunnel": b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"}
REFUSED = b"HTTP/1.1 403 Filtered\r\nContent-Length: 4\r\n\r\nnope"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("http://p.example:3128", Proxy("X", "p.example", 3128), id="usual"),
        pytest.param("p.example:8080", Proxy("X", "p.example", 8080), id="no scheme"),
        pytest.param(" HTTP://P.example/ ", Proxy("X", "p.example", 80), id="no port, blanks"),
        pytest.param("http://[::1]:3128", Proxy("X", "::1", 3128), id="IPv6"),
        pytest.param(
            "http://an%40na:ge:heim@p.example:1",
            Proxy("X", "p.example", 1, Secret("an@na:ge:heim")),
            id="user and password",
        ),
        pytest.param(
            "socks5://p.example:1080",
            UnusableProxy("X", "it speaks socks5, and only http:// can be used"),
            id="SOCKS",
        ),
        pytest.param(
            "https://p.example",
            UnusableProxy("X", "it speaks https, and only http:// can be used"),
            id="TLS to the proxy",
        ),
        pytest.param(
            "http://me:hun/ter@p.example:3128",
            UnusableProxy("X", "a password with / ? # or \\ in it has to be percent-encoded"),
            id="a password with a slash",
        ),
        pytest.param("http://", UnusableProxy("X", "it names no host"), id="nothing"),
        pytest.param(
            "Kq3vT8mZp1Wd9xYb2Rn7Lc4Hs6Jf0Ga5UeQzMt3wXo1",
            UnusableProxy("X", "it names no host"),
            id="a secret",
        ),
        pytest.param("", UnusableProxy("X", "it names no host"), id="empty"),
        pytest.param("http://p:99999", UnusableProxy("X", "its port is no port"), id="port"),
        pytest.param("http://a b/", UnusableProxy("X", "it names no host"), id="blank inside"),
        pytest.param("ht!tp://p", UnusableProxy("X", "it is no URL"), id="no scheme at all"),
    ],
)
def test_the_url(value: str, expected: object) -> None:
    assert parse(value, "X") == expected


@given(st.text(max_size=60))
def test_any_text_is_a_proxy_or_says_why_not(value: str) -> None:
    found = parse(value, "X")
    assert found.reason if isinstance(found, UnusableProxy) else found.host


def test_the_address_has_no_credentials() -> None:
    assert Proxy("X", "::1", 3128, Secret("anna:geheim12")).address == "http://[::1]:3128"


def test_what_is_asked() -> None:
    asked = next(proxy.connect("rtc.example.com:443", Secret("anna:geheim12")))
    assert asked == (
        b"CONNECT rtc.example.com:443 HTTP/1.1\r\nHost: rtc.example.com:443\r\n"
        b"User-Agent: lkdoctor\r\nProxy-Authorization: Basic YW5uYTpnZWhlaW0xMg==\r\n\r\n"
    )
    assert b"Authorization" not in next(proxy.connect("rtc.example.com:443"))


def said(
    data: bytes, cuts: list[int], end: End = End.CLOSED
) -> tuple[http.Answer | NoAnswer, bool]:
    """What is read of these bytes, and whether all of them had to come first."""
    talk: Conversation[http.Answer | NoAnswer] = proxy.connect("a:1")
    next(talk)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    parts = [data[a:b] for a, b in itertools.pairwise(places) if a < b]
    try:
        for part in parts:
            talk.send(part)
        talk.send(end)
    except StopIteration as stop:
        answer: http.Answer | NoAnswer = stop.value
        return answer, True
    raise AssertionError("it goes on after its end")


@given(st.lists(st.integers(0, 100), max_size=6))
def test_an_answer_is_read_whole_however_it_is_cut(cuts: list[int]) -> None:
    answer, _ = said(SPOKEN["tunnel"], cuts)
    assert isinstance(answer, http.Answer)
    assert (answer.status, answer.body, answer.truncated) == (200, b"", False)
    answer, _ = said(REFUSED, cuts)
    assert isinstance(answer, http.Answer)
    assert (answer.status, answer.body) == (403, b"nope")


def test_a_tunnel_has_no_body_whatever_its_head_says() -> None:
    """RFC 9110 §9.3.6: a Content-Length there is ignored."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"
    answer, _ = said(head, [], End.TIMEOUT)
    assert isinstance(answer, http.Answer)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("data", "end", "problem"),
    [
        pytest.param(b"", End.CLOSED, Silence.CLOSED, id="closed"),
        pytest.param(b"", End.RESET, Silence.RESET, id="reset"),
        pytest.param(b"", End.TIMEOUT, Silence.TIMEOUT, id="silent"),
        pytest.param(b"\x05\xff", End.CLOSED, Silence.NOT_HTTP, id="SOCKS"),
        pytest.param(b"HTTP/1.1 200", End.TIMEOUT, Silence.SLOW, id="never done"),
    ],
)
def test_what_is_no_answer(data: bytes, end: End, problem: Silence) -> None:
    answer, _ = said(data, [], end)
    assert isinstance(answer, NoAnswer)
    assert answer.problem is problem


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(299, b"", id="the last status of a tunnel"),
        pytest.param(300, b"nope", id="the first that is none"),
        pytest.param(302, b"nope", id="a login page for guests"),
        pytest.param(407, b"nope", id="credentials wanted"),
    ],
)
def test_a_tunnel_is_a_2xx_alone(status: int, body: bytes) -> None:
    """RFC 9110 §9.3.6: what comes behind any other answer is the proxy's, and read with it."""
    head = b"HTTP/1.1 %d Said\r\nLocation: http://login.example/\r\nContent-Length: 4\r\n\r\n"
    answer, _ = said(head % status + b"nope", [3])
    assert isinstance(answer, http.Answer)
    assert (answer.status, answer.body, answer.truncated) == (status, body, False)


@pytest.mark.parametrize(
    ("value", "host", "port"),
    [("http://p.example:", "p.example", 80), ("http://:3128", None, None), ("p:65535", "p", 65535)],
)
def test_a_host_has_to_be_there_and_a_port_need_not(
    value: str, host: str | None, port: int | None
) -> None:
    found = parse(value, "X")
    if host is None:
        assert found == UnusableProxy("X", "it names no host")
    else:
        assert found == Proxy("X", host, port or 0)


def test_a_scheme_of_any_length_is_named_in_short() -> None:
    said = f"it speaks {'a' * 20}, and only http:// can be used"
    assert parse(f"{'a' * 300}://p", "X") == UnusableProxy("X", said)


def test_a_line_end_is_in_no_url() -> None:
    assert parse("http://p/\nx", "X") == UnusableProxy("X", "it is no URL")
