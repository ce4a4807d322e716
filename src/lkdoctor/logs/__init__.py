"""Pasted logs: which of their lines say why a connection failed, and what each of them means."""
