"""``lkdoctor token``, ``token decode`` and ``token compare`` as a user types them."""

import http.client
import json
import time

import pytest
import servers
from cli.shell import Shell, fresh
from tokens.samples import KEY, SECRET, changed, token, with_video

# ------------------------------------------------------------------ mint


def test_standard_output_has_the_token_alone(shell: Shell) -> None:
    done = shell("token", "--booking", "b1", "--user", "u1", "--role", "provider")
    assert done.code == 0
    assert done.out.count("\n") == 1
    assert done.claims["sub"] == "u1"
    assert done.claims["video"] == {
        "room": "booking-b1",
        "roomJoin": True,
        "canPublish": True,
        "canSubscribe": True,
        "canPublishData": True,
        "roomAdmin": True,
        "roomRecord": True,
    }


def test_the_card_says_what_the_token_allows_and_until_when(shell: Shell) -> None:
    done = shell("token", "--booking", "b1", "--user", "u1", "--ttl", "10m")
    lines = done.err.splitlines()
    assert lines[0] == "Token for u1 in room booking-b1"
    assert lines[1] == "  may       join, publish, send data, subscribe"
    assert "administer the room" in lines[2]
    assert "(10 min)" in lines[3]
    assert lines[-1].startswith("  note      no role was given, so these are a client's grants")
    assert done.out.strip() not in done.err


def test_quiet_prints_the_token_and_nothing_else(shell: Shell) -> None:
    done = shell("token", "--room", "demo", "--identity", "alice", "-q")
    assert (done.code, done.err) == (0, "")
    assert done.claims["sub"] == "alice"


def test_everything_can_be_said_on_the_command_line(shell: Shell) -> None:
    done = shell(
        *("token", "--room", "demo", "--identity", "alice", "--name", "Alice", "--ttl", "1h30m"),
        *("--metadata", '{"a": 1}', "--attribute", "team=red", "--attribute", "seat="),
        *(
            "--grant",
            "canPublishSources=microphone,camera",
            "--grant",
            "hidden",
            "--grant",
            "sip.call",
        ),
        *("--deny", "canPublishData"),
    )
    claims = done.claims
    exp, nbf = claims.pop("exp"), claims.pop("nbf")
    assert isinstance(exp, int)
    assert isinstance(nbf, int)
    assert exp - nbf == 5400
    assert claims == {
        "iss": KEY,
        "sub": "alice",
        "name": "Alice",
        "metadata": '{"a": 1}',
        "attributes": {"team": "red", "seat": ""},
        "sip": {"admin": False, "call": True},
        "video": {
            "roomJoin": True,
            "room": "demo",
            "canPublish": True,
            "canSubscribe": True,
            "canPublishData": False,
            "canPublishSources": ["microphone", "camera"],
            "hidden": True,
        },
    }


def test_the_role_follows_from_provider_and_client(shell: Shell) -> None:
    people = ("--provider", "ann", "--client", "bob")
    provider = shell("token", "--booking", "b1", "--user", "ann", *people)
    client = shell("token", "--booking", "b1", "--user", "bob", *people)
    assert "role      provider" in provider.err
    assert "role      client" in client.err
    assert shell("token", "--booking", "b1", "--user", "eve", *people).code == 2


def test_a_project_file_names_rooms_and_roles(shell: Shell) -> None:
    (shell.folder / "lkdoctor.toml").write_text(
        '[booking]\nroom = "call-{booking}"\nid_pattern = "integer"\n'
        "[roles.listener]\ncanPublish = false\n"
    )
    done = shell("token", "--booking", "12", "--user", "7", "--role", "listener")
    assert done.claims["video"] == {
        "roomJoin": True,
        "canPublish": False,
        "canSubscribe": True,
        "canPublishData": True,
        "room": "call-12",
    }
    refused = shell("token", "--booking", "b12", "--user", "7")
    assert (refused.code, refused.out) == (2, "")
    assert (
        "the booking 'b12' does not fit id_pattern (lkdoctor.toml): ids are digits" in refused.err
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "for whom is the token?"),
        (["--booking", "b1"], "--user is missing"),
        (["--room", "demo"], "for whom is the token?"),
        (["--room", "demo", "--identity", ""], "LiveKit refuses the identity: it is empty"),
        (["--room", "r" * 257, "--identity", "a"], "LiveKit refuses the room: 257 bytes of UTF-8"),
        (["--grant", "roomjoin"], "there is no grant 'roomjoin'; servers ignore it in silence"),
        (["--grant", "roomAdmin=yes"], "roomAdmin is true or false"),
        (["--grant", "canPublishSources=mic"], "there is no source 'mic'"),
        (["--grant", "canPublishSources"], "canPublishSources needs a value"),
        (["--deny", "room"], "only a grant that is true or false can be denied"),
        (["--grant", "hidden", "--deny", "hidden"], "hidden is named twice"),
        (["--attribute", "team"], "is not KEY=VALUE"),
        (["--attribute", "a=1", "--attribute", "a=2"], "--attribute a is given twice"),
        (["--ttl", "0"], "the lifetime '0' is less than a second"),
        (["--ttl=-5m"], "the lifetime '-5m' is negative"),
        (["--role", "owner"], "there is no role 'owner'"),
        (["-o", "json"], "a token is printed alone, in no other form"),
    ],
)
def test_what_makes_no_sense_is_refused_and_no_token_printed(
    shell: Shell, arguments: list[str], message: str
) -> None:
    whom = ["--room", "demo", "--identity", "alice"]
    given = (
        arguments if {"--booking", "--room"} & set(arguments) or not arguments else whom + arguments
    )
    done = shell("token", *given)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_a_lifetime_of_more_than_a_day_is_warned_of_and_kept(shell: Shell) -> None:
    done = shell("token", "--room", "demo", "--identity", "alice", "--ttl", "2d")
    assert "a lifetime of 2d is longer than a day" in done.err
    exp, nbf = done.claims["exp"], done.claims["nbf"]
    assert isinstance(exp, int)
    assert isinstance(nbf, int)
    assert exp - nbf == 172_800


def test_without_a_key_pair_nothing_is_minted(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVEKIT_API_SECRET")
    done = shell("token", "--room", "demo", "--identity", "alice")
    assert (done.code, done.out) == (2, "")
    assert "no API secret is known" in done.err


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        pytest.param(SECRET, KEY, id="exchanged"),
        pytest.param(SECRET, SECRET, id="the secret in both places"),
    ],
)
def test_no_token_shows_the_secret_as_its_issuer(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, key: str, secret: str
) -> None:
    monkeypatch.setenv("LIVEKIT_API_KEY", key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", secret)
    done = shell("token", "--booking", "b1", "--user", "u1")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "Error: LIVEKIT_API_KEY (environment) holds the API secret: everybody who has the token "
        "could read it\n  lkdoctor check-env   says what to exchange, and where\n"
    )


@pytest.mark.parametrize(
    ("secret", "note"),
    [
        (f'"{SECRET}"', "LIVEKIT_API_SECRET (environment): the quotes are part of the value"),
        ("your-api-secret", "LIVEKIT_API_SECRET (environment) holds a sample value"),
        ("op://vault/livekit", "LIVEKIT_API_SECRET (environment) holds a reference"),
    ],
)
def test_a_pair_whose_tokens_nobody_takes_is_remarked(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, secret: str, note: str
) -> None:
    monkeypatch.setenv("LIVEKIT_API_SECRET", secret)
    done = shell("token", "--booking", "b1", "--user", "u1")
    assert done.code == 0
    assert done.err.count("note") == 2
    assert f"  note      {note}" in done.err


def test_options_in_front_of_a_subcommand_are_not_dropped_in_silence(shell: Shell) -> None:
    done = shell("token", "--env-file", "x", "decode", fresh())
    assert done.code == 2
    assert "the options in front of decode belong to minting" in done.err


def test_a_minted_token_opens_a_real_server(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, real_server: servers.RunningServer
) -> None:
    monkeypatch.setenv("LIVEKIT_API_KEY", real_server.long_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", real_server.long_secret)
    minted = shell("token", "--booking", "b1", "--user", "u1", "-q").out.strip()
    connection = http.client.HTTPConnection("127.0.0.1", real_server.port, timeout=10)
    connection.request("GET", "/rtc/validate", headers={"Authorization": f"Bearer {minted}"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"success")
    connection.close()


# ------------------------------------------------------------------ decode


def test_a_good_token_is_explained(shell: Shell) -> None:
    done = shell("token", "decode", fresh())
    assert (done.code, done.err) == (0, "")
    assert "Signature valid with LIVEKIT_API_SECRET (environment)" in done.out
    assert 'In short  may join "demo"; may publish, send data, subscribe; ends in' in done.out
    assert "VALIDITY" in done.out
    assert 'Join room "demo"' in done.out
    assert done.out.splitlines()[-1].startswith(
        "OK   a server with this key would accept the token"
    )


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        pytest.param(token(changed(exp=1)), 1, "token-time-units", id="a lifetime in exp"),
        pytest.param(token(changed(exp=1_600_000_000)), 1, "token-expired", id="expired"),
        pytest.param("undefined", 1, "token-not-jwt", id="not a token"),
        pytest.param(fresh(iss="APIother"), 1, "token-unknown-key", id="another key"),
    ],
)
def test_a_token_that_would_be_refused_ends_with_1(
    shell: Shell, text: str, code: int, word: str
) -> None:
    done = shell("token", "decode", text)
    assert done.code == code
    assert word in done.out
    assert "FAIL" in done.out


def test_a_token_comes_from_an_argument_a_file_a_variable_or_the_configuration(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = fresh()
    (shell.folder / "app.log").write_text(f"2026-11-24 INFO access_token={text}&x=1\n")
    monkeypatch.setenv("MY_TOKEN", text)
    origins = {
        "argument": shell("token", "decode", f"Bearer {text}"),
        "app.log": shell("token", "decode", "@app.log"),
        "MY_TOKEN (environment)": shell("token", "decode", "--from-env", "MY_TOKEN"),
    }
    (shell.folder / ".env").write_text(f"LIVEKIT_TOKEN={text}\n")
    origins[".env:1"] = shell("token", "decode")
    origins["LIVEKIT_TOKEN (.env:1)"] = shell("token", "decode", "--from-env", "LIVEKIT_TOKEN")
    for origin, done in origins.items():
        word = "FAIL" if done.code else "OK"
        assert f"From      {origin}\n" in done.out, (origin, word)


def test_a_variable_is_read_as_an_app_would_send_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", f'"{fresh()}"')
    done = shell("token", "decode", "--from-env", "MY_TOKEN")
    assert done.code == 1
    assert "token-not-jwt" in done.out
    pasted = shell("token", "decode", f'"{fresh()}"')
    assert pasted.code == 0
    assert pasted.out.splitlines()[-1].startswith("OK")


def test_standard_input_is_read_to_its_end(shell: Shell) -> None:
    done = shell.piped(f'{{"data": {{"token": "{fresh()}"}}}}\n', "token", "decode", "-")
    assert "a JSON document around it (token)" in done.out
    assert "From      standard input" in done.out


def test_the_project_whose_key_signed_it_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shell.folder / "lkdoctor.toml").write_text(
        '[projects.staging]\nurl = "wss://s.example"\napi_key = "APIstaging"\n'
        'api_secret_env = "STAGING_SECRET"\n'
        '[projects.live]\nurl = "wss://l.example"\napi_key = "APIlive"\n'
        'api_secret_env = "LIVE_SECRET"\n'
    )
    secret = "Vt4Bn8Mq2Xc6Lk0Pz9Rw3Jd7Hf1Ys5Ga"
    monkeypatch.setenv("STAGING_SECRET", secret)
    now = int(time.time())
    text = token(changed(iss="APIstaging", nbf=now, exp=now + 60), secret=secret)
    done = shell("token", "decode", text)
    assert "Signature valid with project staging" in done.out


def test_json_has_the_report_with_capabilities_and_answers(shell: Shell) -> None:
    done = shell("token", "decode", fresh(), "-o", "json")
    document = json.loads(done.out)
    fact = document["facts"]["token"]
    assert document["summary"]["exit_code"] == 0
    assert next(row["id"] for row in fact["capabilities"] if not row["allowed"]) == "metadata"
    assert [answer["status"] for answer in fact["answers"]] == [200, 200, 200, 200]


def test_versions_that_differ_are_shown(shell: Shell) -> None:
    now = int(time.time())
    done = shell("token", "decode", token(changed(nbf=now, exp=now + 60, iat=now + 600)))
    assert done.code == 0
    assert "1.9 to 1.12  401 invalid token: <TOKEN>, error: go-jose" in done.out
    assert "servers of version 1.9 to 1.12, 1.8, 1.5 would refuse it" in done.out


def test_no_output_holds_any_part_of_the_token(shell: Shell) -> None:
    for text in (fresh(), token(with_video(room_join=True)), token(secret="wrong")):
        for form in ("human", "plain", "json"):
            done = shell("token", "decode", text, "-o", form, "-v")
            for part in text.split(".")[1:]:
                leaks = [
                    part[i : i + 8] for i in range(len(part) - 7) if part[i : i + 8] in done.out
                ]
                assert leaks == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_file_is_read_as_any_shell_writes_it(shell: Shell, encoding: str) -> None:
    now = time.time()
    text = token(changed(nbf=int(now) - 60, exp=int(now) + 600))
    (shell.folder / "token.txt").write_bytes(f"{text}\r\n".encode(encoding))
    assert shell("token", "decode", "@token.txt", "-q").code == 0


def test_missing_files_and_variables_are_usage_errors(shell: Shell) -> None:
    assert "@FILE no.where: no such file" in shell("token", "decode", "@no.where").err
    assert "NOWHERE is not set" in shell("token", "decode", "--from-env", "NOWHERE").err


# ------------------------------------------------------------------ compare


def test_two_tokens_of_one_booking_meet(shell: Shell) -> None:
    left = shell("token", "--booking", "b1", "--user", "u1", "--role", "provider", "-q").out.strip()
    right = shell("token", "--booking", "b1", "--user", "u2", "--role", "client", "-q").out.strip()
    done = shell("token", "compare", left, right)
    assert done.code == 0
    assert done.out.startswith("OK   the two meet in one room\n")
    changes = [line.split("  ")[0] for line in done.out.splitlines() if line.startswith("* ")]
    assert changes[:3] == ["* Identity", "* Room admin (mute, remove)", "* Record"]


@pytest.mark.parametrize(
    ("left", "right", "codes"),
    [
        pytest.param(
            fresh(), fresh(sub="bob", video={"roomJoin": True, "room": "Demo"}),
            ["room-name-mismatch"], id="two rooms",
        ),
        pytest.param(fresh(), fresh(), ["identity-collision"], id="one identity"),
        pytest.param(
            fresh(), fresh(sub="bob", iss="APIother"), ["env-project-mismatch", "token-unknown-key"],
            id="two keys",
        ),
        pytest.param(
            fresh(), token(changed(sub="bob", exp=1_600_000_000)), ["token-expired"], id="expired"
        ),
        pytest.param(fresh(), "undefined", ["token-not-jwt"], id="no token"),
    ],
)  # fmt: skip
def test_what_keeps_two_apart_is_named(
    shell: Shell, left: str, right: str, codes: list[str]
) -> None:
    done = shell("token", "compare", left, right, "-o", "json")
    document = json.loads(done.out)
    assert done.code == 1
    assert document["meet"] is False
    assert [obstacle["code"] for obstacle in document["obstacles"]] == codes
    human = shell("token", "compare", left, right)
    assert all(code in human.out for code in codes)


def test_plain_comparison_is_one_record_a_line(shell: Shell) -> None:
    done = shell("token", "compare", fresh(), fresh(sub="bob"), "-o", "plain")
    assert "differs\tIdentity\talice\tbob\n" in done.out
    assert "same\tRoom\tdemo\tdemo\n" in done.out


def test_a_comparison_is_not_saved_as_a_report(shell: Shell) -> None:
    done = shell("token", "compare", fresh(), fresh(sub="bob"), "--save", "report.json")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Error: --save: token compare judges nothing")
    assert not (shell.folder / "report.json").exists()
