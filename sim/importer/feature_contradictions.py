"""The contradictions between a log and a boot of its scenario in lines on CPU features.

Capabilities that only the log or only the boot names are not among them: `sim.importer.inferred_features` lists these.
"""

from collections.abc import Iterator, Mapping

from sim.importer.kernel_log import KernelLog
from sim.topology import cpu_list

_NOTHING = "nothing"


def of_features(log: KernelLog, simulated: KernelLog) -> Iterator[str]:
    """Yield sentences on what a log says of the features of CPUs, and a boot does not, or says otherwise.

    Args:
        log: the real log.
        simulated: the log of a boot in which all features are modelled.
    """
    both_came = log.came & simulated.came
    yield from _differing(_registers(log, both_came), _registers(simulated, both_came))
    shown, implied = log.shown, simulated.shown
    yield from _differing(
        {(cpu, "the instruction cache"): policy for cpu, policy in shown.icaches.items() if cpu in both_came | {0}},
        {(cpu, "the instruction cache"): implied.icaches.get(cpu, _NOTHING) for cpu in shown.icaches},
        only_stated=True,
    )
    for name in dict.fromkeys((*shown.named_on, *shown.listed_on)):
        for stated, modelled in (
            (_when(shown.named_on.get(name)), _when(implied.named_on.get(name))),
            (_listed(shown.listed_on.get(name)), _listed(implied.listed_on.get(name))),
        ):
            if stated != modelled and _NOTHING not in {stated, modelled}:
                yield f"the log names {name!r} {stated}, the model {modelled}"
    if shown.ipa_limit_bits is not None and shown.ipa_limit_bits != implied.ipa_limit_bits:
        of_model = _NOTHING if implied.ipa_limit_bits is None else f"{implied.ipa_limit_bits} bits"
        yield f"the log says that guests' addresses have {shown.ipa_limit_bits} bits, the model says {of_model}"


def _registers(log: KernelLog, cpus: set[int]) -> dict[tuple[int, str], str]:
    """Return what the lines on differing registers say, by CPU and register."""
    return {
        (one.cpu, one.register): f"{one.value:#x} beside {one.boot_value:#x}"
        for one in log.variations
        if one.cpu in cpus
    }


def _differing(
    stated: Mapping[tuple[int, str], str], implied: Mapping[tuple[int, str], str], *, only_stated: bool = False
) -> Iterator[str]:
    """Yield a sentence for each group of CPUs of which the same is said, and otherwise by the model."""
    alike: dict[tuple[str, str, str], list[int]] = {}
    for cpu, name in dict.fromkeys((*stated, *(() if only_stated else implied))):
        values = stated.get((cpu, name), _NOTHING), implied.get((cpu, name), _NOTHING)
        if values[0] != values[1]:
            alike.setdefault((name, *values), []).append(cpu)
    for (name, says, models), cpus in alike.items():
        yield f"cpu{cpu_list(sorted(cpus))}: the log says of {name} {says}, the model says {models}"


def _when(cpu: int | None) -> str:
    return _NOTHING if cpu is None else "on the boot CPU" if cpu == 0 else f"when cpu{cpu} comes up"


def _listed(cpus: frozenset[int] | None) -> str:
    return _NOTHING if cpus is None else f"on cpu{cpu_list(sorted(cpus))}"
