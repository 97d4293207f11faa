"""Scenario files: what they say, and that whatever is wrong with one is told in one line."""

import datetime as dt
import math
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sim.designs import DESIGNS, LateCpu, LateStore, Pointer, Sizing, ZcrEl2
from sim.errors import InputError
from sim.files import toml_tables
from sim.files.bounded_read import LARGEST_FILE_BYTES
from sim.files.scenario_file import read_scenario, scenario_from_data, scenario_from_text
from sim.files.scenario_text import scenario_text
from sim.latencies import Distribution, Latencies, fixed
from sim.scenario import Action, BringUp, Do, Fault, KvmMode, MemoryLayout, Relay, Scenario
from sim.topology import Cpu, Topology
from sim.vectors import SveRule
from tests.command_line import Asymboot
from tests.examples import examples
from tests.systems import cpu_of

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
TWO_CPUS = """
[topology]
cpus = [{ name = "a", sve_bits = [128, 256] }, { name = "b", sve_bits = [128] }]
"""


def cpus(text: str) -> tuple[Cpu, ...]:
    return scenario_from_text(f"[topology]\n{text}").topology.cpus


def latencies(text: str) -> Latencies:
    return scenario_from_text(f"{TWO_CPUS}\n[latencies]\n{text}").latencies


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        scenario_from_text(text)
    return str(caught.value)


def refusal_of_file(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_scenario(path)
    return str(caught.value)


# Good files


@pytest.mark.parametrize("file", sorted(TOPOLOGIES.glob("*.toml")), ids=lambda file: file.stem)
def test_every_file_that_comes_with_the_simulator_can_be_read(file: Path) -> None:
    assert read_scenario(file).topology.cpus


def test_the_shortest_file_is_an_ordinary_boot() -> None:
    scenario = scenario_from_text("[topology]\ncpus = [{}]")
    assert scenario == Scenario(scenario.topology)
    assert scenario.topology.cpus == (cpu_of("cpu0"),)


def test_everything_in_a_file_arrives() -> None:
    text = """
    schema_version = 1
    name = "all of it"
    description = "every table once"
    seed = 42
    [topology]
    boot_cpu = "b"
    sve_rule = "powers-of-two"
    cpus = [
        { name = "a", sve_bits = [128, 256], sme_bits = [512], zcr_el3_len = 0, smcr_el3_len = 3, late = true },
        { name = "b", sve_bits = [128], mpidr = 0x100, cptr_el3_ez = false },
    ]
    [kernel]
    series = "6.12"
    maxcpus = 1
    arm64_nosve = true
    arm64_nosme = true
    kvm_mode = "protected"
    el2 = false
    page_bytes = 16384
    bring_up = "parallel"
    [pkvm]
    relay = "relaxed"
    memory = "mapped"
    allocation_fails_at = "a"
    [design]
    base = "tabba"
    [latencies]
    probe = "7us"
    [[faults]]
    cpu = "a"
    arrives_after = "6 s"
    [[actions]]
    do = "online"
    cpu = "a"
    at = "2s"
    [[actions]]
    do = "guest"
    cpu = "b"
    agent = "vmm"
    guest = "vm1"
    rounds = 3
    """
    scenario = scenario_from_text(text, default_name="not used")
    assert (scenario.name, scenario.seed, scenario.kernel, scenario.maxcpus) == ("all of it", 42, "6.12", 1)
    assert (scenario.arm64_nosve, scenario.arm64_nosme, scenario.el2, scenario.page_bytes) == (True, True, False, 16384)
    assert (scenario.kvm_mode, scenario.bring_up) == (KvmMode.PROTECTED, BringUp.PARALLEL)
    assert (scenario.relay, scenario.memory) == (Relay.RELAXED, MemoryLayout.MAPPED)
    assert scenario.allocation_fails_at == "a"
    assert scenario.active_design is DESIGNS["tabba"]
    assert scenario.latencies == Latencies(probe=fixed("7us"))
    assert scenario.faults == (Fault("a", arrives_after_ns=6_000_000_000),)
    assert scenario.actions == (
        Action(Do.ONLINE, "a", at_ns=2_000_000_000),
        Action(Do.GUEST, "b", agent="vmm", guest="vm1", rounds=3),
    )
    assert scenario.topology.sve_rule is SveRule.POWERS_OF_TWO
    assert scenario.topology.logical == (
        cpu_of("b", 0b1, mpidr=0x100, cptr_el3_ez=False),
        cpu_of("a", 0b11, 0b1000, zcr_el3_len=0, smcr_el3_len=3, late=True),
    )


def test_a_file_without_a_name_is_named_after_itself(tmp_path: Path) -> None:
    file = tmp_path / "my-phone.toml"
    file.write_text(TWO_CPUS, encoding="utf-8")
    assert read_scenario(file).name == "my-phone"


def test_windows_line_ends_and_other_alphabets_are_welcome(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes('name = "Täst 測試"\r\n[topology]\r\ncpus = [{ name = "ядро" }]\r\n'.encode())
    assert read_scenario(file).topology.cpus[0].name == "ядро"


def test_cpus_are_named_by_their_place_in_the_file() -> None:
    text = """
    cpus = [{ sve_bits = [128] }, { name = "odd" }]
    clusters = [{ name = "x", count = 2 }, { name = "y", cpus = [{}] }]
    """
    assert [one.name for one in cpus(text)] == ["cpu0", "odd", "cpu2", "cpu3", "cpu4"]


def test_a_cluster_gives_its_cpus_what_they_do_not_say_themselves() -> None:
    text = """
    [[topology.clusters]]
    name = "big"
    sve_bits = [128, 256, 512]
    zcr_el3_len = 1
    late = false
    cpus = [{}, { sve_bits = [128] }, { zcr_el3_len = 15, late = true }]
    """
    assert [(one.sve_vqs, one.zcr_el3_len, one.late) for one in cpus(text)] == [
        (0b1011, 1, False),
        (0b1, 1, False),
        (0b1011, 15, True),
    ]


def test_an_enable_method_holds_for_the_topology_a_cluster_or_a_cpu() -> None:
    text = """
    enable_method = "spin-table"
    cpus = [{}, { enable_method = "psci" }]
    [[topology.clusters]]
    name = "c"
    enable_method = "psci"
    cpus = [{}, { enable_method = "spin-table", el = 1, vhe = false }]
    """
    found = cpus(text)
    assert [str(one.firmware.enable_method) for one in found] == ["spin-table", "psci", "psci", "spin-table"]
    assert [(one.firmware.el, one.features.vhe) for one in found] == [(None, True)] * 3 + [(1, False)]
    scenario = Scenario(Topology(tuple(found)))
    assert scenario_from_text(scenario_text(scenario)).topology == scenario.topology


def test_an_inner_cluster_inherits_and_overrides() -> None:
    text = """
    [[topology.clusters]]
    name = "soc"
    sve_bits = [128]
    sme_bits = [256]
    count = 1
    [[topology.clusters.clusters]]
    name = "wide"
    count = 2
    sve_bits = [128, 256]
    [[topology.clusters.clusters]]
    name = "plain"
    count = 1
    """
    assert [(one.sve_vqs, one.sme_vqs, one.clusters) for one in cpus(text)] == [
        (0b1, 0b10, ("soc",)),
        (0b11, 0b10, ("soc", "wide")),
        (0b11, 0b10, ("soc", "wide")),
        (0b1, 0b10, ("soc", "plain")),
    ]


@pytest.mark.parametrize("extension", ["sve", "sme"])
def test_an_empty_list_of_lengths_means_that_the_cpu_lacks_the_extension(extension: str) -> None:
    text = f'clusters = [{{ name = "c", {extension}_bits = [128], cpus = [{{}}, {{ {extension}_bits = [] }}] }}]'
    assert [getattr(one, f"{extension}_vqs") for one in cpus(text)] == [1, None]


def test_clusters_of_one_name_may_lie_in_different_clusters() -> None:
    text = """
    clusters = [
        { name = "x", clusters = [{ name = "pair", count = 1 }] },
        { name = "y", clusters = [{ name = "pair", count = 1 }] },
    ]
    """
    assert [one.clusters for one in cpus(text)] == [("x", "pair"), ("y", "pair")]


def test_clusters_may_lie_sixteen_deep() -> None:
    (one,) = cpus('clusters = [{ name = "c", ' * 16 + "count = 1 " + "}]" * 16)
    assert one.clusters == ("c",) * 16


def test_forbidden_lengths_may_be_meant() -> None:
    assert cpus("any_vls = true\ncpus = [{ sve_bits = [128, 512] }]")[0].sve_vqs == 0b1001


def test_a_named_design_is_the_named_one() -> None:
    for name, design in DESIGNS.items():
        assert scenario_from_text(f'{TWO_CPUS}\n[design]\nbase = "{name}"').active_design is design


def test_a_design_can_be_built_from_another() -> None:
    text = """
    [design]
    base = "v6.11"
    name = "mine"
    buffer_sized_by = "architecture"
    zcr_el2 = "buffer"
    ffr_pointer = "rdvl"
    late_cpu = "warned-and-raised"
    late_store = "skipped"
    """
    mine = scenario_from_text(TWO_CPUS + text).active_design
    assert mine is not None
    assert mine.name == "mine"
    assert (mine.buffer_sized_by, mine.zcr_el2) == (Sizing.ARCHITECTURE, ZcrEl2.BUFFER)
    assert (mine.ffr_pointer, mine.late_cpu, mine.late_store) == (Pointer.RDVL, LateCpu.RAISES, LateStore.SKIPPED)


def test_a_changed_design_is_not_passed_off_as_its_base() -> None:
    changed = scenario_from_text(f'{TWO_CPUS}\n[design]\nbase = "v6.11"\nlate_cpu = "warned"').active_design
    assert changed is not None
    assert changed.late_cpu is LateCpu.WARNED
    assert changed.buffer_sized_by is DESIGNS["v6.11"].buffer_sized_by
    assert changed.name not in DESIGNS
    assert changed.source != DESIGNS["v6.11"].source


def test_latencies_are_durations_or_distributions_of_them() -> None:
    text = """
    cpu_on = "3ms"
    probe = { distribution = "uniform", low = "1us", high = "2us" }
    save = { distribution = "lognormal", median = "2us", sigma = 1 }
    cpu_off = { distribution = "exponential", mean = "1.5ms" }
    """
    assert latencies(text) == Latencies(
        cpu_on=Distribution("fixed", (3_000_000.0,)),
        probe=Distribution("uniform", (1_000.0, 2_000.0)),
        save=Distribution("lognormal", (2_000.0, 1.0)),
        cpu_off=Distribution("exponential", (1_500_000.0,)),
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('answer = "DENIED"', Fault("b", answer="DENIED")),
        ("never_arrives = true", Fault("b", never_arrives=True)),
        ('arrives_after = "0s"', Fault("b", arrives_after_ns=0)),
        ("stays_on = true", Fault("b", stays_on=True)),
    ],
)
def test_firmware_has_four_kinds_of_fault(text: str, fault: Fault) -> None:
    scenario = scenario_from_text(f'{TWO_CPUS}\n[[faults]]\ncpu = "b"\n{text}')
    assert scenario.faults == scenario_from_text(scenario_text(scenario)).faults == (fault,)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("2", 2, 2), ('"2-"', 2, None), ('"-2"', 1, 2), ('"2-3"', 2, 3), ('"1-"', 1, None), ("1", 1, 1)],
)
def test_a_fault_concerns_some_calls_of_cpu_on(text: str, first: int, last: int | None) -> None:
    scenario = scenario_from_text(f'{TWO_CPUS}\n[[faults]]\ncpu = "b"\nanswer = "DENIED"\ncpu_on = {text}')
    assert scenario.faults == (Fault("b", answer="DENIED", first=first, last=last),)
    assert scenario_from_text(scenario_text(scenario)).faults == scenario.faults


# Bad files


def sigma(value: str) -> str:
    return f'{TWO_CPUS}\n[latencies]\nprobe = {{ distribution = "lognormal", median = "1us", sigma = {value} }}'


def latency(value: str, name: str = "probe") -> str:
    return f"{TWO_CPUS}\n[latencies]\n{name} = {value}"


def kernel(line: str) -> str:
    return f"{TWO_CPUS}\n[kernel]\n{line}"


def action(lines: str) -> str:
    return f"{TWO_CPUS}\n[[actions]]\n{lines}"


def fault(lines: str) -> str:
    return f"{TWO_CPUS}\n[[faults]]\n{lines}"


def one_cpu(properties: str) -> str:
    return f"[topology]\ncpus = [{{ {properties} }}]"


HEX = "0x" + "F" * 5_000
BAD: dict[str, tuple[str, str]] = {
    # No TOML, or not the whole of it
    "empty": ("", r"^the key 'topology' is missing$"),
    "no topology": ('name = "x"', r"the key 'topology' is missing"),
    "no cpus": ("[topology]", r"^topology: a topology has 1 to 65,536 CPUs, not 0$"),
    "a cluster of none": ('[topology]\nclusters = [{ name = "c", count = 0 }]', r"^topology: .* not 0$"),
    "unclosed table": ("[topology", r"^is not TOML: .*document"),
    "no statement": ("\n\nwhat is this", r"^is not TOML: .*line 3"),
    "a key twice": ("seed = 1\nseed = 2", r"^is not TOML: Cannot overwrite a value"),
    "a NUL": ("\0", r"^is not TOML: .*line 1"),
    "another schema": ("schema_version = 2" + TWO_CPUS, r"^schema_version: .*2"),
    # Unknown keys
    "unknown table": (f'{TWO_CPUS}\n[kernal]\nseries = "6.1"', r"^unknown key 'kernal'; did you mean 'kernel'\?$"),
    "unknown key": (kernel('serie = "6.1"'), r"^kernel: unknown key 'serie'; did you mean 'series'\?$"),
    "unknown CPU key": (one_cpu("sve = [128]"), r"^topology\.cpus\[0\]: unknown key 'sve'"),
    "a key like none": (kernel("xyzzy = 1"), r"^kernel: unknown key 'xyzzy': allowed are series, flags, maxcpus, "),
    "a key of the file": (
        kernel("seed = 1"),
        r"^kernel: unknown key 'seed'; it belongs at the top of",
    ),
    "a key of another table": (kernel("relay = 'relaxed'"), r"^kernel: unknown key 'relay'; it belongs in pkvm$"),
    "a key over two lines": (f'{TWO_CPUS}\n"a\\nb" = 1', r"^topology: unknown key 'a\\nb': allowed are "),
    # Wrong types
    "topology no table": ("topology = 5", r"^topology: must be a table, and is an integer"),
    "cpus no list": ("[topology]\ncpus = {}", r"^topology\.cpus: must be a list"),
    "lengths no list": (
        one_cpu("sve_bits = 128"),
        r"^topology\.cpus\[0\]\.sve_bits: must be a list, and is an integer$",
    ),
    "lengths as text": (one_cpu('sve_bits = ["128"]'), r"^topology\.cpus\[0\]\.sve_bits\[0\]: must be an integer"),
    "a date for a name": ("name = 1979-05-27" + TWO_CPUS, r"^name: must be text in quotes, and is a date$"),
    "a truth for a seed": ("seed = true" + TWO_CPUS, r"^seed: must be an integer, and is true or false$"),
    "a number for a truth": (one_cpu("late = 1"), r"^topology\.cpus\[0\]\.late: must be true or false"),
    "a number for a series": (
        kernel("series = 6.12"),
        r"^kernel\.series: must be text in quotes, and is a number with a fraction$",
    ),
    "one action no list": (f'{TWO_CPUS}\n[actions]\ndo = "guest"', r"^actions: must be a list"),
    # Lengths
    "256 missing": (one_cpu("sve_bits = [128, 512]"), r"^topology: cpu0: SVE lengths \{128,512\}: 256 is missing"),
    "three missing": (one_cpu("sve_bits = [128, 2048]"), r"cpu0: .*: 256, 512, 1024 are missing: .*power of two"),
    "128 missing": (one_cpu("sve_bits = [256]"), r"cpu0: SVE lengths \{256\}: 128 is missing"),
    "no multiple": (one_cpu("sve_bits = [128, 200]"), r"^topology: cpus\[0\]: cpu0: 200 bits .*multiples of 128"),
    "a length twice": (one_cpu("sve_bits = [128, 128]"), r"^topology: cpus\[0\]: cpu0: 128 bits is given twice$"),
    "too short": (
        one_cpu("sve_bits = [64]"),
        r"^topology\.cpus\[0\]\.sve_bits\[0\]: is -?\d+, and must be at least 128$",
    ),
    "too long": (one_cpu("sve_bits = [128, 4096]"), r"sve_bits\[1\]: is -?\d+, and must be at most 2048$"),
    "SME 384": (one_cpu("sme_bits = [384]"), r"cpu0: SME lengths \{384\}: 384 is not a power of two"),
    "the newer rule": (
        '[topology]\nsve_rule = "powers-of-two"\ncpus = [{ sve_bits = [128, 256, 384] }]',
        r"cpu0: .*: 384 is not a power of two",
    ),
    "an unknown rule": ('[topology]\nsve_rule = "any"\ncpus = [{}]', r"^topology\.sve_rule: .*'any'"),
    "LEN of five bits": (one_cpu("zcr_el3_len = 16"), r"zcr_el3_len: is -?\d+, and must be at most 15$"),
    "MPIDR of 41 bits": (
        one_cpu("mpidr = 0x10000000000"),
        r"^topology\.cpus\[0\]\.mpidr: is 1099511627776, and must be at most 1099511627775",
    ),
    # CPUs and clusters
    "a CPU twice": ('[topology]\ncpus = [{ name = "x" }, { name = "x" }]', r"^topology: two CPUs are named 'x'$"),
    "a CPU without a name twice": ('[topology]\ncpus = [{ name = "cpu1" }, {}]', r"two CPUs are named 'cpu1'"),
    "an empty name": (one_cpu('name = ""'), r"^topology\.cpus\[0\]\.name: "),
    "a name over two lines": (one_cpu('name = "a\\nb"'), r"^topology: .*name 'a\\nb' has characters"),
    "a name with colours": (one_cpu('name = "\\u001b[31mred"'), r"^topology: .*name .*cannot be printed$"),
    "a long name": (one_cpu(f'name = "{"x" * 61}"'), r"^topology\.cpus\[0\]\.name: "),
    "a cluster twice": (
        '[topology]\nclusters = [{ name = "x", count = 1 }, { name = "x" }]',
        r"^topology: clusters: two clusters are named 'x'$",
    ),
    "an inner cluster twice": (
        '[topology]\nclusters = [{ name = "o", clusters = [{ name = "x" }, { name = "x" }] }]',
        r"^topology: clusters\[0\]\.clusters: two clusters are named 'x'$",
    ),
    "clusters too deep": (
        "[topology]\n" + 'clusters = [{ name = "c", ' * 17 + "count = 1 " + "}]" * 17,
        r"^topology: clusters lie more than 16 deep$",
    ),
    "too many CPUs in one": ('[topology]\nclusters = [{ name = "x", count = 65537 }]', r"clusters\[0\]\.count: "),
    "too many CPUs together": (
        '[topology]\nclusters = [{ name = "x", count = 40000 }, { name = "y", count = 25537 }]',
        r"^topology: clusters\[1\]\.count.*: a topology has at most 65,536 CPUs$",
    ),
    "minus one CPU": (
        '[topology]\nclusters = [{ name = "x", count = -1 }]',
        r"clusters\[0\]\.count: is -1, and must be at least 0$",
    ),
    "an unknown boot CPU": ('[topology]\nboot_cpu = "z"\ncpus = [{}]', r"^topology: the boot CPU 'z' is not"),
    "a late boot CPU": (one_cpu("late = true"), r"^topology: 'cpu0' cannot be late: it is the boot CPU$"),
    # Kernel, pKVM, design
    "a series of words": (kernel('series = "banana"'), r"kernel release 'banana': write it as text such as '6\.12'"),
    "an old series": (kernel('series = "5.19"'), r"kernel 5\.19 is older than 6\.1"),
    "an unknown mode": (
        kernel('kvm_mode = "protcted"'),
        r"^kernel\.kvm_mode: .*'protcted': .*none; did you mean 'protected'\?$",
    ),
    "no early CPU": (kernel("maxcpus = 0"), r"^kernel\.maxcpus: is -?\d+, and must be at least 1$"),
    "an odd page": (kernel("page_bytes = 8192"), r"^kernel\.page_bytes: .*8192.*4096, 16384, 65536$"),
    "an unknown relay": (f'{TWO_CPUS}\n[pkvm]\nrelay = "off"', r"^pkvm\.relay: .*'off'"),
    "an unknown failing CPU": (f'{TWO_CPUS}\n[pkvm]\nallocation_fails_at = "z"', r"^pkvm\.allocation_fails_at: .*'z'"),
    "an unknown design": (f'{TWO_CPUS}\n[design]\nbase = "x"', r"^design\.base: unknown design 'x': there are v6\.11,"),
    "a design without a base": (f'{TWO_CPUS}\n[design]\nname = "x"', r"^design: the key 'base' is missing$"),
    "an unknown choice": (f'{TWO_CPUS}\n[design]\nbase = "tabba"\nzcr_el2 = "max"', r"^design\.zcr_el2: .*'max'"),
    # Durations and distributions
    "no unit": (latency('"5"'), r"^latencies\.probe: '5' is not a duration: .* a unit \(ns, us, µs, ms, s, min\)"),
    "below zero": (latency('"-1us"'), r"^latencies\.probe: '-1us' is not a duration: .*at least 0"),
    "part of a nanosecond": (latency('"0.5ns"'), r"^latencies\.probe: '0\.5ns' is not a whole number"),
    "more than a year": (latency('"9999999min"'), r"^latencies\.probe: .*longer than a year"),
    "a bare number": (latency("5"), r"^latencies\.probe: .*a duration such as '200us'.*5$"),
    "an unknown latency": (latency('"1us"', "probee"), r"^latencies\.probee: .*did you mean 'probe'\?.*cpu_on_call"),
    "a latency like none": (latency('"1us"', "xyzzy"), r"^latencies\.xyzzy: unknown latency: there are"),
    "a latency over two lines": (latency('"1us"', '"a\\nb"'), r"^latencies\.a\\nb: unknown latency"),
    "an unknown distribution": (latency('{ distribution = "normal" }'), r"^latencies\.probe: .*there are fixed, uni"),
    "no distribution": (latency("{}"), r"^latencies\.probe: unknown distribution ''"),
    "low above high": (
        latency('{ distribution = "uniform", low = "2us", high = "1us" }'),
        r"^latencies\.probe: uniform: low is above high$",
    ),
    "a parameter missing": (
        latency('{ distribution = "uniform", low = "2us" }'),
        r"^latencies\.probe: uniform takes distribution, low, high, and nothing else$",
    ),
    "a parameter too many": (
        latency('{ distribution = "fixed", value = "2us", sigma = 1 }'),
        r"^latencies\.probe: fixed takes distribution, value",
    ),
    "a mean without a unit": (latency('{ distribution = "exponential", mean = 5 }'), r"probe: mean is a duration"),
    "sigma below zero": (sigma("-1"), r"^latencies\.probe: lognormal: .*not negative$"),
    "sigma no number": (sigma("nan"), r"^latencies\.probe: lognormal: .*finite"),
    "sigma without end": (sigma("1e400"), r"^latencies\.probe: lognormal: .*finite"),
    "a sigma of 400 digits": (sigma("9" * 400), r"^latencies\.probe\.sigma: an integer"),
    "a sigma of 101": (sigma("101"), r"^latencies\.probe: lognormal: sigma .*at most 100"),
    "sigma as text": (sigma('"1"'), r"^latencies\.probe: sigma is a plain number$"),
    # Actions and faults
    "an unknown deed": (action('do = "onlin"\ncpu = "b"'), r"^actions\[0\]\.do: .*'onlin'"),
    "an action nowhere": (action('do = "online"'), r"^actions\[0\]: the key 'cpu' is missing$"),
    "an action on nobody": (
        action('do = "online"\ncpu = "z"'),
        r"^actions\[0\](\.cpu)?: there is no CPU 'z': there are a, b$",
    ),
    "an action before the start": (
        action('do = "online"\ncpu = "b"\nat = "-1s"'),
        r"^actions\[0\](\.at)?: '-1s' is not a duration: .*at least 0",
    ),
    "a time without a unit": (action('do = "online"\ncpu = "b"\nat = "5"'), r"^actions\[0\](\.at)?: '5' is not"),
    "a time as a number": (action('do = "online"\ncpu = "b"\nat = 5'), r"^actions\[0\]\.at: must be text in quotes"),
    "no round": (
        action('do = "guest"\ncpu = "b"\nrounds = 0'),
        r"^actions\[0\]\.rounds: is -?\d+, and must be at least 1$",
    ),
    "the second action": (
        action('do = "guest"\ncpu = "b"\n[[actions]]\ndo = "guest"\ncpu = "b"\nat = "x"'),
        r"^actions\[1\](\.at)?: ",
    ),
    "a fault of nothing": (fault('cpu = "b"'), r"^faults\[0\]: a fault of b needs exactly one of answer,"),
    "two faults in one": (fault('cpu = "b"\nnever_arrives = true\nanswer = "DENIED"'), r"^faults\[0\]: .*exactly one"),
    "nearly an answer": (fault('cpu = "b"\nanswer = "DENID"'), r"never answers 'DENID': .*; did you mean 'DENIED'\?$"),
    "an unknown answer": (fault('cpu = "b"\nanswer = "NO"'), r"^faults\[0\]: CPU_ON never answers 'NO': .*DENIED"),
    "a fault of nobody": (
        fault('cpu = "z"\nnever_arrives = true'),
        r"^faults\[0\](\.cpu)?: there is no CPU 'z': there are a, b$",
    ),
    "a CPU_ON before the first": (
        fault('cpu = "b"\ncpu_on = 0'),
        r"^faults\[0\]\.cpu_on: is 0, and must be at least 1$",
    ),
    "a CPU_ON in words": (fault('cpu = "b"\ncpu_on = "second"'), r"^faults\[0\]: cpu_on must be .*and is 'second'$"),
    "no CPU_ON": (fault('cpu = "b"\ncpu_on = "-"'), r"^faults\[0\]: cpu_on must be a number such as 2"),
    "a CPU_ON that is true": (
        fault('cpu = "b"\ncpu_on = true'),
        r"^faults\[0\]\.cpu_on: must be an integer or text in quotes, and is true or false$",
    ),
    "a fault that ends before it begins": (
        fault('cpu = "b"\nnever_arrives = true\ncpu_on = "3-2"'),
        r"^faults\[0\]: a fault of b: its calls of CPU_ON are numbered from 1 on, and ascend$",
    ),
    "a fault over two lines": (fault('cpu = "b\\nc"'), r"^faults\[0\]: "),
    "two faults of one CPU": (
        fault('cpu = "b"\nnever_arrives = true\n[[faults]]\ncpu = "b"\nnever_arrives = true'),
        r"two faults of 'b' concern the same CPU_ON, number 1$",
    ),
    # Nesting and size
    "deep lists": ("a = " + "[" * 5_000 + "]" * 5_000, r"^is nested too deeply$"),
    "deep tables": ("a = " + "{a=" * 5_000 + "1" + "}" * 5_000, r"^is nested too deeply$"),
    "unclosed deep lists": ("a = " + "[" * 100_000, r"^is nested too deeply$"),
    "deep clusters": (
        "".join(f'[[topology{".clusters" * depth}]]\nname = "c"\n' for depth in range(1, 500)),
        r"nested too deeply|more than 16 deep",
    ),
    "a seed below zero": ("seed = -1" + TWO_CPUS, r"^seed: is -?\d+, and must be at least 0$"),
    "the least integer": (f"seed = {-(1 << 63)}{TWO_CPUS}", r"^seed: is -9223372036854775808, and must be at least 0$"),
    "less than the least integer": (f"seed = {-(1 << 63) - 1}{TWO_CPUS}", r"^seed: an integer of TOML's has at most"),
    "a seed of 23 digits": (f"seed = {'9' * 23}{TWO_CPUS}", r"^seed: an integer of TOML's has at most 64 bits$"),
    "a count of 400 digits": (f'[topology]\nclusters = [{{ name = "x", count = {"9" * 400} }}]', r"\]\.count: "),
    "a length of 400 digits": (one_cpu(f"sve_bits = [{'9' * 400}]"), r"sve_bits\[0\]: "),
    "a seed of 5,000 digits": (f"seed = {'9' * 5_000}{TWO_CPUS}", r"^is not TOML: .*digits"),
    # Malice
    "a key like a place": (
        f'{TWO_CPUS}\n"x` - at `$.y`" = 1',
        r"^topology: unknown key 'x` - at `\$\.y`': allowed are boot_cpu, ",
    ),
    "a choice like a place": (kernel('kvm_mode = " - at `$.y"'), r"^kernel\.kvm_mode: "),
    "a choice like an unknown key": (
        f"{TWO_CPUS}\n[design]\nbase = 'tabba'\nzcr_el2 = 'unknown field `x`'",
        r"^design\.zcr_el2: .*all-ones",
    ),
    "a huge latency": (latency(HEX), r"^latencies\.probe: "),
    "a huge distribution": (latency(f"{{ distribution = {HEX} }}"), r"^latencies\.probe\.distribution: an integer"),
    "a huge schema": (f"schema_version = {HEX}{TWO_CPUS}", r"^schema_version: "),
    "a huge page": (kernel(f"page_bytes = {HEX}"), r"^kernel\.page_bytes: "),
    "a truth for sigma": (sigma("true"), r"^latencies\.probe: sigma is a plain number$"),
    "a dotted key of many parts": ("a" + ".a" * 20_000 + " = 1", r"^line 1: is nested too deeply: more than 24 names"),
    "a long name of a CPU": (
        fault(f'cpu = "{"x" * 100_000}"\nnever_arrives = true'),
        r"^faults\[0\]: there is no CPU 'x{60}': there are a, b$",
    ),
}


@pytest.mark.parametrize(
    ("text", "message"),
    [pytest.param(*bad, id=what) for what, bad in BAD.items()],
)
def test_what_is_wrong_is_told_in_one_line_that_names_the_place(text: str, message: str) -> None:
    said = refusal(text)
    assert len(said.splitlines()) == 1
    assert re.search(message, said), said


# Files that cannot be read


def test_the_file_is_named_before_what_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(kernel("maxcpus = 0"), encoding="utf-8")
    assert refusal_of_file(file) == f"{file}: kernel.maxcpus: is 0, and must be at least 1"


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    assert refusal_of_file(tmp_path / "none.toml") == f"{tmp_path / 'none.toml'}: No such file or directory"
    assert refusal_of_file(tmp_path) == f"{tmp_path}: is a folder; a scenario is a .toml file"


def test_a_path_may_be_text() -> None:
    assert read_scenario(str(TOPOLOGIES / "bug.toml")).name == "the bug of Linux 6.11"


def test_a_path_with_a_nul_is_refused() -> None:
    assert refusal_of_file(Path("a\0b"))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.toml").touch()
    assert refusal_of_file(tmp_path / "x.toml").endswith("x.toml: the key 'topology' is missing")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "mark.toml"
    file.write_bytes(b"\xef\xbb\xbf" + TWO_CPUS.encode())
    assert len(read_scenario(file).topology.cpus) == 2


def test_a_file_that_is_not_utf_8_is_refused_by_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.toml"
    file.write_bytes(b"# one\n# two\nname = 'caf\xe9'\n")
    assert refusal_of_file(file) == f"{file}: line 3: is not UTF-8 text"


def test_a_file_of_8_mib_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    text = TWO_CPUS.encode() + b"#"
    file.write_bytes(text.ljust(LARGEST_FILE_BYTES, b"x"))
    assert len(read_scenario(file).topology.cpus) == 2
    file.write_bytes(text.ljust(8 * 1024 * 1024 + 1, b"x"))
    assert refusal_of_file(file) == f"{file}: is larger than 8 MiB, which no scenario needs"


# Whatever is in the file

LARGEST_BOOTED = 64

WHOLE = """schema_version = 1
seed = 3
[topology]
boot_cpu = "a"
cpus = [{ name = "a", sve_bits = [128, 256] }, { name = "b", sme_bits = [256], late = true }]
[[topology.clusters]]
name = "big"
sve_bits = [128]
zcr_el3_len = 1
count = 2
[[topology.clusters.clusters]]
name = "pair"
cpus = [{ mpidr = 0x100 }]
[kernel]
series = "6.12"
maxcpus = 2
kvm_mode = "protected"
[pkvm]
relay = "relaxed"
[design]
base = "tabba"
late_cpu = "warned"
[latencies]
probe = { distribution = "lognormal", median = "1us", sigma = 0.5 }
cpu_on = "3ms"
[[faults]]
cpu = "b"
arrives_after = "6s"
[[actions]]
do = "online"
cpu = "b"
at = "1s"
"""
PIECES = [
    *'[]{}=".,#\n\\-_+0179aes',
    *("[[", "]]", "[kernel]\n", "[[actions]]\n", "[[topology.clusters]]\n", "[topology.clusters.x]\n", "\n\n"),
    *("true", "nan", "-inf", "1e999", "-1", "0x7fffffffffffffff", "9" * 25, "1979-05-27", "07:32:00", "''", '"""'),
    *("name", "sve_bits = [128, 512]\n", "late = true\n", "count = 3\n", "6.11", "5s", "-5s", "[128]", "{}", "µ", "\0"),
]
slow = settings(examples(3), suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A good file after a few cuts, copies and insertions."""
    text = WHOLE
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        until = min(len(text), at + draw(st.sampled_from([0, 0, 1, 2, 5, 20, 80])))
        start = draw(st.integers(0, len(text)))
        copied = text[start : start + draw(st.integers(1, 40))]
        text = text[:at] + draw(st.sampled_from(["", copied, *PIECES])) + text[until:]
    return text


def is_read(text: str) -> bool:
    """Return True if a text is a scenario; any other text must raise `InputError` and nothing else."""
    try:
        scenario_from_text(text)
    except InputError:
        return False
    return True


def test_the_file_that_is_mutated_is_a_good_one() -> None:
    assert is_read(WHOLE)


@slow
@given(mutations())
def test_a_mutated_file_is_read_or_refused(text: str) -> None:
    is_read(text)


@slow
@given(st.text())
def test_any_text_is_refused(text: str) -> None:
    assert not is_read(text)


@slow
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_heap_of_pieces_is_read_or_refused(text: str) -> None:
    is_read(f"{TWO_CPUS}{text}")


@slow
@given(raw=st.binary() | st.text().map(str.encode) | mutations().map(str.encode))
def test_any_bytes_in_a_file_are_read_or_refused(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(raw)
    try:
        scenario = read_scenario(file)
    except InputError as error:
        said = str(error)
    else:
        said = f"{file}: {len(scenario.topology.cpus)}"
    assert said.startswith(f"{file}: ")


@slow
@given(mutations(), st.sampled_from([["run"], ["run", "--json"], ["compare", "--json"], ["show"], ["check"]]))
def test_every_command_survives_a_mutated_file(
    asymboot: Asymboot, tmp_path: Path, text: str, command: list[str]
) -> None:
    assume(not is_read(text) or len(scenario_from_text(text).topology.cpus) <= LARGEST_BOOTED)
    file = tmp_path / "x.toml"
    file.write_bytes(text.encode())
    result = asymboot(*command, str(file))
    assert result.exception is None or isinstance(result.exception, SystemExit), text
    assert result.exit_code in {0, 1, 2}
    assert result.stderr.count("\n") == (result.exit_code == 2)


@pytest.mark.parametrize(
    ("names", "vqs", "message"),
    [
        ([f"{'.' * 54}{number:06}" for number in range(10_000)], 1, r"^has more than 500,000 dots"),
        (map(str, range(10_000)), (1 << 16) - 1, r"^needs more than the 1 MiB that are read of a file$"),
    ],
)
def test_a_scenario_that_no_file_holds_is_not_written(
    monkeypatch: pytest.MonkeyPatch, names: Iterable[str], vqs: int, message: str
) -> None:
    monkeypatch.setattr(toml_tables, "LARGEST_FILE_BYTES", 1 << 20)
    scenario = Scenario(Topology(tuple(cpu_of(name, vqs) for name in names)))
    with pytest.raises(InputError, match=message):
        scenario_text(scenario)


def test_a_name_that_is_too_long_for_a_file_is_not_written() -> None:
    with pytest.raises(InputError, match=r"^name: must have at most 200 characters$"):
        scenario_text(Scenario(Topology.of([[128]]), name="x" * 201))


def places(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in what a file holds."""
    if place:
        yield place
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from places(one, (*place, key))


WRONG = [
    -1,
    0,
    3,
    1 << 62,
    1 << 70,
    1.5,
    math.nan,
    math.inf,
    True,
    "",
    "x" * 70,
    "a\nb",
    "5 parsecs",
    [],
    [[]],
    {},
    {"x": 1},
]
# Values that no TOML has: JSON has null, and a caller may give anything.
WRONG += [None, b"raw", dt.timedelta(1), {1: 2}, -(1 << 63)]
WRONG += [dt.date(2024, 7, 4), dt.time(12), dt.datetime(2024, 7, 4, tzinfo=dt.UTC)]


@pytest.mark.parametrize("place", list(places(tomllib.loads(WHOLE))), ids=lambda place: ".".join(map(str, place)))
def test_a_wrong_value_anywhere_is_told_by_its_place_in_plain_words(place: tuple[str | int, ...]) -> None:
    *way, last = place
    refused = 0
    for wrong in WRONG:
        data: Any = tomllib.loads(WHOLE)
        inside = data
        for step in way:
            inside = inside[step]
        inside[last] = wrong
        try:
            scenario_from_data(data)
        except InputError as error:
            refused += 1
            said = str(error)
            assert len(said.splitlines()) == 1
            assert "`" not in said
            assert "Expected" not in said
            assert str(place[0]) in said or "cpu" in said
    assert refused


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"kernel": {"flags": {"pseudo_registers": 1}}},
            "kernel.flags.pseudo_registers: must be true or false, and is an",
        ),
        ({"kernel": {"flags": {"sme": True, "own_design": "x"}}}, "kernel.flags.own_design: must be true or false"),
        ({"kernel": {"flags": {"a b": 1}}}, "kernel.flags.'a b': must be true or false"),
        (
            {"expect": {"cpus": {"cpu0": "online", "cpu1": []}}},
            "expect.cpus.cpu1: must be text in quotes, and is a list",
        ),
        (
            {"expect": {"cpus": {"cpu0": "online", "cpu1": "on"}}},
            "expect.cpus.cpu1: is 'on': allowed are online, offline",
        ),
        ({"latencies": {"probe": 1}}, "latencies.probe: must be a duration"),
        ({"latencies": {"probe": {"distribution": "fixed", "value": 1}}}, "latencies.probe: value is a duration"),
    ],
)
def test_a_wrong_value_under_a_free_key_names_the_key(tables: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        scenario_from_data({"topology": {"cpus": [{}, {}]}, **tables})
