"""A folder that a stranger may have filled: no link below it is followed, nothing is awaited or read without bound.

A sweep's folder is handed on, unpacked from an archive, and then written to. A symbolic link in it would make this
program replace a file elsewhere, with the user's rights; a pipe would make it wait for ever. Files are therefore opened
relative to descriptors of their folders, never by a path that could lead out of them, and a new file's content goes to
a name that did not exist before. tests/sweep/test_strangers_folder.py fills a folder in these ways.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from sim.errors import InputError
from sim.files.bounded_read import open_regular_file
from sim.files.toml_tables import at

_FOLDER = os.O_RDONLY | os.O_DIRECTORY


class GuardedFolder:
    """A folder with files, and folders of files, that are named by relative paths such as ``parts/000000.json``.

    A path has at most one folder: the folder of a file is opened in a single step, which O_NOFOLLOW guards.

    The folder's own path comes from the user, and is followed wherever it leads.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, name: str, most_bytes: int, what: str) -> BufferedReader:
        """Open a file for reading.

        Args:
            name: the file's path in the folder.
            most_bytes: the size above which the file is refused.
            what: what the file should hold, for the message.

        Raises:
            FileNotFoundError: there is no such file.
            InputError: the file or its folder is a link, or is not regular, or is larger, or cannot be read.
        """
        with self._parent(name) as (descriptor, base), at(f"{self.path / name}"):
            return open_regular_file(base, descriptor, most_bytes, what)

    def read(self, name: str, most_bytes: int, what: str) -> bytes:
        """Read a whole file; see `open`."""
        with self.open(name, most_bytes, what) as stream:
            try:
                # `open` has refused a larger file; of a file that grows meanwhile the bound is read.
                return stream.read(most_bytes)
            except OSError as error:
                raise InputError(f"{self.path / name}: {error.strerror or error}") from None

    def replace(self, name: str, content: bytes) -> None:
        """Write a whole file, or none; its folder is made where it is missing.

        The content is written to a new file beside it, which then takes its name.

        Raises:
            InputError: the file, or its folder, is a link or not regular.
            OSError: the file cannot be written; what was there before still is.
        """
        with self._parent(name, make=True) as (descriptor, base):
            beside = new_name(base)
            for existing in (base, beside):
                self._check_regular(descriptor, existing, name)
            try:
                # A process that was killed may have left a file of this name. If another file takes its place after the
                # removal, O_EXCL refuses to open it.
                _remove(beside, descriptor)
                created = os.open(
                    beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666, dir_fd=descriptor
                )
                with os.fdopen(created, "wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                os.replace(beside, base, src_dir_fd=descriptor, dst_dir_fd=descriptor)
            except BaseException as error:  # Ctrl-C too: nothing may be left that is half written
                with suppress(OSError):
                    _remove(beside, descriptor)
                if isinstance(error, OSError):
                    raise self._with_path(error, name) from None
                raise

    @contextmanager
    def _parent(self, name: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Open the folder that holds a file, and yield its descriptor and the file's own name."""
        folder, _, base = name.rpartition("/")
        try:
            descriptor = os.open(self.path, _FOLDER)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error}") from None
        try:
            if folder:
                above, descriptor = descriptor, -1  # -1: there is nothing to close if the folder cannot be opened
                try:
                    descriptor = self._inside(above, folder, make=make)
                finally:
                    os.close(above)
            yield descriptor, base
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _inside(self, above: int, name: str, *, make: bool) -> int:
        """Open a folder in an open folder, and make it first where it is missing and `make` is set."""
        if make:
            try:
                os.mkdir(name, dir_fd=above)
            except FileExistsError:
                pass  # whatever exists is checked when it is opened
            except OSError as error:
                raise self._with_path(error, name) from None
        try:
            return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=above)
        except FileNotFoundError:
            raise
        except OSError as error:
            reason = "is not a folder" if error.errno == errno.ENOTDIR else error.strerror
            # The error for a link may be ENOTDIR as well, which would not say that it is a link.
            if _is_link(above, name):
                reason = "is a symbolic link"
            raise InputError(f"{self.path / name}: {reason}") from None

    def _with_path(self, error: OSError, name: str) -> OSError:
        """Return the error with the file's path; the operating system was given only a name in an open folder."""
        return OSError(error.errno or errno.EIO, error.strerror or str(error), str(self.path / name))

    def _check_regular(self, descriptor: int, base: str, name: str) -> None:
        """Refuse to replace a link, a pipe, a device or a folder."""
        try:
            mode = os.stat(base, dir_fd=descriptor, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISREG(mode):
            reason = "is a symbolic link" if stat.S_ISLNK(mode) else "is not a regular file"
            raise InputError(f"{(self.path / name).with_name(base)}: {reason}")


def new_name(base: str) -> str:
    """Return the name under which a file is written before it takes its own."""
    return f".{base}.new"


def _remove(base: str, descriptor: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(base, dir_fd=descriptor)


def _is_link(descriptor: int, name: str) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)
