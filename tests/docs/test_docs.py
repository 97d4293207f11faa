"""Tests that the pages are true: every example runs, and no hazard, key or allowed value is left out.

The words after its fence tell the kind of a fenced block:

- ``toml``: a whole scenario, which must boot; with ``# NAME.toml`` as its first line, commands may run it by that
  name. In a hazard's section of docs/hazards.md it must show that hazard.
- ``toml partial``: a part of a scenario, which must be TOML.
- ``toml wrong``: a scenario that is refused, with an error that its document quotes.
- ``dts``: a device tree's source, with ``// NAME.dts`` as its first line, which commands and Python read by that name.
- ``console``: commands and their output, with ``...`` where lines are left out.
- ``console kernel``: the same with a kernel to boot, for which kernels/trixie stands.
- ``text``: output of something else.
- ``{toctree}``, ``{eval-rst}``: directives of Sphinx, which fails on mistakes in them (``make docs``).
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect
from msgspec.structs import FieldInfo

import sim
from sim.boot_run import boot
from sim.causes.critical_path import WaitRow
from sim.cli import main
from sim.designs import DESIGNS
from sim.errors import InputError
from sim.feature_rows import CapabilityRow, FieldRow, HwcapRow, RegisterRow, UnusedRow
from sim.files import scenario_tables
from sim.files.mixture_file import mixture_space
from sim.files.scenario_file import scenario_from_text
from sim.files.space_tables import GroupTable, MixtureTable, SpaceTable
from sim.frames import dtypes
from sim.hazard_kinds import HazardKind
from sim.latencies import PARAMETERS, Distribution, Latencies, fixed
from sim.outcome_rows import ActionRow, BufferRow, CpuRow, EventRow, HazardRow, LogRow, SaveRow
from sim.rows import Row
from sim.scenario import CPU_ON_ERRORS
from sim.study import verdict_bits
from sim.study.comparison_rows import ClusterRow, DesignRow
from sim.study.system_space import Space
from sim.sweep.mixture_plan import MixturePlan
from sim.sweep.mixture_rows import mixture_schema
from sim.sweep.sweep_plan import Plan
from sim.sweep.sweep_rows import schema
from sim.trace.boot_trace import build_trace
from sim.trace.trace_formats import BY_SUFFIX
from tests.command_line import Asymboot
from tests.systems import group_of

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("benchmarks", "notebooks")),
]
HAZARDS = ROOT / "docs" / "hazards.md"
FORMAT = ROOT / "docs" / "scenario-files.md"
NO_SCENARIO = {HazardKind.LACKS_COMMITTED_VL, HazardKind.GUEST_VLS_DIFFER}
"""Hazards that no scenario reaches; their sections have to say so."""


@dataclass(frozen=True)
class Block:
    """A fenced block: the words after its fence, the heading above it, and its text."""

    document: Path
    line: int
    fence: str
    section: str
    text: str

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}"

    @property
    def file_name(self) -> str | None:
        """The name by which commands run the block, if it has a name."""
        match = re.match(r"(?:# (?=\S+\.toml\n)|// (?=\S+\.dts\n))(\S+)\n", self.text)
        return match[1] if match else None


@dataclass(frozen=True)
class Command:
    """A command of a console block, and the lines that the document shows of its output."""

    block: Block
    words: tuple[str, ...]
    shown: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.block}: {' '.join(self.words)}"


def _blocks(document: Path) -> Iterator[Block]:
    fence, section, start, inside = "", "", 0, False
    lines = document.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("```"):
            if inside:
                text = "".join(f"{one}\n" for one in lines[start : number - 1])
                yield Block(document, start, fence, section, text)
            fence, start, inside = line[3:].strip(), number, not inside
        elif not inside and line.startswith("#"):
            section = line.lstrip("#").strip().strip("`")
    assert not inside, f"{document.name}:{start}: a fence is left open"


def _commands(block: Block) -> Iterator[Command]:
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, *output = part.splitlines()
        while command.endswith("\\"):
            command = command[:-1] + output.pop(0)
        words = shlex.split(command)
        if words[:1] == ["asymboot"]:
            yield Command(block, tuple(words[1:]), tuple(one for one in output if one.strip() not in {"", "..."}))


BLOCKS = [block for document in DOCUMENTS for block in _blocks(document)]
WHOLE = [block for block in BLOCKS if block.fence == "toml"]
SOURCES = [block for block in BLOCKS if block.fence == "dts"]
COMMANDS = [command for block in BLOCKS if block.fence.startswith("console") for command in _commands(block)]
STAND_IN = {"arch/arm64/boot/Image": "kernels/trixie", "busybox": "kernels/busybox"}


def _output(asymboot: Asymboot, command: Command, folder: Path) -> str:
    """Run a command from the repository's root, and return its output."""
    if any(word.endswith(".dts") for word in command.words):
        _skip_without_device_trees()
    if command.block.fence == "console kernel":
        _skip_without_kernels()
    files = {block.file_name: block.text for block in WHOLE + SOURCES if block.document == command.block.document}
    words: list[str] = []
    for word in command.words:
        if word in files:
            (folder / word).write_text(files[word], encoding="utf-8")
            words.append(str(folder / word))
        elif re.fullmatch(r"out(-\w+)?(/[\w.]+|:\d+)?|boot\.[\w-]+", word):
            words.append(str(folder / word))
        elif "*" in word:
            words += sorted(str(path) for path in Path().glob(word))
        else:
            words.append(STAND_IN.get(word, word) if command.block.fence == "console kernel" else word)
    result = asymboot(*words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code != 2, result.output
    return result.output


def _skip_without_device_trees() -> None:
    pytest.importorskip("libfdt", reason="pylibfdt is not installed: examples with device trees are not run")
    if shutil.which("dtc") is None:
        pytest.skip("dtc is not installed: examples with device trees are not run")


def _skip_without_kernels() -> None:
    pytest.importorskip("qemu.qmp", reason="qemu.qmp is not installed: examples with kernels are not run")
    if shutil.which("qemu-system-aarch64") is None or not (ROOT / "kernels" / "trixie").exists():
        pytest.skip("no QEMU, or no kernels/ (make system-deps): examples with kernels are not run")


def _commands_that_fill_its_folder(command: Command) -> Iterator[Command]:
    """Yield the commands before it in its document that write into the folder that it reads."""
    for earlier in COMMANDS:
        if earlier is command:
            return
        same = earlier.block.document == command.block.document
        folders = {re.split("[/:]", word)[0] for word in command.words}
        if same and "-o" in earlier.words and earlier.words[earlier.words.index("-o") + 1] in folders:
            yield earlier


def _sections(document: Path) -> dict[str, str]:
    """Return the text below each heading up to the next heading of any level, without fenced blocks."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    parts = re.split(r"^#+ (.*)\n", text, flags=re.MULTILINE)
    return {heading.strip("`"): text for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def _table(text: str, heading: str) -> dict[str, list[str]]:
    """Return a table's rows as a mapping from the first cell, without backticks, to the other cells."""
    match = re.search(rf"^\| {heading} \|.*\n\|[-|]*\n((?:\|.*\n)+)", text, flags=re.MULTILINE)
    assert match is not None, f"no table of {heading}"
    rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in match[1].splitlines()]
    return {row[0].replace("`", ""): row[1:] for row in rows}


# Every document


@pytest.mark.parametrize("block", WHOLE, ids=str)
def test_a_whole_scenario_boots_and_shows_the_hazard_of_its_section(block: Block) -> None:
    outcome = boot(scenario_from_text(block.text))
    if block.document == HAZARDS and block.section in {kind.title for kind in HazardKind}:
        assert block.section in {hazard.kind.title for hazard in outcome.found}


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.fence == "toml partial"], ids=str)
def test_a_part_of_a_scenario_is_toml(block: Block) -> None:
    assert tomllib.loads(block.text)


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.fence == "toml wrong"], ids=str)
def test_a_wrong_scenario_is_refused_as_quoted(block: Block) -> None:
    with pytest.raises(InputError) as error:
        scenario_from_text(block.text)
    quotes = [one for one in BLOCKS if (one.document, one.fence) == (block.document, "text")]
    quote = next(one for one in quotes if one.line > block.line)
    assert quote.text == f"asymboot: scenario.toml: {error.value}\n"


TAKE_LONG = {"prove --all-designs", "sweep refusal -o out-refusal --replications 20 --seed 1"}


def _marks(command: Command) -> list[pytest.MarkDecorator]:
    if command.block.fence == "console kernel":
        return [pytest.mark.live]
    return [pytest.mark.slow] if " ".join(command.words) in TAKE_LONG else []


@pytest.mark.parametrize("command", [pytest.param(one, marks=_marks(one)) for one in COMMANDS], ids=str)
def test_a_command_prints_what_is_shown(
    asymboot: Asymboot, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    for earlier in _commands_that_fill_its_folder(command):
        _output(asymboot, earlier, tmp_path)
    printed = iter([line.rstrip() for line in _output(asymboot, command, tmp_path).splitlines()])
    # Looking in an iterator uses it up to what is found, so that the lines must come in the order shown.
    assert [line for line in command.shown if line.rstrip() not in printed] == []


# docs/hazards.md


def test_each_hazard_has_its_section_in_rank_order() -> None:
    headings = re.findall(r"^## (.*)$", HAZARDS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings == [*(kind.title for kind in sorted(HazardKind)), "Notes"]


@pytest.mark.parametrize("kind", HazardKind, ids=lambda kind: kind.title)
def test_each_hazard_is_shown_or_said_to_be_out_of_reach(
    asymboot: Asymboot, kind: HazardKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind in NO_SCENARIO:
        assert "No scenario reaches this." in _sections(HAZARDS)[kind.title]
        return
    monkeypatch.chdir(ROOT)
    here = [one for one in COMMANDS if (one.block.document, one.block.section) == (HAZARDS, kind.title)]
    assert any(f"\n{kind.title}: " in _output(asymboot, command, tmp_path) for command in here)


# docs/scenario-files.md

TABLES: dict[str, Any] = {
    "The file": scenario_tables.ScenarioTable,
    "[topology]": scenario_tables.TopologyTable,
    "CPUs": scenario_tables.CpuTable,
    "Clusters": scenario_tables.ClusterTable,
    "[kernel]": scenario_tables.KernelTable,
    "[pkvm]": scenario_tables.PkvmTable,
    "[design]": scenario_tables.DesignTable,
    "[[faults]]": scenario_tables.FaultTable,
    "[[actions]]": scenario_tables.ActionTable,
    "[expect]": scenario_tables.ExpectTable,
    "[expect.sve]": scenario_tables.VectorExpectTable,
}


def test_every_table_has_a_section() -> None:
    in_code = {
        value
        for name, value in vars(scenario_tables).items()
        if isinstance(value, type) and issubclass(value, msgspec.Struct) and not name.startswith("_")
    } - {scenario_tables.Table, scenario_tables.CpuProperties}
    assert set(TABLES.values()) == in_code


def _keys(section: str) -> dict[str, list[str]]:
    """Return the keys that a section documents; a row may document several keys."""
    rows = _table(_sections(FORMAT)[section], "Key")
    return {key: cells for row, cells in rows.items() for key in row.split(", ")}


@pytest.mark.parametrize("section", TABLES)
def test_a_section_has_each_key_of_its_table_and_no_other(section: str) -> None:
    assert set(_keys(section)) == set(TABLES[section].__struct_fields__)


def _plain_default(field: FieldInfo) -> str | None:
    """Return a key's default as the document writes it; None if the document describes it in words."""
    if field.required:
        return "required"
    if field.default is None or not isinstance(field.default, bool | int | str):
        return None
    return f"`{json.dumps(field.default)}`"


@pytest.mark.parametrize("section", TABLES)
def test_defaults_are_those_of_the_code(section: str) -> None:
    keys = _keys(section)
    told_in_words = {"name", "boot_cpu"}
    for field in msgspec.structs.fields(TABLES[section]):
        default = _plain_default(field)
        if default is not None and (field.required or field.name not in told_in_words):
            assert keys[field.name][1] == default, field.name


def _plain(cell: str) -> str:
    """Return a cell without its markup and links."""
    return re.sub(r": \[`.*`\]\(#[\w-]+\)", "", cell).replace("`", "")


@pytest.mark.parametrize("section", TABLES)
def test_editors_say_what_the_document_says(section: str) -> None:
    keys = _keys(section)
    properties = msgspec.json.schema(TABLES[section])["$defs"][TABLES[section].__name__]["properties"]
    inherited = set(scenario_tables.CpuProperties.__struct_fields__) if section == "Clusters" else set()
    told = {name: one["description"] for name, one in properties.items() if name not in inherited}
    assert told == {name: _plain(keys[name][2]) for name in told}


def _choices(kind: inspect.Type) -> Iterator[Any]:
    """Yield the values that a key allows, if the code lists them."""
    if isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from _choices(one)
    elif isinstance(kind, inspect.EnumType):
        yield from (one.value for one in kind.cls)
    elif isinstance(kind, inspect.LiteralType):
        yield from kind.values


@pytest.mark.parametrize("section", TABLES)
def test_each_allowed_value_is_listed(section: str) -> None:
    described = inspect.type_info(TABLES[section])
    assert isinstance(described, inspect.StructType)
    text = _sections(FORMAT)[section]
    choices = [value for field in described.fields for value in _choices(field.type)]
    assert [value for value in choices if f"`{json.dumps(value)}`" not in text] == []


def test_each_latency_is_listed_with_its_default() -> None:
    rows = _table(_sections(FORMAT)["[latencies]"], "Key")
    told = {name: fixed(cells[0].strip('`"')) for name, cells in rows.items()}
    defaults: dict[str, Distribution] = {one.name: getattr(Latencies(), one.name) for one in fields(Latencies)}
    assert told == defaults


def test_each_distribution_is_listed_with_its_parameters() -> None:
    rows = _table(_sections(FORMAT)["[latencies]"], "Distribution")
    assert {name: tuple(re.findall(r"`(\w+)`", cells[0])) for name, cells in rows.items()} == PARAMETERS


def test_each_answer_of_firmware_is_listed_with_its_errno() -> None:
    rows = _table(_sections(FORMAT)["[[faults]]"], "Answer")
    assert {name: cells[0] for name, cells in rows.items()} == {
        answer: error.name for answer, error in CPU_ON_ERRORS.items()
    }


def test_each_named_design_is_listed_with_its_choices() -> None:
    rows = _table(_sections(FORMAT)["[design]"], "Design")
    choices = ("buffer_sized_by", "zcr_el2", "ffr_pointer", "late_cpu", "late_store")
    assert {name: [cell.strip("`") for cell in cells] for name, cells in rows.items()} == {
        name: [str(getattr(design, choice)) for choice in choices] for name, design in DESIGNS.items()
    }


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.fence == "sh"], ids=str)
def test_shell_blocks_run(asymboot: Asymboot, block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run them in a temporary folder with links to the repository's files; a shell runs what is more than one command.

    ``make`` only prints its commands: a target must exist, and its recipe is not run.
    """
    for entry in ROOT.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    monkeypatch.chdir(tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in block.text.splitlines():
        if re.fullmatch(r"asymboot [\w. -]+", line):
            result = asymboot(*shlex.split(line)[1:])
            assert result.exit_code == 0, result.output
        else:
            script = re.sub(r"^make ", "make --dry-run ", line)
            subprocess.run(["bash", "-euc", script], env={**os.environ, "PATH": path}, check=True)


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    text = "".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_fence_is_of_a_known_kind() -> None:
    for_sphinx = {"{toctree}", "{eval-rst}"}
    known = {
        "",
        "text",
        "sh",
        "console",
        "console kernel",
        "python",
        "dts",
        "toml",
        "toml partial",
        "toml wrong",
    } | for_sphinx
    assert {block.fence for block in BLOCKS} <= known


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_python_blocks_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("topologies", "tests"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    for source in (block for block in SOURCES if block.document == document):
        _skip_without_device_trees()
        Path(str(source.file_name)).write_text(source.text, encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        exec(compile(block, document.name, "exec"), {})  # noqa: S102 (the project's own documents)


# docs/commands.md


def test_each_command_has_its_how_to_and_an_example() -> None:
    page = ROOT / "docs" / "commands.md"
    sections = re.split(r"^## `(.*)`\n", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    how_tos = dict(zip(sections[::2], sections[1::2], strict=True))
    assert list(how_tos) == list(main.commands)
    for name, text in how_tos.items():
        assert "**How do I " in text, name
        pages = {page.name, *re.findall(r"\]\(([\w-]+\.md)", text)}
        examples = [block for block in BLOCKS if block.document.name in pages]
        assert any(f"asymboot {name} " in block.text for block in examples), name


# docs/reference.md


def test_each_public_name_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert set(sim.__all__) <= set(re.findall(r"^\.\. auto\w+:: sim\.(?:\w+\.)*(\w+)$", reference, re.MULTILINE))


# docs/testing.md


def test_the_examples_of_tests_pass_as_tests(tmp_path: Path) -> None:
    document = ROOT / "docs" / "testing.md"
    for block in BLOCKS:
        if block.document == document and block.fence in {"toml", "python"}:
            name = block.file_name or f"test_line_{block.line}.py"
            (tmp_path / name).write_text(block.text, encoding="utf-8")
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", ".", "-W", "error"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "6 passed" in told.stdout, told.stdout


# docs/outcome.md

OUTCOME = ROOT / "docs" / "outcome.md"
ROWS: dict[str, type[Row]] = {
    "The log: `outcome.log": LogRow,
    "Events: `outcome.events": EventRow,
    "CPUs: `outcome.cpus": CpuRow,
    "pKVM's buffers: `outcome.buffers": BufferRow,
    "Saves: `outcome.saves": SaveRow,
    "Actions: `outcome.actions": ActionRow,
    "Hazards: `outcome.hazards": HazardRow,
    "ID registers: `outcome.registers": RegisterRow,
    "Fields that differ: `outcome.register_fields": FieldRow,
    "Capabilities: `outcome.capabilities": CapabilityRow,
    "Hwcaps: `outcome.hwcaps": HwcapRow,
    "Features that go unused: `outcome.unused_features": UnusedRow,
    "Waits: `critical_path(outcome).waits": WaitRow,
    "Designs compared: `comparison.designs": DesignRow,
    "Clusters compared: `comparison.clusters": ClusterRow,
}


@pytest.mark.parametrize("section", ROWS)
def test_each_column_is_documented_with_its_type_and_meaning(section: str) -> None:
    row = ROWS[section]
    columns = _table(_sections(OUTCOME)[section], "Column")
    properties = msgspec.json.schema(row)["$defs"][row.__name__]["properties"]
    assert columns == {
        name: [f"`{dtype}`", properties[name].get("description", "")] for name, dtype in dtypes(row).items()
    }


# docs/sweeps.md

SWEEPS = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")


def test_every_key_of_a_space_file_is_documented() -> None:
    format_of_space, of_group = SWEEPS.split("Each of the `groups`:")
    mixtures = {name for cell in _table(SWEEPS, "of mixtures") for name in cell.split(", ")}
    assert mixtures == set(MixtureTable.__struct_fields__)
    assert set(_table(format_of_space, "key")) == set(SpaceTable.__struct_fields__)
    assert set(_table(of_group, "key")) == set(GroupTable.__struct_fields__)


def test_every_column_of_a_sweeps_rows_is_documented() -> None:
    told = {name for cell in _table(SWEEPS, "column") for name in cell.split(", ")}
    plan = Plan(Space((group_of("<group>", (1,)),)), replications=1)
    hazards = {kind.value for kind in verdict_bits.HAZARDS}
    (span,) = [one for one in told if " to " in one]
    assert {*span.split(" to ")} <= hazards
    assert (told - {span}) | hazards == set(schema(plan).names)


def test_every_column_of_the_rows_of_mixtures_is_documented() -> None:
    told = {name for cell in _table(SWEEPS, "column of mixtures") for name in cell.split(", ")} - {"..."}
    names = mixture_schema(MixturePlan(mixture_space(clusters=2))).names
    (span,) = [one for one in told if " to " in one]
    first, last = span.split(" to ")
    outcomes = names[names.index(first) : names.index(last) + 1]
    assert (told - {span}) | set(outcomes) == set(names)


# docs/traces.md

TRACES = (ROOT / "docs" / "traces.md").read_text(encoding="utf-8")


def test_every_ending_of_a_traces_name_is_documented_with_its_format() -> None:
    rows = {name: re.findall(r"`(\.[\w-]+)`", cells[0]) for name, cells in _table(TRACES, "Format").items()}
    assert {ending: name for name, endings in rows.items() for ending in endings} == BY_SUFFIX


def test_every_track_is_documented_in_its_place() -> None:
    root, *tracks = build_trace(boot(scenario_from_text("[topology]\ncpus = [{ sve_bits = [128] }]\n"))).tracks
    below = sorted((one for one in tracks if one.parent == 1), key=lambda one: one.rank)
    assert (root.parent, [one.name for one in below]) == (0, list(_table(TRACES, "Track")))
