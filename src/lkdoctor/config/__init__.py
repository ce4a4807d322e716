"""What the user told us, and where he said it."""
