"""Arguments of QEMU and of the kernel in it; nothing here needs QEMU."""

from collections.abc import Collection

from sim.scenario import KvmMode, Scenario
from sim.vectors import VQ_MAX, bits_from_vq

EMULATOR = "qemu-system-aarch64"
_MEMORY_MIB = 512
_INSTRUCTION_CLOCK = ("-icount", "shift=0,sleep=off")
"""The guest's time is the number of its instructions, and an idle guest skips to its next timer.

The kernel's wait of 5 s for a lost CPU thus takes no real time, and many CPUs do not drown in timer ticks.
"""
# Every length has a property of its own: sve128 to sve2048 in steps of 128, and sme128 to sme2048 in powers of two.
_SVE_BITS = tuple(bits_from_vq(vq) for vq in range(1, VQ_MAX + 1))
_SME_BITS = tuple(1 << power for power in range(7, 12))


def board_args(cpus: int, *, el2: bool, sme: bool) -> list[str]:
    """Return the emulator and the options of its board, which stops before the first instruction.

    Args:
        cpus: the number of CPUs.
        el2: True if they start at EL2.
        sme: True if all of them have SME, False if none has: QEMU fixes that when it starts.
    """
    return [
        EMULATOR,
        *("-nodefaults", "-display", "none", "-S", "-no-reboot"),
        *_INSTRUCTION_CLOCK,
        *("-machine", f"virt,gic-version=3,virtualization={'on' if el2 else 'off'}"),
        *("-cpu", f"max,pauth-impdef=on{'' if sme else ',sme=off'}", "-smp", str(cpus), "-m", str(_MEMORY_MIB)),
    ]


def vector_properties(sve_bits: Collection[int] | None, sme_bits: Collection[int] | None) -> dict[str, bool]:
    """Return the QOM properties that give a CPU these lengths, in the order to set them.

    All lengths are stated, those that the CPU lacks as False: QEMU fills in lengths that are left open.

    Source: QEMU's docs/system/arm/cpu-features.rst.

    Args:
        sve_bits: the SVE lengths; None: the CPU lacks SVE.
        sme_bits: the SME lengths; None: the CPU lacks SME, which `board_args` has to say.

    >>> [name for name, value in vector_properties([128, 256], None).items() if value]
    ['sve128', 'sve256', 'sve']
    """
    properties = {f"sve{bits}": bits in (sve_bits or ()) for bits in _SVE_BITS} | {"sve": sve_bits is not None}
    if sme_bits is not None:
        properties |= {f"sme{bits}": bits in sme_bits for bits in _SME_BITS}
    return properties


def kernel_arguments(scenario: Scenario) -> list[str]:
    """Return the kernel arguments of a scenario, its own options last; ``maxcpus=`` keeps its late CPUs offline."""
    arguments = {
        f"maxcpus={len(scenario.early_candidates[: scenario.maxcpus])}": True,
        f"kvm-arm.mode={scenario.kvm_mode}": scenario.kvm_mode is not KvmMode.DEFAULT,
        "arm64.nosve": scenario.sve_off,
        "arm64.nosme": scenario.arm64_nosme,
    }
    return [*(argument for argument, is_given in arguments.items() if is_given), *scenario.options.split()]
