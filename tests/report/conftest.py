"""Renderings are the same whatever secrets other tests have registered before."""

from collections.abc import Iterator

import pytest

from lkdoctor import redact


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """No secret is known at first, and what a test registers is forgotten after it."""
    before = redact.remembered()
    redact.forget()
    yield
    redact.forget(before)
