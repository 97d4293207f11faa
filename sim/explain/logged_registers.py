"""The registers of a boot's SANITY CHECK lines, decoded by all that the log shows of their CPUs."""

from sim.cpufeature_tables.sanity_decoder import DecodingTables, RegisterDifference, decode_differences, register_name
from sim.cpufeature_tables.system_values import LoggedDifference
from sim.importer.explained_lines import OldBootedLine, OverrideLine
from sim.importer.late_cpus import LateCpus
from sim.importer.log_lines import BootedLine, SanityLine
from sim.importer.log_text import NumberedLine

_CAME = (BootedLine, OldBootedLine)


def decoded_registers(boot: list[NumberedLine], decoding: DecodingTables) -> dict[int, RegisterDifference]:
    """Return the decoded registers by the numbers of the lines.

    Args:
        boot: all lines of the boot.
        decoding: the tables of cpufeature.
    """
    hidden: dict[str, set[int]] = {}
    lines: dict[int, LoggedDifference] = {}
    late = LateCpus()
    # The index of the last line by which each CPU comes online, and the last of these CPUs.
    came = {found.line.cpu: index for index, found in enumerate(boot) if isinstance(found.line, _CAME)}
    last = max(came, key=came.__getitem__, default=None)
    for index, found in enumerate(boot):
        line = found.line
        late.read(line)
        if isinstance(line, OverrideLine) and line.effect.hides:
            hidden.setdefault(line.register, set()).add(line.low)
        if isinstance(line, SanityLine):
            came_online = came.get(line.cpu, -1) > index
            lines[found.number] = LoggedDifference(
                register_name(line.register, decoding.register_names),
                line.boot_value,
                line.value,
                # A CPU that comes late changes the registers that programs read, and no longer what is in use.
                is_late=late.is_late(line.cpu),
                came_online=came_online,
                others_came=came_online and last != line.cpu,
            )
    return dict(zip(lines, decode_differences([*lines.values()], decoding, hidden), strict=True))
