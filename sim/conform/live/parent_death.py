"""A program that becomes another program, which the kernel kills when the parent process is gone.

    python parent_death.py PARENT PROGRAM [ARGUMENT...]

PARENT is the parent's process id. The signal is asked for in a program of its own, because running Python code between
fork and exec is not safe in a process with threads (subprocess's `preexec_fn`). PR_SET_PDEATHSIG survives execve (see
prctl(2)), so that QEMU cannot outlive the command, even where that is ended by SIGKILL.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for SIGKILL at the parent's death, and execute the program."""
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # A parent that died before the call sends no signal. Its child has another parent by now.
    if os.getppid() != int(parent):
        sys.exit("the parent process is gone")
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.exit(f"{error.strerror}")


if __name__ == "__main__":
    main()
