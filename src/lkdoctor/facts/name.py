"""Room names and identities that were given, and what is the matter with them."""

from collections.abc import Iterable
from typing import NamedTuple

from lkdoctor.names import NameOf, Remark, byte_length, examine, twins
from lkdoctor.redact import safe

MAX_SHOWN = 400
"""Characters of a name that are shown."""


class GivenName(NamedTuple):
    """One name."""

    of: NameOf
    shown: str
    """Safe to show."""
    bytes: int
    remarks: tuple[Remark, ...] = ()
    off_template: str | None = None
    """Why it does not fit the project's own template; none where it does, or there is none."""


class TwinNames(NamedTuple):
    """Two of the names that are easily taken for one."""

    of: NameOf
    first: str
    second: str
    how: str


class NameFact(NamedTuple):
    """All names that were given."""

    names: tuple[GivenName, ...] = ()
    twins: tuple[TwinNames, ...] = ()


def given_name(name: str, of: NameOf, off_template: str | None = None) -> GivenName:
    """A name, examined."""
    return GivenName(of, safe(name, MAX_SHOWN), byte_length(name), examine(name, of), off_template)


def name_fact(given: Iterable[tuple[str, NameOf, str | None]]) -> NameFact:
    """Names with whose they are and why they do not fit the project's template, as facts."""
    given = tuple(given)
    return NameFact(
        names=tuple(given_name(name, of, off) for name, of, off in given),
        twins=tuple(
            TwinNames(of, safe(twin.first, MAX_SHOWN), safe(twin.second, MAX_SHOWN), twin.how)
            for of in NameOf
            for twin in twins(name for name, whose, _ in given if whose is of)
        ),
    )
