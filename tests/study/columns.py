"""Columns of random sets for tests, in whose first rows the edges stand."""

import numpy as np

from sim.study.column import Column

EDGES = np.array([0, 1, 2, 0x8000, 0xFFFF, 0x7FFF, 0x8001, 0b1011], np.uint16)


def random_columns(columns: int, rows: int) -> list[Column]:
    stream = np.random.default_rng(columns)
    return [
        Column(np.concatenate([stream.permutation(EDGES), stream.integers(0, 1 << 16, rows - len(EDGES), np.uint16)]))
        for _ in range(columns)
    ]


def ints(column: Column) -> list[int]:
    return [int(one) for one in column.array]
