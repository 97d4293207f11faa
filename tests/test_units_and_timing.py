"""Tests of durations, of latencies drawn from distributions, and of the order of events."""

import random
from collections.abc import Generator
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from statistics import mean, median
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simpy.events import Event, EventPriority

from sim.boot_run import boot
from sim.environment import Completion, SeededEnvironment, StepKind, Until
from sim.errors import InputError
from sim.files.scenario_file import scenario_from_text
from sim.latencies import Distribution, fixed
from sim.units import LONGEST_NS, NANOSECONDS, duration, nanoseconds, timestamp

SECOND = 1_000_000_000
YEAR_NS = 365 * 24 * 3600 * SECOND

# Durations


@settings(deadline=None)
@given(st.integers(0, LONGEST_NS))
def test_a_written_duration_reads_back(ns: int) -> None:
    assert nanoseconds(duration(ns)) == ns


@settings(deadline=None)
@given(st.integers(1, LONGEST_NS))
def test_a_duration_is_written_in_the_largest_unit_in_which_it_is_at_least_1(ns: int) -> None:
    number, unit = duration(ns).split()
    assert Decimal(number) >= 1
    assert unit == "s" or Decimal(number) < 1000


@settings(deadline=None)
@given(
    st.integers(0, 10**11),
    st.text("0123456789", max_size=9),
    st.sampled_from(sorted(NANOSECONDS)),
    st.sampled_from(["", " ", "\t"]),
)
def test_a_duration_is_exact_or_refused(whole: int, decimals: str, unit: str, space: str) -> None:
    number = f"{whole}.{decimals}" if decimals else str(whole)
    exact = Fraction(number) * {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": SECOND, "min": 60 * SECOND}[unit]
    if exact.denominator == 1 and exact <= YEAR_NS:
        assert nanoseconds(f"{number}{space}{unit}") == exact
    else:
        with pytest.raises(InputError, match=r"whole number of nanoseconds|longer than a year"):
            nanoseconds(f"{number}{space}{unit}")


def read_or_refused(text: str) -> int | str:
    try:
        return nanoseconds(text)
    except InputError as error:
        return str(error)


@settings(deadline=None)
@given(st.text() | st.text("0123456789. eE+-_nuµmsin"))
def test_any_text_is_a_duration_of_at_most_a_year_or_bad_input(text: str) -> None:
    read = read_or_refused(text)
    assert len(read.splitlines()) == 1 if isinstance(read, str) else 0 <= read <= LONGEST_NS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "'5' is not a duration: .* a unit"),
        ("", "is not a duration"),
        ("s", "is not a duration"),
        ("-1s", "is not a duration: write a number of at least 0"),
        ("+1s", "is not a duration"),
        ("1e3s", "is not a duration"),
        (".5s", "is not a duration"),
        ("1.s", "is not a duration"),
        ("1,5s", "is not a duration"),
        ("1_000s", "is not a duration"),
        ("infs", "is not a duration"),
        ("nan s", "is not a duration"),
        ("1 h", "is not a duration: .*ns, us, µs, ms, s, min"),
        ("1 S", "is not a duration"),
        ("1 s s", "is not a duration"),
        ("٣s", "is not a duration"),
        ("9" * 19 + "ns", "is not a duration"),
        ("0.5ns", "'0.5ns' is not a whole number of nanoseconds"),
        ("0.0000000001 s", "not a whole number"),
        ("31536001s", "'31536001s' is longer than a year"),
        ("999999999999999999min", "longer than a year"),
    ],
)
def test_text_that_is_not_a_duration_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        nanoseconds(text)
    assert len(str(caught.value).splitlines()) == 1


def test_a_year_is_still_a_duration() -> None:
    assert nanoseconds("31536000s") == nanoseconds("525600 min") == LONGEST_NS


@pytest.mark.parametrize("text", ["10000000000000000.000000000000000001ns", "31536000000000.000000000000000001us"])
def test_the_smallest_fraction_of_a_nanosecond_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        nanoseconds(text)


@settings(deadline=None)
@given(st.integers(0, LONGEST_NS))
def test_a_timestamp_is_seconds_and_whole_microseconds(ns: int) -> None:
    seconds, micros = timestamp(ns).strip("[] ").split(".")
    assert len(micros) == 6
    assert (int(seconds) * 10**6 + int(micros)) == ns // 1000


# Distributions

UNIFORM = Distribution("uniform", (1_000.0, 2_000.0))
EXPONENTIAL = Distribution("exponential", (50_000.0,))
LOGNORMAL = Distribution("lognormal", (50_000.0, 0.5))
DRAWN = [UNIFORM, EXPONENTIAL, LOGNORMAL]


def sample(distribution: Distribution) -> list[int]:
    return [distribution.draw_ns(f"7/probe/{n}") for n in range(2_000)]


@pytest.mark.parametrize("distribution", DRAWN, ids=lambda drawn: drawn.name)
def test_a_draw_depends_on_nothing_but_its_stream(distribution: Distribution) -> None:
    names = [f"7/probe/{n}" for n in range(50)]
    first = {name: distribution.draw_ns(name) for name in names}
    again = Distribution(distribution.name, distribution.parameters)
    assert {name: again.draw_ns(name) for name in reversed(names)} == first
    assert len(set(first.values())) > 40


@pytest.mark.parametrize("distribution", DRAWN, ids=lambda drawn: drawn.name)
def test_a_draw_leaves_the_programs_own_random_numbers_alone(distribution: Distribution) -> None:
    before = random.getstate()
    distribution.draw_ns("7/probe")
    assert random.getstate() == before


def test_a_fixed_latency_is_the_same_in_every_stream() -> None:
    assert {fixed("1.5ms").draw_ns(str(n)) for n in range(20)} == {1_500_000}


def test_a_fixed_latency_is_exact_to_the_nanosecond() -> None:
    assert fixed("9007199254740993ns").draw_ns("any") == 9_007_199_254_740_993


def test_distributions_have_the_shape_their_parameters_say() -> None:
    assert mean(sample(UNIFORM)) == pytest.approx(1_500, rel=0.05)
    assert mean(sample(EXPONENTIAL)) == pytest.approx(50_000, rel=0.1)
    assert median(sample(LOGNORMAL)) == pytest.approx(50_000, rel=0.1)


def test_uniform_stays_between_its_bounds_and_comes_near_both() -> None:
    drawn = sample(UNIFORM)
    assert 1_000 <= min(drawn) < 1_010
    assert 1_990 < max(drawn) <= 2_000


@settings(deadline=None)
@given(st.floats(0, LONGEST_NS), st.floats(0, 100), st.text())
def test_a_draw_is_a_whole_number_from_0_to_a_year(duration_ns: float, sigma: float, stream: str) -> None:
    for distribution in (
        Distribution("uniform", (0.0, duration_ns)),
        Distribution("exponential", (duration_ns,)),
        Distribution("lognormal", (duration_ns, sigma)),
        Distribution("fixed", (duration_ns,)),
    ):
        drawn = distribution.draw_ns(stream)
        assert isinstance(drawn, int)
        assert 0 <= drawn <= LONGEST_NS


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("fixed", (1e300,)), ("exponential", (1.7e308,)), ("lognormal", (1e300, 1e10)), ("fixed", (10**400,))],
)
def test_absurd_parameters_are_refused(name: str, parameters: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"must be finite, at most a year"):
        Distribution(name, parameters)


def test_sigma_0_draws_the_median_and_mean_0_draws_0() -> None:
    assert Distribution("lognormal", (1_234.0, 0.0)).draw_ns("any") == 1_234
    assert Distribution("exponential", (0.0,)).draw_ns("any") == 0


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("normal", (1.0,), "unknown distribution 'normal': there are fixed, uniform, exponential, lognormal"),
        ("fixed", (), "fixed takes value"),
        ("fixed", (-1.0,), "fixed: value must be .* not negative"),
        ("uniform", (1.0,), "uniform takes low and high"),
        ("uniform", (2.0, 1.0), "uniform: low is above high"),
        ("exponential", (float("inf"),), "exponential: mean must be finite, at most a year"),
        ("lognormal", (1.0, float("nan")), "lognormal: sigma must be finite"),
        ("fixed", (LONGEST_NS + 1,), "fixed: value must be .*at most a year"),
        ("lognormal", (1.0, 101.0), "lognormal: sigma must be .*at most 100"),
        ("lognormal", (1.0, -0.5), "lognormal: sigma must be .* not negative"),
    ],
)
def test_bad_parameters_are_refused(name: str, parameters: tuple[float, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Distribution(name, parameters)


# The order of events

Steps = Generator[Event, Any, None]


def order_of(seed: int, actors: str) -> str:
    """Return the order in which actors act that were created in the order of their names, all at the same time."""
    env = SeededEnvironment(seed)
    log: list[str] = []

    def actor(name: str) -> Steps:
        yield env.timeout(5)
        log.append(name)

    for name in actors:
        env.process(actor(name))
    env.run()
    return "".join(log)


def test_the_same_seed_gives_the_same_order() -> None:
    assert [order_of(seed, "abcdef") for seed in range(20)] == [order_of(seed, "abcdef") for seed in range(20)]


def test_seeds_reach_each_order_of_simultaneous_events() -> None:
    assert {order_of(seed, "abc") for seed in range(100)} == {"".join(order) for order in permutations("abc")}


def fired(seed: int, events: list[tuple[int, int]], followers: list[int]) -> list[tuple[int, int]]:
    """Return the times and priorities of events as they fire; each event queues a follower while there are any."""
    env = SeededEnvironment(seed)
    taken: list[tuple[int, int]] = []
    delays = iter(followers)

    def take(due: int, priority: int) -> None:
        assert env.now_ns == due
        taken.append((due, priority))
        delay = next(delays, None)
        if delay is not None:
            queue(delay, priority)

    def queue(delay: int, priority: int) -> None:
        event = env.event()
        event._ok, event._value = True, None
        assert event.callbacks is not None
        due = env.now_ns + delay
        event.callbacks.append(lambda _: take(due, priority))
        env.schedule(event, EventPriority(priority), delay)

    for delay, priority in events:
        queue(delay, priority)
    env.run()
    return taken


timed = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0, 1, 2])), max_size=30)


@settings(deadline=None)
@given(st.integers(0, 2**62), timed)
def test_time_and_priority_come_before_the_drawn_order(seed: int, events: list[tuple[int, int]]) -> None:
    assert fired(seed, events, []) == sorted(events)


@settings(deadline=None)
@given(st.integers(0, 2**62), timed, st.lists(st.integers(0, 3), max_size=30))
def test_time_never_runs_backwards(seed: int, events: list[tuple[int, int]], followers: list[int]) -> None:
    times = [time for time, _ in fired(seed, events, followers)]
    assert times == sorted(times)
    assert len(times) == len(events) + (len(followers) if events else 0)


def test_the_clock_counts_whole_nanoseconds_from_0() -> None:
    env = SeededEnvironment(1)
    assert env.now_ns == 0
    env.run(until=LONGEST_NS)
    assert env.now_ns == LONGEST_NS
    assert isinstance(env.now_ns, int)


# Waits that are cut short


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9) | st.none()), max_size=12))
def test_a_wait_ends_when_its_step_happens_or_when_it_is_cut_short_if_that_is_before(
    waits: list[tuple[int, int | None]],
) -> None:
    env = SeededEnvironment(0)
    ended: dict[int, int] = {}

    def process(number: int, wait: Until) -> Steps:
        yield wait
        ended[number] = env.now_ns

    def cut(wait: Until, after_ns: int) -> Steps:
        yield env.timeout(after_ns)
        wait.cut_short()

    for number, (step_ns, cut_ns) in enumerate(waits):
        wait = Until(env, env.after(step_ns, StepKind.GIVE_UP, number))
        env.process(process(number, wait))
        if cut_ns is not None:
            env.process(cut(wait, cut_ns))
    env.run()
    assert ended == {number: step if cut is None else min(step, cut) for number, (step, cut) in enumerate(waits)}


def test_waits_that_were_cut_short_leave_the_queue() -> None:
    env = SeededEnvironment(0)
    for number in range(1000):
        Until(env, env.after(5 * SECOND, StepKind.GIVE_UP, number)).cut_short()
        env.run(until=env.now_ns + 1)
    assert len(env._queue) < 3


def test_a_step_that_two_wait_for_stays_for_the_other_when_one_wait_is_cut_short() -> None:
    env = SeededEnvironment(0)
    step = env.after(10, StepKind.PROBE, 0)
    first, second = Until(env, step), Until(env, step)
    first.cut_short()
    env.run(second)
    assert env.now_ns == 10


# Completion


def waits(completes_at: list[int], timeouts: list[int], seed: int = 0) -> list[int]:
    """Return the times at which consecutive waits ended."""
    env = SeededEnvironment(seed)
    completion = Completion(env)
    log: list[int] = []

    def completer(at: int) -> Steps:
        yield env.timeout(at)
        completion.complete()

    def waiter() -> Steps:
        for timeout in timeouts:
            yield from completion.wait(timeout, 1)
            log.append(env.now_ns)

    for at in completes_at:
        env.process(completer(at))
    env.process(waiter())
    env.run()
    return log


@pytest.mark.parametrize(
    ("completes_at", "timeouts", "log"),
    [
        pytest.param([3], [10], [3], id="woken"),
        pytest.param([], [10], [10], id="in-vain"),
        pytest.param([12], [10, 10], [10, 12], id="woken-by-what-comes-in-the-next-wait"),
        pytest.param([3], [10, 10], [3, 13], id="one-completion-ends-one-wait"),
        pytest.param([3, 4], [10, 10, 10], [3, 4, 14], id="one-each"),
        pytest.param([], [0], [0], id="no-time"),
    ],
)
def test_a_wait_ends_with_a_completion_or_its_timeout(
    completes_at: list[int], timeouts: list[int], log: list[int]
) -> None:
    assert waits(completes_at, timeouts) == log


def test_completions_are_counted_and_satisfy_later_waits_at_once() -> None:
    env = SeededEnvironment(0)
    completion = Completion(env)
    log: list[int] = []

    def waiter() -> Steps:
        yield env.timeout(5)
        for _ in range(3):
            yield from completion.wait(10, 1)
            log.append(env.now_ns)

    completion.complete()
    completion.complete()
    env.process(waiter())
    env.run()
    assert log == [5, 5, 15]


@pytest.mark.parametrize("seed", range(10))
def test_two_completions_at_once_end_two_waits(seed: int) -> None:
    assert waits([3, 3], [10, 10, 10], seed) == [3, 3, 13]


def test_a_completion_at_the_very_end_of_a_wait_may_serve_it_or_the_next() -> None:
    assert {tuple(waits([10], [10, 10], seed)) for seed in range(50)} == {(10, 10), (10, 20)}


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), max_size=8), st.lists(st.integers(1, 20), min_size=1, max_size=8), st.integers(0))
def test_no_wait_outlasts_its_timeout_and_no_completion_serves_twice(
    completes_at: list[int], timeouts: list[int], seed: int
) -> None:
    log = waits(completes_at, timeouts, seed)
    lasted = [end - start for start, end in zip([0, *log], log, strict=False)]
    assert all(0 <= wait <= timeout for wait, timeout in zip(lasted, timeouts, strict=True))
    assert sum(wait < timeout for wait, timeout in zip(lasted, timeouts, strict=True)) <= len(completes_at)


@pytest.mark.parametrize("seed", range(20))
def test_a_completion_in_the_moment_of_the_timeout_is_not_left_for_the_next_wait(seed: int) -> None:
    # cpu1 comes online as the wait for it ends. Whichever is first, a bring-up that finds it online ends its wait.
    text = """
    kernel = { maxcpus = 1 }
    topology = { cpus = [{ sve_bits = [128] }, { sve_bits = [128] }, { sve_bits = [128] }] }
    latencies = { probe = "1ms" }
    faults = [{ cpu = "cpu1", arrives_after = "4999ms" }]
    actions = [{ do = "online", cpu = "cpu1" }, { do = "online", cpu = "cpu2" }]
    """
    first, second = boot(scenario_from_text(text).but(seed=seed)).facts.actions
    assert first.outcome == second.outcome
