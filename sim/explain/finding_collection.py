"""A finding of a log, and the collection of findings while a log is read."""

from collections.abc import Iterable, Mapping

import msgspec

from sim.cpufeature_tables.sanity_decoder import RegisterDifference
from sim.explain.log_entries import Advice, Cause, Circumstance, LogEntry
from sim.importer.log_text import NumberedLine


class LogFinding(msgspec.Struct, frozen=True):
    """A finding of a log."""

    entry: LogEntry
    happened: str
    cpus: tuple[int, ...]
    """The CPUs by ascending numbers; empty if it concerns the whole system."""
    lines: tuple[NumberedLine, ...]
    """The lines that tell of it, in the order of the log."""
    inferred: tuple[str, ...]
    """Sentences on what no line says, and was concluded."""
    register: RegisterDifference | None
    """The decoded register of SANITY CHECK lines."""
    meaning: str
    """The entry's, as far as the lines bear it out."""
    consequence: str
    """The entry's, or what the log shows instead."""
    ruled_out: frozenset[Circumstance]
    """The things that the lines of its boot show not to be there, for any of its CPUs."""
    earlier_boots: tuple[int, ...] = ()
    """The boots of the log that it is of, by number from 1 on, if it is not of the last."""

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The usual causes that the log leaves possible."""
        return tuple(one for one in self.entry.causes if self.ruled_out.isdisjoint(one.needs))

    @property
    def advice(self) -> tuple[Advice, ...]:
        """The things to do, or to look at, next, as far as the log does not make them pointless."""
        return tuple(one for one in self.entry.advice if self.ruled_out.isdisjoint(one.needs))


class _Draft(msgspec.Struct):
    """A finding that more lines may join."""

    entry: LogEntry
    happened: str
    inferred: tuple[str, ...]
    register: RegisterDifference | None
    meaning: str
    consequence: str
    ruled_out: frozenset[Circumstance]
    cpus: set[int] = msgspec.field(default_factory=set)
    lines: dict[int, NumberedLine] = msgspec.field(default_factory=dict)

    def finding(self) -> LogFinding:
        """Return the finding."""
        lines = tuple(self.lines[place] for place in sorted(self.lines))
        cpus = tuple(sorted(self.cpus))
        return LogFinding(
            self.entry,
            self.happened,
            cpus,
            lines,
            self.inferred,
            self.register,
            self.meaning,
            self.consequence,
            self.ruled_out,
        )


class FindingCollection:
    """Findings as they come; those with the same entry and words become a finding for all their CPUs.

    Args:
        ruled_out: the things that the boot shows not to be there, whichever CPU a finding is about.
    """

    def __init__(self, ruled_out: frozenset[Circumstance]) -> None:
        self._ruled_out = ruled_out
        self._drafts: dict[tuple[object, ...], _Draft] = {}

    def add(
        self,
        entry: LogEntry,
        lines: Iterable[NumberedLine],
        words: Mapping[str, object] | None = None,
        *,
        cpu: int | None = None,
        inferred: tuple[str, ...] = (),
        further: str = "",
        register: RegisterDifference | None = None,
        meaning: str = "",
        consequence: str = "",
        ruled_out: frozenset[Circumstance] = frozenset(),
    ) -> None:
        """Add a finding, or its CPU and lines to a finding like it.

        Args:
            entry: the entry.
            lines: the lines that tell of it.
            words: what the entry's sentence names in braces.
            cpu: the CPU; None: the whole system.
            inferred: sentences on what was concluded.
            further: what happened afterwards, to be put behind the entry's sentence.
            register: the decoded register, of SANITY CHECK lines.
            meaning: what stands for the entry's meaning; empty: the entry's own.
            consequence: what stands for the entry's consequence; empty: the entry's own.
            ruled_out: the things that the log shows not to be there for this CPU.
        """
        happened = entry.happened.format_map(dict(words or {})) + further
        texts = meaning or entry.meaning, consequence or entry.consequence
        key = (entry.title, happened, inferred, register, *texts)
        not_there = self._ruled_out | ruled_out
        draft = self._drafts.setdefault(key, _Draft(entry, happened, inferred, register, *texts, not_there))
        # A cause that is possible for one of several CPUs is a cause of the finding.
        draft.ruled_out &= not_there
        draft.lines.update((line.place, line) for line in lines)
        if cpu is not None:
            draft.cpus.add(cpu)

    def add_to_first_register(self, line: NumberedLine) -> bool:
        """Add a line to the first finding with a decoded register; return False if there is none."""
        for draft in self._drafts.values():
            if draft.register is not None:
                draft.lines[line.place] = line
                return True
        return False

    def findings(self) -> list[LogFinding]:
        """Return the findings, the worst first, and among equals in the order of the log."""
        found = [draft.finding() for draft in self._drafts.values()]
        return sorted(found, key=lambda one: (one.entry.severity.rank, one.lines[0].place if one.lines else 0))
