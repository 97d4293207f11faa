"""Logs of recorded boots, imported and booted: the scenario logs the same of CPUs and their features."""

from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.files.scenario_file import scenario_from_text
from sim.importer.provenance import annotated_text
from tests.conform.samples import feature_boots
from tests.importer.machines import imported_log
from tests.importer.recorded_logs import DIED, compared, dmesg_of_record

ONE_OF_EACH_KIND = [
    "6.1/mix-6.1",
    "6.1/parange-kvm@6.1",
    "6.1/real-08",
    "6.12/aa32-without-other-regs@6.12",
    "6.12/asid-unknown",
    "6.12/csv-early@6.12",
    "6.12/ctr-late@6.12",
    "6.12/gic-early",
    "6.12/midr-early-a510-a510r0-a520",
    "6.12/midr-early-tx1-tx2-carmel",
    "6.12/midr-late-a76-a77-n1",
    "6.12/midr-late-v2",
    "6.12/mte-early-none@6.12",
    "6.12/parange-kvm-early",
    "6.12/parange-kvm-return@6.12",
    "6.12/real-04",
    "6.12/real-13",
    "6.12/rnd-1015",
    "6.12/rnd-1048",
    "6.18/rnd-1014",
    "7.3-16k/gran16-late@16k",
    "7.3/aa32-regs-lazy",
    "7.3/cmd-7.3-only",
    "7.3/ctr-idc-clidr",
    "7.3/dir-id_aa64pfr0",
    "7.3/el2-late-none@7.3-el1",
    "7.3/midr-early-a53-a53r0p0-a55",
    "7.3/midr-early-a715-x4-ampere1",
    "7.3/mte-nomte@7.3",
    "7.3/revidr-a53@7.3",
    "7.3/rnd-1018",
    "7.3/sve-late-none@7.3",
    "7.3/vmid-kvm@7.3",
]
WITH_OTHER_LENGTHS = {"6.12/rnd-1024", "6.18/rnd-1002", "7.3/rnd-1028"}
"""Boots of a core's MIDR_EL1 with vector lengths that the core does not have: a contradiction says so."""
OF_NO_KNOWN_CORE = {"6.12/midr-early-m1-hip09-tsv110"}
"""A boot of a MIDR_EL1 that no core has: a comment says so."""
WITHOUT_LINES = {"7.3-16k/real-17"}
"""A boot that was over before the first line."""


def logs_of(record_id: str, folder: Path) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Return the lines of a record, those of its import, and the contradictions that the import finds."""
    lines = dmesg_of_record(feature_boots()[record_id])
    found = imported_log("\n".join(lines) + "\n", folder)
    outcome = boot(scenario_from_text(annotated_text(found)))
    logged, printed = compared(lines), compared([line.text for line in outcome.facts.log])
    if feature_boots()[record_id].observed.boot is None or DIED in logged[-1]:
        printed = printed[: len(logged)]  # a recording that ends before user space, or with a dead CPU, was cut
    return logged, printed, found.contradictions


@pytest.mark.parametrize("record_id", ONE_OF_EACH_KIND)
def test_an_import_logs_what_the_recorded_boot_logged(record_id: str, tmp_path: Path) -> None:
    logged, printed, contradictions = logs_of(record_id, tmp_path)
    assert printed == logged
    assert contradictions == ()


@pytest.mark.no_cover
@pytest.mark.slow
@pytest.mark.parametrize("record_id", sorted(feature_boots().keys() - {*ONE_OF_EACH_KIND, *WITHOUT_LINES}))
def test_every_other_recorded_boot_agrees_or_is_known_not_to(record_id: str, tmp_path: Path) -> None:
    logged, printed, contradictions = logs_of(record_id, tmp_path)
    assert (printed == logged) is (record_id not in WITH_OTHER_LENGTHS | OF_NO_KNOWN_CORE)
    assert bool(contradictions) is (record_id in WITH_OTHER_LENGTHS)
