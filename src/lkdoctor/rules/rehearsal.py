"""What kept two people of a booking apart when it was played with participants of our own."""

from collections.abc import Callable, Iterator
from typing import Final

from lkdoctor.facts.api import ApiFact, RoomsListed
from lkdoctor.facts.media import Checked, MediaFact, Reach, reach
from lkdoctor.facts.network import NetworkFact
from lkdoctor.facts.rehearsal import (
    BAD,
    GOOD,
    NAMES,
    PICTURE_BPS,
    TRIP_MS,
    Outcome,
    Participant,
    Player,
    RehearsalFact,
    Round,
    Step,
    TurnTry,
    loss,
    share_identity,
    sound_alone,
)
from lkdoctor.facts.signal import Candidate, Joined, SignalFact
from lkdoctor.findings import Confidence, Evidence, Layer
from lkdoctor.rules.answers import one_line
from lkdoctor.rules.base import Advice, Check, Effect, Judge, Look, Seen, Unsure, cause

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


def _rooms_differ(rehearsal: RehearsalFact) -> Iterator[Seen]:
    if rehearsal.one_room:
        return
    yield Seen(
        tuple(
            Evidence(f"room of the {who.role}", who.room, None, "token")
            for who in rehearsal.participants
        )
    )


def _identity_shared(rehearsal: RehearsalFact) -> Iterator[Seen]:
    people = rehearsal.participants
    if share_identity(people):
        same = (Evidence(f"identity of the {w.role}", w.identity, None, "token") for w in people)
        yield Seen((*same, *_ends(rehearsal)))


def _ends(rehearsal: RehearsalFact) -> Iterator[Evidence]:
    """The sessions that ended by themselves, and why."""
    for _, player in _players(rehearsal):
        if player.ended:
            yield Evidence(f"session of the {player.role}", player.ended, "stays", "rehearsal")


# ------------------------------------------------------------------ the SDK


def _sdk_ended(rehearsal: RehearsalFact) -> Iterator[Seen]:
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
    yield Seen(tuple(evidence), check=check)


def _somebody_came(rehearsal: RehearsalFact) -> Iterator[Seen]:
    stopped = rehearsal.stopped
    if stopped is None:
        return
    at = Evidence("while playing", NAMES[stopped.step], None, "rehearsal")
    if stopped.identity:
        label = "came in under an identity of the booking" if stopped.taken else "came in"
        yield Seen(
            (Evidence(label, stopped.identity, "lkdoctor's own two alone", "rehearsal"), at),
            case="identity-taken" if stopped.taken else "somebody",
        )
        return
    unseen = Evidence("list of participants", one_line(stopped.detail), "a list", "rehearsal")
    yield Seen(
        (unseen, at),
        case="unseen",
    )


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
) -> Iterator[Seen]:
    wrong = _elsewhere(signal, network)
    if rehearsal.relay_only or not rehearsal.unconnected or not wrong or _answering(media):
        return
    reached = network.connected.address if network.connected else network.host
    addresses = sorted({candidate.address for candidate in wrong})
    yield Seen(
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
) -> Iterator[Seen]:
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
        yield Seen(
            (
                Evidence(
                    "offered for media", "no address at all", "an address and ports", "signal"
                ),
                *_step(rehearsal, Step.CONNECTION),
            ),
            case="no-candidates",
        )
        return
    ports = sorted({f"{c.protocol} {c.address} port {c.port}" for c in signal.candidates})
    yield Seen(
        (
            *(Evidence("offered for media", port, None, "signal") for port in ports[:6]),
            *_step(rehearsal, Step.CONNECTION),
        )
    )


def _connect_failed(rehearsal: RehearsalFact, media: MediaFact | None = None) -> Iterator[Seen]:
    if rehearsal.relay_only or not rehearsal.unconnected:
        return
    answering = _answering(media)
    if answering:
        loopback = all(reach(c.address) is Reach.LOOPBACK for c in answering)
        yield Seen(
            (
                *(
                    Evidence(f"{c.protocol.upper()} {c.place}", c.tried.words, None, "media")
                    for c in answering[:3]
                ),
                *_step(rehearsal, Step.CONNECTION),
            ),
            case="on-loopback" if loopback else "media-answers",
        )
        return
    if any(r.outcome is Outcome.FAILED for r in rehearsal.results(Step.CONNECTION)):
        yield Seen(_step(rehearsal, Step.CONNECTION))


def _turn_missing(rehearsal: RehearsalFact, signal: SignalFact) -> Iterator[Seen]:
    if not rehearsal.relay_only or not rehearsal.unconnected or _offered_turn(signal):
        return
    offered = signal.first.ice_urls if isinstance(signal.first, Joined) else ()
    yield Seen(
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

    def found(rehearsal: RehearsalFact, signal: SignalFact) -> Iterator[Seen]:
        offered = _offered_turn(signal)
        if not rehearsal.relay_only or not rehearsal.unconnected or not offered:
            return
        seen = judge(_turn(rehearsal))
        if seen is None:
            return
        yield Seen(
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


def _publish_denied(rehearsal: RehearsalFact) -> Iterator[Seen]:
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
        yield Seen(
            (grant, *dict.fromkeys(tried)),
            case=f"sources {_listed(who)}",
            values={
                "role": who.role,
                "sources": " and ".join(missing),
                "list": ", ".join(f'"{s}"' for s in _every_source(who)),
            },
        )


def _listed(who: Participant) -> str:
    return "of-a-list" if who.sources_listed else "of-all"


def _every_source(who: Participant) -> tuple[str, ...]:
    return tuple(dict.fromkeys(("camera", "microphone", "screen_share", *who.sources_listed)))


def _hidden(rehearsal: RehearsalFact) -> Iterator[Seen]:
    for who in rehearsal.participants:
        if who.role in TALKING and who.hidden:
            yield Seen(
                (_grant(who, "hidden", value=True, expected=False),),
                case="role",
                values={"role": who.role},
            )


def _subscribe_denied(rehearsal: RehearsalFact) -> Iterator[Seen]:
    for who in rehearsal.participants:
        if who.role in TALKING and not who.can_subscribe:
            yield Seen(
                (_grant(who, "canSubscribe", value=False, expected=True),),
                case="role",
                values={"role": who.role},
            )


def _data_denied(rehearsal: RehearsalFact) -> Iterator[Seen]:
    for who in rehearsal.participants:
        if who.role in TALKING and not who.can_publish_data:
            yield Seen(
                (_grant(who, "canPublishData", value=False, expected=True),),
                case="role",
                values={"role": who.role},
            )


def _codec_disabled(rehearsal: RehearsalFact, signal: SignalFact) -> Iterator[Seen]:
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
    yield Seen(
        (
            Evidence("codecs of the room", ", ".join(enabled[:12]), f"one of {words}", "signal"),
            *_step(rehearsal, Step.PUBLISHING),
            *_step(rehearsal, Step.RECEIVING),
        ),
        case="media",
        values={"media": words},
    )


def _carrier(mime: str) -> bool:
    return mime.lower() in {"audio/red", "video/rtx", "audio/rtx"}


def _publish_unanswered(rehearsal: RehearsalFact) -> Iterator[Seen]:
    if _rounds_where(rehearsal, Step.PUBLISHING):
        yield Seen(_step(rehearsal, Step.PUBLISHING))


def _media_silent(rehearsal: RehearsalFact) -> Iterator[Seen]:
    ended = any(player.ended for _, player in _players(rehearsal))
    if not ended and _rounds_where(rehearsal, Step.RECEIVING):
        yield Seen(_step(rehearsal, Step.RECEIVING))


def _session_ended(rehearsal: RehearsalFact) -> Iterator[Seen]:
    ends = tuple(dict.fromkeys(_ends(rehearsal)))
    if ends and not share_identity(rehearsal.participants):
        yield Seen(ends)


def _data_lost(rehearsal: RehearsalFact) -> Iterator[Seen]:
    allowed = any(
        who.can_publish_data and player.step(Step.DATA).outcome is Outcome.TIMEOUT
        for who, player in _players(rehearsal)
    )
    if not allowed or not rehearsal.one_room:
        return
    silent = _step(rehearsal, Step.RECEIVING)
    yield Seen((*_step(rehearsal, Step.DATA), *silent), case="no-channel" if silent else "")


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


def _roles_exchanged(rehearsal: RehearsalFact) -> Iterator[Seen]:
    pair = _pair(rehearsal)
    if pair is not None and _strong(pair[1]) and not _strong(pair[0]):
        evidence = (*_powers(rehearsal, pair[0]), *_powers(rehearsal, pair[1]))
        yield Seen(evidence)


def _client_moderates(rehearsal: RehearsalFact) -> Iterator[Seen]:
    pair = _pair(rehearsal)
    if pair is not None and _strong(pair[1]) and _strong(pair[0]):
        yield Seen(tuple(_powers(rehearsal, pair[1])))


def _grant_ignored(rehearsal: RehearsalFact, api: ApiFact | None = None) -> Iterator[Seen]:
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
        yield Seen(tuple(seen))


def _no_recording(rehearsal: RehearsalFact) -> Iterator[Seen]:
    found = dict.fromkeys(
        (who, tried)
        for who, player in _players(rehearsal)
        for tried in player.attempts
        if tried.in_vain
    )
    if not found:
        return
    people = " and ".join(dict.fromkeys(f"the {who.role}" for who, _ in found))
    yield Seen(
        tuple(
            Evidence(f"{tried.action} by the {who.role}", tried.answer, "200", "rehearsal")
            for who, tried in found
        ),
        case="who",
        values={"people": people[0].upper() + people[1:]},
        # The server's own word for it; any other error may pass.
        confidence=None if any(t.permitted for _, t in found) else Confidence.LIKELY,
    )


# ------------------------------------------------------------------ how well


def _slow(rehearsal: RehearsalFact) -> Iterator[Seen]:
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
        yield Seen(tuple(late[:6]))


def _poor_path(rehearsal: RehearsalFact) -> Iterator[Seen]:
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
    yield Seen(
        (*poor[:4], *((estimate,) if narrow else ()), *alone),
        steps=(
            *((Advice("send-less"),) if narrow else ()),
            *(() if rehearsal.audio_only else (Advice("audio-only"),)),
            *(Advice(name) for name in (_NEARER, _WIRELESS) if name in advice),
        ),
    )


def _poorness(rehearsal: RehearsalFact) -> Iterator[tuple[Evidence, str]]:
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


_NEARER: Final = "nearer"
_WIRELESS: Final = "wireless"


def _left_behind(rehearsal: RehearsalFact) -> Iterator[Seen]:
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
        yield Seen((*left, *_step(rehearsal, Step.LEAVING)))


# ------------------------------------------------------------------ the rules


RULES: Final = (
    cause("rehearsal-somebody-came", _somebody_came),
    cause("rehearsal-rooms-differ", _rooms_differ),
    cause("rehearsal-identity-shared", _identity_shared),
    cause("rehearsal-media-address", _media_address),
    cause("rehearsal-media-blocked", _media_blocked),
    cause("rehearsal-sdk-ended", _sdk_ended),
    cause("rehearsal-turn-missing", _turn_missing),
    cause("rehearsal-turn-refused", _with_turn(_turn_refused)),
    cause("rehearsal-turn-silent", _with_turn(_turn_silent)),
    cause("rehearsal-turn-no-way", _with_turn(_turn_no_way)),
    cause("rehearsal-connect-failed", _connect_failed),
    cause("rehearsal-publish-denied", _publish_denied),
    cause("rehearsal-codec-disabled", _codec_disabled),
    cause("rehearsal-publish-unanswered", _publish_unanswered),
    cause("rehearsal-subscribe-denied", _subscribe_denied),
    cause("rehearsal-hidden", _hidden),
    cause("rehearsal-media-silent", _media_silent),
    cause("rehearsal-session-ended", _session_ended),
    cause("rehearsal-data-denied", _data_denied),
    cause("rehearsal-data-lost", _data_lost),
    cause("rehearsal-roles-exchanged", _roles_exchanged),
    cause("rehearsal-client-moderates", _client_moderates),
    cause("rehearsal-grant-ignored", _grant_ignored),
    cause("rehearsal-no-recording", _no_recording),
    cause("rehearsal-slow", _slow),
    cause("rehearsal-poor-path", _poor_path),
    cause("rehearsal-left-behind", _left_behind),
)
