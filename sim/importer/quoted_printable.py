"""Mails in their raw form, as archives keep them: text encoded as quoted-printable.

The encoding writes "=" as "=3D", bytes beyond ASCII as "=C3=A4", and a long line in pieces whose ends are "=". It names
itself in a header of the mail, or of a part of it. A log that was copied out of such a mail has no header: it is
recognised by an "=3D", if no "=" stands in it that the encoding would have written otherwise.

Source: RFC 2045, section 6.7.
"""

import re
from collections.abc import Iterator

_HEADER = re.compile(rb"^Content-Transfer-Encoding:[ \t]*([\w-]+)", re.IGNORECASE | re.MULTILINE)
_NAME = b"quoted-printable"
_EQUALS = b"=3D"
_NOT_ENCODED = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*\r?(?:\n|\Z))")
_SOFT_END = re.compile(rb"=[ \t]*\r?\Z")
_BYTE = re.compile(rb"=([0-9A-Fa-f]{2})")


def without_quoted_printable(raw: bytes) -> bytes:
    r"""Return a text with each part that is quoted-printable decoded; every line keeps its number.

    >>> without_quoted_printable(b"console=3Dtty maxcpus=3D=\n1\nnext")
    b'console=tty maxcpus=1\n\nnext'
    """
    return b"".join(_decoded(part) if is_encoded else part for part, is_encoded in _parts(raw))


def _parts(raw: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield the parts of a text, and True if they are quoted-printable; a header tells it of all up to the next."""
    headers = list(_HEADER.finditer(raw))
    ends = [*(header.end() for header in headers), len(raw)]
    before = raw[: ends[0]]
    yield before, not headers and _EQUALS in before and _NOT_ENCODED.search(before) is None
    for header, end in zip(headers, ends[1:], strict=True):
        yield raw[header.end() : end], header[1].lower() == _NAME


def _decoded(part: bytes) -> bytes:
    return b"\n".join(_whole_lines(part))


def _whole_lines(part: bytes) -> Iterator[bytes]:
    """Yield the lines, put together and decoded; an empty line stands for each piece that went to the line before."""
    pieces: list[bytes] = []
    for line in part.split(b"\n"):
        if (soft_end := _SOFT_END.search(line)) is not None:
            pieces.append(line[: soft_end.start()])
            continue
        yield _BYTE.sub(_byte, b"".join((*pieces, line)))
        yield from (b"" for _ in pieces)
        pieces = []
    if pieces:
        yield _BYTE.sub(_byte, b"".join(pieces))


def _byte(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode())
