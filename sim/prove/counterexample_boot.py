"""Boots of counterexamples: a boot of the system that breaks a property must show a hazard that breaks it."""

from pathlib import Path

from sim.boot_run import boot
from sim.files.new_file import write_new
from sim.files.scenario_file import scenario_from_text
from sim.files.scenario_text import scenario_text
from sim.hazard_kinds import HazardKind
from sim.prove.finding import Finding


def hazards_of(finding: Finding) -> frozenset[HazardKind]:
    """Boot a finding's example from the text of its scenario file, and return the hazards that it shows.

    They include one of `finding.prop.hazards`, or asymboot contradicts itself. Without an example there are none. The
    scenario is written as text and read back, so that a user's file is what was booted.
    """
    if finding.scenario is None:
        return frozenset()
    return frozenset(one.kind for one in boot(scenario_from_text(scenario_text(finding.scenario))).found)


def example_name(design: str, relay: str, prop: str) -> str:
    """Return the name of the scenario file of an example."""
    return f"{design}-{relay}-{prop}.toml"


def save_example(finding: Finding, folder: Path) -> Path | None:
    """Write a finding's example to a folder as a scenario file, and return its path; None if there is no example.

    Raises:
        InputError: the file exists already.
        OSError: it cannot be written.
    """
    if finding.scenario is None:
        return None
    file = folder / example_name(finding.setting.design.name, str(finding.setting.relay), finding.prop.name)
    write_new(file, scenario_text(finding.scenario))
    return file
