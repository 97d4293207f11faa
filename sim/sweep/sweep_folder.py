"""A sweep's folder: what is in it, and how it gets there so that nothing is ever half written.

sweep.json              the plan and the versions that made it
parts/000000.json       what each part counted, with a checksum
rows/000000.parquet     the rows that each part kept
hazards.parquet, outcomes.parquet   the summary, once all parts are there
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from sim.errors import InputError
from sim.sweep.sweep_part import Part, PartRecord, unseal
from sim.sweep.sweep_plan import Plan, versions

SCHEMA_VERSION = 1
"""Of the folder: its files, and the columns in them."""
_MANIFEST = "sweep.json"
_LOCK = ".lock"


class Folder:
    """The folder of one sweep."""

    def __init__(self, path: Path, plan: Plan, made_with: dict[str, str]) -> None:
        self.path, self.plan, self.made_with = path, plan, made_with

    @classmethod
    def create(cls, path: Path, plan: Plan) -> "Folder":
        """Begin a sweep in a folder that is new, empty, or holds the beginning of the same sweep.

        Raises:
            InputError: it holds something else.
            OSError: it cannot be made.
        """
        if path.is_dir() and (path / _MANIFEST).exists():
            there = cls.open(path)
            if there.plan.to_data() != plan.to_data():
                raise InputError(f"{path}: holds another sweep: choose another folder, or remove this one")
            raise InputError(f"{path}: holds this sweep already: asymboot sweep --resume {path} goes on with it")
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is not a folder")
        own = {_LOCK, _beside(Path(_MANIFEST)).name}
        if path.is_dir() and (foreign := sorted({one.name for one in path.iterdir()} - own)):
            raise InputError(f"{path}: holds {foreign[0]!r:.60}, which is no sweep's: choose an empty folder")
        path.mkdir(parents=True, exist_ok=True)
        folder = cls(path, plan, versions())
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "made_with": folder.made_with,
            "plan_sha256": plan.sha256,
            "plan": plan.to_data(),
        }
        folder.write(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        return folder

    @classmethod
    def open(cls, path: Path) -> "Folder":
        """The folder of a sweep that was begun.

        Raises:
            InputError: it is none, or of another version.
        """
        manifest = path / _MANIFEST
        try:
            data: dict[str, Any] = msgspec.json.decode(manifest.read_bytes(), type=dict)
        except FileNotFoundError:
            raise InputError(f"{path}: holds no sweep: there is no {_MANIFEST}") from None
        except (OSError, msgspec.DecodeError) as error:
            raise InputError(f"{manifest}: cannot be read: {error}") from None
        if data.get("schema_version") != SCHEMA_VERSION:
            raise InputError(f"{manifest}: is of version {data.get('schema_version')}, and this reads {SCHEMA_VERSION}")
        made_with = data.get("made_with")
        if not isinstance(made_with, dict) or not isinstance(data.get("plan"), dict):
            raise InputError(f"{manifest}: lacks the plan or the versions")
        try:
            plan = Plan.from_data(data["plan"])
        except InputError as error:
            raise InputError(f"{manifest}: {error}") from None
        if data.get("plan_sha256") != plan.sha256:
            raise InputError(f"{manifest}: was changed since the sweep began: sweep anew, into another folder")
        return cls(path, plan, made_with)

    def check_versions(self) -> None:
        """See that what goes on with the sweep is what began it.

        Raises:
            InputError: another version of something that decides the bytes.
        """
        for name, mine in versions().items():
            if self.made_with.get(name) != mine:
                raise InputError(
                    f"{self.path}: was begun with {name} {self.made_with.get(name)}, and this is {mine}: "
                    "go on with the same, or sweep anew"
                )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other sweeps out of the folder.

        Raises:
            InputError: another sweep is at work in it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / _LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise InputError(f"{self.path}: another sweep is at work in this folder") from None
        try:
            yield
        finally:
            lock.release()
            (self.path / _LOCK).unlink(missing_ok=True)

    def part(self, number: int) -> PartRecord | None:
        """What a part counted; None where it is missing or broken, or its rows are."""
        record = self.counted(number)
        if record is None or record.rows_sha256 is None:
            return record
        try:
            rows = self.rows_file(number).read_bytes()
        except FileNotFoundError:
            return None
        return record if sha256(rows).hexdigest() == record.rows_sha256 else None

    def counted(self, number: int) -> PartRecord | None:
        """What a part counted, whatever became of its rows."""
        try:
            record = unseal(self._counts(number).read_bytes())
        except FileNotFoundError:
            return None
        is_own = record is not None and (record.plan_sha256, record.part) == (self.plan.sha256, number)
        return record if is_own else None

    def add(self, part: Part) -> None:
        """Write a part: its rows first, so that its counts say that all of it is there."""
        if part.rows is not None:
            self.write(self.rows_file(part.number).relative_to(self.path), part.rows)
        self.write(self._counts(part.number).relative_to(self.path), part.counts)

    def rows_file(self, number: int) -> Path:
        """Where a part's rows lie."""
        return self.path / "rows" / f"{number:06}.parquet"

    def _counts(self, number: int) -> Path:
        return self.path / "parts" / f"{number:06}.json"

    def write(self, name: Path | str, content: bytes) -> None:
        """Write a whole file or none.

        Raises:
            OSError: it cannot be written; what was there before still is.
        """
        file = self.path / name
        beside = _beside(file)
        try:
            file.parent.mkdir(exist_ok=True)
            with beside.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(file)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(file)) from None


def is_sweep(path: Path) -> bool:
    """Whether a sweep was begun in a folder."""
    return (path / _MANIFEST).is_file()


def _beside(file: Path) -> Path:
    """Where a file is written before it takes its place."""
    return file.with_name(f".{file.name}.new")
