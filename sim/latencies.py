"""Latencies: inputs of a scenario, fixed or drawn from a named distribution.

The kernel's decisions depend only on the order of events, never on speed. So every default below is an assumption,
chosen to look like a boot. The 5 s for which a CPU waits for another CPU to come online (`WAIT_NS`) are a fact of the
kernel, not a latency.

A draw is a function of the scenario's seed, the latency, the CPU, and the number of earlier draws of that latency for
that CPU. It depends neither on the order of other draws nor on the process that makes them.
"""

import math
import random
from dataclasses import dataclass, fields

from sim.arguments import checked, checked_fields
from sim.errors import InputError, did_you_mean
from sim.frames import FieldsShown, as_html
from sim.units import LONGEST_NS, duration, nanoseconds

WAIT_NS = 5_000_000_000
"""The time that a CPU waits for another to come online. Source: arch/arm64/kernel/smp.c (``__cpu_up``)."""
PARAMETERS = {
    "fixed": ("value",),
    "uniform": ("low", "high"),
    "exponential": ("mean",),
    "lognormal": ("median", "sigma"),
}
"""The parameters of each distribution: durations, except sigma of lognormal, which is a plain number."""

LARGEST_SIGMA = 100
_LONGEST_TAIL = 53 * math.log(2)
"""The largest value of -log(1 - u), for a random number u of 53 bits below 1: u is at most 1 - 2^-53."""
_LARGEST_EXPONENT = 300.0
"""The largest exponent of lognormal: exp(300) nanoseconds are far above a year, and exp(710) overflows."""


@dataclass(frozen=True, slots=True, repr=False)
@checked_fields
class Distribution(FieldsShown):
    """A named distribution of durations. Parameters are in nanoseconds; sigma is a plain number.

    Args:
        name: fixed, uniform, exponential or lognormal.
        parameters: its parameters: the value; low and high; the mean; median and sigma. Durations are in
            nanoseconds, sigma is a plain number.

    Raises:
        InputError: the name or the number of parameters is wrong, or a parameter is out of its range.

    >>> Distribution("uniform", (100_000, 200_000))
    <Distribution: uniform with low 100 us and high 200 us>
    """

    name: str
    parameters: tuple[int | float, ...]

    def __post_init__(self) -> None:
        wanted = PARAMETERS.get(self.name)
        if wanted is None:
            there_are = f"there are {', '.join(PARAMETERS)}{did_you_mean(self.name, PARAMETERS)}"
            raise InputError(f"unknown distribution {self.name[:40]!r}: {there_are}")
        if len(self.parameters) != len(wanted):
            raise InputError(f"{self.name} takes {' and '.join(wanted)}")
        for parameter, value in zip(wanted, self.parameters, strict=True):
            largest = LARGEST_SIGMA if parameter == "sigma" else LONGEST_NS
            if not 0 <= value <= largest:
                limit = f"at most {LARGEST_SIGMA}" if parameter == "sigma" else "at most a year"
                raise InputError(f"{self.name}: {parameter} must be finite, {limit} and not negative")
        if self.name == "uniform" and self.parameters[0] > self.parameters[1]:
            raise InputError("uniform: low is above high")

    @classmethod
    @checked
    def from_text(cls, text: str) -> "Distribution":
        """Return a latency that never varies, from a duration with its unit.

        Args:
            text: a number of at least 0 and one of the units ns, us, ms, s and min, as in "200us".

        Raises:
            InputError: the text is not a duration.

        >>> Distribution.from_text("200us")
        <Distribution: 200 us>
        """
        return cls("fixed", (nanoseconds(text),))

    def __str__(self) -> str:
        if self.name == "fixed":
            return duration(round(self.parameters[0]))
        named = zip(PARAMETERS[self.name], self.parameters, strict=True)
        parts = (f"{name} {value if name == 'sigma' else duration(round(value))}" for name, value in named)
        return f"{self.name} with {' and '.join(parts)}"

    def __repr__(self) -> str:
        return f"<Distribution: {self}>"

    @property
    def longest_ns(self) -> int:
        """The longest duration that can be drawn. Random numbers have 53 bits, so that even long tails end."""
        match self.name:
            case "exponential":
                longest = _LONGEST_TAIL * self.parameters[0]
            case "lognormal":
                median, sigma = self.parameters
                # random.gauss returns cos(2πx)·sqrt(-2 log(1 - u)), by Box and Muller's method: the root is the bound.
                longest = median * math.exp(min(math.sqrt(2 * _LONGEST_TAIL) * sigma, _LARGEST_EXPONENT))
            case _:  # the value of a fixed latency, the upper end of a uniform one
                longest = self.parameters[-1]
        return min(math.ceil(longest), LONGEST_NS)

    def draw_ns(self, stream: str) -> int:
        """Return a duration in whole nanoseconds, at most a year: the first draw of the stream of that name.

        Args:
            stream: the name of the stream of random numbers whose first draw it is.
        """
        if self.name == "fixed":
            return int(self.parameters[0])  # an int stays exact, where a float would lose what exceeds 53 bits
        generator = random.Random(stream)  # noqa: S311 (a simulation, not a secret)
        match self.name:
            case "uniform":
                drawn = generator.uniform(*self.parameters)
            case "exponential":
                # random() may be 0 and is never 1, so the logarithm exists.
                drawn = -math.log(1.0 - generator.random()) * self.parameters[0]
            case _:
                median, sigma = self.parameters
                drawn = median * math.exp(min(generator.gauss(0.0, 1.0) * sigma, _LARGEST_EXPONENT))
        return min(round(drawn), LONGEST_NS)


def fixed(text: str) -> Distribution:
    """Return a latency that never varies.

    >>> fixed("200us").draw_ns("any stream")
    200000
    """
    return Distribution.from_text(text)


@dataclass(frozen=True, slots=True, repr=False)
@checked_fields
class Latencies:
    """The duration of each step; every default is an assumption.

    Args:
        cpu_on_call: from the PSCI call CPU_ON to its answer, on the calling CPU.
        cpu_on: from the answer of CPU_ON to the new CPU's first instruction in the kernel.
        probe: the probing of a CPU's vector lengths and features.
        finalise: from the last early CPU to the finalisation of the system's capabilities.
        kvm_init: from the finalisation of capabilities to KVM's initcall.
        pkvm_finalise: from KVM's initcall to the finalisation of pKVM, one initcall stage later.
        user_space: from the last initcall to user space's first action.
        sysfs_write: the pause of user space between two actions.
        cpu_off: from the decision to take a CPU down until it is off.
        sleep: from the call of SYSTEM_SUSPEND, with all other CPUs off, until the system wakes.
        guest_run: the stay of a guest on a CPU between two exits.
        save: a save, or a restore, of the host's SVE registers.

    >>> Latencies(cpu_on=fixed("1ms"), probe=Distribution("exponential", (50_000,)))
    <Latencies: cpu_on 1 ms, probe exponential with mean 50 us; the others as by default>
    """

    cpu_on_call: Distribution = fixed("20us")
    cpu_on: Distribution = fixed("200us")
    probe: Distribution = fixed("100us")
    finalise: Distribution = fixed("300us")
    kvm_init: Distribution = fixed("30ms")
    pkvm_finalise: Distribution = fixed("20ms")
    user_space: Distribution = fixed("400ms")
    sysfs_write: Distribution = fixed("1ms")
    cpu_off: Distribution = fixed("2ms")
    sleep: Distribution = fixed("1s")
    guest_run: Distribution = fixed("500us")
    save: Distribution = fixed("2us")

    def __repr__(self) -> str:
        changed = (field.name for field in fields(self) if getattr(self, field.name) != field.default)
        parts = ", ".join(f"{name} {getattr(self, name)}" for name in changed)
        return f"<Latencies: {f'{parts}; the others' if parts else 'all'} as by default>"

    def _repr_html_(self) -> str:
        rows = [{"step": field.name, "takes": str(getattr(self, field.name))} for field in fields(self)]

        return as_html("Latencies", rows)
