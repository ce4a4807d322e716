"""What source does with variables and tokens: said only where it is sure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.config.javascript import Promise, Read, is_client, lines_of, promises, reads

IMPORT = 'import { AccessToken } from "livekit-server-sdk";\n'


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x(process.env.LIVEKIT_URL)", [("LIVEKIT_URL", "process.env", False)]),
        ("x(process.env['LIVEKIT_URL'])", [("LIVEKIT_URL", "process.env", False)]),
        ("x(process.env.LIVEKIT_URL!)", [("LIVEKIT_URL", "process.env", False)]),
        ("x(import.meta.env.VITE_LIVEKIT_URL)", [("VITE_LIVEKIT_URL", "import.meta.env", False)]),
        ("const u = process.env.LIVEKIT_URL ?? '';", [("LIVEKIT_URL", "process.env", True)]),
        ("const u = process.env.LIVEKIT_URL || f();", [("LIVEKIT_URL", "process.env", True)]),
        ("if (!process.env.LIVEKIT_URL) throw 1;", [("LIVEKIT_URL", "process.env", True)]),
        ("const u = process.env.LIVEKIT_URL ? a : b;", [("LIVEKIT_URL", "process.env", True)]),
        ("// process.env.LIVEKIT_URL", []),
        ("const { LIVEKIT_URL } = process.env;", []),
        ("x(process.env.MY_LIVEKIT_URL)", []),
    ],
)
def test_reads(line: str, expected: list[tuple[str, str, bool]]) -> None:
    found = reads("\n" + line)
    assert found == tuple(Read(name, where, 2, fallback) for name, where, fallback in expected)


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ('"use client";\nimport x from "y";', True),
        ("// licence\n\n'use client'\n", True),
        ('import x from "y";\n"use client";', False),
        ("", False),
    ],
)
def test_is_client(text: str, *, client: bool) -> None:
    assert is_client(text) is client


SURE = [
    "return Response.json({ token: at.toJwt() });",
    "res.send(at.toJwt());",
    "res.json({ a: { token: at.toJwt() } });",
    "JSON.stringify({ room, token: at.toJwt() })",
    "log(`token ${at.toJwt()}`);",
]
LIKELY = [
    "const token = at.toJwt();\nres.json({ token });",
    "let token: any = at.toJwt();\nreturn NextResponse.json({ url, token: token });",
]
FINE = [
    "return Response.json({ token: await at.toJwt() });",
    "res.send(await at.toJwt());",
    "return at.toJwt();",
    "const make = async () => at.toJwt();",
    "const token = await at.toJwt();\nres.json({ token });",
    "const token = at.toJwt();\nres.json({ token: await token });",
    "const token = at.toJwt();\ntoken.then((t) => res.json({ t }));",
    "at.toJwt().then((token) => res.json({ token }));",
    "const token = at.toJwt();\nreturn token;",
    "const [a, b] = await Promise.all([one.toJwt(), two.toJwt()]);\nres.json({ a, b });",
    "const token = at.toJwt();\nkeep(token);",
    "// res.send(at.toJwt());",
    "return { token: at.toJwt() };",
    "const token = new AccessToken(a, b).toJwt();",
    "f(a => { const token = at.toJwt(); g(token) });\nconst token = await h();\nres.json({ token });",
    "case 1: at.toJwt();",
]


@pytest.mark.parametrize("body", SURE)
def test_a_promise_that_is_written_out(body: str) -> None:
    assert [p.sure for p in promises(IMPORT + body)] == [True]


@pytest.mark.parametrize("body", LIKELY)
def test_a_promise_that_a_variable_keeps(body: str) -> None:
    assert promises(IMPORT + body) == (Promise(2, sure=False),)


@pytest.mark.parametrize("body", FINE)
def test_a_token_that_is_waited_for(body: str) -> None:
    assert promises(IMPORT + body) == ()


@pytest.mark.parametrize("body", SURE)
def test_another_librarys_token_is_not_judged(body: str) -> None:
    assert promises('import { AccessToken } from "twilio";\n' + body) == ()


@given(
    st.lists(
        st.sampled_from(
            ["at", ".toJwt()", "await ", "(", ")", "{", "}", "[", "`${", "json(", ": ", "= ", ";",
             "\n", "const x", "x", "process.env.LIVEKIT_URL", "//", "é", " "]
        )
    ).map("".join)
)  # fmt: skip
def test_no_source_breaks_the_reader(text: str) -> None:
    for promise in promises(IMPORT + text):
        assert "toJwt" in (IMPORT + text).split("\n")[promise.line - 1]
    for read in reads(text):
        assert read.name in text.split("\n")[read.line - 1]


@given(st.lists(st.sampled_from([b"a", b"key", b"\n"]), max_size=30))
def test_the_lines_of_a_value(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    expected = [n for n, line in enumerate(data.split(b"\n"), 1) if b"key" in line]
    assert list(lines_of(data, b"key", 5)) == expected[:5]
