"""The memory of EL2 around pKVM's buffers: the owner of each byte, and the bytes that are not mapped.

Every possible CPU's buffer is a run of pages. In `MemoryLayout.ADJACENT` the runs follow one another in ascending CPU
number and nothing else is mapped; in `ISOLATED` each run stands alone; in `MAPPED` it has 128 KiB of foreign memory on
either side.

Each CPU's run lies in a cell of its own, and all cells have one size: address = cell × size + offset. In `ADJACENT` a
cell is the run itself. In the other layouts it is, in ascending order: a hole, foreign memory (none in `ISOLATED`), the
run, foreign memory, a hole.

A save touches at most 34 (256 - 16) = 8160 bytes below and 34.125 · 256 = 8736 bytes above the place where its buffer's
registers start. Both the hole and the foreign memory are larger, so no save reaches the next CPU's run across them.

Bytes are kept only from the first store into a cell until `El2Memory.forget`, so that idle CPUs of large systems need
no memory.
"""

import msgspec

from sim.scenario import MemoryLayout

MAPPED_AROUND_BYTES = 128 * 1024
"""The foreign memory on either side of a run in `MemoryLayout.MAPPED`, in bytes."""
_HOLE_BYTES = 1 << 20
"""The unmapped bytes at either end of a cell where runs do not lie adjacent."""


class UnmappedAccess(Exception):
    """An access reached memory that is not mapped at EL2; a store has written the mapped bytes before it."""

    def __init__(self, address: int) -> None:
        super().__init__(address)
        self.address = address


class Extent(msgspec.Struct, frozen=True, gc=False):
    """Consecutive bytes from `first` to `last`, counted from the start of the page run of logical CPU `cpu`.

    `foreign` is True if they lie beside that run, in memory that belongs to no buffer.
    """

    cpu: int
    first: int
    last: int
    foreign: bool

    @property
    def bytes(self) -> int:
        """The number of bytes."""
        return self.last - self.first + 1


class El2Memory:
    """The page runs of pKVM's buffers and the memory around them.

    Args:
        cpus: the number of possible CPUs; each has a run.
        run_bytes: the size of a run in bytes, a power-of-two number of pages.
        layout: what is around each run.
    """

    def __init__(self, cpus: int, run_bytes: int, layout: MemoryLayout) -> None:
        self.cpus = cpus
        self.run_bytes = run_bytes
        hole = 0 if layout is MemoryLayout.ADJACENT else _HOLE_BYTES
        around = MAPPED_AROUND_BYTES if layout is MemoryLayout.MAPPED else 0
        self._run_offset = hole + around
        self._mapped_from, self._mapped_to = hole, hole + around + run_bytes + around
        self._cell_bytes = self._mapped_to + hole
        self._images: dict[int, bytearray] = {}

    def run_start(self, cpu: int) -> int:
        """Return the address of a CPU's page run."""
        return cpu * self._cell_bytes + self._run_offset

    def _mapped_bytes(self, address: int) -> int:
        """Return the number of mapped bytes from an address on that belong to one owner."""
        # An address below CPU 0's cell has the cell -1, because divmod rounds down: it is not mapped.
        cell, offset = divmod(address, self._cell_bytes)
        if not 0 <= cell < self.cpus or not self._mapped_from <= offset < self._mapped_to:
            return 0
        if offset < self._run_offset:
            return self._run_offset - offset
        run_end = self._run_offset + self.run_bytes
        return (run_end if offset < run_end else self._mapped_to) - offset

    def _extent(self, address: int, count: int) -> Extent:
        """Return the extent of bytes that belong to one owner."""
        cell = address // self._cell_bytes
        first = address - self.run_start(cell)
        return Extent(cell, first, first + count - 1, foreign=not 0 <= first < self.run_bytes)

    def store(self, address: int, data: bytes, touched: list[Extent]) -> None:
        """Write bytes piece by piece, a piece for each owner, and append each piece's extent to `touched`.

        Raises:
            UnmappedAccess: the store reached unmapped memory; the mapped bytes before it are written.
        """
        while data:
            count = min(self._mapped_bytes(address), len(data))
            if not count:
                raise UnmappedAccess(address)
            cell, offset = divmod(address, self._cell_bytes)
            image = self._images.get(cell)
            if image is None:
                image = self._images[cell] = bytearray(self._mapped_to - self._mapped_from)
            start = offset - self._mapped_from
            image[start : start + count] = data[:count]
            touched.append(self._extent(address, count))
            address, data = address + count, data[count:]

    def load(self, address: int, count: int) -> bytes:
        """Read bytes; bytes that were never written read as 0.

        Raises:
            UnmappedAccess: some of them are not mapped.
        """
        read = bytearray()
        while len(read) < count:
            left = min(self._mapped_bytes(address), count - len(read))
            if not left:
                raise UnmappedAccess(address)
            cell, offset = divmod(address, self._cell_bytes)
            image = self._images.get(cell, b"")
            start = offset - self._mapped_from
            read += image[start : start + left].ljust(left, b"\0")
            address += left
        return bytes(read)

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return tuple((cell, bytes(image)) for cell, image in sorted(self._images.items()))

    def forget(self) -> None:
        """Drop every byte: no registers are in memory any more."""
        self._images.clear()


def merged(extents: list[Extent]) -> list[Extent]:
    """Return extents sorted by CPU and offset, with those of the same owner joined where they touch or overlap."""
    joined: list[Extent] = []
    for one in sorted(extents, key=lambda e: (e.cpu, e.first)):
        last = joined[-1] if joined else None
        if last is not None and (last.cpu, last.foreign) == (one.cpu, one.foreign) and one.first <= last.last + 1:
            joined[-1] = Extent(last.cpu, last.first, max(last.last, one.last), last.foreign)
        else:
            joined.append(one)
    return joined
