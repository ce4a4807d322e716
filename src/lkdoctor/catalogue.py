"""Every check and every rule, in layer order; explain, the docs pages and the tests read it here.

A layer's module is imported when its rules are asked for, so that a command that judges two
layers does not pay for twelve.
"""

import importlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from lkdoctor import redact
from lkdoctor.findings import Layer

if TYPE_CHECKING:
    from lkdoctor.rules.base import Check, Rule
    from lkdoctor.rules.words import Words

LAYERS: Final = (
    Layer.ENV,
    Layer.URL,
    Layer.NETWORK,
    Layer.TLS,
    Layer.PROXY,
    Layer.CLOCK,
    Layer.TOKEN,
    Layer.NAME,
    Layer.SIGNAL,
    Layer.SERVER,
    Layer.API,
    Layer.MEDIA,
    Layer.APP,
    Layer.CLOUD,
)
"""The layers that have rules."""

_MODULES: Final = {
    Layer.SERVER: ("server", "server_config"),
    Layer.MEDIA: ("media", "rehearsal"),
}
"""The modules of a layer that has others than the one of its name."""


def modules_of(layer: Layer) -> tuple[str, ...]:
    """The modules of `lkdoctor.rules` that hold a layer's ``CHECKS`` and ``RULES``."""
    return _MODULES.get(layer, (str(layer),))


def checks(layers: Iterable[Layer] = LAYERS) -> Iterator["Check"]:
    """The checks of these layers, in layer order."""
    for module in _modules(layers):
        yield from module.CHECKS


def rules(layers: Iterable[Layer] = LAYERS) -> Iterator["Rule"]:
    """The rules of these layers, in layer order."""
    for module in _modules(layers):
        yield from module.RULES


def named(codes: Iterable[tuple[Layer, str]]) -> Iterator["Rule"]:
    """The rules of these codes, each in the layer that holds it."""
    wanted = set(codes)
    names = {code for _, code in wanted}
    for rule in rules(layer for layer, _ in wanted):
        if rule.code in names and (rule.words.layer, rule.code) in wanted:
            yield rule


def by_code() -> dict[str, "Rule"]:
    """All rules by their code."""
    return {rule.code: rule for rule in rules()}


def codes() -> tuple[str, ...]:
    """The codes of all causes, those that only logs name included, by the alphabet."""
    from pathlib import Path

    from lkdoctor.rules.words import FOLDER

    return tuple(sorted(path.stem for path in Path(FOLDER).glob("*.toml")))


def cause(code: str) -> "Words":
    """How a cause is told; one file is read.

    Raises:
        KeyError: there is none of this code.
    """
    from lkdoctor.rules import words

    return words.of(code)


def causes() -> Iterator["Words"]:
    """How every cause is told, in layer order; those that only logs name stand last in theirs."""
    ruled = [rule.code for rule in rules()]
    told = [cause(code) for code in (*ruled, *sorted(set(codes()) - set(ruled)))]
    order = list(Layer)
    yield from sorted(told, key=lambda words: order.index(words.layer))


def _modules(layers: Iterable[Layer]) -> Iterator["_Module"]:
    wanted = set(layers)
    for layer in LAYERS:
        for name in modules_of(layer) if layer in wanted else ():
            module = importlib.import_module(f"lkdoctor.rules.{name}")
            redact.spare(
                (*(check.id for check in module.CHECKS), *(rule.code for rule in module.RULES))
            )
            yield module


if TYPE_CHECKING:
    from typing import Protocol

    class _Module(Protocol):
        CHECKS: tuple[Check, ...]
        RULES: tuple[Rule, ...]
