"""Orders of steps where CPUs differ in features: hazards are found, and the reduction loses none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.explore.exploration import explore_orders
from sim.files.scenario_file import scenario_from_text
from sim.hazard_kinds import HazardKind
from sim.scenario import Scenario
from tests.examples import examples

PLAIN, FEW_BREAKPOINTS = "{}", "{ BRPs = 1 }"
WITHOUT_CRC32, MORE_RANDOM, SMALL_RANGE = "{ CRC32 = 0 }", "{ RNDR = 1 }", "{ PARange = 2 }"


def scenario(*cpus: tuple[str, str], early: int, actions: list[str], series: str = "6.11") -> Scenario:
    """Return a scenario of Neoverse V1 cores under pKVM, each with its lengths and the features that it has changed."""
    lines = [f'{{ core = "arm,neoverse-v1", sve_bits = {bits}, features = {changes} }}' for bits, changes in cpus]
    acts = [f'[[actions]]\ndo = "{act.split()[0]}"\ncpu = "{act.split()[1]}"\nagent = "{act}"' for act in actions]
    text = (
        f'[kernel]\nseries = "{series}"\nkvm_mode = "protected"\nmaxcpus = {early}\n[pkvm]\nrelay = "relaxed"\n'
        f"[topology]\ncpus = [{', '.join(lines)}]\n"
    )
    return scenario_from_text(text + "\n".join(acts))


def holds(one: Scenario) -> set[object]:
    """Compare exploration with the reduction and without it, and return what is found."""
    few, every = explore_orders(one), explore_orders(one, reduced=False)
    assert (few.found.keys(), few.ends) == (every.found.keys(), every.ends)
    assert few.complete
    assert every.complete
    return set(few.found)


def test_a_cpu_that_panics_by_its_features_hides_no_hazard_of_a_guest() -> None:
    found = holds(
        scenario(
            ("[128]", PLAIN),
            ("[128, 256]", PLAIN),
            ("[128]", FEW_BREAKPOINTS),
            early=2,
            actions=["online cpu2", "guest cpu1"],
        )
    )
    assert {HazardKind.KERNEL_PANIC, HazardKind.OUT_OF_BOUNDS_WRITE} <= found


def test_hazards_of_features_are_found_in_the_order_that_causes_them() -> None:
    # cpu1 comes back only before cpu2 lowers the system's range of physical addresses.
    cpus = ("[128]", PLAIN), ("[128]", PLAIN), ("[128]", SMALL_RANGE)
    found = holds(scenario(*cpus, early=2, actions=["online cpu2", "offline cpu1", "online cpu1"], series="6.12"))
    assert {HazardKind.IPA_RANGE_LOWERED, HazardKind.CPU_REFUSED} <= found


@pytest.mark.slow
@examples(0.3)
@given(st.data())
def test_the_reduction_loses_nothing_where_features_differ(data: st.DataObject) -> None:
    changes = st.sampled_from([PLAIN, PLAIN, FEW_BREAKPOINTS, WITHOUT_CRC32, MORE_RANDOM, SMALL_RANGE])
    cpus = data.draw(st.lists(st.tuples(st.sampled_from(["[128]", "[128, 256]"]), changes), min_size=2, max_size=3))
    verbs = st.tuples(st.sampled_from(["online", "offline", "guest"]), st.integers(0, len(cpus) - 1))
    actions = [f"{do} cpu{number}" for do, number in data.draw(st.lists(verbs, min_size=1, max_size=3, unique=True))]
    early = data.draw(st.integers(1, len(cpus)))
    holds(scenario(*cpus, early=early, actions=actions, series=data.draw(st.sampled_from(["6.1", "6.11", "7.3"]))))
