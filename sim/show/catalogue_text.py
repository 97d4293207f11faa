"""The catalogue as text: scenarios, designs, kernels, hazards, cores and properties, a line each."""

from collections.abc import Sequence

from rich.console import Console

from sim.cores.core_rows import CoreRow, core_rows
from sim.designs import DESIGNS, Design, LateCpu
from sim.files.shipped_catalogue import read_catalogue
from sim.hazard_kinds import HazardKind
from sim.kernel_flags import FLAGS, FlagFacts, Landing, kernel_flags
from sim.kernel_release import DEFAULT, MODELLED, OLDEST, RECORDED, kernel_release
from sim.show.console import heading, line
from sim.show.table_forms import Layout, table


def show_catalogue(console: Console, parts: Sequence[str]) -> None:
    """Print the named parts of the catalogue, without names all parts."""
    printers = {
        "topologies": _topologies,
        "spaces": _spaces,
        "designs": _designs,
        "kernels": _kernels,
        "hazards": _hazards,
        "properties": _properties,
        "cores": _cores,
    }
    for index, part in enumerate(name for name in printers if name in parts or not parts):
        heading(console, part.capitalize(), first=index == 0)
        printers[part](console)


def _topologies(console: Console) -> None:
    rows = [(one.name, f"{one.cpus:,}", one.description + "*" * one.hypothetical) for one in read_catalogue().scenarios]
    table(console, {"name": "left", "CPUs": "right", "description": "wrap"}, rows)
    line(console, "* hypothetical: no system known to us mixes CPUs with different vector lengths")


def _spaces(console: Console) -> None:
    rows = [(one.name, one.of, f"{one.systems:,}", f"{one.settings:,}") for one in read_catalogue().spaces]
    table(console, {"name": "left", "of": "left", "systems": "right", "settings": "right"}, rows)


def _designs(console: Console) -> None:
    line(
        console,
        "A design says how pKVM saves the host's SVE registers, and how the kernel responds to a late CPU above the "
        "maximum.",
    )
    columns: dict[str, Layout] = dict.fromkeys(["design", "buffer", "ZCR_EL2", "pointer", "late CPU above max"], "left")
    table(console, columns, [_choices(design) for design in DESIGNS.values()])


def _choices(design: Design) -> list[str]:
    if design.nosve:
        return [design.name, "none", "", "", "arm64.nosve"]
    late = f"raises: {design.late_store}" if design.late_cpu is LateCpu.RAISES else str(design.late_cpu)
    return [design.name, design.buffer_sized_by, design.zcr_el2, design.ffr_pointer, late]


def _kernels(console: Console) -> None:
    rows = []
    for name in MODELLED:
        flags = kernel_flags(kernel_release(name))
        notes = ["recorded boots"] * (name in RECORDED) + ["the default"] * (name == DEFAULT)
        rows.append((name, flags.own_design or "no buffers yet", "used" if flags.sme else "not used", ", ".join(notes)))
    table(console, {"series": "left", "pKVM's design": "left", "SME": "left", "notes": "left"}, rows)
    line(
        console,
        "A series stands for its newest point release; a release, such as 6.12.117, has its own backports, and a "
        "release candidate what came up to it. A note of the boot names what is not known of a release.",
    )
    console.print()
    for name, facts in FLAGS.items():
        line(console, f"{name}: {facts.meaning}")
        line(console, f"  on: {_releases(facts)}")
        line(console, f"  known from: {facts.source}")


def _releases(facts: FlagFacts) -> str:
    """Put into words which releases have a flag."""
    spans = [_span(since, before) for since, before in facts.mainline]
    backports = [
        f"{'on' if one.value else 'off'} from {one.series[0]}.{one.series[1]}.{one.since} on" for one in facts.backports
    ]
    builds = [f"{build} {_span(*span)}" for build, span in facts.of_builds.items()]
    return "; ".join([*spans, *backports, *builds])


def _span(since: Landing, before: Landing | None) -> str:
    first = "" if since <= OLDEST else f"from {_landing(since)}"
    last = "" if before is None else f"before {_landing(before)}"
    return f"{first} {last}".strip() or "always"


def _landing(landing: Landing) -> str:
    """Name the release that brought a change: the candidate if it came after the merge window."""
    major, minor, *candidate = landing
    return f"{major}.{minor}" + "".join(f"-rc{number}" for number in candidate if number > 1)


def _hazards(console: Console) -> None:
    columns: dict[str, Layout] = {"rank": "right", "hazard": "left", "name in files": "left"}
    table(console, columns, [(str(kind.rank), kind.title, kind.value) for kind in sorted(HazardKind)])


def _cores(console: Console) -> None:
    rows = [(one.core, f"{int(one.midr, 16):#010x}", _lengths(one), _registers(one)) for one in core_rows()]
    columns: dict[str, Layout] = {"core": "wrap", "MIDR_EL1": "left"}
    table(console, columns | {"vector lengths, bits": "left", "ID registers known": "left"}, rows)
    line(
        console,
        "MIDR_EL1 is that of the best known stepping. --json has each register's value, and the sources of values and "
        "of lengths.",
    )


def _lengths(core: CoreRow) -> str:
    """Return the lengths of the vector types that a core has or may have."""
    lengths = {"SVE": core.sve_bits, "SME": core.sme_bits}
    if set(lengths.values()) == {None}:
        return "unknown"
    told = (
        f"{kind} {'unknown' if bits is None else ', '.join(map(str, bits))}"
        for kind, bits in lengths.items()
        if bits != ()
    )
    return "; ".join(told) or "none"


def _registers(core: CoreRow) -> str:
    return "all" if core.has_all_registers else str(len(core.registers) or "none")


def _properties(console: Console) -> None:
    from sim.prove.feature_properties import FEATURE_PROPERTIES
    from sim.prove.properties import PROPERTIES

    rows = [(one.name, "designs", one.statement) for one in PROPERTIES.values()]
    rows += [(one.name, "CPU features", one.statement) for one in FEATURE_PROPERTIES.values()]
    table(console, {"property": "left", "of": "left", "promise": "wrap"}, rows)
