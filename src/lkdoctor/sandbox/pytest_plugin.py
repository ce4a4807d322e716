"""`lkdoctor_sandbox`: a LiveKit stand-in for the tests of an app.

    def test_join(lkdoctor_sandbox):
        sandbox = lkdoctor_sandbox()                       # healthy
        broken = lkdoctor_sandbox(faults=["room-full"])    # as `lkdoctor sandbox --list-faults`
        assert my_app.join(sandbox.url, sandbox.token("alice"))

Loading this costs nothing: the server is imported when a test asks for one.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lkdoctor.sandbox import Sandbox


@pytest.fixture
def lkdoctor_sandbox() -> "Iterator[Callable[..., Sandbox]]":
    """Starts stand-ins on free loopback ports, and stops them when the test ends.

    The arguments are those of `lkdoctor.sandbox.running_sandbox`; faults may be given by name.
    """
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> "Sandbox":
            from lkdoctor.sandbox import running_sandbox

            return stack.enter_context(running_sandbox(**options))

        yield start
