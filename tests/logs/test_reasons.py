"""Disconnect reasons, by name and by number."""

import pytest
from livekit.protocol.models import DisconnectReason

from lkdoctor.logs.reasons import REASONS, Reason
from lkdoctor.logs.scan import scan


def test_they_are_those_of_the_protocol() -> None:
    known = {value: name for name, value in DisconnectReason.items()}
    assert {reason.number: reason.name for reason in REASONS}.items() <= known.items()


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.name)
@pytest.mark.parametrize(
    "form", ["disconnectReason: {}", "disconnect reason {}", "DISCONNECT_REASON={}"]
)
def test_by_number(reason: Reason, form: str) -> None:
    found = scan([form.format(reason.number).encode()]).found
    if reason.name == "MIGRATION":
        assert found == ()
    else:
        assert [one.phrase.means for one in found] == [reason.means]


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.name)
def test_by_name_in_two_spellings(reason: Reason) -> None:
    camel = "".join(part.capitalize() for part in reason.name.split("_"))
    for name in (reason.name, camel):
        found = scan([f"received leave, reason: {name}".encode()]).found
        wanted = [] if reason.name == "MIGRATION" else [reason.means]
        assert [one.phrase.means for one in found] == wanted


@pytest.mark.parametrize(
    "text",
    ["reason: 2 retries", "disconnect reason: 22", "disconnect reason: 2.5", "ROOM_DELETED = 5"],
)
def test_other_numbers_are_no_reasons(text: str) -> None:
    assert scan([text.encode()]).found == ()
