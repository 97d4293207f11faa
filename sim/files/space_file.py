"""Space files: TOML, checked against `sim.files.space_tables`, made into a `sim.study.system_space.Space`; and back.

A sweep stores its space in its plan as `space_to_data` gives it, and is resumed with `space_from_data` of that.

docs/sweeps.md describes the format for users.
"""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sim.arguments import checked
from sim.designs import DESIGNS, Design, named
from sim.errors import InputError, check_printable
from sim.files.scenario_file import design_from, latencies_from
from sim.files.scenario_tables import DesignTable, Lengths
from sim.files.scenario_text import design_table, latencies_data
from sim.files.shipped_scenarios import find_space
from sim.files.space_tables import GroupTable, SetTable, SpaceTable, is_of_cores
from sim.files.toml_tables import at, read_text, table_from_data, table_from_text, text_from_data
from sim.kernel_flags import kernel_flags
from sim.kernel_release import kernel_release
from sim.study.system_space import Group, NamedSets, Space, legal_vqs
from sim.vectors import bits_from_vq, bits_from_vqs

E = TypeVar("E", bound=StrEnum)


@checked
def read_space(path: Path | str) -> Space:
    """Read a space file.

    Args:
        path: the file, or the name of a space that ships where there is no such file.

    Raises:
        InputError: anything in the file is wrong, or it is a space of mixtures of cores; the line names the file, the
            place and what is allowed.

    >>> read_space("clusters").cpus
    8
    """
    path = find_space(Path(path))
    with at(f"{path}"):
        text = read_text(path, "space")
        if is_of_cores(text):
            raise InputError("is a space of mixtures of cores, which read_mixture_space() reads")
        return space_from_text(text, path.stem)


def space_from_text(text: str, default_name: str = "") -> Space:
    """Make a space from the text of a space file.

    Raises:
        InputError: the text describes an impossible space.
    """
    return _space(table_from_text(text, SpaceTable), default_name)


def space_from_data(raw: dict[str, object]) -> Space:
    """Make a space from the content of a space file, as plain values.

    Raises:
        InputError: the content describes an impossible space.
    """
    return _space(table_from_data(raw, SpaceTable), "")


def _space(table: SpaceTable, default_name: str) -> Space:
    groups = [group for index, entry in enumerate(table.groups) for group in _groups(f"groups[{index}]", entry)]
    with at("kernel"):
        release = kernel_release(table.kernel)
    with at("kernel_flags"):
        kernel_flags(release, table.kernel_flags)
    with at("name"):
        check_printable("the space's name", table.name)
    return Space(
        tuple(_boot_first(groups, table.boot)),
        kernel=table.kernel,
        kernel_flags=table.kernel_flags,
        designs=tuple(_designs(table.designs)),
        relays=_distinct("relays", table.relays),
        kvm_modes=_distinct("kvm_modes", table.kvm_modes),
        memories=_distinct("memories", table.memories),
        latencies=latencies_from(table.latencies),
        name=table.name or default_name,
    )


def _distinct(place: str, values: tuple[E, ...]) -> tuple[E, ...]:
    """Return the values, and refuse a value that is listed twice: its rows would be counted twice."""
    twice = {str(value) for value in values if values.count(value) > 1}
    if twice:
        raise InputError(f"{place}: {', '.join(sorted(twice))} is there twice")
    return values


def _boot_first(groups: list[Group], boot: str | None) -> Iterator[Group]:
    """Yield the groups with the boot CPU's group first: `Space` takes the first CPU of its first group as boot CPU."""
    early = [group for group in groups if not group.late]
    if boot is None and not early:
        raise InputError("groups: no group is early, and one of them holds the boot CPU")
    names = [group.name for group in early]
    if boot is not None and boot not in names:
        raise InputError(f"boot: is {boot!r:.60}: the early groups are {', '.join(names) or 'none'}")
    first = early[0 if boot is None else names.index(boot)]
    yield first
    yield from (group for group in groups if group is not first)


def _groups(place: str, table: GroupTable) -> Iterator[Group]:
    """Yield a table's `count` equal groups, numbered if there are several."""
    with at(place):
        check_printable("the group's name", table.name)
        sets, weights = _sets(table)
        for number in range(table.count):
            name = table.name if table.count == 1 else f"{table.name}{number}"
            yield Group(name, sets, table.cpus, table.late, weights, table.up_to_bits)


def _sets(table: GroupTable) -> tuple[list[Lengths] | NamedSets, tuple[int, ...]]:
    """Return a group's candidate sets, and their weights; no weights: all are equal."""
    if isinstance(table.sets, NamedSets):
        return table.sets, ()
    listed = [entry if isinstance(entry, SetTable) else SetTable(sve_bits=entry) for entry in table.sets]
    return [entry.sve_bits for entry in listed], tuple(entry.weight for entry in listed)


def _designs(tables: list[DesignTable | str] | None) -> Iterator[Design]:
    if tables is None:
        yield from DESIGNS.values()
        return
    seen: set[str] = set()
    for index, entry in enumerate(tables):
        place = f"designs[{index}]"
        if isinstance(entry, str):
            with at(place):
                design = named(entry)
        else:
            design = design_from(entry, place)
        if design.name in seen:
            raise InputError(f"{place}: a design named {design.name!r} is there already")
        seen.add(design.name)
        yield design


# From a space back to the content of a file


def space_to_data(space: Space) -> dict[str, object]:
    """Return the content of a space file that describes a space, as plain values.

    The boot CPU's group comes first in a space, so that the key `boot` is not needed.
    """
    table = SpaceTable(
        name=space.name,
        kernel=space.kernel,
        kernel_flags=dict(space.kernel_flags),
        designs=[
            design.name if DESIGNS.get(design.name) == design else design_table(design) for design in space.designs
        ],
        relays=space.relays,
        kvm_modes=space.kvm_modes,
        memories=space.memories,
        groups=[_group_table(group) for group in space.groups],
        latencies=dict(latencies_data(space.latencies)),
    )
    data: dict[str, object] = msgspec.to_builtins(table)
    return data


def space_text(space: Space) -> str:
    """Return a space as the text of a space file.

    Raises:
        InputError: no file holds it, because the text exceeds a file's limits.
    """
    data: dict[str, Any] = {key: value for key, value in space_to_data(space).items() if value not in (None, "", {})}
    # The version and the name come first, the groups, which are long, last.
    groups = [_stated(group) for group in data.pop("groups")]
    first = {key: data.pop(key) for key in ("schema_version", "name") if key in data}
    designs = [one if isinstance(one, str) else _stated(one) for one in data.pop("designs")]
    return text_from_data(first | data | {"designs": designs, "groups": groups}, SpaceTable)


def _stated(table: dict[str, object]) -> dict[str, object]:
    """Return a table without the keys that hold None, which TOML cannot write."""
    return {key: value for key, value in table.items() if value is not None}


def _group_table(group: Group) -> GroupTable:
    # All legal sets up to some length, of which there may be 4,115, are written as "legal"; other sets are listed.
    up_to_bits = bits_from_vq(max(group.sets_vqs).bit_length())
    sets: NamedSets | list[SetTable | Lengths]
    bits = None
    if set(group.weights) == {1} and up_to_bits and group.sets_vqs == legal_vqs(up_to_bits):
        sets, bits = NamedSets.LEGAL, up_to_bits
    else:
        sets = [
            SetTable(sve_bits=list(bits_from_vqs(vqs)), weight=weight)
            for vqs, weight in zip(group.sets_vqs, group.weights, strict=True)
        ]
    return GroupTable(name=group.name, sets=sets, up_to_bits=bits, cpus=group.cpus, late=group.late)
