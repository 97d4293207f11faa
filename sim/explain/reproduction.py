"""The scenario that reproduces a log, by way of the importer, and the commands that make and run it."""

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from sim.errors import InputError
from sim.importer.imported import import_machine
from sim.importer.machine_evidence import Sources
from sim.importer.provenance import annotated_text

_PLAIN_NAME = "boot"
"""The name of a log that has no file, for the commands and for the scenario."""


class Reproduction(msgspec.Struct, frozen=True):
    """The scenario of a log, or the reason why there is none."""

    commands: tuple[str, ...]
    """The commands that make the scenario's file and boot it."""
    scenario: str
    """The text of the scenario's file; empty where none can be made."""
    differences: tuple[str, ...]
    """Sentences on what the log says, and the scenario's boot does not, or says otherwise."""
    missing: str = ""
    """The reason why there is no scenario."""


def reproduce(path: Path | None, raw: bytes) -> Reproduction:
    """Make the scenario of a log.

    Args:
        path: the log's file; None where it has none, such as the standard input.
        raw: the log itself.
    """
    try:
        # The importer reads files. A copy is the log that was explained, even if the file has changed since.
        with TemporaryDirectory() as folder:
            copy = Path(folder, f"{_PLAIN_NAME}.log" if path is None else path.name)
            copy.write_bytes(raw)
            imported = import_machine(Sources(copy), {})
    except InputError as error:
        return Reproduction((), "", (), str(error).removeprefix(f"{copy}: "))
    return Reproduction(_commands(path), annotated_text(imported), imported.contradictions)


def _commands(path: Path | None) -> tuple[str, ...]:
    log = shlex.quote(f"{_PLAIN_NAME}.log" if path is None else str(path))
    file = shlex.quote(f"{_PLAIN_NAME if path is None else path.stem or _PLAIN_NAME}.toml")
    saved = (f"# save the log as {_PLAIN_NAME}.log",) if path is None else ()
    return (*saved, f"asymboot import --dmesg {log} -o {file}", f"asymboot run {file}")
