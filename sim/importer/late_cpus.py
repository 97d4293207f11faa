"""The condition under which a CPU is late, by the lines of a log."""

from sim.importer.explained_lines import OldBootedLine, ShutdownLine
from sim.importer.log_lines import BootedLine, KilledLine, LogLine, Phase


class LateCpus:
    """A reader of one boot that tells, line by line, how far the boot is and which CPU would be late.

    A CPU is late if it comes when the early bring-up is over. That is so when an early CPU goes offline, which nothing
    but user space, or a test after the bring-up, makes it do; and when a CPU comes that was online before, even if the
    lines in between are lost.
    """

    def __init__(self) -> None:
        self.phase = Phase.EARLY
        """The phase that the lines so far prove."""
        self._came = {0}

    def read(self, line: LogLine) -> None:
        """Read the next line of the log, of whatever kind."""
        self.phase = max(self.phase, line.phase)
        if isinstance(line, BootedLine | OldBootedLine):
            self._came.add(line.cpu)
        # A refused CPU is killed as well, and did not come.
        elif isinstance(line, KilledLine | ShutdownLine) and line.cpu in self._came:
            self.phase = Phase.FINAL

    def is_late(self, cpu: int) -> bool:
        """Return True if a CPU that comes now is late."""
        return self.phase is not Phase.EARLY or cpu in self._came
