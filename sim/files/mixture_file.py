"""Space files of mixtures of cores, made into a `sim.study.mixture_space.MixtureSpace`; and back.

docs/sweeps.md describes the format for users.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import UNSET

from sim.arguments import checked
from sim.errors import InputError, check_printable
from sim.files.core_properties import (
    check_agreement,
    complete_cores,
    core_of,
    hidden_fields,
    lengths_of,
    stated_fields,
    stated_gic,
    stated_registers,
)
from sim.files.scenario_tables import CpuProperties
from sim.files.shipped_scenarios import find_space
from sim.files.space_file import space_from_text
from sim.files.space_tables import CoreTable, MixtureTable, is_of_cores
from sim.files.toml_tables import at, read_text, table_from_data, table_from_text, text_from_data
from sim.kernel_release import DEFAULT, RECORDED
from sim.scenario import KvmMode
from sim.study.mixture_space import LEAST_CLUSTERS, MixtureSpace
from sim.study.system_space import Space
from sim.topology import Cpu, cpu
from sim.vectors import VectorType


@checked
def read_mixture_space(path: Path | str) -> MixtureSpace:
    """Read a space file of mixtures of cores.

    Args:
        path: the file, or the name of a space that ships where there is no such file.

    Raises:
        InputError: anything in the file is wrong, or it is a space of vector lengths.

    >>> read_mixture_space("core-triples").clusters
    3
    """
    path = find_space(Path(path))
    space = read_any_space(path)
    if isinstance(space, Space):
        raise InputError(f"{path}: is a space of vector lengths, which read_space() reads")
    return space


@checked
def mixture_space(
    cores: Sequence[str] | str = "all",
    *,
    clusters: int = LEAST_CLUSTERS,
    kernels: Sequence[str] | str = (DEFAULT,),
    cpus: int = 1,
    kvm_mode: KvmMode = KvmMode.DEFAULT,
    name: str = "",
) -> MixtureSpace:
    """Make a space of mixtures of cores that are known by name.

    Args:
        cores: the cores' compatible strings; or ``"all"``, those whose ID registers are all known.
        clusters: the number of clusters, each of another core, 2 to 8.
        kernels: kernel series or releases; or ``"recorded"``, those with recorded boots.
        cpus: the number of CPUs of each cluster, 1 to 64.
        kvm_mode: ``kvm-arm.mode=``, default or nvhe.
        name: the space's name.

    Raises:
        InputError: an unknown core or kernel, a core of which a register is unknown, or a number out of range.

    >>> mixture_space(["arm,cortex-a55", "arm,cortex-a76"], kernels=["6.12", "7.3"], name="pair")
    <MixtureSpace 'pair': 2 of 2 cores, points 4, kernels 6.12 7.3>
    """
    if isinstance(cores, str) and cores != "all":
        raise InputError(f"cores is {cores!r:.60}: allowed are names in a list, and 'all'")
    if isinstance(kernels, str) and kernels != "recorded":
        raise InputError(f"kernels is {kernels!r:.60}: allowed are series in a list, and 'recorded'")
    listed = (
        complete_cores()
        if isinstance(cores, str)
        else tuple(_cpu_of(place, CoreTable(core=one)) for place, one in enumerate(cores))
    )
    chosen = RECORDED if isinstance(kernels, str) else tuple(kernels)
    return MixtureSpace(listed, clusters, chosen, cpus, kvm_mode, name)


def read_any_space(path: Path | str) -> Space | MixtureSpace:
    """Read a space file of either kind.

    Raises:
        InputError: anything in the file is wrong; the line names the file, the place and what is allowed.
    """
    path = Path(path)
    with at(f"{path}"):
        text = read_text(path, "space")
        if is_of_cores(text):
            return mixtures_of(table_from_text(text, MixtureTable), path.stem)
        return space_from_text(text, path.stem)


def mixtures_from_data(raw: dict[str, object]) -> MixtureSpace:
    """Make a space of mixtures from the content of a space file, as plain values.

    Raises:
        InputError: the content describes an impossible space.
    """
    return mixtures_of(table_from_data(raw, MixtureTable), "")


def mixtures_of(table: MixtureTable, default_name: str) -> MixtureSpace:
    """Make a space of mixtures from its table.

    Raises:
        InputError: the table describes an impossible space.
    """
    if table.cores == "all":
        cores = complete_cores()
    else:
        listed = [one if isinstance(one, CoreTable) else CoreTable(core=one) for one in table.cores]
        cores = tuple(_cpu_of(place, one) for place, one in enumerate(listed))
    with at("name"):
        check_printable("the space's name", table.name)
    kernels = RECORDED if isinstance(table.kernels, str) else tuple(table.kernels)
    return MixtureSpace(
        cores, table.clusters, tuple(kernels), table.cpus, KvmMode(table.kvm_mode), table.name or default_name
    )


def _cpu_of(place: int, table: CoreTable) -> Cpu:
    with at(f"cores[{place}]"):
        given = CpuProperties(
            core=table.core,
            midr=table.midr,
            registers=table.registers,
            features=table.features,
            gic=table.gic,
            hides=table.hides,
            unaffected=table.unaffected,
        )
        check_agreement(given)
        core = core_of(given)
        if not core.is_complete:
            raise InputError(
                f"{len(core.id_registers)} of the ID registers of {core.name} are known, and a space of cores needs "
                f"all; they are known of {', '.join(one.name for one in complete_cores())}"
            )
        return cpu(
            table.name or table.core,
            lengths_of(UNSET, core, VectorType.SVE),
            lengths_of(UNSET, core, VectorType.SME),
            core=core,
            hidden=hidden_fields(given),
            unaffected=frozenset() if given.unaffected is UNSET else frozenset(given.unaffected),
        )


def mixtures_to_data(space: MixtureSpace) -> dict[str, object]:
    """Return the content of a space file that describes a space of mixtures, as plain values."""
    table = MixtureTable(
        cores=[_core_table(cpu) for cpu in space.cores],
        name=space.name,
        clusters=space.clusters,
        cpus=space.cpus,
        kernels=list(space.kernels),
        kvm_mode="nvhe" if space.kvm_mode is KvmMode.NVHE else "default",
    )
    data: dict[str, object] = msgspec.to_builtins(table)
    return data


def mixtures_text(space: MixtureSpace) -> str:
    """Return a space of mixtures as the text of a space file.

    Raises:
        InputError: no file holds it, because the text exceeds a file's limits.
    """
    data = {key: value for key, value in mixtures_to_data(space).items() if value != ""}
    tables = [_core_table(cpu) for cpu in space.cores]
    # A core that is just as the table of cores has it needs no table of its own.
    known = [_core_table(_cpu_of(place, CoreTable(core=one.core))) for place, one in enumerate(tables)]
    cores = [
        one.core if one == as_known else msgspec.to_builtins(one) for one, as_known in zip(tables, known, strict=True)
    ]
    first = {key: data.pop(key) for key in ("schema_version", "name") if key in data}
    return text_from_data(first | data | {"cores": cores}, MixtureTable)


def _core_table(cpu: Cpu) -> CoreTable:
    core, firmware = cpu.features.core, cpu.firmware
    return CoreTable(
        core=core.name,
        name=cpu.name,
        midr=core.midr,
        registers=stated_registers(cpu),
        features=stated_fields(cpu),
        gic=stated_gic(core),
        hides=[f"{one.register}.{one.name}" for one in firmware.hidden] or UNSET,
        unaffected=sorted(firmware.unaffected) or UNSET,
    )
