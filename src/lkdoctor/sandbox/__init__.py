"""A LiveKit stand-in on loopback, healthy or with faults."""
