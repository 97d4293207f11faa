"""Recorded boots as the kernel logs that users would paste, and the lines in which an import agrees with them."""

import re

from sim.boot_run import boot
from sim.conform.feature_records import RecordedFeatures
from sim.conform.recorded_features import feature_scenario

RELEASES = {
    "6.1": ("6.1.0-50-arm64", "6.1.176"),
    "6.12": ("6.12.117+deb13-arm64", "6.12.117"),
    "6.16": ("6.16.12+deb13-arm64", "6.16.12"),
    "6.18": ("6.18.15+deb13-arm64", "6.18.15"),
    "7.3": ("7.3.4+deb13-arm64", "7.3.4"),
}
"""The releases of the recorded kernels, and the point releases that they are built from."""
LINES = re.compile(
    r"CPU features:|CPU\d+:|CPU:|Detected .* I-cache|psci: CPU|psci: failed|SVE:|SME:|KVM:|kvm \[|alternatives:"
    r"|smp:|SMP:|spectre-|Booting Linux|Kernel panic"
)
"""The beginnings of the lines on CPUs and their features."""
RACING = "spectre-bhb mitigation disabled by command line option"
DIED = "failed in unknown state"


def dmesg_of_record(record: RecordedFeatures) -> list[str]:
    """Return the lines of a recorded boot, with those around them that every kernel logs."""
    release, point = RELEASES[record.kernel]
    log, *rest = record.observed.boot_log
    first = next((place for place, line in enumerate(rest) if line.startswith(("alternatives:", "smp:"))), len(rest))
    words = f"console=ttyAMA0 nokaslr maxcpus={record.early} {record.command_line}".strip()
    pages = "-16k" if record.page_bytes > 4096 else ""
    starts_at_el2 = record.el2_machine and record.cpus[0].el2
    lines = [
        log,
        f"Linux version {release}{pages} (b@h) (gcc) #1 SMP Debian {point}-1 (2026-01-01)",
        "KASLR disabled on command line",
        *rest[:first],
        f"Kernel command line: {words}",
        f"SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs={len(record.cpus)}, Nodes=1",
        f"arch_timer: cp15 timer(s) running at 62.50MHz ({'phys' if starts_at_el2 else 'virt'}).",
        *rest[first:],
    ]
    if record.observed.boot is not None:
        # The recordings lack KVM's lines.
        simulated = (line.text for line in boot(feature_scenario(record)).facts.log)
        lines += ["devtmpfs: initialized", *(line for line in simulated if line.startswith("kvm ["))]
        lines += ["Run /init as init process"]
    for action in record.observed.actions:
        if any(DIED in line for line in lines):
            break  # what follows is a matter of timing
        lines += action.log
    return lines


def compared(lines: list[str]) -> list[str]:
    """Return the lines on CPUs and their features, without what differs between equal boots."""
    masked = (re.sub(r"(?<=capability )\d+| \(polled \d+ ms\)", "", line) for line in lines if LINES.match(line))
    return [line for line in masked if line != RACING]
