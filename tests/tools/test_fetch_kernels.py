"""Tests of tools/fetch-kernels without a network: its words, and the kernel that it chooses, with a made-up apt."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "fetch-kernels"

# A mirror whose suite `new` has two series, and installs the kernel of its newest. As on Debian's, linux-image-arm64
# depends on other packages too, and kernels from 6.19 on are in a package of another name.
PROGRAMS = {
    "apt-get": """
        case "$*" in
            *indextargets*) . /etc/os-release; echo "http://mirror $VERSION_CODENAME main" ;;
            *update*) case "$*" in */none/*) echo "E: no Release file" >&2; exit 100 ;; esac ;;
            *download*) for package; do :; done; echo "$package" > package.deb ;;
        esac""",
    "apt-cache": """
        case "$*" in
            *"depends linux-image-arm64")
                printf '  Depends: %s\\n' linux-base-arm64 linux-image-7.3.4+deb13-arm64 linux-modules-arm64 ;;
            *depends*) exit 100 ;;
            *pkgnames*) printf 'linux-image-%s\\n' 7.3.4+deb13-arm64 7.3.4+deb13-arm64-16k 6.1.9-arm64 6.12.9-arm64 \
                6.12.10-arm64 6.12.10-cloud-arm64 6.12.11-rt-arm64 6.12.12-arm64-unsigned arm64 ;;
            *"show linux-binary-7.3"*) ;;
            *show*) exit 100 ;;
        esac""",
    "dpkg-deb": """
        mkdir -p "$3/boot" "$3/bin"
        cp "$2" "$3/boot/vmlinuz"
        touch "$3/bin/busybox" """,
}


@pytest.fixture
def apt(tmp_path: Path) -> dict[str, str]:
    """An environment with a made-up apt."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh{text}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    return {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def fetch(apt: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the script."""
    return subprocess.run([SCRIPT, *words], env=apt, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "usage: tools/fetch-kernels FOLDER SUITE[=VERSION][-16k]..."),
        (["FOLDER"], "usage: tools/fetch-kernels FOLDER SUITE[=VERSION][-16k]..."),
        (["FOLDER", "new", "a b"], "'a b': must be SUITE[=VERSION][-16k], such as trixie or trixie-backports=6.17"),
        (["FOLDER", "new="], "'new=': must be SUITE"),
        (["FOLDER", "../new"], "'../new': must be SUITE"),
        (["FOLDER", ""], "'': must be SUITE"),
    ],
)
def test_wrong_words_are_one_line_before_anything_is_fetched(
    apt: dict[str, str], tmp_path: Path, words: list[str], message: str
) -> None:
    folder = tmp_path / "kernels"
    result = fetch(apt, *(folder if word == "FOLDER" else word for word in words))
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"fetch-kernels: {message}")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("word", "release", "package"),
    [
        ("new", "7.3.4+deb13-arm64", "linux-binary-7.3.4+deb13-arm64"),
        ("new=7.3-16k", "7.3.4+deb13-arm64-16k", "linux-binary-7.3.4+deb13-arm64-16k"),
        ("new=6.1", "6.1.9-arm64", "linux-image-6.1.9-arm64"),
        ("new=6.12", "6.12.10-arm64", "linux-image-6.12.10-arm64"),
        ("new=6.12.9", "6.12.9-arm64", "linux-image-6.12.9-arm64"),
    ],
)
def test_a_word_chooses_one_kernel_and_links_it(
    apt: dict[str, str], tmp_path: Path, word: str, release: str, package: str
) -> None:
    folder = tmp_path / "kernels"
    result = fetch(apt, folder, word)
    assert (result.returncode, result.stderr) == (0, "")
    assert (folder / word).readlink() == Path(f"vmlinuz-{release}")
    assert (folder / word).read_text(encoding="utf-8") == f"{package}\n"
    assert (folder / "busybox").exists()


def test_a_kernel_that_is_there_is_not_fetched_again(apt: dict[str, str], tmp_path: Path) -> None:
    assert fetch(apt, tmp_path, "new").stdout.splitlines() == [
        f"{tmp_path}/busybox",
        f"{tmp_path}/vmlinuz-7.3.4+deb13-arm64",
    ]
    assert fetch(apt, tmp_path, "new", "new=6.1").stdout == f"{tmp_path}/vmlinuz-6.1.9-arm64\n"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("new-16k", "new-16k: no such arm64 kernel; new has 7.3.4+deb13-arm64-16k"),
        ("new=6.4", "new=6.4: no such arm64 kernel; new has 6.1.9-arm64, 6.12.9-arm64, 6.12.10-arm64, 7.3.4"),
        ("new=6.1-16k", "new=6.1-16k: no such arm64 kernel; new has 7.3.4+deb13-arm64-16k"),
        ("none", "none: no such suite, or the mirror does not answer: E: no Release file"),
    ],
)
def test_a_kernel_that_a_suite_does_not_have_is_one_line(
    apt: dict[str, str], tmp_path: Path, word: str, message: str
) -> None:
    result = fetch(apt, tmp_path, word)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(f"fetch-kernels: {message}")
    assert not (tmp_path / word).is_symlink()
