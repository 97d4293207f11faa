"""The catalogue of the scenarios and spaces that ship: what `asymboot list` says of each.

Reading every file takes far longer than the rest of the command, so the catalogue is a file beside them, which `make
catalogue` writes. `tests/files/test_shipped_catalogue.py` holds it to the files.
"""

import msgspec

from sim.files.shipped_scenarios import folder

FILE_NAME = "catalogue.json"


class ListedScenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scenario that ships."""

    name: str
    """The name that stands for its file."""
    cpus: int
    description: str
    hypothetical: bool
    """True if its topology is hypothetical, as `sim.topology.Topology` has it."""


class ListedSpace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A space that ships."""

    name: str
    """The name that stands for its file."""
    of: str
    """The kind of its systems."""
    systems: int
    settings: int


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All scenarios and spaces that ship, each sorted by name."""

    scenarios: tuple[ListedScenario, ...]
    spaces: tuple[ListedSpace, ...]


def read_catalogue() -> Catalogue:
    """Return the catalogue that ships."""
    return msgspec.json.decode((folder() / FILE_NAME).read_bytes(), type=Catalogue)
