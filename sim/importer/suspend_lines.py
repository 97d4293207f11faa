"""The lines of a kernel log on suspend and resume, as kinds of lines like those of `sim.importer.log_lines`.

Source: kernel/cpu.c (``freeze_secondary_cpus``, ``thaw_secondary_cpus``), kernel/power/suspend.c, hibernate.c.
"""

from sim.importer.log_lines import NUMBER, CpuLine, LogLine, Phase


class SuspendLine(LogLine, frozen=True):
    """All CPUs but one are taken down, or brought up again, around suspend."""

    pattern = r"(?P<action>Disabling|Enabling) non-boot CPUs"
    is_of_any_kernel = True
    phase = Phase.FINAL
    action: str

    @property
    def is_resume(self) -> bool:
        """True if the CPUs are brought up again."""
        return self.action == "Enabling"


class CpuIsUpLine(CpuLine, frozen=True):
    """A CPU came back when the system resumed."""

    pattern = rf"CPU(?P<cpu>{NUMBER}) is up"
    is_of_any_kernel = True
    phase = Phase.FINAL


class ResumeErrorLine(CpuLine, frozen=True):
    """A CPU could not be taken down for suspend, or did not come back at resume."""

    pattern = rf"Error taking CPU(?P<cpu>{NUMBER}) (?P<direction>up|down): (?P<error>-?{NUMBER})"
    is_of_any_kernel = True
    phase = Phase.FINAL
    direction: str
    error: int


class SuspendGivenUpLine(LogLine, frozen=True):
    """A suspend was given up before all CPUs were down: those that were taken down come up again."""

    pattern = r"Non-boot CPUs are not disabled"
    is_of_any_kernel = True
    phase = Phase.FINAL


class SuspendEndLine(LogLine, frozen=True):
    """A suspend, or a hibernation, is over."""

    pattern = r"PM: (?:suspend|hibernation: hibernation) exit"
    is_of_any_kernel = True
    phase = Phase.FINAL


SUSPEND_KINDS: tuple[type[LogLine], ...] = (
    SuspendLine,
    CpuIsUpLine,
    ResumeErrorLine,
    SuspendGivenUpLine,
    SuspendEndLine,
)
"""Every kind of line of this module."""
