"""A secret where the name of a file belongs is named for what it is, and repeated nowhere."""

from collections.abc import Iterator

import pytest

from safety.canary import Terminal, leaks, token, token_leaks

SECRET = "Zq7Wk3Rt9LxP8vNb5Hc1Yd6Gf4Js0UaTeM2oIiEw1"
AT = "--url wss://127.0.0.1:1 --api-key k"

COMMANDS = {
    "api secret": f"diagnose {AT} --api-secret-file",
    "token": f"diagnose {AT} --token-file",
    "token of a probe": f"ws-probe {AT} --token-file",
    ".env": "check-env --env-file",
    "report": "diagnose --from",
    "server's configuration": f"diagnose {AT} --server-config",
    "authority": f"diagnose {AT} --ca-file",
    "log": "explain --log",
    "report to write": "check-env --save",
    "cases to write": "check-env --junit-file",
    "secret that lists rooms": f"rooms list {AT} --api-secret-file",
    "secret that signs": "token --room a --identity b --api-key k --api-secret-file",
    "secret of a rehearsal": f"rehearse {AT} --room a --as provider:a --as client:b --api-secret-file",
}


FORMS: tuple[list[str], ...] = (
    [],
    ["-j"],
    ["-o", "ndjson"],
    ["-o", "github"],
    ["--junit-file", "j.xml"],
)
ALONE = ("explain", "token", "rooms")
"""Commands that have not all of these forms."""


KINDS = ("token", "secret", "long token")


def cases() -> Iterator[tuple[str, str, list[str]]]:
    for command, line in COMMANDS.items():
        words = line.split()
        for kind in KINDS:
            if words[-1] in {"--save", "--junit-file"} and kind == "secret":
                continue  # a file of any name can be made
            for form in FORMS[:1] if words[0] in ALONE else FORMS:
                if words[-1] not in form:
                    yield command, kind, form


@pytest.mark.parametrize(("command", "kind", "form"), list(cases()))
def test_what_it_is_and_not_what_it_says(
    command: str, kind: str, form: list[str], terminal: Terminal
) -> None:
    words = COMMANDS[command].split()
    attributes = {"a": "b" * (3000 if kind == "long token" else 1)}
    given = SECRET if kind == "secret" else token("APIx", SECRET, attributes=attributes)
    shown = terminal.run(*words, given, *form, env={})
    assert shown.code == 2, shown.err
    what = "a secret" if kind == "secret" else "a token"
    assert f"this looks like {what}, not like the name of a file" in shown.err
    assert "broke" not in shown.err
    told = leaks if kind == "secret" else token_leaks
    assert told(given, shown.everything) == []
    assert [file.name for file in terminal.folder.iterdir()] in ([], ["j.xml"])
