"""What a server or a user calls secret takes no word out of a report, and breaks no form of it."""

import codecs
import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from faults.peers import frame, like_livekit, peer, silent, switching
from jsonschema import Draft202012Validator
from livekit.protocol import models, rtc

from lkdoctor.report.schema import text as schema_text
from safety.canary import Terminal

KEY, SECRET = "APIblotting", "Zq8Rk2Vx5Nw7Ty3Lb9Mc4Hd6Jf1Gs0PaUeIoXtCvBnM"
COMMAND = ["diagnose", "--timeout", "1", "-vv"]
HARMLESS = "q8Rk2Vx5Nw7Ty3Lb9Mc4Hd6Jf1Gs0PaU"


def join(credential: str) -> bytes:
    """A session of a healthy server that offers TURN with this credential."""
    return rtc.SignalResponse(
        join=rtc.JoinResponse(
            room=models.Room(sid="RM_x", name="r", turn_password=credential),
            participant=models.ParticipantInfo(sid="PA_x", identity="lkdoctor"),
            ice_servers=[
                rtc.ICEServer(
                    urls=["turn:127.0.0.1:3478?transport=udp"],
                    username=credential,
                    credential=credential,
                )
            ],
            server_info=models.ServerInfo(version="1.13.5", protocol=17),
            ping_interval=5,
            ping_timeout=15,
        )
    ).SerializeToString()


def told(terminal: Terminal, credential: str, *form: str, secret: str = SECRET) -> tuple[str, str]:
    """What the command writes, and the files."""

    def upgrade(connection: socket.socket, request: str) -> None:
        connection.sendall(switching(request) + frame(2, join(credential)))
        silent(connection)

    with peer(like_livekit(upgrade=upgrade)) as port:
        env = {
            "LIVEKIT_URL": f"ws://127.0.0.1:{port}",
            "LIVEKIT_API_KEY": KEY,
            "LIVEKIT_API_SECRET": secret,
        }
        shown = terminal.run(*COMMAND, *form, env=env)
    assert shown.code in {0, 1, 3}, shown
    return shown.out, shown.files


def without_chance(value: Any) -> Any:
    """The same without what differs from run to run: numbers, keys, the names of our rooms."""
    if isinstance(value, str):
        return re.sub(r"lkdoctor-[0-9a-z-]+|[A-Za-z0-9+/]{27}=|[0-9a-f]{12,}|[0-9.,]+", "#", value)
    if isinstance(value, dict):
        return {name: without_chance(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_chance(item) for item in value]
    return type(value).__name__ if isinstance(value, int | float) else value


def rows(text: str) -> Iterator[Any]:
    for row in text.splitlines():
        yield without_chance(json.loads(row))


WORDS = [
    *(
        "FAIL",
        '"schema"',
        "lkdoctor diagnose",
        "error",
        "true",
        "{",
        '"',
        "\n",
        "null",
        "<",
        "&lt;",
    ),
    *("summary", "lkdoctor", "127.0.0.1", "1.13.5", "turn:127.0.0.1:3478?transport=udp", "udp"),
    *("connected", "media-no-turn", "signal", "livekit-server", "https://", "lkdoctor.report"),
]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema_text()))


@pytest.mark.parametrize("word", WORDS)
def test_a_server_takes_no_word_out_of_a_report(
    word: str, terminal: Terminal, validator: Draft202012Validator
) -> None:
    files = ("--save", "report.json", "--junit-file", "report.xml", "-o", "ndjson")
    events, saved = told(terminal, word, *files)
    expected_events, expected = told(terminal, HARMLESS, *files)
    document, xml = split(saved)
    harmless, harmless_xml = split(expected)
    validator.validate(document)
    assert without_chance(document) == without_chance(harmless)
    # Two steps at the same time end in either order.
    assert sorted(rows(events), key=json.dumps) == sorted(rows(expected_events), key=json.dumps)
    assert without_chance(xml) == without_chance(harmless_xml)


def split(files: str) -> tuple[Any, str]:
    """The JSON and the XML that were written."""
    start = files.index("<?xml")
    document = files[:start] or files[files.rindex("</testsuites>") + len("</testsuites>") :]
    xml = files[start : files.rindex("</testsuites>") + len("</testsuites>")]
    return json.loads(document), ET.canonicalize(xml)


@pytest.mark.parametrize("form", ["human", "plain", "github"])
@pytest.mark.parametrize("word", ["FAIL", "lkdoctor diagnose", "error"])
def test_nor_out_of_what_people_read(word: str, form: str, terminal: Terminal) -> None:
    shown, _ = told(terminal, word, "-o", form)
    expected, _ = told(terminal, HARMLESS, "-o", form)
    assert "<redacted>" not in shown
    # How long each bar is, and how many blanks a number leaves, is chance.
    assert [without_chance(row).split() for row in shown.splitlines()][:3] == [
        without_chance(row).split() for row in expected.splitlines()
    ][:3]


@pytest.mark.parametrize(
    "secret", ["diagnose", "password", "error", '"schema": "x"', "lkdoctor diagnose", "a", "true"]
)
def test_a_secret_of_our_own_that_is_a_word_leaves_the_document_whole(
    secret: str, terminal: Terminal, validator: Draft202012Validator
) -> None:
    shown, _ = told(terminal, HARMLESS, "--json", secret=secret)
    expected, _ = told(terminal, HARMLESS, "--json", secret=codecs.encode(secret, "rot13"))
    document, other = json.loads(shown), json.loads(expected)
    validator.validate(document)
    codes = [(f["code"], f["title"], f["fix"]) for f in document["findings"]]
    assert [code for code, *_ in codes] == [f["code"] for f in other["findings"]]
    assert "<redacted>" not in json.dumps(codes)
    assert document["run"]["command"] == "diagnose"
