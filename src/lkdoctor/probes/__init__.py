"""Looks: code that does I/O and returns facts. A probe never judges."""
