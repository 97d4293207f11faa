"""``asymboot import``: files, options, folders of trees, exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

from sim.files.scenario_file import read_scenario
from tests.command_line import Asymboot
from tests.importer.machines import MACHINES, SETS, cpuinfo, dmesg_of, sysfs_of
from tests.importer.trees import A510, BIG_LITTLE, node, saved, sve, tree


def test_import_writes_a_new_file_or_prints(asymboot: Asymboot, tmp_path: Path) -> None:
    board, output = saved(tmp_path, BIG_LITTLE), tmp_path / "board.toml"
    printed = asymboot("import", board, "--vl", "cluster0=128,256", "--vl", "cpu1=none")
    assert (printed.exit_code, printed.stderr) == (0, "")
    assert "#   cpu2: arm,cortex-x2, cluster1, capacity 1024: SVE {128}" in printed.stdout
    words = ("import", board, "--vl", "cluster0=128,256", "--vl", "cpu1=none", "-o", output)
    assert asymboot(*words).output == ""
    assert output.read_text(encoding="utf-8") == printed.stdout
    assert sve(read_scenario(output).topology) == {"cpu0": (128, 256), "cpu1": (), "cpu2": (128,)}
    assert asymboot.refused(*words) == f"asymboot: {output}: exists already"


def test_import_lists_unknown_cores_unless_their_lengths_are_given(asymboot: Asymboot, tmp_path: Path) -> None:
    board = saved(tmp_path, tree(node(0), node(1, "acme,a"), {"reg": 2, "device_type": "cpu"}, node(3, "acme,a")))
    assert asymboot("import", board).stderr == (
        f"asymboot: {board}: unknown core acme,a: taken to have no SVE: cpu1,3\n"
        f"asymboot: {board}: unknown core (not named): taken to have no SVE: cpu2\n"
    )
    assert asymboot("import", board, "--vl", "cluster0=128").stderr == ""


@pytest.mark.parametrize(
    "word", ["cpu0", "=128", "cpu0=", "cpu0=a", "cpu0=128,", "cpu0=none,128", "cpu0=" + "1" * 5000]
)
def test_import_refuses_lengths_that_it_cannot_read(asymboot: Asymboot, tmp_path: Path, word: str) -> None:
    message = asymboot.refused("import", saved(tmp_path, BIG_LITTLE), "--vl", word)
    assert "must be like cluster1=128,256 or cpu3=none" in message


def test_import_of_a_folder_reads_every_tree_a_line_each(asymboot: Asymboot, tmp_path: Path) -> None:
    deep = tmp_path / "vendor"
    deep.mkdir()
    board, other = saved(tmp_path, BIG_LITTLE, "a.dtb"), saved(deep, tree(node(0, "acme,a"), node(1, A510)), "b.dtb")
    saved(tmp_path, b"", "no-tree.txt")
    result = asymboot("import", tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"{board}: 3 CPUs in 2 clusters, SVE {{128}}",
        f"{other}: 2 CPUs in 1 cluster, 1 with no SVE, 1 with SVE {{128}}; unknown core: acme,a",
        "2 read; 5 CPUs",
        "unknown core: acme,a, 1 CPU",
    ]
    broken = saved(deep, b"", "c.dtb")
    result = asymboot("import", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"asymboot: {broken}: is not a device tree blob")
    assert "2 read, 1 could not be read; 5 CPUs\n" in result.stdout


def test_import_of_a_folder_writes_nothing_and_needs_trees(asymboot: Asymboot, tmp_path: Path) -> None:
    for words in (["-o", "x.toml"], ["--vl", "cpu0=128"]):
        assert "goes with one device tree only" in asymboot("import", tmp_path, *words).stderr
    assert asymboot.refused("import", tmp_path) == f"asymboot: {tmp_path}: has no .dtb and no .dts below it"


def test_a_file_that_does_not_exist_is_refused(asymboot: Asymboot, tmp_path: Path) -> None:
    assert "No such file or directory" in asymboot.refused("import", tmp_path / "none.dtb")


def test_a_log_that_is_given_as_a_tree_is_to_be_given_with_dmesg(asymboot: Asymboot, tmp_path: Path) -> None:
    log = tmp_path / "boot of today.log"
    for text in (dmesg_of("mixed"), "[    5.1] CPU1: failed to come online\n"):
        log.write_text(text)
        assert asymboot.refused("import", log) == (
            f"asymboot: {log}: is a kernel log and not a device tree: import it with --dmesg '{log}'"
        )


def test_import_writes_the_file_lists_contradictions_and_exits_with_1(asymboot: Asymboot, tmp_path: Path) -> None:
    output = tmp_path / "machine.toml"
    mixed = MACHINES / "mixed"
    result = asymboot("import", "--dmesg", mixed / "dmesg", "--sysfs", mixed, "--vl=cpu3=128,256,512", "-o", output)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "QEMU's -cpu max, of unknown vector lengths: taken to have SVE {128,256,512}: cpu0-2,4\n" in result.stderr
    assert "cpu3: the log says 'is refused (SVE: Required vector length(s) missing)'" in result.stderr
    assert read_scenario(output).kernel == "6.12.117+deb13-arm64"
    assert "# Contradiction: cpu3: the log says" in output.read_text()


def test_import_without_contradictions_exits_with_0(asymboot: Asymboot) -> None:
    given = [f"--vl=cpu{cpu}={','.join(map(str, bits)) if bits else 'none'}" for cpu, bits in enumerate(SETS["mixed"])]
    result = asymboot("import", "--dmesg", MACHINES / "mixed" / "dmesg", *given)
    assert (result.exit_code, result.stderr) == (0, "")


def test_cpus_that_are_late_by_inference_are_listed(asymboot: Asymboot, tmp_path: Path) -> None:
    root = sysfs_of(tmp_path, cpuinfo(), possible="0-2", online="0,2")
    result = asymboot("import", "--sysfs", root, "--vl=cpu0=128", "--vl=cpu1=128", "--vl=cpu2=128")
    assert result.stderr == f"asymboot: {root}: offline, and sysfs does not tell why: taken to be late: cpu1\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Nothing to import: give a device tree, --dmesg or --sysfs."),
        (["--dmesg", "missing.log"], "asymboot: missing.log: No such file or directory\n"),
        (["--sysfs", "missing"], "asymboot: missing: has no sys/devices/system/cpu/possible, and no file possible\n"),
        ([".", "--dmesg", "boot.log"], "--dmesg goes with one device tree only."),
    ],
)
def test_import_says_what_it_needs(
    asymboot: Asymboot, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = asymboot("import", *words)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_log_may_come_through_a_pipe() -> None:
    command = [sys.executable, "-m", "sim.cli", "import", "--dmesg", "/dev/stdin", "--vl=cluster0=128"]
    result = subprocess.run(command, input=dmesg_of("nosve"), capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert 'name = "stdin"' in result.stdout
