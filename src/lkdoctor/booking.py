"""From a booking and a user to a room, an identity and a role, by the project's own rules.

The rules stand in ``lkdoctor.toml``, or in ``pyproject.toml`` under ``[tool.lkdoctor]``::

    [booking]
    room = "booking-{booking}"
    identity = "{user}"
    id_pattern = "convex"           # or a regular expression for booking and user ids

    [roles.supervisor]              # a role of the project's own: video grants by their names
    roomJoin = true
    canPublish = false
    hidden = true
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from lkdoctor import digits, names
from lkdoctor.errors import UsageError
from lkdoctor.tokens import grants

PATTERNS: Final[Mapping[str, tuple[str, str]]] = {
    "convex": ("[a-z0-9]{32}", "32 lower-case letters and digits"),
    "uuid": (
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "a UUID in lower case",
    ),
    "integer": ("[0-9]+", "digits"),
}
"""Kinds of ids that have a name; anything else is a regular expression."""

FIELDS: Final = ("booking", "user", "role")

NO_ROLE: Final = (
    "no role was given, so these are a client's grants: --role, or --provider and --client"
)


class BookingRules(NamedTuple):
    """How this project names its rooms and people."""

    room: str = "booking-{booking}"
    identity: str = "{user}"
    id_pattern: str | None = None
    """A name of `PATTERNS` or a regular expression."""
    roles: Mapping[str, Mapping[str, object]] = grants.ROLES
    origin: str = "built in"
    """Where the rules were read."""
    templates_given: bool = False
    """The project has said how it names things; the built-in templates bind nobody."""


class Seat(NamedTuple):
    """One person's place in one booking."""

    room: str
    identity: str
    role: str | None
    video: Mapping[str, object]
    notes: tuple[str, ...] = ()


# ------------------------------------------------------------------ reading the table


def parse(table: Mapping[str, object], origin: str) -> BookingRules:
    """Read the tables ``booking`` and ``roles`` of a project file."""
    booking = _table(table, "booking", origin)
    known = ("room", "identity", "id_pattern")
    for key in booking:
        if key not in known:
            near = grants.nearest(key, known)
            raise UsageError(
                f"{origin}: booking.{key} is not a setting",
                advice=(f"Did you mean {near}?" if near else f"There are: {', '.join(known)}.",),
            )
    rules = BookingRules(origin=origin)
    return BookingRules(
        room=_template(booking, "room", rules.room, origin),
        identity=_template(booking, "identity", rules.identity, origin),
        id_pattern=_pattern(booking, origin),
        roles=_roles(_table(table, "roles", origin), origin),
        origin=origin,
        templates_given=bool(booking),
    )


def _table(table: Mapping[str, object], key: str, origin: str) -> Mapping[str, object]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise UsageError(f"{origin}: {key} is not a table", advice=(f"Write [{key}] on a line.",))
    return value


def _template(booking: Mapping[str, object], key: str, default: str, origin: str) -> str:
    value = booking.get(key, default)
    if not isinstance(value, str) or not value:
        raise UsageError(f"{origin}: booking.{key} is not a text", advice=(f'{key} = "{default}"',))
    for field in names.fields_of(value):
        if field not in FIELDS:
            raise UsageError(
                f"{origin}: booking.{key} has the unknown field {{{field}}}",
                advice=(f"The fields are: {', '.join('{' + f + '}' for f in FIELDS)}.",),
            )
    if not names.fields_of(value):
        raise UsageError(
            f"{origin}: booking.{key} has no field, so everyone would get the same {key}",
            advice=(f'{key} = "{default}"',),
        )
    return value


def _pattern(booking: Mapping[str, object], origin: str) -> str | None:
    value = booking.get("id_pattern")
    if value is None:
        return None
    advice = (f"Write one of {', '.join(PATTERNS)}, or a regular expression.",)
    if not isinstance(value, str):
        raise UsageError(f"{origin}: booking.id_pattern is not a text", advice=advice)
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        message = f"{origin}: booking.id_pattern is not a regular expression: {error}"
        raise UsageError(message, advice=advice) from None
    return value


def _roles(table: Mapping[str, object], origin: str) -> Mapping[str, Mapping[str, object]]:
    roles = dict(grants.ROLES)
    for role, given in table.items():
        if not isinstance(given, Mapping):
            raise UsageError(
                f"{origin}: roles.{role} is not a table",
                advice=(f"Write [roles.{role}] on a line, and grants such as roomJoin = true.",),
            )
        for name, value in given.items():
            check_grant(name, value, where=f"{origin}: roles.{role}")
        roles[role] = {"roomJoin": True, **given}
    return roles


def check_grant(name: str, value: object, *, where: str) -> grants.Grant:
    """The grant of this name, or the user's mistake with the nearest right name."""
    grant = grants.find(name)
    if grant is None:
        near = grants.find_near(name)
        raise UsageError(
            f"{where}: there is no grant {name!r}; servers ignore it in silence",
            advice=(f"Did you mean {near.path}?",)
            if near
            else ("lkdoctor explain token-grant-misspelt",),
        )
    good = {
        grants.ValueType.SWITCH: isinstance(value, bool),
        grants.ValueType.TEXT: isinstance(value, str),
        grants.ValueType.TEXTS: isinstance(value, list | tuple)
        and all(isinstance(v, str) for v in value),
    }[grant.type]
    if not good:
        raise UsageError(f"{where}: {grant.path} must be {grant.type}")
    return grant


# ------------------------------------------------------------------ ids


def pattern_of(rules: BookingRules) -> tuple[str, str] | None:
    """The regular expression of ids and what it means in words."""
    if rules.id_pattern is None:
        return None
    return PATTERNS.get(rules.id_pattern, (rules.id_pattern, f"what matches {rules.id_pattern}"))


def why_not(rules: BookingRules, value: str) -> str | None:
    """The reason why an id does not fit the project's pattern; none when it fits."""
    pattern = pattern_of(rules)
    if pattern is None or re.fullmatch(pattern[0], value):
        return None
    expression, words = pattern
    reasons = []
    fixed = re.search(r"\{([0-9]+)\}$", expression)
    if fixed and expression.startswith("[") and expression.count("]") == 1:
        wrong = sorted({c for c in value if not re.fullmatch(expression[: fixed.start()], c)})
        if len(value) != digits.number(fixed[1]):
            reasons.append(f"it has {len(value)} characters, not {fixed[1]}")
        if wrong:
            shown = " ".join(repr(c) for c in wrong[:5])
            reasons.append(f"{shown} cannot stand in it")
    return f"ids are {words}" + (f"; {', and '.join(reasons)}" if reasons else "")


def check_id(rules: BookingRules, what: str, value: str) -> str:
    """The id when it fits; else the user's mistake with the reason."""
    if not value:
        raise UsageError(f"the {what} is empty")
    reason = why_not(rules, value)
    if reason is not None:
        raise UsageError(
            f"the {what} {value!r} does not fit id_pattern ({rules.origin}): {reason}",
            advice=("Copy the id from the app's database, not from what a page shows.",),
        )
    return value


def off_template(rules: BookingRules, name: str, of: names.NameOf) -> str | None:
    """Why a name cannot come out of the project's template; none where it can, or there is none."""
    template = rules.room if of is names.NameOf.ROOM else rules.identity
    if not (rules.templates_given and name):
        return None
    pattern = pattern_of(rules)
    patterns = dict.fromkeys(("booking", "user"), pattern[0]) if pattern is not None else {}
    patterns["role"] = "|".join(re.escape(role) for role in rules.roles)
    if names.fits(name, template, patterns):
        return None
    ids = f", ids being {pattern[1]}" if pattern is not None else ""
    return f"does not fit {template}{ids} ({rules.origin})"


# ------------------------------------------------------------------ the seat


def role_of(
    rules: BookingRules, *, user: str, role: str | None, provider: str | None, client: str | None
) -> str | None:
    """The role that was asked for, or that follows from who the two people are."""
    if role is not None and role not in rules.roles:
        near = grants.nearest(role, rules.roles)
        raise UsageError(
            f"there is no role {role!r} ({rules.origin})",
            advice=(
                f"Did you mean {near}?" if near else f"There are: {', '.join(rules.roles)}.",
                "A project defines its own under [roles.NAME] in lkdoctor.toml.",
            ),
        )
    if provider is None and client is None:
        return role
    if provider is not None and provider == client:
        raise UsageError(
            f"provider and client are the same person ({provider!r})",
            advice=("One identity can be in a room once: the second connection ends the first.",),
        )
    derived = "provider" if user == provider else "client" if user == client else None
    if derived is None:
        if role is not None and None in {provider, client}:
            return role
        raise UsageError(
            f"the user {user!r} is neither the provider nor the client of this booking",
            advice=(
                f"The booking has: provider {provider or 'not given'}, client {client or 'not given'}.",
                "Give --role to mint for somebody else.",
            ),
        )
    if role is not None and role != derived:
        raise UsageError(
            f"--role {role} contradicts the booking, in which {user!r} is the {derived}",
            advice=("Leave out one of the two.",),
        )
    return derived


def seat(
    rules: BookingRules,
    *,
    booking: str,
    user: str,
    role: str | None = None,
    provider: str | None = None,
    client: str | None = None,
) -> Seat:
    """Room, identity and grants of a user in a booking."""
    check_id(rules, "booking", booking)
    check_id(rules, "user", user)
    actual = role_of(rules, user=user, role=role, provider=provider, client=client)
    values = {"booking": booking, "user": user, "role": actual or "client"}
    return seat_at(
        rules,
        room=names.fill(rules.room, values),
        identity=names.fill(rules.identity, values),
        role=actual,
    )


def seat_at(rules: BookingRules, *, room: str, identity: str, role: str | None) -> Seat:
    """A place outside of any booking, with a role's grants."""
    return Seat(
        room=room,
        identity=identity,
        role=role,
        video={**rules.roles[role or "client"], "room": room},
        notes=() if role else (NO_ROLE,),
    )
