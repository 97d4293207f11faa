"""Tests of kernel images and busyboxes: what is accepted, and the line that refuses the rest."""

import gzip
import os
from pathlib import Path

import pytest

from sim import InputError
from sim.conform.live import kernel_image
from sim.conform.live.kernel_image import Image
from sim.errors import EmulatorFailed
from tests.command_line import Asymboot
from tests.conform.samples import image_bytes


def test_an_image_has_a_release(kernel: Path) -> None:
    image = Image.load(kernel)
    assert (str(image.release), image.release.series_name) == ("6.12.9-test", "6.12")


@pytest.mark.parametrize(
    ("flags", "page_bytes", "name"),
    [(0b1010, 4096, "7.3"), (0b1000, 4096, "7.3"), (0b1100, 16384, "7.3-16k"), (0b1110, 65536, "7.3-64k")],
)
def test_the_header_of_an_image_has_the_page_size(kernel: Path, flags: int, page_bytes: int, name: str) -> None:
    kernel.write_bytes(image_bytes("7.3.4+deb13-arm64", flags))
    image = Image.load(kernel)
    assert (image.page_bytes, image.name) == (page_bytes, name)


def test_a_compressed_image_is_read(kernel: Path) -> None:
    kernel.write_bytes(gzip.compress(image_bytes("6.16.1"), mtime=0))
    assert str(Image.load(kernel).release) == "6.16.1"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an arm64 kernel image"),
        (b"\x1f\x8bno", "cannot be unpacked"),
        (image_bytes().replace(b"Linux", b"Minix"), "does not contain its Linux version"),
        (image_bytes("5.10.1"), "older than 6.1"),
        (gzip.compress(bytes(1 << 21), mtime=0), "unpacks to more than 1 MiB: too large for a kernel image"),
        (gzip.compress(b"MZ", mtime=0)[:-9] + bytes(9), "cannot be unpacked"),
    ],
)
def test_another_file_is_refused(kernel: Path, content: bytes, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_image, "_LARGEST_IMAGE_BYTES", 1 << 20)
    kernel.write_bytes(content)
    with pytest.raises(InputError, match=message):
        Image.load(kernel)


def test_an_endless_file_is_not_read_to_its_end(asymboot: Asymboot, kernel: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for endless in (Path("/dev/zero"), tmp_path / "pipe"):
        with pytest.raises(InputError, match=r"is larger than|not an arm64 kernel image"):
            Image.load(endless)
        with pytest.raises(InputError, match=r"is larger than|not an arm64 program"):
            Image.load(kernel, endless)
        assert asymboot.refused("conform", endless, "--kernel", kernel)


def test_a_missing_file_is_named(kernel: Path) -> None:
    with pytest.raises(InputError, match="cannot be read as a kernel image: No such file"):
        Image.load(kernel.parent / "none")
    (kernel.parent / "busybox").write_bytes(b"#!/bin/sh")
    with pytest.raises(InputError, match="busybox: not an arm64 program"):
        Image.load(kernel)
    (kernel.parent / "busybox").unlink()
    with pytest.raises(InputError, match="busybox-static:arm64"):
        Image.load(kernel)


def test_a_missing_emulator_is_one_line(asymboot: Asymboot, kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(kernel.parent))
    message = "qemu-system-aarch64 is not installed: on Debian it is in the package qemu-system-arm"
    with pytest.raises(EmulatorFailed, match=message):
        Image.load(kernel)
    assert asymboot.refused("conform", "bug", "--kernel", kernel) == f"asymboot: {message}"
