"""Proofs: a design's promise holds in every system with legal sets of lengths, or a counterexample breaks it."""
