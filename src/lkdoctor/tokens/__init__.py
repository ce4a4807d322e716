"""The token tool: mint, decode, compare. No network."""
