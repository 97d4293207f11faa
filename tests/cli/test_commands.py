"""The commands beside run: compare, list, show, new, check, schema; and how all of them meet a terminal."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from sim.designs import DESIGNS
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.files.shipped_scenarios import folder, shipped
from sim.hazard_kinds import HazardKind
from sim.kernel_release import RECORDED
from tests.command_line import Asymboot

BUG = str(folder() / "bug.toml")
SMALL = [file for file in shipped() if len(read_scenario(file).topology.cpus) <= 8]
ASYMBOOT = [sys.executable, "-m", "sim.cli"]
LONGEST_WAIT_S = 30


def lines(asymboot: Asymboot, *words: str) -> list[str]:
    result = asymboot(*words)
    assert result.exit_code == 0, result.output
    return [line.rstrip() for line in result.stdout.splitlines()]


# run


def test_log_only_is_the_log(asymboot: Asymboot) -> None:
    result = asymboot("run", BUG, "--log-only")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x000f0510]"
    assert all(line.startswith("[ ") for line in result.stdout.splitlines())


def test_quiet_says_nothing_and_exits_as_ever(asymboot: Asymboot) -> None:
    for more, code in (([], 1), (["--kernel", "6.12"], 0)):
        result = asymboot("run", BUG, "--quiet", *more)
        assert (result.output, result.exit_code) == ("", code)


@pytest.mark.parametrize("file", SMALL, ids=lambda file: file.stem)
@pytest.mark.parametrize("command", [["run"], ["compare", "--relay", "both"], ["show"]], ids=" ".join)
def test_up_to_eight_cpus_fit_80_columns_but_for_the_kernels_own_lines(
    asymboot: Asymboot, command: list[str], file: Path
) -> None:
    shown = asymboot(*command, str(file)).stdout.splitlines()
    assert max(len(line) for line in shown if not line.startswith("[ ")) <= 80


def test_above_32_cpus_a_cluster_is_a_row(asymboot: Asymboot) -> None:
    shown = asymboot("run", "server-1024").stdout.partition("\nCPUs\n")[2].partition("\n\n")[0].splitlines()
    assert len(shown) <= 2 + 32
    assert any(line.split()[:2] == ["64-127", "socket0/cluster1"] for line in shown)


def test_many_clusters_are_put_together_level_by_level(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "many.toml"
    inner = ", ".join(f"{{ name = 'c{n}', count = 2, sve_bits = [128] }}" for n in range(40))
    file.write_text(f"[topology]\nclusters = [{{ name = 's0', clusters = [{inner}] }}, {{ name = 's1', count = 4 }}]\n")
    shown = asymboot("run", str(file)).stdout.partition("\nCPUs\n")[2].partition("\n\n")[0]
    assert [line.split()[:2] for line in shown.splitlines()[2:]] == [["0", "s0"], ["1-79", "s0"], ["80-83", "s1"]]


def test_buffers_say_what_a_save_would_need_and_name_the_cpu(asymboot: Asymboot) -> None:
    shown = asymboot("run", "phone").stdout.partition("\npKVM's buffers")[2].partition("\n\n")[0].splitlines()
    assert shown[3:5] == [
        "            a save would  registers  unused,",
        "CPU  name    need, bytes  from byte    bytes",
    ]
    assert shown[-1].split() == ["7", "prime", "562", "0", "0"]
    assert "name" not in asymboot("run", BUG).stdout.partition("\npKVM's buffers")[2].partition("\n\n")[0]


def test_many_hazards_notes_and_actions_are_counted(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "many.toml"
    actions = "".join(f"[[actions]]\ndo = 'guest'\ncpu = 'cpu{n}'\n" for n in range(1, 60))
    file.write_text(
        "[kernel]\nseries = '6.11'\nkvm_mode = 'protected'\n"
        "[[topology.clusters]]\nname = 'narrow'\ncount = 1\nsve_bits = [128]\n"
        f"[[topology.clusters]]\nname = 'wide'\ncount = 59\nsve_bits = [128, 256]\n{actions}"
    )
    shown = asymboot("run", str(file)).stdout
    assert "out-of-bounds write: 51 more" in shown
    assert "guest cpu1-59" in shown
    assert len(shown.partition("\nCPUs\n")[2].splitlines()) < 130


# names and spaces


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "bgu"], "bgu: there is no such file, and no scenario of that name: did you mean 'bug'?"),
        (
            ["space", "bug"],
            "bug is a scenario, not a space: asymboot run takes it; spaces that ship are clusters, core-pairs",
        ),
        (
            ["plot", "boot", "refusal", "-o", "x.png"],
            "refusal is a space, not a scenario: asymboot sweep takes it; scenarios that ship are",
        ),
        (["list", "bug"], "bug is a scenario, not a part of the list: asymboot run takes it. 'bug' is not one of"),
        (["summary", "bug"], "bug is a scenario, not a sweep: asymboot run takes it"),
        (["summary", "late-cpu"], "late-cpu is a space, not a sweep: asymboot sweep takes it"),
        (["replay", "bug"], "bug is a scenario, not a schedule: asymboot run takes it"),
        (["sweep", "clustres", "-o", "x"], "no space of that name: did you mean 'clusters'?"),
        (["check", "nosuch.toml"], "nosuch.toml: No such file or directory"),
    ],
)
def test_a_wrong_name_is_told_with_the_right_one(asymboot: Asymboot, words: list[str], message: str) -> None:
    assert message in asymboot.refused(*words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run FOLDER", "is a folder; a scenario is a .toml file"),
        ("check FOLDER", "is a folder; a scenario is a .toml file"),
        ("space FOLDER", "is a folder; a space is a .toml file"),
        ("import --dmesg FOLDER", "is a folder; a kernel log is a file"),
        ("summary FOLDER", "holds no sweep: there is no sweep.json"),
        (
            "summary FOLDER/nosuch",
            "there is no such folder of a sweep: `asymboot sweep SPACE -o FOLDER/nosuch` makes one",
        ),
        ("summary FOLDER/owt", "there is no such folder of a sweep: did you mean 'out'?"),
    ],
)
def test_a_folder_is_told_apart_from_what_is_wanted(
    asymboot: Asymboot, words: str, message: str, tmp_path: Path
) -> None:
    if "owt" in words:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "sweep.json").touch()
    refused = asymboot.refused(*words.replace("FOLDER", str(tmp_path)).split())
    assert f"{tmp_path}" in refused
    assert message.replace("FOLDER", str(tmp_path)) in refused


def test_a_scenario_on_the_standard_input_is_no_schedule(asymboot: Asymboot) -> None:
    result = asymboot("replay", "-", typed=Path(BUG).read_text())
    assert result.stderr == "asymboot: - is a scenario, not a schedule: asymboot run takes it\n"


def test_a_schedule_is_told_as_what_it_is(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text('{"schema_version": 2, "scenario": "", "steps": []}')
    for words in (["run"], ["check"], ["plot", "boot", "-o", str(tmp_path / "x.png")]):
        told = f"asymboot: {file} is a schedule, not a scenario: asymboot replay takes it"
        assert asymboot.refused(*words, str(file)) == told
    assert "is a schedule, not a space: asymboot replay" in asymboot.refused("space", str(file))
    file.write_text('{"steps": 1}')
    assert "is not TOML" in asymboot.refused("run", str(file))


def test_spaces_are_listed_written_checked_and_have_a_schema(asymboot: Asymboot, tmp_path: Path) -> None:
    assert "refusal       vector lengths          81        16" in asymboot("list", "spaces").stdout
    file = str(tmp_path / "mine.toml")
    assert asymboot("new", "--space", file).exit_code == 0
    assert asymboot("check", file, "late-cpu").stdout == (
        f"{file}: ok, a space of 27 systems\nlate-cpu: ok, a space of 625 systems\n"
    )
    (tmp_path / "wrong.toml").write_text("groups = [{ name = 'a', sets = 'legl' }]\n")
    assert "sets" in asymboot.refused("check", str(tmp_path / "wrong.toml"))
    assert "SpaceTable" in asymboot("schema", "space").stdout


def test_properties_are_listed(asymboot: Asymboot) -> None:
    assert "no save leaves its page run" in asymboot("list", "properties").stdout


def test_explore_says_where_only_one_order_exists(asymboot: Asymboot) -> None:
    assert "only one order exists" in asymboot("explore", BUG).stdout
    assert "only one order exists" not in asymboot("explore", str(folder() / "late-arrival.toml")).stdout


# diff


def test_diff_shows_the_first_difference_and_exits_as_diff_does(asymboot: Asymboot) -> None:
    result = asymboot("diff", BUG, "--kernel", "6.12")
    assert result.exit_code == 1
    assert "they differ first: a has a hazard: cpu1's save at 512 bits starts 1088 bytes" in result.stdout
    same = asymboot("diff", BUG, BUG)
    assert (same.exit_code, same.stdout.splitlines()[-1]) == (0, "Nothing differs")
    assert asymboot("diff", BUG).exit_code == 2


def test_diff_says_which_log_lines_it_leaves_out_and_which_do_not_count(asymboot: Asymboot, tmp_path: Path) -> None:
    left_out = "Log lines that repeat settings (Linux version, command line) are left out."
    assert left_out in asymboot("diff", BUG, "--kernel", "6.18").stdout
    assert left_out not in asymboot("diff", BUG, "--relay", "relaxed").stdout
    files = [tmp_path / "a.toml", tmp_path / "b.toml"]
    for file in files:
        file.write_text(f"[topology]\nboot_cpu = '{file.stem}'\ncpus = [{{ name = 'a' }}, {{ name = 'b' }}]\n")
    result = asymboot("diff", *map(str, files))
    assert "they differ first: in their settings and the lines that introduce CPUs alone" in result.stdout
    assert result.exit_code == 0


def test_diff_shows_lines_of_the_kernel_log_as_they_are(asymboot: Asymboot) -> None:
    shown = asymboot("diff", str(folder() / "late-cpu-refused.toml"), "--kernel", "6.1").stdout.splitlines()
    assert "-[    0.451040] SVE: cpu2: Required vector length(s) missing" in shown


OWN_NAMES = """
[kernel]
series = "6.12"
maxcpus = 3
[topology]
boot_cpu = "m2"
cpus = [
    { name = "m0", core = "arm,cortex-a55" },
    { name = "m1", core = "arm,cortex-a77" },
    { name = "m2", core = "arm,cortex-a76" },
    { name = "m3", core = "arm,cortex-a76", features = { AArch32_EL0 = false } },
    { name = "m4", core = "arm,cortex-a55", enable_method = "spin-table" },
]
[[actions]]
do = "online"
cpu = "m3"
agent = "a"
[[actions]]
do = "guest"
cpu = "m1"
agent = "b"
"""
"""A system in which every logical number is another than the place in the file, and no name is a number."""


@pytest.mark.parametrize(
    "words",
    [
        "run",
        "show",
        "check",
        "compare",
        "compare --by boot_cpu --by early",
        "diff --kernel 6.6",
        "explore",
    ],
)
def test_a_logical_number_stands_with_the_name_of_its_cpu(asymboot: Asymboot, words: str, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN_NAMES)
    command, *options = words.split()
    shown = asymboot(command, str(file), *options, columns="1000").stdout
    told = [line for line in shown.splitlines() if re.search(r"\bcpu[0-9]", line) and "[ " not in line]
    assert told
    for line in told:
        assert not re.search(r"\bcpu[0-9]+([-,][0-9]+)*+(?! \(m[0-9])", line), line


# compare


def test_compare_has_a_row_for_each_design(asymboot: Asymboot) -> None:
    shown = lines(asymboot, "compare", BUG)
    rows = [line.split() for line in shown if line.split()[:1] and line.split()[0].rstrip("*") in DESIGNS]
    assert [row[0].rstrip("*") for row in rows] == list(DESIGNS)
    assert rows[0] == ["v6.11*", "out-of-bounds", "write", "1108", "1", "cpu0", "32"]
    assert "*: the scenario's own design" in shown
    assert not any("late CPUs:" in line for line in shown)  # the legend explains the columns shown


def test_variants_that_are_alike_say_so_and_name_what_does_not_matter(asymboot: Asymboot) -> None:
    shown = lines(asymboot, "compare", BUG, "--by", "relay")
    assert "relay: nothing depends on it here" in shown
    assert shown[-1] == "nothing else differs from variant 1"
    several = lines(asymboot, "compare", BUG, "--by", "relay", "--by", "memory")
    assert "relay: nothing depends on it here; enforcing is shown" in several
    assert [line.split()[:2] for line in several if re.match("[123]  ", line)] == [
        ["1", "adjacent"],
        ["2", "isolated"],
        ["3", "mapped"],
    ]
    idle = lines(asymboot, "compare", "late-cpu-refused", "--by", "memory")
    assert "memory: nothing depends on it here, since there is no pKVM" in idle
    matters = lines(asymboot, "compare", "late-cpu-behind-the-relay", "--by", "relay")
    assert not any("depends on it" in line or "nothing else" in line for line in matters)


def test_variants_along_several_axes_make_a_matrix(asymboot: Asymboot) -> None:
    shown = asymboot("compare", BUG, "--by", "kernel", "--by", "kvm_mode", "--by", "memory", "--by", "relay").stdout
    head, _, rest = shown.partition("\nOutcomes\n")
    outcomes, _, steps = rest.partition("\nWhat differs first between neighbours, a and b\n")
    (adjacent, isolated) = head.split("\n\n")[1:]
    assert "relay: nothing depends on it here" in head
    assert adjacent.splitlines()[0] == "memory adjacent, mapped"
    assert [line.split() for line in isolated.splitlines()[-2:]] == [
        ["6.1,", "6.12", "to", "7.3", "A", "2", "online", "A", "2", "online"],
        ["6.10,", "6.11", "A", "2", "online", "C", "stopped,", "2", "hazards"],
    ]
    assert [line[:2] for line in outcomes.splitlines() if line[1:2] == ":"] == ["A:", "B:", "C:"]
    assert "C: stopped: cpu1's save at 512 bits stores to memory that is not mapped" in outcomes
    told = " ".join(steps.split())
    # The difference is the same under every relay, which is not named; it depends on the mode and on the memory.
    assert "kernel 6.11 (a) and 6.12 (b), KVM mode protected; memory mapped: a has a hazard: cpu1's save at" in told
    assert "relay" not in told


def test_settings_that_do_not_go_together_are_a_dash_in_a_matrix(asymboot: Asymboot) -> None:
    shown = asymboot("compare", BUG, "--by", "kernel", "--by", "kvm_mode", "--by", "design").stdout
    # Kernels before 6.10 save by none of the designs, which later kernels cannot.
    assert re.search(r"^none +A  2 online +- *$", shown, re.MULTILINE)
    assert "-: there is no such variant" in shown


def test_so_many_differences_are_told_that_they_can_be_read(asymboot: Asymboot) -> None:
    shown = asymboot(
        "compare", "late-cpu-refused", "--by", "kernel", "--by", "kvm_mode", "--by", "design", "--by", "early"
    )
    _, _, told = shown.stdout.partition("What differs first between neighbours, a and b\n")
    (last,) = (line for line in told.splitlines() if "more differences" in line)
    assert re.match(r"\d+ more differences; --json has them all", last)
    assert len(re.findall(r"^\S.* \(a\)", told, re.MULTILINE)) <= 24


def test_boot_cpu_and_early_cpus_are_one_side_of_a_matrix(asymboot: Asymboot) -> None:
    words = ["--by", "boot_cpu", "--by", "early", "--by", "kvm_mode"]
    shown = asymboot("compare", "late-cpu-at-el1", *words, columns="200").stdout
    assert "By boot CPU / early CPUs and KVM mode" in shown
    assert re.search(r"^cpu0 / all but cpu3 +B  stopped", shown, re.MULTILINE)
    assert "\nearly CPUs all (a) and all but cpu1-2 (b)" in shown


def test_settings_that_share_a_row_or_a_column_of_a_matrix_are_told_apart(asymboot: Asymboot) -> None:
    words = ["--by", "boot_cpu", "--by", "early", "--by", "kvm_mode"]
    shown = asymboot("compare", "big-little", *words).stdout
    # A name takes several lines, so a line's end does not end it.
    assert re.search(r"^cpu0 / all;", shown, re.MULTILINE)
    headings = asymboot("compare", BUG, "--by", "memory", "--by", "kernel").stdout
    assert re.search(r"^ +adjacent, +memory *$", headings, re.MULTILINE)
    assert "\ncapabilities lost: those that another variant has\n" in shown


def test_variants_by_kernel_name_the_flags_that_the_scenario_sets(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "flags.toml"
    file.write_text("[topology]\ncpus = [{}, {}]\n[kernel]\nflags = { sme = true }\n")
    assert "all: kernel with sme on, KVM mode default" in asymboot("compare", file, "--by", "kernel").stdout
    assert "kernel with" not in asymboot("compare", BUG, "--by", "kernel").stdout


def test_a_difference_tells_no_value_that_neither_boot_has(asymboot: Asymboot) -> None:
    shown = asymboot("diff", "one-cpu-without-crc32", BUG).stdout
    assert not re.search(r"^cpu[0-9]+ +cluster *$", shown, re.MULTILINE)


def test_the_verdicts_of_a_difference_are_indented_whole(asymboot: Asymboot) -> None:
    verdict = asymboot("diff", "phone", BUG, columns="40").stdout.partition("\nb: ")[2].partition("\nthey differ")[0]
    assert all(line.startswith("   ") for line in verdict.splitlines()[1:])


def test_clusters_that_are_left_the_same_lengths_are_told_together(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "mixed.toml"
    sets = {"one": "[128, 256]", "two": "[128, 256, 512]", "three": "[128, 256]"}
    clusters = ", ".join(f"{{ name = '{name}', count = 1, sve_bits = {bits} }}" for name, bits in sets.items())
    guests = "".join(f"[[actions]]\ndo = 'guest'\ncpu = 'cpu{n}'\n" for n in range(3))
    kernel = "[kernel]\nseries = '6.11'\nkvm_mode = 'protected'\n"
    file.write_text(f"[topology]\nclusters = [{clusters}]\n{kernel}{guests}")
    shown = asymboot("compare", file, columns="200").stdout
    assert re.search(r"one, three 32 *\n +two 64 *\n", shown)


def test_compare_takes_relay_and_memory_one_after_the_other(asymboot: Asymboot) -> None:
    shown = lines(asymboot, "compare", BUG, "--relay", "both", "--memory", "all")
    settings = [line for line in shown if line.startswith("relay ")]
    assert settings == [
        f"relay {relay}, memory {memory}"
        for relay in ("enforcing", "relaxed")
        for memory in ("adjacent", "isolated", "mapped")
    ]
    assert "relay enforcing, memory isolated" in lines(asymboot, "compare", BUG, "--memory", "isolated")


def test_without_pkvm_there_is_one_table(asymboot: Asymboot) -> None:
    shown = lines(asymboot, "compare", BUG, "--relay", "both", "--kvm-mode", "nvhe")
    assert shown.count("no pKVM: no relay, no buffers") == 1
    assert not [line for line in shown if line.startswith("relay ")]


def test_compare_begins_with_what_a_kernel_without_buffers_does(asymboot: Asymboot) -> None:
    (own, *others) = json.loads(asymboot("compare", BUG, "--kernel", "6.1", "--json").stdout)["designs"]
    assert (own["design"], own["own"], own["asked_bytes"]) == ("none", True, None)
    assert [row["design"] for row in others] == list(DESIGNS)
    assert not any(row["own"] for row in others)


@pytest.mark.parametrize("command", [["run"], ["run", "--json"], ["explore"], ["diff"], ["trace", "-o", "out.pftrace"]])
def test_commands_say_which_options_do_nothing_without_pkvm(
    asymboot: Asymboot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = "asymboot: without effect, since there is no pKVM: --design, --relay, --memory\n"
    options = ["--relay", "relaxed", "--design", "tabba", "--memory", "isolated"]
    assert words in asymboot(*command, "late-cpu-refused", *options).stderr
    assert "without effect" not in asymboot(*command, "bug", *options).stderr


def test_json_names_the_options_that_do_nothing(asymboot: Asymboot) -> None:
    words = ["--relay", "relaxed", "--memory", "isolated", "--seed", "3"]
    idle, of_pkvm = (
        json.loads(asymboot("run", name, *words, "--json").stdout)["without_effect"]
        for name in ("late-cpu-refused", "bug")
    )
    assert idle == ["relay", "memory"]
    assert of_pkvm == []


def test_numbers_in_differences_are_numbers(asymboot: Asymboot) -> None:
    found = json.loads(asymboot("diff", "late-cpu-above-maximum", "--design", "v6.11", "--json").stdout)
    buffers = next(row for row in found["values"] if row["table"] == "buffers")
    assert all(isinstance(buffers[side], int) for side in "ab")


def test_variants_say_which_settings_they_share(asymboot: Asymboot) -> None:
    fixed = asymboot("compare", "late-cpu-above-maximum", "--by", "kernel").stdout.split("\n    kernel")[0]
    assert "design brown-v4, relay relaxed, memory adjacent" in fixed
    assert "kernel 6" not in fixed
    assert "design each kernel's" in asymboot("compare", BUG, "--by", "kernel").stdout


@pytest.mark.parametrize("by", [[], ["--by", "kvm_mode"]], ids=" ".join)
@pytest.mark.parametrize(
    ("kernel", "note"),
    [("6.12-rc99", "nothing is known"), ("6.12.999", "nothing"), ("6.1.0-27-arm64", "6.1.115"), ("6.12", "")],
)
def test_compare_says_once_what_a_kernels_name_leaves_unknown(
    by: list[str], kernel: str, note: str, asymboot: Asymboot
) -> None:
    text = " ".join(lines(asymboot, "compare", BUG, "--kernel", kernel, *by))
    assert text.lower().count(
        f"kernel {kernel} has" if "arm64" in kernel else f"nothing is known of kernel {kernel}"
    ) == bool(note)
    assert note.lower() in text.lower()


def test_compare_as_json(asymboot: Asymboot) -> None:
    result = asymboot("compare", BUG, "--json", "--kernel", "6.12")
    assert result.exit_code == 0
    comparison = json.loads(result.stdout)
    assert comparison["schema_version"] == 2
    assert [row["design"] for row in comparison["designs"]] == list(DESIGNS)
    assert comparison["designs"][0]["out_of_bounds_write"] == 1
    assert {row["cluster"] for row in comparison["clusters"]} == {"cpu0", "cpu1"}


# list, show, new, check, schema


def test_scenarios_are_listed_by_that_name_too(asymboot: Asymboot) -> None:
    assert asymboot("list", "scenarios").stdout == asymboot("list", "topologies").stdout


def test_list_has_everything_a_line_each(asymboot: Asymboot) -> None:
    shown = lines(asymboot, "list")
    assert max(map(len, shown)) <= 80
    firsts = [line.split()[0] for line in shown if line.split()]
    for name in (*(file.stem for file in shipped()), *DESIGNS, *RECORDED):
        assert firsts.count(name) == 1, name
    for kind in HazardKind:
        assert any(
            line.split()[:1] == [str(kind.rank)] and kind.title in line and line.endswith(kind.value) for line in shown
        )


def test_list_of_some(asymboot: Asymboot) -> None:
    assert lines(asymboot, "list", "hazards")[0] == "Hazards"
    shown = lines(asymboot, "list", "kernels", "designs")
    assert [line for line in shown if line in {"Topologies", "Designs", "Kernels", "Hazards"}] == ["Designs", "Kernels"]


def test_the_list_of_cores_has_their_lengths(asymboot: Asymboot) -> None:
    cores = {line.split()[0]: line.split(maxsplit=2)[2] for line in lines(asymboot, "list", "cores") if "0x" in line}
    assert cores["fujitsu,a64fx"].split("  ")[0] == "SVE 128, 256, 512"
    assert cores["arm,cortex-a55"].split() == ["none", "all"]
    assert cores["arm,c1-nano"].split() == ["unknown", "none"]


def test_names_that_are_listed_stand_for_files(asymboot: Asymboot) -> None:
    assert asymboot("run", "bug").stdout == asymboot("run", BUG).stdout
    assert "did you mean 'bug'?" in asymboot.refused("run", "bugs")


def test_show_is_a_tree(asymboot: Asymboot) -> None:
    assert lines(asymboot, "show", "broken-el3-firmware") == [
        "broken EL3 firmware: 4 CPUs",
        "├── cluster0: 2 CPUs",
        "│   ├── cpu0: boot, SVE {128,256,512}",
        "│   └── cpu1: early, SVE {128,256,512}",
        "└── cluster1: 2 CPUs",
        "    ├── cpu2: early, SVE {128,256} of {128,256,512} (ZCR_EL3.LEN 1)",
        "    └── cpu3: early, SVE {128,256} of {128,256,512} (ZCR_EL3.LEN 1)",
    ]
    assert lines(asymboot, "show", "sme-only")[3] == "└── cpu2: late (maxcpus=), SVE {128}, SME {256,1024}"
    assert "├── cpu1: early, no SVE" in lines(asymboot, "show", "cpu-without-sve")


def test_show_puts_alike_clusters_together(asymboot: Asymboot) -> None:
    assert lines(asymboot, "show", "server-1024")[-5:] == [
        "│       └── cpu256-767: early, SVE {128,256,512}",
        "└── socket3: 256 CPUs",
        "    └── cluster0 to cluster3: 4 clusters, in all 256 CPUs",
        "        └── cpu768-1023: late (maxcpus=), SVE {128,256} of {128,256,512}",
        "            (ZCR_EL3.LEN 1)",
    ]


def test_new_is_a_scenario_to_start_from(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    assert lines(asymboot, "new", str(file)) == []
    assert file.read_text(encoding="utf-8") == asymboot("new").stdout
    assert lines(asymboot, "check", str(file)) == [f"{file}: ok, 4 CPUs"]
    assert asymboot("run", str(file)).exit_code == 1
    for key in ("seed", "design", "faults", "latencies", "zcr_el3_len", "relay", "memory", "boot_cpu", "page_bytes"):
        assert key in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "kind"), [("bug", "scenario"), ("late-cpu", "space")])
def test_new_says_which_shipped_name_its_file_stands_before(
    asymboot: Asymboot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    made = asymboot("new", name)
    told = f"asymboot: {name} stands before the {kind} of that name that ships: commands take this file from now on\n"
    assert (made.exit_code, made.stdout, made.stderr) == (0, "", told)
    assert asymboot("new", f"{name}.toml").stderr == ""


def test_the_command_line_has_the_maxcpus_that_leaves_out_the_late_cpus(asymboot: Asymboot) -> None:
    phone = asymboot("run", "phone", "--log").stdout
    assert "command line: maxcpus=7 kvm-arm.mode=protected" in phone.splitlines()
    assert "Kernel command line: maxcpus=7 kvm-arm.mode=protected\n" in phone
    assert "listed later:" not in phone


def test_run_names_the_cpus_that_no_maxcpus_leaves_out(asymboot: Asymboot, tmp_path: Path) -> None:
    (tmp_path / "middle.toml").write_text("topology.cpus = [{}, { late = true }, {}]\n", encoding="utf-8")
    found = asymboot("run", str(tmp_path / "middle.toml")).stdout
    assert "listed later: cpu1; no maxcpus= leaves out just these CPUs" in found.splitlines()
    assert "maxcpus=1" not in found


def test_run_begins_with_the_size_of_a_page(asymboot: Asymboot, tmp_path: Path) -> None:
    assert "page size 4 KiB" in asymboot("run", "bug").stdout.partition("\n\n")[0].replace("\n ", "")
    (tmp_path / "large.toml").write_text("kernel.page_bytes = 65536\ntopology.cpus = [{}]\n", encoding="utf-8")
    assert "page size 64 KiB" in asymboot("run", str(tmp_path / "large.toml")).stdout


def test_what_new_comments_out_is_right_too(asymboot: Asymboot) -> None:
    text = asymboot("new").stdout
    head, commented = text.partition("schema_version")[0], text.partition("schema_version")[1:]
    uncommented = re.sub(r"^# (?=(\[|\w+ = ))", "", "".join(commented), flags=re.MULTILINE)
    assert uncommented != "".join(commented)
    scenario = scenario_from_text(head + uncommented)
    assert scenario.faults
    assert scenario.latencies.probe.name == "uniform"


def test_new_overwrites_nothing(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("precious", encoding="utf-8")
    result = asymboot("new", str(file))
    assert (result.exit_code, result.stderr) == (2, f"asymboot: {file}: exists already\n")
    assert file.read_text(encoding="utf-8") == "precious"
    result = asymboot("new", str(tmp_path / "no" / "mine.toml"))
    assert result.stderr.endswith("No such file or directory\n")


def test_new_leaves_no_part_of_a_file_when_it_is_interrupted(
    asymboot: Asymboot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path, *_words: Any, **_more: Any) -> Any:
        path.touch()
        file = MagicMock()
        file.__enter__.return_value = file
        file.__exit__.return_value = False
        file.write.side_effect = KeyboardInterrupt
        return file

    monkeypatch.setattr(Path, "open", interrupted)
    assert asymboot("new", str(tmp_path / "mine.toml")).exit_code != 0
    assert list(tmp_path.iterdir()) == []


def test_check_goes_on_after_a_wrong_file(asymboot: Asymboot, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[topology]\ncpus = [{}]\n[kernel]\nmaxcpus = 0\n", encoding="utf-8")
    result = asymboot("check", BUG, str(wrong), BUG)
    assert result.exit_code == 2
    assert result.stdout == f"{BUG}: ok, 2 CPUs\n" * 2
    assert result.stderr == f"asymboot: {wrong}: kernel.maxcpus: is 0, and must be at least 1\n"


@pytest.mark.parametrize(
    ("what", "schema_id"),
    [
        ([], "scenario:1"),
        (["scenario"], "scenario:1"),
        (["outcome"], "outcome:2"),
        (["comparison"], "comparison:2"),
    ],
)
def test_schema_prints_json(asymboot: Asymboot, what: list[str], schema_id: str) -> None:
    schema = json.loads(asymboot("schema", *what).stdout)
    assert schema["$id"] == f"urn:asymboot:{schema_id}"


# Options


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", BUG, "--json", "--quiet"], "--json and --quiet do not go together"),
        (["run", BUG, "--watch", "-q"], "--quiet and --watch do not go together"),
        (["run"], "asymboot run: Missing argument 'FILE'."),
        (["run", BUG, "--memroy", "mapped"], "'--memory'"),
        (["run", BUG, "--memory", "lost"], "'lost' is not one of 'adjacent', 'isolated', 'mapped'"),
        (["run", BUG, "--design", "best"], "'constrain-v1'"),
        (["run", BUG, "--seed", "-1"], "-1 is not in the range"),
        (["run", BUG, "--seed", "1e9"], "is not a valid integer"),
        (["compare", BUG, "--relay", "all"], "'both'"),
        (["list", "planets"], "'planets' is not one of 'topologies', 'spaces'"),
        (["list", "hazzards"], "Did you mean 'hazards'?"),
        (["run", BUG, "--design", "taba"], "Did you mean 'tabba'?"),
        (["compare", BUG, "--by", "boot"], "Did you mean 'boot_cpu'?"),
        (["cmopare"], "No such command 'cmopare'"),
        (["--jsno"], "No such option '--jsno'"),
    ],
)
def test_wrong_options_are_one_line(asymboot: Asymboot, words: list[str], message: str) -> None:
    result = asymboot(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert "--help)" in result.stderr


# Terminals


def on_terminal(*words: str, **environment: str) -> str:
    """Return what a command prints on a terminal of 80 columns."""
    master, slave = pty.openpty()
    kept = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    env = kept | {"TERM": "xterm-256color"} | environment
    with subprocess.Popen([*ASYMBOOT, *words], stdout=slave, stderr=slave, env=env) as process:
        os.close(slave)
        printed = b"".join(_read(master))
        process.wait(LONGEST_WAIT_S)
    os.close(master)
    return printed.decode()


def _read(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(descriptor, 65_536)
        except OSError:
            return
        if not chunk:
            return
        yield chunk


def test_colour_is_for_terminals_and_no_color_switches_it_off() -> None:
    assert "\x1b[" in on_terminal("run", BUG)
    assert "\x1b[" not in on_terminal("run", BUG, NO_COLOR="1").replace("\x1b[1m", "").replace("\x1b[0m", "")
    piped = subprocess.run([*ASYMBOOT, "run", BUG], capture_output=True, check=False)
    assert b"\x1b" not in piped.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{' '.join(ASYMBOOT)} run {folder() / 'server-1024.toml'} | head -n 1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "server of 1,024 CPUs, one socket late\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    "words",
    [["compare", "bug"], ["run", "bug", "--json"], ["list"], ["--help"], ["run", "--help"], ["--version"]],
    ids=" ".join,
)
def test_without_a_reader_a_command_ends_as_sigpipe_ends_programs_and_not_as_bad_news(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*ASYMBOOT, *words], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + 13, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line() -> None:
    for words in (["run", BUG], ["run", BUG, "--json"], ["compare", BUG], ["schema"]):
        with Path("/dev/full").open("w", encoding="utf-8") as full:
            done = subprocess.run([*ASYMBOOT, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (2, "asymboot: the output: No space left on device\n")


def test_a_closed_output_is_one_line() -> None:
    command = f"{' '.join(ASYMBOOT)} run bug >&-"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "asymboot: the output: it is closed\n")


@pytest.mark.parametrize("columns", ["0", "1", "20", "abc", ""])
def test_any_width_of_a_terminal_will_do(asymboot: Asymboot, columns: str) -> None:
    for command in (["run", BUG], ["compare", BUG], ["show", BUG], ["list"]):
        result = asymboot(*command, columns=columns)
        assert result.exit_code in {0, 1}, result.output


def completed(*words: str) -> list[str]:
    """Return what a shell offers for the last word."""
    env = {
        **os.environ,
        "_ASYMBOOT_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("asymboot", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(ASYMBOOT, env=env, capture_output=True, text=True, check=False)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_shells_complete_commands_options_and_values() -> None:
    assert completed("c") == ["check", "compare", "conform"]
    assert completed("run", "--k") == ["--kernel", "--kvm-mode", "--kvm"]
    assert completed("run", "--design", "con") == ["constrain-v1", "constrain-v2"]
    assert completed("run", "--kernel", "6.1") == ["6.1", "6.12", "6.16", "6.17", "6.18", "6.19"]
    assert completed("run", "bu") == ["bug"]
    assert completed("new", "bu") == ["bu"]  # left to the shell, which completes files


def test_an_output_that_is_not_utf_8_gets_escapes(tmp_path: Path) -> None:
    file = tmp_path / "names.toml"
    file.write_text('name = "größer"\n[topology]\ncpus = [{ name = "cpuä", sve_bits = [128] }]\n', encoding="utf-8")
    for command in ("run", "show", "compare", "check"):
        env = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run([*ASYMBOOT, command, str(file)], capture_output=True, env=env, check=True)
        assert done.stderr == b""
        assert done.stdout.isascii()


def test_nothing_is_cut_off_however_narrow(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "alternating.toml"
    cpus = ", ".join("{ sve_bits = [128] }, { sve_bits = [128, 256] }" for _ in range(20))
    file.write_text(f"[topology]\nclusters = [{{ name = 'one', cpus = [{cpus}] }}]\n", encoding="utf-8")
    for columns in ("80", "40"):
        shown = asymboot("run", str(file), columns=columns).stdout
        table = shown.partition("\nCPUs\n")[2].partition("\n\n")[0]
        for word in ("early", "online", "{128,256}", "CPUs)", "role"):
            assert word in table, table


# --watch


class Watching:
    """A run that watches its file, and what it has printed so far."""

    def __init__(self, file: Path) -> None:
        self.output = file.with_suffix(".out")
        with self.output.open("w") as out:
            self.process = subprocess.Popen([*ASYMBOOT, "run", str(file), "--watch"], stdout=out, stderr=out)

    def wait_for(self, text: str, times: int = 1) -> None:
        deadline = time.monotonic() + LONGEST_WAIT_S
        while self.output.read_text().count(text) < times:
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.02)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LONGEST_WAIT_S)


def test_watch_runs_again_after_each_change_and_outlives_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    good = Path(BUG).read_text(encoding="utf-8")
    file.write_text(good, encoding="utf-8")
    watching = Watching(file)
    try:
        watching.wait_for("out-of-bounds write")
        (tmp_path / "other.toml").write_text("", encoding="utf-8")
        file.write_text("[topology\n", encoding="utf-8")
        watching.wait_for("is not TOML")
        renamed = tmp_path / "as-editors-do"
        renamed.write_text(good, encoding="utf-8")
        renamed.replace(file)
        watching.wait_for("out-of-bounds write", times=2)
    finally:
        code = watching.stop()
    assert code == 0
    assert "Traceback" not in watching.output.read_text()
    assert "other.toml" not in watching.output.read_text()


def test_make_installs_packages_before_it_needs_them(tmp_path: Path) -> None:
    words = ["make", "--dry-run", "conform", f"VENV={tmp_path}/none"]
    told = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True).stdout
    assert 0 < told.index("apt-get install") < told.index("-m venv") < told.index("asymboot conform")


@pytest.mark.parametrize(
    "words",
    [
        "run server-1024",
        "compare big-little --by boot_cpu --by early",
        "compare bug --by design --by relay --by memory",
        "features rk3588",
    ],
)
def test_a_table_that_can_be_narrower_fits_the_terminal_and_loses_nothing(asymboot: Asymboot, words: str) -> None:
    narrow, wide = (asymboot(*words.split(), columns=columns).stdout for columns in ("80", "200"))
    assert max(len(line.rstrip()) for line in narrow.splitlines() if not line.startswith("[")) <= 80
    for cell in ("refused", "listed", "allows", "out-of-bounds", "arm,cortex-a76"):
        assert (cell in narrow) == (cell in wide)
