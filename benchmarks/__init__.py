"""Benchmarks of the simulator's speed, as ratios measured in one run: ``make bench``."""
