"""Vector lengths of imported CPUs: given, known by the core, and inferred from a log."""

from pathlib import Path

import pytest

from sim import Action, Do, Scenario, Topology, boot
from sim.cores.core_table import DocumentedCore, core_table
from sim.importer.imported import import_machine
from sim.importer.machine_evidence import Sources
from sim.importer.provenance import annotated_text
from sim.vectors import VectorType, bits_from_vqs
from tests.importer.machines import BOOTED, HEAD, UNKNOWN_CORE, imported_log, imported_machine
from tests.importer.trees import BIG_LITTLE, TWO, core, node, read, refusal, saved, sve, tree

TWO_SOCKETS = {f"socket{number}": {"cluster0": {"core0": core(number + 1)}} for number in (0, 1)}


# Given


def test_given_lengths_override_cores_and_the_last_entry_counts(tmp_path: Path) -> None:
    vls = {"cluster0": (128, 256), "cpu1": None, "cluster1": (128, 256, 512)}
    assert sve(read(tmp_path, BIG_LITTLE, **vls).topology) == {"cpu0": (128, 256), "cpu1": (), "cpu2": (128, 256, 512)}
    assert sve(read(tmp_path, BIG_LITTLE, cpu1=None, cluster0=(128, 256)).topology)["cpu1"] == (128, 256)


def test_a_cluster_is_named_by_its_path_or_its_end_where_only_one_cluster_has_it(tmp_path: Path) -> None:
    second = {"cluster0": {"core0": core(2)}, "cluster1": {"cluster0": {"core0": core(3)}}}
    cpu_map = {"socket0": {"cluster0": {"core0": core(1)}}, "socket1": second}
    three = tree(*(node(place, phandle=place + 1) for place in range(3)), cpu_map=cpu_map)
    for name in ("cluster1", "socket1/cluster1", "cluster1/cluster0", "socket1/cluster1/cluster0"):
        found = sve(read(tmp_path, three, **{name: (128,)}).topology)
        assert found == {"cpu0": (), "cpu1": (), "cpu2": (128,)}
    assert sve(read(tmp_path, three, socket1=(128,)).topology) == {"cpu0": (), "cpu1": (128,), "cpu2": (128,)}
    assert refusal(tmp_path, tree(*TWO, cpu_map=TWO_SOCKETS), cluster0=(128,)) == (
        "several clusters are called 'cluster0': socket0/cluster0, socket1/cluster0"
    )
    message = refusal(tmp_path, three, cluster0=(128,))
    assert message.startswith("several clusters are called 'cluster0': socket0/cluster0, socket1/cluster0, socket1/")


@pytest.mark.parametrize(
    ("vls", "message"),
    [
        ({"gpu": (128,)}, "there is no CPU or cluster 'gpu': there are cpu0 to cpu2, cluster0, cluster1"),
        ({"cpu3": (128,)}, "there is no CPU or cluster 'cpu3'"),
        ({"cpu1": (100,)}, "cpu1: 100 bits is not a vector length"),
        ({"cpu1": (128, 128)}, "cpu1: 128 bits is given twice"),
        ({"cpu1": (128, 512)}, "cpu1: SVE lengths {128,512}: 256 is missing"),
    ],
)
def test_lengths_that_cannot_be_are_refused(tmp_path: Path, vls: dict[str, tuple[int, ...]], message: str) -> None:
    assert refusal(tmp_path, BIG_LITTLE, **vls).startswith(message)


# Known by the core


def test_a_core_with_sme_has_its_streaming_lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(core_table().cores, "acme,sme", DocumentedCore("Acme", (128,), (512,)))
    path = saved(tmp_path, tree(node(0, "acme,sme")))
    imported = import_machine(Sources(tree=path), {"cpu0": (128, 256)})
    (cpu,) = imported.scenario.topology.cpus
    assert (cpu.sve_vqs, cpu.sme_vqs) == (0b11, 0b1000)
    assert "acme,sme, cluster0: SVE {128,256}, SME {512} (as given for cpu0)" in annotated_text(imported)


@pytest.mark.parametrize(
    ("log", "sme_bits", "source"),
    [
        ("", None, "Acme; SME unknown: taken as none"),
        (
            "SME: maximum available vector length 32 bytes per vector\n",
            (128, 256),
            "Acme; SME unknown: as little as the log's maximum implies",
        ),
    ],
)
def test_lengths_that_no_document_tells_are_inferred_and_the_others_known(
    log: str, sme_bits: tuple[int, ...] | None, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partly = DocumentedCore("Acme", (128, 256), unknown=frozenset({VectorType.SME}))
    monkeypatch.setitem(core_table().cores, "arm,neoverse-v1", partly)
    text = HEAD.format(cpus=1) + "SVE: maximum available vector length 32 bytes per vector\n" + log
    imported = imported_log(text, tmp_path)
    lengths = imported.lengths[0]
    assert (lengths.sve_bits, lengths.sme_bits, lengths.source) == ((128, 256), sme_bits, source)
    (unknown,) = imported.unknown
    assert str(unknown).startswith("arm,neoverse-v1, of unknown vector lengths: taken to have SVE {128,256}")


def test_a_core_without_vhe_runs_the_kernel_at_el1(tmp_path: Path) -> None:
    old, new = (read(tmp_path, tree(node(0, name))).topology.cpus[0] for name in ("arm,cortex-a53", "arm,cortex-a55"))
    assert (old.features.vhe, new.features.vhe) == (False, True)


def test_a_core_is_known_by_its_midr(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1) + "SVE: maximum available vector length 32 bytes per vector\n"
    imported = imported_log(text, tmp_path)
    assert [cpu.sve_vqs for cpu in imported.scenario.topology.cpus] == [0b11]
    # The kernel logs a default length too, so that its line must have been lost.
    assert imported.contradictions == ()


# Inferred


def test_unknown_lengths_are_as_few_as_the_log_implies() -> None:
    imported = imported_machine("mixed")
    has = {cpu.name: cpu.sve_vqs for cpu in imported.scenario.topology.cpus}
    assert has == {"cpu0": 0b1011, "cpu1": 0b1011, "cpu2": 0b1011, "cpu3": 0b1, "cpu4": 0b1011, "cpu5": None}
    assert not imported.lengths[3].is_known
    assert imported.contradictions == ()
    assert list(boot(imported.scenario).facts.online) == [0, 1, 2, 4]


def test_a_cpu_refused_for_a_length_that_others_lack_is_taken_to_have_it(tmp_path: Path) -> None:
    topology = Topology.of([[128, 256, 512], [128, 256, 384, 512]])
    ran = boot(Scenario(topology, kernel="6.12", maxcpus=1, actions=(Action(Do.ONLINE, "cpu1"),)))
    first, _, rest = ran.log_text.replace("0x000f0510", "0x00000000").partition("\n")
    imported = imported_log(f"{first}\nLinux version 6.12.0\n{rest}", tmp_path)
    assert [bits_from_vqs(cpu.sve_vqs or 0) for cpu in imported.scenario.topology.cpus] == [
        (128, 256, 512),
        (128, 256, 384, 512),
    ]
    assert imported.contradictions == ()


@pytest.mark.parametrize(
    ("early", "late"),
    [((128, 256), (128, 256, 384)), ((128, 256, 384), (128, 256, 384, 512)), ((128, 256, 512, 1024, 2048),) * 2],
)
def test_a_cpu_refused_above_the_maximum_is_taken_to_be_above_it(
    early: tuple[int, ...], late: tuple[int, ...], tmp_path: Path
) -> None:
    text = (
        HEAD.format(cpus=2).replace("411fd403", UNKNOWN_CORE)
        + "smp: Brought up 1 node, 1 CPU\n"
        + f"SVE: maximum available vector length {early[-1] // 8} bytes per vector\n"
        + f"SVE: default vector length {min(early[-1] // 8, 64)} bytes per vector\n"
        + "SVE: cpu1: would increase maximum VL\nCPU features: CPU1: SVE: vector length support mismatch\n"
        + "CPU1: will not boot\nCPU1: failed to come online\n"
    )
    imported = imported_log(text, tmp_path)
    assert [bits_from_vqs(cpu.sve_vqs or 0) for cpu in imported.scenario.topology.cpus] == [early, late]
    assert (imported.lengths[1].source == "unknown: above the others' maximum, as the log says") is (early != late)
    # No series of the model has that check.
    (contradiction,) = imported.contradictions
    assert contradiction.startswith("cpu1: the log says 'is refused (SVE: would increase maximum VL)', ")
    assert contradiction.endswith("imply 'comes online'")


REFUSED = (
    "SVE: cpu1: Required vector length(s) missing\nCPU features: CPU1: SVE: vector length support mismatch\n"
    "CPU1: will not boot\nCPU1: failed to come online\npsci: CPU1 killed (polled 0 ms)\n"
)
INFERRED = "unknown: so that it is refused as in the log"


@pytest.mark.parametrize(
    ("maximum", "core", "later", "is_inferred"),
    [
        (64, UNKNOWN_CORE, "", True),
        # No set lacks a length of {128}.
        (16, UNKNOWN_CORE, "", False),
        (64, UNKNOWN_CORE, BOOTED.format(1).replace("0.1", "9.1").replace("411fd403", UNKNOWN_CORE), False),
        # Apple M4, whose streaming lengths alone are unknown.
        (64, "610f0520", "", False),
    ],
)
def test_lengths_are_said_to_be_inferred_from_a_refusal_only_where_they_are_refused(
    maximum: int, core: str, later: str, *, is_inferred: bool, tmp_path: Path
) -> None:
    text = (
        HEAD.format(cpus=2).replace("411fd403", core)
        + "smp: Brought up 1 node, 1 CPU\n"
        + f"SVE: maximum available vector length {maximum} bytes per vector\n"
        + f"SVE: default vector length {maximum} bytes per vector\n"
    )
    imported = imported_log(text + REFUSED + later, tmp_path)
    assert [INFERRED in imported.lengths[cpu].source for cpu in (0, 1)] == [False, is_inferred]
    is_refused = any(one.cpu == 1 for one in boot(imported.scenario).facts.refused)
    assert is_refused is is_inferred


def test_streaming_lengths_are_as_few_as_the_log_implies(tmp_path: Path) -> None:
    text = (
        HEAD.format(cpus=1).replace("411fd403", UNKNOWN_CORE).replace("6.12.1", "7.3.0")
        + "SME: minimum available vector length 32 bytes per vector\n"
        + "SME: maximum available vector length 128 bytes per vector\n"
        + "SME: default vector length 32 bytes per vector\n"
    )
    imported = imported_log(text, tmp_path)
    (cpu,) = imported.scenario.topology.cpus
    assert (cpu.sve_vqs, bits_from_vqs(cpu.sme_vqs or 0)) == (None, (256, 512, 1024))
    assert imported.contradictions == ()


def test_sve_that_is_detected_is_there_though_no_line_says_its_lengths(tmp_path: Path) -> None:
    head = HEAD.format(cpus=1).replace("411fd403", UNKNOWN_CORE)
    imported = imported_log(head + "CPU features: detected: Scalable Vector Extension\n", tmp_path)
    assert (imported.scenario.topology.cpus[0].sve_vqs, imported.contradictions) == (0b1, ())


HAS_SVE = "SANITY CHECK: Unexpected variation in SYS_ID_AA64PFR0_EL1. Boot CPU: 0x11112222, CPU1: 0x111112222\n"


def test_a_cpu_without_a_line_lacks_what_the_boot_cpus_core_lacks(tmp_path: Path) -> None:
    # A Cortex-A55 has no SVE, and the kernel would log that a Cortex-A510 beside it has.
    text = HEAD.format(cpus=2).replace("411fd403", "412fd050")
    booted = "CPU1: Booted secondary processor 0x0000000001 [0x411fd461]\n"
    assert imported_log(text + booted, tmp_path).lengths[1].sve_bits is None
    assert imported_log(text + HAS_SVE + booted, tmp_path).lengths[1].sve_bits == (128,)


def test_a_line_that_shows_sve_counts_more_than_a_document_without_it(tmp_path: Path) -> None:
    text = HEAD.format(cpus=2).replace("411fd403", "414fd0c1") + HAS_SVE
    found = imported_log(text + "CPU1: Booted secondary processor 0x0000000001 [0x414fd0c1]\n", tmp_path).lengths[1]
    assert (found.sve_bits, found.is_known) == ((128,), False)
