"""STUN messages, held to those of another ICE agent (aioice), and to hostile bytes."""

import hashlib

import pytest
from aioice import stun as aioice
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.facts.media import IceServerSeen, Outcome, Tried
from lkdoctor.redact import Secret
from lkdoctor.wire import stun
from lkdoctor.wire.base import End
from lkdoctor.wire.stun import Address, Attribute, Kind, Login, Method

ID = bytes(range(12))
IDS = (ID, ID[::-1], bytes(12))
ICE = stun.Ice("theirs:ours", Secret("theirs7"))
KEY = b"theirs7"
LOGIN = Login("user", Secret("cr3dent"))

addresses = st.builds(
    Address,
    st.ip_addresses().map(str),
    st.integers(1, 65535),
)


def answer(kind: aioice.Class, key: bytes | None = None, **attributes: object) -> bytes:
    """What another STUN server would say to the Binding request `ID`."""
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    message = aioice.Message(aioice.Method.BINDING, kind, ID, named)
    if key is not None:
        message.add_message_integrity(key)
    return bytes(message)


def test_a_connectivity_check_is_what_another_agent_reads() -> None:
    data = stun.binding(ID, ICE)
    read = aioice.parse_message(data)
    assert (read.message_method, read.message_class, read.transaction_id) == (
        aioice.Method.BINDING,
        aioice.Class.REQUEST,
        ID,
    )
    assert list(read.attributes) == [
        "USERNAME",
        "PRIORITY",
        "ICE-CONTROLLED",
        "MESSAGE-INTEGRITY",
        "FINGERPRINT",
    ]
    assert read.attributes["USERNAME"] == "theirs:ours"
    assert read.check_message_integrity(KEY)
    assert not read.check_message_integrity(b"another")


def test_where_the_server_is_ice_lite_we_take_the_lead() -> None:
    read = aioice.parse_message(stun.binding(ID, ICE._replace(controlled=False)))
    assert "ICE-CONTROLLING" in read.attributes
    assert "ICE-CONTROLLED" not in read.attributes


@given(address=addresses)
def test_addresses_are_read_and_written_as_by_another_agent(address: Address) -> None:
    made = aioice.Message(
        aioice.Method.BINDING,
        aioice.Class.RESPONSE,
        ID,
        {"XOR-MAPPED-ADDRESS": tuple(address)},
    )
    read = stun.parse(bytes(made))
    assert read is not None
    assert read.mapped == address
    back = aioice.parse_message(stun.send(address, b"data", ID))
    assert back.attributes == {"XOR-PEER-ADDRESS": tuple(address), "DATA": b"data"}


def test_a_plain_address_of_an_old_server_is_read() -> None:
    data = answer(aioice.Class.RESPONSE, MAPPED_ADDRESS=("192.0.2.7", 4000))
    assert stun.bound(data) == Tried(Outcome.OK, None, None, "192.0.2.7:4000")


def test_only_a_signed_answer_to_a_check_is_believed() -> None:
    mapped = ("192.0.2.7", 4000)
    signed = answer(aioice.Class.RESPONSE, KEY, XOR_MAPPED_ADDRESS=mapped)
    assert stun.bound(signed, ICE) == Tried(Outcome.OK, None, None, "192.0.2.7:4000")
    forged = answer(aioice.Class.RESPONSE, b"another", XOR_MAPPED_ADDRESS=mapped)
    unsigned = answer(aioice.Class.RESPONSE, XOR_MAPPED_ADDRESS=mapped)
    assert (stun.bound(forged, ICE), stun.bound(unsigned, ICE)) == (None, None)


@pytest.mark.parametrize(
    ("code", "ice", "outcome"),
    [
        pytest.param(487, ICE, Outcome.OK, id="our role is taken: the check was read"),
        pytest.param(401, ICE, Outcome.REFUSED_BY, id="another user name"),
        pytest.param(487, None, Outcome.REFUSED_BY, id="a STUN server has no roles"),
    ],
)
def test_an_error_is_an_answer(code: int, ice: stun.Ice | None, outcome: Outcome) -> None:
    data = answer(aioice.Class.ERROR, ERROR_CODE=(code, "why"))
    assert stun.bound(data, ice) == Tried(outcome, None, code, "why")


def test_what_is_no_answer_is_passed_over() -> None:
    request = bytes(aioice.Message(aioice.Method.BINDING, aioice.Class.REQUEST, ID))
    other = bytes(aioice.Message(aioice.Method.ALLOCATE, aioice.Class.RESPONSE, ID))
    assert [stun.bound(data) for data in (request, other, b"", b"HTTP/1.1 400")] == [None] * 4


@given(data=st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    stun.parse(data)
    stun.bound(data, ICE)
    stun.relayed(data)
    stun.next_in_stream(data)
    stun.next_frame(data)
    stun.outcome(data)


@given(
    cut=st.integers(0, 200),
    flips=st.lists(st.tuples(st.integers(0, 150), st.integers(1, 255)), max_size=4),
)
def test_no_damage_breaks_it(cut: int, flips: list[tuple[int, int]]) -> None:
    data = bytearray(
        answer(
            aioice.Class.ERROR,
            KEY,
            ERROR_CODE=(401, "no"),
            XOR_MAPPED_ADDRESS=("192.0.2.7", 4000),
            REALM="realm",
        )
    )
    for at, change in flips:
        data[at % len(data)] ^= change
    damaged = bytes(data[:cut])
    stun.bound(damaged, ICE)
    message = stun.parse(damaged)
    if message is not None:
        assert message.error[0] >= 0
        assert isinstance(message.mapped, Address | None)


# ------------------------------------------------------------------ streams


def test_a_stream_is_cut_into_messages() -> None:
    data = stun.binding(ID)
    for length in range(len(data)):
        assert stun.next_in_stream(data[:length]) == (0 if length < 20 else len(data))
    assert stun.next_in_stream(data + b"more") == len(data)
    assert stun.next_in_stream(b"HTTP/1.1 400 Bad Request") is None
    assert stun.next_in_stream(bytes(20)) is None


def test_frames_of_ice_over_tcp_have_their_length_first() -> None:
    data = stun.framed(stun.binding(ID))
    assert [stun.next_frame(data[:length]) for length in (0, 1, 2)] == [0, 0, len(data)]
    assert stun.next_frame(b"HTTP/1.1 400 Bad Request") is None
    assert stun.next_frame(b"\x15\x03\x01\x00\x02") is None


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"<html>", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH"),
        (b"\x15\x03\x01\x00\x02", "TLS"),
        (b"-ERR secret", ""),
        (b"", ""),
    ],
)
def test_of_another_protocol_the_name_alone_is_told(data: bytes, name: str) -> None:
    assert stun.spoken(data) == name
    assert "secret" not in stun.outcome(data or b"x").words


# ------------------------------------------------------------------ ICE servers' URLs


def url(text: str, login: Login | None = None) -> IceServerSeen | None:
    return stun.server(text, login)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("stun:stun.example.com", ("stun", "stun.example.com", 3478, "udp")),
        ("STUN:STUN.example.com:19302", ("stun", "stun.example.com", 19302, "udp")),
        ("turn:192.0.2.1:3478?transport=udp", ("turn", "192.0.2.1", 3478, "udp")),
        ("turn:192.0.2.1?transport=tcp", ("turn", "192.0.2.1", 3478, "tcp")),
        ("turns:[2001:db8::1]:443?transport=tcp", ("turns", "2001:db8::1", 443, "tls")),
        ("turns:turn.example.com", ("turns", "turn.example.com", 5349, "tls")),
    ],
)
def test_a_url_says_whom_to_ask_and_how(text: str, parts: tuple[str, str, int, str]) -> None:
    seen = url(text)
    assert seen is not None
    assert (seen.scheme, seen.host, seen.port, seen.transport) == parts


@pytest.mark.parametrize(
    "text",
    ["", "turn:", "http://x", "turn:a:0", "turn:a:65536", "turn:a b", "turn:a?transport=sctp"],
)
def test_what_is_no_such_url_is_left_out(text: str) -> None:
    assert url(text) is None


def test_a_user_name_may_begin_with_its_end() -> None:
    def expires(name: str) -> float | None:
        seen = url("turn:a", Login(name, Secret("c")))
        assert seen is not None
        return seen.expires

    assert expires("1790000000:alice") == 1_790_000_000.0
    assert expires("1790000000") == 1_790_000_000.0
    assert expires("alice") is None
    assert expires("12345") is None


# ------------------------------------------------------------------ TURN


def turn(kind: aioice.Class, method: aioice.Method, ident: bytes, **attributes: object) -> bytes:
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return bytes(aioice.Message(method, kind, ident, named))


def challenge(code: int, ident: bytes, nonce: bytes = b"nonce") -> bytes:
    return turn(
        aioice.Class.ERROR,
        aioice.Method.ALLOCATE,
        ident,
        ERROR_CODE=(code, "no"),
        REALM="realm",
        NONCE=nonce,
    )


def test_an_allocation_is_signed_once_the_server_has_said_how() -> None:
    asking = stun.allocate(LOGIN, IDS)
    first = aioice.parse_message(next(asking))
    assert list(first.attributes) == ["LIFETIME", "REQUESTED-TRANSPORT"]
    second = aioice.parse_message(asking.send(challenge(401, IDS[0])))
    key = hashlib.md5(b"user:realm:cr3dent", usedforsecurity=False).digest()
    assert second.check_message_integrity(key)
    assert (second.transaction_id, second.attributes["NONCE"]) == (IDS[1], b"nonce")
    third = aioice.parse_message(asking.send(challenge(438, IDS[1], b"newer")))
    assert third.attributes["NONCE"] == b"newer"
    with pytest.raises(StopIteration) as stop:
        asking.send(
            turn(
                aioice.Class.RESPONSE,
                aioice.Method.ALLOCATE,
                IDS[2],
                XOR_RELAYED_ADDRESS=("192.0.2.9", 30001),
                XOR_MAPPED_ADDRESS=("192.0.2.7", 4000),
            )
        )
    granted = stop.value.value
    assert (granted.tried, granted.relayed, granted.mapped) == (
        Tried(Outcome.OK),
        Address("192.0.2.9", 30001),
        Address("192.0.2.7", 4000),
    )


@pytest.mark.parametrize(
    ("login", "answers", "tried"),
    [
        pytest.param(LOGIN, [End.TIMEOUT], Tried(Outcome.SILENT), id="nobody there"),
        pytest.param(LOGIN, [End.RESET], Tried(Outcome.REFUSED), id="closed port"),
        pytest.param(LOGIN, [End.CLOSED], Tried(Outcome.CLOSED), id="hung up"),
        pytest.param(
            LOGIN,
            [b"HTTP/1.1 400 Bad Request"],
            Tried(Outcome.FOREIGN, detail="HTTP"),
            id="a web server",
        ),
        pytest.param(
            None,
            [challenge(401, ID)],
            Tried(Outcome.REFUSED_BY, None, 401, "no"),
            id="no credentials",
        ),
        pytest.param(
            LOGIN,
            [challenge(401, ID), challenge(401, ID)],
            Tried(Outcome.REFUSED_BY, None, 401, "no"),
            id="wrong credentials",
        ),
        pytest.param(
            LOGIN,
            [challenge(401, ID), challenge(438, ID), challenge(438, ID)],
            Tried(Outcome.REFUSED_BY, None, 438, "no"),
            id="stale for ever",
        ),
        pytest.param(
            LOGIN,
            [answer(aioice.Class.ERROR, ERROR_CODE=(401, "no realm"))],
            Tried(Outcome.REFUSED_BY, None, 401, "no realm"),
            id="a challenge without a realm",
        ),
    ],
)
def test_every_end_of_an_allocation_is_a_fact(
    login: Login | None, answers: list[bytes | End], tried: Tried
) -> None:
    asking = stun.allocate(login, IDS)
    next(asking)
    with pytest.raises(StopIteration) as stop:
        for one in answers:
            asking.send(one)
    assert stop.value.value.tried == tried


def test_a_permission_names_the_peer() -> None:
    asking = stun.permit(None, Address("192.0.2.3", 7882), ID)
    request = aioice.parse_message(next(asking))
    assert request.attributes == {"XOR-PEER-ADDRESS": ("192.0.2.3", 7882)}
    with pytest.raises(StopIteration) as stop:
        asking.send(
            turn(
                aioice.Class.ERROR,
                aioice.Method.CREATE_PERMISSION,
                ID,
                ERROR_CODE=(403, "Forbidden"),
            )
        )
    assert stop.value.value == Tried(Outcome.REFUSED_BY, None, 403, "Forbidden")


def test_an_allocation_is_given_back() -> None:
    read = aioice.parse_message(stun.free(None, ID))
    assert (read.message_method, read.attributes) == (aioice.Method.REFRESH, {"LIFETIME": 0})


def test_what_a_peer_sends_comes_in_a_data_indication() -> None:
    data = turn(
        aioice.Class.INDICATION,
        aioice.Method.DATA,
        ID,
        XOR_PEER_ADDRESS=("192.0.2.3", 7882),
        DATA=b"from the peer",
    )
    assert stun.relayed(data) == b"from the peer"
    assert stun.relayed(stun.binding(ID)) is None


def test_attributes_are_padded_and_found() -> None:
    data = stun.encode(Method.BINDING, Kind.REQUEST, ID, ((Attribute.USERNAME, b"12345"),))
    assert len(data) == 20 + 4 + 8
    read = stun.parse(data)
    assert read == stun.Message(Method.BINDING, Kind.REQUEST, ID, ((Attribute.USERNAME, b"12345"),))
    assert read.get(Attribute.REALM) is None


@pytest.mark.parametrize("odd", [1, 2, 3, 5])
def test_a_length_that_is_no_multiple_of_four_is_no_message(odd: int) -> None:
    """RFC 8489 §5: attributes are padded, so such a message ends inside one's head."""
    head = aioice.Class.RESPONSE + aioice.Method.BINDING
    data = head.to_bytes(2) + odd.to_bytes(2) + stun.COOKIE.to_bytes(4) + ID + bytes(odd)
    assert stun.parse(data) is None


def test_a_signature_is_looked_for_within_the_bytes_that_came() -> None:
    """It may be the last attribute; of one that was cut off there is nothing to compare."""
    signed = stun.encode(Method.BINDING, Kind.SUCCESS, ID, key=KEY)
    cuts = [stun.authentic(signed[:length], KEY) for length in range(len(signed) + 1)]
    assert cuts == [False] * len(signed) + [True]


def test_a_signature_is_found_behind_attributes_of_any_length() -> None:
    for size in (*range(9), 20):
        data = stun.encode(
            Method.BINDING,
            Kind.SUCCESS,
            ID,
            ((Attribute.SOFTWARE, b"x" * size), (Attribute.REALM, b"")),
            key=KEY,
            fingerprint=True,
        )
        assert stun.authentic(data, KEY)
        assert aioice.parse_message(data).check_message_integrity(KEY)
        read = stun.parse(data)
        assert read is not None
        assert read.attributes[:2] == (
            (Attribute.SOFTWARE, b"x" * size),
            (Attribute.REALM, b""),
        )


@pytest.mark.parametrize(
    ("length", "frame"),
    [(stun.HEADER - 1, None), (stun.HEADER, 22), (stun.MAX_MESSAGE, 2050), (2049, None)],
)
def test_a_frame_holds_a_message_of_ours_or_none(length: int, frame: int | None) -> None:
    assert stun.next_frame(length.to_bytes(2)) == frame


def test_a_message_in_a_stream_is_as_large_as_one_in_a_datagram() -> None:
    def message(length: int) -> bytes:
        return b"\x01\x01" + length.to_bytes(2) + stun.COOKIE.to_bytes(4) + ID

    assert stun.next_in_stream(message(stun.MAX_MESSAGE - stun.HEADER)) == stun.MAX_MESSAGE
    assert stun.next_in_stream(message(stun.MAX_MESSAGE - stun.HEADER + 4)) is None
    largest = stun.MAX_MESSAGE - stun.HEADER
    assert stun.parse(message(largest) + bytes(largest)) is not None
    assert stun.parse(message(largest + 4) + bytes(largest + 4)) is None


def test_a_check_says_how_it_weighs_and_a_request_for_a_relay_what_it_is_for() -> None:
    """RFC 8445 §5.1.2.1: peer-reflexive, component 1; RFC 8656 §18.9: UDP is protocol 17."""
    check = aioice.parse_message(stun.binding(ID, ICE))
    assert check.attributes["PRIORITY"] == 110 * 2**24 + 65535 * 2**8 + 255
    asked = next(stun.allocate(LOGIN, IDS))
    read = stun.parse(asked)
    assert read is not None
    assert read.attributes == (
        (Attribute.LIFETIME, (60).to_bytes(4)),
        (Attribute.REQUESTED_TRANSPORT, b"\x11\x00\x00\x00"),
    )


def test_every_number_is_another_agent_s() -> None:
    names = {"SUCCESS": "RESPONSE"}
    for method in Method:
        assert int(method) == int(aioice.Method[method.name])
    for kind in Kind:
        assert int(kind) == int(aioice.Class[names.get(kind.name, kind.name)])
    theirs = {name.replace("-", "_"): number for number, name, *_ in aioice.ATTRIBUTES}
    assert {one.name: one.value for one in Attribute} == {
        one.name: theirs[one.name] for one in Attribute
    }


@pytest.mark.parametrize("bits", [0x40, 0x80, 0xC0])
def test_what_begins_with_other_bits_is_another_protocol(bits: int) -> None:
    """RFC 7983: DTLS, TURN channels and RTP share the port."""
    data = bytearray(answer(aioice.Class.RESPONSE))
    assert stun.parse(bytes(data)) is not None
    data[0] |= bits
    assert stun.parse(bytes(data)) is None
    assert stun.next_in_stream(bytes(data)) is None


def test_a_request_to_a_stun_server_is_a_fingerprint_and_nothing_else() -> None:
    read = aioice.parse_message(stun.binding(ID))
    assert (read.message_class, list(read.attributes)) == (aioice.Class.REQUEST, ["FINGERPRINT"])


def test_eight_bytes_tell_whether_it_is_stun() -> None:
    data = stun.binding(ID)
    other = data[:7] + b"\x00"
    assert [stun.next_in_stream(other[:size]) for size in (6, 7, 8)] == [0, 0, None]
    assert stun.next_in_stream(data[:8]) == 0


@pytest.mark.parametrize("lacks", ["REALM", "NONCE"])
def test_a_challenge_that_says_not_how_is_not_answered(lacks: str) -> None:
    said: dict[str, object] = {"ERROR_CODE": (401, "no"), "REALM": "realm", "NONCE": b"nonce"}
    del said[lacks]
    asking = stun.allocate(LOGIN, IDS)
    next(asking)
    with pytest.raises(StopIteration) as stop:
        asking.send(turn(aioice.Class.ERROR, aioice.Method.ALLOCATE, IDS[0], **said))
    assert stop.value.value.tried == Tried(Outcome.REFUSED_BY, None, 401, "no")
