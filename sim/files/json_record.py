"""JSON records: reading any bytes gives a record, or an error of one line."""

from typing import TypeVar

import msgspec

from sim.errors import InputError

T = TypeVar("T")


def record_from_json(raw: bytes, kind: type[T]) -> T:
    """Return the record that JSON bytes hold.

    Raises:
        InputError: the bytes are not JSON, or hold something else.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except RecursionError:
        raise InputError("is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise InputError(f"byte {error.start:,} of a text is not UTF-8") from None
    except msgspec.DecodeError as error:
        raise InputError(str(error)) from None
