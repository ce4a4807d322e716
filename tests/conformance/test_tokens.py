"""The token check: every row, on every path, at the sandbox and at the real server."""

import time

import aiohttp
import pytest
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
async def test_every_path_says_the_same(
    case: Case, target: Target, http: aiohttp.ClientSession
) -> None:
    """In the header and in the query, validated and joined with; where there is no such path, 404."""
    token = _token(case, target)
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    quoted = token.replace("%", "%25").replace("+", "%2B").replace("#", "%23").replace('"', "%22")
    in_query = f"/rtc/validate?access_token={quoted}".replace("\\", "%5C")
    wrapped = f"?join_request={join_request()}"
    valid, joined = case.expected(target.version), case.upgraded(target.version)
    v1 = target.version not in BEFORE_V1
    expected = {
        "/rtc/validate": valid,
        in_query: valid,
        f"/rtc/v1/validate{wrapped}": valid if v1 else _without_path(valid),
        "/rtc?protocol=16": joined,
        f"/rtc/v1{wrapped}": joined if v1 else _without_path(joined),
    }
    answers = {}
    for path in expected:
        upgrade = {} if "validate" in path else UPGRADE
        headers = {**upgrade, **({} if path == in_query else bearer)}
        answers[path] = await _answer(http, target, path, headers)
    assert answers == {
        path: Answer(answer.status, answer.text(token)) for path, answer in expected.items()
    }


BEFORE_V1 = ("1.8.4", "1.5.0")


def _without_path(answer: Answer) -> Answer:
    """Who is let in, and whether there is such a path, are asked in this order."""
    known = answer.body.startswith(("invalid token:", "invalid API key", "invalid authorization"))
    return answer if known else Answer(404, "404 page not found\n")


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
