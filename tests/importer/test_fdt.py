"""Device tree blobs: cut short, damaged, large, deep, and mutated."""

import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import InputError
from sim.importer.fdt import damage_reported
from tests.command_line import Asymboot
from tests.examples import examples
from tests.importer.trees import (
    A53,
    A510,
    BIG_LITTLE,
    TWO,
    Tree,
    blob,
    cells,
    check,
    core,
    nested,
    node,
    read,
    refusal,
    saved,
    tree,
)

libfdt = pytest.importorskip("libfdt", reason="pylibfdt is not installed: the extra asymboot[import] is not tested")


def deep(place: bytes, name: bytes) -> bytes:
    """Return a blob with 10,000 nodes in each other, below the node at `place`."""
    depth = 10_000
    raw = blob(tree(node(0, phandle=1), cpu_map={"cluster0": {"core0": core(1)}}))
    start = raw.index(place) + len(place)
    inside = (cells(1) + name) * depth + cells(2) * depth
    header = list(struct.unpack_from(">10I", raw))
    for total_size_strings_offset_or_structs_size in (1, 3, 9):
        header[total_size_strings_offset_or_structs_size] += len(inside)
    return struct.pack(">10I", *header) + raw[40:start] + inside + raw[start:]


@pytest.mark.no_cover
def test_no_depth_exhausts_the_stack(tmp_path: Path) -> None:
    root = cells(1, 0)
    assert len(read(tmp_path, deep(root, b"deep\0\0\0\0")).topology.cpus) == 1
    cluster = cells(1) + b"cluster0\0\0\0\0"
    assert refusal(tmp_path, deep(cluster, b"cluster0\0\0\0\0")) == "cpu-map: is nested more than 16 deep"


@pytest.mark.parametrize("kept", [0, 3, 4, 39, 40, 41, 200, -1])
def test_a_tree_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    message = refusal(tmp_path, blob(BIG_LITTLE)[:kept])
    assert message.startswith("is not a device tree blob" if 0 <= kept < 4 else "is cut short")


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    whole = blob(BIG_LITTLE)
    assert refusal(tmp_path, whole + bytes(2 << 20)) == "is larger than 2 MiB, which arm64 Linux refuses"
    assert refusal(tmp_path, whole + bytes(10 << 20)) == "is larger than 8 MiB, which no device tree needs"


def test_without_pylibfdt_one_line_says_what_to_install(
    asymboot: Asymboot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "libfdt", None)
    message = asymboot.refused("import", saved(tmp_path, b"\xd0\x0d\xfe\xed" + bytes(36)))
    assert "`import` needs packages that are not installed: pip install 'asymboot[import]'" in message


def test_what_libfdt_finds_while_it_reads_is_one_line() -> None:
    with pytest.raises(InputError, match="is a damaged device tree: FDT_ERR_BADOFFSET"), damage_reported():
        raise libfdt.FdtException(-libfdt.BADOFFSET)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Draw a tree whose CPUs and cpu-map are right more often than not."""
    count = draw(st.integers(1, 6))
    phandles = st.integers(1, count + 1)
    strings = st.sampled_from([A53, A510, "acme,a", "", "a\0b", "\t\x7fé"])
    entries = st.dictionaries(st.sampled_from(["core0", "core1", "thread0", "x"]), phandles.map(core), max_size=3)
    maps = st.recursive(
        entries,
        lambda inside: st.dictionaries(
            st.sampled_from(["socket0", "cluster0", "cluster1", "core2"]), inside, max_size=3
        ),
        max_leaves=6,
    )
    nodes = [
        node(draw(st.one_of(st.just(place), st.integers(0, 0xFFFF))), draw(strings), place + 1)
        | draw(st.fixed_dictionaries({}, optional={"status": st.sampled_from(["okay", "fail", "disabled", "\n"])}))
        for place in range(count)
    ]
    mapped = draw(maps)
    if draw(st.booleans()):
        mapped = {"cluster0": {f"core{place}": core(place + 1) for place in range(count)}}
    return tree(*nodes, cpu_map=mapped)


@given(trees())
def test_any_tree_is_a_scenario_or_one_line(tmp_path_factory: pytest.TempPathFactory, board: Tree) -> None:
    check(saved(tmp_path_factory.getbasetemp(), board, "any.dtb"))


@examples(4)
@given(
    st.sampled_from([BIG_LITTLE, tree(*TWO), nested(3)]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=6),
    st.one_of(st.none(), st.floats(0, 1)),
)
def test_a_mutated_tree_is_a_scenario_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, board: Tree, changes: list[tuple[float, bytes]], kept: float | None
) -> None:
    raw = bytearray(blob(board))
    for place, put in changes:
        at = int(place * len(raw))
        raw[at : at + len(put)] = put
    if kept is not None:
        del raw[int(kept * len(raw)) :]
    check(saved(tmp_path_factory.getbasetemp(), bytes(raw), "mutated.dtb"))
