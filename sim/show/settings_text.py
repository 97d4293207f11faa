"""The settings of a boot in words: what was booted, and what options changed of it."""

from rich.console import Console

from sim.scenario import EL2, LateBecause, Scenario
from sim.show.console import heading, line
from sim.titles import title
from sim.units import counted


def settings(scenario: Scenario) -> dict[str, str]:
    """Return the settings that apply to a scenario, in words; those of pKVM are left out where it has none."""
    told = {
        "kernel": scenario.kernel_words,
        title("kvm_mode"): str(scenario.kvm_mode) if scenario.el(0) == EL2 else f"{scenario.kvm_mode}, but EL1",
    }
    if scenario.has_pkvm:
        design = scenario.active_design
        told["design"] = "none" if design is None else design.name
        told |= {"relay": str(scenario.relay), "memory": str(scenario.memory)}
    told["page size"] = f"{scenario.page_bytes >> 10} KiB"
    told["seed"] = str(scenario.seed)
    return told


def show_settings(scenario: Scenario, before: Scenario, console: Console) -> None:
    """Print what is booted, as the head of what `asymboot run` shows.

    Args:
        scenario: what is booted.
        before: the scenario without what the command line's options changed.
        console: the terminal.
    """
    heading(console, scenario.name or "A scenario without a name", first=True)
    told, old = settings(scenario), settings(before)
    cpus, late = len(scenario.topology.cpus), len(scenario.topology.cpus) - len(scenario.early)
    line(console, counted(cpus, "CPU") + (f", {late:,} of them late" if late else ""))
    line(console, ", ".join(f"{name} {value}" for name, value in told.items()))
    changed = [
        f"{name} {value} (the file: {old[name]})" for name, value in told.items() if value != old.get(name, value)
    ]
    if changed:
        line(console, f"changed by options: {', '.join(changed)}")
    if scenario.command_line:
        line(console, f"{title('command_line')}: {scenario.command_line}")
    listed_later = [number for number in range(cpus) if scenario.late_because(number) is LateBecause.LISTED_LATER]
    if listed_later:
        line(console, f"listed later: {scenario.topology.labels(listed_later)}; no maxcpus= leaves out just these CPUs")
