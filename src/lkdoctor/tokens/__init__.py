"""Access tokens: what may stand in one, how it is made, read, compared and judged by a server."""
