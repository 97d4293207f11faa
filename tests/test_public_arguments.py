"""Every parameter of every public name: a value of a wrong type is one line, at the call."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import sim
from sim.arguments import checked
from sim.environment import Step, StepKind
from sim.latencies import fixed
from sim.study.tally import Tally
from sim.sweep.sweep_plan import Plan
from tests.systems import group_of

pytest.importorskip("z3", reason="Z3 is not installed: the public names of proofs cannot be imported")

UNTYPED: Any = sim
"""The public names for calls that a type checker refuses."""
WAYS_TO_MAKE = ("of", "from_text")
MADE_BY_BOOTS = {sim.VlInfo}
"""The classes of results whose objects change during a boot, and which no user makes."""
SCENARIO = sim.Scenario(sim.Topology.of([[128, 256], [128]], late=[1]), kvm_mode=sim.KvmMode.PROTECTED)
OUTCOME = sim.boot(SCENARIO, causes=True)
SPACE = sim.Space((group_of("boot", (1, 3)), group_of("late", (1,), late=True)))
MIXTURES = sim.mixture_space(["arm,cortex-a55", "arm,cortex-a76"])
STEPS = (Step(StepKind.SAVE, 1),)
DEADLOCK = sim.Deadlock(("a waits",))
PROPERTY = sim.PROPERTIES["restored"]


class Stranger:
    """A value of a type that no parameter takes."""

    def __repr__(self) -> str:
        return "<stranger>"


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> sim.Summary:
    return sim.run_sweep(SPACE, tmp_path_factory.mktemp("sweep") / "out", jobs=1)


SAMPLES: tuple[object, ...] = (
    SCENARIO,
    SCENARIO.topology,
    SCENARIO.topology.cpus[0],
    SCENARIO.topology.cpus[0].features,
    SCENARIO.topology.cpus[0].firmware,
    SCENARIO.latencies,
    SCENARIO.latencies.probe,
    sim.Action(sim.Do.GUEST, "cpu1"),
    sim.Fault("cpu1", answer="DENIED"),
    sim.DESIGNS["tabba"],
    sim.Hazard(sim.HazardKind.TAINTED, None, 0, "tainted", None),
    SPACE,
    SPACE.groups[0],
    SPACE.settings[0],
    MIXTURES,
    sim.sweep_mixtures(MIXTURES),
    sim.Question(),
    PROPERTY,
    sim.Finding(PROPERTY, SPACE.settings[0], sim.Answer.PROVED),
    sim.Promises(sim.DESIGNS["tabba"], sim.Relay.RELAXED, {"restored": sim.Answer.PROVED}),
    DEADLOCK,
    sim.Found(DEADLOCK, STEPS),
    sim.Explored(),
    sim.Sampled(),
    sim.compare(SCENARIO),
    sim.compare_variants(SCENARIO, [sim.Axis.RELAY]),
    sim.difference(OUTCOME, SCENARIO),
    sim.critical_path(OUTCOME),
    sim.explain_log(Path(__file__).parent / "reports" / "pi5-reonline.log"),
)
BY_CLASS = {type(sample): sample for sample in SAMPLES}


def public_callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public functions, constructors and other ways to make an object, with their names."""
    for name in sim.__all__:
        value = getattr(sim, name)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value) and not issubclass(value, (Enum, Exception)) and value not in MADE_BY_BOOTS:
            yield name, value
            for way in WAYS_TO_MAKE:
                if way in vars(value):
                    yield f"{name}.{way}", getattr(value, way)


def parameters() -> Iterator[tuple[str, Callable[..., Any], str]]:
    for name, value in public_callables():
        for parameter in inspect.signature(value).parameters.values():
            # Types that are imported for type checkers only stand in quotes: of results, which users do not make.
            if not isinstance(parameter.annotation, str):
                yield name, value, parameter.name


EVERY_PARAMETER = pytest.mark.parametrize(
    ("name", "function", "parameter"), [pytest.param(*each, id=f"{each[0]}-{each[2]}") for each in parameters()]
)


def call(function: Callable[..., Any], parameter: str, value: object, samples: dict[type, Any]) -> object:
    """Call a function with one argument, or make an object that differs from a sample in one field."""
    if isinstance(function, type) and function in samples:
        return dataclasses.replace(samples[function], **{parameter: value})
    return function(**{parameter: value})


def test_there_is_a_sample_of_each_class() -> None:
    classes = {value for _, value in public_callables() if inspect.isclass(value)}
    assert classes - BY_CLASS.keys() == {sim.Outcome, sim.Summary}  # which need no sample, and a folder


@EVERY_PARAMETER
def test_a_value_of_a_wrong_type_is_one_line_at_the_call(
    name: str, function: Callable[..., Any], parameter: str, summary: sim.Summary
) -> None:
    samples = BY_CLASS | {sim.Summary: summary}
    message = rf"^{re.escape(name)}: {parameter} is <stranger> \(a Stranger\): allowed is .+"
    with pytest.raises(sim.InputError, match=message):
        call(function, parameter, Stranger(), samples)


ODD_VALUES: tuple[object, ...] = (
    "?",
    "",
    "\x1b",
    1,
    -1,
    1 << 70,
    1.5,
    float("nan"),
    True,
    None,
    [],
    [Stranger()],
    {"a": 1},
    (None,),
    b"1",
)
UNTRIED = {"Summary", "Explanation", "read_running_machine"}
"""The objects of a sweep and of a log, which users do not make; and what reads the machine that runs the test."""


@EVERY_PARAMETER
def test_no_value_is_another_error(
    name: str, function: Callable[..., Any], parameter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Call it with this argument alone: it works, is one line, or says which other arguments it needs."""
    monkeypatch.chdir(tmp_path)
    for value in ODD_VALUES if name not in UNTRIED else ():
        try:
            call(function, parameter, value, BY_CLASS)
        except sim.AsymbootError:
            continue
        except TypeError as error:
            if "missing" not in str(error):
                raise


# Values that are converted


def test_lists_become_tuples_and_names_choices() -> None:
    cpus: Any = list(SCENARIO.topology.cpus)
    actions: Any = [sim.Action("guest", "cpu1")]  # type: ignore[arg-type]
    assert sim.Topology(cpus).cpus == tuple(cpus)
    assert SCENARIO.but(actions=actions).actions == tuple(actions)
    assert SCENARIO.but(memory="mapped").memory is sim.MemoryLayout.MAPPED
    assert sim.Space(SPACE.groups, relays=["relaxed"]).relays == (sim.Relay.RELAXED,)  # type: ignore[arg-type]


def test_names_become_designs_and_properties() -> None:
    setting = UNTYPED.Setting("tabba", "relaxed", "protected", "mapped")
    assert setting.design is sim.DESIGNS["tabba"]
    assert UNTYPED.Space(SPACE.groups, designs=["tabba"]).designs == (sim.DESIGNS["tabba"],)
    question = sim.Question(early=2, late=0, up_to_bits=256)
    assert UNTYPED.prove_property(question, setting, "restored").prop is PROPERTY
    with pytest.raises(sim.InputError, match=r"^designs: unknown design 'taba': .*; did you mean 'tabba'\?$"):
        UNTYPED.Space(SPACE.groups, designs=["taba"])
    with pytest.raises(sim.InputError, match=r"^prop: unknown property 'restord': .*; did you mean 'restored'\?$"):
        UNTYPED.prove_property(question, setting, "restord")
    with pytest.raises(sim.InputError, match=r"^prop: property 'early-order' is about CPU features"):
        UNTYPED.prove_property(question, setting, "early-order")


def test_numbers_of_numpy_are_numbers() -> None:
    made = SCENARIO.but(seed=np.int64(3), el2=np.bool_(True))
    assert type(made.seed) is int
    assert made.el2 is True
    lengths = np.array([128, 256])
    assert sim.Topology.of([lengths]).cpus[0].sve_vqs == 3
    with pytest.raises(sim.InputError, match=r"^Scenario: seed is True \(a truth value\): allowed is a whole number$"):
        SCENARIO.but(seed=True)


def test_iterators_are_read_once() -> None:
    assert sim.cpu("a", iter([128, 256])).sve_vqs == 3
    assert sim.Topology.of([iter([128]), None]).cpus[0].sve_vqs == 1


def test_a_latency_may_be_a_duration_as_text() -> None:
    made = sim.Latencies(cpu_on="200us", probe="1.5 ms")  # type: ignore[arg-type]
    assert (made.cpu_on, made.probe) == (fixed("200us"), fixed("1500us"))
    with pytest.raises(
        sim.InputError, match=r"^cpu_on: '200' is not a duration: write a number of at least 0 and a unit"
    ):
        sim.Latencies(cpu_on="200")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: UNTYPED.boot("bug.toml"),
            r"boot: scenario is 'bug.toml' \(text\): .* read_scenario\(\) reads from a file",
        ),
        (lambda: UNTYPED.Action("guest", 1), r"Action: cpu is 1 \(a whole number\): allowed is text or None"),
        (lambda: UNTYPED.Topology.of("128"), r"Topology.of: sve_bits is '128' \(text\): allowed is a list \(each: .*"),
        (lambda: UNTYPED.Topology.of([[128], "256"]), r"Topology.of: sve_bits\[1\] is '256' \(text\): .*"),
        (lambda: UNTYPED.Topology.of([[128, "256"]]), r"Topology.of: sve_bits\[0\]\[1\] is '256' \(text\): .*"),
        (lambda: SCENARIO.but(seed=-1), r"seed is -1: allowed are 0 to 2\^62 - 1"),
        (lambda: SCENARIO.but(seed=1 << 62), r"seed is 4611686018427387904: allowed are 0 to 2\^62 - 1"),
        (lambda: SCENARIO.but(design="taba"), r"unknown design 'taba': .*; did you mean 'tabba'\?"),
        (lambda: SCENARIO.but(kvm_mode="protectd"), r"kvm_mode is 'protectd': .*; did you mean 'protected'\?"),
        (lambda: SCENARIO.but(seed="1"), r"Scenario: seed is '1' \(text\): allowed is a whole number"),
        (lambda: SCENARIO.but(kvm_mode=1), r"Scenario: kvm_mode is 1 .* one of default, protected, nvhe, none"),
        (lambda: SCENARIO.but(kernel_flags={"sme": 1}), r"Scenario: kernel_flags\['sme'\] is 1 .* True or False"),
        (lambda: SCENARIO.but(kernal="6.1"), r"a scenario has no 'kernal': .*; did you mean 'kernel'\?"),
        (lambda: UNTYPED.Topology.of([[128]], [None, None]), "Topology.of: sme_bits has 2 sets for 1 CPU: .*"),
        (lambda: UNTYPED.Topology.of([[128]], late=["cpu7"]), "Topology.of: late has 'cpu7': there are cpu0"),
        (lambda: UNTYPED.compare(SCENARIO, designs="v6.11"), r"compare: designs is 'v6.11' \(text\): .*"),
        (
            lambda: UNTYPED.boot(SCENARIO, causes="x" * 99),
            r"boot: causes is 'x+\.\.\. \(text\): allowed is True or False",
        ),
    ],
)
def test_a_message_names_the_parameter_the_value_and_what_is_allowed(make: Callable[[], object], message: str) -> None:
    with pytest.raises(sim.InputError, match=f"^{message}$"):
        make()


def test_late_cpus_are_given_by_number_or_name() -> None:
    lates: tuple[Any, ...] = ([1], ["cpu1"], {1, "cpu1"})
    for late in lates:
        assert [one.late for one in sim.Topology.of([[128], [128]], late=late).cpus] == [False, True]


def test_names_of_what_ships_are_read() -> None:
    assert len(sim.read_scenario("bug").topology.cpus) == 2
    assert sim.read_space("clusters").cpus == 8


def test_what_is_missing_or_too_much_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        sim.boot()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        sim.boot(SCENARIO, cause=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional argument"):
        sim.boot(SCENARIO, True)  # type: ignore[call-arg]


def test_a_value_whose_repr_fails_is_still_one_line() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    broken: Any = Broken()
    with pytest.raises(sim.InputError, match=r"^boot: scenario is \.\.\. \(a Broken\): "):
        sim.boot(broken)


def test_parameters_without_an_annotation_take_anything() -> None:
    @checked
    def any_of(one, *rest, other: int = 0):  # type: ignore[no-untyped-def]
        return one, rest, other

    assert any_of("a", "b") == ("a", ("b",), 0)


# Choices

RESULTS = {"Explanation", "Outcome", "Summary"}
"""The classes of results: their constructors take what the model recorded, not a user's choices."""


def test_the_choices_of_every_parameter_are_public() -> None:
    """Those of the types that a parameter takes count as well, such as the firmware of a CPU."""
    seen: list[object] = []
    found: set[type[StrEnum]] = set()

    def walk(hint: object) -> None:
        if hint in seen:
            return
        seen.append(hint)
        if inspect.isclass(hint) and issubclass(hint, StrEnum):
            found.add(hint)
        if dataclasses.is_dataclass(hint) and hint not in (Plan, Tally):
            for one in dataclasses.fields(hint):
                walk(one.type)
        for inner in get_args(hint):
            walk(inner)

    for name, value in public_callables():
        for parameter in inspect.signature(value).parameters.values() if name not in RESULTS else ():
            walk(parameter.annotation)
    public = {getattr(sim, name) for name in sim.__all__ if inspect.isclass(getattr(sim, name))}
    assert {one.__name__ for one in found - public} == set()


# Choices


CHOICES = [
    value
    for name in sim.__all__
    if inspect.isclass(value := getattr(sim, name)) and issubclass(value, Enum) and not issubclass(value, Exception)
]


@pytest.mark.parametrize("kind", CHOICES, ids=lambda kind: kind.__name__)
def test_a_choice_that_there_is_not_is_one_line_with_all_there_are(kind: type[Enum]) -> None:
    allowed = ", ".join(str(one.value) for one in kind)
    for wrong in ("?", "", 1, None):
        with pytest.raises(sim.InputError, match=rf"^{kind.__name__} is '.*': allowed are {re.escape(allowed)}"):
            kind(wrong)


def test_a_choice_that_is_misspelt_has_a_suggestion() -> None:
    kinds = {"Axis": {"kvm": "kvm_mode", "boot-cpu": "boot_cpu"}, "HazardKind": {"kernel_panik": "kernel_panic"}}
    for kind, names in kinds.items():
        for given, meant in names.items():
            with pytest.raises(sim.InputError, match=f"did you mean '{meant}'"):
                getattr(UNTYPED, kind)(given)


def test_lengths_of_sets_are_in_bits_and_a_group_takes_them() -> None:
    assert sim.legal_sets(256) == ((128,), (128, 256))
    assert sim.power_of_two_sets(512) == ((128,), (128, 256), (128, 256, 512))
    group = sim.Group("late", [*sim.legal_sets(256), None], cpus=2, late=True, weights=[1, 2, 3])
    assert group == group_of("late", (1, 3, 0), cpus=2, late=True, weights=(1, 2, 3))
    with pytest.raises(sim.InputError, match=r"^100 bits is not a vector length"):
        sim.Group("late", [[100]])
    assert sim.cpu("a", sim.boot(SCENARIO).vectors["SVE"].vq_map_bits).sve_bits == (128, 256)


def test_a_group_takes_the_sets_that_have_a_name_in_space_files() -> None:
    legal = sim.Group("late", "legal", up_to_bits=512)  # type: ignore[arg-type]
    assert legal == sim.Group("late", sim.legal_sets(512)) == dataclasses.replace(legal)
    powers = sim.Group("late", sim.NamedSets.POWERS_OF_TWO, up_to_bits=512)
    assert powers.sets == sim.power_of_two_sets(512)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sets": "legall"}, "sets is 'legall': allowed are legal, powers-of-two; did you mean 'legal'?"),
        ({"sets": "legal"}, '"legal" sets need up_to_bits'),
        ({"sets": "legal", "up_to_bits": 100}, "up_to_bits: 100 bits is not a vector length"),
        ({"sets": [[128]], "up_to_bits": 128}, 'up_to_bits goes with "legal" or "powers-of-two" sets, not with a list'),
        ({"sets": [3]}, "Group: sets[0] is 3 (a whole number): allowed is a list (each: a whole number) or None"),
        ({"sets": [[256]]}, "group 'e': {256}: every set has 128"),
    ],
)
def test_sets_that_a_group_does_not_take_are_one_line(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(sim.InputError, match=f"^{re.escape(message)}"):
        sim.Group("e", **arguments)
