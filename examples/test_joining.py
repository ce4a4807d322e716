"""Does your app tell its users the right thing when LiveKit is broken? Break one and see.

The fixture `lkdoctor_sandbox` comes with lkdoctor: it starts a LiveKit stand-in on this machine,
healthy or with faults (`lkdoctor sandbox --list-faults`), and stops it when the test ends.
"""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest

from lkdoctor.sandbox import Sandbox


async def join(url: str, token: str, *, attempts: int = 1) -> str:
    """The app: what the booking page tells somebody who clicks Join."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for attempt in range(attempts):
            try:
                async with asyncio.timeout(1), session.ws_connect(f"{url}/rtc?protocol=15") as ws:
                    await ws.receive_bytes()
            except aiohttp.WSServerHandshakeError as error:
                if error.status == 401:
                    return "Your invitation has expired. Please reload the page."
                return "The consultation is full. Please call us."
            except (TimeoutError, TypeError, aiohttp.ClientError):
                continue
            return "You are in." if attempt == 0 else "You are in. Sorry for the wait."
    return "We cannot reach the video service. Please call us."


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ([], "You are in."),
        (["token-expired"], "Your invitation has expired. Please reload the page."),
        (["signal-room-full"], "The consultation is full. Please call us."),
        (["signal-silent-after-upgrade"], "We cannot reach the video service. Please call us."),
        (["http-closed-early"], "We cannot reach the video service. Please call us."),
    ],
)
def test_users_are_told_what_to_do(
    faults: list[str], told: str, lkdoctor_sandbox: Callable[..., Sandbox]
) -> None:
    sandbox = lkdoctor_sandbox(faults=faults)
    assert asyncio.run(join(sandbox.url, sandbox.token("ann", "booking-1042"))) == told


@pytest.mark.lkdoctor_sandbox(faults=["signal-closed-early@/rtc#1-2"])
def test_a_hiccup_is_survived(lkdoctor_sandbox: Callable[..., Sandbox]) -> None:
    """The first two upgrades are cut off, the third one succeeds."""
    sandbox = lkdoctor_sandbox()
    told = asyncio.run(join(sandbox.url, sandbox.token("ann"), attempts=3))
    assert told == "You are in. Sorry for the wait."


@pytest.mark.parametrize("version", ["1.5", "1.8", "1.9", "1.11", "1.13"])
def test_every_server_is_understood(version: str, lkdoctor_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = lkdoctor_sandbox(version=version)
    assert asyncio.run(join(sandbox.url, sandbox.token("ann"))) == "You are in."
