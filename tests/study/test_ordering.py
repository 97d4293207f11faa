"""CPUs come in the order of their sets, then of their ranks; a panic ends what comes later."""

import numpy as np

from sim.rules import when
from sim.study import ordering
from sim.study.column import Column, constant
from sim.study.ordering import Turn
from sim.study.verdict_bits import ACCEPTED, OF_SAVES
from tests.study.columns import ints, random_columns

ALL = 0xFFFF
NEVER = Turn(constant(ALL), constant(ALL))
ROWS = 5000


def turns(*columns: Column) -> list[Turn[Column]]:
    """Turns with these sets and few ranks."""
    return [Turn(vqs, Column(vqs.array[::-1] & np.uint16(0b11))) for vqs in columns]


def rows(turn: Turn[Column]) -> list[tuple[int, int]]:
    return list(zip(ints(turn.vqs), ints(turn.rank), strict=True))


def test_a_turn_precedes_by_its_set_and_then_by_its_rank() -> None:
    stream = np.random.default_rng(1)
    few = [Column(stream.integers(0, 4, ROWS, np.uint16)) for _ in range(2)]
    for one, other in (turns(*few), turns(*random_columns(2, ROWS))):
        assert ints(ordering.precedes(one, other)) == [
            ALL * (a < b) for a, b in zip(rows(one), rows(other), strict=True)
        ]


def test_the_earliest_turn_is_taken_where_it_happens() -> None:
    first, second, happening = random_columns(3, ROWS)
    one, other = turns(first, second)
    happens = when(happening & 2)
    taken = ordering.earliest(one, happens, other)
    triples = zip(rows(one), rows(other), ints(happening), strict=True)
    assert rows(taken) == [min(a, b) if happening & 2 else a for a, b, happening in triples]


def test_what_never_happens_is_later_than_every_turn() -> None:
    (one,) = turns(*random_columns(1, ROWS))
    nothing = Column(np.zeros(ROWS, np.uint16))
    assert set(ints(ordering.ever(ordering.earliest(NEVER, nothing, one)))) == {0}
    assert set(ints(ordering.ever(ordering.earliest(NEVER, ~nothing, one)))) == {ALL}
    assert set(ints(ordering.precedes(one, NEVER))) == {ALL}
    assert set(ints(ordering.precedes(NEVER, one))) == {0}


def test_a_panic_takes_the_hazards_of_saves_from_later_turns_alone() -> None:
    panic, before, at, after = (Turn(constant(3), constant(rank)) for rank in (5, 4, 5, 6))
    word = constant(OF_SAVES | ACCEPTED)
    assert ints(ordering.until(word, before, panic)) == [OF_SAVES | ACCEPTED]
    assert ints(ordering.until(word, at, panic)) == [OF_SAVES | ACCEPTED]
    assert ints(ordering.until(word, after, panic)) == [ACCEPTED]
    assert ints(ordering.until(word, after, NEVER)) == [OF_SAVES | ACCEPTED]
