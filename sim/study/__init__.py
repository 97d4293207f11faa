"""Many boots at once."""
