"""Facts that raise each cause of `rules/media.py`, and the nearest that do not."""

from typing import Final

from examples.base import Example
from examples.healthy import healthy
from lkdoctor.facts import Facts
from lkdoctor.facts.media import (
    Checked,
    IceServerSeen,
    Mapped,
    MediaFact,
    Negotiation,
    Outcome,
    Relay,
    Tried,
    reach,
)
from lkdoctor.facts.tls import TlsEstablished, TlsFact
from lkdoctor.facts.url import ParsedUrl

_NEAR: Final = "203.0.113.10"

OK: Final = Tried(Outcome.OK, 24.0)

SILENT: Final = Tried(Outcome.SILENT)


def checked(protocol: str, address: str, tried: Tried = OK, port: int | None = None) -> Checked:
    """A candidate and what came of it."""
    return Checked(
        protocol=protocol,
        address=address,
        port=port or (7882 if protocol == "udp" else 7881),
        type="host",
        tcp_type="passive" if protocol == "tcp" else "",
        reach=reach(address),
        tried=tried,
    )


def ice_server(transport: str, relay: Relay | None = None) -> IceServerSeen:
    """A TURN server of that transport that does all it should, or this."""
    scheme = "turns" if transport == "tls" else "turn"
    port = 443 if transport == "tls" else 3478
    carried = "tcp" if transport == "tls" else transport
    host = "turn.example.com"
    tls = TlsEstablished("TLSv1.3", "TLS_AES_128_GCM_SHA256", 49.0, verified=True)
    return IceServerSeen(
        url=f"{scheme}:{host}:{port}?transport={carried}",
        scheme=scheme,
        host=host,
        port=port,
        transport=transport,
        has_credentials=True,
        addresses=("203.0.113.20",),
        connect=Tried(Outcome.OK),
        tls=TlsFact(host, tls) if transport == "tls" else None,
        relay=relay or RELAY,
    )


RELAY: Final = Relay(OK, "203.0.113.20:30001", f"{_NEAR}:7882", Tried(Outcome.OK), OK)

STUN_SERVER: Final = IceServerSeen(
    url="stun:stun.example.com:3478",
    scheme="stun",
    host="stun.example.com",
    port=3478,
    transport="udp",
    addresses=("203.0.113.30",),
    connect=Tried(Outcome.OK),
    binding=Tried(Outcome.OK, 18.0, None, "198.51.100.7:50000"),
)

FINE: Final = MediaFact(
    reached=_NEAR,
    negotiation=Negotiation.ANSWERED,
    candidates=(checked("udp", _NEAR), checked("tcp", _NEAR)),
    servers=(STUN_SERVER, ice_server("udp"), ice_server("tls")),
    took_ms=120.0,
)
"""All that a server offers works."""


def example(fact: MediaFact = FINE) -> Facts:
    """The healthy run, with eyes for media."""
    return healthy()._replace(media=fact)


def _offering(*candidates: Checked, elsewhere: tuple[Checked, ...] = ()) -> Facts:
    """With these candidates, and a STUN server that answers."""
    return example(
        FINE._replace(candidates=candidates, elsewhere=elsewhere, servers=(STUN_SERVER,))
    )


def _with_turn(*servers: IceServerSeen) -> Facts:
    return example(FINE._replace(servers=(STUN_SERVER, *servers)))


def _blocked_here() -> Facts:
    dead = STUN_SERVER._replace(binding=SILENT)
    return example(
        FINE._replace(
            candidates=(checked("udp", _NEAR, SILENT), checked("tcp", _NEAR, SILENT)),
            servers=(dead,),
        )
    )


def _on_a_platform() -> Facts:
    facts = _offering(checked("udp", "10.0.0.5", SILENT))
    parsed = facts.url.result if facts.url is not None else None
    if facts.url is None or not isinstance(parsed, ParsedUrl):
        return facts
    url = facts.url._replace(result=parsed._replace(host="talk.up.railway.app"))
    return facts._replace(url=url)


EXAMPLES: Final = {
    "ice-no-candidates": Example(_offering, example),
    "ice-hosting-without-udp": Example(_on_a_platform, example),
    "ice-k8s": Example(
        lambda: _offering(
            checked("udp", "10.42.0.17", SILENT), checked("tcp", "10.42.0.17", SILENT)
        ),
        example,
    ),
    "ice-wrong-public-ip": Example(
        lambda: _offering(
            checked("udp", "198.51.100.9", SILENT), elsewhere=(checked("udp", _NEAR),)
        ),
        lambda: _offering(checked("udp", "198.51.100.9")),
    ),
    "ice-hairpin": Example(
        lambda: example(
            FINE._replace(
                reached="192.168.1.20",
                candidates=(checked("udp", _NEAR, SILENT),),
                elsewhere=(checked("udp", "192.168.1.20"),),
                servers=(),
            )
        ),
        example,
    ),
    "ice-client-firewall": Example(_blocked_here, example),
    "ice-udp-range-blocked": Example(
        lambda: _offering(checked("udp", _NEAR, SILENT), checked("tcp", _NEAR)), example
    ),
    "ice-tcp-7881-closed": Example(
        lambda: _offering(checked("udp", _NEAR), checked("tcp", _NEAR, Tried(Outcome.REFUSED))),
        example,
    ),
    "ice-many-interfaces": Example(
        lambda: _offering(checked("udp", _NEAR), checked("udp", "172.17.0.1", SILENT)), example
    ),
    "ice-vpn-symmetric-nat": Example(
        lambda: example(
            FINE._replace(
                mapped=(
                    Mapped("203.0.113.30:3478", "198.51.100.7:50000"),
                    Mapped(f"{_NEAR}:7882", "198.51.100.7:50001"),
                )
            )
        ),
        lambda: example(
            FINE._replace(
                mapped=(
                    Mapped("203.0.113.30:3478", "198.51.100.7:50000"),
                    Mapped(f"{_NEAR}:7882", "198.51.100.7:50000"),
                )
            )
        ),
    ),
    "ice-offline-lan": Example(
        lambda: example(FINE._replace(servers=(STUN_SERVER._replace(binding=SILENT),))), example
    ),
    "turn-unreachable": Example(lambda: _with_turn(ice_server("udp", Relay(SILENT))), example),
    "turn-relay-blocked": Example(
        lambda: _with_turn(ice_server("udp", RELAY._replace(through=SILENT))), example
    ),
    "turn-no-tcp": Example(
        lambda: example(
            FINE._replace(candidates=(checked("udp", _NEAR),), servers=(ice_server("udp"),))
        ),
        example,
    ),
}
