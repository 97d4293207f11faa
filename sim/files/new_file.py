"""New files: a file that exists already stays as it is."""

from pathlib import Path

from sim.errors import InputError


def write_new(path: Path, content: str | bytes) -> None:
    """Write text or bytes to a file that does not exist yet; where that fails, there is no file.

    Raises:
        InputError: the file exists.
        OSError: it cannot be written.
    """
    try:
        file = path.open("xb")
    except FileExistsError:
        raise InputError(f"{path}: exists already") from None
    try:
        with file:
            file.write(content.encode() if isinstance(content, str) else content)
    except BaseException as error:  # Ctrl-C too: no file may be left that is half written
        path.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)  # a failed write does not name its file
        raise
