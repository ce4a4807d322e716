"""Two participants of the official real-time SDK, in a process of their own: URL, then tokens.

Says what each was told when it gave up: there is no media to wait for.
"""

import asyncio
import sys

from livekit import rtc


async def join(url: str, token: str) -> str:
    room = rtc.Room()
    try:
        await room.connect(url, token)
    except rtc.ConnectError as error:
        return str(error)
    await room.disconnect()
    return "connected"


async def main(url: str, *tokens: str) -> None:
    for told in await asyncio.gather(*(join(url, token) for token in tokens)):
        print(told)


asyncio.run(main(*sys.argv[1:]))
