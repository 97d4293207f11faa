"""The logical number that belongs to each CPU of a log, where late arrivals run under the numbers of other CPUs.

A CPU that arrives after the kernel has given it up takes the idle task, and so the number, of another CPU's bring-up.
The line "Booted secondary processor" then names the number of that task and the MPIDR of the CPU that runs. A log does
not tell whose an MPIDR is. It shows that something is wrong: two MPIDRs under one number, or one under two.

An MPIDR belongs to the number of its first line, unless a CPU that was given up before fits better: the MPIDRs of a
cluster ascend with the numbers, as in every device tree and MADT that we know of.

Source: arch/arm64/kernel/smp.c (``__cpu_up``, ``secondary_start_kernel``).
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, permutations

from sim.importer.log_lines import BootedLine, LogLine, NotOnlineLine

_MOST_AFFECTED = 16
"""The largest number of CPUs among which exchanges are tried."""
_AFFINITY_BITS = 8


class OwnNumbers:
    """The own number of each CPU that came, by its MPIDR.

    Args:
        lines: all lines of a boot.
    """

    def __init__(self, lines: Iterable[LogLine]) -> None:
        self._booted: list[tuple[int, int, int]] = []
        """The place, the number and the MPIDR of each line of a CPU that came."""
        self._tried: dict[int, int] = {}
        """The place of the first line that shows that a CPU was started, by its own number."""
        self._affected: set[int] = set()
        """The CPUs that were given up, and those that came after one was."""
        self._in_turn: dict[int, int] = {}
        """The MPIDRs by number, if CPUs come in the order in which they were started."""
        self._read(lines)
        self._own = self._by_number()

    def of_mpidr(self) -> Mapping[int, int]:
        """Return the own numbers of CPUs by their MPIDRs; none where no CPU was given up, so that none is late."""
        return {mpidr: number for number, mpidr in self._own.items()} if self._affected else {}

    def _read(self, lines: Iterable[LogLine]) -> None:
        awaited: list[int] = []
        for place, line in enumerate(lines):
            if isinstance(line, NotOnlineLine):
                self._affected.add(line.cpu)
                awaited.append(line.cpu)
            elif isinstance(line, BootedLine):
                self._booted.append((place, line.cpu, int(line.mpidr)))
                if self._affected:
                    self._affected.add(line.cpu)
                awaited.append(line.cpu)
                self._in_turn.setdefault(awaited.pop(0), int(line.mpidr))
            else:
                continue
            self._tried.setdefault(line.cpu, place)
        self._affected.discard(0)  # the boot CPU may have any MPIDR

    def _by_number(self) -> dict[int, int]:
        own: dict[int, int] = {}
        spare: list[int] = []
        for _, number, mpidr in self._booted:
            if mpidr in own.values() or mpidr in spare:
                continue
            if number in own:
                spare.append(mpidr)
            else:
                own[number] = mpidr
        own.update(zip(sorted(self._affected - set(own)), spare, strict=False))
        if not self._affected:
            return own
        # Where each number has an MPIDR of its own, no more than the order of a cluster tells that this is another's.
        counted = slice(None) if spare else slice(1)
        candidates = [own]
        if sorted(self._in_turn.values()) == sorted(own.values()) and self._is_possible(self._in_turn):
            candidates.append(self._in_turn)
        return min((self._sorted(one, counted) for one in candidates), key=lambda one: self._disorder(one)[counted])

    def _sorted(self, own: dict[int, int], counted: slice) -> dict[int, int]:
        """Exchange the MPIDRs of CPUs that may have taken each other's numbers, until no exchange brings more order."""
        is_better = len(self._affected) <= _MOST_AFFECTED
        while is_better:
            is_better = False
            for numbers in _exchanges(self._affected):
                changed = _moved(own, numbers)
                if self._disorder(changed)[counted] < self._disorder(own)[counted] and self._is_possible(changed):
                    own, is_better = changed, True
        return own

    def _is_possible(self, own: Mapping[int, int]) -> bool:
        """Return True if each CPU was started before it came."""
        number_of = {mpidr: number for number, mpidr in own.items()}
        return all(
            number_of.get(mpidr) in {None, number} or self._tried.get(number_of[mpidr], place) < place
            for place, number, mpidr in self._booted
        )

    def _disorder(self, own: Mapping[int, int]) -> tuple[int, int, int, int]:
        """Return how unlikely it is that each number has this MPIDR, the most telling first.

        That is the number of pairs in a cluster that descend, of those that do not ascend by 1, of lines in which a CPU
        has another's number, and of pairs in any clusters that descend.
        """
        shift = _cluster_shift(own.values())
        descents = uneven = total = 0
        affected = sorted((number, own[number]) for number in self._affected if number in own)
        for (one, lower), (other, higher) in combinations(affected, 2):
            total += lower > higher
            if lower >> shift == higher >> shift:
                descents += lower > higher
                uneven += higher - lower != (other - one) << (shift - _AFFINITY_BITS)
        taken = sum(own.get(number) != mpidr for _, number, mpidr in self._booted)
        return descents, uneven, taken, total


def _exchanges(numbers: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """Yield the ways in which two or three CPUs can exchange their MPIDRs in a circle."""
    for size in (2, 3):
        for first, *others in combinations(sorted(numbers), size):
            yield from ((first, *rest) for rest in permutations(others))


def _moved(own: Mapping[int, int], numbers: tuple[int, ...]) -> dict[int, int]:
    """Return the same MPIDRs, but that each of some numbers has that of the next; some may have none."""
    changed = {number: mpidr for number, mpidr in own.items() if number not in numbers}
    for number, source in zip(numbers, (*numbers[1:], numbers[0]), strict=True):
        if source in own:
            changed[number] = own[source]
    return changed


def _cluster_shift(mpidrs: Iterable[int]) -> int:
    """Return the number of the lowest bit that tells clusters apart, as `clusters_by_mpidr` takes it."""
    return 2 * _AFFINITY_BITS if all(mpidr & 0xFF == 0 for mpidr in mpidrs) else _AFFINITY_BITS
