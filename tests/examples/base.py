"""What an example of a cause is."""

from collections.abc import Callable
from typing import NamedTuple

from lkdoctor.facts import Facts


class Example(NamedTuple):
    """Facts of one cause."""

    sick: Callable[[], Facts]
    """They raise its finding."""
    healthy: Callable[[], Facts]
    """The nearest that do not."""
