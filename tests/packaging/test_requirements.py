"""The pinned lists hold what they are for: all of it, since nothing is resolved when they are installed."""

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEVELOPERS = {"docs", "lint", "test"}
PYTHONS = ("3.11", "3.12", "3.13")


def pinned(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(package): version for package, version in pins}


def closure(requirements: Iterable[str]) -> set[str]:
    """Return the distributions that some requirements bring, by the metadata of what is installed."""
    found: set[str] = set()
    to_do = [(Requirement(one), "") for one in requirements]
    seen = set()
    while to_do:
        requirement, of_extra = to_do.pop()
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": of_extra, "python_version": one}) for one in PYTHONS):
            continue
        name = canonicalize_name(requirement.name)
        found.add(name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                to_do += [(Requirement(one), extra) for one in metadata.requires(name) or ()]
    return found - {"asymboot"}


def test_the_base_list_is_what_the_base_and_its_build_need() -> None:
    needed = closure(PYPROJECT["project"]["dependencies"] + PYPROJECT["build-system"]["requires"])
    assert needed == set(pinned("requirements-base.txt"))


def test_the_full_list_has_everything_in_the_same_versions() -> None:
    base, full = pinned("requirements-base.txt"), pinned("requirements.txt")
    assert base.items() <= full.items()
    extras = PYPROJECT["project"]["optional-dependencies"]
    needed = closure([f"asymboot[{','.join(extras)}]"])
    assert needed | set(base) == set(full)


def test_the_extras_of_users_are_those_that_the_readme_names() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Install\n")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert set(named) == set(PYPROJECT["project"]["optional-dependencies"]) - DEVELOPERS
