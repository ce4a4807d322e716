"""Parse, call, render, exit: one module a command."""
