"""The server's session description to what a connectivity check needs, and an answer to it.

The law of this file: whatever an offer holds, `read` returns a record or None, bounded, and the
answer is made of our own words and of the offer's media lines and mids alone.
"""

from typing import Final, NamedTuple

from lkdoctor import digits
from lkdoctor.facts.signal import Candidate
from lkdoctor.redact import Secret, safe

_MAX_LINES: Final = 2000
_MAX_SECTIONS: Final = 32
_MAX_CANDIDATES: Final = 64


class Section(NamedTuple):
    """One m= line, and its name in the bundle."""

    kind: str
    """``application``, ``audio``, ``video``"""
    protocol: str
    formats: str
    mid: str


class Offer(NamedTuple):
    """What the server says of its side of a peer connection."""

    ufrag: str
    password: Secret
    lite: bool
    sections: tuple[Section, ...]
    candidates: tuple[Candidate, ...]


def read(text: str) -> Offer | None:
    """The offer; None where it lacks what a connectivity check needs (RFC 8839 §5.4)."""
    values: dict[str, str] = {}
    sections: list[Section] = []
    candidates: list[Candidate] = []
    for line in text.splitlines()[:_MAX_LINES]:
        kind, _, rest = line.strip().partition("=")
        words = rest.split()
        if kind == "m" and len(words) >= 4 and len(sections) < _MAX_SECTIONS:
            sections.append(Section(words[0], words[2], " ".join(words[3:]), ""))
            continue
        name, _, value = rest.partition(":")
        if name == "mid" and sections:
            sections[-1] = sections[-1]._replace(mid=value)
        elif name in {"ice-ufrag", "ice-pwd", "ice-lite"}:
            values.setdefault(name, value)
        elif name == "candidate" and len(candidates) < _MAX_CANDIDATES:
            candidates += filter(None, (candidate(rest),))
    ufrag, password = values.get("ice-ufrag", ""), values.get("ice-pwd", "")
    # Their lengths are the RFC's; anything longer would make no STUN message.
    if not (0 < len(ufrag) <= 256 and 0 < len(password) <= 256 and sections):
        return None
    lite = "ice-lite" in values
    return Offer(
        ufrag,
        Secret(password, theirs=True),
        lite,
        tuple(sections),
        tuple(dict.fromkeys(candidates)),
    )


def candidate(line: str) -> Candidate | None:
    """The candidate of a line (RFC 8839 §5.1); None where there is none to read."""
    # candidate:FOUNDATION COMPONENT PROTOCOL PRIORITY ADDRESS PORT typ TYPE …
    words = line[:1024].split()
    port = digits.number(words[5]) if len(words) >= 8 and words[6] == "typ" else None
    if port is None or port > 65535:
        return None
    rest = dict(zip(words[8::2], words[9::2], strict=False))
    return Candidate(
        protocol=safe(words[2].lower(), 16),
        address=safe(words[4], 256),
        port=port,
        type=safe(words[7].lower(), 16),
        tcp_type=safe(rest.get("tcptype", ""), 16),
    )


class OurSide(NamedTuple):
    """What we say of ourselves, made up for one session."""

    ufrag: str
    password: str
    fingerprint: str
    """Of a certificate that nobody has: media is never agreed on."""


def answer(offer: Offer, ours: OurSide) -> str:
    """An answer that takes the data channel and no media (RFC 8829 §5.3, RFC 8841)."""
    # The first section carries the transport; where there is no data channel it is what we take.
    taken = next((s for s in offer.sections if s.kind == "application"), offer.sections[0])
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {taken.mid}"]
    for section in offer.sections:
        port = 9 if section is taken else 0
        lines += [
            f"m={section.kind} {port} {section.protocol} {section.formats}",
            "c=IN IP4 0.0.0.0",
            f"a=mid:{section.mid}",
        ]
        if section is taken:
            lines += [
                f"a=ice-ufrag:{ours.ufrag}",
                f"a=ice-pwd:{ours.password}",
                f"a=fingerprint:sha-256 {ours.fingerprint}",
                "a=setup:active",
                "a=sctp-port:5000" if section.kind == "application" else "a=inactive",
            ]
        else:
            lines.append("a=inactive")
    return "".join(f"{line}\r\n" for line in lines)
