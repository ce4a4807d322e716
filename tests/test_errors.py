"""What a user did wrong, and what to write instead."""

from lkdoctor.errors import UsageError


def test_a_mistake_has_a_sentence_and_advice() -> None:
    error = UsageError("no URL was given", advice=["lkdoctor diagnose --url wss://…", "--dev"])
    assert str(error) == error.message == "no URL was given"
    assert error.advice == ("lkdoctor diagnose --url wss://…", "--dev")
    assert UsageError("no URL was given").advice == ()
