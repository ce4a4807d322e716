"""One module a layer: what each cause looks like, and what to do about it."""
