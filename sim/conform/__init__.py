"""Real boots held against the model."""
