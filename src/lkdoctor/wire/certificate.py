"""A server's certificate to what people need of it (RFC 5280).

The law of this file: a certificate is foreign text. It was not verified when it is read here, and
OpenSSL takes what no authority would sign. So each part is read by itself, and one that cannot be
read is named and costs no other.
"""

import calendar
import ipaddress
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from lkdoctor.facts.tls import Certificate
from lkdoctor.redact import safe

_MAX_NAMES: Final = 50
_MAX_PARTS: Final = 1000

_INTEGER, _OID, _SEQUENCE = 0x02, 0x06, 0x30
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS_NAME, _IP_ADDRESS, _URI = 0x82, 0x87, 0x86
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18

_ALTERNATIVE_NAMES: Final = bytes.fromhex("551d11")
_AUTHORITY_ACCESS: Final = bytes.fromhex("2b06010505070101")
_CA_ISSUERS: Final = bytes.fromhex("2b06010505073002")

_TEXTS: Final = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
"""The kinds of strings in a name, and how each is written."""

_SHORT: Final = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
}
"""RFC 4514 §3."""


class _Unreadable(Exception):  # noqa: N818 - told of in the record, never an error of ours
    """This part is not what it should be."""


class _Part(NamedTuple):
    """A tag, and what it holds."""

    tag: int
    body: bytes


def read(der: bytes) -> Certificate | None:
    """The certificate; None where nothing of it can be told."""
    try:
        outside = _only(der, _SEQUENCE)
        signed = _inside(_first(outside, _SEQUENCE).body)
        if signed and signed[0].tag == _VERSION:
            del signed[0]
        serial, _, issuer, validity, subject = signed[:5]
        if serial.tag != _INTEGER:
            return None
    except (_Unreadable, ValueError):
        return None
    unread: list[str] = []
    begins, ends = _dates(validity, unread)
    names, issuer_at = _extensions(signed[5:], unread)
    return Certificate(
        subject=_name(subject, "subject", unread),
        issuer=_name(issuer, "issuer", unread),
        names=names,
        not_before=begins,
        not_after=ends,
        self_signed=subject == issuer,
        issuer_at=issuer_at,
        unread=tuple(dict.fromkeys(unread)),
    )


# ------------------------------------------------------------------ DER (X.690 §8)


def _inside(data: bytes) -> list[_Part]:
    """What stands in it, one after the other."""
    parts: list[_Part] = []
    at = 0
    while at < len(data):
        if len(parts) == _MAX_PARTS or data[at] & 0x1F == 0x1F or len(data) < at + 2:
            raise _Unreadable
        tag, size, start = data[at], data[at + 1], at + 2
        if size >= 0x80:
            count = size & 0x7F
            if not 0 < count <= 4 or len(data) < start + count:
                raise _Unreadable
            size, start = int.from_bytes(data[start : start + count], "big"), start + count
        at = start + size
        if at > len(data):
            raise _Unreadable
        parts.append(_Part(tag, data[start:at]))
    return parts


def _only(data: bytes, tag: int) -> bytes:
    parts = _inside(data)
    if len(parts) != 1 or parts[0].tag != tag:
        raise _Unreadable
    return parts[0].body


def _first(data: bytes, tag: int) -> _Part:
    parts = _inside(data)
    if not parts or parts[0].tag != tag:
        raise _Unreadable
    return parts[0]


def _dotted(body: bytes) -> str:
    """An object identifier as people write it."""
    numbers: list[int] = []
    value = 0
    for byte in body[:64]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    if not numbers:
        raise _Unreadable
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


# ------------------------------------------------------------------ its parts


def _name(part: _Part, what: str, unread: list[str]) -> str:
    """``CN=rtc.example.com,O=Example`` (RFC 4514: the most specific first)."""
    told: list[str] = []
    try:
        for relative in reversed(_inside(part.body)):
            pairs = [_inside(pair.body) for pair in _inside(relative.body)]
            told.append("+".join(_pair(pair, what, unread) for pair in pairs))
    except _Unreadable:
        unread.append(what)
    return safe(",".join(told), 300)


def _pair(pair: list[_Part], what: str, unread: list[str]) -> str:
    if len(pair) != 2 or pair[0].tag != _OID:
        raise _Unreadable
    kind = _dotted(pair[0].body)
    encoding = _TEXTS.get(pair[1].tag)
    if encoding is None:
        unread.append(what)
        value = f"#{pair[1].tag:02x}{pair[1].body[:20].hex()}"
    else:
        text = pair[1].body.decode(encoding, "replace")
        value = re.sub(r'([\\"+,;<>])', r"\\\1", text)
        value = re.sub(r"^([ #])|( )$", r"\\\1\2", value)
    return f"{_SHORT.get(kind, kind)}={value}"


def _dates(validity: _Part, unread: list[str]) -> tuple[float | None, float | None]:
    try:
        begins, ends = _inside(validity.body)
    except (_Unreadable, ValueError):
        unread.append("dates")
        return None, None
    moments = _moment(begins), _moment(ends)
    if None in moments:
        unread.append("dates")
    return moments


_REST: Final = r"([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})?(?:\.[0-9]+)?(?:Z|([+-])([0-9]{2})([0-9]{2}))"
_DATES: Final = {
    _UTC_TIME: re.compile("([0-9]{2})" + _REST, re.ASCII),
    _GENERALIZED_TIME: re.compile("([0-9]{4})" + _REST, re.ASCII),
}


def _moment(part: _Part) -> float | None:
    """Seconds since 1970; None where it is no date."""
    form = _DATES.get(part.tag)
    found = None if form is None else form.fullmatch(part.body.decode("ascii", "replace"))
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(group or 0) for group in found.groups()[:6])
    if part.tag == _UTC_TIME:
        year += 1900 if year >= 50 else 2000  # RFC 5280 §4.1.2.5.1
    if not (year >= 1 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    if found[7]:
        away = int(found[8]) * 3600 + int(found[9]) * 60
        seconds += -away if found[7] == "+" else away
    return float(seconds)


def _extensions(parts: list[_Part], unread: list[str]) -> tuple[tuple[str, ...], str]:
    """The names that it covers, and where its issuer's own is."""
    names: tuple[str, ...] = ()
    issuer_at = ""
    seen: set[bytes] = set()
    for kind, body in _each_extension(parts, unread):
        twice = kind in seen
        seen.add(kind)
        if kind not in {_ALTERNATIVE_NAMES, _AUTHORITY_ACCESS}:
            continue
        what = "names" if kind == _ALTERNATIVE_NAMES else "issuer's address"
        if twice:
            unread.append(f"{what} (there are two lists)")
            continue
        try:
            listed = _inside(_only(body, _SEQUENCE))
            if kind == _ALTERNATIVE_NAMES:
                names = tuple(_alternatives(listed, unread))[:_MAX_NAMES]
            else:
                issuer_at = _over_http(listed)
        except _Unreadable:
            unread.append(what)
    return names, issuer_at


def _each_extension(parts: list[_Part], unread: list[str]) -> Iterator[tuple[bytes, bytes]]:
    listed = next((part for part in parts if part.tag == _EXTENSIONS), None)
    if listed is None:
        return
    try:
        for extension in _inside(_only(listed.body, _SEQUENCE)):
            inner = _inside(extension.body)
            if len(inner) < 2 or inner[0].tag != _OID:
                raise _Unreadable  # noqa: TRY301 - one place says what became of it
            yield inner[0].body, inner[-1].body
    except _Unreadable:
        unread.append("extensions")


def _alternatives(listed: list[_Part], unread: list[str]) -> Iterator[str]:
    """DNS names and IP addresses; of the other kinds, none says which host it is."""
    for part in listed:
        if part.tag == _DNS_NAME:
            yield safe(part.body.decode("utf-8", "backslashreplace"), 300)
        elif part.tag == _IP_ADDRESS:
            if len(part.body) in {4, 16}:
                yield str(ipaddress.ip_address(part.body))
            else:
                unread.append("names")


def _over_http(listed: list[_Part]) -> str:
    """The first that is a web address; directories of a company (LDAP) are nobody else's."""
    for access in listed:
        inner = _inside(access.body)
        if len(inner) == 2 and inner[0].body == _CA_ISSUERS and inner[1].tag == _URI:
            address = inner[1].body.decode("utf-8", "backslashreplace")
            if address.lower().startswith("http://"):
                return safe(address, 300)
    return ""
