"""What is fuzzed: every parser that is handed bytes by somebody else, as a function of bytes.

A target may raise what its row names (the user's mistake, in words) and nothing else; what it
returns is held to what its module promises. `tests/fuzz/test_fuzz.py` runs all of them on a few
thousand inputs, ``make fuzz`` on a million each.
"""

import base64
import contextlib
import copy
import functools
import hashlib
import hmac
import json
import math
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from examples.healthy import healthy
from livekit.protocol import models, rtc

from lkdoctor import booking, catalogue, names, redact
from lkdoctor.cli.token_stream import Verdicts
from lkdoctor.config import compose, git_index, lk, project, resolve, server_yaml, sources
from lkdoctor.config import target as config_target
from lkdoctor.config.server_files import ServerFiles
from lkdoctor.config.server_yaml import YamlError
from lkdoctor.diagnosis.doctor import judge_again
from lkdoctor.diagnosis.fold import fold
from lkdoctor.errors import UsageError
from lkdoctor.facts import Facts, codec
from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.server import NoAnswer
from lkdoctor.facts.server_config import server_config_fact
from lkdoctor.facts.token import token_fact, worked_out
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.logs import verdict
from lkdoctor.logs.scan import scan
from lkdoctor.redact import Secret
from lkdoctor.report import model
from lkdoctor.tokens import compare, mint
from lkdoctor.tokens.decode import Key, Keyring
from lkdoctor.wire import certificate, http, sdp, signal, stun, twirp, url
from lkdoctor.wire.base import Conversation, End
from lkdoctor.wire.handshake import NoMessage, WebSocket

NOW: Final = 1_790_000_000
KEY: Final = "APIexample9Qm"
SECRET: Final = "Zq7Wk3Rt9LxP8vNb5Hc1Yd6Gf4Js0UaTeM2oIiEw1"


class Target(NamedTuple):
    """One parser."""

    name: str
    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    """Real inputs, for a fuzzer to start from."""
    may_raise: tuple[type[Exception], ...] = ()

    def __call__(self, data: bytes) -> None:
        """Parse; what is not allowed is raised."""
        try:
            self.run(data)
        except self.may_raise:
            pass
        finally:
            # What one input made known as secret would slow down a million others.
            redact.forget()


def is_fit_to_show(value: Any) -> None:
    """No text of a record can act on a terminal, and all of it is bounded."""
    if isinstance(value, str):
        assert redact.visible(value) == value, "a control character in a fact"
        assert len(value) <= redact.MAX_TEXT + 100, "a text without a bound"
    elif isinstance(value, dict):
        for name, item in value.items():
            is_fit_to_show(name)
            is_fit_to_show(item)
    elif isinstance(value, list):
        for item in value:
            is_fit_to_show(item)


def shown(record: object) -> object:
    """A record as JSON types, after it was looked through."""
    plain = codec.to_json(record)
    is_fit_to_show(plain)
    return plain


# ------------------------------------------------------------------ inputs


class Bytes:
    """Bytes as decisions: how a document is changed, where a stream is cut."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def choose(self, many: int) -> int:
        """A number below that; 0 when there are no more bytes."""
        byte = self._data[self._at] if self._at < len(self._data) else 0
        self._at += 1
        return byte % many

    def rest(self) -> bytes:
        return self._data[self._at :]

    @property
    def left(self) -> bool:
        return self._at < len(self._data)


ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 1.5, 2**31, 2**63, -(2**63) - 1, 10**400, 1e308, -1e308),
    *(math.inf, -math.inf, math.nan, "", " ", "0", "1e999", "null", "\ud800", "\x1b[2J\x07"),
    *("\u202e", "a" * 300, "é" * 200, "room", "wss://h", "true", "1790000000", "camera", "\x00"),
    *(
        [],
        {},
        [None],
        [1],
        ["a"],
        {"": {}},
        {"a": 1},
        {"a": "b"},
        {"kind": "x"},
        [[[]]],
        ["camera"],
    ),
)
"""Values that something trips over sooner or later."""


def altered(text: str, data: bytes) -> Any:
    """A JSON document changed in up to eight places, as the bytes say."""
    document = json.loads(text)
    decide = Bytes(data)
    for _ in range(8):
        if not decide.left:
            break
        place: Any = {"": document}
        key: Any = ""
        value: Any = document
        while isinstance(value, dict | list) and value and decide.choose(8):
            keys = list(value) if isinstance(value, dict) else range(len(value))
            place, key = value, keys[decide.choose(256) % len(keys)]
            value = place[key]
        action = decide.choose(8)
        if action == 0 and isinstance(value, dict):
            value[_word(decide)] = _odd(decide)
        elif action == 1 and key != "":
            del place[key]
        elif action == 2:
            place[key] = _word(decide)
        elif action == 3 and isinstance(key, str) and key:
            place[key.swapcase()] = place.pop(key)
        else:
            place[key] = _odd(decide)
        if key == "":
            document = place[""]
    return document


def _odd(decide: Bytes) -> Any:
    return copy.deepcopy(ODD[decide.choose(len(ODD))])


def _word(decide: Bytes) -> str:
    taken = bytes(decide.choose(256) for _ in range(decide.choose(12)))
    return taken.decode("utf-8", "surrogateescape")


def pieces(data: bytes) -> Iterator[bytes | End]:
    """The bytes as they may come over a wire: cut somewhere, and with one of the three ends."""
    decide = Bytes(data)
    size = (1, 2, 7, 64, 4096, 1 << 20)[decide.choose(6)]
    end = tuple(End)[decide.choose(3)]
    rest = decide.rest()
    for at in range(0, len(rest), size):
        yield rest[at : at + size]
    while True:
        yield end


def finished(conversation: Conversation[Any], incoming: Iterator[bytes | End]) -> Any:
    """What a conversation comes to."""
    try:
        next(conversation)
        while True:
            conversation.send(next(incoming))
    except StopIteration as stop:
        return stop.value


# ------------------------------------------------------------------ wire


def http_answer(data: bytes) -> object:
    found = finished(http.exchange(b"GET / HTTP/1.1\r\n\r\n"), pieces(data))
    if isinstance(found, NoAnswer):
        return shown(found)
    assert len(found.body) <= http.MAX_BODY
    assert len(found.head) <= http.MAX_HEAD
    return shown(found.fact(0.0))


def _websocket() -> WebSocket:
    return WebSocket(secure=False, host="rtc.example.com", port=80, path="/rtc")


def upgrade(data: bytes) -> object:
    return shown(finished(_websocket().upgrade(Secret("made-up.of-a.test")), pieces(data)))


def frames(data: bytes) -> object:
    made = _websocket()
    conversation = made.upgrade()
    head = next(conversation).decode()
    key = head.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
    digest = hashlib.sha1(  # noqa: S324 - RFC 6455
        (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()
    ).digest()
    accepted = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n\r\n"
    ).encode()
    with contextlib.suppress(StopIteration):
        conversation.send(accepted)
    incoming = pieces(data)
    for _ in range(50):
        found = finished(made.message(), incoming)
        if isinstance(found, NoMessage):
            return shown(found)
        assert len(found.data) <= 1 << 20
    return None


def signal_message(data: bytes) -> object:
    return shown(signal.read(data))


def stun_message(data: bytes) -> object:
    message = stun.parse(data)
    if message is not None:
        assert 0 <= message.error[0] < 1000
        is_fit_to_show(message.error[1])
        shown(message.mapped)
    stun.relayed(data)
    for length in (stun.next_in_stream(data), stun.next_frame(data)):
        assert length is None or 0 <= length <= stun.MAX_MESSAGE + 2
    ice = stun.Ice("theirs:ours", Secret("made-up-ice-password-01"))
    return [shown(found) for found in (stun.bound(data), stun.bound(data, ice), stun.outcome(data))]


def turn_conversation(data: bytes) -> object:
    """An Allocate whose answers are pieces of the data, and a permission after it."""
    ids = (bytes(12), bytes(12), bytes(12))
    login = stun.Login("alice", Secret("made-up-credential-1"))
    said: list[bytes | End] = [*data.split(b"\xff\xff\xff\xff"), *[End.TIMEOUT] * 4]
    answers = iter(said)
    granted = finished(stun.allocate(login, ids), answers)
    tried = finished(
        stun.permit(granted.signed, granted.relayed or stun.Address("192.0.2.1", 9), ids[0]),
        answers,
    )
    return [shown(granted.tried), shown(granted.relayed), shown(tried)]


def session_description(data: bytes) -> object:
    offer = sdp.read(data.decode("utf-8", "replace"))
    if offer is None:
        return None
    answer = sdp.answer(offer, sdp.OurSide("ours", "made-up-password-of-ours-1", "AA:BB"))
    assert answer.count("\r\nm=") == len(offer.sections)
    return [shown(candidate) for candidate in offer.candidates]


def server_certificate(data: bytes) -> object:
    found = certificate.read(data)
    return None if found is None else shown(found)


def ice_candidate(data: bytes) -> object:
    found = signal.candidate(data.decode("utf-8", "replace"))
    return shown(found)


_TWIRP: Final = json.dumps(
    {
        "rooms": [
            {
                "sid": "RM_x4k2pQ7wZ9aB",
                "name": "booking-k57a1n2c",
                "empty_timeout": 300,
                "max_participants": 2,
                "creation_time": "1790000000",
                "creation_time_ms": "1790000000123",
                "turn_password": "",
                "enabled_codecs": [{"mime": "audio/opus", "fmtp_line": ""}],
                "metadata": "",
                "num_participants": 1,
                "num_publishers": 1,
                "active_recording": False,
            }
        ],
        "participants": [
            {
                "sid": "PA_x4k2pQ7wZ9aB",
                "identity": "alice",
                "state": "ACTIVE",
                "tracks": [
                    {
                        "sid": "TR_AMx4k2",
                        "type": "VIDEO",
                        "name": "camera",
                        "muted": False,
                        "source": "CAMERA",
                    }
                ],
                "joined_at": "1790000000",
                "name": "Alice",
                "permission": {
                    "can_subscribe": True,
                    "can_publish": True,
                    "can_publish_data": True,
                    "can_publish_sources": ["CAMERA"],
                    "hidden": False,
                    "agent": False,
                },
                "is_publisher": True,
                "kind": "STANDARD",
            }
        ],
        "code": "unauthenticated",
        "msg": "permissions denied",
    }
)


def twirp_answer(data: bytes) -> object:
    decide = Bytes(data)
    raw = decide.choose(4) == 0
    status = (200, 401, 404)[decide.choose(3)]
    body = decide.rest() if raw else json.dumps(altered(_TWIRP, decide.rest())).encode()
    given = http.Answer(status, "", (("content-type", "application/json"),), body, False, b"")
    fact = given.fact(0.0)
    return [
        shown(twirp.rooms(given, fact)),
        shown(twirp.participants(given, fact, "demo")),
        shown(twirp.done(given, fact)),
    ]


def livekit_url(data: bytes) -> object:
    found = url.parse(data.decode("utf-8", "surrogateescape"), "fuzz")
    if isinstance(found.result, ParsedUrl):
        assert all(len(place.split()) == 1 for _, place in url.dialled(found.result))
        # What is dialled for a URL is what the URL itself says when it is read again.
        again = url.parse(url.ws_url(found.result), "fuzz").result
        assert isinstance(again, ParsedUrl)
        assert (again.host, again.port, again.path) == (
            found.result.host,
            found.result.port,
            found.result.path,
        )
    return shown(found)


# ------------------------------------------------------------------ tokens


@functools.cache
def _ring() -> Keyring:
    return Keyring([Key("LIVEKIT_API_SECRET", KEY, Secret(SECRET))])


_CLAIMS: Final = json.dumps(
    {
        "iss": KEY,
        "sub": "alice",
        "nbf": NOW - 600,
        "exp": NOW + 3000,
        "iat": NOW - 600,
        "jti": "alice",
        "aud": ["a"],
        "name": "Alice",
        "kind": "standard",
        "metadata": "{}",
        "sha256": "",
        "roomPreset": "",
        "attributes": {"a": "b"},
        "roomConfig": {"name": "", "emptyTimeout": 60, "agents": [{"agentName": "x"}]},
        "video": {
            "roomJoin": True,
            "room": "demo",
            "canPublish": True,
            "canPublishSources": ["camera"],
            "destinationRoom": "",
            "hidden": False,
        },
        "sip": {"admin": False, "call": True},
        "agentThread": {"threadIds": ["a"]},
    }
)
_HEADER: Final = json.dumps({"alg": "HS256", "typ": "JWT"})


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(header: Any, claims: Any) -> str:
    """A token of these two, whatever they are."""
    head, body = (_part(json.dumps(part).encode()) for part in (header, claims))
    mac = hmac.digest(SECRET.encode(), f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{_part(mac)}"


def _judged(text: str) -> object:
    fact, _ = token_fact(text, _ring(), origin="fuzz")
    fact = worked_out(fact, float(NOW))
    facts = Facts(token=fact)
    again = codec.facts_from_json(json.loads(json.dumps(codec.facts_to_json(facts))))
    assert again == facts, "a token does not come back from a saved report as it was"
    good, _ = token_fact(signed(json.loads(_HEADER), json.loads(_CLAIMS)), _ring(), origin="good")
    compare.compare(fact.text, good.text, float(NOW))
    _, line = Verdicts(_ring(), ClockFact(local=float(NOW))).of(1, text)
    json.loads(line, parse_constant=_no_constant)
    if len(text) % 8 == 0:  # takes longer than all the rest
        _no_rule_stumbles(fold(facts, run=_RUN, target=model.TargetInfo()))
    return shown(fact)


def _no_rule_stumbles(report: model.Report) -> None:
    assert not [check for check in report.checks if check.status is model.Status.ERROR]


def _no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


_RUN: Final = model.RunInfo(id="1", command="diagnose", started_at=float(NOW), duration_ms=1.0)


def token_text(data: bytes) -> object:
    return _judged(data.decode("utf-8", "surrogateescape"))


def token_claims(data: bytes) -> object:
    decide = Bytes(data)
    header = altered(_HEADER, decide.rest()[-6:]) if decide.choose(4) == 1 else json.loads(_HEADER)
    return _judged(signed(header, altered(_CLAIMS, decide.rest())))


def token_json(data: bytes) -> object:
    """Claims that are any bytes, under a signature that fits."""
    text = f"{_part(_HEADER.encode())}.{_part(data)}"
    mac = hmac.digest(SECRET.encode(), text.encode(), "sha256")
    return _judged(f"{text}.{_part(mac)}")


def lifetime(data: bytes) -> object:
    seconds = mint.lifetime(data.decode("utf-8", "surrogateescape"))
    assert 1 <= seconds <= 100 * 365 * 86400
    return seconds


# ------------------------------------------------------------------ configuration


@functools.cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="lkdoctor-fuzz-")
    _KEPT.append(folder)
    return Path(folder.name)


_KEPT: Final[list[tempfile.TemporaryDirectory[str]]] = []


def env_file(data: bytes) -> object:
    path = _folder() / ".env"
    path.write_bytes(data)
    found = sources.read_env_file(path, ".env", resolve.Kind.FOLDER_FILE, {"HOME": "/home/ann"})
    resolution = resolve.resolve([found], directory="/srv", container=None, proxies=(), projects=[])
    return resolution.target


def project_file(data: bytes) -> object:
    return project.parse_project(data.decode("utf-8", "replace"), "lkdoctor.toml")


def lk_file(data: bytes) -> object:
    return lk.parse(data.decode("utf-8", "replace"))


def server_yaml_file(data: bytes) -> object:
    root = server_yaml.read(data.decode("utf-8", "replace"))
    return shown(server_config_fact(ServerFiles("livekit.yaml", root), config_target.Target()))


def compose_file(data: bytes) -> object:
    found = compose.published(data.decode("utf-8", "replace"))
    assert len(found) <= compose.MAX_PORTS
    return [shown(port) for port in found]


def variable_name(data: bytes) -> object:
    return resolve.name_of(data.decode("utf-8", "surrogateescape"))


def booking_rules(data: bytes) -> object:
    try:
        table = tomllib.loads(data.decode("utf-8", "replace"))
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    rules = booking.parse(table, "lkdoctor.toml")
    if rules.id_pattern in {
        None,
        *booking.PATTERNS,
    }:  # the project's own is the project's to wait for
        booking.off_template(rules, "booking-k57a1n2c", names.NameOf.ROOM)
        return booking.seat(rules, booking="k57a1n2c", user="alice")
    return rules


# ------------------------------------------------------------------ names, logs, reports


def any_name(data: bytes) -> object:
    text = data.decode("utf-8", "surrogateescape")
    for of in names.NameOf:
        names.examine(text, of)
    half = len(text) // 2
    names.twins([text[:half], text[half:], text])
    names.nearest_twin(text, [text[:half], "demo"])
    return names.skeleton(text)


def log(data: bytes) -> object:
    found = scan([piece for piece in _cut(data) if piece])
    assert all(len(one.quote) <= 300 for one in found.found)
    return verdict.judge(found, catalogue.cause, float(NOW))


def _cut(data: bytes) -> Iterator[bytes]:
    size = (1, 5, 512, 1 << 16)[len(data) % 4]
    for at in range(0, len(data), size):
        yield data[at : at + size]


def tracked_files(data: bytes) -> object:
    """What is tracked lies below the work tree, also where the shared index is the same file."""
    found = git_index.tracked(data, lambda _: data)
    for name in found:
        assert name
        assert len(name) <= git_index.MAX_NAME
        assert not {b"", b".", b".."} & set(name.split(b"/"))
    return found


@functools.cache
def _saved() -> str:
    return json.dumps(model.to_json(fold(healthy(), run=_RUN, target=model.TargetInfo())))


def saved_facts(data: bytes) -> object:
    document = altered(json.dumps(json.loads(_saved())["facts"]), data)
    facts = codec.facts_from_json(document)
    assert codec.facts_from_json(codec.facts_to_json(facts)) == facts or "NaN" in repr(document)
    return facts


def saved_report(data: bytes) -> object:
    """A report that is read is judged, too, and no rule stumbles over what it accepted."""
    report = judge_again(altered(_saved(), data))
    _no_rule_stumbles(report)
    return json.loads(json.dumps(model.to_json(report), allow_nan=False))


def foreign_text(data: bytes) -> object:
    text = redact.safe(data.decode("utf-8", "surrogateescape"))
    is_fit_to_show(text)
    return text


# ------------------------------------------------------------------ seeds: what the real ones say

_HTTP: Final = (
    (
        b"\x05\x00HTTP/1.1 200 OK\r\nVary: Origin\r\nDate: Wed, 25 Nov 2026 12:00:00 GMT\r\n"
        b"Content-Length: 2\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nOK"
    ),
    (
        b"\x05\x00HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Vary: Origin\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 25\r\n\r\n"
        b"invalid API key: APIwrong"
    ),
    (
        b"\x01\x01HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"7\r\n<html>\n\r\n0\r\n\r\n"
    ),
    (
        b"\x02\x02HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"
    ),
)

_JOIN: Final = rtc.SignalResponse(
    join=rtc.JoinResponse(
        room=models.Room(sid="RM_x4k2pQ7wZ9aB", name="demo", empty_timeout=300),
        participant=models.ParticipantInfo(sid="PA_x4k2pQ7wZ9aB", identity="alice", joined_at=NOW),
        server_version="1.13.5",
        server_info=models.ServerInfo(version="1.13.5", protocol=17, node_id="ND_x4k2"),
        ice_servers=[rtc.ICEServer(urls=["turn:192.0.2.1:3478?transport=udp"], username="u")],
        ping_interval=5,
        ping_timeout=15,
    )
).SerializeToString()

_CANDIDATE: Final = (
    b'{"candidate":"candidate:1052 1 udp 2130706431 127.0.0.1 7882 typ host","sdpMid":"0",'
    b'"sdpMLineIndex":0,"usernameFragment":null}'
)

_SIGNALS: Final = (
    _JOIN,
    rtc.SignalResponse(
        trickle=rtc.TrickleRequest(candidateInit=_CANDIDATE.decode(), final=True)
    ).SerializeToString(),
    rtc.SignalResponse(
        leave=rtc.LeaveRequest(reason=models.DisconnectReason.ROOM_DELETED)
    ).SerializeToString(),
    rtc.SignalResponse(
        pong_resp=rtc.Pong(last_ping_timestamp=1, timestamp=NOW * 1000)
    ).SerializeToString(),
)


def _frame(data: bytes) -> bytes:
    return b"\x82\x7e" + len(data).to_bytes(2) + data


_ID: Final = bytes(12)
_STUN: Final = (
    stun.encode(
        stun.Method.ALLOCATE,
        stun.Kind.ERROR,
        _ID,
        (
            (stun.Attribute.ERROR_CODE, b"\x00\x00\x04\x01Unauthorized"),
            (stun.Attribute.REALM, b"turn.example.com"),
            (stun.Attribute.NONCE, b"0123456789abcdef"),
        ),
    ),
    stun.encode(
        stun.Method.ALLOCATE,
        stun.Kind.SUCCESS,
        _ID,
        (
            (stun.Attribute.XOR_RELAYED_ADDRESS, bytes.fromhex("0001a147e112a643")),
            (stun.Attribute.XOR_MAPPED_ADDRESS, bytes.fromhex("0001a147e112a643")),
        ),
    ),
    stun.encode(
        stun.Method.BINDING,
        stun.Kind.SUCCESS,
        _ID,
        ((stun.Attribute.XOR_MAPPED_ADDRESS, bytes.fromhex("0001a147e112a643")),),
        key=b"made-up-ice-password-01",
        fingerprint=True,
    ),
)
_INDEXES: Final = tuple(
    b"DIRC"
    + version.to_bytes(4)
    + (2).to_bytes(4)
    + b"".join(bytes(60) + flags + name for flags, name in entries)
    + b"link"
    + (44).to_bytes(4)
    + b"\x22" * 20
    + bitmap * 2
    + bytes(20)
    for version, entries, bitmap in (
        (2, ((b"\0\1", b"a\0"), (b"\0\3", b"b/c".ljust(10, b"\0"))), bytes(12)),
        (4, ((b"\0\1", b"\0a\0"), (b"\0\3", b"\0/c\0")), bytes(12)),
    )
)

_OFFER: Final = (
    b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n"
    b"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\na=ice-ufrag:abcd\r\n"
    b"a=ice-pwd:made-up-password-of-theirs-1\r\n"
    b"a=candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host\r\n"
    b"a=candidate:2 1 tcp 1671430143 192.0.2.1 7881 typ host tcptype passive\r\n"
)


_CERTIFICATES: Final = (
    base64.b64decode(
        "MIIBdDCCARqgAwIBAgIBATAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtvZGQuZXhhbXBsZTAeFw0yNjA5MzAxNTQw"
        "NDdaFw0yNjEyMjkxNTQwNDdaMBYxFDASBgNVBAMMC29kZC5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD"
        "QgAEbTSxEStJv6jlvJOSfGtEmTnzP9HoHxGyAHD56XFUVgs+RnZox/w9xUgNxGhcRougnTfQ2p6sTGch4cn2daIi"
        "7KNZMFcwIAYDVR0RBBkwF4cEfwAAAYIPcnRjLmV4YW1wbGUuY29tMDMGCCsGAQUFBwEBBCcwJTAjBggrBgEFBQcw"
        "AoYXaHR0cDovL2NhLmV4YW1wbGUvaS5kZXIwCgYIKoZIzj0EAwIDSAAwRQIhAIBmHp2d9h4A0cB6dhXVsHXQWdiU"
        "PWZMT1Nkzqgw47N9AiA3TbUH338zHpfajRXyz79msOvv5JZTKfscgFzzeZiEnA=="
    ),
)
"""Of nobody: one with a name, an address and the place of its issuer's."""


TARGETS: Final = (
    Target("wire.http", http_answer, _HTTP),
    Target("wire.handshake", upgrade, _HTTP),
    Target("wire.frames", frames, (b"\x05\x00" + _frame(_JOIN) + b"\x88\x02\x03\xe8",)),
    Target("wire.signal", signal_message, _SIGNALS),
    Target("wire.candidate", ice_candidate, (_CANDIDATE,)),
    Target("wire.stun", stun_message, _STUN),
    Target("wire.turn", turn_conversation, (b"\xff\xff\xff\xff".join(_STUN),)),
    Target("wire.sdp", session_description, (_OFFER,)),
    Target("wire.certificate", server_certificate, _CERTIFICATES),
    Target("wire.twirp", twirp_answer, (b"\x01", b"\x00\x00" + _TWIRP.encode())),
    Target(
        "wire.url",
        livekit_url,
        (b"wss://demo-x4k2.livekit.cloud", b"ws://[::1]:7880/a?b=c#d", b"https://u:p@h.example/x"),
    ),
    Target("tokens.text", token_text, (b'{"token": "eyJ', b"Bearer eyJ", b"[object Promise]")),
    Target("tokens.claims", token_claims, (b"\x00", b"\x01\x01\x05\x02\x04\x09")),
    Target("tokens.json", token_json, (_CLAIMS.encode(), b"null", b'{"exp": NaN, "exp": 1}')),
    Target("tokens.lifetime", lifetime, (b"10m", b"1h30m", b"600"), (UsageError,)),
    Target(
        "config.env",
        env_file,
        (
            b"LIVEKIT_URL=wss://demo.example.com\r\nexport LIVEKIT_API_KEY='APIx' # c\r\n",
            b'\xef\xbb\xbfLIVEKIT_API_SECRET=${HOME:-x}\nVITE_LIVEKIT_URL="a\\nb"\n',
        ),
    ),
    Target(
        "config.project",
        project_file,
        (
            (
                b'default_project = "a"\n[projects.a]\nurl = "wss://h"\napi_key = "APIx"\n'
                b'api_secret_env = "A_SECRET"\n'
            ),
        ),
        (UsageError,),
    ),
    Target(
        "config.lk",
        lk_file,
        (
            (
                b"default_project: clinic\nprojects:\n  - name: clinic\n    project_id: p_4k2\n"
                b"    url: wss://clinic.example\n    api_key: APIx\n    api_secret: made-up\n"
            ),
        ),
        (lk.UnreadableError,),
    ),
    Target(
        "config.server",
        server_yaml_file,
        (
            (
                b"port: 7880\nrtc:\n  udp_port: 7882\n  node_ip: 192.0.2.1\n  turn_servers:\n"
                b"    - {host: turn.example.com, port: 443, protocol: tls, secret: x}\n"
                b"keys: {APIx: made-up-secret-0123456789}\nturn: &t {enabled: true}\nx: *t\n"
            ),
        ),
        (YamlError,),
    ),
    Target(
        "config.compose",
        compose_file,
        (
            (
                b"services:\n  a:\n    image: livekit/livekit-server\n    ports:\n"
                b"      - 20638:7882/udp\n      - {target: 7881, published: '7881'}\n"
            ),
        ),
        (YamlError,),
    ),
    Target("config.git_index", tracked_files, _INDEXES, (git_index.GitIndexError,)),
    Target("config.variables", variable_name, (b"LIVEKIT_URL", b"NEXT_PUBLIC_LIVEKIT_API_SECRT")),
    Target(
        "booking",
        booking_rules,
        (
            (
                b'[booking]\nroom = "b-{booking}"\nid_pattern = "convex"\n'
                b"[roles.x]\ncanPublish = false\n"
            ),
        ),
        (UsageError,),
    ),
    Target("names", any_name, (b"booking-k57a1n2c", "Ｂооking\u200b 1".encode())),
    Target(
        "logs",
        log,
        (
            b"2026-11-25T14:00:00Z could not establish signal connection: error: token is expired\n",
            b'{"level":"warn","msg":"room full","apiSecret":"made-up-Secret-0123456789"}\r\n',
            "\ufefferror: invalid API key: APIx\n".encode("utf-16"),
        ),
    ),
    Target("facts", saved_facts, (b"\x01\x02\x01\x03\x00\x05",), (UsageError,)),
    Target("report", saved_report, (b"\x01\x07\x01\x03\x00\x05",), (UsageError,)),
    Target("redact", foreign_text, (b"wss://user:word@h/?access_token=eyJ", b"\x1b]8;;x\x07")),
)
BY_NAME: Final = {target.name: target for target in TARGETS}
