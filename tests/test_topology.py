"""Tests of topologies: numbering, clusters, the lengths that firmware leaves, and refused input."""

from dataclasses import replace

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import InputError
from sim.topology import MOST_CPUS, Cpu, Features, Topology, cpu, cpu_list
from sim.vectors import SveRule, VectorType, bits_from_vqs, vqs_from_bits
from tests.systems import cpu_of

A64FX = [128, 256, 512]


def plain(count: int, boot: int = 0) -> Topology:
    return Topology(tuple(cpu(f"c{n}", [128]) for n in range(count)), boot_cpu=f"c{boot}")


def names(topology: Topology) -> list[str]:
    return [one.name for one in topology.logical]


def refusal(*cpus: Cpu, boot_cpu: str = "", any_vls: bool = False, rule: SveRule = SveRule.MULTIPLES) -> str:
    with pytest.raises(InputError) as caught:
        Topology(cpus, boot_cpu, rule, any_vls)
    return str(caught.value)


# Numbers


def test_the_first_cpu_boots_unless_another_is_named() -> None:
    topology = Topology.of([[128], [128]])
    assert topology.boot_cpu == "cpu0"
    assert names(topology) == ["cpu0", "cpu1"]


def test_several_cpus_are_called_by_their_own_names_alone() -> None:
    topology = plain(6, boot=3)
    assert topology.labels([3, 4]) == "cpu3-4 (c2, c4)"
    assert topology.labels([1, 2, 5]) == "cpu1-2,5 (c0 to c1, c5)"
    assert topology.labels([0, 1, 2, 3, 4, 5]) == "cpu0-5 (c3, c0 to c2, c4 to c5)"


@settings(deadline=None)
@given(st.data(), st.integers(1, 30))
def test_any_cpu_may_boot_and_the_others_keep_their_order(data: st.DataObject, count: int) -> None:
    boot = data.draw(st.integers(0, count - 1))
    topology = plain(count, boot)
    others = [f"c{n}" for n in range(count) if n != boot]
    assert names(topology) == [f"c{boot}", *others]
    assert [topology.number(one.name) for one in topology.logical] == list(range(count))


def test_a_cpu_keeps_its_mpidr_whoever_boots() -> None:
    first, second = plain(3), plain(3, boot=2)
    assert {one.name: first.mpidr(first.number(one.name)) for one in first.cpus} == {
        one.name: second.mpidr(second.number(one.name)) for one in second.cpus
    }


def test_a_given_mpidr_is_kept() -> None:
    assert Topology((cpu("a"), cpu_of("b", mpidr=0x80000100))).mpidr(1) == 0x80000100


def test_equal_cpus_in_equal_order_are_equal_topologies() -> None:
    assert plain(3) == plain(3)
    assert plain(3) != plain(3, boot=1)


def test_an_unknown_cpu_has_no_number() -> None:
    with pytest.raises(InputError, match=r"^there is no CPU 'c9': there are c0, c1, c2$"):
        plain(3).number("c9")


# Clusters


def nested() -> Topology:
    return Topology(
        (
            cpu("lonely", [128]),
            cpu("b0", A64FX, clusters=("big", "pair0")),
            cpu("b1", A64FX, late=True, clusters=("big", "pair0")),
            cpu("b2", A64FX, clusters=("big", "pair1")),
            cpu("s0", [128], [256], clusters=("small",)),
        ),
        boot_cpu="b2",
    )


def test_nested_clusters_make_a_tree_with_cpus_for_leaves() -> None:
    graph = nested().graph
    assert nx.is_arborescence(graph)
    assert {node for node in graph if not graph.out_degree(node)} == {"lonely", "b0", "b1", "b2", "s0"}
    assert [node for node in graph if not graph.in_degree(node)] == [()]


def test_the_way_to_a_cpu_leads_over_its_clusters() -> None:
    assert nx.shortest_path(nested().graph, (), "b1") == [(), ("big",), ("big", "pair0"), "b1"]
    assert nx.shortest_path(nested().graph, (), "lonely") == [(), "lonely"]


def test_a_cluster_leads_to_its_cpus_and_no_others() -> None:
    graph = nested().graph
    cpus = {node for node in nx.descendants(graph, ("big",)) if graph.nodes[node]["kind"] == "cpu"}
    assert cpus == {"b0", "b1", "b2"}


def test_nodes_say_what_they_are() -> None:
    nodes = nested().graph.nodes
    assert nodes["b2"] == {"kind": "cpu", "number": 0, "sve_bits": (128, 256, 512), "sme_bits": None, "late": False}
    assert nodes["s0"]["sme_bits"] == (256,)
    assert nodes["b1"]["late"]
    assert {nodes[one]["kind"] for one in ((), ("small",))} == {"system", "cluster"}


def test_clusters_of_one_name_at_different_places_stay_apart() -> None:
    topology = Topology((cpu("a", clusters=("x", "pair")), cpu("b", clusters=("y", "pair"))))
    assert nx.shortest_path(topology.graph, (), "b")[1:3] == [("y",), ("y", "pair")]
    assert nx.is_arborescence(topology.graph)


@pytest.mark.parametrize("name", ["system", "cluster:big"])
def test_a_cpu_of_any_name_has_a_node_of_its_own(name: str) -> None:
    graph = Topology((cpu(name, clusters=("big",)),)).graph
    assert len(graph) == 3


def test_a_clusters_name_has_no_slash() -> None:
    with pytest.raises(InputError, match="the cluster's name 'a/b' has a /"):
        Topology((cpu("x", clusters=("a/b",)), cpu("y", clusters=("a", "b"))))


# Firmware


@pytest.mark.parametrize(
    ("length", "left"), [(0, (128,)), (1, (128, 256)), (2, (128, 256)), (3, (128, 256, 512)), (15, (128, 256, 512))]
)
def test_el3_len_limits_what_the_kernel_finds(length: int, left: tuple[int, ...]) -> None:
    one = cpu("a", A64FX, zcr_el3_len=length)
    assert bits_from_vqs(one.usable_sve_vqs or 0) == left
    assert bits_from_vqs(one.sve_vqs or 0) == (128, 256, 512)


def test_firmware_makes_identical_silicon_asymmetric() -> None:
    topology = Topology((cpu("a", A64FX), cpu("b", A64FX, zcr_el3_len=0)))
    assert [one.usable_sve_vqs for one in topology.logical] == [0b1011, 0b1]


@pytest.mark.parametrize(("length", "left"), [(0, (512,)), (3, (512,)), (7, (512, 1024)), (15, (512, 1024))])
def test_a_streaming_length_is_left_even_below_the_smallest(length: int, left: tuple[int, ...]) -> None:
    one = cpu("a", sme_bits=[512, 1024], smcr_el3_len=length)
    assert bits_from_vqs(one.usable_sme_vqs or 0) == left


@pytest.mark.parametrize("name", ["", "x" * 61])
def test_a_name_has_1_to_60_characters_as_in_files(name: str) -> None:
    words = f"the name '{name}'"[:60]
    with pytest.raises(InputError, match=f"^{words}.* has {len(name)} characters: a name has 1 to 60$"):
        Topology((cpu(name),))


def test_no_lengths_mean_that_a_cpu_lacks_the_extension_as_in_files() -> None:
    assert Topology.of([[128], []], [[], [128]]) == Topology.of([[128], None], [None, [128]])


def test_a_cpu_without_an_extension_has_no_set_rather_than_an_empty_one() -> None:
    assert cpu("a").usable_sve_vqs is None
    assert cpu("a").usable_sme_vqs is None


@settings(deadline=None)
@given(st.integers(0, 0xFFFF), st.integers(0, 15))
def test_what_firmware_leaves_is_what_fits_its_len(vqs: int, length: int) -> None:
    one = cpu_of("a", vqs | 1, zcr_el3_len=length)
    kept = bits_from_vqs(one.usable_sve_vqs or 0)
    assert kept == tuple(bits for bits in bits_from_vqs(vqs | 1) if bits <= 128 * (length + 1))
    assert kept[0] == 128


# What is refused


@pytest.mark.parametrize("bits", [[128, 512], [128, 384], [128, 256, 1024]])
def test_an_illegal_sve_set_is_refused_unless_meant(bits: list[int]) -> None:
    assert "missing: every power of two below the largest" in refusal(cpu("a", bits))
    assert Topology((cpu("a", bits),), any_vls=True).logical[0].sve_vqs == vqs_from_bits(bits)


def test_the_newer_rule_refuses_other_multiples_of_128() -> None:
    odd = cpu("odd", [128, 256, 384])
    assert Topology((odd,)).sve_rule is SveRule.MULTIPLES
    assert refusal(odd, rule=SveRule.POWERS_OF_TWO).startswith("odd: SVE lengths {128,256,384}: 384 is not")
    assert Topology((odd,), sve_rule=SveRule.POWERS_OF_TWO, any_vls=True).logical == (odd,)


@pytest.mark.parametrize("bits", [[256], [256, 512]])
def test_sve_is_never_without_128(bits: list[int]) -> None:
    with pytest.raises(InputError, match=r"^a: SVE lengths \{.*\}: 128 is missing"):
        cpu("a", bits)


def test_features_take_lengths_in_bits() -> None:
    made = Features({VectorType.SVE: [256, 128]})
    assert (made.lengths_bits, made.vqs) == ({VectorType.SVE: (128, 256)}, {VectorType.SVE: 0b11})
    assert replace(made, vhe=False).lengths_bits == made.lengths_bits
    with pytest.raises(
        InputError, match=r"^Features: lengths_bits\['SVE'\] is 3 \(a whole number\): allowed is a list"
    ):
        Features({VectorType.SVE: 3})  # type: ignore[dict-item]
    with pytest.raises(InputError, match=r"^SVE lengths \{256\}: 128 is missing: every CPU with SVE has it"):
        Features({VectorType.SVE: [256]})


def test_a_cpus_lengths_are_in_bits() -> None:
    one = cpu("a", [128, 256, 512], [256], zcr_el3_len=1)
    assert (one.sve_bits, one.usable_sve_bits, one.sme_bits) == ((128, 256, 512), (128, 256), (256,))
    assert cpu("a").usable_sve_bits is None


def test_an_illegal_sme_set_is_refused_unless_meant() -> None:
    assert refusal(cpu("a", sme_bits=[128, 384])).startswith("a: SME lengths {128,384}: 384 is not a power of two")
    assert Topology((cpu("a", sme_bits=[384]),), any_vls=True).logical[0].sme_vqs == 0b100


def test_sme_is_never_without_any_length() -> None:
    with pytest.raises(InputError, match=r"SME lengths \{\}: an empty set"):
        Features({VectorType.SME: []})


@pytest.mark.parametrize("bits", [0, -128, 2176, 100])
def test_a_length_that_no_architecture_has_is_refused(bits: int) -> None:
    with pytest.raises(InputError, match=f"^a: {bits} bits is not a vector length: allowed are multiples of 128"):
        cpu("a", [128, bits])


@pytest.mark.parametrize("length", [-1, 16])
def test_a_len_of_firmware_has_four_bits(length: int) -> None:
    assert refusal(cpu("a", zcr_el3_len=length)) == f"a: zcr_el3_len is {length}: the field holds 0 to 15"
    assert "smcr_el3_len" in refusal(cpu("a", smcr_el3_len=length))


def test_two_cpus_of_one_name_are_refused() -> None:
    assert refusal(cpu("a"), cpu("b"), cpu("a")) == "two CPUs are named 'a'"


def test_two_cpus_of_one_mpidr_are_refused() -> None:
    assert "MPIDR" in refusal(cpu_of("a", mpidr=1), cpu_of("b", mpidr=1))


def test_an_unknown_boot_cpu_is_refused() -> None:
    assert refusal(cpu("a"), boot_cpu="z") == "the boot CPU 'z' is not among the CPUs"


def test_the_boot_cpu_cannot_be_late() -> None:
    assert refusal(cpu("a", late=True), cpu("b")) == "'a' cannot be late: it is the boot CPU"
    assert Topology((cpu("a", late=True), cpu("b")), boot_cpu="b").logical[1].late


def test_a_topology_has_1_to_65536_cpus() -> None:
    assert refusal() == "a topology has 1 to 65,536 CPUs, not 0"
    assert refusal(*[cpu("a")] * (MOST_CPUS + 1)).endswith("not 65,537")
    assert plain(MOST_CPUS).number(f"c{MOST_CPUS - 1}") == MOST_CPUS - 1


# Lists of numbers


def numbers_in(text: str) -> list[int]:
    """Read sysfs' notation back."""
    found: list[int] = []
    for part in text.split(",") if text else []:
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


@settings(deadline=None)
@given(st.sets(st.integers(0, 300)).map(sorted))
def test_a_cpu_list_holds_the_numbers_and_no_others(numbers: list[int]) -> None:
    assert numbers_in(cpu_list(numbers)) == numbers


@settings(deadline=None)
@given(st.sets(st.integers(0, 40)).map(sorted))
def test_a_cpu_list_joins_all_that_can_be_joined(numbers: list[int]) -> None:
    starts = [one for one in numbers if one - 1 not in numbers]
    assert len([part for part in cpu_list(numbers).split(",") if part]) == len(starts)


@pytest.mark.parametrize(("numbers", "text"), [([], ""), ([3], "3"), ([0, 1], "0-1"), ([0, 2, 3, 4], "0,2-4")])
def test_a_cpu_list_is_written_as_sysfs_does(numbers: list[int], text: str) -> None:
    assert cpu_list(numbers) == text
