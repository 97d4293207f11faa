"""The fields of ID registers that follow from the capabilities that a log names, and from those that it does not.

A capability of the whole system is named if every early CPU has it, one of the boot CPU's if that has it, and a
weakness when the first CPU comes up that has it. A name that a complete log lacks shows the reverse: some early CPU
lacks the feature. No line tells which, so that all of them are taken to lack it whose registers no line states.

Source: arch/arm64/kernel/cpufeature.c (``update_cpu_capabilities``, ``setup_system_capabilities``).
"""

from collections.abc import Collection, Iterable, Iterator

from sim.cpufeature_tables import Capability, KernelTables
from sim.importer.deciding_fields import deciding_fields, id_field
from sim.importer.field_editor import FieldEditor, field_words
from sim.importer.kernel_log import ShownFeatures
from sim.importer.logged_cpus import LoggedCpus
from sim.kernel.features.system_features import LISTED_BY_CPU
from sim.topology import cpu_list
from sim.vector_types import VECTOR_TYPES

AARCH32_EL0 = "HAS_32BIT_EL0_DO_NOT_USE"
_OF_LENGTHS = {traits.capability for traits in VECTOR_TYPES.values()}
_OF_GIC = {"HAS_GICV3_CPUIF", "HAS_GIC_CPUIF_SYSREGS", "HAS_GIC_PRIO_MASKING"}
"""Capabilities that have evidence of their own."""
_WORDS_OF_LISTED = {name: words for name, (words, _) in LISTED_BY_CPU.items()}
"""The words of capabilities that the kernel lists by CPU, which the tables have as they are told once."""


class NamedFeatures:
    """The capabilities of a log beside those of a boot, and the fields with which they agree.

    Args:
        editor: the CPUs, which are changed.
        named: the features that the log shows.
        modelled: the features that a boot of these CPUs shows.
        tables: the kernel's tables.
        cpus: the CPUs of the log.
    """

    def __init__(
        self, editor: FieldEditor, named: ShownFeatures, modelled: ShownFeatures, tables: KernelTables, cpus: LoggedCpus
    ) -> None:
        self._editor = editor
        self._named = named
        self._modelled = modelled
        self._tables = tables
        self._cpus = cpus
        self._told: dict[tuple[bool, tuple[int, ...]], list[str]] = {}
        """The changes in words, by what the log does and by the CPUs that are changed."""

    def agree(self, kept: Collection[str], *, of_boot_cpu: bool) -> Iterator[str]:
        """Give the CPUs fields with which a boot names what the log names, and yield the reasons.

        Args:
            kept: the names of capabilities that other lines decide.
            of_boot_cpu: True for the capabilities that the boot CPU decides for all, False for the others.
        """
        if not of_boot_cpu and self._named.is_complete and not self._modelled.is_complete:
            return  # the boot does not get as far as the log, for whatever reason
        for one in self._tables.capabilities:
            words = _WORDS_OF_LISTED.get(one.name, one.words)
            if words is None or words in _OF_LENGTHS or one.name in _OF_GIC or one.name in kept:
                continue
            if ("BOOT" in one.type) is not of_boot_cpu:
                continue
            if one.name in LISTED_BY_CPU and self._is_listed(words):
                self._agree_on_list(one, words)
            elif "LOCAL" in one.type and "MATCH_ALL_EARLY" not in one.type:
                self._agree_on_local(one, words)
            else:
                self._agree_on_system(one, words)
        for (has, cpus), told in self._told.items():
            verb = "names" if has else "does not name"
            yield f"cpu{cpu_list(cpus)} is taken to have {', '.join(told)}, since the log {verb} what these decide"

    def _is_told(self, one: Capability) -> bool:
        """Return True if the log would have named a capability by its end."""
        return self._named.boot_cpu_is_complete if "BOOT" in one.type else self._named.is_complete

    def _agree_on_system(self, one: Capability, words: str) -> None:
        """Change the fields of a capability that all early CPUs decide together, or the boot CPU for all."""
        is_named, is_modelled = (words in shown.detected for shown in (self._named, self._modelled))
        if is_named and not is_modelled:
            self._change(one, words, self._cpus.alike(self._cpus.came), has=True)
        elif is_modelled and not is_named and self._is_told(one):
            self._change(one, words, self._cpus.alike(self._that_may_lack(one)), has=False)

    def _that_may_lack(self, one: Capability) -> Collection[int]:
        """Return the CPUs that may lack a capability of the system which their fields have."""
        if "BOOT" in one.type or self._is_strict(one):
            return self._cpus.came
        fields = [id_field(each, self._tables) for each in deciding_fields(one, self._tables).fields]
        unknown = [cpu for cpu in self._cpus.early if not all(self._editor.knows(cpu, field) for field in fields)]
        return unknown or self._cpus.early

    def _agree_on_local(self, one: Capability, words: str) -> None:
        """Change the fields of a weakness, which the kernel names when the first CPU comes up that has it."""
        named, modelled = (shown.named_on.get(words) for shown in (self._named, self._modelled))
        if modelled is not None and (named is None or modelled < named):
            if words not in self._named.detected and not (self._is_told(one) or modelled in self._cpus.told):
                return
            if named is not None or words not in self._named.detected:
                before = [cpu for cpu in self._cpus.early if named is None or cpu < named]
                self._change(one, words, before, has=False)
        if named is not None and (modelled is None or modelled != named):
            # A CPU before it may be of the same model, and does not have it.
            is_first = named == self._cpus.alike([named])[0]
            self._change(one, words, self._cpus.alike([named]) if is_first else [named], has=True)

    def _is_listed(self, words: str) -> bool:
        return words in self._named.listed_on or words in self._modelled.listed_on

    def _agree_on_list(self, one: Capability, words: str) -> None:
        """Change the fields of a capability of which the kernel lists the CPUs that have it."""
        named, modelled = (shown.listed_on.get(words, frozenset()) for shown in (self._named, self._modelled))
        if not self._named.is_complete:
            return
        self._change(one, words, [cpu for cpu in self._cpus.early if cpu in named - modelled], has=True)
        self._change(one, words, [cpu for cpu in self._cpus.early if cpu in modelled - named], has=False)

    def _is_strict(self, one: Capability) -> bool:
        """Return True if the kernel logs a difference of the fields that decide, so that all CPUs are alike in them."""
        fields = deciding_fields(one, self._tables).fields
        return any(each.register in self._tables.registers and self._tables.field_of(each).strict for each in fields)

    def _change(self, one: Capability, words: str, cpus: Iterable[int], *, has: bool) -> None:
        """Let some CPUs have a capability, or lack it, unless a line states the registers that decide."""
        registers = {each.register for each in deciding_fields(one, self._tables).fields}
        told: dict[str, list[int]] = {}
        for cpu in cpus:
            is_stated = any(self._cpus.is_stated(cpu, register) for register in registers)
            if is_stated or (one.name == AARCH32_EL0 and cpu in self._cpus.run_32bit):
                continue
            change = self._editor.let if "LOCAL" in one.type or cpu == 0 else self._editor.agree
            if changes := change(cpu, one, has=has):
                told.setdefault(field_words(changes), []).append(cpu)
        for fields, changed in told.items():
            self._told.setdefault((has, tuple(changed)), []).append(f"{fields} ({words})")
