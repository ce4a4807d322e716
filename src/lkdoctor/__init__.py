"""Tells why a LiveKit user sits on "Connecting…", and what to change."""

from typing import Final

__version__: Final = "0.1.0"
