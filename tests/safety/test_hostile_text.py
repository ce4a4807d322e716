"""Text from the network is shown; it never acts."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from faults.peers import peer

from safety import hostile
from safety.canary import Shown, Terminal, token

KEY, SECRET = "APIhostile", "Zq8Rk2Vx5Nw7Ty3Lb9Mc4Hd6Jf1Gs0PaUeIoXtCvBnM"

EVIL = {
    "drawing": "\x1b[2J\x1b[1;1H\x1b[31mINJECTED\x1b]0;title\x07\x1b]8;;http://x\x1b\\"
    "\x9b2J\x9d0;title\x9c\x85INJECTED\x7f\x08"
    "\u202eDETCEJNI\u202c\u2066x\u2069\u200f\u061cIN\u200bJ\ufeffEC\u00adTED\u2060",
    "lines": "x\r\nINJECTED\nINJECTED\rINJECTED\x0bINJECTED\x0cINJECTED\u2028INJECTED\x85INJECTED"
    "\n::error file=x::INJECTED\n::add-mask::e\n##[error]INJECTED\ta\tINJECTED\tpass\t0",
    "markup": "[bold red]INJECTED[/] [/rtc] [link=http://x]y[/link] :warning: <b>x</b> `x` \\",
    "long": "A" * 200_000,
    "many lines": "x" + "\nINJECTED" * 5000,
    "not text": b"\xed\xa0\x80\x00\x01\x7f\xff".decode("latin-1"),
}

COMMANDS = {
    "diagnose": ["diagnose", "--timeout", "0.4", "--room", "consultation"],
    "ws-probe": ["ws-probe", "--timeout", "0.4"],
    "rooms list": ["rooms", "list", "--timeout", "0.4"],
    "rooms show": ["rooms", "show", "consultation", "--timeout", "0.4"],
    "rooms end": ["rooms", "end", "consultation", "--dry-run", "--timeout", "0.4"],
}

SGR = re.compile(r"\x1b\[[0-9;]*m")
ACTS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def assert_harmless(shown: Shown) -> None:
    """No character acts, no line was begun by the peer."""
    for text in (shown.out, shown.err):
        drawn = SGR.sub("", text)
        assert ACTS.findall(drawn) == []
        for line in drawn.split("\n"):
            assert not line.lstrip().startswith(("INJECTED", "::", "##[", "DETCEJNI"))
        assert len(text) < 400_000


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def environment(port: int) -> dict[str, str]:
    return {
        "LIVEKIT_URL": f"ws://127.0.0.1:{port}",
        "LIVEKIT_API_KEY": KEY,
        "LIVEKIT_API_SECRET": SECRET,
    }


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("mode", hostile.MODES)
def test_what_a_server_says_cannot_act(mode: str, evil: str, terminal: Terminal) -> None:
    say = hostile.literally(EVIL[evil])
    with peer(hostile.MODES[mode](say)) as port:
        for command in COMMANDS.values():
            shown = terminal.run(*command, "-vv", "--color", "always", env=environment(port))
            assert_harmless(shown)
            assert shown.code in {0, 1, 3}, shown


@pytest.mark.parametrize(
    "form", [["-o", "plain"], ["--accessible", "-v"], ["--json", "-vv"], ["-o", "ndjson"]]
)
@pytest.mark.parametrize("evil", ["drawing", "lines"])
def test_in_no_form(form: list[str], evil: str, terminal: Terminal) -> None:
    say = hostile.literally(EVIL[evil])
    for mode in ("joins", "answers 401", "refuses in Twirp's words"):
        with peer(hostile.MODES[mode](say)) as port:
            for name, command in COMMANDS.items():
                if name == "rooms end" and "--json" in form:
                    continue
                shown = terminal.run(*command, *form, env=environment(port))
                assert_harmless(shown)
                if "--json" in form and shown.out:
                    for text in strings(json.loads(shown.out)):
                        assert ACTS.findall(text) == []
                        assert "\nINJECTED" not in text
                if "plain" in form and shown.out.startswith("#"):
                    rows = [line.split("\t") for line in shown.out.splitlines()]
                    assert {len(row) for row in rows} == {len(rows[0])}


@pytest.mark.parametrize("evil", ["drawing", "lines", "markup"])
@pytest.mark.parametrize("color", ["always", "never"])
def test_what_stands_in_a_token_a_name_or_a_variable_cannot_act(
    evil: str, color: str, terminal: Terminal
) -> None:
    text = EVIL[evil]
    given = token(KEY, SECRET, identity=text, room=text, name=text, metadata=text)
    env = environment(1) | {"LIVEKIT_TOKEN": given, "LIVEKIT_URL": f"ws://{text}@h/{text}"}
    (terminal.folder / ".env").write_text(f"LIVEKIT_API_KEY='{text}'\n", encoding="utf-8")
    name = text.replace("\x00", "")
    for command in (
        ["check-env", "--show-origin"],
        ["check-room", name],
        ["check-room", "-"],
        ["token", "decode", "-"],
        ["token", "decode", "--all", "-"],
        ["token", "decode", "--from-env", "LIVEKIT_TOKEN"],
        ["token", "--room", name, "--identity", name],
        ["diagnose", "--offline", "--token-file", "-"],
        ["diagnose", "--dry-run", "--room", name],
        ["explain", name],
        ["token", "--booking", name, "--user", name],
        ["token", "--booking", "b1", "--user", "ann", "--role", name, "--grant", name],
        ["rooms", "show", name],
        [name],
    ):
        shown = terminal.run(*command, "--color", color, env=env, stdin=f"{text} {given}\n")
        if command[:2] == ["token", "--room"]:
            shown = shown._replace(out="")
        assert_harmless(shown)
        assert shown.code in {0, 1, 2, 3}, shown


def test_a_saved_report_made_for_it_cannot_act(terminal: Terminal) -> None:
    with peer(hostile.MODES["joins"](hostile.literally("Fine, and capital"))) as port:
        saved = terminal.run(
            "diagnose", "--timeout", "0.4", "--save", "report.json", env=environment(port)
        )
    document = json.loads(saved.files)

    def poisoned(value: Any) -> Any:
        if isinstance(value, str):
            # Words of a fixed list are lower case: any other word there is refused.
            return (
                value
                if re.fullmatch(r"[a-z_0-9.-]*", value)
                else value + EVIL["drawing"] + EVIL["lines"]
            )
        if isinstance(value, dict):
            return {k: v if k in KEPT else poisoned(v) for k, v in value.items()}
        return [poisoned(v) for v in value] if isinstance(value, list) else value

    file = terminal.folder / "poisoned.json"
    file.write_text(json.dumps(poisoned(document)))
    for form in (["-vv", "--color", "always"], ["-o", "plain"], ["--accessible", "-v"], ["--json"]):
        shown = terminal.run("diagnose", "--from", "poisoned.json", *form, env={})
        assert_harmless(shown)
        assert shown.code in {0, 1, 3}, shown


KEPT = {"schema_version", "started_at"}
