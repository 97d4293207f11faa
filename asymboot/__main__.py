"""The command line as ``python -m asymboot``."""

from sim.cli import main

main(prog_name="asymboot")
