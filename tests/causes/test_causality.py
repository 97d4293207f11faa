"""Tests of causality and the critical path: the waits on a path sum to the time of its event."""

from dataclasses import replace
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.boot_run import boot
from sim.causes.causality import causality
from sim.causes.critical_path import critical_path
from sim.errors import InputError
from sim.explore.exploration import explore_orders
from sim.explore.schedule_run import follow
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import shipped
from sim.latencies import Distribution, Latencies, fixed
from sim.outcome import Outcome
from sim.scenario import Fault, Scenario
from sim.topology import Topology
from tests.examples import examples
from tests.systems import A64FX, V1, booted, guest, on, small_scenarios, under_pkvm

DRAWN = Latencies(
    cpu_on=Distribution("exponential", (200_000,)),
    probe=Distribution("uniform", (0, 100_000)),
    guest_run=Distribution("exponential", (500_000,)),
)


def assert_waits_sum_to_times(outcome: Outcome) -> None:
    graph = causality(outcome)
    assert nx.is_directed_acyclic_graph(graph)
    assert [graph.nodes[event]["kind"] for event in range(len(graph))] == [one.kind for one in outcome.facts.events]
    for event in graph:
        path = critical_path(outcome, event)
        assert sum(row.waited_ns for row in path.rows()) == path.total_ns == outcome.facts.events[event].time_ns
        assert path.events[-1] == event


@pytest.mark.parametrize("file", [one for one in shipped() if one.stem != "server-1024"], ids=lambda one: one.stem)
def test_the_waits_on_a_path_sum_to_its_length(file: Path) -> None:
    outcome = boot(read_scenario(file))
    path = critical_path(outcome)
    assert sum(row.waited_ns for row in path.rows()) == path.total_ns


@examples(0.5)
@given(
    small_scenarios(),
    st.lists(st.just(Fault("cpu1", arrives_after_ns=6 * 10**9)), max_size=1),
    st.sampled_from([Latencies(), DRAWN]),
    st.integers(0, 5),
)
def test_so_they_do_for_every_event_of_any_boot(
    scenario: Scenario, faults: list[Fault], latencies: Latencies, seed: int
) -> None:
    faults = faults if len(scenario.topology.cpus) > 1 else []
    assert_waits_sum_to_times(boot(scenario.but(faults=tuple(faults), latencies=latencies, seed=seed)))


def test_the_path_is_named() -> None:
    latencies = Latencies(
        user_space=fixed("1ms"), kvm_init=fixed("1ms"), pkvm_finalise=fixed("1ms"), cpu_on=fixed("14ms")
    )
    path = critical_path(under_pkvm(V1, V1, kernel="6.12", latencies=latencies))
    assert path.sentence == "14 ms of 17.52 ms were spent waiting for the CPU_ON of cpu1"
    assert [event for event, node in path.graph.nodes(data=True) if node["critical"]] == list(path.events)
    assert sum(edge["critical"] for _, _, edge in path.graph.edges(data=True)) == len(path.events) - 1
    assert repr(path) == f"<CriticalPath: {path.sentence}>"
    assert path.waits.columns.tolist() == ["waited_for", "waited_ns", "times", "share"]
    assert path.waits["share"].sum() == pytest.approx(1)
    assert "14 ms of 17.52 ms" in path._repr_html_()


def test_many_cpus_are_counted_and_not_listed() -> None:
    few, many = (critical_path(booted(*[V1] * cpus)).waits["waited_for"].tolist() for cpus in (4, 8))
    assert "the CPU_ON of cpu1-3" in few
    assert "the CPU_ON of 7 CPUs" in many


def test_waits_have_the_names_of_cpus_beside_their_numbers() -> None:
    topology = replace(Topology.of([V1, V1]), boot_cpu="cpu1")
    assert "the CPU_ON of cpu1 (cpu0)" in [row.waited_for for row in critical_path(boot(Scenario(topology))).rows()]


def test_what_a_refused_cpu_costs_is_told() -> None:
    refused = booted(A64FX, V1, kernel="6.12", maxcpus=1, actions=(on(1), guest(0)))
    assert critical_path(refused).sentence.endswith("waiting for cpu1, which did not come online")


def test_nothing_has_waited_for_the_first_event() -> None:
    outcome = booted(V1, V1)
    path = critical_path(outcome, 0)
    assert (path.events, path.rows(), path.sentence) == ((0,), [], "nothing took any time")


@pytest.mark.parametrize("event", [-1, 1000])
def test_an_event_that_is_not_there_is_refused(event: int) -> None:
    with pytest.raises(InputError, match=f"event {event}: the boot has"):
        critical_path(booted(V1), event)


def test_a_schedule_has_no_times() -> None:
    scenario = under_pkvm(V1, A64FX, kernel="6.11", actions=(guest(1),)).scenario
    (found, *_) = explore_orders(scenario).found.values()
    with pytest.raises(InputError, match="that of a schedule"):
        causality(follow(scenario, found.schedule)[0])
