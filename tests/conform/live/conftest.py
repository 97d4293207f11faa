"""Fixtures for tests of live boots that need neither QEMU nor a kernel."""

import os
from pathlib import Path

import pytest

from sim.conform.live.kernel_image import Image
from tests.conform.samples import EMULATOR, busybox_bytes, image_bytes


@pytest.fixture(autouse=True)
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program with QEMU's name that fails at once."""
    program = tmp_path / "bin" / EMULATOR
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho out of order >&2\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return program


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """The path of a kernel image with a busybox beside it."""
    (tmp_path / "Image").write_bytes(image_bytes())
    (tmp_path / "busybox").write_bytes(busybox_bytes())
    return tmp_path / "Image"


@pytest.fixture
def image(kernel: Path) -> Image:
    """The image, loaded."""
    return Image.load(kernel)
