"""Samples for tests of exports: shipped, hostile and large scenarios, and the programs that read exports."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import strategies as st

from sim import Scenario, Topology, cpu
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import find
from tests.systems import A64FX, V1

EMULATOR = "qemu-system-aarch64"
HOSTILE = [
    "$(touch pwned)`touch pwned`",
    "'; touch pwned; '\"",
    '"; touch pwned; "\\',
    "ends in a backslash \\",
    "*/ }; /delete-node/ x; /* // \\",
    '<b>&amp;</b> ]]> <!-- --> &"',
    "\\N \\G \\l {a|b} %s %n",
    "@@ # EOF ${KERNEL} $$ \\$",
]
"""Names that would do something if a shell, a compiler or a parser interpreted them."""
NAMES = st.lists(
    st.text(st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" \\\"'`$&<>*/@#"), min_size=1, max_size=12),
    min_size=1,
    max_size=4,
    unique=True,
)
needs = {
    program: pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} IS MISSING: make system-deps")
    for program in (EMULATOR, "dtc", "dot")
}
"""Marks of tests that run a program, by its name."""


def shipped(name: str) -> Scenario:
    return read_scenario(find(Path(name)))


def hostile(names: list[str]) -> Scenario:
    """Return a scenario whose CPUs, clusters and own name have these names."""
    clusters = tuple(name.replace("/", "|") for name in names)
    cpus = [cpu(name, V1, clusters=clusters[:depth]) for depth, name in enumerate(names)]
    return Scenario(Topology(tuple(cpus)), name=names[-1])


def large(cpus: int = 65_536) -> Scenario:
    return Scenario(Topology(tuple(cpu(f"cpu{number}", V1, clusters=("all",)) for number in range(cpus))))


NESTED = Scenario(
    Topology(
        (
            cpu("alone", V1),
            cpu("big", A64FX, clusters=("socket", "big")),
            cpu("own", None, clusters=("socket",)),
            replace(cpu("far", V1, late=True), mpidr=0x12_0034_5678),
            replace(cpu("further", V1), mpidr=0x1_0000_0100),
        ),
        boot_cpu="own",
    )
)
