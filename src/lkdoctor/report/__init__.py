"""Renderings of one report."""
