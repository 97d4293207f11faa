"""A kernel image and the busybox for its guest, checked before anything is booted."""

import gzip
import re
import shutil
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Self

from sim.conform.live.qemu_args import EMULATOR
from sim.conform.run_records import kernel_name
from sim.errors import EmulatorFailed, InputError
from sim.files.bounded_read import read_at_most
from sim.kernel_release import KernelRelease, kernel_release

_LARGEST_IMAGE_BYTES = 512 * 1024 * 1024
"""The bound on the unpacked image, as on the file itself and on the busybox."""
_GZIP_MAGIC = b"\x1f\x8b"
_ARM64_MAGIC = slice(56, 60), b"ARM\x64"
"""Source: the kernel's Documentation/arch/arm64/booting.rst, the image's header."""
_PAGE_SIZE_FLAGS = slice(24, 32)
"""The header's flags, little-endian, of which bits 1 and 2 give the page size. Source: as above."""
_PAGE_BYTES = (4096, 4096, 16384, 65536)
"""The page size by the value of those bits; 0: not specified."""
_ELF_ARM64 = b"\x7fELF\x02\x01", slice(18, 20), b"\xb7\x00"
"""A little-endian 64-bit ELF, and its e_machine: EM_AARCH64, 183."""
# linux_banner, which /proc/version shows too; its release decides which behaviour is predicted.
_BANNER = re.compile(rb"Linux version (\d{1,3}\.\d{1,3}[^ \0]{0,64}) \(")


@dataclass(frozen=True)
class Image:
    """An arm64 kernel, and the program that its guest runs."""

    kernel: Path
    release: KernelRelease
    """The release, whose text is what ``uname -r`` prints."""
    page_bytes: int
    busybox: bytes

    @classmethod
    def load(cls, kernel: Path, busybox: Path | None = None) -> Self:
        """Read a kernel image and a busybox.

        Args:
            kernel: an arm64 Image, or Image.gz.
            busybox: a static arm64 busybox; None: the file ``busybox`` beside the kernel.

        Raises:
            InputError: a file is missing, or is something else.
            EmulatorFailed: QEMU is not installed.
        """
        # Asked first: without QEMU no image would help.
        if shutil.which(EMULATOR) is None:
            raise EmulatorFailed(f"{EMULATOR} is not installed: on Debian it is in the package qemu-system-arm")
        image = _read_image(kernel)
        banner = _BANNER.search(image)
        if banner is None:
            raise InputError(f"{kernel}: the image does not contain its Linux version")
        release = kernel_release(banner[1].decode(errors="replace"))
        flags = int.from_bytes(image[_PAGE_SIZE_FLAGS], "little")
        page_bytes = _PAGE_BYTES[flags >> 1 & 3]
        return cls(kernel.absolute(), release, page_bytes, _read_busybox(kernel, busybox))

    @property
    def name(self) -> str:
        """The name of the kernel in ids and names of recordings, such as 6.12."""
        return kernel_name(self.release.series_name, self.page_bytes)


def _read_image(path: Path) -> bytes:
    """Return the bytes of an image, unpacked."""
    image = _read(path, "kernel image")
    if image.startswith(_GZIP_MAGIC):
        image = _unpack(path, image)
    position, magic = _ARM64_MAGIC
    if image[position] != magic:
        raise InputError(f"{path}: not an arm64 kernel image: allowed are arch/arm64/boot/Image and Image.gz")
    return image


def _unpack(path: Path, image: bytes) -> bytes:
    try:
        with gzip.open(BytesIO(image)) as file:
            unpacked = file.read(_LARGEST_IMAGE_BYTES + 1)  # a small file may unpack to any size
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be unpacked: {error}") from None
    if len(unpacked) > _LARGEST_IMAGE_BYTES:
        raise InputError(f"{path}: unpacks to more than {_LARGEST_IMAGE_BYTES >> 20} MiB: too large for a kernel image")
    return unpacked


def _read_busybox(kernel: Path, given: Path | None) -> bytes:
    path = given or kernel.parent / "busybox"
    if given is None and not path.exists():
        raise InputError(
            f"{path}: is missing: the guest needs a static arm64 busybox beside the kernel, or as --busybox "
            "(on Debian it is in the package busybox-static:arm64)"
        )
    program = _read(path, "busybox")
    magic, position, machine = _ELF_ARM64
    if not program.startswith(magic) or program[position] != machine:
        raise InputError(f"{path}: not an arm64 program")
    return program


def _read(path: Path, what: str) -> bytes:
    try:
        return read_at_most(path, _LARGEST_IMAGE_BYTES, what)
    except InputError as error:
        raise InputError(f"{path}: cannot be read as a {what}: {error}") from None
