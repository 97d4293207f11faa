"""Sources of device trees: compiled by dtc, and refused where they name files that dtc should not open."""

import os
import shutil
from pathlib import Path

import pytest

from sim import read_device_tree
from sim.importer import dtc
from tests.command_line import Asymboot
from tests.importer.trees import BIG_LITTLE, clusters, refusal_of, saved, sve

pytest.importorskip("libfdt", reason="pylibfdt is not installed: the extra asymboot[import] is not tested")
needs_dtc = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")


BOARD = """/dts-v1/;
/ {
    model = "Source";
    cpus {
        #address-cells = <1>;
        #size-cells = <0>;
        one: cpu@0 { device_type = "cpu"; reg = <0x0>; compatible = "arm,cortex-a510"; };
        two: cpu@100 { device_type = "cpu"; reg = <0x100>; compatible = "arm,neoverse-v1"; };
        cpu-map {
            cluster0 { core0 { cpu = <&two>; }; };
            cluster1 { core0 { cpu = <&one>; }; };
        };
    };
};
"""


def from_source(folder: Path, text: str) -> str:
    """Return the message with which a source is refused."""
    return refusal_of(saved(folder, text.encode(), "board.dts"))


@needs_dtc
def test_source_is_read_by_way_of_dtc(tmp_path: Path) -> None:
    topology = read_device_tree(saved(tmp_path, BOARD.encode(), "board.dts")).topology
    assert sve(topology) == {"cpu0": (128,), "cpu1": (128, 256)}
    assert clusters(topology) == {"cpu0": "cluster1", "cpu1": "cluster0"}


@needs_dtc
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "dtc: "),
        ("/dts-v1/; / { cpus { ", "syntax error"),
        ("\0\xff" * 1000, "dtc: "),
        ('/dts-v1/; /include/ "none.dtsi" / { };', "none.dtsi"),
        ("/dts-v1/; / { a = <&none>; };", "dtc: "),
        (BOARD.replace("0x100", "0x0"), "have the same reg, 0x0"),
    ],
)
def test_source_that_is_wrong_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in from_source(tmp_path, text)


@needs_dtc
def test_a_compiler_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dtc, "_MOST_SECONDS", 0.01)
    monkeypatch.setattr(dtc, "_LIMITED", "sleep 60")
    assert from_source(tmp_path, BOARD).endswith("dtc was stopped: it took too much time or memory")


@needs_dtc
def test_a_compiler_that_writes_too_much_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(bytes(3 << 19))
    text = BOARD.replace("cpus {", 'a = /incbin/("blob"); b = /incbin/("blob"); cpus {', 1)
    assert from_source(tmp_path, text).endswith("dtc was stopped: it wrote more than 2 MiB")


def test_source_for_the_preprocessor_is_refused_with_its_line(tmp_path: Path) -> None:
    message = from_source(tmp_path, "/dts-v1/;\n\n # include <dt-bindings/gpio/gpio.h>\n")
    assert message.startswith("line 3: #include is for the C preprocessor")
    message = from_source(tmp_path, "/dts-v1/; /* \n#include <first.h>\n */\n#include <second.h>\n")
    assert message.startswith("line 4: #include is for the C preprocessor")


def test_without_dtc_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert "is compiled by dtc: install it (Debian: device-tree-compiler)" in from_source(tmp_path, BOARD)


def test_a_blob_that_is_called_source_is_read_as_a_blob(tmp_path: Path) -> None:
    assert len(read_device_tree(saved(tmp_path, BIG_LITTLE, "board.dts")).topology.cpus) == 3


# Files that a source names


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """Return a folder with a pipe, a folder, and a file that is too large."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "large").open("wb") as file:
        file.truncate((8 << 20) + 1)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('/dts-v1/;\n/include/ "pipe"\n/ { };', 'line 2: /include/ "pipe": is not a regular file'),
        ('/dts-v1/;\n/ { all = /incbin/("pipe"); };', 'line 2: /incbin/ "pipe": is not a regular file'),
        ('/dts-v1/;/ { all = /incbin/ ( "pipe", 0, 8); };', 'line 1: /incbin/ "pipe": is not a regular file'),
        ('/dts-v1/;/ { all = /incbin/ /* " */ ("pipe"); };', 'line 1: /incbin/ "pipe": is not a regular file'),
        ('/dts-v1/; /include/ "/dev/zero"', 'line 1: /include/ "/dev/zero": is not a regular file'),
        ('/dts-v1/; /include/\n\n"folder"', 'line 1: /include/ "folder": is not a regular file'),
        ('/dts-v1/; /include/ "large"', 'line 1: /include/ "large": is larger than 8 MiB, which no device tree needs'),
        (
            '/dts-v1/; / { all = /incbin/("large"); };',
            'line 1: /incbin/ "large": is larger than 2 MiB, which no device tree needs',
        ),
        (
            '/dts-v1/; / { all = /incbin/("\\x70ipe"); };',
            'line 1: /incbin/ "\\x70ipe": a file\'s name must not have a backslash or a NUL',
        ),
        ('/dts-v1/; / { a = "/* \\" ", /incbin/("pipe"); };', 'line 1: /incbin/ "pipe": is not a regular file'),
        ('/dts-v1/; // " \n/include/ "pipe"', 'line 2: /include/ "pipe": is not a regular file'),
    ],
)
def test_a_source_names_only_regular_files_of_bounded_size(text: str, message: str, strange: Path) -> None:
    assert from_source(strange, text) == message


def test_an_included_file_is_looked_at_too(strange: Path) -> None:
    (strange / "folder" / "first.dtsi").write_text('\n/include/ "../second.dtsi"\n')
    (strange / "second.dtsi").write_text('/ { };\n\n/include/ "pipe"')
    source = '/dts-v1/; /include/ "folder/first.dtsi"'
    place = strange / "folder" / ".." / "second.dtsi"
    assert from_source(strange, source) == f'{place}: line 3: /include/ "pipe": is not a regular file'


@needs_dtc
def test_included_and_copied_files_are_found_beside_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    head, _, body = BOARD.partition("\n")
    (tmp_path / "folder" / "board.dtsi").write_text(f'/include/ "empty.dtsi"\n{body}\n/ {{ all = /incbin/("data"); }};')
    (tmp_path / "folder" / "empty.dtsi").write_text("")
    (tmp_path / "folder" / "data").write_bytes(b"data")
    path = saved(tmp_path, f'{head}\n/include/ "folder/board.dtsi"\n/include/ "folder/empty.dtsi"'.encode(), "a.dts")
    assert sve(read_device_tree(path).topology) == {"cpu0": (128,), "cpu1": (128, 256)}


@needs_dtc
@pytest.mark.parametrize(
    "text",
    [
        BOARD.replace('"Source"', '"/include/ \\"pipe", "/incbin/(", "pipe"'),
        BOARD.replace("/ {", '/* /include/ "pipe" */ / {', 1),
        BOARD.replace("/ {", '// /include/ "pipe"\n/ {', 1),
    ],
)
def test_strings_and_comments_name_no_files(text: str, strange: Path) -> None:
    assert len(read_device_tree(saved(strange, text.encode(), "board.dts")).topology.cpus) == 2


@needs_dtc
def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dtsi").write_text('/include/ "a.dtsi"')
    assert from_source(tmp_path, '/dts-v1/; /include/ "a.dtsi"').endswith("Includes nested too deeply")


def test_a_source_names_no_more_files_than_a_board_needs(tmp_path: Path) -> None:
    names = [f"{number}.dtsi" for number in range(1000)]
    for name in names:
        (tmp_path / name).touch()
    message = from_source(tmp_path, "\n".join(["/dts-v1/;", *(f'/include/ "{name}"' for name in names)]))
    assert message == "includes more than a device tree needs: at most 1,000 files of 8 MiB in all"


def test_files_together_have_a_bounded_size(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.dtsi").write_bytes(b" " * (5 << 20))
    message = from_source(tmp_path, '/dts-v1/; /include/ "a.dtsi" /include/ "b.dtsi"')
    assert message.startswith("includes more than a device tree needs")


@pytest.mark.parametrize(
    "text",
    [
        "/* " * 1_000_000,
        '"\\' * 1_000_000,
        "/include/ /* " * 300_000,
        '/include/ "x' * 99_999,
        '/include/"x" ' * 99_999,
    ],
)
def test_a_source_without_ends_is_looked_at_once(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)  # dtc itself takes quadratic time, and is stopped
    assert "is compiled by dtc" in from_source(tmp_path, text)


@needs_dtc
def test_what_a_source_hides_costs_a_bounded_time(strange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dtc, "_named_files", lambda _text: [])
    monkeypatch.setattr(dtc, "_MOST_SECONDS", 1)
    assert from_source(strange, '/dts-v1/; /include/ "pipe"').startswith("dtc was stopped")


def test_a_source_that_is_a_pipe_is_one_line(asymboot: Asymboot, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "board.dts")
    message = asymboot.refused("import", tmp_path / "board.dts")
    assert message == f"asymboot: {tmp_path / 'board.dts'}: is not a regular file"
