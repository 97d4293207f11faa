"""Device trees as blobs (DTB), read with libfdt: checked as a whole before anything in them is believed."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.errors import InputError
from sim.extras import needed_by

if TYPE_CHECKING:
    from libfdt import FdtRo

LARGEST_BLOB_BYTES = 2 << 20
"""arm64 Linux takes no larger one (Documentation/arch/arm64/booting.rst)."""
MAGIC = b"\xd0\x0d\xfe\xed"
_HEADER_BYTES = 40
_CELL_BYTES = 4


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a tree, by its place in the blob."""

    tree: "FdtRo"
    offset: int

    @property
    def name(self) -> str:
        """Its name, with the address behind @."""
        return str(self.tree.get_name(self.offset))

    @property
    def phandle(self) -> int:
        """The number by which others refer to it; 0 where it has none."""
        return int(self.tree.get_phandle(self.offset))

    def children(self) -> "Iterator[Node]":
        """The nodes right below it, in the blob's order."""
        absent = (_libfdt().NOTFOUND,)
        offset = self.tree.first_subnode(self.offset, absent)
        while offset >= 0:
            yield Node(self.tree, offset)
            offset = self.tree.next_subnode(offset, absent)

    def child(self, name: str) -> "Node | None":
        """The node of that name right below it."""
        offset = self.tree.subnode_offset(self.offset, name, (_libfdt().NOTFOUND,))
        return Node(self.tree, offset) if offset >= 0 else None

    def value(self, key: str) -> bytes | None:
        """A property's bytes; None where it has no such property."""
        value = self.tree.getprop(self.offset, key, (_libfdt().NOTFOUND,))
        return None if isinstance(value, int) else bytes(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A property's strings; none where it has no such property."""
        value = self.value(key) or b""
        return tuple(one.decode("ascii", "backslashreplace") for one in value.split(b"\0") if one)

    def cell(self, key: str) -> int | None:
        """A property of one cell, which is 32 bits; None where it has no such property.

        Raises:
            InputError: it is of another size.
        """
        value = self.value(key)
        if value is not None and len(value) != _CELL_BYTES:
            raise InputError(f"{self.name or '/'}: {key} has {len(value)} bytes, and must be one cell, which is 4")
        return None if value is None else int.from_bytes(value, "big")


def root_of(blob: bytes) -> Node:
    """The root of a device tree, given as the bytes of its blob.

    Raises:
        InputError: it is none, too large, cut short or damaged; or the package pylibfdt is missing.
    """
    if not blob.startswith(MAGIC):
        raise InputError("is no device tree blob: it does not begin with the bytes d00dfeed")
    if len(blob) > LARGEST_BLOB_BYTES:
        raise InputError(f"is larger than {LARGEST_BLOB_BYTES >> 20} MiB, and arm64 Linux takes no such device tree")
    if len(blob) < _HEADER_BYTES:
        raise InputError(f"is cut short: {len(blob)} bytes, and the header alone has {_HEADER_BYTES}")
    (said,) = struct.unpack_from(">I", blob, len(MAGIC))
    if said > len(blob):
        raise InputError(f"is cut short: its header says {said:,} bytes, and there are {len(blob):,}")
    fdt = _libfdt()
    checked = bytearray(blob)
    if (error := fdt.fdt_check_full(checked, len(checked))) < 0:
        raise InputError(f"is a damaged device tree: {fdt.strerror(error)}")
    return Node(fdt.FdtRo(checked), 0)


@contextmanager
def sound() -> Iterator[None]:
    """Say that a tree is damaged, where libfdt finds it so.

    Raises:
        InputError: it does.
    """
    fdt = _libfdt()
    try:
        yield
    except fdt.FdtException as error:
        raise InputError(f"is a damaged device tree: {fdt.strerror(error.err)}") from None


def _libfdt() -> Any:
    with needed_by("sim.read_device_tree"):
        import libfdt
    return libfdt
