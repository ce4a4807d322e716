"""Whether LiveKit takes a room name or an identity, and what will bite although it does."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from lkdoctor.facts.name import GivenName, NameFact
from lkdoctor.findings import Evidence, Layer
from lkdoctor.names import MAX_BYTES, NameOf, Trouble, nearest_twin
from lkdoctor.rules.base import Check, Seen, cause

if TYPE_CHECKING:  # checking a name must not pay for what only a server's answer needs
    from lkdoctor.facts.api import ApiFact

_REFUSED: Final = (Trouble.EMPTY, Trouble.TOO_LONG, Trouble.NOT_TEXT)
_TREACHEROUS: Final = (
    Trouble.BLANK_EDGE,
    Trouble.CONTROL,
    Trouble.INVISIBLE,
    Trouble.LOOK_ALIKE,
    Trouble.NORMAL_FORM,
)


def _label(given: GivenName) -> str:
    return f"{given.of} {_quoted(given.shown)}"


def _quoted(name: str) -> str:
    return f'"{name}"' if len(name) <= 60 else f'"{name[:57]}…"'


def _evidence(names: Iterable[GivenName], troubles: tuple[Trouble, ...]) -> tuple[Evidence, ...]:
    found = [
        Evidence(_label(given), "; ".join(said), None, "name")
        for given in names
        if (said := [r.says for r in given.remarks if r.trouble in troubles])
    ]
    # A thousand names on standard input are a thousand lines of the table, not of each finding.
    if len(found) > 12:
        return (*found[:12], Evidence("and", f"{len(found) - 12} more names", None, "name"))
    return tuple(found)


def _with(*troubles: Trouble) -> Callable[[NameFact], Iterator[Seen]]:
    def judge(name: NameFact) -> Iterator[Seen]:
        evidence = _evidence(name.names, troubles)
        if evidence:
            yield Seen(evidence)

    return judge


def _mismatch(name: NameFact, api: "ApiFact | None" = None) -> Iterator[Seen]:
    among = tuple(
        Evidence(f"{t.of} {_quoted(t.first)} and {_quoted(t.second)}", t.how, None, "name")
        for t in name.twins
    )
    if among:
        yield Seen(among, case="among-themselves")
    if api is None or api.rooms is None or api.rooms.kind != "rooms":
        return
    existing = [room.name for room in api.rooms.rooms]
    for given in name.names:
        if given.of is not NameOf.ROOM or given.shown in existing:
            continue
        twin = nearest_twin(given.shown, existing)
        if twin is not None:
            yield Seen(
                (
                    Evidence("room asked for", _quoted(given.shown), None, "name"),
                    Evidence(
                        "room that exists", f"{_quoted(twin.second)}: {twin.how}", None, "api"
                    ),
                )
            )


def _off_template(name: NameFact) -> Iterator[Seen]:
    evidence = tuple(
        Evidence(_label(given), given.off_template, None, "name")
        for given in name.names
        if given.off_template
    )
    if evidence:
        yield Seen(evidence[:12])


# ------------------------------------------------------------------ checks


def _see(troubles: tuple[Trouble, ...], fine: str) -> Callable[[NameFact], str | None]:
    def look(name: NameFact) -> str | None:
        if not name.names:
            return None
        if any(remark.trouble in troubles for given in name.names for remark in given.remarks):
            return None
        return fine

    return look


def _see_template(name: NameFact) -> str | None:
    return "as the project builds them" if name.names else None


CHECKS: Final = (
    Check(
        id="name.accepted",
        layer=Layer.NAME,
        title="LiveKit takes the names",
        look=_see(_REFUSED, f"not empty, at most {MAX_BYTES} bytes"),
    ),
    Check(
        id="name.clear",
        layer=Layer.NAME,
        title="Nobody takes a name for another one",
        look=_see(_TREACHEROUS, "nothing that the eye misses"),
        needs=("name.accepted",),
        essential=False,
    ),
    Check(
        id="name.portable",
        layer=Layer.NAME,
        title="URLs and file names can hold the names",
        look=_see((Trouble.URL, Trouble.FILE), "nothing that URLs or file names trip over"),
        needs=("name.accepted",),
        essential=False,
    ),
    Check(
        id="name.template",
        layer=Layer.NAME,
        title="The names are built as the project builds them",
        look=_see_template,
        needs=("name.accepted",),
        essential=False,
    ),
)


# ------------------------------------------------------------------ rules


RULES: Final = (
    cause("name-refused", _with(*_REFUSED)),
    cause("name-placeholder", _with(Trouble.PLACEHOLDER)),
    cause("name-treacherous", _with(*_TREACHEROUS)),
    cause("room-name-mismatch", _mismatch),
    cause("identity-collision", _with(Trouble.GENERIC)),
    cause("identity-number", _with(Trouble.NUMBER)),
    cause("name-url-unsafe", _with(Trouble.URL)),
    cause("name-file-unsafe", _with(Trouble.FILE)),
    cause("name-off-template", _off_template),
)
