"""What kept two people of a booking apart when it was played with participants of our own."""

from collections.abc import Callable, Iterator
from typing import Final

from lkdoctor.facts import Facts
from lkdoctor.facts.api import ApiFact, RoomsListed
from lkdoctor.facts.media import Checked, MediaFact, Reach, reach
from lkdoctor.facts.network import NetworkFact
from lkdoctor.facts.rehearsal import (
    BAD,
    GOOD,
    NAMES,
    PICTURE_BPS,
    TRIP_MS,
    Attempt,
    MediaPath,
    Outcome,
    Participant,
    Player,
    Publication,
    Reception,
    RehearsalFact,
    Round,
    SdkEnd,
    Step,
    StepResult,
    Stopped,
    TurnTry,
    loss,
    share_identity,
    sound_alone,
)
from lkdoctor.facts.signal import Candidate, CleanUp, IceServer, Joined, SignalFact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.rules.answers import one_line
from lkdoctor.rules.base import Check, Effect, Judge, Judgement, Look, Rule, Unsure
from lkdoctor.rules.examples import healthy
from lkdoctor.rules.media import NO_CANDIDATES, NO_CANDIDATES_CAUSE, NO_CANDIDATES_FIX

PROVIDER, CLIENT = "provider", "client"

TALKING: Final = (PROVIDER, CLIENT)
"""Roles whose people are there to talk; any other may be meant to watch in silence."""

SLOW_MS: Final = 5000.0
"""A third of the 15 s after which livekit-client gives up (client-sdk-js 2.21)."""

LOSS: Final = 0.03
"""Share of packets above which a picture freezes and sound begins to break (Opus hides less)."""

# ------------------------------------------------------------------ checks


def _look(step: Step) -> Look:
    def look(rehearsal: RehearsalFact) -> str | Unsure | None:
        results = rehearsal.results(step)
        if not results:
            return None
        if all(result.outcome is Outcome.LEFT_OUT for result in results):
            return None
        bad = [result for result in results if result.outcome not in GOOD]
        if bad:
            return Unsure(bad[0].detail or f"no answer in {rehearsal.step_timeout_s:g} s")
        slowest = max(result.took_ms for result in results)
        reached, rounds = len(results) // len(rehearsal.participants), len(rehearsal.rounds)
        times = f", {reached} of {rounds} rounds" if rounds > 1 else ""
        return f"both, the slower in {slowest:.0f} ms{times}"

    return look


def _check(step: Step, title: str, needs: Step | None = None) -> Check:
    return Check(
        f"rehearsal.{step}",
        Layer.MEDIA,
        title,
        _look(step),
        needs=(f"rehearsal.{needs}",) if needs else (),
        effect=Effect.JOIN,
        by_option=True,
    )


def _see_alone(rehearsal: RehearsalFact) -> str | None:
    return "nobody else came in" if rehearsal.in_place else None


_ALONE: Final = Check(
    "rehearsal.alone",
    Layer.MEDIA,
    "Nobody of the booking's own room is disturbed",
    _see_alone,
    effect=Effect.API_READ,
    by_option=True,
)

CHECKS = (
    _ALONE,
    _check(Step.TOKEN, "The server takes both tokens, for one room and two people"),
    _check(Step.SIGNALLING, "Both may join", Step.TOKEN),
    _check(Step.CONNECTION, "Both get a peer connection", Step.SIGNALLING),
    _check(Step.PUBLISHING, "Both publish microphone, camera and screen", Step.CONNECTION),
    _check(Step.RECEIVING, "Each receives the other's sound and pictures", Step.CONNECTION),
    _check(Step.DATA, "A data message arrives both ways", Step.CONNECTION),
    _check(Step.PERMISSIONS, "Each may do what the role says, and no more", Step.SIGNALLING),
    _check(Step.LEAVING, "Both leave, and nothing stays behind", Step.SIGNALLING),
)


# ------------------------------------------------------------------ evidence


def _players(fact: RehearsalFact) -> Iterator[tuple[Participant, Player]]:
    """Everybody of every round, with what the grants say."""
    for one in fact.rounds:
        yield from zip(fact.participants, one.players, strict=False)


def _how_often(fact: RehearsalFact, bad: int) -> tuple[Evidence, ...]:
    """In how many rounds, where there were several."""
    if len(fact.rounds) < 2:
        return ()
    return (Evidence("rounds", f"{bad} of {len(fact.rounds)}", "0", "rehearsal"),)


def _rounds_where(fact: RehearsalFact, step: Step) -> list[Round]:
    return [one for one in fact.rounds if any(p.step(step).outcome in BAD for p in one.players)]


def _step(fact: RehearsalFact, step: Step) -> tuple[Evidence, ...]:
    """How the step went for those for whom it went wrong, in the first such round."""
    found = _rounds_where(fact, step)
    if not found:
        return ()
    said = [
        Evidence(
            f"{player.role}, {NAMES[step]}",
            (result.detail or "no answer")
            + (f" after {result.took_ms / 1000:.1f} s" if result.took_ms >= 1000 else ""),
            None,
            "rehearsal",
        )
        for player in found[0].players
        if (result := player.step(step)).outcome in BAD
    ]
    return (*said, *_how_often(fact, len(found)))


def _grant(who: Participant, name: str, value: object, expected: object) -> Evidence:
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    wanted = str(expected).lower() if isinstance(expected, bool) else str(expected)
    return Evidence(f"{name} of the {who.role}", shown, wanted, "token")


def _toml(role: str, *rows: str) -> Snippet:
    return Snippet("toml", "\n".join((f"[roles.{role}]", *rows)))


# ------------------------------------------------------------------ token


def _rooms_differ(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    if rehearsal.one_room:
        return
    yield Judgement(
        tuple(
            Evidence(f"room of the {who.role}", who.room, None, "token")
            for who in rehearsal.participants
        )
    )


def _identity_shared(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    people = rehearsal.participants
    if share_identity(people):
        same = (Evidence(f"identity of the {w.role}", w.identity, None, "token") for w in people)
        yield Judgement((*same, *_ends(rehearsal)))


def _ends(rehearsal: RehearsalFact) -> Iterator[Evidence]:
    """The sessions that ended by themselves, and why."""
    for _, player in _players(rehearsal):
        if player.ended:
            yield Evidence(f"session of the {player.role}", player.ended, "stays", "rehearsal")


# ------------------------------------------------------------------ the SDK


def _sdk_ended(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    end = rehearsal.sdk_end
    if end is None:
        return
    evidence = [
        Evidence("the SDK's process", end.how, "plays to the end", "rehearsal"),
        Evidence("while playing", NAMES[end.step], None, "rehearsal"),
    ]
    if end.said:
        evidence.append(Evidence("its last words", end.said, None, "rehearsal"))
    check = next(check for check in CHECKS if check.id == f"rehearsal.{end.step}")
    yield Judgement(tuple(evidence), check=check)


def _somebody_came(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    stopped = rehearsal.stopped
    if stopped is None:
        return
    at = Evidence("while playing", NAMES[stopped.step], None, "rehearsal")
    if stopped.identity:
        label = "came in under an identity of the booking" if stopped.taken else "came in"
        yield Judgement(
            (Evidence(label, stopped.identity, "lkdoctor's own two alone", "rehearsal"), at),
            fix=(_COPY,) if stopped.taken else (_COPY, _BESIDE),
        )
        return
    unseen = Evidence("list of participants", one_line(stopped.detail), "a list", "rehearsal")
    yield Judgement(
        (unseen, at),
        title="It cannot be seen who is in the room",
        cause="A participant is thrown out by whoever joins under the same identity, so nothing is played "
        "in a room of which the server API does not say who is in it.",
        fix=(
            _COPY,
            FixStep("See what the server API answers:", command="lkdoctor rooms show ROOM"),
        ),
    )


_COPY: Final = FixStep("Rehearse in a throw-away copy of the room: leave out --in-place.")
_BESIDE: Final = FixStep("--yes rehearses beside people, who see and hear it.")


# ------------------------------------------------------------------ the way of the media


def _turn(rehearsal: RehearsalFact) -> TurnTry:
    """What the first of those who did not connect saw of TURN."""
    for player in (p for one in rehearsal.rounds for p in one.players):
        if player.step(Step.CONNECTION).outcome not in GOOD:
            return player.turn
    return TurnTry()


def _offered_turn(signal: SignalFact) -> tuple[str, ...]:
    return signal.first.turn_urls if isinstance(signal.first, Joined) else ()


def _elsewhere(signal: SignalFact, network: NetworkFact) -> tuple[Candidate, ...]:
    """The offered addresses where none of them is one that the server was reached at."""
    reached = {attempt.address for attempt in network.tcp}
    # An IPv6 address of the machine is offered whatever node_ip says (livekit-server, config.go).
    plain = tuple(c for c in signal.candidates if ":" not in c.address) or signal.candidates
    return () if any(c.address in reached for c in plain) else plain


def _answering(media: MediaFact | None) -> tuple[Checked, ...]:
    """The candidates of the server's that answered our own check."""
    return () if media is None else (*media.reachable("udp"), *media.reachable("tcp"))


def _media_address(
    rehearsal: RehearsalFact,
    signal: SignalFact,
    network: NetworkFact,
    media: MediaFact | None = None,
) -> Iterator[Judgement]:
    wrong = _elsewhere(signal, network)
    if rehearsal.relay_only or not rehearsal.unconnected or not wrong or _answering(media):
        return
    reached = network.connected.address if network.connected else network.host
    addresses = sorted({candidate.address for candidate in wrong})
    yield Judgement(
        (
            Evidence("offered for media", ", ".join(addresses), reached, "signal"),
            *_step(rehearsal, Step.CONNECTION),
        )
    )


def _media_blocked(
    rehearsal: RehearsalFact,
    signal: SignalFact,
    network: NetworkFact,
    media: MediaFact | None = None,
) -> Iterator[Judgement]:
    unconnected = rehearsal.unconnected and not rehearsal.relay_only
    if not unconnected or _elsewhere(signal, network) or _answering(media):
        return
    timeouts = [
        player
        for one in rehearsal.rounds
        for player in one.players
        if player.step(Step.CONNECTION).outcome is Outcome.TIMEOUT
    ]
    if not timeouts:
        return
    if not signal.candidates:
        yield Judgement(
            (
                Evidence(
                    "offered for media", "no address at all", "an address and ports", "signal"
                ),
                *_step(rehearsal, Step.CONNECTION),
            ),
            title=NO_CANDIDATES,
            cause=NO_CANDIDATES_CAUSE,
            fix=NO_CANDIDATES_FIX,
        )
        return
    ports = sorted({f"{c.protocol} {c.address} port {c.port}" for c in signal.candidates})
    yield Judgement(
        (
            *(Evidence("offered for media", port, None, "signal") for port in ports[:6]),
            *_step(rehearsal, Step.CONNECTION),
        )
    )


def _connect_failed(
    rehearsal: RehearsalFact, media: MediaFact | None = None
) -> Iterator[Judgement]:
    if rehearsal.relay_only or not rehearsal.unconnected:
        return
    answering = _answering(media)
    if answering:
        loopback = all(reach(c.address) is Reach.LOOPBACK for c in answering)
        yield Judgement(
            (
                *(
                    Evidence(f"{c.protocol.upper()} {c.place}", c.tried.words, None, "media")
                    for c in answering[:3]
                ),
                *_step(rehearsal, Step.CONNECTION),
            ),
            title="The server's media address answers, and no call comes up",
            cause="Connectivity checks get through to the server, and the SDK still gets no connection: "
            "what follows them is dropped on the way (DTLS, or packets of more than 1200 bytes), or this "
            "machine was too busy for it.",
            fix=(
                *((_LOOPBACK,) if loopback else ()),
                FixStep("Look for a firewall or VPN that inspects UDP, and for a small MTU."),
                FixStep(
                    "See whether it is so every time:", command="lkdoctor rehearse … --rounds 5"
                ),
            ),
        )
        return
    if any(r.outcome is Outcome.FAILED for r in rehearsal.results(Step.CONNECTION)):
        yield Judgement(_step(rehearsal, Step.CONNECTION))


_LOOPBACK: Final = FixStep(
    "Where all is on one machine: WebRTC clients gather nothing on loopback, so UDP to 127.0.0.1 "
    "may lead nowhere. Offer TCP, too, or the machine's own address:",
    snippet=Snippet("yaml", "rtc:\n  tcp_port: 7881\n  node_ip: 192.168.1.20"),
)


def _turn_missing(rehearsal: RehearsalFact, signal: SignalFact) -> Iterator[Judgement]:
    if not rehearsal.relay_only or not rehearsal.unconnected or _offered_turn(signal):
        return
    offered = signal.first.ice_urls if isinstance(signal.first, Joined) else ()
    yield Judgement(
        (
            Evidence(
                "ICE servers offered",
                ", ".join(offered) or "none",
                "a turn: or turns: URL",
                "signal",
            ),
            *_step(rehearsal, Step.CONNECTION),
        )
    )


def _with_turn(judge: Callable[[TurnTry], str | None]) -> Judge:
    """A rule about TURN that was offered and carried nothing; `judge` says what was seen of it."""

    def found(rehearsal: RehearsalFact, signal: SignalFact) -> Iterator[Judgement]:
        offered = _offered_turn(signal)
        if not rehearsal.relay_only or not rehearsal.unconnected or not offered:
            return
        seen = judge(_turn(rehearsal))
        if seen is None:
            return
        yield Judgement(
            (
                *(Evidence("TURN server offered", url, None, "signal") for url in offered[:4]),
                Evidence("Allocate", seen, "a relayed address", "rehearsal"),
                *_step(rehearsal, Step.CONNECTION),
            )
        )

    return found


def _turn_refused(turn: TurnTry) -> str | None:
    return turn.refused or None


def _turn_silent(turn: TurnTry) -> str | None:
    if turn.refused or turn.allocated:
        return None
    return f"{turn.asked} requests, none answered" if turn.asked else "no request was possible"


def _turn_no_way(turn: TurnTry) -> str | None:
    return "a relayed address, and no way on from it" if turn.allocated else None


# ------------------------------------------------------------------ what each may do


def _publish_denied(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    wanted = ("microphone",) if rehearsal.audio_only else ("microphone", "camera")
    for who in rehearsal.participants:
        missing = [source for source in wanted if source not in who.sources]
        if who.role not in TALKING or not missing:
            continue
        tried = [
            Evidence(
                f"publish_track, {p.source.replace('_', ' ')}",
                "no answer, and the SDK would wait for ever",
                "a publication",
                "rehearsal",
            )
            for one, player in _players(rehearsal)
            if one == who
            for p in player.publications
            if p.source in missing and p.took_ms is None
        ]
        if who.sources_listed:
            listed = ", ".join(who.sources_listed)
            grant = _grant(who, "canPublishSources", listed, ", ".join(wanted))
        else:
            grant = _grant(who, "canPublish", value=False, expected=True)
        yield Judgement(
            (grant, *dict.fromkeys(tried)),
            title=f"The {who.role} may not publish {' and '.join(missing)}",
            fix=_sources_fix(who) if who.sources_listed else _publish_fix(who.role),
        )


def _publish_fix(role: str) -> tuple[FixStep, ...]:
    text = "Allow both roles of a booking to publish:"
    return (FixStep(text, snippet=_toml(role, "canPublish = true")),)


def _sources_fix(who: Participant) -> tuple[FixStep, ...]:
    every = dict.fromkeys(("camera", "microphone", "screen_share", *who.sources_listed))
    listed = ", ".join(f'"{source}"' for source in every)
    text = "Name every source, or leave canPublishSources out, which allows all:"
    return (FixStep(text, snippet=_toml(who.role, f"canPublishSources = [{listed}]")),)


def _subscribe_fix(role: str) -> tuple[FixStep, ...]:
    return (
        FixStep(
            "Allow both roles of a booking to receive:", snippet=_toml(role, "canSubscribe = true")
        ),
    )


def _data_fix(role: str) -> tuple[FixStep, ...]:
    return (
        FixStep(
            "Where the app has a chat or other messages, allow them:",
            snippet=_toml(role, "canPublishData = true"),
        ),
    )


def _hidden_fix(role: str) -> tuple[FixStep, ...]:
    return (FixStep("Show both people to each other:", snippet=_toml(role, "hidden = false")),)


def _hidden(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    for who in rehearsal.participants:
        if who.role in TALKING and who.hidden:
            yield Judgement(
                (_grant(who, "hidden", value=True, expected=False),),
                title=f"The {who.role} is hidden from the other",
                fix=_hidden_fix(who.role),
            )


def _subscribe_denied(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    for who in rehearsal.participants:
        if who.role in TALKING and not who.can_subscribe:
            yield Judgement(
                (_grant(who, "canSubscribe", value=False, expected=True),),
                title=f"The {who.role} may not receive what the other publishes",
                fix=_subscribe_fix(who.role),
            )


def _data_denied(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    for who in rehearsal.participants:
        if who.role in TALKING and not who.can_publish_data:
            yield Judgement(
                (_grant(who, "canPublishData", value=False, expected=True),),
                title=f"The {who.role} may not send data messages",
                fix=_data_fix(who.role),
            )


def _codec_disabled(rehearsal: RehearsalFact, signal: SignalFact) -> Iterator[Judgement]:
    enabled = signal.first.codecs if isinstance(signal.first, Joined) else ()
    wanted = {source for who in rehearsal.participants for source in who.sources}
    kinds = {"audio": {"microphone"}, "video": {"camera", "screen_share"}}
    missing = [
        kind
        for kind, sources in kinds.items()
        if wanted & sources
        # Redundancy and retransmission carry nothing of their own (RFC 2198, RFC 4588).
        and not any(m.lower().startswith(f"{kind}/") for m in enabled if not _carrier(m))
    ]
    if not enabled or not missing:
        return
    words = " and ".join(missing)
    yield Judgement(
        (
            Evidence("codecs of the room", ", ".join(enabled[:12]), f"one of {words}", "signal"),
            *_step(rehearsal, Step.PUBLISHING),
            *_step(rehearsal, Step.RECEIVING),
        ),
        title=f"The server has no codec for {words} switched on",
    )


def _carrier(mime: str) -> bool:
    return mime.lower() in {"audio/red", "video/rtx", "audio/rtx"}


def _publish_unanswered(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    if _rounds_where(rehearsal, Step.PUBLISHING):
        yield Judgement(_step(rehearsal, Step.PUBLISHING))


def _media_silent(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    ended = any(player.ended for _, player in _players(rehearsal))
    if not ended and _rounds_where(rehearsal, Step.RECEIVING):
        yield Judgement(_step(rehearsal, Step.RECEIVING))


def _session_ended(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    ends = tuple(dict.fromkeys(_ends(rehearsal)))
    if ends and not share_identity(rehearsal.participants):
        yield Judgement(ends)


def _data_lost(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    allowed = any(
        who.can_publish_data and player.step(Step.DATA).outcome is Outcome.TIMEOUT
        for who, player in _players(rehearsal)
    )
    if not allowed or not rehearsal.one_room:
        return
    silent = _step(rehearsal, Step.RECEIVING)
    yield Judgement(
        (*_step(rehearsal, Step.DATA), *silent),
        title="No data channel opens, and so no media flows" if silent else None,
        cause="Both are connected, and neither messages nor sound and pictures arrive. The server sends a "
        "participant nothing before its data channels are open; they are SCTP in DTLS, and something "
        "between drops that, or all that follows the handshake."
        if silent
        else None,
    )


def _pair(fact: RehearsalFact) -> tuple[Participant, Participant] | None:
    by_role = {who.role: who for who in fact.participants}
    if PROVIDER in by_role and CLIENT in by_role:
        return by_role[PROVIDER], by_role[CLIENT]
    return None


def _strong(who: Participant) -> bool:
    return who.room_admin or who.room_record


def _powers(fact: RehearsalFact, who: Participant) -> Iterator[Evidence]:
    """What the grants let somebody do, and the server's word on it."""
    expected = who.role == PROVIDER
    yield _grant(who, "roomAdmin", who.room_admin, expected)
    yield _grant(who, "roomRecord", who.room_record, expected)
    for one, player in _players(fact):
        if one == who:
            for tried in player.attempts:
                yield Evidence(f"{tried.action} by the {who.role}", tried.answer, None, "rehearsal")
            return


def _roles_exchanged(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    pair = _pair(rehearsal)
    if pair is not None and _strong(pair[1]) and not _strong(pair[0]):
        evidence = (*_powers(rehearsal, pair[0]), *_powers(rehearsal, pair[1]))
        yield Judgement(evidence)


def _client_moderates(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    pair = _pair(rehearsal)
    if pair is not None and _strong(pair[1]) and _strong(pair[0]):
        yield Judgement(tuple(_powers(rehearsal, pair[1])))


def _grant_ignored(rehearsal: RehearsalFact, api: ApiFact | None = None) -> Iterator[Judgement]:
    seen: dict[Evidence, None] = {}
    # Who is refused even a list of rooms is refused for another reason than the grants.
    closed = api is not None and not isinstance(api.rooms, RoomsListed)
    for who, player in _players(rehearsal):
        for tried in player.attempts:
            if tried.permitted is None or (closed and not tried.permitted):
                continue
            if tried.permitted is not tried.granted:
                expected = "permitted" if tried.granted else "refused"
                label = f"{tried.action} by the {who.role}"
                seen[Evidence(label, tried.answer, expected, "rehearsal")] = None
        for p in player.publications:
            if not p.allowed and p.took_ms is not None:
                label = f"{p.source.replace('_', ' ')} of the {who.role}"
                seen[Evidence(label, "published", "refused", "rehearsal")] = None
        data = player.step(Step.DATA)
        if not who.can_publish_data and data.outcome is Outcome.FAILED:
            label = f"data message of the {who.role}"
            seen[Evidence(label, "arrived", "refused", "rehearsal")] = None
    if seen:
        yield Judgement(tuple(seen))


def _no_recording(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    found = dict.fromkeys(
        (who, tried)
        for who, player in _players(rehearsal)
        for tried in player.attempts
        if tried.in_vain
    )
    if not found:
        return
    people = " and ".join(dict.fromkeys(f"the {who.role}" for who, _ in found))
    yield Judgement(
        tuple(
            Evidence(f"{tried.action} by the {who.role}", tried.answer, "200", "rehearsal")
            for who, tried in found
        ),
        title=f"{people[0].upper()}{people[1:]} may record, and this server cannot",
        # The server's own word for it; any other error may pass.
        confidence=None if any(t.permitted for _, t in found) else Confidence.LIKELY,
    )


# ------------------------------------------------------------------ how well


def _slow(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    late = [
        Evidence(
            f"{player.role}, {NAMES[step]}",
            f"{result.took_ms / 1000:.1f} s",
            f"below {SLOW_MS / 1000:.0f} s",
            "rehearsal",
        )
        for _, player in _players(rehearsal)
        for step in (Step.SIGNALLING, Step.CONNECTION, Step.RECEIVING)
        if (result := player.step(step)).outcome is Outcome.OK and result.took_ms > SLOW_MS
    ]
    if late:
        yield Judgement(tuple(late[:6]))


def _poor_path(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    seen = dict.fromkeys(_poorness(rehearsal))
    players = [player for _, player in _players(rehearsal)]
    sound = sound_alone(players, audio_only=rehearsal.audio_only)
    if not seen:
        return
    poor, advice = zip(*seen, strict=True)
    alone = () if sound is None else (Evidence("sound alone", sound.words, None, "rehearsal"),)
    estimates = [p.path.outgoing_bps for p in players if p.path and p.path.outgoing_bps]
    bandwidth = min(estimates, default=PICTURE_BPS)
    narrow = bandwidth < PICTURE_BPS and not rehearsal.audio_only
    estimate = Evidence(
        "bandwidth, by the sender's estimate",
        f"{bandwidth / 1000:.0f} kbit/s",
        f"{PICTURE_BPS / 1000:.0f} kbit/s for a small picture",
        "rehearsal",
    )
    yield Judgement(
        (*poor[:4], *((estimate,) if narrow else ()), *alone),
        fix=(
            *((_NARROW,) if narrow else ()),
            *(() if rehearsal.audio_only else (_AUDIO_ONLY,)),
            *(step for step in (_NEARER, _WIRELESS) if step in advice),
        ),
    )


def _poorness(rehearsal: RehearsalFact) -> Iterator[tuple[Evidence, FixStep]]:
    """What was lost or late, for each participant of each round, and what to do about it."""
    for _, player in _players(rehearsal):
        share = loss(player.receptions) or 0.0
        if share > LOSS:
            label = f"packets lost on the way to the {player.role}"
            yield Evidence(label, f"{share:.0%}", f"at most {LOSS:.0%}", "rehearsal"), _WIRELESS
        trip = player.path.round_trip_ms if player.path else None
        if trip is not None and trip > TRIP_MS:
            label = f"round trip of the {player.role}"
            late = Evidence(label, f"{trip:.0f} ms", f"at most {TRIP_MS:.0f} ms", "rehearsal")
            yield late, _NEARER


_NARROW: Final = FixStep(
    "Send less where there is little bandwidth: smaller pictures, and only what somebody looks at.",
    snippet=Snippet("javascript", "new Room({ adaptiveStream: true, dynacast: true })"),
)
_AUDIO_ONLY: Final = FixStep(
    "See whether sound alone is carried well:", command="lkdoctor rehearse … --audio-only"
)
_NEARER: Final = FixStep("Offer a server or a TURN server that is nearer to these users.")
_WIRELESS: Final = FixStep(
    "Where packets are lost although there is bandwidth for them, look at the Wi-Fi or the mobile "
    "network between."
)


def _left_behind(rehearsal: RehearsalFact) -> Iterator[Judgement]:
    left = [
        Evidence("still in the room", identity, "nobody of ours", "rehearsal")
        for identity in rehearsal.left_behind
    ]
    left += [
        Evidence(
            "room that could not be removed", one_line(f"{c.room}: {c.detail}"), None, "rehearsal"
        )
        for c in rehearsal.clean_ups
        if not c.goes and c.known
    ]
    stayed = _rounds_where(rehearsal, Step.LEAVING)
    if left or (stayed and rehearsal.in_place):
        yield Judgement((*left, *_step(rehearsal, Step.LEAVING)))


# ------------------------------------------------------------------ examples


def played() -> RehearsalFact:
    """A booking that went well."""
    people = (
        Participant(
            PROVIDER,
            "dr-ada",
            "booking-b1",
            "lkdoctor-7f3a9c21",
            sources=("microphone", "camera", "screen_share"),
            room_admin=True,
            room_record=True,
            identity_played="lkdoctor-dr-ada",
        ),
        Participant(
            CLIENT,
            "carl",
            "booking-b1",
            "lkdoctor-7f3a9c21",
            sources=("microphone", "camera", "screen_share"),
            identity_played="lkdoctor-carl",
        ),
    )
    times = (25.0, 113.0, 420.0, 60.0, 640.0, 31.0, 160.0, 12.0)
    return RehearsalFact(
        participants=people,
        rounds=(
            Round(
                players=tuple(
                    Player(
                        role=who.role,
                        steps=tuple(
                            StepResult(step, Outcome.OK, ms)
                            for step, ms in zip(Step, times, strict=True)
                        ),
                        publications=tuple(
                            Publication(s, allowed=True, took_ms=60.0) for s in who.sources
                        ),
                        receptions=tuple(
                            Reception(s, 640.0, 45, 38.0, 71.0, 210, 0, 1.2) for s in who.sources
                        ),
                        path=MediaPath("host", "host", "udp", "203.0.113.10", 7882, 24.0, 3e5),
                        attempts=tuple(
                            Attempt(
                                action,
                                grant,
                                who.room_admin,
                                who.room_admin,
                                "200" if who.room_admin else "401 unauthenticated",
                            )
                            for action, grant in (
                                ("MutePublishedTrack", "roomAdmin"),
                                ("ListEgress", "roomRecord"),
                                ("RemoveParticipant", "roomAdmin"),
                            )
                        ),
                    )
                    for who in people
                ),
                took_ms=4500.0,
            ),
        ),
        clean_ups=(CleanUp("lkdoctor-7f3a9c21", removed=False, lasts_s=1),),
    )


def _played(fact: RehearsalFact | None = None) -> Facts:
    return healthy()._replace(rehearsal=fact or played())


def _people(number: int, **fields: object) -> RehearsalFact:
    """The booking with something else in one one's grants."""
    people = list(played().participants)
    people[number] = people[number]._replace(**fields)  # type: ignore[arg-type]  # the record's own names
    return played()._replace(participants=tuple(people))


def stopped(
    step: Step, outcome: Outcome = Outcome.TIMEOUT, detail: str = "", **fields: object
) -> RehearsalFact:
    """The booking as far as a step that went wrong for both; later ones were not reached."""
    before = played().rounds[0]
    players = tuple(
        player._replace(
            steps=(
                *(result for result in player.steps[: list(Step).index(step)]),
                StepResult(step, outcome, 10_000.0, detail),
            ),
            **{"publications": (), "receptions": (), "path": None, "attempts": (), **fields},  # type: ignore[arg-type]
        )
        for player in before.players
    )
    return played()._replace(rounds=(before._replace(players=players),))


def _wrong(step: Step, outcome: Outcome = Outcome.TIMEOUT, detail: str = "") -> RehearsalFact:
    """The booking with one step that went wrong for both, and the others played."""
    before = played().rounds[0]
    players = tuple(
        player._replace(
            steps=tuple(
                StepResult(step, outcome, 10_000.0, detail) if result.step is step else result
                for result in player.steps
            )
        )
        for player in before.players
    )
    return played()._replace(rounds=(before._replace(players=players),))


def _candidates(address: str) -> Facts:
    facts = _played(stopped(Step.CONNECTION))
    assert facts.signal is not None  # noqa: S101 - an example has it
    offered = tuple(c._replace(address=address) for c in facts.signal.candidates)
    return facts._replace(signal=facts.signal._replace(candidates=offered))


def _relayed(turn: TurnTry, *urls: str) -> Facts:
    fact = stopped(Step.CONNECTION, turn=turn)._replace(relay_only=True)
    return _joined(fact, ice_servers=(IceServer(urls, "<masked>", has_credential=True),))


def _sound_only() -> Facts:
    fact = _wrong(Step.RECEIVING, detail="nothing arrived of camera and screen share")
    return _joined(fact, codecs=("audio/opus", "audio/red"))


def _joined(fact: RehearsalFact, **fields: object) -> Facts:
    """With something else in the JoinResponse."""
    facts = _played(fact)
    assert facts.signal is not None  # noqa: S101 - an example has it
    first = facts.signal.first
    assert isinstance(first, Joined)  # noqa: S101 - an example has it
    first = first._replace(**fields)  # type: ignore[arg-type]  # the record's own names
    return facts._replace(signal=facts.signal._replace(first=first))


def _interrupted() -> RehearsalFact:
    fact = stopped(Step.PUBLISHING, Outcome.NOT_REACHED)._replace(in_place=True)
    return fact._replace(stopped=Stopped(Step.PUBLISHING, "carl", taken=True))


def _without_sdk() -> Facts:
    fact = stopped(Step.PUBLISHING, Outcome.BROKEN_OFF, "the SDK's process ended")
    return _played(fact._replace(sdk_end=SdkEnd(Step.PUBLISHING, "killed by SIGKILL")))


def _ended() -> RehearsalFact:
    fact = _wrong(Step.RECEIVING, Outcome.FAILED, "the session ended: PARTICIPANT_REMOVED")
    players = tuple(p._replace(ended="PARTICIPANT_REMOVED") for p in fact.rounds[0].players)
    return fact._replace(rounds=(fact.rounds[0]._replace(players=players),))


def _lossy() -> RehearsalFact:
    fact = played()
    players = tuple(
        p._replace(receptions=tuple(r._replace(lost=30) for r in p.receptions))
        for p in fact.rounds[0].players
    )
    return fact._replace(rounds=(fact.rounds[0]._replace(players=players),))


def _ignored() -> RehearsalFact:
    fact = played()
    provider, client = fact.rounds[0].players
    tried = tuple(a._replace(permitted=True, answer="200") for a in client.attempts)
    return fact._replace(
        rounds=(fact.rounds[0]._replace(players=(provider, client._replace(attempts=tried))),)
    )


def _in_vain() -> RehearsalFact:
    fact = _wrong(Step.PERMISSIONS, Outcome.PARTLY, "ListEgress: 500")
    provider, client = fact.rounds[0].players
    answer = "500 internal: egress not connected (redis required)"
    tried = tuple(
        a._replace(answer=answer, unavailable=True) if a.action == "ListEgress" else a
        for a in provider.attempts
    )
    return fact._replace(
        rounds=(fact.rounds[0]._replace(players=(provider._replace(attempts=tried), client)),)
    )


def _late() -> RehearsalFact:
    return _wrong(Step.CONNECTION, Outcome.OK)


# ------------------------------------------------------------------ the rules


_BOTH = FixStep(
    "Mint both tokens of a booking by the same rules, and look at them side by side:",
    command="lkdoctor token compare @provider.jwt @client.jwt",
)
_CONNECTING = "could not establish pc connection"
_HANGS = "the user sits on “Connecting…”; the SDK reports nothing"
_PERMISSIONS_SOURCE = "livekit-server 1.13.5 pkg/rtc/participant.go (CanPublishSource)"


def _rule(
    code: str,
    step: Step,
    title: str,
    *,
    symptoms: tuple[str, ...],
    cause: str,
    how: str,
    fix: tuple[FixStep, ...],
    source: str,
    judge: Judge,
    sick: Callable[[], Facts],
    confidence: Confidence = Confidence.CERTAIN,
    severity: Severity = Severity.ERROR,
    explains: tuple[str, ...] = (),
    related: tuple[str, ...] = (),
) -> Rule:
    return Rule(
        code=code,
        check=f"rehearsal.{step}",
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
        healthy=_played,
        explains=explains,
        related=related,
    )


_WAYS: Final = FixStep("See which ways of media get through from here:", command="lkdoctor ice")

RULES = (
    Rule(
        code="rehearsal-somebody-came",
        check=_ALONE.id,
        layer=Layer.MEDIA,
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN,
        title="Somebody came into the room, and the rehearsal stopped",
        symptoms=("DUPLICATE_IDENTITY",),
        cause="While the booking was rehearsed in its own room, somebody else came in. lkdoctor's participants "
        "left at once, so that nobody is disconnected, muted or disturbed; what was not played is not known.",
        how="The participants of the room are listed before each step and during it.",
        fix=(_COPY, _BESIDE),
        source="livekit-server 1.13.5 pkg/service/roommanager.go (DUPLICATE_IDENTITY), roomservice.go",
        judge=_somebody_came,
        sick=lambda: _played(_interrupted()),
        healthy=lambda: _played(played()._replace(in_place=True)),
    ),
    _rule(
        "rehearsal-rooms-differ",
        Step.TOKEN,
        "The two people of the booking get different rooms",
        symptoms=("both connect, and each waits alone", "Waiting for the other participant…"),
        cause="Both tokens are good, but name different rooms: the room is made of something that "
        "differs between the two (a user id, a role, a time), so each one waits alone in an own room.",
        how="The rooms of the two tokens are compared; both are joined, and neither meets the other.",
        fix=(
            FixStep(
                "Make the room's name of the booking's id alone:",
                snippet=Snippet("toml", '[booking]\nroom = "booking-{booking}"'),
            ),
            _BOTH,
        ),
        source="livekit/protocol auth/grants.go (VideoGrant.Room)",
        judge=_rooms_differ,
        sick=lambda: _played(_people(1, room="booking-b1-carl", room_played="lkdoctor-0c11e47a")),
        explains=("rehearsal-data-lost", "rehearsal-media-silent"),
        related=("room-name-mismatch",),
    ),
    _rule(
        "rehearsal-identity-shared",
        Step.TOKEN,
        "Both people of the booking have the same identity",
        symptoms=("DUPLICATE_IDENTITY", "the first one is thrown out when the second one joins"),
        cause="Both tokens carry one identity. An identity can be in a room once: whoever joins "
        "second disconnects the first, and where both reconnect they take turns.",
        how="The identities of the two tokens are compared, and both join.",
        fix=(
            FixStep(
                "Make the identity of the user's id:",
                snippet=Snippet("toml", '[booking]\nidentity = "{user}"'),
            ),
            _BOTH,
        ),
        source="livekit-server 1.13.5 pkg/service/roommanager.go (DUPLICATE_IDENTITY)",
        judge=_identity_shared,
        sick=lambda: _played(_people(1, identity="dr-ada")),
        explains=(
            "rehearsal-session-ended",
            "rehearsal-media-silent",
            "rehearsal-data-lost",
            "rehearsal-connect-failed",
            "rehearsal-publish-unanswered",
            "rehearsal-media-blocked",
            "rehearsal-slow",
            "signal-cut-after-join",
            "signal-leave-on-connect",
        ),
        related=("identity-collision",),
    ),
    _rule(
        "rehearsal-media-address",
        Step.CONNECTION,
        "The server offers another address for media",
        symptoms=(_CONNECTING, "wait_pc_connection timed out"),
        cause="Signalling works, but media is sent to an address that is not the one at which the "
        "server was reached, and nothing comes back from there: node_ip is wrong, or the server took the "
        "address of a container or of a private network.",
        how="No peer connection comes up, and none of the server's candidates has an address at which "
        "it was reached.",
        fix=(
            FixStep(
                "Tell the server the address at which clients reach it:",
                snippet=Snippet("yaml", "rtc:\n  use_external_ip: false\n  node_ip: 203.0.113.10"),
            ),
            FixStep(
                "Judge the rest of its configuration:",
                command="lkdoctor diagnose --server-config livekit.yaml",
            ),
            _WAYS,
        ),
        source="livekit-server 1.13.5 pkg/rtc/config.go (NodeIP); livekit/livekit#3747",
        judge=_media_address,
        sick=lambda: _candidates("10.11.12.13"),
        confidence=Confidence.LIKELY,
        explains=("rehearsal-connect-failed",),
        related=("ice-private-candidates", "rehearsal-media-blocked"),
    ),
    _rule(
        "rehearsal-media-blocked",
        Step.CONNECTION,
        "Nothing gets through to the server's media ports",
        symptoms=(_CONNECTING, "wait_pc_connection timed out"),
        cause="Signalling works and the server offers the address at which it was reached, but neither "
        "UDP nor TCP gets through to the ports that it offers: a firewall, a security group or a port "
        "that the container does not publish.",
        how="No peer connection comes up in the time given, although the address is right.",
        fix=(
            FixStep("Open the UDP ports that it offers, and 7881/tcp, to everybody."),
            FixStep(
                "In a container, publish them, each under its own number, with /udp where it is UDP."
            ),
            FixStep("Offer TURN over TLS on port 443 to users whose networks allow nothing else."),
            _WAYS,
        ),
        source="docs.livekit.io/home/self-hosting/ports-firewall; livekit/livekit#3236",
        judge=_media_blocked,
        sick=lambda: _played(stopped(Step.CONNECTION)),
        confidence=Confidence.LIKELY,
        explains=("rehearsal-connect-failed",),
        related=("rehearsal-media-address",),
    ),
    _rule(
        "rehearsal-sdk-ended",
        Step.CONNECTION,
        "The SDK's process ended in the middle of the rehearsal",
        symptoms=("the process that runs LiveKit's SDK is gone, without an exception",),
        cause="LiveKit's real-time SDK is native code and runs in a process of its own. This process was "
        "killed, ended by itself or did not answer, so nothing can be said of the steps that it was to "
        "play. The fault is on this machine: memory, a limit of processes or open files, or an "
        "installation of the SDK that does not fit it.",
        how="The SDK's process is asked for each step; it ended, or gave no answer that could be read.",
        fix=(
            FixStep(
                "Look at the limits here, and at the container's limit of memory:",
                command="ulimit -a",
            ),
            FixStep(
                "Install the SDK anew, for this Python and this machine:",
                command="pip install --force-reinstall livekit",
            ),
            FixStep(
                "Rehearse tokens, signalling and permissions, which need no SDK:",
                command="lkdoctor rehearse … --signal-only",
            ),
        ),
        source="livekit/python-sdks livekit-rtc (FfiClient); signal(7), execve(2), setrlimit(2)",
        judge=_sdk_ended,
        sick=_without_sdk,
    ),
    _rule(
        "rehearsal-turn-missing",
        Step.CONNECTION,
        "The server offers no TURN server",
        symptoms=(_CONNECTING, "works at home, not in the office"),
        cause="All media was to go over TURN, as it would have to behind a strict firewall, and the "
        "server offers none: whoever has neither UDP nor the TCP port cannot take part.",
        how="--transport relay, and no ICE server of the JoinResponse has a turn: or turns: URL.",
        fix=(
            FixStep(
                "Switch the built-in TURN server on, or name one of your own:",
                snippet=Snippet(
                    "yaml", "turn:\n  enabled: true\n  domain: turn.example.com\n  tls_port: 443"
                ),
            ),
        ),
        source="livekit-server 1.13.5 pkg/service/roommanager.go (iceServersForParticipant)",
        judge=_turn_missing,
        sick=lambda: _relayed(TurnTry(), "stun:stun.example.com:3478"),
        related=("rehearsal-turn-silent",),
    ),
    _rule(
        "rehearsal-turn-refused",
        Step.CONNECTION,
        "The TURN server does not take the credentials",
        symptoms=(_CONNECTING, "error with ICE candidate: 701"),
        cause="LiveKit hands out a TURN server with a user name and credential that this server refuses: "
        "the secret of the two differs, the credential has expired, or the user does not exist there.",
        how="libwebrtc's log: the Allocate request is refused after it was signed.",
        fix=(
            FixStep(
                "Write the same user and credential into LiveKit's rtc.turn_servers and the TURN server."
            ),
            FixStep("With a shared secret, compare it and the clocks of both machines."),
            _WAYS,
        ),
        source="RFC 8656 §7.2; livekit-server 1.13.5 pkg/config (rtc.turn_servers)",
        judge=_with_turn(_turn_refused),
        sick=lambda: _relayed(
            TurnTry(2, refused="Unauthorized"), "turn:turn.example.com:3478?transport=udp"
        ),
        related=("turn-credentials", "rehearsal-turn-silent"),
    ),
    _rule(
        "rehearsal-turn-silent",
        Step.CONNECTION,
        "The TURN server does not answer",
        symptoms=(_CONNECTING, "error with ICE candidate: 701"),
        cause="LiveKit offers a TURN server that gives no answer from here: its name does not resolve, its "
        "port is closed, or something else listens there.",
        how="libwebrtc's log: Allocate requests are sent, and none is answered.",
        fix=(
            FixStep(
                "Open the TURN server's port, UDP and TCP, and the range of its relayed ports."
            ),
            FixStep(
                "Judge the TURN part of the server's configuration:",
                command="lkdoctor diagnose --server-config livekit.yaml",
            ),
        ),
        source="RFC 8656 §7; livekit/livekit#1114",
        judge=_with_turn(_turn_silent),
        sick=lambda: _relayed(TurnTry(5), "turn:turn.example.com:3478?transport=udp"),
        confidence=Confidence.LIKELY,
        related=("rehearsal-turn-refused", "turn-port-conflict"),
    ),
    _rule(
        "rehearsal-turn-no-way",
        Step.CONNECTION,
        "The TURN server relays, but not to LiveKit",
        symptoms=(_CONNECTING,),
        cause="The TURN server gives a relayed address, but from there nothing reaches LiveKit: it refuses to "
        "relay to private addresses, or the range of its relayed ports is closed.",
        how="libwebrtc's log: an address was allocated, and no peer connection comes up.",
        fix=(
            FixStep(
                "Allow the TURN server to relay to LiveKit's address (from 1.12 on the built-in one refuses "
                "private ones):",
                snippet=Snippet("yaml", "turn:\n  allow_restricted_peer_cidrs: [10.0.0.0/8]"),
            ),
            FixStep("Open the range of relayed ports between both."),
            _WAYS,
        ),
        source="livekit-server 1.12 CHANGELOG; RFC 8656 §9; livekit/livekit#4505",
        judge=_with_turn(_turn_no_way),
        sick=lambda: _relayed(
            TurnTry(2, allocated=True), "turn:turn.example.com:3478?transport=udp"
        ),
        confidence=Confidence.LIKELY,
        related=("turn-private-peer-denied",),
    ),
    _rule(
        "rehearsal-connect-failed",
        Step.CONNECTION,
        "The SDK could not connect",
        symptoms=("engine: signal failure", _CONNECTING),
        cause="Our own probe joined, but the official SDK did not get a connection with the same token; its "
        "error says at which part.",
        how="The SDK's connect ends with an error.",
        fix=(
            FixStep("Look at the handshake phase by phase:", command="lkdoctor ws-probe -v"),
            FixStep("Update the SDK, or the server, where their versions are far apart."),
        ),
        source="livekit/rust-sdks livekit/src/rtc_engine",
        judge=_connect_failed,
        sick=lambda: _played(
            stopped(Step.CONNECTION, Outcome.FAILED, "engine: signal failure: timeout")
        ),
        confidence=Confidence.LIKELY,
    ),
    _rule(
        "rehearsal-publish-denied",
        Step.PUBLISHING,
        "One of the two may not publish",
        symptoms=(_HANGS, "PublishTrackError", "insufficient permissions to publish"),
        cause="The grants of this role do not allow to publish microphone or camera. The server does not "
        "say no: it does not answer at all, so the app waits for ever and the other side sees nobody.",
        how="canPublish and canPublishSources of the token are read, and the track is offered all the same: "
        "the server does not answer.",
        fix=_publish_fix(CLIENT),
        source=_PERMISSIONS_SOURCE,
        judge=_publish_denied,
        sick=lambda: _played(_people(1, sources=())),
        # The same grant, read in the token of one of the two.
        explains=("token-publish-denied",),
        related=("rehearsal-subscribe-denied",),
    ),
    _rule(
        "rehearsal-codec-disabled",
        Step.PUBLISHING,
        "The server has no codec for it switched on",
        symptoms=("black picture, no sound, no error", "track published, and never subscribed"),
        cause="room.enabled_codecs of the server's configuration lists the codecs that may be published. "
        "What the app publishes needs another: the server takes the track, and sends it to nobody; "
        "without any codec for sound, no data messages arrive either.",
        how="The JoinResponse lists the codecs of the room; none of them is of the kind that is published.",
        fix=(
            FixStep(
                "Take enabled_codecs out of the configuration, or list what clients send:",
                snippet=Snippet(
                    "yaml",
                    "room:\n  enabled_codecs:\n    - mime: audio/opus\n    - mime: video/vp8\n"
                    "    - mime: video/h264",
                ),
            ),
        ),
        source="livekit-server config-sample.yaml (room.enabled_codecs), 1.5 to 1.13 measured",
        judge=_codec_disabled,
        sick=_sound_only,
        explains=(
            "rehearsal-media-silent",
            "rehearsal-publish-unanswered",
            "rehearsal-data-lost",
            "rehearsal-session-ended",
        ),
    ),
    _rule(
        "rehearsal-publish-unanswered",
        Step.PUBLISHING,
        "A track that may be published gets no answer",
        symptoms=(_HANGS,),
        cause="The grants allow it, and the server does not answer the offer of a track: it has other "
        "limits (enabled codecs, a limit of tracks), or it is overloaded.",
        how="publish_track does not end in the time given although the grants allow it.",
        fix=(
            FixStep(
                "Read the server's log at that moment:",
                command="lkdoctor explain --log livekit.log",
            ),
        ),
        source=_PERMISSIONS_SOURCE,
        judge=_publish_unanswered,
        sick=lambda: _played(_wrong(Step.PUBLISHING, detail="camera: no answer")),
        confidence=Confidence.LIKELY,
        explains=("rehearsal-media-silent",),
    ),
    _rule(
        "rehearsal-subscribe-denied",
        Step.RECEIVING,
        "One of the two may not receive anything",
        symptoms=("black picture, no sound, no error", _HANGS),
        cause="canSubscribe is false in this role's grants: the participant is connected, and the server "
        "sends nothing of the other's sound and pictures.",
        how="canSubscribe of the token is read.",
        fix=_subscribe_fix(CLIENT),
        source="livekit/protocol auth/grants.go (GetCanSubscribe)",
        judge=_subscribe_denied,
        sick=lambda: _played(_people(1, can_subscribe=False)),
        explains=("token-subscribe-denied",),
        related=("rehearsal-publish-denied",),
    ),
    _rule(
        "rehearsal-hidden",
        Step.RECEIVING,
        "One of the two is hidden from the other",
        symptoms=("Waiting for the other participant…", "black picture, no sound, no error"),
        cause="hidden is true in this role's grants: the server tells nobody of this participant. It is in "
        "the room, sees the other and publishes, and the other one waits as if alone.",
        how="hidden of the token is read.",
        fix=_hidden_fix(CLIENT),
        source="livekit/protocol auth/grants.go (VideoGrant.Hidden); livekit-server 1.13.5 measured",
        judge=_hidden,
        sick=lambda: _played(_people(1, hidden=True)),
        explains=("token-hidden-or-recorder",),
        related=("token-hidden-or-recorder",),
    ),
    _rule(
        "rehearsal-media-silent",
        Step.RECEIVING,
        "What one publishes does not arrive at the other",
        symptoms=("black picture, no sound, no error",),
        cause="Both are connected and publish, and frames do not arrive: large packets are lost on the way "
        "(a tunnel's MTU), only one direction is open, or the server is overloaded.",
        how="A tone and a picture with a time code are published; neither is recognised at the other.",
        fix=(
            FixStep(
                "Look whether UDP of full size gets through in both directions (1200 bytes and more)."
            ),
            FixStep("Look at the server's load: CPU, and its limit of tracks."),
        ),
        source="RFC 8831 §5; livekit-server pkg/rtc (subscription manager)",
        judge=_media_silent,
        sick=lambda: _played(
            _wrong(Step.RECEIVING, detail="nothing arrived of camera and screen share")
        ),
        confidence=Confidence.LIKELY,
    ),
    _rule(
        "rehearsal-session-ended",
        Step.RECEIVING,
        "The server ended a session in the middle of it",
        symptoms=("disconnected", "Client initiated disconnect"),
        cause="A participant was connected, and the server disconnected it: its reason says why.",
        how="The SDK reports a disconnect that nobody of ours asked for, with the server's reason.",
        fix=(
            FixStep(
                "Look who may remove participants or delete rooms: a webhook, an agent, a cron job."
            ),
            FixStep("See what each reason means:", command="lkdoctor explain --log -"),
        ),
        source="livekit/protocol protobufs/livekit_models.proto (DisconnectReason)",
        judge=_session_ended,
        sick=lambda: _played(_ended()),
    ),
    _rule(
        "rehearsal-data-denied",
        Step.DATA,
        "One of the two may not send data messages",
        symptoms=("chat messages vanish without an error",),
        cause="canPublishData is false in this role's grants: the SDK sends, and the server drops every "
        "message in silence.",
        how="canPublishData of the token is read, and a message is sent all the same: it does not arrive.",
        fix=_data_fix(CLIENT),
        source="livekit-server 1.13.5 pkg/rtc/participant.go (CanPublishData)",
        judge=_data_denied,
        sick=lambda: _played(_people(1, can_publish_data=False)),
        severity=Severity.WARNING,
    ),
    _rule(
        "rehearsal-data-lost",
        Step.DATA,
        "A data message does not arrive",
        symptoms=("chat messages vanish without an error",),
        cause="The grants allow data messages and media flows, but a message does not reach the other one: "
        "the data channel did not open (SCTP is filtered), or the two are not in one room.",
        how="A reliable message is sent each way, and looked for at the other.",
        fix=(
            FixStep("Look whether both are in one room:", command="lkdoctor rooms show ROOM"),
            FixStep("Look for a middlebox that changes or drops DTLS packets."),
        ),
        source="RFC 8831; livekit-server 1.13.5 pkg/rtc/transport.go (isFullyEstablished), measured",
        judge=_data_lost,
        sick=lambda: _played(_wrong(Step.DATA, detail="it never arrived at the other one")),
        confidence=Confidence.LIKELY,
        explains=("rehearsal-media-silent",),
    ),
    _rule(
        "rehearsal-roles-exchanged",
        Step.PERMISSIONS,
        "The grants of provider and client are exchanged",
        symptoms=("permissions denied", "the client can mute and remove the provider"),
        cause="The client's token lets the client moderate the room, and the provider's does not: the roles "
        "are mixed up where the tokens are minted.",
        how="Each asks the server to mute, update and remove the other and to list egress.",
        fix=(
            FixStep(
                "Give roomAdmin and roomRecord to the provider, and to nobody else:",
                snippet=_toml("provider", "roomAdmin = true", "roomRecord = true"),
            ),
            _BOTH,
        ),
        source="livekit-server 1.13.5 pkg/service/auth.go (EnsureAdminPermission)",
        judge=_roles_exchanged,
        sick=lambda: _played(
            played()._replace(
                participants=(
                    played().participants[0]._replace(room_admin=False, room_record=False),
                    played().participants[1]._replace(room_admin=True, room_record=True),
                )
            )
        ),
        related=("rehearsal-client-moderates",),
    ),
    _rule(
        "rehearsal-client-moderates",
        Step.PERMISSIONS,
        "The client may moderate the provider",
        symptoms=("the client can mute and remove the provider",),
        cause="The client's token has roomAdmin or roomRecord: with it anybody who reads the token in the "
        "browser can mute, rename and remove the provider, or list recordings.",
        how="The client asks the server to mute, update and remove the provider and to list egress.",
        fix=(
            FixStep(
                "Take these grants from the client's role:",
                snippet=_toml("client", "roomAdmin = false", "roomRecord = false"),
            ),
        ),
        source="livekit-server 1.13.5 pkg/service/auth.go (EnsureAdminPermission)",
        judge=_client_moderates,
        sick=lambda: _played(_people(1, room_admin=True)),
        related=("rehearsal-roles-exchanged",),
    ),
    _rule(
        "rehearsal-grant-ignored",
        Step.PERMISSIONS,
        "The server does not hold to the grants of a token",
        symptoms=("permissions denied",),
        cause="What the token allows was refused, or what it does not allow was done: something between "
        "answers in the server's place or adds credentials, or the server is not LiveKit's own.",
        how="Each asks for what the grants allow and for what they do not, and the answers are compared.",
        fix=(
            FixStep("Ask the server itself, without the proxy in front of it."),
            FixStep("Look for a proxy that sets or replaces the Authorization header."),
        ),
        source="livekit-server 1.13.5 pkg/service/auth.go",
        judge=_grant_ignored,
        sick=lambda: _played(_ignored()),
    ),
    _rule(
        "rehearsal-no-recording",
        Step.PERMISSIONS,
        "Recording is allowed, and this server cannot record",
        symptoms=("egress not connected (redis required)", "no response from servers"),
        cause="The role has roomRecord, and the server takes that; but recordings are made by LiveKit's "
        "egress service, which finds its work over Redis, and the server answers that it is not connected "
        "to it. Whoever starts a recording waits for half a minute, and gets an error.",
        how="Who has roomRecord asks for the list of egress with the own token: the answer is an error of the "
        "server's own (5xx), not one for want of a grant.",
        fix=(
            FixStep(
                "Where calls are recorded, connect the server and an egress service by Redis:",
                snippet=Snippet("yaml", "redis:\n  address: 127.0.0.1:6379"),
            ),
            FixStep(
                "Where nobody records, take the grant from the role:",
                snippet=_toml("provider", "roomAdmin = true", "roomRecord = false"),
            ),
        ),
        source="livekit-server 1.13.5 pkg/service/egress.go (ErrEgressNotConnected), 1.5 to 1.13 measured",
        judge=_no_recording,
        sick=lambda: _played(_in_vain()),
        severity=Severity.WARNING,
    ),
    _rule(
        "rehearsal-slow",
        Step.RECEIVING,
        "It works, but takes long",
        symptoms=("the user sits on “Connecting…” for seconds",),
        cause="A step took more than five seconds: addresses that lead nowhere are tried first, a relay is "
        "far away, or the server is busy. Clients give up after fifteen.",
        how="The steps are timed.",
        fix=(
            FixStep("Offer fewer and only reachable addresses: rtc.interfaces, rtc.ips, node_ip."),
            FixStep("Look where the time goes:", command="lkdoctor ws-probe --repeat 10"),
        ),
        source="client-sdk-js 2.21 (peerConnectionTimeout 15 s); livekit/agents#2386",
        judge=_slow,
        sick=lambda: _played(_late()),
        severity=Severity.WARNING,
    ),
    _rule(
        "rehearsal-poor-path",
        Step.RECEIVING,
        "Media gets through, but the connection is poor",
        symptoms=("frozen pictures, broken sound", "ConnectionQuality: poor"),
        cause="Packets are lost, or take long: a picture freezes from 3 % loss on, and people talk into each "
        "other from a round trip of 400 ms on.",
        how="The SDK's statistics of both participants: packets lost, the round trip of the candidate pair "
        "that carries the media, and the sender's estimate of its bandwidth.",
        fix=(
            _AUDIO_ONLY,
            _NEARER,
        ),
        source="ITU-T G.114; RFC 3550 §6.4.1",
        judge=_poor_path,
        sick=lambda: _played(_lossy()),
        confidence=Confidence.LIKELY,
        severity=Severity.WARNING,
    ),
    _rule(
        "rehearsal-left-behind",
        Step.LEAVING,
        "Something of the rehearsal stayed on the server",
        symptoms=("a room named lkdoctor-… in the list of rooms",),
        cause="The participants or the room of the rehearsal could not be removed at its end. Its tokens ask the "
        "server to end the room a second after the last one has left, which servers before 1.8 do not know: "
        "there it stays for some minutes.",
        how="The server is asked for the participants and for the room at the end.",
        fix=(FixStep("Remove it:", command="lkdoctor rooms end ROOM"),),
        source="livekit-server 1.13.5 pkg/service/roomservice.go (DeleteRoom)",
        judge=_left_behind,
        sick=lambda: _played(
            played()._replace(
                clean_ups=(
                    CleanUp("lkdoctor-7f3a9c21", removed=False, detail="no answer", lasts_s=300),
                )
            )
        ),
        severity=Severity.WARNING,
        explains=("signal-test-room-left",),
    ),
)
