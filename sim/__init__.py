"""A discrete-event simulator of asymmetric SMP boot and late CPU onlining on arm64.

>>> from sim import Scenario, Topology, boot
>>> topology = Topology.of([[128, 256], [128, 256, 512]])
>>> outcome = boot(Scenario(topology, kernel="6.11", kvm_mode="protected"))
>>> outcome.vectors["SVE"].max_vl_bytes, outcome.vectors["SVE"].max_cpu_vl_bytes
(32, 64)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.booting import boot
    from sim.designs import DESIGNS, Design
    from sim.errors import InputError
    from sim.files.scenario_file import read_scenario
    from sim.files.scenario_writing import scenario_text
    from sim.files.space_file import read_space
    from sim.hazards import Hazard, HazardKind
    from sim.outcome import Outcome
    from sim.scenario import Action, BringUp, Do, Fault, KvmMode, Relay, Scenario, Surroundings
    from sim.study.comparison import Comparison, compare
    from sim.study.space import Group, Space, legal_sets, power_of_two_sets
    from sim.sweep.replay import scenario_of_row
    from sim.sweep.summary import Summary, read_summary
    from sim.sweep.sweeping import resume_sweep, run_sweep
    from sim.timing import Distribution, Latencies
    from sim.topology import Cpu, Topology, cpu

_HOME = {
    "DESIGNS": "sim.designs",
    "Action": "sim.scenario",
    "BringUp": "sim.scenario",
    "Comparison": "sim.study.comparison",
    "Cpu": "sim.topology",
    "Design": "sim.designs",
    "Distribution": "sim.timing",
    "Do": "sim.scenario",
    "Fault": "sim.scenario",
    "Group": "sim.study.space",
    "Hazard": "sim.hazards",
    "HazardKind": "sim.hazards",
    "InputError": "sim.errors",
    "KvmMode": "sim.scenario",
    "Latencies": "sim.timing",
    "Outcome": "sim.outcome",
    "Relay": "sim.scenario",
    "Scenario": "sim.scenario",
    "Space": "sim.study.space",
    "Summary": "sim.sweep.summary",
    "Surroundings": "sim.scenario",
    "Topology": "sim.topology",
    "boot": "sim.booting",
    "compare": "sim.study.comparison",
    "cpu": "sim.topology",
    "legal_sets": "sim.study.space",
    "power_of_two_sets": "sim.study.space",
    "read_scenario": "sim.files.scenario_file",
    "read_space": "sim.files.space_file",
    "read_summary": "sim.sweep.summary",
    "resume_sweep": "sim.sweep.sweeping",
    "run_sweep": "sim.sweep.sweeping",
    "scenario_of_row": "sim.sweep.replay",
    "scenario_text": "sim.files.scenario_writing",
}

__all__ = [
    "DESIGNS",
    "Action",
    "BringUp",
    "Comparison",
    "Cpu",
    "Design",
    "Distribution",
    "Do",
    "Fault",
    "Group",
    "Hazard",
    "HazardKind",
    "InputError",
    "KvmMode",
    "Latencies",
    "Outcome",
    "Relay",
    "Scenario",
    "Space",
    "Summary",
    "Surroundings",
    "Topology",
    "boot",
    "compare",
    "cpu",
    "legal_sets",
    "power_of_two_sets",
    "read_scenario",
    "read_space",
    "read_summary",
    "resume_sweep",
    "run_sweep",
    "scenario_of_row",
    "scenario_text",
]


def __getattr__(name: str) -> Any:
    """Import a public name where it lives when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
