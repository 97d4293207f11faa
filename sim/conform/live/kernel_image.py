"""What there is to boot: a kernel image and a busybox, looked at before anything starts."""

import gzip
import re
import shutil
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Self

from sim.conform.live.qemu_args import EMULATOR
from sim.errors import InputError
from sim.files.bounded_read import read_at_most
from sim.kernel_series import KernelSeries, kernel_series

_LARGEST_IMAGE_BYTES = 512 * 1024 * 1024
_ARM64_MAGIC = slice(56, 60), b"ARM\x64"
_ELF_ARM64 = b"\x7fELF\x02\x01", slice(18, 20), b"\xb7\x00"
_BANNER = re.compile(rb"Linux version ((\d{1,3}\.\d{1,3})[^ \0]{0,64}) \(")


@dataclass(frozen=True)
class Image:
    """An arm64 kernel, and the program that its guest runs."""

    kernel: Path
    release: str
    """As ``uname -r`` has it."""
    series: KernelSeries
    busybox: bytes

    @classmethod
    def found(cls, kernel: Path, busybox: Path | None = None) -> Self:
        """Look at a kernel and a busybox: that given, or the file of that name beside the kernel.

        Raises:
            InputError: one of them, or QEMU, is not there, or is something else.
        """
        if shutil.which(EMULATOR) is None:
            raise InputError(f"{EMULATOR} is not installed: on Debian it is in the package qemu-system-arm")
        banner = _BANNER.search(_unpacked(kernel))
        if banner is None:
            raise InputError(f"{kernel}: says nowhere which Linux it is")
        release, series = banner[1].decode(errors="replace"), kernel_series(banner[2].decode())
        return cls(kernel.absolute(), release, series, _busybox(kernel, busybox))


def _unpacked(path: Path) -> bytes:
    """An image's bytes."""
    image = _read(path, "kernel image")
    if image[:2] == b"\x1f\x8b":
        image = _decompressed(path, image)
    place, magic = _ARM64_MAGIC
    if image[place] != magic:
        raise InputError(f"{path}: is no arm64 kernel image: allowed are arch/arm64/boot/Image and Image.gz")
    return image


def _decompressed(path: Path, image: bytes) -> bytes:
    try:
        with gzip.open(BytesIO(image)) as file:
            unpacked = file.read(_LARGEST_IMAGE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be unpacked: {error}") from None
    if len(unpacked) > _LARGEST_IMAGE_BYTES:
        raise InputError(f"{path}: is too large for a kernel image when it is unpacked")
    return unpacked


def _busybox(kernel: Path, given: Path | None) -> bytes:
    path = given or kernel.parent / "busybox"
    if given is None and not path.exists():
        raise InputError(
            f"{path}: is not there: the guest needs a static arm64 busybox beside the kernel, or as --busybox "
            "(on Debian it is in the package busybox-static:arm64)"
        )
    program = _read(path, "busybox")
    magic, place, machine = _ELF_ARM64
    if not program.startswith(magic) or program[place] != machine:
        raise InputError(f"{path}: is no arm64 program")
    return program


def _read(path: Path, what: str) -> bytes:
    try:
        return read_at_most(path, _LARGEST_IMAGE_BYTES, what)
    except InputError as error:
        raise InputError(f"{path}: cannot be read as a {what}: {error}") from None
