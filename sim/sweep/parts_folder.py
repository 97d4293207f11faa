"""The folder of a sweep of either kind: its files, and how they are written so that none is ever half there.

sweep.json              the plan and the versions that made it
parts/000000.json       the counts of each part, with a checksum
rows/000000.parquet     the rows that each part kept
*.parquet               the summary

A folder may come from a stranger: see `sim.files.guarded_folder`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path
from typing import Generic, Self, TypeVar

import msgspec

from sim.errors import InputError, closest
from sim.extras import needed_by
from sim.files.guarded_folder import GuardedFolder, new_name
from sim.files.json_record import record_from_json
from sim.files.toml_tables import at
from sim.sweep.parted_plan import PartedPlan, PlanRecord, versions
from sim.sweep.sealed_part import Part, R, seal, unseal

SCHEMA_VERSION = 1
"""Version of the folder: its files, and the columns in them."""
_MANIFEST = "sweep.json"
_LOCK = ".lock"
_MOST_JSON_BYTES = 64 << 20
_MOST_ROWS_BYTES = 4 << 30
"""A part's file of rows is read as a stream, but its checksum needs all of it."""


class _Version(msgspec.Struct, frozen=True):
    schema_version: int | None = None


class _Manifest(msgspec.Struct, frozen=True):
    """The content of ``sweep.json``."""

    schema_version: int
    made_with: dict[str, str]
    plan_sha256: str
    plan: PlanRecord


P = TypeVar("P", bound=PartedPlan)


class PartsFolder(ABC, Generic[P, R]):
    """The folder of one sweep; a subclass knows what its plan is, and what its parts count."""

    def __init__(self, path: Path, plan: P, made_with: dict[str, str]) -> None:
        self.path, self.plan, self.made_with = path, plan, made_with
        self._files = GuardedFolder(path)

    @classmethod
    @abstractmethod
    def _plan_of(cls, record: PlanRecord) -> P:
        """Return the plan that a file holds.

        Raises:
            InputError: no plan of this kind is like that.
        """

    @property
    @abstractmethod
    def _record_type(self) -> type[R]:
        """The class of what a part counts."""

    @abstractmethod
    def _fits(self, record: R, number: int) -> bool:
        """Return True if a part of this number of the plan could have this record."""

    @classmethod
    def create(cls, path: Path, plan: P) -> Self:
        """Begin a sweep in a folder that is new, empty, or was left before its plan was written.

        Raises:
            InputError: the folder holds something else, or the plan could not be read back from a file.
            OSError: the folder cannot be made.
        """
        if path.is_dir() and (path / _MANIFEST).exists():
            # The checksum is compared, not the plan, which may be of the other kind.
            if _manifest_in(path).plan_sha256 != plan.sha256:
                raise InputError(f"{path}: holds another sweep: choose another folder, or remove this folder")
            raise InputError(f"{path}: holds this sweep already: asymboot sweep --resume {path} continues it")
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is not a folder")
        own = {_LOCK, new_name(_MANIFEST)}  # left by a sweep that was killed before its plan was written
        if path.is_dir() and (foreign := sorted({one.name for one in path.iterdir()} - own)):
            raise InputError(f"{path}: holds {foreign[0]!r:.60}, which no sweep wrote: choose an empty folder")
        folder = cls(path, plan, versions())
        manifest = _Manifest(SCHEMA_VERSION, folder.made_with, plan.sha256, plan.record())
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
        if len(text) > _MOST_JSON_BYTES:  # it could not be read again
            raise InputError(f"{path}: the plan needs more than {_MOST_JSON_BYTES >> 20} MiB: give groups fewer sets")
        # A space made in Python may have what no file holds, such as a design with a name of 61 characters.
        with at(f"{path}: the file of the sweep's plan cannot hold this space"):
            cls._plan_of(record_from_json(text, _Manifest).plan)
        path.mkdir(parents=True, exist_ok=True)
        folder.write(_MANIFEST, text)
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the folder of a sweep that was begun.

        Raises:
            InputError: the folder holds no sweep, or one of another version.
        """
        manifest = _manifest_in(path)
        with at(f"{path / _MANIFEST}"):
            plan = cls._plan_of(manifest.plan)
            # The parts carry this checksum. With an edited plan they would all look broken, and be computed again.
            if manifest.plan_sha256 != plan.sha256:
                raise InputError("was changed since the sweep began: start a new sweep in another folder")
        return cls(path, plan, manifest.made_with)

    def check_versions(self) -> None:
        """Refuse to continue a sweep with other versions than began it: they might write other bytes.

        Raises:
            InputError: a package that decides the bytes has another version.
        """
        for name, mine in versions().items():
            if self.made_with.get(name) != mine:
                raise InputError(
                    f"{self.path}: was begun with {name} {self.made_with.get(name)}, and this is {mine}: "
                    "continue with the same version, or start a new sweep"
                )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other sweeps out of the folder.

        Raises:
            InputError: another sweep is running in it.
            OSError: the lock's file cannot be opened; a link is not followed.
        """
        with needed_by("sim.run_sweep"):
            from filelock import FileLock, Timeout

        lock = FileLock(self.path / _LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise InputError(f"{self.path}: another sweep is running in this folder") from None
        try:
            yield
        finally:
            # Before it is released: after that the file may be another sweep's.
            (self.path / _LOCK).unlink(missing_ok=True)
            lock.release()

    def part(self, number: int) -> R | None:
        """Return what a part counted; None where it is missing or broken, or its rows are: it is to be computed.

        Raises:
            InputError: a file is a link, or not regular, or cannot be read.
        """
        record = self.counted(number)
        if record is None or record.rows_sha256 is None:
            return record
        try:
            with self._open_rows(number) as rows:
                return record if file_digest(rows, "sha256").hexdigest() == record.rows_sha256 else None
        except FileNotFoundError:
            return None

    def counted(self, number: int) -> R | None:
        """Return what a part counted, without a look at its rows; None where it is missing or broken.

        Raises:
            InputError: the file is a link, or not regular, or cannot be read.
        """
        try:
            sealed = self._files.read(_counts(number), _MOST_JSON_BYTES, "part of a sweep")
        except FileNotFoundError:
            return None
        record = unseal(sealed, self._record_type)
        return record if record is not None and self._fits(record, number) else None

    @contextmanager
    def rows(self, number: int) -> Iterator[tuple[R, BufferedReader] | None]:
        """Open the rows that a part kept, with its record; None where the part is not there yet.

        Raises:
            InputError: the rows are not what the part wrote, or a file is a link, or not regular, or cannot be read.
        """
        record = self.counted(number)
        if record is None:
            yield None
            return
        name = self.rows_path(number)
        try:
            rows = self._open_rows(number)
        except FileNotFoundError:
            raise InputError(f"{name}: is missing: {self._resume} computes it again") from None
        with rows:
            if file_digest(rows, "sha256").hexdigest() != record.rows_sha256:
                raise InputError(f"{name}: is not what the sweep wrote: {self._resume} computes it again")
            rows.seek(0)
            yield record, rows

    def add(self, part: Part) -> R:
        """Write a part: first its rows, then its counts, which say that the part is complete; return the counts.

        Raises:
            InputError: a file or folder is a link, or not regular.
            OSError: a file cannot be written.
        """
        if part.rows is not None:
            self.write(_rows(part.record.part), part.rows)
        self.write(_counts(part.record.part), seal(part.record))
        assert isinstance(part.record, self._record_type)
        return part.record

    def write(self, name: str, content: bytes) -> None:
        """Write a whole file of the folder, or none.

        Raises:
            InputError: the file or its folder is a link, or not regular.
            OSError: the file cannot be written; what was there before still is.
        """
        self._files.replace(name, content)

    def rows_path(self, number: int) -> Path:
        """Return the path of a part's rows."""
        return self.path / _rows(number)

    @property
    def _resume(self) -> str:
        return f"asymboot sweep --resume {self.path}"

    def _open_rows(self, number: int) -> BufferedReader:
        return self._files.open(_rows(number), _MOST_ROWS_BYTES, "part of a sweep")


def _manifest_in(path: Path) -> _Manifest:
    """Return the manifest of the sweep in a folder.

    Raises:
        InputError: the folder holds no sweep, or one of another version.
    """
    try:
        raw = GuardedFolder(path).read(_MANIFEST, _MOST_JSON_BYTES, "plan of a sweep")
    except FileNotFoundError:
        raise InputError(f"{path}: {_no_sweep(path)}") from None
    with at(f"{path / _MANIFEST}"):
        # The version by itself first: another version's manifest may have other fields.
        version = record_from_json(raw, _Version).schema_version
        if version != SCHEMA_VERSION:
            raise InputError(f"is of version {version}, and this program reads {SCHEMA_VERSION}")
        return record_from_json(raw, _Manifest)


def _no_sweep(path: Path) -> str:
    """Return why a path is not the folder of a sweep, with the sweep beside it whose name is most like its own."""
    if path.exists():
        return f"holds no sweep: there is no {_MANIFEST}"
    beside = [one.parent.name for one in path.absolute().parent.glob(f"*/{_MANIFEST}")]
    close = closest(path.name, beside)
    told = f"`asymboot sweep SPACE -o {path}` makes one" if close is None else f"did you mean {close!r}?"
    return f"there is no such folder of a sweep: {told}"


def space_of(path: Path) -> dict[str, object]:
    """Return the space of the sweep in a folder, of either kind, as a space file holds it.

    Raises:
        InputError: the folder holds no sweep, or one of another version.
    """
    return _manifest_in(path).plan.space


def is_sweep(path: Path) -> bool:
    """Return True if a sweep was begun in a folder."""
    return (path / _MANIFEST).is_file()


def _counts(number: int) -> str:
    return f"parts/{number:06}.json"


def _rows(number: int) -> str:
    return f"rows/{number:06}.parquet"
