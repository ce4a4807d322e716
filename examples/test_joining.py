"""Does your app tell its users the right thing when LiveKit is broken? Break one and see.

The fixture `lkdoctor_sandbox` comes with lkdoctor: it starts a LiveKit stand-in on this machine,
healthy or with faults (`lkdoctor sandbox --list-faults`), and stops it when the test ends.
"""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest

from lkdoctor.sandbox import Sandbox


async def join(url: str, token: str) -> str:
    """The app: what the booking page tells somebody who clicks Join."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        try:
            async with asyncio.timeout(1), session.ws_connect(f"{url}/rtc?protocol=15") as ws:
                await ws.receive_bytes()
        except aiohttp.WSServerHandshakeError as error:
            if error.status == 401:
                return "Your invitation has expired. Please reload the page."
            return "The consultation is full. Please call us."
        except (TimeoutError, aiohttp.ClientError):
            return "We cannot reach the video service. Please call us."
        return "You are in."


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ([], "You are in."),
        (["expired-token"], "Your invitation has expired. Please reload the page."),
        (["room-full"], "The consultation is full. Please call us."),
        (["silent"], "We cannot reach the video service. Please call us."),
        (["hangs-up"], "We cannot reach the video service. Please call us."),
    ],
)
def test_users_are_told_what_to_do(
    faults: list[str], told: str, lkdoctor_sandbox: Callable[..., Sandbox]
) -> None:
    sandbox = lkdoctor_sandbox(faults=faults)
    assert asyncio.run(join(sandbox.url, sandbox.token("ann", "booking-1042"))) == told
