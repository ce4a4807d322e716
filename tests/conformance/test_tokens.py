"""The token check: every row, on every path, at the sandbox and at the real server."""

import time

import aiohttp
import pytest
import servers
from conformance.peer import UPGRADE, Target, join_request, new_room
from conformance.token_cases import CASES, Answer, Case

ROWS = [pytest.param(case, id=case.name) for case in CASES]


def _token(case: Case, target: Target) -> str:
    return case.token(
        key=target.key, secret=target.secret, now=time.time(), room=new_room(), identity="somebody"
    )


async def _answer(
    http: aiohttp.ClientSession, target: Target, path: str, headers: dict[str, str]
) -> Answer:
    async with http.get(target.at(path), headers=headers) as response:
        if response.status == 101:
            response.close()
            return Answer(101, "")
        return Answer(response.status, (await response.read()).decode())


@pytest.mark.parametrize("case", ROWS)
async def test_validate_says(case: Case, target: Target, http: aiohttp.ClientSession) -> None:
    token = _token(case, target)
    expected = case.expected(servers.NEWEST)
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    paths = ("/rtc/validate", f"/rtc/v1/validate?join_request={join_request()}")
    assert {path: await _answer(http, target, path, bearer) for path in paths} == dict.fromkeys(
        paths, Answer(expected.status, expected.text(token))
    )


@pytest.mark.parametrize("case", ROWS)
async def test_validate_says_the_same_of_a_query(
    case: Case, target: Target, http: aiohttp.ClientSession
) -> None:
    token = _token(case, target)
    expected = case.expected(servers.NEWEST)
    quoted = token.replace("%", "%25").replace("+", "%2B").replace("#", "%23").replace('"', "%22")
    path = f"/rtc/validate?access_token={quoted}".replace("\\", "%5C")
    assert await _answer(http, target, path, {}) == Answer(expected.status, expected.text(token))


@pytest.mark.parametrize("case", ROWS)
@pytest.mark.parametrize("path", ["/rtc", "/rtc/v1"])
async def test_the_upgrade_says_the_same(
    case: Case, path: str, target: Target, http: aiohttp.ClientSession
) -> None:
    token = _token(case, target)
    expected = case.upgraded(servers.NEWEST)
    query = f"?join_request={join_request()}" if path == "/rtc/v1" else "?protocol=16"
    headers = {**UPGRADE, **({"Authorization": f"Bearer {token}"} if token else {})}
    assert await _answer(http, target, path + query, headers) == Answer(
        expected.status, expected.text(token)
    )


async def test_the_header_wins_over_the_query(target: Target, http: aiohttp.ClientSession) -> None:
    good = target.token(room=new_room(), identity="somebody", roomJoin=True)
    path = "/rtc/validate?access_token=garbage"
    assert await _answer(http, target, path, {"Authorization": f"Bearer {good}"}) == Answer(
        200, "success"
    )


@pytest.mark.parametrize("header", ["Bearer ", "bearer {}", "Basic {}", "{}"])
async def test_another_authorization_is_refused(
    header: str, target: Target, http: aiohttp.ClientSession
) -> None:
    good = target.token(room=new_room(), identity="somebody", roomJoin=True)
    headers = {"Authorization": header.format(good)}
    assert await _answer(http, target, "/rtc/validate", headers) == Answer(
        401, "invalid authorization header. Must start with Bearer "
    )


@pytest.mark.parametrize("case", ROWS)
async def test_every_version_answers_as_on_record(
    case: Case, each_real_server: servers.RunningServer, http: aiohttp.ClientSession
) -> None:
    """The table itself, for all who predict from it."""
    server = each_real_server
    target = Target("real", server.http_url, server.api_key, server.api_secret)
    token = _token(case, target)
    expected = case.expected(server.version)
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    assert await _answer(http, target, "/rtc/validate", bearer) == Answer(
        expected.status, expected.text(token)
    )
    upgraded = case.upgraded(server.version)
    assert await _answer(http, target, "/rtc", {**UPGRADE, **bearer}) == Answer(
        upgraded.status, upgraded.text(token)
    )
