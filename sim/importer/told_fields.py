"""The fields of ID registers that a log's lines on single CPUs tell, and the range of addresses that KVM's line tells.

Source: arch/arm64/kernel/cpuinfo.c (``cpuinfo_detect_icache_policy``), arch/arm64/mm/context.c (``get_cpu_asid_bits``),
arch/arm64/kvm/reset.c (``kvm_set_ipa_limit``).
"""

from collections.abc import Iterator

from sim.cpufeature_tables import Field, KernelTables
from sim.id_registers import AARCH32, EL0, L1IP, PIPT, VIPT, IdField
from sim.importer.explained_lines import OverrideEffect
from sim.importer.field_editor import FieldEditor, field_words
from sim.importer.kernel_log import ShownFeatures
from sim.importer.logged_cpus import LoggedCpus
from sim.kernel.features.id_fields import ASIDBITS, PARANGE
from sim.kernel.features.system_features import physical_bits
from sim.topology import cpu_list
from sim.vector_types import VECTOR_TYPES

_OF_LENGTHS = {(traits.id_field.register, traits.id_field.name) for traits in VECTOR_TYPES.values()}
"""The fields of vector extensions, which have evidence of their own."""
_POLICIES = {"PIPT": PIPT, "VIPT": VIPT, "VPIPT": 0}
_OTHER_POLICY = 1
"""The value of L1Ip that no kernel has a name for."""
PHYSICAL_BITS = {physical_bits(value): value for value in range(8)}
"""The values of PARange by the bits of physical addresses."""


def let_lines_agree(
    editor: FieldEditor, named: ShownFeatures, modelled: ShownFeatures, tables: KernelTables, cpus: LoggedCpus
) -> Iterator[str]:
    """Give CPUs the fields that lines of a log tell, and yield the reasons.

    Args:
        editor: the CPUs, which are changed.
        named: the features that the log shows.
        modelled: the features that a boot of these CPUs shows.
        tables: the kernel's tables.
        cpus: the CPUs of the log.
    """
    yield from _overridden(editor, named, tables)
    policies: dict[str, list[int]] = {}
    for cpu, policy in sorted(named.icaches.items()):
        if editor.there_is(cpu) and editor.put(cpu, L1IP, _POLICIES.get(policy, _OTHER_POLICY)):
            policies.setdefault(policy, []).append(cpu)
    for policy, those in policies.items():
        yield f"CTR_EL0.L1Ip of cpu{cpu_list(those)} is that of the {policy} instruction cache that the log names"
    for cpu, size in named.asid_sizes.items():
        if editor.there_is(cpu) and editor.put(cpu, ASIDBITS, size):
            yield f"ID_AA64MMFR0_EL1.ASIDBits of cpu{cpu} is {size}, as the log says"
    if run_32bit := [cpu for cpu in sorted(cpus.run_32bit) if editor.there_is(cpu) and editor.put(cpu, EL0, AARCH32)]:
        yield f"cpu{cpu_list(run_32bit)} runs 32-bit programs, since a line compares its registers of 32-bit code"
    yield from _range_of_guests(editor, named, modelled, cpus)


def _overridden(editor: FieldEditor, named: ShownFeatures, tables: KernelTables) -> Iterator[str]:
    """Give the boot CPU fields that the command line overrides as the log says: to less than the CPU has, or not."""
    told = dict[IdField, int]()
    for one in named.overrides:
        register = tables.registers.get(one.register)
        for field in register.fields if register is not None else ():
            if field.shift == one.low and (one.register, field.name) not in _OF_LENGTHS:
                of_boot_cpu = IdField(one.register, field.name, field.shift, field.width, field.signed)
                value = editor.value(0, of_boot_cpu)
                if _effect(field, one.value, value) is not one.effect:
                    values = sorted(range(1 << field.width), key=field.order)
                    value = next((each for each in values if _effect(field, one.value, each) is one.effect), value)
                told |= editor.put(0, of_boot_cpu, value)
    if told:
        yield f"cpu0 is taken to have {field_words(told)}, as the lines on overrides of these fields show"


def _effect(field: Field, override: int, own: int) -> OverrideEffect:
    """Return the effect of an override of a field.

    Source: arch/arm64/kernel/cpufeature.c (``init_cpu_ftr_reg``).
    """
    if override == own:
        return OverrideEffect.ALREADY
    return OverrideEffect.FORCED if field.safe_value(override, own) == override else OverrideEffect.IGNORED


def _range_of_guests(
    editor: FieldEditor, named: ShownFeatures, modelled: ShownFeatures, cpus: LoggedCpus
) -> Iterator[str]:
    """Give early CPUs the range of physical addresses that KVM's limit tells: it is the smallest of theirs."""
    limit, implied = named.ipa_limit_bits, modelled.ipa_limit_bits
    if limit not in PHYSICAL_BITS or limit == implied:
        return
    open_ones = [cpu for cpu in cpus.alike(cpus.early) if not cpus.is_stated(cpu, PARANGE.register)]
    below = [cpu for cpu in open_ones if physical_bits(editor.value(cpu, PARANGE)) < limit]
    # No line tells which CPU has the smallest range: where none has it, all that have a larger are taken to have it.
    others = [cpu for cpu in (below or open_ones) if editor.put(cpu, PARANGE, PHYSICAL_BITS[limit])]
    if others:
        yield f"cpu{cpu_list(others)} is taken to have physical addresses of {limit} bits: KVM's limit shows it"
