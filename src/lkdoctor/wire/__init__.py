"""Bytes to records and back: generators and functions, no socket, loop or clock."""
