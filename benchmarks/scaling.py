"""Growth with the number of CPUs: events per second, the garbage collector's share of the time, memory per CPU."""

import gc
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from statistics import median

from benchmarks.timing import hold, hold_at_least, measured, seconds
from sim import Action, Do, KvmMode, Scenario, Topology, boot, cpu
from sim.cores import known_core

SMALL, LARGE, LARGEST = 64, 16_384, 65_536
MOST_GROWTH = 1.15
LEAST_RATE = 0.8

MORE_WITH_FEATURES = 2048
"""The most bytes that a CPU may take beyond those of lengths alone, where all features are modelled."""


def with_features(cpus: int) -> Scenario:
    """Return the same scenario with cores of two kinds, so that all features are modelled."""
    cores = known_core("arm,cortex-a55"), known_core("arm,cortex-a76")
    topology = Topology(tuple(cpu(f"cpu{number}", core=cores[number % 2]) for number in range(cpus)))
    return Scenario(topology, kvm_mode=KvmMode.PROTECTED)


def scenario(cpus: int, guests: int = 0) -> Scenario:
    """Return a scenario of early CPUs under pKVM, with a guest on some of them."""
    actions = tuple(Action(Do.GUEST, f"cpu{number}") for number in range(guests))
    return Scenario(Topology.of([[128, 256]] * cpus), kvm_mode=KvmMode.PROTECTED, actions=actions)


class Collector:
    """A watcher of the garbage collector: its runs per generation, and its time in seconds."""

    def __init__(self) -> None:
        self.runs = [0, 0, 0]
        self.seconds = 0.0
        self._started = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """Record a call of the garbage collector (`gc.callbacks`)."""
        if phase == "start":
            self._started = time.perf_counter()
        else:
            self.seconds += time.perf_counter() - self._started
            self.runs[info["generation"]] += 1


def watched(call: Callable[[], object]) -> tuple[Collector, float]:
    """Call a function once under watch, and return the watching collector and the time in seconds."""
    collector = Collector()
    gc.callbacks.append(collector)
    taken = seconds(call)
    gc.callbacks.remove(collector)
    return collector, taken


def growth() -> float:
    """Return the time of a boot of the most CPUs over that of small boots of as many CPUs together, in turns."""
    small, large = scenario(SMALL), scenario(LARGEST)
    boot(small)  # imports and caches are not part of what is timed
    return median(own_seconds(large, 1) / own_seconds(small, LARGEST // SMALL) for _ in range(5))


def own_seconds(one: Scenario, boots: int) -> float:
    """Return the time of boots that the process itself takes, which the machine's other work changes least."""
    start = time.process_time()
    for _ in range(boots):
        boot(one)
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    grown = growth()
    print(f"time of a CPU among {LARGEST:,}, over that among {SMALL}: {grown:.2f} (at most {MOST_GROWTH})")
    hold("time of a CPU", grown, MOST_GROWTH)
    rates = {}
    for cpus in (SMALL, LARGE):
        one = scenario(cpus)
        events = len(boot(one).facts.events)
        calls = max(1, 4096 // cpus)  # about as much work at either size
        taken = min(seconds(partial(boot, one), calls) for _ in range(5))
        collector, under_watch = watched(partial(boot, one))
        rates[cpus] = events / taken
        runs = "/".join(map(str, collector.runs))
        print(
            f"{cpus:,} CPUs: {events:,} events, {rates[cpus]:,.0f} a second; the garbage collector ran {runs} times "
            f"(young/middle/old), {collector.seconds / under_watch:.0%} of the time"
        )
    kept = rates[LARGE] / rates[SMALL]
    print(f"events a second at {LARGE:,} CPUs: {kept:.0%} of that at {SMALL} (at least {LEAST_RATE:.0%})")
    hold_at_least("events a second", kept, LEAST_RATE)
    print(f"{LARGEST:,} CPUs boot in {seconds(partial(boot, scenario(LARGEST))):.1f} s")
    print(f"with all features {LARGEST:,} CPUs boot in {seconds(partial(boot, with_features(LARGEST))):.1f} s")
    peaks = {}
    for cpus, guests, limit in ((LARGEST, 0, 2048), (LARGE, 0, 2048), (LARGE, LARGE, 4096)):
        peak = peaks[cpus, guests] = memory_a_cpu(partial(scenario, cpus, guests))
        print(f"peak of traced memory at {cpus:,} CPUs, {guests:,} guests: {peak:,.0f} bytes a CPU (at most {limit:,})")
        hold("bytes a CPU", peak, limit)
    more = memory_a_cpu(partial(with_features, LARGE)) - peaks[LARGE, 0]
    print(f"with all features: {more:,.0f} bytes a CPU more (at most {MORE_WITH_FEATURES:,})")
    hold("bytes a CPU more", more, MORE_WITH_FEATURES)


def memory_a_cpu(make: Callable[[], Scenario]) -> float:
    """Return the peak of traced memory while a scenario is made and booted, in bytes per CPU.

    Traced memory is what Python's objects take. Unlike resident memory it does not depend on the allocator.
    """
    tracemalloc.start()
    outcome = boot(make())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    cpus = len(outcome.scenario.topology.cpus)
    assert len(outcome.facts.online) == cpus
    return peak / cpus


if __name__ == "__main__":
    measured(main)
