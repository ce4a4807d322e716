"""What a test needs of the machine: skipped where it is missing, failed where it must be there."""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """End the test: with LKDOCTOR_REQUIRE_SERVER=1, as in CI, nothing is skipped in silence.

    Args:
        what: what is missing and how to get it.
    """
    if os.environ.get("LKDOCTOR_REQUIRE_SERVER") == "1":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)
