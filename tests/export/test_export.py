"""Exports: read back by those for whom they are, whatever the names."""

import asyncio
import html
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import networkx as nx
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qemu.qmp import ConnectError, QMPClient, Runstate

from sim import Action, Do, ExportFormat, Fault, InputError, KvmMode, Relay, Scenario, Topology, cpu, export_text
from sim.conform.live.qemu_args import vector_properties
from sim.export.export_text import export_scenario
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import find
from sim.topology import Cpu
from sim.vectors import bits_from_vqs
from tests.command_line import Asymboot
from tests.examples import examples
from tests.systems import A64FX, N2, V1

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
needs = {
    program: pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} IS MISSING: make system-deps")
    for program in (EMULATOR, "dtc", "dot")
}


def shipped(name: str) -> Scenario:
    return read_scenario(find(Path(name)))


def hostile(names: list[str]) -> Scenario:
    """CPUs, clusters and a scenario of these names, whatever they hold."""
    clusters = tuple(name.replace("/", "|") for name in names)
    cpus = [cpu(name, V1, clusters=clusters[:depth]) for depth, name in enumerate(names)]
    return Scenario(Topology(tuple(cpus)), name=names[-1])


NAMES = st.lists(
    st.text(st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" \\\"'`$&<>*/@#"), min_size=1, max_size=12),
    min_size=1,
    max_size=4,
    unique=True,
)


def large(cpus: int = 65_536) -> Scenario:
    return Scenario(Topology(tuple(cpu(f"cpu{one}", V1, clusters=("all",)) for one in range(cpus))))


# The command


def test_an_export_is_printed_or_written_to_a_new_file(asymboot: Asymboot, tmp_path: Path) -> None:
    printed = asymboot("export", "bug", "--to", "dot")
    written = asymboot("export", "bug", "--to", "dot", "-o", tmp_path / "bug.dot")
    assert (printed.exit_code, printed.stderr) == (written.exit_code, written.output) == (0, "")
    assert (tmp_path / "bug.dot").read_text(encoding="utf-8") == printed.stdout
    again = asymboot("export", "bug", "--to", "dot", "-o", tmp_path / "bug.dot")
    assert (again.exit_code, again.output) == (2, f"asymboot: {tmp_path / 'bug.dot'}: exists already\n")


def test_what_a_format_cannot_hold_is_told_beside_it(asymboot: Asymboot) -> None:
    result = asymboot("export", "phone", "--to", "qemu")
    assert result.exit_code == 0
    assert result.stderr == "asymboot: phone: qemu cannot express: user space's actions; clusters\n"
    assert "# Lost: clusters.\n" in result.stdout


def test_options_change_what_is_exported(asymboot: Asymboot) -> None:
    script = asymboot("export", "bug", "--to", "qemu", "--kvm", "nvhe", "--design", "nosve").stdout
    assert "kvm-arm.mode=nvhe arm64.nosve" in script


def test_no_such_format_is_bad_input(asymboot: Asymboot) -> None:
    assert asymboot("export", "bug", "--to", "gem5").exit_code == 2
    with pytest.raises(InputError, match="allowed are qemu, fvp, dts, graphml, dot"):
        export_text(shipped("bug"), "gem5")


@pytest.mark.parametrize("to", ExportFormat)
def test_the_same_scenario_gives_the_same_text(to: ExportFormat) -> None:
    assert export_text(shipped("bug"), to) == export_text(shipped("bug"), to)


# QEMU


@contextmanager
def started(script: str, folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A script under way in a folder with a kernel that waits for ever."""
    wfi_and_back = struct.pack("<II", 0xD503207F, 0x17FFFFFF)
    (folder / "boot.sh").write_text(script, encoding="utf-8")
    (folder / "the kernel").write_bytes(wfi_and_back * 16)
    (folder / "initrd").write_bytes(b"none")
    process = subprocess.Popen(
        ["sh", "boot.sh"],
        cwd=folder,
        env={**os.environ, "KERNEL": "the kernel", "INITRD": "initrd", "TMPDIR": str(folder), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()


async def lengths_in(socket: str, count: int) -> list[dict[str, bool]]:
    """Every property of lengths that each CPU has, once the script let QEMU run; then QEMU ends."""
    monitor = QMPClient()
    while monitor.runstate is not Runstate.RUNNING:
        with suppress(ConnectError):  # not there yet
            await monitor.connect(socket)
        await asyncio.sleep(0.05)
    while (await ask(monitor, "query-status"))["status"] != "running":
        await asyncio.sleep(0.05)
    found = []
    for one in (await ask(monitor, "query-cpus-fast"))[:count]:
        path = one["qom-path"]
        names = [entry["name"] for entry in await ask(monitor, "qom-list", path=path)]
        lengths = [name for name in names if re.fullmatch(r"s[vm]e\d*", name)]
        found.append({name: await ask(monitor, "qom-get", path=path, property=name) for name in lengths})
    await ask(monitor, "quit")
    with suppress(EOFError):
        await monitor.disconnect()
    return found


async def ask(monitor: QMPClient, command: str, **arguments: str) -> Any:
    return await monitor.execute(command, arguments or None)


def bits(vqs: int | None) -> tuple[int, ...] | None:
    return None if vqs is None else bits_from_vqs(vqs)


WITH_SME = (cpu("a", A64FX, [128, 512]), cpu("b", [*A64FX, 1024], [256], late=True), cpu("c", N2, [2048], late=True))
WITHOUT = (cpu("a", V1), cpu("b", None), cpu("c", [128, 256, 384], zcr_el3_len=1), cpu(HOSTILE[0], A64FX))


@needs[EMULATOR]
@pytest.mark.parametrize("cpus", [WITH_SME, WITHOUT], ids=["sme", "sve"])
def test_cpus_in_qemu_have_the_lengths(cpus: tuple[Cpu, ...], tmp_path: Path) -> None:
    topology = Topology(cpus)
    script = export_text(Scenario(topology), "qemu")
    # Not below tmp_path: a socket's path has at most 107 bytes.
    with TemporaryDirectory(prefix="with, comma") as temporary, started(script, tmp_path, TMPDIR=temporary) as process:
        assert process.stderr is not None
        socket = process.stderr.readline().removeprefix("QMP: ").strip()
        found = asyncio.run(asyncio.wait_for(lengths_in(socket, len(cpus)), 60))
        assert process.wait(30) == 0
        assert not list(Path(temporary).iterdir())
    wanted = [vector_properties(bits(one.usable_sve_vqs), bits(one.usable_sme_vqs)) for one in topology.logical]
    assert [{name: has[name] for name in one} for has, one in zip(found, wanted, strict=True)] == wanted
    assert sorted(one.name for one in tmp_path.iterdir()) == ["boot.sh", "initrd", "the kernel"]


FAKE = """#!{python}
import json, os, sys
words = sys.argv[1:]
path = words[words.index("-chardev") + 1].rpartition("path=")[2]
told = open("told", "a")
print(json.dumps(words), file=told, flush=True)
values = {{}}
with open(path + ".out", "w") as answers, open(path + ".in") as asked:
    def answer(what):
        print(json.dumps(what), file=answers, flush=True)
    answer({{"QMP": {{"version": {{}}}}}})
    for line in asked:
        told.write(line)
        command, arguments = json.loads(line)["execute"], json.loads(line).get("arguments", {{}})
        place = arguments.get("path"), arguments.get("property")
        answer({{"event": "SOMETHING", "data": {{"error": "none"}}}})
        if command == "query-cpus-fast":
            answer({{"return": [{{"cpu-index": n, "qom-path": f"/cpus[{{n}}]", "thread-id": 1}} for n in range(2)]}})
        elif command == "qom-set" and place == {refused}:
            answer({{"error": {{"class": "GenericError", "desc": "it cannot"}}}})
        elif command == "qom-set":
            values[place] = arguments["value"]
            answer({{"return": {{}}}})
        elif command == "qom-get":
            answer({{"return": values[place] and place != {ignored}}})
        else:
            answer({{"return": {{}}}})
        if command in ("cont", "quit"):
            break
"""


def run_with_fake(scenario: Scenario, folder: Path, refused: object = None, ignored: object = None) -> tuple[int, str]:
    """Run a script with a QEMU that notes what it is told in the file `told`."""
    (folder / "bin").mkdir()
    program = folder / "bin" / EMULATOR
    program.write_text(FAKE.format(python=sys.executable, refused=refused, ignored=ignored), encoding="utf-8")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    with started(export_text(scenario, "qemu"), folder, PATH=path) as process:
        _, told = process.communicate(timeout=60)
    assert {one.name for one in folder.iterdir()} == {"bin", "boot.sh", "initrd", "the kernel", "told"}
    return process.returncode, told


def test_qemu_is_told_what_the_scenario_is_and_begins_last(tmp_path: Path) -> None:
    topology = Topology((cpu("a", V1), cpu("b", N2, late=True)))
    code, _ = run_with_fake(Scenario(topology, kvm_mode=KvmMode.PROTECTED, el2=False), tmp_path)
    words, *commands = map(json.loads, (tmp_path / "told").read_text(encoding="utf-8").splitlines())
    assert code == 0
    assert words[words.index("-append") + 1] == "console=ttyAMA0 panic=-1 maxcpus=1 kvm-arm.mode=protected"
    assert words[words.index("-machine") + 1] == "virt,gic-version=3,virtualization=off"
    assert words[words.index("-kernel") + 1] == "the kernel"
    assert {"-S", "-qmp"} <= set(words)
    names = [one["execute"] for one in commands]
    assert names == ["qmp_capabilities", "query-cpus-fast", *["qom-set", "qom-get"] * 34, "cont"]
    given = [one["arguments"] for one in commands if one["execute"] == "qom-set"]
    assert given == [
        {"path": f"/cpus[{number}]", "property": name, "value": value}
        for number, lengths in enumerate([V1, N2])
        for name, value in vector_properties(lengths, None).items()
    ]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("refused", '"property": "sve256", "value": true}} {"error": {"class": "GenericError"'),
        ("ignored", "cpu0 cannot"),
    ],
)
def test_a_length_that_qemu_cannot_have_ends_it(what: str, told: str, tmp_path: Path) -> None:
    code, errors = run_with_fake(shipped("bug"), tmp_path, **{what: ("/cpus[0]", "sve256")})
    assert code != 0
    assert told in errors
    last = (tmp_path / "told").read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(last) == {"execute": "quit"}


def test_a_qemu_that_does_not_start_ends_the_script(tmp_path: Path) -> None:
    (tmp_path / EMULATOR).write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    (tmp_path / EMULATOR).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    with started(export_text(shipped("bug"), "qemu"), tmp_path, PATH=path) as process:
        assert process.wait(60) == 7
    assert sorted(one.name for one in tmp_path.iterdir()) == ["boot.sh", "initrd", EMULATOR, "the kernel"]


@pytest.mark.parametrize("delay", ["", "sleep 1; "], ids=["at-once", "delayed"])
def test_a_terminated_script_ends_qemu(delay: str, tmp_path: Path) -> None:
    """With the delay the signal comes after QEMU was started, and before the script has noted its process id."""
    (tmp_path / EMULATOR).write_text("#!/bin/sh\necho $$ >&2\nexec sleep 600\n", encoding="utf-8")
    (tmp_path / EMULATOR).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    script = export_text(shipped("bug"), "qemu")
    assert script.count('started="$started $!"') == 1
    script = script.replace('started="$started $!"', f'{delay}started="$started $!"')
    with started(script, tmp_path, PATH=path) as process:
        assert process.stderr is not None
        number = next(int(line) for line in process.stderr if line.strip().isdigit())
        emulator = psutil.Process(number)
        process.terminate()
        assert process.wait(60) == 1
        assert psutil.wait_procs([emulator], 10)[1] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boot.sh", "initrd", EMULATOR, "the kernel"]


def test_a_script_says_what_it_needs(tmp_path: Path) -> None:
    with started(export_text(shipped("bug"), "qemu"), tmp_path, KERNEL="") as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "KERNEL: an arm64 kernel image" in told


@examples(0.25)
@given(NAMES)
def test_a_shell_runs_no_name(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = export_text(hostile(names), "qemu").splitlines()
        assert [line for line in lines if not line.lstrip().startswith("#")] == [
            line
            for line in export_text(hostile([f"n{one}" for one in range(len(names))]), "qemu").splitlines()
            if not line.lstrip().startswith("#")
        ]
        subprocess.run(["sh", "-n"], input="\n".join(lines), text=True, cwd=folder, check=True)


def test_hostile_names_do_nothing(tmp_path: Path) -> None:
    scenario = hostile(HOSTILE[:2]).but(name=HOSTILE[2])
    code, _ = run_with_fake(scenario, tmp_path)
    assert code == 0


@pytest.mark.parametrize(
    ("topology", "told"),
    [
        (Topology((cpu("a", V1, [128]), cpu("b", V1))), "it has CPUs with SME and without"),
        (Topology((cpu("a", V1, [128]), cpu("b", None, [128]))), "it has CPUs with SME of which some lack SVE"),
        (Topology((cpu("a", V1), cpu("b", V1, late=True), cpu("c", V1))), "an early CPU behind a late CPU"),
        (Topology.of([V1] * 513), "it has 513 CPUs, of at most 512"),
    ],
)
def test_what_qemu_cannot_have_is_bad_input(topology: Topology, told: str) -> None:
    with pytest.raises(InputError, match=f"QEMU cannot have it: .*{told}"):
        export_text(Scenario(topology), "qemu")


def test_what_a_script_does_not_do_is_lost() -> None:
    lost = export_scenario(
        Scenario(
            Topology((cpu("a", V1), replace(cpu("b", V1), mpidr=7))),
            design="tabba",
            kvm_mode=KvmMode.PROTECTED,
            relay=Relay.RELAXED,
            actions=(Action(Do.ONLINE, "b"),),
            faults=(Fault("b", never_arrives=True),),
        ),
        ExportFormat.QEMU,
    ).lost
    assert lost == (
        "faults of firmware",
        "the design, unless KERNEL is patched to it",
        "the relaxed relay",
        "user space's actions",
        "MPIDRs, which the board sets",
    )


# FVPs


def parameters(text: str) -> dict[str, int]:
    """A parameter file, as an FVP reads it: comments have their lines to themselves."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.]+=\d+", line) for line in lines)
    return {name: int(value) for name, value in (line.split("=") for line in lines)}


def test_veclen_counts_units_of_64_bits() -> None:
    assert parameters(export_text(shipped("bug"), "fvp")) == {
        "cluster0.NUM_CORES": 1,
        "cluster0.has_sve": 1,
        "cluster0.sve.veclen": 4,
        "cluster0.sve.has_sme": 0,
        "cluster1.NUM_CORES": 1,
        "cluster1.has_sve": 1,
        "cluster1.sve.veclen": 8,
        "cluster1.sve.has_sme": 0,
    }


def test_streaming_lengths_are_a_bit_each() -> None:
    topology = Topology.of([N2, None], [[128, 512], [256, 2048]])
    assert parameters(export_text(Scenario(topology), "fvp")) == {
        "cluster0.NUM_CORES": 1,
        "cluster0.has_sve": 1,
        "cluster0.sve.veclen": 2,
        "cluster0.sve.has_sme": 1,
        "cluster0.sve.sme_only": 0,
        "cluster0.sve.sme_veclens_implemented": 0b101,
        "cluster1.NUM_CORES": 1,
        "cluster1.has_sve": 1,
        "cluster1.sve.has_sme": 1,
        "cluster1.sve.sme_only": 1,
        "cluster1.sve.sme_veclens_implemented": 0b10010,
    }


def test_clusters_are_the_topologys_where_they_fit() -> None:
    cpus = [cpu(f"{where}{one}", V1, clusters=(where,)) for where in ("little", "big") for one in range(2)]
    same = export_scenario(Scenario(Topology(tuple(cpus))), ExportFormat.FVP)
    assert (parameters(same.text)["cluster0.NUM_CORES"], same.lost) == (2, ())
    without = export_scenario(Scenario(Topology((*cpus, cpu("prime", None, clusters=("prime",))))), ExportFormat.FVP)
    told = parameters(without.text)
    assert (told["cluster0.NUM_CORES"], told["cluster1.NUM_CORES"], told["cluster1.has_sve"]) == (4, 1, 0)
    assert without.lost == ("clusters of the topology",)


def test_a_cluster_that_is_not_there_has_no_cores() -> None:
    assert parameters(export_text(Scenario(Topology.of([V1])), "fvp"))["cluster1.NUM_CORES"] == 0


def test_what_an_fvp_cannot_be_told_is_lost() -> None:
    cpus = (cpu("a", A64FX), cpu("b", V1), replace(cpu("c", A64FX), mpidr=9))
    lost = export_scenario(Scenario(Topology(cpus)), ExportFormat.FVP).lost
    assert lost == (
        "SVE lengths below a largest one above 256 bits",
        "clusters of the topology",
        "the order of CPUs",
        "MPIDRs, which the FVP sets",
    )


def test_late_cpus_are_lost_and_so_is_a_boot_cpu_that_is_not_the_first() -> None:
    topology = Topology((cpu("x", V1, late=True), cpu("y", V1, clusters=("big",))), boot_cpu="y")
    told = {to: export_scenario(Scenario(topology), to).lost for to in (ExportFormat.FVP, ExportFormat.DTS)}
    assert "late CPUs" in told[ExportFormat.FVP]
    assert told[ExportFormat.DTS] == (
        "vector lengths (in comments only)",
        "late CPUs (in comments only)",
        "names of clusters (in comments only)",
        "the boot CPU, y, which is not the first",
    )


def test_what_does_not_fit_names_the_scenario(asymboot: Asymboot) -> None:
    result = asymboot("export", "phone", "--to", "fvp")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("asymboot: phone: FVP_Base_RevC-2xAEMvA has 2 clusters of at most 4 CPUs")


def test_what_does_not_fit_an_fvp_is_bad_input() -> None:
    for scenario in (shipped("phone"), large(), Scenario(Topology.of([V1, A64FX, N2]))):
        with pytest.raises(InputError, match="FVP_Base_RevC-2xAEMvA has 2 clusters of at most 4 CPUs"):
            export_text(scenario, "fvp")
    odd = Topology((cpu("a", V1, [384]),), any_vls=True)
    with pytest.raises(InputError, match="a: streaming lengths of FVP_Base_RevC-2xAEMvA are powers of two only"):
        export_text(Scenario(odd), "fvp")


@given(NAMES)
def test_names_change_no_parameter(names: list[str]) -> None:
    plain = hostile([f"n{one}" for one in range(len(names))])
    assert parameters(export_text(hostile(names), "fvp")) == parameters(export_text(plain, "fvp"))


# Device trees


def compiled(text: str) -> str:
    """A tree as dtc understands it; a warning is an error."""
    words = ["dtc", "-q", "-I", "dts", "-O", "dts", "-"]
    made = subprocess.run([words[0], *words[2:]], input=text, capture_output=True, text=True, check=True)
    assert made.stderr == ""
    return made.stdout


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


@needs["dtc"]
@pytest.mark.parametrize(
    "scenario", [shipped("bug"), shipped("phone"), NESTED, hostile(HOSTILE)], ids=["bug", "phone", "nested", "hostile"]
)
def test_dtc_has_no_complaint(scenario: Scenario) -> None:
    tree = compiled(export_text(scenario, "dts"))
    assert tree.count('compatible = "arm,armv8"') == len(scenario.topology.cpus)
    assert tree.count('enable-method = "psci"') == len(scenario.topology.cpus)


@needs["dtc"]
def test_a_backslash_before_the_end_of_a_line_hides_nothing() -> None:
    """Trees are often run through C's preprocessor, which joins such lines."""
    text = export_text(hostile(HOSTILE), "dts")
    assert "\\\n" not in text


def test_a_tree_nests_clusters_and_keeps_the_files_order() -> None:
    text = export_text(NESTED, "dts")
    assert re.findall(r"(\w+): cpu@(\w+) ", text) == [
        ("cpu1", "0"),
        ("cpu2", "1"),
        ("cpu0", "2"),
        ("cpu3", "1200345678"),
        ("cpu4", "100000100"),
    ]
    assert "reg = <0x12 0x345678>;" in text
    nodes = [one.split(" {")[0] for one in text.splitlines() if "{" in one or "cpu =" in one]
    begin = nodes.index("\t\tcpu-map")
    assert [one.removeprefix("\t\t\t") for one in nodes[begin + 1 : begin + 15]] == [
        "cluster0",
        "\tcore0",
        "\t\tcpu = <&cpu1>;",
        "\tcore1",
        "\t\tcpu = <&cpu3>;",
        "\tcore2",
        "\t\tcpu = <&cpu4>;",
        "cluster1",
        "\tcluster0",
        "\t\tcore0",
        "\t\t\tcpu = <&cpu0>;",
        "\tcluster1",
        "\t\tcore0",
        "\t\t\tcpu = <&cpu2>;",
    ]


def test_comments_tell_lengths() -> None:
    text = export_text(NESTED, "dts")
    assert "// cpu3 (far): late, SVE {128,256}\n" in text
    assert "// cpu0 (own): no SVE\n" in text


def test_bits_that_are_no_affinity_are_lost_or_missed() -> None:
    odd = replace(cpu("b", V1), mpidr=0x8100_0000)
    assert "MPIDR bits outside the affinities" in export_scenario(Scenario(Topology((odd,))), ExportFormat.DTS).lost
    with pytest.raises(InputError, match="a and b have the same affinities, 0x0"):
        export_text(Scenario(Topology((cpu("a", V1), odd))), "dts")


# Graphs


def read_graph(text: str) -> "nx.DiGraph[str]":
    read = nx.parse_graphml(text)
    assert isinstance(read, nx.DiGraph)
    return read


@pytest.mark.parametrize("scenario", [shipped("bug"), NESTED, hostile(HOSTILE)], ids=["bug", "nested", "hostile"])
def test_networkx_reads_its_graph_back(scenario: Scenario) -> None:
    graph, read = scenario.topology.graph, read_graph(export_text(scenario, "graphml"))
    assert (len(read), read.size()) == (len(graph), graph.size())
    for number, one in enumerate(scenario.topology.logical):
        node = read.nodes[f"cpu{number}"]
        assert (node["name"], node["kind"], node["number"], node["late"]) == (one.name, "cpu", number, one.late)
        assert node.get("sve_bits") == (None if one.sve_vqs is None else ",".join(map(str, bits_from_vqs(one.sve_vqs))))
        assert node["mpidr"] == scenario.topology.mpidr(number)
        path, above = [], f"cpu{number}"
        while (above := next(iter(read.predecessors(above)))) != "system":
            path.append(read.nodes[above]["name"])
        assert tuple(reversed(path)) == one.clusters


@given(NAMES)
def test_a_graph_holds_any_name(names: list[str]) -> None:
    read = read_graph(export_text(hostile(names), "graphml"))
    assert [read.nodes[f"cpu{number}"]["name"] for number in range(len(names))] == names
    assert read.graph["name"] == names[-1]


@needs["dot"]
@pytest.mark.parametrize("scenario", [shipped("phone"), NESTED, hostile(HOSTILE)], ids=["phone", "nested", "hostile"])
def test_graphviz_draws_each_cpu_and_cluster(scenario: Scenario) -> None:
    words = ["dot", "-Tjson0"]
    made = subprocess.run(words, input=export_text(scenario, "dot"), capture_output=True, text=True, check=True)
    assert made.stderr == ""
    objects = json.loads(made.stdout)["objects"]
    clusters = {one for one in scenario.topology.graph if isinstance(one, tuple) and one}
    assert sum(one["name"].startswith("cluster") for one in objects) == len(clusters)
    assert sum(one["name"].startswith("cpu") for one in objects) == len(scenario.topology.cpus)


@needs["dot"]
def test_graphviz_draws_names_as_they_are() -> None:
    text = export_text(hostile(HOSTILE), "dot")
    made = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, check=True)
    drawn = {html.unescape(one).replace("\xa0", " ") for one in re.findall(r"<text [^>]*>([^<]*)</text>", made.stdout)}
    assert {f"cpu{number} ({name})" for number, name in enumerate(HOSTILE)} <= drawn


@given(NAMES)
def test_labels_stay_within_their_quotes(names: list[str]) -> None:
    quoted = r'"(?:[^"\\\n]|\\.)*"'
    allowed = [
        "graph {|}|node \\[shape=box\\];",
        f"label={quoted};|subgraph cluster\\d+ {{",
        f"cpu\\d+ \\[label={quoted}(, style=dashed)?\\];",
    ]
    lines = [line.strip() for line in export_text(hostile(names), "dot").splitlines()]
    assert [line for line in lines if not re.fullmatch("|".join(allowed), line)] == []


@pytest.mark.parametrize(("to", "cpus"), [("dts", 65_536), ("dot", 65_536), ("graphml", 8_192)])
def test_a_large_system_is_exported(to: str, cpus: int) -> None:
    assert f"cpu{cpus - 1}" in export_text(large(cpus), to)
