"""Sample kernels and records for tests of conformance."""

from functools import cache
from pathlib import Path

from sim.conform.feature_records import RecordedFeatures
from sim.conform.run_records import RecordedBoot, read_records

EMULATOR = "qemu-system-aarch64"
TRUTH = Path(__file__).parents[1] / "truth"
FEATURES = TRUTH / "features"
DIRECTED = TRUTH / "directed" / "linux-6.12.json"


def image_bytes(release: str = "6.12.9-test", flags: int = 0b1010) -> bytes:
    """Return a file that looks like an arm64 kernel image of a release; the flags of 4 KiB pages are 0b1010."""
    banner = f"Linux version {release} (builder@host)".encode()
    header = b"MZ".ljust(24, b"\0") + flags.to_bytes(8, "little")
    return header.ljust(56, b"\0") + b"ARM\x64" + bytes(64) + banner + b"\0"


def busybox_bytes() -> bytes:
    """Return a file that looks like an arm64 program."""
    return b"\x7fELF\x02\x01".ljust(18, b"\0") + b"\xb7\0" + bytes(64)


def directed_boots() -> list[RecordedBoot]:
    """Return the recorded boots of the directed cases under 6.12."""
    return [record for record in read_records(DIRECTED) if isinstance(record, RecordedBoot)]


@cache
def feature_boots() -> dict[str, RecordedFeatures]:
    """Return the recorded boots of CPUs whose ID registers differ, by their ids."""
    records = (record for file in sorted(FEATURES.glob("*.json")) for record in read_records(file))
    return {record.id: record for record in records if isinstance(record, RecordedFeatures)}
