"""The command line as ``python -m sim.cli``."""

from sim.cli import main

main(prog_name="asymboot")
