"""Whether LiveKit takes a room name or an identity, and what will bite although it does."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from lkdoctor.facts import Facts
from lkdoctor.facts.name import GivenName, NameFact, name_fact
from lkdoctor.findings import Confidence, Evidence, FixStep, Layer, Severity, Snippet
from lkdoctor.names import MAX_BYTES, NameOf, Trouble, nearest_twin
from lkdoctor.rules.base import Check, Judgement, Rule

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


def _with(*troubles: Trouble) -> Callable[[NameFact], Iterator[Judgement]]:
    def judge(name: NameFact) -> Iterator[Judgement]:
        evidence = _evidence(name.names, troubles)
        if evidence:
            yield Judgement(evidence)

    return judge


def _mismatch(name: NameFact, api: "ApiFact | None" = None) -> Iterator[Judgement]:
    among = tuple(
        Evidence(f"{t.of} {_quoted(t.first)} and {_quoted(t.second)}", t.how, None, "name")
        for t in name.twins
    )
    if among:
        yield Judgement(among, title="Names that are easily taken for each other")
    if api is None or api.rooms is None or api.rooms.kind != "rooms":
        return
    existing = [room.name for room in api.rooms.rooms]
    for given in name.names:
        if given.of is not NameOf.ROOM or given.shown in existing:
            continue
        twin = nearest_twin(given.shown, existing)
        if twin is not None:
            yield Judgement(
                (
                    Evidence("room asked for", _quoted(given.shown), None, "name"),
                    Evidence(
                        "room that exists", f"{_quoted(twin.second)}: {twin.how}", None, "api"
                    ),
                )
            )


def _off_template(name: NameFact) -> Iterator[Judgement]:
    evidence = tuple(
        Evidence(_label(given), given.off_template, None, "name")
        for given in name.names
        if given.off_template
    )
    if evidence:
        yield Judgement(evidence[:12])


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


def _named(*names: str, of: NameOf = NameOf.ROOM, off: str | None = None) -> Callable[[], Facts]:
    def facts() -> Facts:
        from lkdoctor.rules.examples import healthy

        return healthy()._replace(name=name_fact((name, of, off) for name in names))

    return facts


_GOOD: Final = _named("booking-k57a")
_ONE_SOURCE: Final = FixStep(
    "Build the name in one place, the backend, and hand it to clients together with the token.",
    snippet=Snippet(
        "js", "const room = `booking-${booking._id}`;  // an id, never what someone typed"
    ),
)

RULES: Final = (
    Rule(
        code="name-refused",
        check="name.accepted",
        layer=Layer.NAME,
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        title="LiveKit refuses this name",
        symptoms=(
            "Encountered websocket error during connection establishment",
            "room name length exceeds limits: max length 256",
            "no room name",
            "identity cannot be empty",
        ),
        cause=f"A room name and an identity must not be empty and must not exceed {MAX_BYTES} bytes of "
        "UTF-8 (a letter such as é has two, an emoji four). Servers before 1.9 join a room named "
        "nothing instead.",
        how=f"The name's length in UTF-8, against LiveKit's default limit of {MAX_BYTES} bytes.",
        fix=(
            FixStep(
                "Use an id of the app's database as name; put titles into the room's metadata."
            ),
        ),
        source="livekit-server pkg/service/utils.go (ValidateConnectRequest), config.go; livekit/livekit#4602",
        judge=_with(*_REFUSED),
        sick=_named("r" * 257),
        healthy=_named("r" * 256),
        related=("token-limits", "token-room-missing"),
    ),
    Rule(
        code="name-placeholder",
        check="name.accepted",
        layer=Layer.NAME,
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        title="The name is a variable that was never set",
        symptoms=("everyone lands in one room, or throws each other out",),
        cause="The name is what JavaScript or a template writes for a missing value, so every caller "
        "whose value is missing gets the same one.",
        how="The name is undefined, null, [object Object] or a template with its braces still in it.",
        fix=(
            FixStep(
                "Refuse to mint a token when the booking or the user is missing.",
                snippet=Snippet(
                    "js", 'if (!booking?._id || !user?._id) throw new Error("no booking or user");'
                ),
            ),
        ),
        source="JavaScript's template literals; LiveKit takes any text",
        judge=_with(Trouble.PLACEHOLDER),
        sick=_named("booking-${id}"),
        healthy=_GOOD,
        related=("token-room-missing", "identity-collision"),
    ),
    Rule(
        code="name-treacherous",
        check="name.clear",
        layer=Layer.NAME,
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN,
        title="The name holds what nobody sees",
        symptoms=("everyone connects, alone",),
        cause="LiveKit compares names byte by byte. Blanks at the ends, characters without a glyph, "
        "letters that look like others and the two Unicode forms of é all make another room or another "
        "person of what looks like one name.",
        how="Each character's Unicode category, name and normal form.",
        fix=(
            FixStep("Build names from ids of plain letters, digits, - and _."),
            FixStep(
                "Where people type names, normalise before minting:",
                snippet=Snippet("js", 'const room = typed.normalize("NFC").trim();'),
            ),
        ),
        source="Unicode UAX 15 (normal forms), UTS 39 (confusables); livekit/agents-js#290",
        judge=_with(*_TREACHEROUS),
        sick=_named("demo\u200b"),
        healthy=_GOOD,
        related=("room-name-mismatch",),
    ),
    Rule(
        code="room-name-mismatch",
        check="name.clear",
        layer=Layer.NAME,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        title="The two sides mean one room and name two",
        symptoms=("everyone connects, alone",),
        cause="Two names that a person reads as one differ in case, blanks, hyphens or letters that look "
        "alike. LiveKit keeps them apart, so each side waits in a room of its own.",
        how="Names that are equal once case, blanks, hyphens and look-alikes are folded, among those "
        "given and among the rooms that exist.",
        fix=(
            _ONE_SOURCE,
            FixStep("Compare the two tokens:", command="lkdoctor token compare A B"),
        ),
        source="livekit/agents-js#290, livekit/components-js#875",
        judge=_mismatch,
        sick=_named("Booking-1", "booking-1"),
        healthy=_named("booking-1", "booking-2"),
        explains=("api-not-found",),
        related=("name-treacherous",),
    ),
    Rule(
        code="identity-collision",
        check="name.clear",
        layer=Layer.NAME,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        title="The identity is the same for everyone",
        symptoms=(
            "Disconnected with DUPLICATE_IDENTITY",
            "two tabs throw each other out in a loop",
        ),
        cause="An identity can be in a room once: when the second connection arrives, the first one is "
        "disconnected. A constant such as user or guest is shared by everybody.",
        how="The identity is one of the words that examples use.",
        fix=(FixStep("Use the user's id; for several tabs or devices append something random."),),
        source="livekit/agents#236, livekit/livekit#4620, livekit/client-sdk-js#1565",
        judge=_with(Trouble.GENERIC),
        sick=_named("guest", of=NameOf.IDENTITY),
        healthy=_named("k57a", of=NameOf.IDENTITY),
    ),
    Rule(
        code="identity-number",
        check="name.accepted",
        layer=Layer.NAME,
        severity=Severity.INFO,
        confidence=Confidence.HINT,
        title="The identity is digits only",
        symptoms=("invalid authorization token",),
        cause="A token maker of your own that takes the id as a number writes sub as a JSON number, and "
        "every server refuses that token.",
        how="The identity has digits only.",
        fix=(
            FixStep(
                "Turn ids into text when minting.",
                snippet=Snippet("js", "identity: String(user.id)"),
            ),
        ),
        source="measured with livekit-server 1.5 to 1.13: 401 `invalid authorization token`",
        judge=_with(Trouble.NUMBER),
        sick=_named("4711", of=NameOf.IDENTITY),
        healthy=_named("user-4711", of=NameOf.IDENTITY),
        related=("token-claim-type",),
    ),
    Rule(
        code="name-url-unsafe",
        check="name.portable",
        layer=Layer.NAME,
        severity=Severity.WARNING,
        confidence=Confidence.HINT,
        title="The name breaks URLs that hold it",
        symptoms=("a join link opens the wrong room, or none",),
        cause="/ ? # % & + and \\ mean something in a URL. LiveKit takes them, but join links, dashboards "
        "and webhooks' handlers that put the name into a path or a query cut or change it.",
        how="The name holds one of the characters that RFC 3986 reserves, or a percent sign.",
        fix=(
            FixStep(
                "Leave them out of names, or encode the name in every URL.",
                snippet=Snippet("js", "`/join/${encodeURIComponent(room)}`"),
            ),
        ),
        source="RFC 3986, section 2.2",
        judge=_with(Trouble.URL),
        sick=_named("a#b"),
        healthy=_GOOD,
    ),
    Rule(
        code="name-file-unsafe",
        check="name.portable",
        layer=Layer.NAME,
        severity=Severity.WARNING,
        confidence=Confidence.HINT,
        title="The name cannot be a file name everywhere",
        symptoms=("a recording is missing, or lies in another folder",),
        cause="Recordings are named after the room (egress fills {room_name} into the path). Windows and "
        "some storages refuse or change such a name; a slash makes a folder.",
        how="Characters and device names that Windows reserves, and the 255 bytes that file systems take.",
        fix=(FixStep("Name recordings after the room's sid or the booking's id: {room_id}."),),
        source="Microsoft, Naming Files, Paths, and Namespaces; livekit/egress README (filepath templates)",
        judge=_with(Trouble.FILE),
        sick=_named("nul"),
        healthy=_GOOD,
    ),
    Rule(
        code="name-off-template",
        check="name.template",
        layer=Layer.NAME,
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        title="The name is not one that this project makes",
        symptoms=("everyone connects, alone",),
        cause="The project's templates (lkdoctor.toml) build every room name and identity; this one cannot "
        "come out of them, so the app looks for another.",
        how="The name against the template of lkdoctor.toml or [tool.lkdoctor], with the pattern of its ids.",
        fix=(_ONE_SOURCE, FixStep("If the app has changed, change the template in lkdoctor.toml.")),
        source="the project's own lkdoctor.toml",
        judge=_off_template,
        sick=_named("demo", off="does not fit booking-{booking} (lkdoctor.toml)"),
        healthy=_GOOD,
        related=("room-name-mismatch",),
    ),
)
