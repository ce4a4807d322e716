"""Signalling messages: what becomes a fact, what is dropped, what cannot be read."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import models, rtc

from lkdoctor.facts.signal import Candidate, IceServer, Joined, LeftAtOnce, ParticipantSeen
from lkdoctor.redact import Secret, clean, remembered
from lkdoctor.wire import signal
from lkdoctor.wire.stun import Login


def response(**message: object) -> bytes:
    return rtc.SignalResponse(**message).SerializeToString()  # type: ignore[arg-type]


CREDENTIAL = "Zt7q-ice-credential-93"
TURN_PASSWORD = "Kp2m-turn-password-41"


def join() -> rtc.JoinResponse:
    """What livekit-server 1.13.5 sends, with somebody else in the room and a TURN server."""
    return rtc.JoinResponse(
        room=models.Room(
            sid="RM_1",
            name="demo",
            creation_time=1795486041,
            creation_time_ms=1795486041211,
            turn_password=TURN_PASSWORD,
            num_participants=1,
            max_participants=2,
            empty_timeout=300,
            departure_timeout=20,
        ),
        participant=models.ParticipantInfo(sid="PA_1", identity="me"),
        other_participants=[
            models.ParticipantInfo(
                sid="PA_2",
                identity="you",
                name="\x1b[31mRed",
                state=models.ParticipantInfo.ACTIVE,
                joined_at=1795486000,
                tracks=[models.TrackInfo(sid="TR_1")],
                permission=models.ParticipantPermission(hidden=True),
            )
        ],
        server_version="1.13.5",
        server_info=models.ServerInfo(
            version="1.13.5",
            protocol=17,
            node_id="ND_1",
            region="eu",
            edition=models.ServerInfo.Cloud,
        ),
        ice_servers=[
            rtc.ICEServer(
                urls=["turns:turn.example.com:443?transport=tcp"],
                username="1795486041:me",
                credential=CREDENTIAL,
            ),
            rtc.ICEServer(urls=["stun:stun.example.com:3478"]),
        ],
        subscriber_primary=True,
        ping_interval=5,
        ping_timeout=15,
        alternative_url="wss://other.example.com",
    )


def test_joined() -> None:
    data = response(join=join())
    assert signal.read(data) == Joined(
        took_ms=0.0,
        room="demo",
        room_sid="RM_1",
        identity="me",
        participant_sid="PA_1",
        server_version="1.13.5",
        protocol=17,
        region="eu",
        node_id="ND_1",
        edition="Cloud",
        ping_interval_s=5,
        ping_timeout_s=15,
        room_created_at=1795486041.211,
        num_participants=1,
        max_participants=2,
        others=(
            ParticipantSeen(
                identity="you",
                name="\\x1b[31mRed",
                sid="PA_2",
                state="ACTIVE",
                joined_at=1795486000.0,
                publishing=1,
                hidden=True,
            ),
        ),
        ice_servers=(
            IceServer(("turns:turn.example.com:443?transport=tcp",), "<masked>", True),
            IceServer(("stun:stun.example.com:3478",), "", False),
        ),
        subscriber_primary=True,
        alternative_url="wss://other.example.com",
        empty_timeout_s=300,
        departure_timeout_s=20,
        message_bytes=len(data),
    )


def test_what_is_secret_in_a_join_is_known_as_secret_from_then_on() -> None:
    shown = repr(signal.read(response(join=join())))
    for secret in (CREDENTIAL, TURN_PASSWORD):
        assert secret not in shown
        assert secret not in clean(f"the server echoes {secret}")


def test_a_fresh_token_does_not_show_itself() -> None:
    message = signal.read(response(refresh_token="a-token-of-the-server"))
    assert repr(message) == "<a token of the server's, 21 chars>"


def test_an_older_server_has_times_in_seconds_and_its_version_in_one_place() -> None:
    old = join()
    old.room.creation_time_ms = 0
    old.ClearField("server_info")
    joined = signal.read(response(join=old))
    assert isinstance(joined, Joined)
    assert (joined.room_created_at, joined.server_version) == (1795486041.0, "1.13.5")


def test_a_crowd_is_counted_only_so_far() -> None:
    crowd = join()
    crowd.other_participants.extend(models.ParticipantInfo(sid=str(i)) for i in range(5000))
    crowd.ice_servers.extend(rtc.ICEServer(credential=f"credential-{i}") for i in range(500))
    joined = signal.read(response(join=crowd))
    assert isinstance(joined, Joined)
    assert (len(joined.others), len(joined.ice_servers)) == (1000, 16)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            response(
                leave=rtc.LeaveRequest(
                    reason=models.DUPLICATE_IDENTITY, action=rtc.LeaveRequest.RECONNECT
                )
            ),
            LeftAtOnce(0.0, "DUPLICATE_IDENTITY", "RECONNECT"),
            id="leave",
        ),
        pytest.param(
            response(leave=rtc.LeaveRequest(reason=99, action=9)),  # type: ignore[arg-type]
            LeftAtOnce(0.0, "99", "9"),
            id="a reason that is newer than we are",
        ),
        pytest.param(
            response(pong_resp=rtc.Pong(last_ping_timestamp=5, timestamp=7)),
            signal.Pong(5, 7),
            id="pong",
        ),
        pytest.param(
            response(trickle=rtc.TrickleRequest(candidateInit="null", final=True)),
            signal.Trickled(None, final=True),
            id="the last trickle",
        ),
        pytest.param(
            response(refresh_token="a-token-of-the-server"),
            signal.Refreshed("a-token-of-the-server"),
            id="a fresh token",
        ),
        pytest.param(
            response(refresh_token="t" * 65536),
            signal.Refreshed("t" * 65536),
            id="the longest token",
        ),
        pytest.param(
            response(refresh_token="t" * 65537),
            signal.Other("refresh_token"),
            id="a text too long for a token",
        ),
        pytest.param(b"", signal.Unreadable("an empty message"), id="nothing"),
        pytest.param(
            b"hello \x1b[31m", signal.Unreadable("hello \\x1b[31m"), id="text that is no protobuf"
        ),
        pytest.param(
            response(join=rtc.JoinResponse()),
            signal.Unreadable("a JoinResponse without room and participant"),
            id="an empty join",
        ),
        pytest.param(b"\xf8\x07\x01", signal.Unreadable("\\xf8\\x07\\x01"), id="an unknown field"),
    ],
)
def test_messages(data: bytes, expected: signal.SignalMessage) -> None:
    assert signal.read(data) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "candidate:2878742611 1 udp 2130706431 127.0.0.1 7882 typ host ufrag x",
            Candidate("udp", "127.0.0.1", 7882, "host"),
            id="host over UDP",
        ),
        pytest.param(
            "candidate:1 1 TCP 1671430143 fd00::2 7881 typ host tcptype passive",
            Candidate("tcp", "fd00::2", 7881, "host", "passive"),
            id="host over TCP",
        ),
        pytest.param(
            "candidate:1 1 udp 1 203.0.113.9 50000 typ relay raddr 10.0.0.1 rport 1",
            Candidate("udp", "203.0.113.9", 50000, "relay"),
            id="relayed",
        ),
    ],
)
def test_candidates(line: str, expected: Candidate) -> None:
    assert signal.candidate(f'{{"candidate":"{line}","sdpMid":"0"}}') == expected


@pytest.mark.parametrize(
    "init",
    [
        pytest.param("", id="nothing"),
        pytest.param("null", id="null"),
        pytest.param("[]", id="a list"),
        pytest.param('{"candidate":""}', id="an empty line"),
        pytest.param('{"candidate":7}', id="a number"),
        pytest.param('{"candidate":"candidate:1 1 udp 1 127.0.0.1 x typ host"}', id="no port"),
        pytest.param("[" * 100_000, id="nested without end"),
    ],
)
def test_no_candidate(init: str) -> None:
    assert signal.candidate(init) is None


def test_what_we_say() -> None:
    pinged = rtc.SignalRequest.FromString(signal.ping(1795486041211, 25))
    assert (pinged.ping_req.timestamp, pinged.ping_req.rtt) == (1795486041211, 25)
    left = rtc.SignalRequest.FromString(signal.leave())
    assert left.leave.reason == models.CLIENT_INITIATED
    assert signal.query("/rtc") == "auto_subscribe=1&protocol=15"


def test_the_join_request_of_the_newer_path() -> None:
    name, _, value = signal.query("/rtc/v1").partition("=")
    wrapped = rtc.WrappedJoinRequest.FromString(base64.urlsafe_b64decode(value))
    request = rtc.JoinRequest.FromString(wrapped.join_request)
    assert name == "join_request"
    assert request.client_info.protocol == 15
    assert request.connection_settings.auto_subscribe


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: b"\x0a\x50" + tail))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    assert signal.read(data).kind


@given(st.binary(max_size=6), st.integers(min_value=0))
def test_no_damage_to_a_join_breaks_the_reader(noise: bytes, at: int) -> None:
    data = response(join=join())
    at %= len(data)
    assert signal.read(data[:at] + noise + data[at + len(noise) :]).kind


@given(st.text() | st.text().map('{{"candidate":"{}"}}'.format))
def test_no_text_breaks_a_candidate(init: str) -> None:
    signal.candidate(init)


def test_an_ice_server_is_opened_by_user_name_and_credential_together() -> None:
    servers = [
        rtc.ICEServer(urls=["turn:a", "turns:a"], username="ann", credential=CREDENTIAL),
        rtc.ICEServer(urls=["turn:b"], username="ann"),
        rtc.ICEServer(urls=["turn:c"], credential=CREDENTIAL),
        rtc.ICEServer(urls=["stun:d"]),
    ]
    made = join()
    del made.ice_servers[:]
    made.ice_servers.extend(servers)
    login = Login("ann", Secret(CREDENTIAL))
    assert signal.logins(response(join=made)) == (
        ("turn:a", login),
        ("turns:a", login),
        ("turn:b", None),
        ("turn:c", None),
        ("stun:d", None),
    )
    joined = signal.read(response(join=made))
    assert isinstance(joined, Joined)
    assert joined.ice_servers == (
        IceServer(("turn:a", "turns:a"), "<masked>", True),
        IceServer(("turn:b",), "<masked>", False),
        IceServer(("turn:c",), "", True),
        IceServer(("stun:d",), "", False),
    )


def test_of_ice_servers_only_so_much_is_taken() -> None:
    made = join()
    del made.ice_servers[:]
    long = rtc.ICEServer(urls=["turn:x"] * 40, username="u" * 1000, credential="c" * 1000)
    made.ice_servers.extend([long] * 40)
    found = signal.logins(response(join=made))
    assert len(found) == 256
    joined = signal.read(response(join=made))
    assert isinstance(joined, Joined)
    assert [len(server.urls) for server in joined.ice_servers] == [16] * 16
    assert set(found) == {("turn:x", Login("u" * 512, Secret("c" * 512)))}


def test_what_is_no_join_names_no_ice_servers() -> None:
    assert signal.logins(b"hello") == ()
    assert signal.logins(response(leave=rtc.LeaveRequest())) == ()


def test_a_join_without_credentials_makes_nothing_a_secret() -> None:
    made = join()
    made.room.turn_password = ""
    del made.ice_servers[:]
    made.ice_servers.extend([rtc.ICEServer(urls=["turn:b"], username="ann")])
    before = remembered()
    signal.read(response(join=made))
    assert remembered() == before


@pytest.mark.parametrize(
    "made",
    [
        rtc.JoinResponse(room=models.Room(sid="RM_1")),
        rtc.JoinResponse(room=models.Room(name="demo")),
        rtc.JoinResponse(participant=models.ParticipantInfo(sid="PA_1")),
    ],
    ids=["a room's sid", "a room's name", "a participant"],
)
def test_a_join_says_where_or_who(made: rtc.JoinResponse) -> None:
    assert isinstance(signal.read(response(join=made)), Joined)


def test_what_a_join_says_is_taken_only_so_far() -> None:
    made = join()
    made.room.enabled_codecs.extend(models.Codec(mime=f"audio/{i}") for i in range(40))
    made.room.name = "r" * 600
    joined = signal.read(response(join=made))
    assert isinstance(joined, Joined)
    assert joined.codecs == tuple(f"audio/{i}" for i in range(32))
    assert joined.room == "r" * 512 + " (cut)"


def test_a_server_s_password_that_is_a_word_is_not_blotted_out_of_all_texts() -> None:
    made = join()
    made.room.turn_password = "reception"
    made.ice_servers[0].credential = "waiting-room"
    signal.read(response(join=made))
    assert clean("reception and waiting-room") == "reception and waiting-room"


def test_times_are_to_the_millisecond_where_the_server_says_them_so() -> None:
    made = join()
    made.other_participants[0].joined_at_ms = 1795486000123
    joined = signal.read(response(join=made))
    assert isinstance(joined, Joined)
    assert joined.others[0].joined_at == 1795486000.123


def test_a_fresh_token_is_the_same_as_the_same_alone() -> None:
    token = signal.Refreshed("a-token-of-the-server")
    assert token == signal.Refreshed("a-token-of-the-server")
    assert hash(token) == hash(signal.Refreshed("a-token-of-the-server"))
    assert token != signal.Refreshed("another")
    assert token != "a-token-of-the-server"


def test_a_version_and_a_region_stand_in_either_place() -> None:
    newer, older = join(), join()
    newer.server_version = newer.server_region = ""
    older.ClearField("server_info")
    older.server_region = "eu"
    for made in (newer, older):
        joined = signal.read(response(join=made))
        assert isinstance(joined, Joined)
        assert (joined.server_version, joined.region) == ("1.13.5", "eu")
    both = join()
    both.server_version = both.server_region = "another"
    joined = signal.read(response(join=both))
    assert isinstance(joined, Joined)
    assert (joined.server_version, joined.region) == ("1.13.5", "eu")


OFFER = "m=application 9 UDP x\r\na=mid:0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\n"


@pytest.mark.parametrize("size", [64 * 1024 - len(OFFER), 64 * 1024 - len(OFFER) + 3])
def test_an_offer_is_read_only_so_far(size: int) -> None:
    text = "a" * (size - 2) + "\r\n" + OFFER
    offered = signal.read(response(offer=rtc.SessionDescription(type="offer", sdp=text, id=7)))
    assert isinstance(offered, signal.Offered)
    assert offered.id == 7
    assert (offered.offer is not None) is (len(text) <= 64 * 1024)


def test_the_first_ping_knows_no_round_trip() -> None:
    assert rtc.SignalRequest.FromString(signal.ping(5)).ping_req.rtt == 0
