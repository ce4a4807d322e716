"""What lets no media through although signalling works: candidates, ports, TURN.

Causes that show in a server's configuration, too, have their rules in `server_config`, and their
eyes for what a network really did here: the functions without an underscore.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from lkdoctor import shell
from lkdoctor.facts import Facts
from lkdoctor.facts.media import (
    NOT_NEGOTIATED,
    Checked,
    IceServerSeen,
    Mapped,
    MediaFact,
    Negotiation,
    Outcome,
    Reach,
    Relay,
    Tried,
    is_pod,
    reach,
)
from lkdoctor.facts.tls import (
    TlsBroken,
    TlsDistrusted,
    TlsEstablished,
    TlsFact,
    TlsNotSpoken,
)
from lkdoctor.facts.url import ParsedUrl, UrlFact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules.answers import fitting, one_line
from lkdoctor.rules.base import Check, Effect, Judge, Judgement, Look, Rule, Unsure
from lkdoctor.rules.examples import healthy

NO_MEDIA: Final = (
    "could not establish pc connection",
    "wait_pc_connection timed out",
    "could not connect PeerConnection after timeout",
)
"""What clients say fifteen seconds after signalling has succeeded."""

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

UNCONNECTED: Final = (
    "rehearsal-media-address",
    "rehearsal-media-blocked",
    "rehearsal-connect-failed",
)
"""What a rehearsal comes to where no address of the server's answers."""

UNRELAYED: Final = ("rehearsal-turn-refused", "rehearsal-turn-silent", "rehearsal-turn-no-way")
"""What it comes to where all media was to be relayed, and was not."""

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


NO_CANDIDATES: Final = "The server offers no address for media"
NO_CANDIDATES_CAUSE: Final = (
    "The server's offer is there, and names no candidate: its list of interfaces or addresses leaves "
    "none (rtc.interfaces, rtc.ips), or it runs where there is only loopback, which it does not offer "
    "by itself."
)
NO_CANDIDATES_FIX: Final = (
    FixStep(
        "Take out what leaves nothing over, and name the address at which clients reach the server:",
        snippet=Snippet(
            "yaml", "rtc:\n  # interfaces: …   ips: …   remove both\n  node_ip: 203.0.113.10"
        ),
    ),
    FixStep(
        "Judge the rest of its configuration:",
        command="lkdoctor diagnose --server-config livekit.yaml",
    ),
)
"""A rehearsal meets the same; see rules/rehearsal.py."""

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


def _advertise(address: str) -> tuple[FixStep, ...]:
    """How to have the server name another address, wherever it runs."""
    return (
        FixStep(
            "Have the server name the address that clients reach:",
            snippet=Snippet("yaml", f"rtc:\n  node_ip: {address}"),
        ),
        FixStep(
            "On a cloud machine it can find its public address itself:",
            snippet=Snippet("yaml", "rtc:\n  use_external_ip: true"),
        ),
        FixStep(
            "In Docker, run it on the host's own network:",
            command=shell.command(
                *("docker", "run", "--network", "host", "livekit/livekit-server"),
                *("--config", "livekit.yaml", "--node-ip", address),
            ),
        ),
        FixStep(
            "In compose:",
            snippet=Snippet(
                "yaml",
                "services:\n  livekit:\n    network_mode: host\n"
                f"    command: --config /etc/livekit.yaml --node-ip {address}",
            ),
        ),
        FixStep(
            "In Kubernetes, give the pod its node's network (the chart's podHostNetwork), one pod a "
            "node, on nodes with a public address:",
            snippet=Snippet(
                "yaml", "podHostNetwork: true\nlivekit:\n  rtc:\n    use_external_ip: true"
            ),
        ),
    )


def _open(ports: list[tuple[int, str]]) -> tuple[FixStep, ...]:
    """How to let these ports through, wherever the server runs."""
    words = " and ".join(f"{protocol.upper()} {port}" for port, protocol in ports)
    published = (
        word
        for port, protocol in ports
        for word in ("-p", f"{port}:{port}" + ("/udp" if protocol == "udp" else ""))
    )
    listed = "\n".join(
        f'      - "{port}:{port}' + ('/udp"' if protocol == "udp" else '"')
        for port, protocol in ports
    )
    allow = (shell.command("ufw", "allow", f"{port}/{protocol}") for port, protocol in ports)
    return (
        FixStep(
            f"In the cloud's security group or firewall, let {words} in from everywhere, on the "
            "server itself: not by way of an HTTP load balancer."
        ),
        FixStep("In the machine's own firewall:", command=shell.then(*allow)),
        FixStep(
            "Docker and compose publish each port by its protocol, the same number on both sides:",
            command=shell.command("docker", "run", *published, shell.Fixed("…")),
        ),
        FixStep("In compose:", snippet=Snippet("yaml", f"    ports:\n{listed}")),
        FixStep(
            "In Kubernetes an Ingress carries HTTP alone: use podHostNetwork, or a Service of type "
            "LoadBalancer for these ports."
        ),
    )


def _ports(found: list[Checked]) -> list[tuple[int, str]]:
    return list(dict.fromkeys((c.port, c.protocol) for c in found))[:4]


_AGAIN: Final = FixStep("Look again:", command="lkdoctor ice")

# ------------------------------------------------------------------ candidates


def loopback_candidates(media: MediaFact) -> Iterator[Judgement]:
    """Nothing but the server's own loopback is offered, and it is not on this machine."""
    if _why(media) is _Why.LOOPBACK:
        yield Judgement(
            (*_candidates(_asked(media), media.reached), _reached(media)),
            cause="The server tells clients to send media to a loopback address, which is their own "
            "machine to them: node_ip (or --node-ip) was copied from a quick start.",
            fix=(*_advertise(media.reached or _SOME_ADDRESS), _AGAIN),
            check=DIRECT,
        )


def private_candidates(media: MediaFact) -> Iterator[Judgement]:
    """All that is offered are addresses of a private network, and signalling came another way."""
    asked = _asked(media)
    found = _found_elsewhere(media)
    public = reach(media.reached) is Reach.PUBLIC
    if _why(media) is _Why.PRIVATE:
        yield Judgement(
            (*_candidates(asked, media.reached), *_candidates(found), _reached(media)),
            cause="Signalling gets through, but the addresses that the server names for media are those of "
            "a private network, of a container or behind a NAT, and lead nowhere from here."
            + (
                f" The same ports do answer at {media.reached}: naming that address is all that it takes."
                if found
                else ""
            ),
            confidence=Confidence.CERTAIN if public or found else Confidence.LIKELY,
            fix=(*_advertise(media.reached or _SOME_ADDRESS), _AGAIN),
            check=DIRECT,
        )
    elif _any(media) and public and all(c.reach is not Reach.PUBLIC for c in asked):
        yield Judgement(
            (*_candidates(asked, media.reached), _reached(media)),
            title="Only this network reaches the address for media",
            cause="The server names private addresses alone. They can be reached from here (the same "
            "network, or a VPN); everybody else gets through to signalling and no further.",
            severity=Severity.WARNING,
            fix=(*_advertise(media.reached or _SOME_ADDRESS), _AGAIN),
            check=DIRECT,
        )


def _pod_candidates(media: MediaFact) -> Iterator[Judgement]:
    pods = [c for c in _asked(media) if is_pod(c.address)]
    if not pods or _why(media) is not _Why.PRIVATE:
        return
    found = _found_elsewhere(media)
    sure = reach(media.reached) is Reach.PUBLIC or found
    yield Judgement(
        (*_candidates(pods, media.reached), *_candidates(found), _reached(media)),
        confidence=Confidence.CERTAIN if sure else Confidence.LIKELY,
    )


def _no_candidates(media: MediaFact) -> Iterator[Judgement]:
    if media.negotiation is Negotiation.ANSWERED and not media.candidates:
        yield Judgement((_seen("candidates offered", "none", "an address and ports"),))


def _wrong_public(media: MediaFact) -> Iterator[Judgement]:
    if _why(media) is not _Why.OTHER_PUBLIC:
        return
    found = _found_elsewhere(media)
    yield Judgement(
        (
            *_candidates(_asked(media), media.reached),
            *_candidates(found),
            _reached(media, fit=False),
        ),
        confidence=Confidence.CERTAIN if found else Confidence.LIKELY,
        fix=(
            *_advertise(media.reached or _SOME_ADDRESS)[:1],
            FixStep(
                "With use_external_ip the server is told the address by which it goes out (a NAT "
                "gateway's); switch that off where packets come in by another one:",
                snippet=Snippet(
                    "yaml", f"rtc:\n  use_external_ip: false\n  node_ip: {media.reached}"
                ),
            ),
            FixStep(
                "On a machine with several addresses, name the one to use:",
                snippet=Snippet("yaml", f"rtc:\n  ips:\n    includes: [{media.reached}/32]"),
            ),
            *_advertise(media.reached or _SOME_ADDRESS)[2:],
            _AGAIN,
        ),
    )


def _hairpin(media: MediaFact) -> Iterator[Judgement]:
    if _why(media) is not _Why.HAIRPIN:
        return
    yield Judgement(
        (
            *_candidates(_asked(media)),
            *_candidates(_found_elsewhere(media)),
            _reached(media, fit=False),
        )
    )


def _udp_blocked(media: MediaFact, url: UrlFact | None = None) -> Iterator[Judgement]:
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
    yield Judgement(
        (
            *_candidates(udp, "an answer"),
            *_candidates(tcp),
            *(_seen(s.place, "answered") for s in others[:1]),
        ),
        title=None if open_at else "The ports for media are closed, or not published",
        cause=None
        if open_at
        else "The address for media is right (signalling comes through at it), but nothing at its UDP "
        "and TCP ports answers: a firewall or security group drops it, or a container does not publish "
        "the ports. “All ports open” often means TCP alone.",
        confidence=Confidence.CERTAIN if elsewhere else None,
        fix=(*_open(_ports(closed)), _AGAIN),
    )


def _tcp_closed(media: MediaFact) -> Iterator[Judgement]:
    tcp = [c for c in _asked(media) if c.protocol == "tcp"]
    if not tcp or any(c.tried.ok for c in tcp):
        return
    udp_at = {c.address for c in media.reachable("udp")}
    if not udp_at and (_why(media) is not _Why.PORTS or _udp_works_elsewhere(media) is False):
        return
    tcp = [c for c in tcp if c.address in udp_at] or tcp
    foreign = [c for c in tcp if c.tried.outcome in {Outcome.FOREIGN, Outcome.CLOSED}]
    yield Judgement(
        (*_candidates(tcp, "an answer"), *_candidates(list(media.reachable("udp")))),
        title="Something else answers at the TCP port for media" if foreign else None,
        cause="The TCP port for media is raw: no TLS, no HTTP. What answers there is a proxy or another "
        "service."
        if foreign
        else None,
        confidence=Confidence.CERTAIN,
        fix=(
            FixStep("Lead the port to livekit-server directly; take the proxy off it."),
            *_open(_ports(tcp)),
            _AGAIN,
        )
        if foreign
        else (*_open(_ports(tcp)), _AGAIN),
    )


def _client_firewall(media: MediaFact) -> Iterator[Judgement]:
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
        yield Judgement(
            (*proof, *(_seen(f"TURN {s.place}", "relays") for s in relays[:1])),
            title="This network lets no UDP through",
            cause=f"UDP gets no answer from anybody from here, so media goes over {way}: it works, with "
            "more delay, and stutters where packets are lost.",
            severity=Severity.WARNING,
            fix=(FixStep("Ask whoever runs this network to let UDP out to the server."), _AGAIN),
        )
        return
    offered = [s for s in media.servers if s.turn and s.transport == "tls"]
    none = _seen("TURN/TLS among the ICE servers", "none", "turns:… on port 443")
    yield Judgement((*proof, *(() if offered else (none,))))


def _hosting(url: UrlFact, media: MediaFact) -> Iterator[Judgement]:
    name = _platform(url)
    if name is None or not _asked(media) or _any(media):
        return
    parsed = url.result
    host = parsed.host if isinstance(parsed, ParsedUrl) else ""
    yield Judgement(
        (_seen("host of the URL", f"{host}: {name}"), *_candidates(_asked(media), "an answer")),
        title=fitting(f"The server runs where only HTTP gets in: {name}"),
    )


def _symmetric(media: MediaFact) -> Iterator[Judgement]:
    mapped = [m for m in media.mapped if "[" not in m.seen]
    # Without a NAT, or with one that maps alike, it is one port for all (RFC 4787 §4.1).
    if len({m.seen.rpartition(":")[2] for m in mapped}) < 2:
        return
    yield Judgement(
        tuple(_seen(f"we are, to {m.asked}", m.seen, "one port for all") for m in mapped[:4])
    )


def _many(media: MediaFact) -> Iterator[Judgement]:
    udp = [c for c in _asked(media) if c.protocol == "udp" and c.type == "host"]
    good = [c for c in udp if c.tried.ok and c.reach is not Reach.CONTAINER]
    dead = [c for c in udp if not c.tried.ok]
    containers = [c for c in dead if c.reach is Reach.CONTAINER]
    if not good or not (containers or (len(udp) > _MANY and dead)):
        return
    yield Judgement(
        (
            *_candidates(good[:1]),
            *_candidates(containers or dead),
            _seen("UDP candidates", f"{len(udp)}, of which {len(dead)} lead nowhere"),
        )
    )


def _stun_dead(media: MediaFact) -> Iterator[Judgement]:
    stun = [s for s in media.servers if not s.turn]
    if not stun or any(s.answered for s in media.servers) or not media.reachable("udp"):
        return
    yield Judgement(
        tuple(
            _tried(s.url, s.connect if s.binding is None else s.binding, "an answer")
            for s in stun[:4]
        )
    )


# ------------------------------------------------------------------ TURN


def _turn(media: MediaFact) -> Iterator[IceServerSeen]:
    return (server for server in media.servers if server.turn)


def _as_one(judgements: Iterator[Judgement]) -> Iterator[Judgement]:
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


def turn_domain(media: MediaFact) -> Iterator[Judgement]:
    """The name of a TURN server leads nowhere, or its certificate is not for it."""
    yield from _as_one(_turn_domain(media))


def _turn_domain(media: MediaFact) -> Iterator[Judgement]:
    for server in _turn(media):
        attempt = server.tls.attempt if server.tls is not None else None
        if server.connect.outcome is Outcome.UNRESOLVED:
            yield Judgement(
                (_seen(server.url, server.connect.words, "an address"),),
                title=fitting(f"The name of the TURN server has no address: {server.host}"),
                cause="Clients are told of this name and cannot look it up." + _ways(media),
                symptom=_CANDIDATE_ERROR,
                severity=Severity.ERROR,
                fix=(
                    FixStep(f"Add an A record for {server.host}, DNS only: no CDN in front."),
                    _RENAME,
                    _AGAIN,
                ),
                check=TURN,
            )
        elif isinstance(attempt, TlsDistrusted):
            names = attempt.certificate.names if attempt.certificate is not None else ()
            covers = ", ".join(names[:4]) or "unknown"
            yield Judgement(
                (
                    _seen(f"TLS to {server.place}", attempt.error, "a certificate that verifies"),
                    _seen("the certificate is for", covers, server.host),
                ),
                title=fitting(f"The TURN server's certificate is not trusted: {attempt.reason}"),
                cause="Browsers give up TURN/TLS where the certificate does not verify for the name that "
                "they were told, and say nothing." + _ways(media),
                symptom=_CANDIDATE_ERROR,
                severity=Severity.ERROR,
                fix=(
                    FixStep(
                        f"Give the TURN server a certificate of a public CA that covers {server.host}, "
                        "with its whole chain."
                    ),
                    _RENAME,
                    _AGAIN,
                ),
                check=TURN,
            )


_CANDIDATE_ERROR: Final = "error with ICE candidate: 701"
"""Signalling is in order, and what clients say of a TURN server that they cannot use is a warning."""

_RENAME: Final = FixStep(
    "Or name another host: LiveKit's own TURN server takes turn.domain, one of yours "
    "rtc.turn_servers.",
    snippet=Snippet("yaml", "turn:\n  domain: turn.example.com"),
)


def turn_443(media: MediaFact) -> Iterator[Judgement]:
    """A web server answers where clients are told that TURN/TLS is."""
    yield from _as_one(_turn_443(media))


def _turn_443(media: MediaFact) -> Iterator[Judgement]:
    for server in _turn(media):
        if server.transport != "tls":
            continue
        if server.speaks != "HTTP":
            continue
        yield Judgement(
            (
                _seen(f"STUN over {server.transport.upper()} to {server.url}", "no answer"),
                _seen(f"at {server.host}:{server.port}", "HTTP is spoken", "a TURN server"),
            ),
            title=fitting(f"A web server answers where TURN/TLS should: port {server.port}"),
            cause="Whatever turn.tls_port says, LiveKit's own TURN server is announced as "
            "turns:DOMAIN:443. At that port something answers HTTP: the proxy of the website."
            + _ways(media),
            severity=Severity.ERROR,
            confidence=Confidence.CERTAIN,
            check=TURN,
        )


def turn_tls(media: MediaFact) -> Iterator[Judgement]:
    """TURN/TLS is announced, and TLS is missing there, or ends one layer too early."""
    yield from _as_one(_turn_tls(media))


def _turn_tls(media: MediaFact) -> Iterator[Judgement]:
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
            yield Judgement(
                proof,
                title="Behind TLS, nobody speaks TURN",
                cause="TLS succeeds, and what is behind it does not understand TURN: a proxy ends TLS and "
                "passes the rest on to a port that wants TLS once more, or to another service."
                + _ways(media),
                severity=Severity.ERROR,
                confidence=Confidence.LIKELY,
                fix=(
                    FixStep(
                        "Where a load balancer ends TLS, tell the server so:",
                        snippet=Snippet("yaml", "turn:\n  external_tls: true"),
                    ),
                    FixStep("Have the proxy pass TCP on as it is, or end TLS in TCP mode."),
                    _AGAIN,
                ),
                check=TURN,
            )
        elif not spoken:
            error = attempt.error if isinstance(attempt, TlsNotSpoken | TlsBroken) else "no answer"
            yield Judgement(
                (
                    _seen(label, error, "a handshake"),
                    *(
                        (_tried("STUN without TLS there", server.plain),)
                        if server.plain is not None
                        else ()
                    ),
                ),
                title="TURN answers without TLS where TLS is announced"
                if plain
                else "There is no TLS where TURN/TLS is announced",
                cause="Clients are told turns:, so they begin with TLS. With turn.external_tls the server "
                "speaks plain TURN on that port and leaves TLS to a load balancer: here, none does that."
                + _ways(media),
                severity=Severity.ERROR,
                confidence=Confidence.CERTAIN if plain else Confidence.LIKELY,
                check=TURN,
            )


def _said_anything(server: IceServerSeen) -> bool:
    tried = server.relay.allocate if server.relay is not None else None
    return tried is not None and (tried.ok or tried.code is not None)


def turn_credentials(media: MediaFact) -> Iterator[Judgement]:
    """The TURN server does not take the credentials that clients are given."""
    yield from _as_one(_turn_credentials(media))


def _turn_credentials(media: MediaFact) -> Iterator[Judgement]:
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
        title = "The TURN server refuses the credentials of clients"
        if not server.has_credentials:
            title = "Clients get no credentials for the TURN server"
        elif old:
            title = "The TURN credentials that clients get have expired"
        yield Judgement(
            tuple(proof),
            title=title,
            cause="Clients present what the join response gives them, and the TURN server says no: another "
            "secret or user than in its own configuration, or credentials that have expired (a clock that "
            "is wrong on one side)." + _ways(media),
            severity=Severity.ERROR,
            confidence=Confidence.CERTAIN,
            fix=(
                FixStep(
                    "Write the same secret on both sides; coturn's stands in turnserver.conf:",
                    snippet=Snippet(
                        "ini",
                        "use-auth-secret\nstatic-auth-secret=THE SHARED SECRET\nrealm=turn.example.com",
                    ),
                ),
                FixStep(
                    "and LiveKit's under rtc (livekit-server 1.9 and later):",
                    snippet=Snippet(
                        "yaml",
                        "rtc:\n  turn_servers:\n    - host: turn.example.com\n      port: 3478\n"
                        "      protocol: udp\n      secret: THE SHARED SECRET",
                    ),
                ),
                FixStep(
                    "Compare the clocks of both machines:", command="date -u; chronyc tracking"
                ),
                _AGAIN,
            ),
            check=TURN,
        )


_NO_ENTRY: Final = {400, 401, 403, 431, 436, 438, 441}
"""Errors that mean "not you" (RFC 8489 §14.8, RFC 8656 §19; pion says 400 to a wrong password)."""


def _instant(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z"
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f}"


def peer_denied(media: MediaFact) -> Iterator[Judgement]:
    """TURN lets us in, and refuses to relay to the server's candidate."""
    yield from _as_one(_peer_denied(media))


def _peer_denied(media: MediaFact) -> Iterator[Judgement]:
    for server in _turn(media):
        relay = server.relay
        if relay is None or relay.permission.code != 403:
            continue
        host = relay.peer.rpartition(":")[0].strip("[]")
        yield Judgement(
            (
                _tried(f"Allocate at {server.url}", relay.allocate),
                _tried(f"CreatePermission for {relay.peer}", relay.permission, "granted"),
            ),
            title=fitting(f"TURN refuses to relay to the server's address {host}"),
            cause="TURN servers keep private addresses out, so that nobody gets into the network behind "
            "them: LiveKit's own since 1.12, coturn by denied-peer-ip (and loopback always). The server's "
            "media address is such a one." + _ways(media),
            severity=Severity.ERROR,
            confidence=Confidence.CERTAIN,
            fix=(
                FixStep(
                    "LiveKit's own TURN server: allow the server's own network:",
                    snippet=Snippet(
                        "yaml", f"turn:\n  allow_restricted_peer_cidrs:\n    - {host}/32"
                    ),
                ),
                FixStep(
                    "coturn:",
                    snippet=Snippet("ini", f"allowed-peer-ip={host}"),
                ),
                FixStep(
                    "Or offer a public address for media:",
                    snippet=Snippet("yaml", "rtc:\n  use_external_ip: true"),
                ),
                _AGAIN,
            ),
            check=TURN,
        )


def turn_conflict(media: MediaFact) -> Iterator[Judgement]:
    """At the TURN server's port somebody else answers."""
    yield from _as_one(_turn_conflict(media))


def _turn_conflict(media: MediaFact) -> Iterator[Judgement]:
    for server in _turn(media):
        tried = server.relay.allocate if server.relay is not None else None
        if server.transport == "tls" or tried is None:
            continue
        silent = server.transport == "tcp" and tried.outcome is Outcome.SILENT
        if silent or tried.outcome in {Outcome.FOREIGN, Outcome.CLOSED}:
            proof = [_tried(f"Allocate at {server.url}", tried, "a TURN server")]
            if server.speaks:
                proof.append(_seen(f"at {server.host}:{server.port}", f"{server.speaks} is spoken"))
            yield Judgement(
                tuple(proof),
                title=fitting(f"Another service answers at TURN's port {server.port}"),
                cause="What is reached there does not speak TURN: another program has the port, or a proxy "
                "leads it elsewhere." + _ways(media),
                severity=Severity.ERROR,
                confidence=Confidence.CERTAIN
                if server.speaks or tried.outcome is Outcome.FOREIGN
                else Confidence.LIKELY,
                fix=(
                    FixStep(
                        "On the TURN server, see who has the port:",
                        command=shell.command(
                            "ss", "-lntup", shell.PIPE, "grep", f":{server.port}"
                        ),
                    ),
                    FixStep("Give TURN a port of its own, in the configuration of both servers."),
                    _AGAIN,
                ),
                check=TURN,
            )


def _turn_unreachable(media: MediaFact) -> Iterator[Judgement]:
    yield from _as_one(_each_turn_unreachable(media))


def _each_turn_unreachable(media: MediaFact) -> Iterator[Judgement]:
    for server in _turn(media):
        tried = server.connect
        if tried.ok and server.transport == "udp" and server.relay is not None:
            tried = server.relay.allocate
        if tried.outcome is Outcome.BARRED and "private" not in tried.detail:
            yield Judgement(
                (_tried(server.url, tried, "an address that clients can reach"),),
                title=fitting(f"The TURN server has {tried.detail}"),
                confidence=Confidence.CERTAIN,
                fix=(_RENAME, _AGAIN),
            )
            continue
        if tried.outcome not in {Outcome.SILENT, Outcome.REFUSED, Outcome.UNREACHABLE}:
            continue
        if server.transport == "udp" and _why(media) is None and not media.reachable("udp"):
            continue  # no UDP gets through at all: not this server's fault
        protocol = "udp" if server.transport == "udp" else "tcp"
        yield Judgement(
            (_tried(server.url, tried, "an answer"),),
            title=fitting(f"The TURN server does not answer: {server.place}"),
            confidence=Confidence.CERTAIN if tried.outcome is Outcome.REFUSED else None,
            fix=(
                FixStep(
                    "On the TURN server, see whether it runs and listens:",
                    command=shell.command(
                        "ss",
                        "-lnup" if protocol == "udp" else "-lntp",
                        shell.PIPE,
                        "grep",
                        f":{server.port}",
                    ),
                ),
                *_open([(server.port, protocol)]),
                _AGAIN,
            ),
        )


def _relay_blocked(media: MediaFact) -> Iterator[Judgement]:
    yield from _as_one(_each_relay_blocked(media))


def _each_relay_blocked(media: MediaFact) -> Iterator[Judgement]:
    direct = {c.place for c in media.reachable("udp")}
    for server in _turn(media):
        relay = server.relay
        if relay is None:
            continue
        code = relay.allocate.code
        if code is not None and code not in _NO_ENTRY:
            yield Judgement(
                (_tried(f"Allocate at {server.url}", relay.allocate, "an address to relay on"),),
                title=fitting(f"The TURN server gives no relay: {relay.allocate.words}"),
                cause="The credentials are good, and the server still gives nobody an address to relay on: "
                "its range of ports or a quota is used up, or does not fit.",
                confidence=Confidence.CERTAIN,
            )
        elif relay.permission.failed and relay.permission.code != 403:
            yield Judgement(
                (_tried(f"CreatePermission at {server.url}", relay.permission, "granted"),),
                confidence=Confidence.LIKELY,
            )
        elif relay.permission.ok and relay.through.failed and relay.peer in direct:
            yield Judgement(
                (
                    _seen(f"Allocate at {server.url}", f"relays on {relay.relayed}"),
                    _tried(f"{relay.peer}, relayed", relay.through, "an answer"),
                    _seen(f"{relay.peer}, directly", "answers"),
                )
            )


def _turn_no_tcp(media: MediaFact) -> Iterator[Judgement]:
    offered = list(_turn(media))
    if not offered or any(s.transport != "udp" for s in offered) or media.reachable("tcp"):
        return
    yield Judgement(
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


# ------------------------------------------------------------------ examples

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


def sick_loopback() -> Facts:
    """Loopback is all that is offered."""
    return _offering(checked("udp", "127.0.0.1", SILENT))


def sick_private() -> Facts:
    """A container's address is all that is offered."""
    return _offering(checked("udp", "172.17.0.2", SILENT), elsewhere=(checked("udp", _NEAR),))


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


def _rule(
    code: str,
    check: Check,
    title: str,
    judge: Judge,
    *,
    cause: str,
    how: str,
    fix: tuple[FixStep, ...],
    source: str,
    sick: Callable[[], Facts],
    near: Callable[[], Facts] = example,
    symptoms: tuple[str, ...] = NO_MEDIA,
    severity: Severity = Severity.ERROR,
    confidence: Confidence = Confidence.LIKELY,
    explains: tuple[str, ...] = (),
    related: tuple[str, ...] = (),
) -> Rule:
    return Rule(
        code=code,
        check=check.id,
        layer=Layer.MEDIA,
        severity=severity,
        confidence=confidence,
        title=title,
        symptoms=symptoms,
        cause=cause,
        how=how,
        fix=fix,
        source=source,
        judge=judge,
        sick=sick,
        healthy=near,
        explains=explains,
        related=related,
    )


RULES: Final = (
    _rule(
        "ice-no-candidates",
        DIRECT,
        NO_CANDIDATES,
        _no_candidates,
        cause=NO_CANDIDATES_CAUSE,
        how="The session was answered as a client would, and no candidate came.",
        fix=NO_CANDIDATES_FIX,
        source="livekit-server 1.13.5 pkg/rtc/config.go, measured",
        sick=_offering,
        explains=("ice-offline-lan", *UNCONNECTED),
        related=("ice-private-candidates", "ice-loopback-node-ip"),
    ),
    _rule(
        "ice-hosting-without-udp",
        DIRECT,
        "The server runs where only HTTP gets in",
        _hosting,
        cause="The platform passes HTTP and WebSockets on and nothing else: signalling works, and no "
        "address for media can be reached.",
        how="The URL's host belongs to such a platform, and none of the server's candidates answers.",
        fix=(
            FixStep("Run livekit-server on a machine with a public address, or use LiveKit Cloud."),
            FixStep(
                "Where the platform has a raw TCP proxy, lead it to rtc.tcp_port and force TCP:",
                snippet=Snippet("yaml", "rtc:\n  tcp_port: 7881\n  force_tcp: true"),
            ),
        ),
        source="bekriebel/fvtt-module-avclient-livekit#7, Esposter/Esposter#1145",
        sick=_on_a_platform,
        confidence=Confidence.CERTAIN,
        explains=(
            "ice-private-candidates",
            "ice-loopback-node-ip",
            "ice-wrong-public-ip",
            "ice-hairpin",
            "ice-udp-range-blocked",
            "ice-tcp-7881-closed",
            "turn-private-peer-denied",
            *UNCONNECTED,
        ),
    ),
    _rule(
        "ice-k8s",
        DIRECT,
        "The server offers the address of its pod",
        _pod_candidates,
        cause="livekit-server runs in Kubernetes on the pods' network, and tells clients to send media to the "
        "pod's own address, which leads nowhere outside the cluster. An Ingress or a Service for 7880 "
        "carries signalling, and no media.",
        how="A candidate lies in a network that k3s, flannel, kind or Weave gives to pods, and none answers.",
        fix=(
            FixStep(
                "Give the pod its node's network, one pod a node, on nodes with a public address "
                "(livekit-helm):",
                snippet=Snippet(
                    "yaml", "podHostNetwork: true\nlivekit:\n  rtc:\n    use_external_ip: true"
                ),
            ),
            FixStep(
                "Open the media ports on the nodes themselves, in the cloud's firewall: 7881/tcp and "
                "rtc.udp_port or 50000-60000/udp."
            ),
            FixStep(
                "Where nodes have no public address, one UDP port behind a network load balancer, and its "
                "address as node_ip:",
                snippet=Snippet(
                    "yaml",
                    f"livekit:\n  rtc:\n    udp_port: 7882\n    node_ip: {_SOME_ADDRESS}",
                ),
            ),
            _AGAIN,
        ),
        source="livekit/livekit-helm#53, livekit/livekit-helm#108, livekit/livekit#3894",
        sick=lambda: _offering(
            checked("udp", "10.42.0.17", SILENT), checked("tcp", "10.42.0.17", SILENT)
        ),
        explains=(
            "ice-private-candidates",
            "turn-private-peer-denied",
            "turn-relay-blocked",
            *UNCONNECTED,
        ),
        related=("ice-hosting-without-udp",),
    ),
    _rule(
        "ice-wrong-public-ip",
        DIRECT,
        "The server names another public address than it has",
        _wrong_public,
        cause="Media is to go to a public address at which nothing answers, while signalling comes through "
        "at another one: the address by which the server goes out (a NAT gateway's) is not the one by "
        "which packets come in, or it is a machine with several addresses.",
        how="A candidate's public address differs from the one by which signalling was reached, and no "
        "candidate answers. Certain where the same ports answer at that one.",
        fix=_advertise(_NEAR),
        source="livekit/livekit#2088, livekit/livekit#4095, livekit/mediatransportutil#76",
        sick=lambda: _offering(
            checked("udp", "198.51.100.9", SILENT), elsewhere=(checked("udp", _NEAR),)
        ),
        near=lambda: _offering(checked("udp", "198.51.100.9")),
        explains=(
            "ice-udp-range-blocked",
            "ice-tcp-7881-closed",
            "turn-relay-blocked",
            *UNCONNECTED,
        ),
    ),
    _rule(
        "ice-hairpin",
        DIRECT,
        "From inside, the server's public address leads nowhere",
        _hairpin,
        cause="Only the public address is offered for media. The server is reached by a private one from "
        "here, and the router between does not lead its own public address back in (NAT loopback): it "
        "works from outside, and not in this network.",
        how="The public candidates do not answer; the same ports at the private address, by which "
        "signalling was reached, do.",
        fix=(
            FixStep(
                "Offer the private address beside the public one (livekit-server 1.9 and later):",
                snippet=Snippet(
                    "yaml", "rtc:\n  use_external_ip: true\n  advertise_internal_ip: true"
                ),
            ),
            FixStep("Or switch NAT loopback (hairpin NAT) on in the router."),
            FixStep("Or let those inside go over TURN/TLS."),
            _AGAIN,
        ),
        source="livekit/livekit#1060, livekit/mediatransportutil#76",
        sick=lambda: example(
            FINE._replace(
                reached="192.168.1.20",
                candidates=(checked("udp", _NEAR, SILENT),),
                elsewhere=(checked("udp", "192.168.1.20"),),
                servers=(),
            )
        ),
        confidence=Confidence.CERTAIN,
        explains=UNCONNECTED,
    ),
    _rule(
        "ice-client-firewall",
        DIRECT,
        "This network lets no media through",
        _client_firewall,
        cause="UDP gets no answer from anybody from here, and the server's TCP port for media does not "
        "answer either: the network of an office, campus or hotel. The only way out of such a network is "
        "TURN over TLS on port 443, and the server offers none that works.",
        how="No candidate answers over UDP or TCP, and neither does any STUN server, while signalling "
        "comes through.",
        fix=(
            FixStep(
                "Offer TURN over TLS on port 443, under a name and an address of its own:",
                snippet=Snippet(
                    "yaml",
                    "turn:\n  enabled: true\n  domain: turn.example.com\n  tls_port: 443\n"
                    "  cert_file: /etc/turn/cert.pem\n  key_file: /etc/turn/key.pem",
                ),
            ),
            FixStep(
                "For LiveKit Cloud, let the hosts out that its documentation names under Configuring "
                "firewalls."
            ),
            _AGAIN,
        ),
        source="livekit/livekit#3996, docs.livekit.io (Configuring firewalls)",
        sick=_blocked_here,
        explains=(
            "ice-udp-range-blocked",
            "ice-tcp-7881-closed",
            "turn-unreachable",
            "ice-offline-lan",
            *UNCONNECTED,
        ),
    ),
    _rule(
        "ice-udp-range-blocked",
        DIRECT,
        "UDP does not get through to the server",
        _udp_blocked,
        cause="TCP answers at the server's address for media, UDP does not: a firewall or security group "
        "drops it, or a container publishes the port for TCP alone. Media goes over TCP, and stutters "
        "where packets are lost.",
        how="No UDP candidate answers a connectivity check at an address where TCP or signalling does. "
        "Certain where UDP to another host is answered.",
        fix=(
            *_open([(7882, "udp")]),
            FixStep(
                "One UDP port is easier to open than a range:",
                snippet=Snippet("yaml", "rtc:\n  udp_port: 7882"),
            ),
        ),
        source="livekit/livekit#3236, livekit/livekit#3516, livekit/agents#349",
        sick=lambda: _offering(checked("udp", _NEAR, SILENT), checked("tcp", _NEAR)),
        explains=("ice-tcp-7881-closed", "turn-unreachable", *UNCONNECTED),
    ),
    _rule(
        "ice-tcp-7881-closed",
        DIRECT,
        "The TCP port for media is closed",
        _tcp_closed,
        cause="The server offers media over TCP, for networks that block UDP, and that port does not "
        "answer: it is not open, not published, or behind a proxy.",
        how="A TCP connection to each TCP candidate, and a connectivity check over it.",
        fix=_open([(7881, "tcp")]),
        source="config-sample.yaml (rtc.tcp_port), bekriebel/fvtt-module-avclient-livekit#57",
        sick=lambda: _offering(
            checked("udp", _NEAR), checked("tcp", _NEAR, Tried(Outcome.REFUSED))
        ),
        severity=Severity.WARNING,
    ),
    _rule(
        "ice-many-interfaces",
        DIRECT,
        "The server offers addresses that lead nowhere",
        _many,
        symptoms=("connecting takes 4 to 10 seconds", *NO_MEDIA),
        cause="Beside the address that works the server offers those of container bridges and other "
        "interfaces. Clients try them all: connecting takes longer, and fails now and then.",
        how="A container's address, or some of more than six, does not answer, while another does.",
        fix=(
            FixStep(
                "Leave the bridges out:",
                snippet=Snippet("yaml", "rtc:\n  interfaces:\n    excludes: [docker0]"),
            ),
            FixStep(
                "Or name the interface to use:",
                snippet=Snippet("yaml", "rtc:\n  interfaces:\n    includes: [eth0]"),
            ),
        ),
        source="livekit/agents#2386, livekit/client-sdk-flutter#607, livekit/livekit#4095",
        sick=lambda: _offering(checked("udp", _NEAR), checked("udp", "172.17.0.1", SILENT)),
        severity=Severity.WARNING,
    ),
    _rule(
        "ice-vpn-symmetric-nat",
        STUN,
        "The NAT of this network maps each connection anew",
        _symmetric,
        symptoms=("fails only with the VPN on, or on mobile data", *NO_MEDIA),
        cause="What leaves here by one port arrives at each server from another one: a symmetric NAT, as VPNs, "
        "mobile carriers and some offices have. Media reaches a server with a public address all the same; "
        "where the server is behind a NAT of its own, only TURN gets through.",
        how="Servers that were asked from one and the same local port saw different ports.",
        fix=(
            FixStep(
                "Give the server a public address for media, and TURN over TLS for the rest:",
                snippet=Snippet(
                    "yaml",
                    "rtc:\n  use_external_ip: true\nturn:\n  enabled: true\n"
                    "  domain: turn.example.com\n  tls_port: 443",
                ),
            ),
            FixStep("Try once with the VPN off.", command="lkdoctor ice"),
        ),
        source="RFC 4787 §4.1, livekit/livekit#4154, livekit/livekit#2088",
        sick=lambda: example(
            FINE._replace(
                mapped=(
                    Mapped("203.0.113.30:3478", "198.51.100.7:50000"),
                    Mapped(f"{_NEAR}:7882", "198.51.100.7:50001"),
                )
            )
        ),
        near=lambda: example(
            FINE._replace(
                mapped=(
                    Mapped("203.0.113.30:3478", "198.51.100.7:50000"),
                    Mapped(f"{_NEAR}:7882", "198.51.100.7:50000"),
                )
            )
        ),
        severity=Severity.INFO,
        confidence=Confidence.CERTAIN,
        related=("ice-client-firewall",),
    ),
    _rule(
        "ice-offline-lan",
        STUN,
        "The STUN servers that clients are told of do not answer",
        _stun_dead,
        symptoms=("connecting takes longer without internet", *NO_MEDIA),
        cause="Clients wait for their STUN servers before they give up on them. Without configuration those "
        "are public ones, which a network without internet does not reach.",
        how="No STUN server of the join response answers a Binding request, while media gets through.",
        fix=(
            FixStep(
                "Name one that can be reached; livekit-server's own TURN server is one:",
                snippet=Snippet("yaml", "rtc:\n  stun_servers:\n    - 192.168.1.20:3478"),
            ),
        ),
        source="livekit/livekit#2817, livekit/livekit#3747",
        sick=lambda: example(FINE._replace(servers=(STUN_SERVER._replace(binding=SILENT),))),
        severity=Severity.WARNING,
        confidence=Confidence.HINT,
    ),
    _rule(
        "turn-unreachable",
        TURN,
        "The TURN server does not answer",
        _turn_unreachable,
        symptoms=("error with ICE candidate: 701", *NO_MEDIA),
        cause="Clients are told of a TURN server, and nothing answers at its port: it does not run, a "
        "firewall drops the packets, or the name leads to another machine.",
        how="An Allocate request, or the TCP connection for it, gets no answer.",
        fix=_open([(3478, "udp")]),
        source="RFC 8656 §7, livekit/livekit#1114",
        sick=lambda: _with_turn(ice_server("udp", Relay(SILENT))),
        explains=UNRELAYED,
    ),
    _rule(
        "turn-relay-blocked",
        TURN,
        "TURN lets clients in, but relays nothing",
        _relay_blocked,
        cause="The TURN server gives an address to relay on, and what it sends from there does not come "
        "back from the server's candidate, which answers directly: the range of ports that it relays on "
        "is closed, or the two servers do not reach each other.",
        how="Allocate and CreatePermission succeed; a connectivity check that is relayed gets no answer.",
        fix=(
            FixStep(
                "Open the relay range on the TURN server for UDP, to and from the LiveKit server. "
                "LiveKit's own relays on:",
                snippet=Snippet(
                    "yaml", "turn:\n  relay_range_start: 30000\n  relay_range_end: 40000"
                ),
            ),
            FixStep("coturn's:", snippet=Snippet("ini", "min-port=49152\nmax-port=65535")),
            FixStep(
                "On a machine behind NAT tell coturn its public address:",
                snippet=Snippet("ini", "external-ip=203.0.113.20"),
            ),
            _AGAIN,
        ),
        source="RFC 8656 §7.2, coturn turnserver(1)",
        sick=lambda: _with_turn(ice_server("udp", RELAY._replace(through=SILENT))),
        explains=UNRELAYED,
    ),
    _rule(
        "turn-no-tcp",
        TURN,
        "TURN is offered over UDP alone",
        _turn_no_tcp,
        cause="A network that blocks UDP blocks this TURN server, too. LiveKit's own offers UDP and TLS, "
        "never plain TCP.",
        how="All TURN servers of the join response are reached over UDP, and no TCP candidate answers.",
        fix=(
            FixStep(
                "Add TURN over TLS on port 443:",
                snippet=Snippet(
                    "yaml",
                    "turn:\n  domain: turn.example.com\n  tls_port: 443\n"
                    "  cert_file: /etc/turn/cert.pem\n  key_file: /etc/turn/key.pem",
                ),
            ),
        ),
        source="livekit/livekit#3996, livekit-server pkg/service/roommanager.go",
        sick=lambda: example(
            FINE._replace(candidates=(checked("udp", _NEAR),), servers=(ice_server("udp"),))
        ),
        severity=Severity.INFO,
        confidence=Confidence.CERTAIN,
    ),
)
