"""Offers as livekit-servers make them, and answers that take no media."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.facts.signal import Candidate
from lkdoctor.redact import Secret, clean
from lkdoctor.wire import sdp
from lkdoctor.wire.sdp import Offer, OurSide, Section

# livekit-server 1.13.5, as it came; the values are made up.
OFFER = """v=0\r
o=- 2890844526 2890842807 IN IP4 0.0.0.0\r
s=-\r
t=0 0\r
a=msid-semantic:WMS *\r
a=fingerprint:sha-256 00:11\r
a=extmap-allow-mixed\r
a=group:BUNDLE 0\r
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r
c=IN IP4 0.0.0.0\r
a=setup:actpass\r
a=mid:0\r
a=sendrecv\r
a=sctp-port:5000\r
a=max-message-size:65535\r
a=ice-ufrag:theirUfrag\r
a=ice-pwd:theirPasswordTheirPassword\r
a=candidate:233762139 1 udp 2130706431 192.0.2.1 7882 typ host ufrag theirUfrag\r
a=candidate:2455155151 1 tcp 1671430143 192.0.2.1 7881 typ host tcptype passive\r
"""
OURS = OurSide("ourUfrag", "ourPassword", "AA:BB")


def test_an_offer_of_the_server_is_read() -> None:
    assert sdp.read(OFFER) == Offer(
        ufrag="theirUfrag",
        password=Secret("theirPasswordTheirPassword"),
        lite=False,
        sections=(Section("application", "UDP/DTLS/SCTP", "webrtc-datachannel", "0"),),
        candidates=(
            Candidate("udp", "192.0.2.1", 7882, "host"),
            Candidate("tcp", "192.0.2.1", 7881, "host", "passive"),
        ),
    )


def test_ice_lite_is_noticed() -> None:
    offer = sdp.read(OFFER.replace("a=extmap-allow-mixed", "a=ice-lite"))
    assert offer is not None
    assert offer.lite


@pytest.mark.parametrize(
    "missing", ["a=ice-ufrag:theirUfrag", "a=ice-pwd:theirPasswordTheirPassword", "m=application"]
)
def test_without_what_a_check_needs_it_is_no_offer(missing: str) -> None:
    assert sdp.read(OFFER.replace(missing, "x=")) is None


def test_the_answer_takes_the_data_channel_and_no_media() -> None:
    more = OFFER + "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:1\r\n"
    offer = sdp.read(more)
    assert offer is not None
    assert sdp.answer(offer, OURS).splitlines() == [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=ice-ufrag:ourUfrag",
        "a=ice-pwd:ourPassword",
        "a=fingerprint:sha-256 AA:BB",
        "a=setup:active",
        "a=sctp-port:5000",
        "m=audio 0 UDP/TLS/RTP/SAVPF 111 63",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=inactive",
    ]


def test_without_a_data_channel_the_first_section_carries_the_transport() -> None:
    offer = sdp.read(
        OFFER.replace("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "m=audio 9 UDP 111")
    )
    assert offer is not None
    assert "m=audio 9 UDP 111" in sdp.answer(offer, OURS).splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "a b c",
        "1 1 udp 1 192.0.2.1 7882 typ",
        "1 1 udp 1 192.0.2.1 port typ host",
        "1 1 udp 1 192.0.2.1 7882 is host",
    ],
)
def test_what_is_no_candidate_is_none(line: str) -> None:
    assert sdp.candidate(line) is None


@given(text=st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    sdp.read(text)
    offer = sdp.read(OFFER + text)
    if offer is not None:
        assert sdp.answer(offer, OURS).startswith("v=0\r\n")


def test_an_offer_is_read_only_so_far() -> None:
    many = "".join(f"a=candidate:1 1 udp 1 192.0.2.1 {i} typ host\r\n" for i in range(1, 99))
    more = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 40
    offer = sdp.read(OFFER + many + more)
    assert offer is not None
    assert (len(offer.candidates), len(offer.sections)) == (64, 32)
    assert sdp.read("a=x\r\n" * 1984 + OFFER) is None  # its ice-pwd stands in line 2001
    assert sdp.read("a=x\r\n" * 1983 + OFFER) is not None
    other = sdp.read(OFFER + "a=end-of-candidates\r\na=note:1 1 udp 1 192.0.2.1 9 typ host\r\n")
    assert other is not None
    assert other == sdp.read(OFFER)


@pytest.mark.parametrize(
    ("ufrag", "password", "usable"),
    [(1, 1, True), (256, 256, True), (257, 256, False), (256, 257, False), (0, 1, False)],
)
def test_what_signs_a_check_has_one_to_256_characters(
    ufrag: int, password: int, usable: bool
) -> None:
    """RFC 8839 §5.4."""
    changed = OFFER.replace("ice-ufrag:theirUfrag", f"ice-ufrag:{'u' * ufrag}").replace(
        "ice-pwd:theirPasswordTheirPassword", f"ice-pwd:{'p' * password}"
    )
    assert (sdp.read(changed) is not None) is usable


@pytest.mark.parametrize(
    ("port", "read"), [("0", 0), ("65535", 65535), ("65536", None), ("-1", None), ("٣", None)]
)
def test_a_candidate_has_a_port(port: str, read: int | None) -> None:
    found = sdp.candidate(f"candidate:1 1 UDP 1 192.0.2.1 {port} typ HOST")
    assert found == (None if read is None else Candidate("udp", "192.0.2.1", read, "host"))


def test_a_candidate_s_words_come_in_pairs() -> None:
    line = "candidate:1 1 tcp 1 192.0.2.1 7881 typ host generation 0 tcptype passive ufrag"
    assert sdp.candidate(line) == Candidate("tcp", "192.0.2.1", 7881, "host", "passive")


def test_of_several_sections_the_first_is_taken_where_none_is_a_data_channel() -> None:
    media = "m=audio 9 UDP 111\r\na=mid:0\r\nm=video 9 UDP 96\r\na=mid:1\r\n"
    offer = sdp.read(f"a=ice-ufrag:u\r\na=ice-pwd:p\r\n{media}")
    assert offer is not None
    lines = sdp.answer(offer, OURS).splitlines()
    assert [line for line in lines if line.startswith(("m=", "a=group"))] == [
        "a=group:BUNDLE 0",
        "m=audio 9 UDP 111",
        "m=video 0 UDP 96",
    ]


def test_a_section_has_formats() -> None:
    assert sdp.read("m=audio 9 UDP\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n") is None


def test_a_password_that_is_a_word_is_not_blotted_out_of_all_texts() -> None:
    assert sdp.read("m=audio 9 UDP 111\r\na=ice-ufrag:u\r\na=ice-pwd:reception\r\n") is not None
    assert clean("the reception") == "the reception"
