"""Facts that raise each cause of `rules/name.py`, and the nearest that do not."""

from collections.abc import Callable
from typing import Final

from examples.base import Example
from examples.healthy import healthy
from lkdoctor.facts import Facts
from lkdoctor.facts.name import name_fact
from lkdoctor.names import NameOf


def _named(*names: str, of: NameOf = NameOf.ROOM, off: str | None = None) -> Callable[[], Facts]:
    def facts() -> Facts:

        return healthy()._replace(name=name_fact((name, of, off) for name in names))

    return facts


_GOOD: Final = _named("booking-k57a")


EXAMPLES: Final = {
    "name-refused": Example(_named("r" * 257), _named("r" * 256)),
    "name-placeholder": Example(_named("booking-${id}"), _GOOD),
    "name-treacherous": Example(_named("demo\u200b"), _GOOD),
    "room-name-mismatch": Example(
        _named("Booking-1", "booking-1"), _named("booking-1", "booking-2")
    ),
    "identity-collision": Example(
        _named("guest", of=NameOf.IDENTITY), _named("k57a", of=NameOf.IDENTITY)
    ),
    "identity-number": Example(
        _named("4711", of=NameOf.IDENTITY), _named("user-4711", of=NameOf.IDENTITY)
    ),
    "name-url-unsafe": Example(_named("a#b"), _GOOD),
    "name-file-unsafe": Example(_named("nul"), _GOOD),
    "name-off-template": Example(
        _named("demo", off="does not fit booking-{booking} (lkdoctor.toml)"), _GOOD
    ),
}
