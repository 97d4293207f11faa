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
    from sim.causes.graph import causality
    from sim.causes.path import CriticalPath, critical_path
    from sim.designs import DESIGNS, Design
    from sim.errors import InputError
    from sim.explore.exploring import Explored, explore_orders
    from sim.explore.reached import Deadlock, Found
    from sim.explore.sampling import Sampled, Strategy, sample_orders
    from sim.explore.schedule_file import read_schedule, replay_schedule, save_schedule
    from sim.exporting.exporting import export_text
    from sim.exporting.formats import ExportFormat
    from sim.files.scenario_file import read_scenario
    from sim.files.scenario_writing import scenario_text
    from sim.files.space_file import read_space
    from sim.hazards import Hazard, HazardKind
    from sim.importing.device_tree import read_device_tree
    from sim.outcome import Outcome
    from sim.plot.buffers_picture import plot_buffers
    from sim.plot.designs_picture import plot_designs
    from sim.plot.heat_picture import plot_heat
    from sim.plot.lengths_picture import plot_lengths
    from sim.plot.timeline_picture import plot_boot
    from sim.plot.topology_picture import plot_topology
    from sim.prove.design_space import Promises, prove_every_design
    from sim.prove.properties import PROPERTIES, Property
    from sim.prove.proving import Answer, Finding, Question, prove_each, prove_property
    from sim.report.page import boot_page, sweep_page
    from sim.scenario import Action, BringUp, Do, Fault, KvmInit, KvmMode, Relay, Scenario, Surroundings
    from sim.study.comparison import Comparison, compare
    from sim.study.space import Group, Setting, Space, legal_sets, power_of_two_sets
    from sim.sweep.replay import scenario_of_row
    from sim.sweep.summary import Summary, read_summary
    from sim.sweep.sweeping import resume_sweep, run_sweep
    from sim.timing import Distribution, Latencies
    from sim.topology import Cpu, Topology, cpu
    from sim.trace.formats import TraceFormat
    from sim.trace.saving import save_trace

_HOME = {
    "DESIGNS": "sim.designs",
    "PROPERTIES": "sim.prove.properties",
    "Action": "sim.scenario",
    "Answer": "sim.prove.proving",
    "BringUp": "sim.scenario",
    "Comparison": "sim.study.comparison",
    "Cpu": "sim.topology",
    "CriticalPath": "sim.causes.path",
    "Deadlock": "sim.explore.reached",
    "Design": "sim.designs",
    "Distribution": "sim.timing",
    "Do": "sim.scenario",
    "Explored": "sim.explore.exploring",
    "ExportFormat": "sim.exporting.formats",
    "Fault": "sim.scenario",
    "Finding": "sim.prove.proving",
    "Found": "sim.explore.reached",
    "Group": "sim.study.space",
    "Hazard": "sim.hazards",
    "HazardKind": "sim.hazards",
    "InputError": "sim.errors",
    "KvmInit": "sim.scenario",
    "KvmMode": "sim.scenario",
    "Latencies": "sim.timing",
    "Outcome": "sim.outcome",
    "Promises": "sim.prove.design_space",
    "Property": "sim.prove.properties",
    "Question": "sim.prove.proving",
    "Relay": "sim.scenario",
    "Sampled": "sim.explore.sampling",
    "Scenario": "sim.scenario",
    "Setting": "sim.study.space",
    "Space": "sim.study.space",
    "Strategy": "sim.explore.sampling",
    "Summary": "sim.sweep.summary",
    "Surroundings": "sim.scenario",
    "Topology": "sim.topology",
    "TraceFormat": "sim.trace.formats",
    "boot": "sim.booting",
    "boot_page": "sim.report.page",
    "causality": "sim.causes.graph",
    "compare": "sim.study.comparison",
    "cpu": "sim.topology",
    "critical_path": "sim.causes.path",
    "explore_orders": "sim.explore.exploring",
    "export_text": "sim.exporting.exporting",
    "legal_sets": "sim.study.space",
    "plot_boot": "sim.plot.timeline_picture",
    "plot_buffers": "sim.plot.buffers_picture",
    "plot_designs": "sim.plot.designs_picture",
    "plot_heat": "sim.plot.heat_picture",
    "plot_lengths": "sim.plot.lengths_picture",
    "plot_topology": "sim.plot.topology_picture",
    "power_of_two_sets": "sim.study.space",
    "prove_each": "sim.prove.proving",
    "prove_every_design": "sim.prove.design_space",
    "prove_property": "sim.prove.proving",
    "read_device_tree": "sim.importing.device_tree",
    "read_running_machine": "sim.importing.running",
    "read_scenario": "sim.files.scenario_file",
    "read_schedule": "sim.explore.schedule_file",
    "read_space": "sim.files.space_file",
    "read_summary": "sim.sweep.summary",
    "replay_schedule": "sim.explore.schedule_file",
    "resume_sweep": "sim.sweep.sweeping",
    "run_sweep": "sim.sweep.sweeping",
    "sample_orders": "sim.explore.sampling",
    "save_schedule": "sim.explore.schedule_file",
    "save_trace": "sim.trace.saving",
    "scenario_of_row": "sim.sweep.replay",
    "scenario_text": "sim.files.scenario_writing",
    "sweep_page": "sim.report.page",
}

__all__ = [
    "DESIGNS",
    "PROPERTIES",
    "Action",
    "Answer",
    "BringUp",
    "Comparison",
    "Cpu",
    "CriticalPath",
    "Deadlock",
    "Design",
    "Distribution",
    "Do",
    "Explored",
    "ExportFormat",
    "Fault",
    "Finding",
    "Found",
    "Group",
    "Hazard",
    "HazardKind",
    "InputError",
    "KvmInit",
    "KvmMode",
    "Latencies",
    "Outcome",
    "Promises",
    "Property",
    "Question",
    "Relay",
    "Sampled",
    "Scenario",
    "Setting",
    "Space",
    "Strategy",
    "Summary",
    "Surroundings",
    "Topology",
    "TraceFormat",
    "boot",
    "boot_page",
    "causality",
    "compare",
    "cpu",
    "critical_path",
    "explore_orders",
    "export_text",
    "legal_sets",
    "plot_boot",
    "plot_buffers",
    "plot_designs",
    "plot_heat",
    "plot_lengths",
    "plot_topology",
    "power_of_two_sets",
    "prove_each",
    "prove_every_design",
    "prove_property",
    "read_device_tree",
    "read_running_machine",
    "read_scenario",
    "read_schedule",
    "read_space",
    "read_summary",
    "replay_schedule",
    "resume_sweep",
    "run_sweep",
    "sample_orders",
    "save_schedule",
    "save_trace",
    "scenario_of_row",
    "scenario_text",
    "sweep_page",
]


def __getattr__(name: str) -> Any:
    """Import a public name where it lives when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
