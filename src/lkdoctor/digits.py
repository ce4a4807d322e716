"""Numbers in other people's text, where ``int`` would raise.

``str.isdigit`` takes ``²`` for a digit, which ``int`` refuses; and it refuses thousands of digits.
"""

MAX_DIGITS = 18


def number(text: str) -> int | None:
    """The whole number that a text of ASCII digits says; None where it says none, or a longer one."""
    if not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS:
        return None
    return int(text)
