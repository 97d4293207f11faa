"""What QEMU and the kernel in it are told, as words; nothing here needs QEMU."""

from collections.abc import Collection

from sim.scenario import KvmMode, Scenario
from sim.vectors import VQ_MAX, bits_from_vq

EMULATOR = "qemu-system-aarch64"
_MEMORY_MIB = 512
_TIME_BY_INSTRUCTIONS = ("-icount", "shift=0,sleep=off")
"""The guest's time is what it executes, and waiting takes none: many CPUs do not drown in timer ticks."""
_SVE_BITS = tuple(bits_from_vq(vq) for vq in range(1, VQ_MAX + 1))
_SME_BITS = tuple(1 << power for power in range(7, 12))


def board(cpus: int, *, el2: bool, sme: bool) -> list[str]:
    """The emulator and its board, stopped before the first instruction.

    Args:
        cpus: how many.
        el2: whether they start at EL2.
        sme: whether they have SME, all or none: QEMU fixes that when it starts.
    """
    return [
        EMULATOR,
        *("-nodefaults", "-display", "none", "-S", "-no-reboot"),
        *_TIME_BY_INSTRUCTIONS,
        *("-machine", f"virt,gic-version=3,virtualization={'on' if el2 else 'off'}"),
        *("-cpu", f"max,pauth-impdef=on{'' if sme else ',sme=off'}", "-smp", str(cpus), "-m", str(_MEMORY_MIB)),
    ]


def properties(sve_bits: Collection[int] | None, sme_bits: Collection[int] | None) -> dict[str, bool]:
    """What a CPU's QOM properties have to be for these lengths, in the order to set them in.

    >>> [name for name, value in properties([128, 256], None).items() if value]
    ['sve128', 'sve256', 'sve']
    """
    wanted = {f"sve{one}": one in (sve_bits or ()) for one in _SVE_BITS} | {"sve": sve_bits is not None}
    if sme_bits is not None:
        wanted |= {f"sme{one}": one in sme_bits for one in _SME_BITS}
    return wanted


def kernel_words(scenario: Scenario) -> list[str]:
    """The kernel's arguments that make it boot as the scenario does: `late` CPUs are left out by ``maxcpus=``."""
    words = {
        f"maxcpus={len(scenario.early)}": True,
        f"kvm-arm.mode={scenario.kvm_mode}": scenario.kvm_mode is not KvmMode.DEFAULT,
        "arm64.nosve": scenario.sve_off,
        "arm64.nosme": scenario.nosme,
    }
    return [word for word, is_on in words.items() if is_on]
