"""The process in which the official SDK runs, two participants at once: `probes.rehearsal` leads it.

A process of its own, because the SDK is native: a call of it that waits for ever cannot be ended
from outside, a fault in it ends the process that it runs in, and it writes to standard error.
Killed, it takes its connections with it.

Orders come as lines of JSON on standard input, each is answered by one line on standard output.
At the end of the input both participants leave, and the process ends. Whatever goes wrong in it
ends it, too, its last words on standard error: a step that was not played has no answer.
"""

import array
import asyncio
import contextlib
import json
import math
import mmap
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TextIO, TypeVar

from lkdoctor.facts.codec import to_json
from lkdoctor.facts.rehearsal import MediaPath, Outcome, Publication, Reception, TurnTry
from lkdoctor.redact import Secret, safe

if TYPE_CHECKING:
    import logging

    from livekit import rtc

T = TypeVar("T")

PICTURES: Final = {"camera": (320, 180, 15), "screen_share": (640, 360, 5)}
"""Width, height and pictures a second: small, as it is the way that is measured."""

TONES: Final = (440, 660)
"""Hertz, one for each participant: who hears the own tone hears an echo, not the other."""

RATE: Final = 48_000
CHUNK: Final = RATE // 100
"""Samples of 10 ms."""

COLUMNS, ROWS = 8, 4
"""Blocks of the time code: 24 bits of milliseconds, then 8 bits of their sum."""

TOPIC: Final = "lkdoctor"

READY: Final = b'"ready"\n'
"""Its first line of output."""

GOODBYE: Final = 1.0
"""Seconds for leaving once nobody leads any more."""

ROOM_TO_WORK: Final = 64 * 1024 * 1024
"""Bytes of address space, of which the SDK takes more for its threads than for what they do."""

DESCRIPTORS: Final = 1024
"""Open files that are asked for; both participants take about a hundred."""

_TURN_LOG: Final = "(turn_port.cc:"
"""libwebrtc's log is the one place where it says why a relay was not had."""


# ------------------------------------------------------------------ pictures and tones


def picture(width: int, height: int, now_ms: int) -> bytearray:
    """An I420 picture that shows the time as black and white blocks, and a bar that moves."""
    code = now_ms & 0xFFFFFF
    bits = code << 8 | _sum(code)
    block = width // COLUMNS
    rest = width - block * COLUMNS
    pixels = bytearray()
    tall = height * 4 // 5 // ROWS
    for row in range(ROWS):
        line = b"".join(
            (b"\xeb" if bits >> (31 - row * COLUMNS - column) & 1 else b"\x10") * block
            for column in range(COLUMNS)
        )
        pixels += (line + b"\x10" * rest) * tall
    at = now_ms // 4 % (width - 16)
    bar = b"\x50" * at + b"\xc0" * 16 + b"\x50" * (width - at - 16)
    pixels += bar * (height - tall * ROWS)
    return pixels + b"\x80" * (width * height // 2)


def time_code(width: int, height: int, pixels: memoryview) -> int | None:
    """The milliseconds that a picture shows; None where it cannot be read."""
    block, tall = width // COLUMNS, height * 4 // 5 // ROWS
    if block < 4 or tall < 4:
        return None
    bits = 0
    for row in range(ROWS):
        start = (row * tall + tall // 2) * width
        for column in range(COLUMNS):
            # The middle of the block: its edges are blurred.
            middle = start + column * block + block // 2
            bits = bits << 1 | (sum(pixels[middle - 1 : middle + 2]) > 3 * 0x80)
    code = bits >> 8
    return code if _sum(code) == bits & 0xFF else None


def _sum(code: int) -> int:
    return (code ^ code >> 8 ^ code >> 16 ^ 0xA5) & 0xFF


def tone(hertz: int) -> bytes:
    """A second of 16-bit samples; whole waves, so that it can be repeated."""
    wave = (int(8000 * math.sin(2 * math.pi * hertz * i / RATE)) for i in range(RATE))
    return array.array("h", wave).tobytes()


def hears(samples: memoryview, hertz: int) -> bool:
    """Whether the tone is most of what 10 ms of sound hold (Goertzel's algorithm)."""
    factor = 2 * math.cos(2 * math.pi * hertz / RATE)
    before = last = 0.0
    energy = 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
        energy += sample * sample
    power = before * before + last * last - factor * before * last
    return energy > len(samples) * 100.0**2 and power > energy * len(samples) / 8


# ------------------------------------------------------------------ a participant


class _Track:
    """What arrives of one track."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.first: float | None = None
        self.frames = 0
        self.delays: list[float] = []

    def saw(self, delay_ms: float | None = None) -> None:
        if self.first is None:
            self.first = time.monotonic()
        self.frames += 1
        if delay_ms is not None:
            self.delays.append(delay_ms)


class _Person:
    """One participant: a room of the SDK, and what has happened in it."""

    def __init__(self, number: int) -> None:
        from livekit import rtc

        self.room: rtc.Room = rtc.Room()
        self.number = number
        self.tasks: list[asyncio.Task[None]] = []
        self.tracks: dict[str, _Track] = {}
        self.sources: dict[str, float] = {}
        """When each own track was published."""
        self.streams: list[rtc.VideoStream | rtc.AudioStream] = []
        self.made: list[rtc.VideoSource | rtc.AudioSource] = []
        self.messages: dict[bytes, float] = {}
        self.ended = ""
        self.room.on("track_subscribed", self._subscribed)
        self.room.on("data_received", self._data)
        self.room.on("disconnected", self._disconnected)

    def start(self, coroutine: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(coroutine)
        task.add_done_callback(_end_with)
        self.tasks.append(task)

    def _subscribed(self, track: "rtc.Track", publication: Any, _: Any) -> None:
        from livekit import rtc

        source = _source_name(publication.source)
        seen = self.tracks[source] = _Track(source)
        if isinstance(track, rtc.RemoteVideoTrack):
            self.start(self._watch(track, seen))
        else:
            self.start(self._listen(track, seen))

    async def _watch(self, track: "rtc.Track", seen: _Track) -> None:
        from livekit import rtc

        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420, capacity=4)
        self.streams.append(stream)
        async for event in stream:
            code = time_code(event.frame.width, event.frame.height, event.frame.data)
            if code is not None:
                seen.saw(float((_now_ms() - code) & 0xFFFFFF))

    async def _listen(self, track: "rtc.Track", seen: _Track) -> None:
        from livekit import rtc

        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, capacity=50)
        self.streams.append(stream)
        other = TONES[1 - self.number]
        heard = 0
        async for event in stream:
            # The tone is looked for until it is there; after that its packets are counted.
            if heard or hears(event.frame.data, other):
                heard += 1
                seen.saw()

    def _data(self, packet: Any) -> None:
        if packet.topic == TOPIC:
            self.messages[bytes(packet.data)] = time.monotonic()

    def _disconnected(self, reason: Any) -> None:
        from livekit import rtc

        self.ended = rtc.DisconnectReason.Name(reason)

    async def leave(self, seconds: float) -> None:
        await _in_time(self.room.disconnect(), seconds)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for closing in (*self.streams, *self.made):
            await _in_time(closing.aclose(), 1.0)


def _end_with(task: "asyncio.Task[None]") -> None:
    """A tone that is played no more must not look like one that is lost on its way."""
    if not task.cancelled() and (problem := task.exception()) is not None:
        _die(problem)


def _die(problem: BaseException) -> None:
    sys.stderr.write("".join(traceback.format_exception_only(problem)))
    sys.stderr.flush()
    os._exit(1)  # the SDK's threads would hold an ordinary end up


async def _in_time(waiting: Awaitable[T], seconds: float) -> T | None:
    """The result; None where it did not come in time. The SDK has calls that never end."""
    try:
        async with asyncio.timeout(seconds):
            return await waiting
    except TimeoutError:
        return None


def _now_ms() -> int:
    return int(time.monotonic() * 1000)


def _source_name(source: Any) -> str:
    from livekit import rtc

    return (
        str(rtc.TrackSource.Name(source))
        .removeprefix("SOURCE_")
        .lower()
        .replace("screenshare", "screen_share")
    )


# ------------------------------------------------------------------ orders


class Connected(NamedTuple):
    """The answer to ``connect``, for one participant."""

    outcome: Outcome
    took_ms: float
    detail: str = ""
    sid: str = ""
    turn: TurnTry = TurnTry()


class Published(NamedTuple):
    publications: tuple[Publication, ...]
    sids: tuple[str, ...] = ()


class Received(NamedTuple):
    receptions: tuple[Reception, ...]
    path: MediaPath | None = None
    ended: str = ""


class Told(NamedTuple):
    """Whether the other one's message arrived."""

    took_ms: float | None
    problem: str = ""


class Left(NamedTuple):
    took_ms: float
    ended: str = ""


class Stage:
    """Carries orders out."""

    def __init__(self) -> None:
        self._people: list[_Person] = []
        self._turn = _TurnLog()

    async def connect(
        self, url: str, tokens: list[str], *, relay: bool, seconds: float
    ) -> list[Connected]:
        """Join with each token, all at once."""
        self._people = [_Person(number) for number in range(len(tokens))]
        self._turn.restart()
        joins = (
            self._join(person, url, Secret(token), relay=relay, seconds=seconds)
            for person, token in zip(self._people, tokens, strict=True)
        )
        return list(await asyncio.gather(*joins))

    async def _join(
        self, person: _Person, url: str, token: Secret, *, relay: bool, seconds: float
    ) -> Connected:
        from livekit import rtc

        config = rtc.RtcConfiguration()
        if relay:
            config.ice_transport_type = rtc.IceTransportType.TRANSPORT_RELAY
        options = rtc.RoomOptions(connect_timeout=seconds, rtc_config=config)
        begun = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                await person.room.connect(url, token.reveal(), options)
        except TimeoutError:
            _need_means()
            return Connected(Outcome.TIMEOUT, _since(begun), turn=self._turn.seen)
        except rtc.ConnectError as error:
            _need_means()
            detail = safe(str(error), 300)
            return Connected(Outcome.FAILED, _since(begun), detail, turn=self._turn.seen)
        sid = person.room.local_participant.sid
        return Connected(Outcome.OK, _since(begun), sid=sid, turn=self._turn.seen)

    async def publish(self, sources: list[list[str]], *, seconds: float) -> list[Published]:
        """Publish what each one is to publish, all at once."""
        offers = (
            self._publish(person, mine, seconds)
            for person, mine in zip(self._people, sources, strict=True)
        )
        return list(await asyncio.gather(*offers))

    async def _publish(self, person: _Person, sources: list[str], seconds: float) -> Published:
        offers = (self._offer(person, source, seconds) for source in sources)
        done = await asyncio.gather(*offers)
        return Published(tuple(p for p, _ in done), tuple(sid for _, sid in done if sid))

    async def _offer(self, person: _Person, source: str, seconds: float) -> tuple[Publication, str]:
        from livekit import rtc

        options = rtc.TrackPublishOptions(simulcast=False)
        track: rtc.LocalTrack
        if source == "microphone":
            options.source = rtc.TrackSource.SOURCE_MICROPHONE
            sound = rtc.AudioSource(RATE, 1, queue_size_ms=100)
            track = rtc.LocalAudioTrack.create_audio_track(source, sound)
            person.made.append(sound)
            person.start(_play(sound, tone(TONES[person.number])))
        else:
            width, height, rate = PICTURES[source]
            screen = source == "screen_share"
            options.source = (
                rtc.TrackSource.SOURCE_SCREENSHARE if screen else rtc.TrackSource.SOURCE_CAMERA
            )
            options.video_encoding.CopyFrom(
                rtc.VideoEncoding(max_bitrate=300_000, max_framerate=rate)
            )
            pictures = rtc.VideoSource(width, height, is_screencast=screen)
            track = rtc.LocalVideoTrack.create_video_track(source, pictures)
            person.made.append(pictures)
            person.start(_show(pictures, width, height, rate))
        begun = person.sources[source] = time.monotonic()
        try:
            published = await _in_time(
                person.room.local_participant.publish_track(track, options), seconds
            )
        except Exception as error:  # noqa: BLE001 - whatever the SDK says is what was seen
            return Publication(source, allowed=True, detail=safe(str(error), 300)), ""
        if published is None:
            return Publication(source, allowed=True), ""
        return Publication(source, allowed=True, took_ms=_since(begun)), published.sid

    async def receive(
        self, expected: list[list[str]], *, first: float, seconds: float
    ) -> list[Received]:
        """Wait until what each is to receive has arrived, then measure for a while."""

        def complete() -> bool:
            return all(
                (track := person.tracks.get(source)) is not None and track.first is not None
                for person, wanted in zip(self._people, expected, strict=True)
                for source in wanted
            )

        if await _until(lambda: complete() or self._lost(), first) and not self._lost():
            await _until(self._lost, seconds)
        return [
            await self._received(person, wanted, self._people[1 - person.number])
            for person, wanted in zip(self._people, expected, strict=True)
        ]

    def _lost(self) -> bool:
        return any(person.ended for person in self._people)

    async def _received(self, person: _Person, wanted: list[str], other: _Person) -> Received:
        stats: Any = None
        if not person.ended:
            stats = await _in_time(person.room.get_rtc_stats(), 2.0)
        counted = _inbound(stats)
        receptions = tuple(
            _reception(person.tracks.get(source) or _Track(source), other, counted)
            for source in wanted
        )
        return Received(receptions, _path(stats), person.ended)

    async def say(self, may: list[bool], *, seconds: float, refused: float) -> list[Told]:
        """Everybody sends a message to the other; tells whether each one's own arrived there.

        Args:
            may: whether each one's grants allow it.
            seconds: for the arrival.
            refused: how long to wait for one that must not arrive.
        """
        begun = time.monotonic()
        payloads = [f"{begun}-{person.number}".encode() for person in self._people]
        problems = [""] * len(may)
        for person, payload in zip(self._people, payloads, strict=True):
            try:
                sending = person.room.local_participant.publish_data(payload, topic=TOPIC)
                await _in_time(sending, seconds)
            except Exception as error:  # noqa: BLE001 - whatever the SDK says is what was seen
                problems[person.number] = safe(str(error), 300)

        def arrived(number: int) -> bool:
            return payloads[number] in self._people[1 - number].messages

        await _until(lambda: all(arrived(n) for n, allowed in enumerate(may) if allowed), seconds)
        if not all(may):
            await _until(lambda: all(map(arrived, range(len(may)))), refused)
        return [
            Told(
                (self._people[1 - n].messages[payloads[n]] - begun) * 1000 if arrived(n) else None,
                problems[n],
            )
            for n in range(len(may))
        ]

    async def leave(self, *, seconds: float) -> list[Left]:
        """Everybody leaves, all at once."""

        async def one(person: _Person) -> Left:
            begun = time.monotonic()
            ended = person.ended
            await person.leave(seconds)
            return Left(_since(begun), ended)

        left = await asyncio.gather(*map(one, self._people))
        self._people = []
        return list(left)


async def _until(done: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true in time; looked at often, as it is milliseconds that are measured."""
    ends = time.monotonic() + seconds
    while not (fulfilled := done()) and time.monotonic() < ends:  # noqa: ASYNC110 - many sources, one sink
        await asyncio.sleep(0.005)
    return fulfilled


async def _play(source: "rtc.AudioSource", second: bytes) -> None:
    from livekit import rtc

    while True:
        for start in range(0, len(second), CHUNK * 2):
            chunk = second[start : start + CHUNK * 2]
            await source.capture_frame(rtc.AudioFrame(chunk, RATE, 1, CHUNK))


async def _show(source: "rtc.VideoSource", width: int, height: int, rate: int) -> None:
    from livekit import rtc

    kind = rtc.VideoBufferType.I420
    while True:
        frame = rtc.VideoFrame(width, height, kind, picture(width, height, _now_ms()))
        source.capture_frame(frame)
        await asyncio.sleep(1 / rate)


def _since(begun: float) -> float:
    return (time.monotonic() - begun) * 1000


# ------------------------------------------------------------------ what the SDK measured


def _inbound(stats: Any) -> dict[str, tuple[int, int, float]]:
    """Packets, lost and jitter by kind and frame width; the SDK does not name the source."""
    found: dict[str, tuple[int, int, float]] = {}
    for record in (*stats.subscriber_stats, *stats.publisher_stats) if stats else ():
        if record.WhichOneof("stats") == "inbound_rtp":
            received = record.inbound_rtp.received
            wide = record.inbound_rtp.inbound.frame_width > PICTURES["camera"][0]
            source = (
                "microphone"
                if record.inbound_rtp.stream.kind == "audio"
                else "screen_share"
                if wide
                else "camera"
            )
            if received.packets_received:
                found[source] = (
                    int(received.packets_received),
                    int(received.packets_lost),
                    float(received.jitter) * 1000,
                )
    return found


def _reception(
    track: _Track, other: _Person, counted: dict[str, tuple[int, int, float]]
) -> Reception:
    packets, lost, jitter = counted.get(track.source, (0, 0, None))
    begun = other.sources.get(track.source)
    first = None if track.first is None or begun is None else (track.first - begun) * 1000
    delays = sorted(track.delays)
    return Reception(
        source=track.source,
        first_frame_ms=first,
        frames=track.frames,
        delay_ms=delays[len(delays) // 2] if delays else None,
        worst_delay_ms=delays[-1] if delays else None,
        packets=packets,
        lost=max(0, lost),
        jitter_ms=jitter,
    )


def _path(stats: Any) -> MediaPath | None:
    """The selected pair; of the publisher's connection, where there are two."""
    for records in (stats.publisher_stats, stats.subscriber_stats) if stats else ():
        by_id = {getattr(r, r.WhichOneof("stats")).rtc.id: r for r in records}
        selected = [
            record.transport.transport.selected_candidate_pair_id
            for record in records
            if record.WhichOneof("stats") == "transport"
        ]
        pair = by_id.get(selected[0]) if selected else None
        if pair is None:
            continue
        chosen = pair.candidate_pair.candidate_pair
        local, remote = by_id.get(chosen.local_candidate_id), by_id.get(chosen.remote_candidate_id)
        if local is None or remote is None:
            continue
        from livekit.rtc._proto.stats_pb2 import IceCandidateType, IceServerTransportProtocol

        here, there = local.local_candidate.candidate, remote.remote_candidate.candidate
        trips = chosen.responses_received
        kind = IceCandidateType.Name(here.candidate_type).lower()
        protocol = safe(here.protocol, 20)
        if kind == "relay":  # what is said of it otherwise is how the relay goes on
            carried = IceServerTransportProtocol.Name(here.relay_protocol)
            protocol = carried.removeprefix("TRANSPORT_").lower()
        return MediaPath(
            local_type=kind,
            remote_type=IceCandidateType.Name(there.candidate_type).lower(),
            protocol=protocol,
            remote_address=safe(there.address, 100),
            remote_port=int(there.port),
            round_trip_ms=chosen.total_round_trip_time / trips * 1000 if trips else None,
            outgoing_bps=chosen.available_outgoing_bitrate or None,
            relay=safe(here.url, 200) if kind == "relay" else "",
        )
    return None


class _TurnLog:
    """Reads what libwebrtc logs of its TURN requests; nothing else of its log is looked at."""

    def __init__(self) -> None:
        import logging

        self.seen = TurnTry()
        turn = self

        class Reader(logging.Handler):
            def emit(self, record: "logging.LogRecord") -> None:
                text = record.getMessage()
                if _TURN_LOG in text:
                    turn.read(text)

        log = logging.getLogger("livekit")
        log.propagate = False
        log.setLevel(logging.DEBUG)
        log.handlers = [Reader()]

    def restart(self) -> None:
        self.seen = TurnTry()

    def read(self, text: str) -> None:
        """Take note of a line."""
        if "TURN allocate request sent" in text:
            self.seen = self.seen._replace(asked=self.seen.asked + 1)
        elif "TURN allocate requested successfully" in text:
            self.seen = self.seen._replace(allocated=True)
        elif "Failed to authenticate with the server" in text:
            self.seen = self.seen._replace(refused="Unauthorized")
        elif "allocate error response" in text and not self.seen.refused:
            code = text.partition("code=")[2][:3]
            # 401 is how every TURN server asks for credentials, 438 for a fresh nonce (RFC 8656).
            if code not in {"401", "438"}:
                self.seen = self.seen._replace(refused=safe(code, 10))


# ------------------------------------------------------------------ the process


async def serve(stage: Stage, orders: "asyncio.Queue[str]", answers: TextIO) -> None:
    """Answer orders for ever."""
    answers.write(READY.decode())
    answers.flush()
    while True:
        order = json.loads(await orders.get())
        result = await getattr(stage, order["do"])(**order["with"])
        answers.write(json.dumps(to_json(tuple(result))) + "\n")
        answers.flush()


def _read(loop: asyncio.AbstractEventLoop, orders: "asyncio.Queue[str]", stage: Stage) -> None:
    for line in sys.stdin:
        loop.call_soon_threadsafe(orders.put_nowait, line)
    # Nobody leads any more. The SDK's threads would hold an ordinary end up.
    with contextlib.suppress(Exception):
        leaving = asyncio.run_coroutine_threadsafe(stage.leave(seconds=GOODBYE), loop)
        leaving.result(GOODBYE)
    os._exit(0)


def _need_means() -> None:
    """Nothing can be said of a network for which no socket, thread or memory was to be had.

    Raises:
        OSError: there is no descriptor, or no memory.
        RuntimeError: there is no thread.
    """
    os.close(os.dup(0))
    mmap.mmap(-1, ROOM_TO_WORK).close()
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def _ask_for_descriptors() -> None:
    """Raise a low limit of open files as far as this process may."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> None:
    """Serve whoever started this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who leads
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Answers alone go there, whatever the SDK writes.
    os.dup2(2, 1)
    os.environ["LIVEKIT_RTC_DEBUG"] = "1"

    async def run() -> None:
        import livekit.rtc  # noqa: F401 - here, so that "ready" means ready

        orders: asyncio.Queue[str] = asyncio.Queue()
        stage = Stage()
        reader = threading.Thread(
            target=_read, args=(asyncio.get_running_loop(), orders, stage), daemon=True
        )
        reader.start()
        await serve(stage, orders, answers)

    async def run_or_die() -> None:
        try:
            await run()
        except BaseException as problem:  # noqa: BLE001 - whatever it is, it is told
            _die(problem)

    _ask_for_descriptors()
    asyncio.run(run_or_die())


if __name__ == "__main__":
    main()
