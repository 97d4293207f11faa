"""Flattened device trees (DTB), read with libfdt; a blob is checked as a whole before anything in it is believed."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from sim.errors import InputError
from sim.extras import needed_by
from sim.units import counted

if TYPE_CHECKING:
    from libfdt import FdtRo

LARGEST_BLOB_BYTES = 2 << 20
"""arm64 Linux refuses a larger blob (Documentation/arch/arm64/booting.rst)."""
MAGIC = b"\xd0\x0d\xfe\xed"
_HEADER_BYTES = 40
_CELL_BYTES = 4


class Node(msgspec.Struct, frozen=True):
    """A node of a device tree, by its offset in the blob."""

    tree: "FdtRo"
    offset: int

    @property
    def name(self) -> str:
        """The node's name with its unit address, such as ``cpu@100``; empty for the root."""
        return str(self.tree.get_name(self.offset))

    @property
    def phandle(self) -> int:
        """The number by which other nodes refer to this node; 0 where it has none."""
        return int(self.tree.get_phandle(self.offset))

    def children(self) -> "Iterator[Node]":
        """Yield the child nodes in the blob's order."""
        absent = (_libfdt().NOTFOUND,)
        offset = self.tree.first_subnode(self.offset, absent)
        while offset >= 0:
            yield Node(self.tree, offset)
            offset = self.tree.next_subnode(offset, absent)

    def child(self, name: str) -> "Node | None":
        """Find a child node by its name; a name without a unit address also finds a node that has one."""
        offset = self.tree.subnode_offset(self.offset, name, (_libfdt().NOTFOUND,))
        return Node(self.tree, offset) if offset >= 0 else None

    def referred(self, key: str) -> "Node | None":
        """Return the node whose phandle a property of one cell has; None where there is no such property or node."""
        phandle = self.value(key)
        if phandle is None or len(phandle) != _CELL_BYTES:
            return None
        fdt, number = _libfdt(), int.from_bytes(phandle, "big")
        offset = self.tree.node_offset_by_phandle(number, (fdt.NOTFOUND, fdt.BADPHANDLE))
        return Node(self.tree, offset) if offset >= 0 else None

    def value(self, key: str) -> bytes | None:
        """Return a property's bytes; None where the node has no such property."""
        # libfdt raises on an error, but returns the code of an error that the caller lists as expected.
        value = self.tree.getprop(self.offset, key, (_libfdt().NOTFOUND,))
        return None if isinstance(value, int) else bytes(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a property's strings; none where the node has no such property."""
        value = self.value(key) or b""
        return tuple(text.decode("ascii", "backslashreplace") for text in value.split(b"\0") if text)

    def cell(self, key: str) -> int | None:
        """Return the number in a property of one cell, which has 32 bits; None where there is no such property.

        Raises:
            InputError: the property has another size.
        """
        value = self.value(key)
        if value is not None and len(value) != _CELL_BYTES:
            raise InputError(
                f"{self.name or '/'}: {key} has {counted(len(value), 'byte')}, and must have 4, which is one cell"
            )
        return None if value is None else int.from_bytes(value, "big")


def root_of(blob: bytes) -> Node:
    """Return the root of the device tree in a blob.

    Raises:
        InputError: the bytes are not a device tree, or it is too large, cut short or damaged.
        MissingExtra: the package pylibfdt is not installed.
    """
    if not blob.startswith(MAGIC):
        raise InputError("is not a device tree blob: it does not begin with the bytes d00dfeed")
    if len(blob) > LARGEST_BLOB_BYTES:
        raise InputError(f"is larger than {LARGEST_BLOB_BYTES >> 20} MiB, which arm64 Linux refuses")
    if len(blob) < _HEADER_BYTES:
        raise InputError(f"is cut short: it has {len(blob)} bytes, and the header alone has {_HEADER_BYTES}")
    (total_bytes,) = struct.unpack_from(">I", blob, len(MAGIC))
    if total_bytes > len(blob):
        raise InputError(f"is cut short: its header says {total_bytes:,} bytes, and there are {len(blob):,}")
    fdt = _libfdt()
    # A full check walks the whole tree once. A look at the header alone would let a damaged structure be read as nodes.
    checked = bytearray(blob)  # libfdt's own check takes nothing else
    if (error := fdt.fdt_check_full(checked, len(checked))) < 0:
        raise InputError(f"is a damaged device tree: {fdt.strerror(error)}")
    return Node(fdt.FdtRo(checked), 0)


@contextmanager
def damage_reported() -> Iterator[None]:
    """Turn an exception of libfdt inside the block into one line.

    Raises:
        InputError: libfdt finds the tree damaged.
    """
    fdt = _libfdt()
    try:
        yield
    except fdt.FdtException as error:
        raise InputError(f"is a damaged device tree: {fdt.strerror(error.err)}") from None


def _libfdt() -> ModuleType:
    with needed_by("sim.read_device_tree"):
        import libfdt
    found: ModuleType = libfdt
    return found
