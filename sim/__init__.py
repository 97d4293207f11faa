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
    from sim.boot_run import boot
    from sim.causes.causality import causality
    from sim.causes.critical_path import CriticalPath, critical_path
    from sim.designs import DESIGNS, Design
    from sim.errors import InputError
    from sim.explore.exploration import Explored, explore_orders
    from sim.explore.findings import Deadlock, Found
    from sim.explore.random_orders import Sampled, Strategy, sample_orders
    from sim.explore.schedule_file import read_schedule, replay_schedule, save_schedule
    from sim.export.export_formats import ExportFormat
    from sim.export.export_text import export_text
    from sim.files.scenario_file import read_scenario
    from sim.files.scenario_text import scenario_text
    from sim.files.space_file import read_space
    from sim.hazards import Hazard, HazardKind
    from sim.importer.device_tree import read_device_tree
    from sim.latencies import Distribution, Latencies
    from sim.outcome import Outcome
    from sim.plot.buffers_picture import plot_buffers
    from sim.plot.designs_picture import plot_designs
    from sim.plot.heat_picture import plot_heat
    from sim.plot.lengths_picture import plot_lengths
    from sim.plot.timeline_picture import plot_boot
    from sim.plot.topology_picture import plot_topology
    from sim.prove.design_space import Promises, prove_every_design
    from sim.prove.proof import Answer, Finding, Question, prove_each, prove_property
    from sim.prove.properties import PROPERTIES, Property
    from sim.report.page import boot_page, sweep_page
    from sim.scenario import Action, BringUp, Do, Fault, KvmInit, KvmMode, MemoryLayout, Relay, Scenario
    from sim.study.comparison import Comparison, compare
    from sim.study.system_space import Group, Setting, Space, legal_sets, power_of_two_sets
    from sim.sweep.row_scenario import scenario_of_row
    from sim.sweep.sweep_run import resume_sweep, run_sweep
    from sim.sweep.sweep_summary import Summary, read_summary
    from sim.topology import Cpu, Topology, cpu
    from sim.trace.trace_file import save_trace
    from sim.trace.trace_formats import TraceFormat

_HOME = {
    "DESIGNS": "sim.designs",
    "PROPERTIES": "sim.prove.properties",
    "Action": "sim.scenario",
    "Answer": "sim.prove.proof",
    "BringUp": "sim.scenario",
    "Comparison": "sim.study.comparison",
    "Cpu": "sim.topology",
    "CriticalPath": "sim.causes.critical_path",
    "Deadlock": "sim.explore.findings",
    "Design": "sim.designs",
    "Distribution": "sim.latencies",
    "Do": "sim.scenario",
    "Explored": "sim.explore.exploration",
    "ExportFormat": "sim.export.export_formats",
    "Fault": "sim.scenario",
    "Finding": "sim.prove.proof",
    "Found": "sim.explore.findings",
    "Group": "sim.study.system_space",
    "Hazard": "sim.hazards",
    "HazardKind": "sim.hazards",
    "InputError": "sim.errors",
    "KvmInit": "sim.scenario",
    "KvmMode": "sim.scenario",
    "Latencies": "sim.latencies",
    "Outcome": "sim.outcome",
    "Promises": "sim.prove.design_space",
    "Property": "sim.prove.properties",
    "Question": "sim.prove.proof",
    "Relay": "sim.scenario",
    "Sampled": "sim.explore.random_orders",
    "Scenario": "sim.scenario",
    "Setting": "sim.study.system_space",
    "Space": "sim.study.system_space",
    "Strategy": "sim.explore.random_orders",
    "Summary": "sim.sweep.sweep_summary",
    "MemoryLayout": "sim.scenario",
    "Topology": "sim.topology",
    "TraceFormat": "sim.trace.trace_formats",
    "boot": "sim.boot_run",
    "boot_page": "sim.report.page",
    "causality": "sim.causes.causality",
    "compare": "sim.study.comparison",
    "cpu": "sim.topology",
    "critical_path": "sim.causes.critical_path",
    "explore_orders": "sim.explore.exploration",
    "export_text": "sim.export.export_text",
    "legal_sets": "sim.study.system_space",
    "plot_boot": "sim.plot.timeline_picture",
    "plot_buffers": "sim.plot.buffers_picture",
    "plot_designs": "sim.plot.designs_picture",
    "plot_heat": "sim.plot.heat_picture",
    "plot_lengths": "sim.plot.lengths_picture",
    "plot_topology": "sim.plot.topology_picture",
    "power_of_two_sets": "sim.study.system_space",
    "prove_each": "sim.prove.proof",
    "prove_every_design": "sim.prove.design_space",
    "prove_property": "sim.prove.proof",
    "read_device_tree": "sim.importer.device_tree",
    "read_running_machine": "sim.importer.running",
    "read_scenario": "sim.files.scenario_file",
    "read_schedule": "sim.explore.schedule_file",
    "read_space": "sim.files.space_file",
    "read_summary": "sim.sweep.sweep_summary",
    "replay_schedule": "sim.explore.schedule_file",
    "resume_sweep": "sim.sweep.sweep_run",
    "run_sweep": "sim.sweep.sweep_run",
    "sample_orders": "sim.explore.random_orders",
    "save_schedule": "sim.explore.schedule_file",
    "save_trace": "sim.trace.trace_file",
    "scenario_of_row": "sim.sweep.row_scenario",
    "scenario_text": "sim.files.scenario_text",
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
    "MemoryLayout",
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
