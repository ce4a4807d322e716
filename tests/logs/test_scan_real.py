"""What livekit-servers of every version really answer and log is understood."""

import time
import urllib.error
import urllib.request
from urllib.parse import quote

import aiohttp
import pytest
from conformance.token_cases import CASES, Case
from livekit.protocol.rtc import LeaveRequest, SignalRequest
from servers import NEWEST, VERSIONS, RunningServer, livekit_server

from lkdoctor import catalogue
from lkdoctor.logs.phrases import Weight
from lkdoctor.logs.scan import scan
from lkdoctor.logs.verdict import judge

WELL = {"APIwell": "a-secret-of-more-than-thirty-two-characters-1"}


def answer(url: str, bearer: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {bearer}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def asked(case: Case, server: RunningServer) -> tuple[int, bytes]:
    token = case.token(
        key=server.api_key, secret=server.api_secret, now=time.time(), room="r", identity="ann"
    )
    path = f"/rtc/validate?access_token={quote(token, safe='.-_')}"
    return answer(server.http_url + path, quote(token, safe=".-_ ") or "x")


def test_every_refusal_is_understood(each_real_server: RunningServer) -> None:
    """Each body that a server answers to a token names one cause, or the two of its 401."""
    for case in CASES:
        status, body = asked(case, each_real_server)
        found = [one.phrase for one in scan([body]).found]
        if status == 200:
            assert found == [], case.name
        else:
            causes = 2 if b"token is expired, token is not valid yet" in body else 1
            assert len(found) == causes, (case.name, body)
            lone = "permissions denied" in body.decode()
            assert found[0].weight is (Weight.NARROWS if lone else Weight.DECIDES), case.name


@pytest.mark.parametrize("version", VERSIONS)
def test_the_server_s_own_log_says_the_same(version: str) -> None:
    with livekit_server(version, keys=WELL) as server:
        before = scan([server.log.read_bytes()])
        said = {}
        for case in CASES:
            status, body = asked(case, server)
            said[case.name] = {
                code for one in scan([body]).found for code in one.phrase.codes if status != 200
            }
        log = scan([server.log.read_bytes()])
    assert before.found == ()
    logged = {code for one in log.found for code in one.phrase.codes}
    # Of a head that is too large only the answer tells: Go's own server sends it.
    assert set().union(*said.values()) <= logged | {"api-permission", "proxy-url-too-long"}
    assert all("eyJ" not in one.quote for one in log.found)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_healthy_session_s_log_says_nothing(version: str) -> None:
    """Two people join one after the other and leave, without media, which is all that is said."""
    sound = next(case for case in CASES if case.expected(NEWEST).status == 200)
    with livekit_server(version, keys=WELL) as server:
        async with aiohttp.ClientSession() as http:
            for name in ("ann", "ben"):
                token = sound.token(
                    key=server.api_key,
                    secret=server.api_secret,
                    now=time.time(),
                    room="r",
                    identity=name,
                )
                url = f"{server.url}/rtc?access_token={token}&protocol=15"
                async with http.ws_connect(url) as session:
                    await session.receive_bytes()
                    await session.send_bytes(
                        SignalRequest(leave=LeaveRequest()).SerializeToString()
                    )
                    async for _ in session:
                        pass
        log = scan([server.log.read_bytes()])
    assert log.lines > 5
    texts = {one.phrase.text for one in log.found}
    assert texts <= {"removing participant without connection"}
    assert not judge(log, catalogue.cause, time.time()).problem
