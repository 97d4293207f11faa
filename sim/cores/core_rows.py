"""The rows of known cores: all that the table has of each, with its sources."""

from typing import Annotated

from msgspec import Meta

from sim.cores.core_table import core_table
from sim.cores.known_cores import core_names, core_values, known_core, steppings
from sim.rows import Row
from sim.vectors import VectorType


class CoreValueRow(Row, frozen=True, gc=False):
    """The value of an ID register of a core."""

    register: Annotated[str, Meta(description="the ID register")]
    value: Annotated[str, Meta(description="its value, in hexadecimal")]
    source: Annotated[str, Meta(description="the kind of its source")]
    midr: Annotated[str, Meta(description="MIDR_EL1 of the stepping that it was seen on, in hexadecimal")]
    others: Annotated[tuple[str, ...], Meta(description="other values that sources give, in hexadecimal")]


class CoreRow(Row, frozen=True, gc=False):
    """A known core."""

    core: Annotated[str, Meta(description="the name for scenario files: the compatible string where it has one")]
    midr: Annotated[str, Meta(description="MIDR_EL1 of the best known stepping, in hexadecimal")]
    steppings: Annotated[tuple[str, ...], Meta(description="MIDR_EL1 of each known stepping, in hexadecimal")]
    sve_bits: Annotated[tuple[int, ...] | None, Meta(description="its SVE lengths; empty without SVE, null if unknown")]
    sme_bits: Annotated[tuple[int, ...] | None, Meta(description="its streaming lengths, likewise")]
    lengths_source: Annotated[str | None, Meta(description="the source of the lengths; null if nothing is known")]
    has_all_registers: Annotated[bool, Meta(description="whether all its ID registers are known")]
    registers: Annotated[tuple[CoreValueRow, ...], Meta(description="the ID registers that are known")]


def core_rows() -> list[CoreRow]:
    """Return a row for each core that a scenario may name.

    >>> next(one.sve_bits for one in core_rows() if one.core == "fujitsu,a64fx")
    (128, 256, 512)
    """
    return [_core_row(name) for name in core_names()]


def _core_row(name: str) -> CoreRow:
    core, documented = known_core(name), core_table().cores.get(name)
    values = core_values(name, core.midr)
    return CoreRow(
        core=name,
        midr=hex(core.midr),
        steppings=tuple(map(hex, steppings(name))),
        sve_bits=None if documented is None else documented.lengths(VectorType.SVE),
        sme_bits=None if documented is None else documented.lengths(VectorType.SME),
        lengths_source=None if documented is None else documented.source,
        has_all_registers=core.is_complete,
        registers=tuple(
            CoreValueRow(register, hex(one.value), one.source, hex(one.of_midr), tuple(map(hex, one.others)))
            for register, one in values.items()
        ),
    )
