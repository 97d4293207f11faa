"""Tests of `asymboot export`, and of what all formats have in common."""

from pathlib import Path

import pytest

from sim import ExportFormat, InputError, export_text
from tests.command_line import Asymboot
from tests.export.samples import large, shipped


def test_an_export_is_printed_or_written_to_a_new_file(asymboot: Asymboot, tmp_path: Path) -> None:
    printed = asymboot("export", "bug", "--to", "dot")
    written = asymboot("export", "bug", "--to", "dot", "-o", tmp_path / "bug.dot")
    assert (printed.exit_code, printed.stderr) == (written.exit_code, written.output) == (0, "")
    assert (tmp_path / "bug.dot").read_text(encoding="utf-8") == printed.stdout
    again = asymboot("export", "bug", "--to", "dot", "-o", tmp_path / "bug.dot")
    assert (again.exit_code, again.output) == (2, f"asymboot: {tmp_path / 'bug.dot'}: exists already\n")


def test_lost_parts_are_listed_on_standard_error_and_in_the_text(asymboot: Asymboot) -> None:
    result = asymboot("export", "phone", "--to", "qemu")
    assert result.exit_code == 0
    assert result.stderr == "asymboot: phone: qemu cannot express: user space's actions; clusters\n"
    assert "# Lost: clusters.\n" in result.stdout


def test_options_change_what_is_exported(asymboot: Asymboot) -> None:
    script = asymboot("export", "bug", "--to", "qemu", "--kvm-mode", "nvhe", "--design", "nosve").stdout
    assert "kvm-arm.mode=nvhe arm64.nosve" in script


def test_an_unknown_format_is_bad_input(asymboot: Asymboot) -> None:
    assert asymboot("export", "bug", "--to", "gem5").exit_code == 2
    with pytest.raises(InputError, match="allowed are qemu, fvp, dts, graphml, dot"):
        export_text(shipped("bug"), "gem5")


@pytest.mark.parametrize("to", ExportFormat)
def test_the_same_scenario_gives_the_same_text(to: ExportFormat) -> None:
    assert export_text(shipped("bug"), to) == export_text(shipped("bug"), to)


@pytest.mark.no_cover
@pytest.mark.parametrize(("to", "cpus"), [("dts", 65_536), ("dot", 65_536), ("graphml", 8_192)])
def test_a_large_system_is_exported(to: str, cpus: int) -> None:
    assert f"cpu{cpus - 1}" in export_text(large(cpus), to)
