"""Showing what came of a boot to people."""
