"""Becomes another program, which is killed when the process that started it is gone.

    python parent_death.py PARENT PROGRAM [ARGUMENT...]

It is a program of its own because nothing of Python's is safe between the fork and the exec of a process with threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for the signal, and become the program."""
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("what started it is gone")
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.exit(f"{error.strerror}")


if __name__ == "__main__":
    main()
