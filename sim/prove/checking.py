"""Counterexamples booted: what a proof refutes, a boot must show."""

from pathlib import Path

from sim.booting import boot
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.files.scenario_writing import save_scenario, scenario_text
from sim.hazards import HazardKind
from sim.prove.proving import Finding
from sim.scenario import Scenario


def shown_by(finding: Finding, folder: Path | None = None) -> HazardKind | None:
    """Boot a finding's smallest system from its scenario file, and say which hazard shows that the property is broken.

    Args:
        finding: what a proof found.
        folder: where to write the scenario file; None: it is read back, but not written.

    Returns:
        The worst hazard that breaks the property; None where there is no example, or none shows.

    Raises:
        InputError: the file exists already.
        OSError: it cannot be written.
    """
    if finding.scenario is None:
        return None
    found = {one.kind for one in boot(_from_file(finding, finding.scenario, folder)).found}
    return min(found & finding.prop.hazards, default=None)


def _from_file(finding: Finding, scenario: Scenario, folder: Path | None) -> Scenario:
    if folder is None:
        return scenario_from_text(scenario_text(scenario))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{finding.setting.design.name}-{finding.setting.relay}-{finding.prop.name}.toml"
    save_scenario(scenario, file)
    return read_scenario(file)
