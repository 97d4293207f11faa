"""Latencies: inputs of a scenario, fixed or drawn from a named distribution.

Nothing that the kernel decides depends on speed, only on order; so every default below is an assumption,
chosen to look like a boot. The 5 s that a CPU waits for another to come online is a fact
(`sim.kernel.smp.WAIT_NS`) and no latency.

A draw is a function of the scenario's seed, what is drawn, for which CPU and for which time: it does not
depend on the order of draws, nor on the process that makes them.
"""

import math
import random
from dataclasses import dataclass, fields

from sim.errors import InputError
from sim.frames import as_html
from sim.units import LONGEST_NS, duration, nanoseconds

PARAMETERS = {
    "fixed": ("value",),
    "uniform": ("low", "high"),
    "exponential": ("mean",),
    "lognormal": ("median", "sigma"),
}
"""Each distribution's parameters: durations, but for lognormal's sigma, which is a number."""

LARGEST_SIGMA = 100
_LONGEST_TAIL = 53 * math.log(2)
"""The largest value of -log(1 - u), for a random number u of 53 bits below 1."""


@dataclass(frozen=True, slots=True, repr=False)
class Distribution:
    """A named distribution of durations, its parameters in nanoseconds (sigma: a plain number)."""

    name: str
    parameters: tuple[int | float, ...]

    def __post_init__(self) -> None:
        wanted = PARAMETERS.get(self.name)
        if wanted is None:
            raise InputError(f"unknown distribution {self.name[:40]!r}: there are {', '.join(PARAMETERS)}")
        if len(self.parameters) != len(wanted):
            raise InputError(f"{self.name} takes {' and '.join(wanted)}")
        for what, value in zip(wanted, self.parameters, strict=True):
            most = LARGEST_SIGMA if what == "sigma" else LONGEST_NS
            if not 0 <= value <= most:
                limit = f"at most {LARGEST_SIGMA}" if what == "sigma" else "at most a year"
                raise InputError(f"{self.name}: {what} must be finite, {limit} and not negative")
        if self.name == "uniform" and self.parameters[0] > self.parameters[1]:
            raise InputError("uniform: low is above high")

    def __str__(self) -> str:
        if self.name == "fixed":
            return duration(round(self.parameters[0]))
        named = zip(PARAMETERS[self.name], self.parameters, strict=True)
        told = (f"{what} {value if what == 'sigma' else duration(round(value))}" for what, value in named)
        return f"{self.name} with {' and '.join(told)}"

    def __repr__(self) -> str:
        return f"<Distribution: {self}>"

    @property
    def longest_ns(self) -> int:
        """The longest duration that can be drawn; random numbers have 53 bits, so even long tails end."""
        match self.name:
            case "exponential":
                longest = _LONGEST_TAIL * self.parameters[0]
            case "lognormal":
                median, sigma = self.parameters
                longest = median * math.exp(min(math.sqrt(2 * _LONGEST_TAIL) * sigma, 300.0))
            case _:
                longest = self.parameters[-1]
        return min(math.ceil(longest), LONGEST_NS)

    def draw_ns(self, stream: str) -> int:
        """Draw a duration in whole nanoseconds, at most a year, from the stream of that name."""
        if self.name == "fixed":
            return int(self.parameters[0])
        generator = random.Random(stream)  # noqa: S311 (a simulation, not a secret)
        match self.name:
            case "uniform":
                drawn = generator.uniform(*self.parameters)
            case "exponential":
                drawn = -math.log(1.0 - generator.random()) * self.parameters[0]
            case _:
                median, sigma = self.parameters
                drawn = median * math.exp(min(generator.gauss(0.0, 1.0) * sigma, 300.0))
        return min(round(drawn), LONGEST_NS)


def fixed(text: str) -> Distribution:
    """A latency that never varies.

    >>> fixed("200us").draw_ns("any stream")
    200000
    """
    return Distribution("fixed", (nanoseconds(text),))


@dataclass(frozen=True, slots=True, repr=False)
class Latencies:
    """How long each step takes; every default is an assumption."""

    cpu_on_call: Distribution = fixed("20us")
    """From the PSCI call CPU_ON to its answer, on the calling CPU."""
    cpu_on: Distribution = fixed("200us")
    """From CPU_ON's answer to the new CPU's first instruction in the kernel."""
    probe: Distribution = fixed("100us")
    """Probing one CPU's vector lengths and features."""
    finalise: Distribution = fixed("300us")
    """From the last early CPU to final capabilities."""
    kvm_init: Distribution = fixed("30ms")
    """From final capabilities to KVM's initcall."""
    pkvm_finalise: Distribution = fixed("20ms")
    """From KVM's initcall to the finalisation of pKVM, one initcall stage later."""
    user_space: Distribution = fixed("400ms")
    """From the last initcall to user space's first action."""
    sysfs_write: Distribution = fixed("1ms")
    """What user space needs between two actions."""
    cpu_off: Distribution = fixed("2ms")
    """From the decision to take a CPU down to its being off."""
    guest_run: Distribution = fixed("500us")
    """A guest's stay on a CPU between two exits."""
    save: Distribution = fixed("2us")
    """Saving, or restoring, the host's SVE registers."""

    def __repr__(self) -> str:
        own = (one.name for one in fields(self) if getattr(self, one.name) != one.default)
        told = ", ".join(f"{name} {getattr(self, name)}" for name in own)
        return f"<Latencies: {f'{told}; the others' if told else 'all'} as by default>"

    def _repr_html_(self) -> str:
        rows = [{"step": one.name, "takes": str(getattr(self, one.name))} for one in fields(self)]
        return as_html("Latencies", rows)
