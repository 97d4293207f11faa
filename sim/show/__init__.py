"""Text for terminals: outcomes, comparisons, sweeps, proofs, schedules, topologies."""
