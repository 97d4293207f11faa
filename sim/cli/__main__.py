"""``python -m sim.cli`` is ``asymboot``."""

from sim.cli import main

main(prog_name="asymboot")
