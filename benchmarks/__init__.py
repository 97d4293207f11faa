"""How fast the simulator is, as ratios measured in one run: ``make bench``."""
