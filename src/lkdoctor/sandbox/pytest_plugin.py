"""`lkdoctor_sandbox`: a LiveKit stand-in for the tests of an app.

    def test_join(lkdoctor_sandbox):
        sandbox = lkdoctor_sandbox()                              # healthy
        broken = lkdoctor_sandbox(faults=["signal-room-full"])    # as `lkdoctor sandbox --list-faults`
        old = lkdoctor_sandbox(version="1.8", faults=["signal-timeout@/rtc#1"])
        assert my_app.join(sandbox.url, sandbox.token("alice"))

    @pytest.mark.lkdoctor_sandbox(faults=["signal-timeout"], version="1.9")
    def test_patience(lkdoctor_sandbox):
        sandbox = lkdoctor_sandbox()                              # as the mark says

Loading this costs nothing: the server is imported when a test asks for one.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lkdoctor.sandbox import Sandbox

MARK = "lkdoctor_sandbox"


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, for those who are strict about marks."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(faults=..., version=...): what the fixture {MARK} starts, unless a call says otherwise",
    )


@pytest.fixture
def lkdoctor_sandbox(request: pytest.FixtureRequest) -> "Iterator[Callable[..., Sandbox]]":
    """Starts stand-ins on free loopback ports, and stops them when the test ends.

    The arguments are those of `lkdoctor.sandbox.running_sandbox`; those of the mark
    `lkdoctor_sandbox`, nearest first, hold where a call does not say otherwise.
    """
    marked: dict[str, Any] = {}
    for mark in request.node.iter_markers(MARK):
        marked = {**mark.kwargs, **marked}
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> "Sandbox":
            from lkdoctor.sandbox import running_sandbox

            return stack.enter_context(running_sandbox(**{**marked, **options}))

        yield start
