"""How much longer a rehearsal takes than the SDK alone, and what sixty seconds of it cost.

    python benchmarks/rehearse.py            overhead, against a bare script of the SDK
    python benchmarks/rehearse.py --minute   CPU and memory of a rehearsal of 60 seconds, too

Both do the same in turn, in one run: connect two participants, publish microphone, camera and
screen share each, and wait for the first frame of each at the other. The bare script has no time
codes, tones or steps. Compared are the medians from loading the SDK to the last first frame.
"""

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from servers import RunningServer, livekit_server  # noqa: E402

ROUNDS = 9
MOST = 1.10
"""A rehearsal's time for the same, as a multiple of the bare script's."""


async def bare(server: RunningServer, room_name: str) -> float:
    """Milliseconds of the SDK alone, loading it included, as a rehearsal waits for that, too."""
    begun = time.monotonic()
    from livekit import api, rtc

    kinds = (
        (rtc.TrackSource.SOURCE_MICROPHONE, 0, 0, 0),
        (rtc.TrackSource.SOURCE_CAMERA, 320, 180, 15),
        (rtc.TrackSource.SOURCE_SCREENSHARE, 640, 360, 5),
    )
    arrived: set[tuple[str, int]] = set()
    done = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []
    loop = asyncio.get_running_loop()

    async def first(stream: rtc.AudioStream | rtc.VideoStream, who: str, source: int) -> None:
        async for _ in stream:
            break
        arrived.add((who, source))
        if len(arrived) == 2 * len(kinds):
            done.set()

    async def feed(source: rtc.AudioSource | rtc.VideoSource, w: int, h: int, rate: int) -> None:
        while True:
            if isinstance(source, rtc.AudioSource):
                await source.capture_frame(rtc.AudioFrame(bytes(960), 48_000, 1, 480))
            else:
                frame = rtc.VideoFrame(w, h, rtc.VideoBufferType.I420, bytes(w * h * 3 // 2))
                source.capture_frame(frame)
                await asyncio.sleep(1 / rate)

    async def person(identity: str) -> rtc.Room:
        grants = api.VideoGrants(room_join=True, room=room_name)
        token = api.AccessToken(server.long_key, server.long_secret)
        room = rtc.Room()

        def subscribed(
            track: rtc.Track, publication: rtc.RemoteTrackPublication, _: object
        ) -> None:
            audio = isinstance(track, rtc.RemoteAudioTrack)
            stream = rtc.AudioStream(track) if audio else rtc.VideoStream(track)
            tasks.append(loop.create_task(first(stream, identity, publication.source)))

        room.on("track_subscribed", subscribed)
        await room.connect(server.url, token.with_identity(identity).with_grants(grants).to_jwt())
        return room

    async def publish(room: rtc.Room) -> None:
        async def one(kind: rtc.TrackSource.ValueType, w: int, h: int, rate: int) -> None:
            track: rtc.LocalTrack
            source: rtc.AudioSource | rtc.VideoSource
            if rate:
                source = rtc.VideoSource(w, h)
                track = rtc.LocalVideoTrack.create_video_track("picture", source)
            else:
                source = rtc.AudioSource(48_000, 1, queue_size_ms=100)
                track = rtc.LocalAudioTrack.create_audio_track("sound", source)
            tasks.append(loop.create_task(feed(source, w, h, rate)))
            options = rtc.TrackPublishOptions(source=kind, simulcast=False)
            await room.local_participant.publish_track(track, options)

        await asyncio.gather(*(one(*kind) for kind in kinds))

    rooms = await asyncio.gather(person("ada"), person("carl"))
    await asyncio.gather(*map(publish, rooms))
    async with asyncio.timeout(30):
        await done.wait()
    took = (time.monotonic() - begun) * 1000
    for task in tasks:
        task.cancel()
    await asyncio.gather(*(room.disconnect() for room in rooms))
    return took


def rehearsed(server: RunningServer, *options: str) -> float:
    """Milliseconds that the same takes in a rehearsal, by its events."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "lkdoctor", "rehearse", "-o", "ndjson", *options),
            *("--booking", "b1", "--provider", "ada", "--client", "carl", "--url", server.url),
        ],
        env={
            **os.environ,
            "LIVEKIT_API_KEY": server.long_key,
            "LIVEKIT_API_SECRET": server.long_secret,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    steps = ("connection", "publishing", "receiving")
    return sum(
        float(row["duration_ms"])
        for row in rows
        if row["event"] == "step.finished" and row["step"] in steps
    )


def main() -> int:
    with livekit_server() as server:
        alone, ours = [], []
        for number in range(ROUNDS):
            script = [sys.executable, __file__, "--bare", server.url, f"bare-{number}"]
            secrets = {"KEY": server.long_key, "SECRET": server.long_secret}
            out = subprocess.run(
                script, env={**os.environ, **secrets}, capture_output=True, text=True, check=True
            )
            alone.append(float(out.stdout))
            ours.append(rehearsed(server, "--seconds", "0"))
        ratio = statistics.median(ours) / statistics.median(alone)
        print(f"SDK alone   median {statistics.median(alone):7.0f} ms")
        print(
            f"rehearsal   median {statistics.median(ours):7.0f} ms   {ratio:.2f} x (at most {MOST})"
        )
        if "--minute" in sys.argv:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            rehearsed(server, "--seconds", "60")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(f"60 seconds  {cpu:.1f} s of CPU, {after.ru_maxrss / 1024:.0f} MB at most")
    return 0 if ratio <= MOST else 1


def main_bare() -> None:
    from urllib.parse import urlsplit

    server = RunningServer(
        "",
        urlsplit(sys.argv[2]).port or 0,
        {"": "", os.environ["KEY"]: os.environ["SECRET"]},
        Path(),
    )
    print(asyncio.run(bare(server, sys.argv[3])), flush=True)
    os._exit(0)  # the SDK's threads take their time


if __name__ == "__main__":
    if "--bare" in sys.argv:
        main_bare()
    else:
        sys.exit(main())
