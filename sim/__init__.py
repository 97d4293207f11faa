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
    from sim.hazards import Hazard, HazardKind
    from sim.outcome import Outcome
    from sim.scenario import Action, BringUp, Do, Fault, KvmMode, Relay, Scenario, Surroundings
    from sim.study.comparison import Comparison, compare
    from sim.timing import Distribution, Latencies
    from sim.topology import Cpu, Topology, cpu

_HOME = {
    "DESIGNS": "sim.designs",
    "Action": "sim.scenario",
    "BringUp": "sim.scenario",
    "Do": "sim.scenario",
    "KvmMode": "sim.scenario",
    "Relay": "sim.scenario",
    "Surroundings": "sim.scenario",
    "Comparison": "sim.study.comparison",
    "Cpu": "sim.topology",
    "Design": "sim.designs",
    "Distribution": "sim.timing",
    "Fault": "sim.scenario",
    "Hazard": "sim.hazards",
    "HazardKind": "sim.hazards",
    "InputError": "sim.errors",
    "Latencies": "sim.timing",
    "Outcome": "sim.outcome",
    "Scenario": "sim.scenario",
    "Topology": "sim.topology",
    "boot": "sim.booting",
    "compare": "sim.study.comparison",
    "cpu": "sim.topology",
    "read_scenario": "sim.files.scenario_file",
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
    "Hazard",
    "HazardKind",
    "InputError",
    "KvmMode",
    "Latencies",
    "Outcome",
    "Relay",
    "Scenario",
    "Surroundings",
    "Topology",
    "boot",
    "compare",
    "cpu",
    "read_scenario",
]


def __getattr__(name: str) -> Any:
    """Import a public name where it lives when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
