"""What lets no media through although signalling works: candidates, ports, TURN.

Causes that show in a server's configuration, too, have their rules in `server_config`, and their
eyes for what a network really did here: the functions without an underscore.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from lkdoctor import shell
from lkdoctor.facts.media import (
    NOT_NEGOTIATED,
    Checked,
    IceServerSeen,
    MediaFact,
    Negotiation,
    Outcome,
    Reach,
    Tried,
    is_pod,
    reach,
)
from lkdoctor.facts.tls import (
    TlsBroken,
    TlsDistrusted,
    TlsEstablished,
    TlsNotSpoken,
)
from lkdoctor.facts.url import ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, Layer, Severity
from lkdoctor.rules.answers import fitting, one_line
from lkdoctor.rules.base import Check, Effect, Look, Seen, Unsure, cause

PLATFORMS: Final = {
    "railway.app": "Railway",
    "onrender.com": "Render",
    "herokuapp.com": "Heroku",
    "vercel.app": "Vercel",
    "netlify.app": "Netlify",
    "run.app": "Google Cloud Run",
    "azurewebsites.net": "Azure App Service",
    "ondigitalocean.app": "DigitalOcean App Platform",
    "koyeb.app": "Koyeb",
    "ngrok.app": "ngrok",
    "ngrok.io": "ngrok",
    "ngrok-free.app": "ngrok",
    "trycloudflare.com": "a Cloudflare tunnel",
    "devtunnels.ms": "a dev tunnel",
    "app.github.dev": "GitHub Codespaces",
    "gitpod.io": "Gitpod",
}
"""Where what listens is reached by HTTP alone."""


_MANY: Final = 6
"""UDP host candidates of a server; more of them mostly lead nowhere."""


def _seen(label: str, observed: str, expected: str | None = None) -> Evidence:
    wanted = None if expected is None else one_line(expected, 120)
    return Evidence(one_line(label, 120), one_line(observed, 240), wanted, "media")


def _tried(label: str, tried: Tried, expected: str | None = None) -> Evidence:
    return _seen(label, tried.words, expected)


def _candidate(checked: Checked, expected: str | None = None) -> Evidence:
    kind = "" if checked.reach is Reach.PUBLIC else f" ({checked.reach})"
    label = f"{checked.protocol.upper()} {checked.place}"
    return _seen(label, f"{checked.tried.words}{kind}", expected)


def _candidates(found: list[Checked], expected: str | None = None) -> tuple[Evidence, ...]:
    return tuple(_candidate(checked, expected) for checked in found[:4])


def _reached(media: MediaFact, *, fit: bool = True) -> Evidence:
    expected = None if fit else "one of the addresses for media"
    return _seen("signalling came through at", media.reached or "a proxy", expected)


# ------------------------------------------------------------------ why nothing gets through


class _Why(Enum):
    """Why no candidate answers, as far as their addresses tell."""

    LOOPBACK = "loopback"
    PRIVATE = "private"
    HAIRPIN = "hairpin"
    OTHER_PUBLIC = "other public"
    PORTS = "ports"
    """The address is the one by which signalling came through: its ports are closed."""


def _asked(media: MediaFact) -> list[Checked]:
    return [c for c in media.candidates if c.tried.outcome is not Outcome.UNTRIED]


def _any(media: MediaFact) -> bool:
    return any(c.tried.ok for c in media.candidates)


def _found_elsewhere(media: MediaFact) -> list[Checked]:
    return [c for c in media.elsewhere if c.tried.ok]


def _why(media: MediaFact) -> _Why | None:
    """None where some candidate answers, or none was asked."""
    asked = _asked(media)
    if not asked or _any(media):
        return None
    kinds = {c.reach for c in asked}
    if any(c.address == media.reached for c in asked):
        return _Why.PORTS
    if not media.reached and Reach.PUBLIC in kinds:
        return _Why.PORTS  # nothing to compare them with
    if kinds == {Reach.LOOPBACK}:
        return _Why.PORTS if reach(media.reached) is Reach.LOOPBACK else _Why.LOOPBACK
    if Reach.PUBLIC not in kinds:
        return _Why.PRIVATE
    if reach(media.reached) is not Reach.PUBLIC and _found_elsewhere(media):
        return _Why.HAIRPIN
    return _Why.OTHER_PUBLIC


def _udp_works_elsewhere(media: MediaFact) -> bool | None:
    """Whether UDP to another host than the server is answered; None where there is none to ask."""
    own = {media.reached, *(c.address for c in media.candidates)}
    others = [
        s
        for s in media.servers
        if s.transport == "udp"
        and not own & set(s.addresses)
        # On this machine itself, nothing is learnt of its network.
        and any(reach(address) is not Reach.LOOPBACK for address in s.addresses)
    ]
    if not others:
        return None
    return any(s.answered for s in others)


def _platform(url: UrlFact | None) -> str | None:
    parsed = url.result if url is not None else None
    if not isinstance(parsed, ParsedUrl):
        return None
    for suffix, name in PLATFORMS.items():
        if parsed.host == suffix or parsed.host.endswith(f".{suffix}"):
            return name
    return None


# ------------------------------------------------------------------ what to do, by deployment


_SOME_ADDRESS: Final = "203.0.113.10"
"""Stands in advice for an address that is not known."""


def _port_values(ports: list[tuple[int, str]]) -> dict[str, str]:
    """These ports as firewalls, docker and compose write them."""
    written = [f"{port}:{port}{'/udp' if protocol == 'udp' else ''}" for port, protocol in ports]
    published = (word for one in written for word in ("-p", one))
    allow = (shell.command("ufw", "allow", f"{port}/{protocol}") for port, protocol in ports)
    return {
        "ports": " and ".join(f"{protocol.upper()} {port}" for port, protocol in ports),
        "published": shell.command(*published),
        "listed": "\n".join(f'      - "{one}"' for one in written),
        "allow": shell.then(*allow),
    }


def _ports(found: list[Checked]) -> list[tuple[int, str]]:
    return list(dict.fromkeys((c.port, c.protocol) for c in found))[:4]


# ------------------------------------------------------------------ candidates


def loopback_candidates(media: MediaFact) -> Iterator[Seen]:
    """Nothing but the server's own loopback is offered, and it is not on this machine."""
    if _why(media) is _Why.LOOPBACK:
        yield Seen(
            (*_candidates(_asked(media), media.reached), _reached(media)),
            case="seen",
            values={"address": media.reached or _SOME_ADDRESS},
            check=DIRECT,
        )


def private_candidates(media: MediaFact) -> Iterator[Seen]:
    """All that is offered are addresses of a private network, and signalling came another way."""
    asked = _asked(media)
    found = _found_elsewhere(media)
    public = reach(media.reached) is Reach.PUBLIC
    if _why(media) is _Why.PRIVATE:
        yield Seen(
            (*_candidates(asked, media.reached), *_candidates(found), _reached(media)),
            case="found" if found else "seen",
            values={"reached": media.reached, "address": media.reached or _SOME_ADDRESS},
            confidence=Confidence.CERTAIN if public or found else Confidence.LIKELY,
            check=DIRECT,
        )
    elif _any(media) and public and all(c.reach is not Reach.PUBLIC for c in asked):
        yield Seen(
            (*_candidates(asked, media.reached), _reached(media)),
            case="from-here-alone",
            values={"address": media.reached or _SOME_ADDRESS},
            check=DIRECT,
        )


def _pod_candidates(media: MediaFact) -> Iterator[Seen]:
    pods = [c for c in _asked(media) if is_pod(c.address)]
    if not pods or _why(media) is not _Why.PRIVATE:
        return
    found = _found_elsewhere(media)
    sure = reach(media.reached) is Reach.PUBLIC or found
    yield Seen(
        (*_candidates(pods, media.reached), *_candidates(found), _reached(media)),
        confidence=Confidence.CERTAIN if sure else Confidence.LIKELY,
    )


def _no_candidates(media: MediaFact) -> Iterator[Seen]:
    if media.negotiation is Negotiation.ANSWERED and not media.candidates:
        yield Seen((_seen("candidates offered", "none", "an address and ports"),))


def _wrong_public(media: MediaFact) -> Iterator[Seen]:
    if _why(media) is not _Why.OTHER_PUBLIC:
        return
    found = _found_elsewhere(media)
    yield Seen(
        (
            *_candidates(_asked(media), media.reached),
            *_candidates(found),
            _reached(media, fit=False),
        ),
        confidence=Confidence.CERTAIN if found else Confidence.LIKELY,
        case="seen",
        values={"reached": media.reached, "address": media.reached or _SOME_ADDRESS},
    )


def _hairpin(media: MediaFact) -> Iterator[Seen]:
    if _why(media) is not _Why.HAIRPIN:
        return
    yield Seen(
        (
            *_candidates(_asked(media)),
            *_candidates(_found_elsewhere(media)),
            _reached(media, fit=False),
        )
    )


def _udp_blocked(media: MediaFact, url: UrlFact | None = None) -> Iterator[Seen]:
    udp = [c for c in _asked(media) if c.protocol == "udp"]
    tcp = [c for c in _asked(media) if c.protocol == "tcp"]
    if not udp or any(c.tried.ok for c in udp) or (_platform(url) and not _any(media)):
        return
    open_at = {c.address for c in tcp if c.tried.ok}
    if open_at:
        udp = [c for c in udp if c.address in open_at] or udp
    elif _why(media) is not _Why.PORTS:
        return
    elsewhere = _udp_works_elsewhere(media)
    if elsewhere is False:
        return  # this network's own doing
    others = [s for s in media.servers if s.transport == "udp" and s.answered] if elsewhere else []
    closed = udp if open_at else udp + tcp
    yield Seen(
        (
            *_candidates(udp, "an answer"),
            *_candidates(tcp),
            *(_seen(s.place, "answered") for s in others[:1]),
        ),
        case="at-udp" if open_at else "all",
        values={**_port_values(_ports(closed))},
        confidence=Confidence.CERTAIN if elsewhere else None,
    )


def _tcp_closed(media: MediaFact) -> Iterator[Seen]:
    tcp = [c for c in _asked(media) if c.protocol == "tcp"]
    if not tcp or any(c.tried.ok for c in tcp):
        return
    udp_at = {c.address for c in media.reachable("udp")}
    if not udp_at and (_why(media) is not _Why.PORTS or _udp_works_elsewhere(media) is False):
        return
    tcp = [c for c in tcp if c.address in udp_at] or tcp
    foreign = [c for c in tcp if c.tried.outcome in {Outcome.FOREIGN, Outcome.CLOSED}]
    yield Seen(
        (*_candidates(tcp, "an answer"), *_candidates(list(media.reachable("udp")))),
        case="foreign" if foreign else "closed",
        values={**_port_values(_ports(tcp))},
        confidence=Confidence.CERTAIN,
    )


def _client_firewall(media: MediaFact) -> Iterator[Seen]:
    udp = [c for c in _asked(media) if c.protocol == "udp"]
    if not udp or any(c.tried.ok for c in udp) or _udp_works_elsewhere(media) is not False:
        return
    if _why(media) not in {None, _Why.PORTS, _Why.OTHER_PUBLIC}:
        return
    tcp = [c for c in _asked(media) if c.protocol == "tcp"]
    relays = [s for s in media.servers if s.turn and s.transport != "udp" and s.works]
    stun = [s for s in media.servers if s.transport == "udp"]
    asked = dict.fromkeys(_seen(s.place, "no answer", "an answer") for s in stun)
    proof = (*_candidates(udp), *list(asked)[:2], *_candidates(tcp))
    if relays or any(c.tried.ok for c in tcp):
        way = f"TURN at {relays[0].place}" if relays else "TCP"
        yield Seen(
            (*proof, *(_seen(f"TURN {s.place}", "relays") for s in relays[:1])),
            case="works-slowly",
            values={"way": way},
        )
        return
    offered = [s for s in media.servers if s.turn and s.transport == "tls"]
    none = _seen("TURN/TLS among the ICE servers", "none", "turns:… on port 443")
    yield Seen((*proof, *(() if offered else (none,))))


def _hosting(url: UrlFact, media: MediaFact) -> Iterator[Seen]:
    name = _platform(url)
    if name is None or not _asked(media) or _any(media):
        return
    parsed = url.result
    host = parsed.host if isinstance(parsed, ParsedUrl) else ""
    yield Seen(
        (_seen("host of the URL", f"{host}: {name}"), *_candidates(_asked(media), "an answer")),
        case="platform",
        values={"platform": name},
    )


def _symmetric(media: MediaFact) -> Iterator[Seen]:
    mapped = [m for m in media.mapped if "[" not in m.seen]
    # Without a NAT, or with one that maps alike, it is one port for all (RFC 4787 §4.1).
    if len({m.seen.rpartition(":")[2] for m in mapped}) < 2:
        return
    yield Seen(
        tuple(_seen(f"we are, to {m.asked}", m.seen, "one port for all") for m in mapped[:4])
    )


def _many(media: MediaFact) -> Iterator[Seen]:
    udp = [c for c in _asked(media) if c.protocol == "udp" and c.type == "host"]
    good = [c for c in udp if c.tried.ok and c.reach is not Reach.CONTAINER]
    dead = [c for c in udp if not c.tried.ok]
    containers = [c for c in dead if c.reach is Reach.CONTAINER]
    if not good or not (containers or (len(udp) > _MANY and dead)):
        return
    yield Seen(
        (
            *_candidates(good[:1]),
            *_candidates(containers or dead),
            _seen("UDP candidates", f"{len(udp)}, of which {len(dead)} lead nowhere"),
        )
    )


def _stun_dead(media: MediaFact) -> Iterator[Seen]:
    stun = [s for s in media.servers if not s.turn]
    if not stun or any(s.answered for s in media.servers) or not media.reachable("udp"):
        return
    yield Seen(
        tuple(
            _tried(s.url, s.connect if s.binding is None else s.binding, "an answer")
            for s in stun[:4]
        )
    )


# ------------------------------------------------------------------ TURN


def _turn(media: MediaFact) -> Iterator[IceServerSeen]:
    return (server for server in media.servers if server.turn)


def _as_one(judgements: Iterator[Seen]) -> Iterator[Seen]:
    """One cause is one finding, however many servers or transports it shows at."""
    found = list(judgements)
    if found:
        proof = dict.fromkeys(evidence for one in found for evidence in one.evidence)
        yield found[0]._replace(evidence=tuple(proof)[:6])


def _ways(media: MediaFact) -> str:
    """What is left to whoever needs TURN, for a cause's last sentence."""
    if any(server.works for server in _turn(media)):
        return ""
    return " Whoever needs TURN gets no media."


def turn_domain(media: MediaFact) -> Iterator[Seen]:
    """The name of a TURN server leads nowhere, or its certificate is not for it."""
    yield from _as_one(_turn_domain(media))


def _turn_domain(media: MediaFact) -> Iterator[Seen]:
    for server in _turn(media):
        attempt = server.tls.attempt if server.tls is not None else None
        if server.connect.outcome is Outcome.UNRESOLVED:
            yield Seen(
                (_seen(server.url, server.connect.words, "an address"),),
                case="no-address",
                values={"host": server.host, "ways": _ways(media)},
                check=TURN,
            )
        elif isinstance(attempt, TlsDistrusted):
            names = attempt.certificate.names if attempt.certificate is not None else ()
            covers = ", ".join(names[:4]) or "unknown"
            yield Seen(
                (
                    _seen(f"TLS to {server.place}", attempt.error, "a certificate that verifies"),
                    _seen("the certificate is for", covers, server.host),
                ),
                case="certificate",
                values={"reason": str(attempt.reason), "ways": _ways(media), "host": server.host},
                check=TURN,
            )


def turn_443(media: MediaFact) -> Iterator[Seen]:
    """A web server answers where clients are told that TURN/TLS is."""
    yield from _as_one(_turn_443(media))


def _turn_443(media: MediaFact) -> Iterator[Seen]:
    for server in _turn(media):
        if server.transport != "tls":
            continue
        if server.speaks != "HTTP":
            continue
        yield Seen(
            (
                _seen(f"STUN over {server.transport.upper()} to {server.url}", "no answer"),
                _seen(f"at {server.host}:{server.port}", "HTTP is spoken", "a TURN server"),
            ),
            case="web-server",
            values={"port": str(server.port), "ways": _ways(media)},
            check=TURN,
        )


def turn_tls(media: MediaFact) -> Iterator[Seen]:
    """TURN/TLS is announced, and TLS is missing there, or ends one layer too early."""
    yield from _as_one(_turn_tls(media))


def _turn_tls(media: MediaFact) -> Iterator[Seen]:
    for server in _turn(media):
        attempt = server.tls.attempt if server.tls is not None else None
        if attempt is None or server.speaks == "HTTP":
            continue
        spoken = isinstance(attempt, TlsEstablished)
        label = f"TLS to {server.place}"
        if isinstance(attempt, TlsDistrusted) or (spoken and _said_anything(server)):
            continue
        plain = server.plain is not None and server.plain.ok
        if spoken and server.relay is not None:
            proof = (
                _seen(label, "agreed on"),
                _tried("TURN in it", server.relay.allocate, "an answer"),
            )
            yield Seen(proof, case="behind-tls", values={"ways": _ways(media)}, check=TURN)
        elif not spoken:
            error = attempt.error if isinstance(attempt, TlsNotSpoken | TlsBroken) else "no answer"
            yield Seen(
                (
                    _seen(label, error, "a handshake"),
                    *(
                        (_tried("STUN without TLS there", server.plain),)
                        if server.plain is not None
                        else ()
                    ),
                ),
                case="plain" if plain else "no-tls",
                values={"ways": _ways(media)},
                severity=Severity.ERROR,
                confidence=Confidence.CERTAIN if plain else Confidence.LIKELY,
                check=TURN,
            )


def _said_anything(server: IceServerSeen) -> bool:
    tried = server.relay.allocate if server.relay is not None else None
    return tried is not None and (tried.ok or tried.code is not None)


def turn_credentials(media: MediaFact) -> Iterator[Seen]:
    """The TURN server does not take the credentials that clients are given."""
    yield from _as_one(_turn_credentials(media))


def _turn_credentials(media: MediaFact) -> Iterator[Seen]:
    for server in _turn(media):
        tried = server.relay.allocate if server.relay is not None else None
        if tried is None or tried.code not in _NO_ENTRY:
            continue
        proof = [_tried(f"Allocate at {server.url}", tried, "an address to relay on")]
        if not server.has_credentials:
            proof.append(_seen("credentials for it", "none", "a user name and a credential"))
        old = server.expires is not None and server.expires < media.at
        if server.expires is not None and old:
            after = f"after {_instant(media.at)}"
            proof.append(_seen("its credentials end at", _instant(server.expires), after))
        yield Seen(
            tuple(proof),
            case="none-given" if not server.has_credentials else "expired" if old else "refused",
            values={"ways": _ways(media)},
            severity=Severity.ERROR,
            confidence=Confidence.CERTAIN,
            check=TURN,
        )


_NO_ENTRY: Final = {400, 401, 403, 431, 436, 438, 441}
"""Errors that mean "not you" (RFC 8489 §14.8, RFC 8656 §19; pion says 400 to a wrong password)."""


def _instant(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z"
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f}"


def peer_denied(media: MediaFact) -> Iterator[Seen]:
    """TURN lets us in, and refuses to relay to the server's candidate."""
    yield from _as_one(_peer_denied(media))


def _peer_denied(media: MediaFact) -> Iterator[Seen]:
    for server in _turn(media):
        relay = server.relay
        if relay is None or relay.permission.code != 403:
            continue
        host = relay.peer.rpartition(":")[0].strip("[]")
        yield Seen(
            (
                _tried(f"Allocate at {server.url}", relay.allocate),
                _tried(f"CreatePermission for {relay.peer}", relay.permission, "granted"),
            ),
            case="seen",
            values={"host": host, "ways": _ways(media)},
            check=TURN,
        )


def turn_conflict(media: MediaFact) -> Iterator[Seen]:
    """At the TURN server's port somebody else answers."""
    yield from _as_one(_turn_conflict(media))


def _turn_conflict(media: MediaFact) -> Iterator[Seen]:
    for server in _turn(media):
        tried = server.relay.allocate if server.relay is not None else None
        if server.transport == "tls" or tried is None:
            continue
        silent = server.transport == "tcp" and tried.outcome is Outcome.SILENT
        if silent or tried.outcome in {Outcome.FOREIGN, Outcome.CLOSED}:
            proof = [_tried(f"Allocate at {server.url}", tried, "a TURN server")]
            if server.speaks:
                proof.append(_seen(f"at {server.host}:{server.port}", f"{server.speaks} is spoken"))
            yield Seen(
                tuple(proof),
                case="seen",
                values={"port": str(server.port), "ways": _ways(media)},
                confidence=Confidence.CERTAIN
                if server.speaks or tried.outcome is Outcome.FOREIGN
                else Confidence.LIKELY,
                check=TURN,
            )


def _turn_unreachable(media: MediaFact) -> Iterator[Seen]:
    yield from _as_one(_each_turn_unreachable(media))


def _each_turn_unreachable(media: MediaFact) -> Iterator[Seen]:
    for server in _turn(media):
        tried = server.connect
        if tried.ok and server.transport == "udp" and server.relay is not None:
            tried = server.relay.allocate
        if tried.outcome is Outcome.BARRED and "private" not in tried.detail:
            yield Seen(
                (_tried(server.url, tried, "an address that clients can reach"),),
                case="barred",
                values={"address": tried.detail},
            )
            continue
        if tried.outcome not in {Outcome.SILENT, Outcome.REFUSED, Outcome.UNREACHABLE}:
            continue
        if server.transport == "udp" and _why(media) is None and not media.reachable("udp"):
            continue  # no UDP gets through at all: not this server's fault
        protocol = "udp" if server.transport == "udp" else "tcp"
        yield Seen(
            (_tried(server.url, tried, "an answer"),),
            case="place",
            values={
                "server": server.place,
                "flag": "u" if protocol == "udp" else "t",
                "port": str(server.port),
                **_port_values([(server.port, protocol)]),
            },
            confidence=Confidence.CERTAIN if tried.outcome is Outcome.REFUSED else None,
        )


def _relay_blocked(media: MediaFact) -> Iterator[Seen]:
    yield from _as_one(_each_relay_blocked(media))


def _each_relay_blocked(media: MediaFact) -> Iterator[Seen]:
    direct = {c.place for c in media.reachable("udp")}
    for server in _turn(media):
        relay = server.relay
        if relay is None:
            continue
        code = relay.allocate.code
        if code is not None and code not in _NO_ENTRY:
            yield Seen(
                (_tried(f"Allocate at {server.url}", relay.allocate, "an address to relay on"),),
                case="refuses",
                values={"words": relay.allocate.words},
            )
        elif relay.permission.failed and relay.permission.code != 403:
            yield Seen(
                (_tried(f"CreatePermission at {server.url}", relay.permission, "granted"),),
                confidence=Confidence.LIKELY,
            )
        elif relay.permission.ok and relay.through.failed and relay.peer in direct:
            yield Seen(
                (
                    _seen(f"Allocate at {server.url}", f"relays on {relay.relayed}"),
                    _tried(f"{relay.peer}, relayed", relay.through, "an answer"),
                    _seen(f"{relay.peer}, directly", "answers"),
                )
            )


def _turn_no_tcp(media: MediaFact) -> Iterator[Seen]:
    offered = list(_turn(media))
    if not offered or any(s.transport != "udp" for s in offered) or media.reachable("tcp"):
        return
    yield Seen(
        (
            _seen("TURN servers", ", ".join(s.place for s in offered[:4]), "one over TLS"),
            _seen("TCP candidates that answer", "none"),
        )
    )


# ------------------------------------------------------------------ checks


def _look_direct(media: MediaFact) -> str | Unsure:
    if media.negotiation is not Negotiation.ANSWERED:
        return Unsure(NOT_NEGOTIATED[media.negotiation])
    best = [
        f"{protocol.upper()} {found[0].tried.round_trip_ms or 0:.1f} ms"
        for protocol in ("udp", "tcp")
        if (found := media.reachable(protocol))
    ]
    if best:
        return f"media gets through: {', '.join(best)}"
    return Unsure("no candidate of the server's answers")


def _look_stun(media: MediaFact) -> str | Unsure:
    stun = [server for server in media.servers if not server.turn]
    if not stun:
        return "no STUN server is offered, and none is needed"
    answered = [s for s in stun if s.answered]
    words = f"{len(answered)} of {len(stun)} STUN servers answer"
    if not answered:
        by_turn = any(server.answered for server in media.servers)
        return f"{words}; a TURN server does" if by_turn else Unsure(words)
    mapped = next((s.binding.detail for s in answered if s.binding and s.binding.detail), "")
    return fitting(f"{words}; we are {mapped}") or words


def _look_turn(media: MediaFact) -> str | Unsure:
    offered = list(_turn(media))
    if not offered:
        return "no TURN server is offered"
    working = [s for s in offered if s.works]
    words = f"{len(working)} of {len(offered)} TURN servers relay"
    return words if working else Unsure(words)


def _check(name: str, title: str, look: Look, *, essential: bool = True) -> Check:
    return Check(
        f"media.{name}",
        Layer.MEDIA,
        title,
        look,
        needs=("signal.join",),
        effect=Effect.JOIN,
        essential=essential,
        by_option=True,
    )


DIRECT: Final = _check("direct", "Media reaches an address that the server offers", _look_direct)
STUN: Final = _check("stun", "The STUN servers answer", _look_stun, essential=False)
TURN: Final = _check("turn", "The TURN servers relay media", _look_turn)

CHECKS: Final = (DIRECT, STUN, TURN)


RULES: Final = (
    cause("ice-no-candidates", _no_candidates),
    cause("ice-hosting-without-udp", _hosting),
    cause("ice-k8s", _pod_candidates),
    cause("ice-wrong-public-ip", _wrong_public),
    cause("ice-hairpin", _hairpin),
    cause("ice-client-firewall", _client_firewall),
    cause("ice-udp-range-blocked", _udp_blocked),
    cause("ice-tcp-7881-closed", _tcp_closed),
    cause("ice-many-interfaces", _many),
    cause("ice-vpn-symmetric-nat", _symmetric),
    cause("ice-offline-lan", _stun_dead),
    cause("turn-unreachable", _turn_unreachable),
    cause("turn-relay-blocked", _relay_blocked),
    cause("turn-no-tcp", _turn_no_tcp),
)
