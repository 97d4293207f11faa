"""The release of a log's kernel: point releases that the "Linux version" line names beside the name of an ABI."""

from pathlib import Path

import pytest

from sim.importer.kernel_of_log import release_text
from sim.importer.provenance import remarks
from sim.scenario import Scenario
from tests.importer.machines import imported_log


@pytest.mark.parametrize(
    ("in_log", "point_release", "release"),
    [
        ("6.1.0-27-arm64", "6.1.115", "6.1.115+deb"),
        ("6.1.0-27-arm64", None, "6.1.0-27-arm64"),
        ("6.1.0-27-cloud-arm64", "6.1.115", "6.1.115+deb"),
        ("6.1.0-0.deb11.21-arm64", "6.1.90", "6.1.90+deb"),
        ("6.12.9-arm64", "6.12.9", "6.12.9+deb"),
        ("6.12.117+deb13-arm64", "6.12.117", "6.12.117+deb13-arm64"),
        ("6.1.0-rpi7-rpi-v8", "6.1.63", "6.1.63-rpi7-rpi-v8"),
        ("6.8.0-45-generic", "6.8.12", "6.8.12-45-generic"),
        ("6.8.12-45-generic", "6.8.12", "6.8.12-45-generic"),
        ("6.8.0-45-generic", None, "6.8.0-45-generic"),
        # A line of two kernels is not believed.
        ("6.12.0-3-generic", "6.1.115", "6.12.0-3-generic"),
        ("5.15.0-100-generic", "5.15.143", "5.15.143-100-generic"),
        ("unknown", "6.1.115", ""),
    ],
)
def test_a_release_has_the_point_release_that_the_line_names(
    in_log: str, point_release: str | None, release: str
) -> None:
    assert release_text(in_log, point_release) == release


def imported(folder: Path, version: str) -> tuple[Scenario, list[str]]:
    """Import a log of one CPU; return the scenario and the remarks on its kernel."""
    log = (
        "Booting Linux on physical CPU 0x0000000000 [0x410fd034]\n"
        f"Linux version {version}\n"
        "smp: Brought up 1 node, 1 CPU\nCPU: All CPU(s) started at EL2\ndevtmpfs: initialized\n"
    )
    found = imported_log(log, folder)
    return found.scenario, [one for one in remarks(found) if one.startswith(("Kernel ", "Nothing is known of Linux"))]


def test_a_log_that_names_an_abi_alone_says_so(tmp_path: Path) -> None:
    scenario, told = imported(tmp_path, "6.11.0-19-generic (b@h) (gcc) #19-Ubuntu SMP")
    assert scenario.kernel == "6.11.0-19-generic"
    assert told == [
        (
            "Kernel 6.11.0-19-generic has the name of an ABI, which does not tell its point release: flags that stable "
            "releases changed are as when 6.11 began (sme on, host_fpsimd_flushed off, bhb_affects_unlisted off, "
            "tlbi_erratum_of_big_cores off, pie_writes_tcr2 on)."
        )
    ]


def test_a_log_that_names_the_point_release_is_of_it(tmp_path: Path) -> None:
    version = "6.11.0-19-generic (b@h) (gcc) #19-Ubuntu SMP (Ubuntu 6.11.0-19.19~24.04.1-generic 6.11.11)"
    scenario, told = imported(tmp_path, version)
    assert (scenario.kernel, scenario.flags.sme, told) == ("6.11.11-19-generic", False, [])


def test_a_developer_s_tree_is_of_its_candidate(tmp_path: Path) -> None:
    scenario, told = imported(tmp_path, "6.12.0-rc1-00012-gabcdef (b@h) (gcc) #1 SMP PREEMPT")
    assert scenario.kernel == "6.12.0-rc1-00012-gabcdef"
    assert not scenario.flags.zcr_el2_constrained
    assert told[0].startswith("Kernel 6.12.0-rc1-00012-gabcdef may have commits on top of 6.12-rc1, which are unknown")


DENTRIES = "Dentry cache hash table entries: 65536 (order: {order}, 524288 bytes, linear)\n"


@pytest.mark.parametrize(
    ("release", "line", "page_bytes", "says"),
    [
        ("6.12.117+deb13-arm64", "", 4096, None),
        ("6.12.117+deb13-arm64", DENTRIES.format(order=7), 4096, None),
        # Raspberry Pi's kernel for the Pi 5 does not say in its name that it has pages of 16 KiB.
        ("6.12.75+rpt-rpi-2712", DENTRIES.format(order=5), 16384, "as the size of a hash table shows"),
        ("6.19.14+deb14-arm64-16k", "", 16384, "as its name says"),
        ("6.6.30-android15-8-gdd9c02ccfe27-ab11987101-16k", "", 16384, "as its name says"),
        ("6.1.75-16k-android14-11", "", 16384, "as its name says"),
        ("6.14.0-63.fc42.aarch64+64k", "", 65536, "as its name says"),
        ("6.8.0-45-generic-64k", DENTRIES.format(order=3), 65536, "as the size of a hash table shows"),
        ("6.12.1-16kernels", "", 4096, None),
        ("6.12.1", "CPU1: does not support 16K granule\n", 16384, "which a CPU does not support"),
        ("6.12.1", "CPU1: does not support 64K granule\n", 65536, "which a CPU does not support"),
        ("6.12.1", "CPU1: does not support 4K granule\n", 4096, None),
        ("6.12.1", "CPU1: does not support 32K granule\n", 4096, None),
        ("6.12.1", "CPU1: does not support 52-bit VAs\n", 4096, None),
    ],
)
def test_the_size_of_a_page_is_that_of_the_log_or_of_the_kernels_name(
    release: str, line: str, page_bytes: int, says: str | None, tmp_path: Path
) -> None:
    log = f"Booting Linux on physical CPU 0x0 [0x410fd0b1]\nLinux version {release} (gcc)\n{line}"
    found = imported_log(log, tmp_path)
    assert found.scenario.page_bytes == page_bytes
    assert [one for one in remarks(found) if " KiB" in one] == (
        [f"The kernel has pages of {page_bytes >> 10} KiB, {says}."] if says else []
    )
