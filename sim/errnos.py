"""The errnos of arm64 Linux that the simulated kernel returns, whatever the machine it is simulated on.

Source: include/uapi/asm-generic/errno-base.h and errno.h.
"""

from enum import IntEnum


class Errno(IntEnum):
    """An errno; 0 is success."""

    OK = 0
    EPERM = 1
    ENOENT = 2
    EIO = 5
    EBUSY = 16
    EINVAL = 22
    EOPNOTSUPP = 95
