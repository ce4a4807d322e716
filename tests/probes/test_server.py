"""Plain requests to raw servers that misbehave, and to real ones."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from probes.peers import CLOCK, Caller, address, free_port, peer, soon, timeless
from servers import RunningServer

from lkdoctor.facts.clock import ClockFact
from lkdoctor.facts.network import Family, NameNotFound, NetworkFact, Resolved, TcpRefused
from lkdoctor.facts.server import Exchange, HttpAnswer, NoAnswer, Silence
from lkdoctor.facts.signal import Phase, PhaseName, PhaseOutcome
from lkdoctor.probes import server
from lkdoctor.probes.base import Deadline
from lkdoctor.probes.route import Endpoint, Exchanged, dial
from lkdoctor.wire import http


async def test_livekit_is_looked_for_under_every_prefix(each_real_server: RunningServer) -> None:
    """Only where it is does it speak of permissions; a bad token it refuses on any path."""
    nowhere = address(each_real_server.port)._replace(path="/nowhere")
    async with dial(Endpoint(nowhere), soon()) as route:
        found = await server.search(route, ("", "/nowhere", "/livekit"), soon())
        bad = await server.refuse_bad_token(route, soon())
    said = [(f.prefix, f.answer.status, f.answer.body) for f in found if f.answer.kind == "answer"]
    assert said == [
        ("", 401, "no permissions to access the room"),
        ("/nowhere", 404, r"404 page not found\x0a"),
        ("/livekit", 404, r"404 page not found\x0a"),
    ]
    assert isinstance(bad, HttpAnswer)
    assert (bad.status, bad.body) == (401, "invalid authorization token")


async def root(endpoint: Endpoint, deadline: Deadline) -> Exchange:
    async with dial(endpoint, deadline) as route:
        return timeless((await server.look(route, deadline)).server.root)


async def closes_at_once(_: Caller) -> None:
    pass


async def closes_after_the_request(caller: Caller) -> None:
    await caller.head()


async def resets(caller: Caller) -> None:
    await caller.head()
    caller.reset()


async def is_silent(caller: Caller) -> None:
    await caller.hold()


async def drips_a_head(caller: Caller) -> None:
    await caller.say(b"HTTP/1.1 200 OK\r\n")
    while True:
        await caller.say(b"x")
        await asyncio.sleep(0.01)


async def drips_a_body(caller: Caller) -> None:
    await caller.say(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await caller.say(b"x")
        await asyncio.sleep(0.01)


async def never_ends_its_head(caller: Caller) -> None:
    await caller.say(b"HTTP/1.1 200 OK\r\n")
    while True:
        await caller.say(b"x: " + b"y" * 9000 + b"\r\n")


async def never_ends_its_body(caller: Caller) -> None:
    await caller.say(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await caller.say(b"y" * 9000)


async def speaks_ssh(caller: Caller) -> None:
    await caller.say(b"SSH-2.0-OpenSSH_9.6\r\n")
    await caller.hold()


async def redirects(caller: Caller) -> None:
    await caller.head()
    await caller.say(
        b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://elsewhere.example/?x=\x1b[31m\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def nothing(problem: Silence, detail: str, received: int = 0) -> NoAnswer:
    return NoAnswer(problem, detail, 0.0, received)


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        pytest.param(closes_after_the_request, nothing(Silence.CLOSED, "not a byte"), id="closes"),
        pytest.param(resets, nothing(Silence.RESET, "not a byte"), id="resets"),
        pytest.param(is_silent, nothing(Silence.TIMEOUT, "not a byte"), id="is silent"),
        pytest.param(
            speaks_ssh, nothing(Silence.NOT_HTTP, "SSH-2.0-OpenSSH_9.6", 20), id="another protocol"
        ),
        pytest.param(
            redirects,
            HttpAnswer(
                301,
                "Moved Permanently",
                (("location", "https://elsewhere.example/?x=\\x1b[31m"), ("content-length", "0")),
                "",
                0,
                0.0,
            ),
            id="redirects, which nobody follows",
        ),
        pytest.param(
            never_ends_its_body,
            HttpAnswer(200, "OK", (), "y" * 2048 + " (cut)", http.MAX_BODY, 0.0, truncated=True),
            id="a body without end",
        ),
    ],
)
async def test_misbehaviour(behaviour: Callable[[Caller], object], expected: Exchange) -> None:
    async with peer(behaviour) as there:  # type: ignore[arg-type]
        assert await root(Endpoint(there), soon(0.6)) == expected


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        pytest.param(drips_a_head, Silence.SLOW, id="drips a head"),
        pytest.param(drips_a_body, Silence.SLOW, id="drips a body"),
        pytest.param(never_ends_its_head, Silence.TOO_LARGE, id="never ends its head"),
    ],
)
async def test_bytes_without_end(behaviour: Callable[[Caller], object], problem: Silence) -> None:
    async with peer(behaviour) as there:  # type: ignore[arg-type]
        deadline = soon(0.6)
        answer = await root(Endpoint(there), deadline)
    assert isinstance(answer, NoAnswer)
    assert answer.problem is problem
    assert 0 < answer.received_bytes <= http.MAX_HEAD


async def test_closed_before_we_could_ask() -> None:
    async with peer(closes_at_once) as there:
        answer = await root(Endpoint(there), soon())
    assert answer in {nothing(Silence.CLOSED, "not a byte"), nothing(Silence.RESET, "not a byte")}


async def test_nobody_listens() -> None:
    there = address(free_port())
    deadline = soon()
    async with dial(Endpoint(there, unused_proxy="HTTPS_PROXY"), deadline) as route:
        assert not route.ready
        assert timeless(route.network) == NetworkFact(
            "127.0.0.1",
            there.port,
            Family.ANY,
            Resolved(("127.0.0.1",), 0.0, literal=True),
            (TcpRefused("127.0.0.1", there.port, 0.0),),
            "HTTPS_PROXY",
        )
        assert timeless(route.phases) == (
            Phase(PhaseName.DNS, PhaseOutcome.OK),
            Phase(PhaseName.TCP, PhaseOutcome.FAILED, detail="refused"),
        )
        said = await server.look(route, deadline)
    expected = nothing(Silence.NOT_CONNECTED, "there is no way to this server")
    assert said.server.root == expected
    assert said.clock.server is None


async def test_a_name_of_the_wrong_family() -> None:
    deadline = soon()
    async with dial(Endpoint(address(1), family=Family.IPV6), deadline) as route:
        assert not route.ready
        said = NameNotFound("127.0.0.1 is an IPv4 address", 0.0)
        assert timeless(route.network) == NetworkFact("127.0.0.1", 1, Family.IPV6, said)
        assert timeless(route.phases) == (
            Phase(PhaseName.DNS, PhaseOutcome.FAILED, detail="127.0.0.1 is an IPv4 address"),
        )


async def test_a_server_that_takes_one_connection_and_no_more() -> None:
    deadline = soon()
    async with contextlib.AsyncExitStack() as stack:
        async with peer(is_silent) as there:
            route = await stack.enter_async_context(dial(Endpoint(there), deadline))
        async with route.connection(deadline) as first:
            assert not isinstance(first, NoAnswer)
        answer = (await server.look(route, deadline)).server.root
    expected = nothing(Silence.NOT_CONNECTED, "a further connection failed: refused")
    assert timeless(answer) == expected


@pytest.mark.parametrize(
    ("date", "took_ms", "expected"),
    [
        pytest.param(
            "Mon, 21 Sep 2026 14:13:20 GMT",
            80.0,
            ClockFact(1_790_000_000.5, 1_790_000_000.54, 40.0, 540.0, "Date header"),
            id="half a second for the header, half a round trip for the way",
        ),
        pytest.param("", 80.0, ClockFact(1_790_000_000.5), id="none"),
        pytest.param(
            "Mon, 21 Sep 2026 14:13:20 -0000", 80.0, ClockFact(1_790_000_000.5), id="no zone"
        ),
        pytest.param("yesterday", 80.0, ClockFact(1_790_000_000.5), id="no date"),
        pytest.param("Mon, 21 Sep 99999 14:13:20 GMT", 80.0, ClockFact(1_790_000_000.5), id="far"),
    ],
)
def test_the_clock_of_an_answer(date: str, took_ms: float, expected: ClockFact) -> None:
    answer = http.Answer(200, "OK", (("date", date),), b"", truncated=False, head=b"")
    seen = server.clock_of(Exchanged(answer, took_ms, 1_790_000_000.5))
    if seen.skew_ms is not None and seen.server is not None:
        seen = seen._replace(skew_ms=round(seen.skew_ms, 3), server=round(seen.server, 3))
    assert seen == expected


async def test_a_real_server(each_real_server: RunningServer) -> None:
    deadline = soon()
    async with dial(Endpoint(address(each_real_server.port)), deadline) as route:
        said = await server.look(route, deadline)
    answer = said.server.root
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.body) == (200, "OK")
    assert said.clock.source == "Date header"
    assert said.clock.skew_ms is not None
    assert abs(said.clock.skew_ms) <= said.clock.uncertainty_ms + 100
    assert abs(said.clock.local - CLOCK.now()) < 60
