"""STUN and TURN messages to records and back (RFC 8489, RFC 8656), and what one says in them.

The law of this file: whatever comes in, `parse` returns a `Message` or None and never raises,
and a message is as large as its datagram. aioice reads and writes the same messages, but takes
a quarter of a second to import (its mDNS brings a whole DNS library), and raises several kinds
of exception on a message that is cut short; it is what our messages are tested against.
"""

import binascii
import hashlib
import hmac
import ipaddress
import re
import struct
from collections.abc import Generator
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias, TypeVar

from lkdoctor.facts.media import IceServerSeen, Outcome, Tried
from lkdoctor.redact import Secret, safe
from lkdoctor.wire.base import End

T = TypeVar("T")

COOKIE: Final = 0x2112A442
HEADER: Final = 20
TRANSACTION: Final = 12
"""Bytes of a transaction id."""

MAX_MESSAGE: Final = 2048
"""Bytes of a message that we read; a Binding or Allocate answer has about a hundred."""


class Method(IntEnum):
    BINDING = 0x001
    ALLOCATE = 0x003
    REFRESH = 0x004
    SEND = 0x006
    DATA = 0x007
    CREATE_PERMISSION = 0x008


class Kind(IntEnum):
    """The class of a message."""

    REQUEST = 0x000
    INDICATION = 0x010
    SUCCESS = 0x100
    ERROR = 0x110


class Attribute(IntEnum):
    MAPPED_ADDRESS = 0x0001
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    LIFETIME = 0x000D
    XOR_PEER_ADDRESS = 0x0012
    DATA = 0x0013
    REALM = 0x0014
    NONCE = 0x0015
    XOR_RELAYED_ADDRESS = 0x0016
    REQUESTED_TRANSPORT = 0x0019
    XOR_MAPPED_ADDRESS = 0x0020
    PRIORITY = 0x0024
    SOFTWARE = 0x8022
    FINGERPRINT = 0x8028
    ICE_CONTROLLED = 0x8029
    ICE_CONTROLLING = 0x802A


class Address(NamedTuple):
    """Where a datagram comes from or goes to."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Message(NamedTuple):
    """A STUN message; its attributes in the order in which they stand, the padding off."""

    method: int
    kind: int
    transaction: bytes
    attributes: tuple[tuple[int, bytes], ...] = ()

    def get(self, attribute: Attribute) -> bytes | None:
        """The first attribute of that type."""
        return next((value for number, value in self.attributes if number == attribute), None)

    def address(self, attribute: Attribute) -> Address | None:
        """An XOR-… address; None where it is not there or cannot be read."""
        value = self.get(attribute)
        return None if value is None else _address(_xored(value, self.transaction))

    @property
    def mapped(self) -> Address | None:
        """Where our request came from, as the server saw it."""
        plain = self.get(Attribute.MAPPED_ADDRESS)
        return self.address(Attribute.XOR_MAPPED_ADDRESS) or (
            None if plain is None else _address(plain)
        )

    @property
    def error(self) -> tuple[int, str]:
        """The code and its reason, safe to show; 0 where an error has no code."""
        value = self.get(Attribute.ERROR_CODE) or b""
        if len(value) < 4:
            return 0, ""
        return (value[2] & 7) * 100 + value[3], safe(value[4:].decode("utf-8", "replace"), 120)


def encode(
    method: Method,
    kind: Kind,
    transaction: bytes,
    attributes: tuple[tuple[int, bytes], ...] = (),
    *,
    key: bytes | None = None,
    fingerprint: bool = False,
) -> bytes:
    """The message in bytes, signed where there is a key (RFC 8489 §14.5, §14.7)."""
    body = b"".join(_attribute(number, value) for number, value in attributes)
    if key is not None:
        head = _header(method, kind, transaction, len(body) + 24)
        digest = hmac.new(key, head + body, hashlib.sha1).digest()
        body += _attribute(Attribute.MESSAGE_INTEGRITY, digest)
    if fingerprint:
        head = _header(method, kind, transaction, len(body) + 8)
        checksum = binascii.crc32(head + body) ^ 0x5354554E
        body += _attribute(Attribute.FINGERPRINT, struct.pack("!I", checksum))
    return _header(method, kind, transaction, len(body)) + body


def parse(data: bytes) -> Message | None:
    """The message; None where the bytes are none."""
    if not HEADER <= len(data) <= MAX_MESSAGE or data[0] & 0xC0:
        return None
    kind, length, cookie, transaction = struct.unpack_from("!HHI12s", data)
    if cookie != COOKIE or length % 4 or len(data) != HEADER + length:
        return None
    attributes = []
    at = HEADER
    while at < len(data):
        number, size = struct.unpack_from("!HH", data, at)
        value = data[at + 4 : at + 4 + size]
        if len(value) != size:
            return None
        attributes.append((number, value))
        at += 4 + size + -size % 4
    return Message(kind & 0x3EEF, kind & 0x0110, transaction, tuple(attributes))


def authentic(data: bytes, key: bytes) -> bool:
    """Whether the message is signed with that key."""
    at = HEADER
    while at + 24 <= len(data):
        number, size = struct.unpack_from("!HH", data, at)
        if number == Attribute.MESSAGE_INTEGRITY and size == 20:
            signed = data[:2] + struct.pack("!H", at + 24 - HEADER) + data[4:at]
            digest = hmac.new(key, signed, hashlib.sha1).digest()
            return hmac.compare_digest(digest, data[at + 4 : at + 24])
        at += 4 + size + -size % 4
    return False


def next_in_stream(data: bytes) -> int | None:
    """How many bytes the first message in a stream of TURN has (RFC 8656 §3.1).

    0: not known yet; None: this is no stream of STUN messages.
    """
    if data and data[0] & 0xC0:
        return None
    if len(data) >= 8 and data[4:8] != COOKIE.to_bytes(4, "big"):
        return None
    if len(data) < HEADER:
        return 0
    length = HEADER + int(struct.unpack_from("!H", data, 2)[0])
    return length if length <= MAX_MESSAGE else None


def framed(data: bytes) -> bytes:
    """A message as ICE sends it over TCP (RFC 4571 §2)."""
    return struct.pack("!H", len(data)) + data


def next_frame(data: bytes) -> int | None:
    """How many bytes the first frame has, its two of length included; as `next_in_stream`."""
    if len(data) < 2:
        return 0
    length = int(struct.unpack_from("!H", data)[0])
    # A web or TLS server's first two bytes are a length that no answer to a check has.
    return 2 + length if HEADER <= length <= MAX_MESSAGE else None


# ------------------------------------------------------------------ what is asked


class Ice(NamedTuple):
    """What a connectivity check is signed with (RFC 8445 §7.2.2)."""

    username: str
    """``THEIRS:OURS``"""
    password: Secret
    """Theirs: it signs our request and their answer."""
    controlled: bool = True
    """False where the server is ICE lite, which never takes the lead."""


def binding(transaction: bytes, ice: Ice | None = None) -> bytes:
    """A Binding request: to a STUN server, or a connectivity check."""
    if ice is None:
        return encode(Method.BINDING, Kind.REQUEST, transaction, fingerprint=True)
    role = Attribute.ICE_CONTROLLED if ice.controlled else Attribute.ICE_CONTROLLING
    return encode(
        Method.BINDING,
        Kind.REQUEST,
        transaction,
        (
            (Attribute.USERNAME, ice.username.encode()),
            # Peer-reflexive, of the only component (RFC 8445 §5.1.2.1).
            (Attribute.PRIORITY, struct.pack("!I", (110 << 24) | (65535 << 8) | 255)),
            (role, transaction[:8]),
        ),
        key=ice.password.reveal().encode(),
        fingerprint=True,
    )


def bound(data: bytes, ice: Ice | None = None) -> Tried | None:
    """What an answer to a Binding request says; None where it is not to be believed."""
    message = parse(data)
    if message is None or message.method != Method.BINDING:
        return None
    if message.kind == Kind.ERROR:
        code, reason = message.error
        # 487: our role is taken. Whoever says so has read the check, and so been reached.
        return Tried(Outcome.OK if code == 487 and ice else Outcome.REFUSED_BY, None, code, reason)
    if message.kind != Kind.SUCCESS:
        return None
    if ice is not None and not authentic(data, ice.password.reveal().encode()):
        return None
    mapped = message.mapped
    return Tried(Outcome.OK, None, None, "" if mapped is None else str(mapped))


class Login(NamedTuple):
    """What a TURN server gave for its users, by its JoinResponse."""

    username: str
    """No secret; what is derived from it is shown."""
    credential: Secret


_URL: Final = re.compile(
    r"(stun|stuns|turn|turns):(?:\[([0-9A-Fa-f:.]+)\]|([^:?/@\s\[\]]+))(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?",
    re.IGNORECASE,
)
_EXPIRY: Final = re.compile(r"(\d{9,11})(?::|$)")


def server(url: str, login: Login | None) -> IceServerSeen | None:
    """An ICE server's URL taken apart (RFC 7064, RFC 7065); None where it is none."""
    found = _URL.fullmatch(url)
    if found is None or int(found[4] or 1) not in range(1, 65536):
        return None
    scheme = found[1].lower()
    secure = scheme.endswith("s")
    transport = "tls" if secure else (found[5] or "udp").lower()
    expiry = None if login is None else _EXPIRY.match(login.username)
    return IceServerSeen(
        url=url,
        scheme=scheme,
        host=safe((found[2] or found[3]).lower(), 253),
        port=int(found[4] or (5349 if secure else 3478)),
        transport=transport,
        has_credentials=login is not None,
        expires=None if expiry is None else float(expiry[1]),
    )


Asking: TypeAlias = Generator[bytes, "bytes | End", T]
"""A TURN conversation: every request that is yielded comes back as its answer."""


class Granted(NamedTuple):
    """An allocation, and what further requests are signed with."""

    tried: Tried
    relayed: Address | None = None
    mapped: Address | None = None
    signed: "Signed | None" = None


class Signed(NamedTuple):
    """The long-term credentials of RFC 8489 §9.2, as far as a request carries them."""

    attributes: tuple[tuple[int, bytes], ...]
    key: bytes

    def request(
        self, method: Method, transaction: bytes, attributes: tuple[tuple[int, bytes], ...] = ()
    ) -> bytes:
        """A request in their name."""
        own = (*attributes, *self.attributes)
        return encode(method, Kind.REQUEST, transaction, own, key=self.key)


_UDP: Final = (Attribute.REQUESTED_TRANSPORT, bytes((17, 0, 0, 0)))
_ALLOCATE: Final = ((Attribute.LIFETIME, struct.pack("!I", 60)), _UDP)
_CHALLENGES: Final = {401, 438}


def allocate(login: Login | None, transactions: tuple[bytes, bytes, bytes]) -> Asking[Granted]:
    """Ask for an address to relay on (RFC 8656 §7): without credentials, as told, then with them.

    A nonce that has grown old is asked for once more (438).
    """
    first, *others = transactions
    answer = yield encode(Method.ALLOCATE, Kind.REQUEST, first, _ALLOCATE)
    granted = _granted(answer, None)
    for transaction in others:
        code = granted.tried.code
        if login is None or code not in _CHALLENGES or isinstance(answer, End):
            return granted
        challenge = parse(answer)
        realm = challenge and challenge.get(Attribute.REALM)
        nonce = challenge and challenge.get(Attribute.NONCE)
        if not realm or not nonce or (code == 401 and granted.signed is not None):
            return granted
        signed = _signed(login, realm, nonce)
        answer = yield signed.request(Method.ALLOCATE, transaction, _ALLOCATE)
        granted = _granted(answer, signed)
    return granted


def permit(signed: Signed | None, peer: Address, transaction: bytes) -> Asking[Tried]:
    """Ask for leave to send to a peer (RFC 8656 §10)."""
    answer = yield _request(
        signed,
        Method.CREATE_PERMISSION,
        transaction,
        ((Attribute.XOR_PEER_ADDRESS, _xor_address(peer, transaction)),),
    )
    return outcome(answer)


def free(signed: Signed | None, transaction: bytes) -> bytes:
    """Give an allocation back (RFC 8656 §8)."""
    return _request(signed, Method.REFRESH, transaction, ((Attribute.LIFETIME, bytes(4)),))


def send(peer: Address, data: bytes, transaction: bytes) -> bytes:
    """Have the server send a datagram to a peer (RFC 8656 §11)."""
    return encode(
        Method.SEND,
        Kind.INDICATION,
        transaction,
        (
            (Attribute.XOR_PEER_ADDRESS, _xor_address(peer, transaction)),
            (Attribute.DATA, data),
        ),
    )


def relayed(data: bytes) -> bytes | None:
    """The datagram that a Data indication brings."""
    message = parse(data)
    if message is None or (message.method, message.kind) != (Method.DATA, Kind.INDICATION):
        return None
    return message.get(Attribute.DATA)


def outcome(answer: bytes | End) -> Tried:
    """What came of a request."""
    if isinstance(answer, End):
        return Tried(_ENDS[answer])
    message = parse(answer)
    if message is None:
        return Tried(Outcome.FOREIGN, detail=spoken(answer) or f"{len(answer)} bytes of no STUN")
    if message.kind == Kind.ERROR:
        code, reason = message.error
        return Tried(Outcome.REFUSED_BY, None, code, reason)
    return Tried(Outcome.OK)


_ENDS: Final = {
    End.TIMEOUT: Outcome.SILENT,
    End.CLOSED: Outcome.CLOSED,
    End.RESET: Outcome.REFUSED,
}


_SPOKEN: Final = (
    (b"HTTP/", "HTTP"),
    (b"<", "HTTP"),
    (b"SSH-", "SSH"),
    (b"\x15\x03", "TLS"),
    (b"\x16\x03", "TLS"),
)


def spoken(data: bytes) -> str:
    """Which protocol begins so; what is said in it is not shown. Empty: another one."""
    return next((name for start, name in _SPOKEN if data.lstrip().startswith(start)), "")


def _granted(answer: bytes | End, signed: Signed | None) -> Granted:
    message = None if isinstance(answer, End) else parse(answer)
    if message is None:
        return Granted(outcome(answer), signed=signed)
    return Granted(
        outcome(answer), message.address(Attribute.XOR_RELAYED_ADDRESS), message.mapped, signed
    )


def _signed(login: Login, realm: bytes, nonce: bytes) -> Signed:
    name = login.username.encode()
    secret = name + b":" + realm + b":" + login.credential.reveal().encode()
    key = hashlib.md5(secret, usedforsecurity=False).digest()
    own = ((Attribute.USERNAME, name), (Attribute.REALM, realm), (Attribute.NONCE, nonce))
    return Signed(own, key)


def _request(
    signed: Signed | None,
    method: Method,
    transaction: bytes,
    attributes: tuple[tuple[int, bytes], ...],
) -> bytes:
    if signed is None:  # a server that asks nobody who he is
        return encode(method, Kind.REQUEST, transaction, attributes)
    return signed.request(method, transaction, attributes)


def _header(method: int, kind: int, transaction: bytes, length: int) -> bytes:
    return struct.pack("!HHI12s", method | kind, length, COOKIE, transaction)


def _attribute(number: int, value: bytes) -> bytes:
    return struct.pack("!HH", number, len(value)) + value + bytes(-len(value) % 4)


def _xored(value: bytes, transaction: bytes) -> bytes:
    mask = struct.pack("!HI", COOKIE >> 16, COOKIE) + transaction
    return value[:2] + bytes(a ^ b for a, b in zip(value[2:], mask, strict=False))


def _xor_address(address: Address, transaction: bytes) -> bytes:
    packed = ipaddress.ip_address(address.host).packed
    family = 1 if len(packed) == 4 else 2
    plain = struct.pack("!BBH", 0, family, address.port) + packed
    return _xored(plain, transaction)


def _address(value: bytes) -> Address | None:
    if len(value) not in {8, 20} or value[1] != (1 if len(value) == 8 else 2):
        return None
    port = int(struct.unpack_from("!H", value, 2)[0])
    return Address(str(ipaddress.ip_address(value[4:])), port)
