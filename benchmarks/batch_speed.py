"""The speed of batches against C: both compute the same outcomes from the same columns, on one core.

The work is enumeration, verification of late CPUs and the hazards of saves for 8 CPUs, 4 early and 4 late, under v6.11
with a relaxed relay and mapped memory. The outcome of a system is a word of 16 bits. The C programs are this project's
own: `c/row_by_row.c` has plain branches and is compiled without vectors; `c/columns.c` is as fast as we can write it.
"""

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import hold, hold_at_least, in_turns, measured, seconds
from sim.designs import DESIGNS
from sim.scenario import KvmMode, MemoryLayout, Relay
from sim.study import verdict_bits
from sim.study.batch import Batch, outcome_bits
from sim.study.column import Sets, narrow_sets
from sim.study.compiled_batch import CompiledWords
from sim.study.points import BLOCK_ROWS
from sim.study.space_model import SpaceModel
from sim.study.system_space import Group, Setting, Space, legal_sets, legal_vqs
from sim.sweep.sweep_part import distinct_by_outcome

Columns = list[Sets]

ROWS = 1 << 22
EARLY, LATE = 4, 4
SETTING = Setting(DESIGNS["v6.11"], Relay.RELAXED, KvmMode.PROTECTED, MemoryLayout.MAPPED)
SOURCES = Path(__file__).parent / "c"
ROUNDS = 7
LEAST_OF_COPYING = 0.4
MOST_SETTINGS_OVER_ONE = 2.5


class Parameters(ctypes.Structure):
    """``struct parameters`` of c/judged.h."""

    _fields_ = (
        ("cpus", ctypes.c_int),
        ("early", ctypes.c_int),
        ("on_exceeding", ctypes.c_uint16),
        ("accepted", ctypes.c_uint16),
        ("refused", ctypes.c_uint16),
    )


def space() -> Space:
    """Eight CPUs of any legal set up to 512 bits."""
    groups = tuple(Group(f"cpu{n}", (None, *legal_sets(512)), late=n >= EARLY) for n in range(EARLY + LATE))
    return Space(groups, "6.12", (SETTING.design,), (SETTING.relay,), memories=(SETTING.memory,))


def by_blocks(evaluate: Callable[[Columns, int], object], columns: Columns) -> None:
    """Evaluate all systems, a block at a time, as a sweep does."""
    for start in range(0, ROWS, BLOCK_ROWS):
        evaluate([column[start : start + BLOCK_ROWS] for column in columns], BLOCK_ROWS)


def built(source: str, options: list[str], folder: Path) -> Callable[..., None]:
    """Compile a C program into a folder, and return its function."""
    library = folder / f"{source}.so"
    program = str(SOURCES / f"{source}.c")
    command = ["gcc", "-O3", "-march=native", *options, "-shared", "-fPIC", f"-o{library}", program]
    subprocess.run(command, check=True)  # noqa: S603 (our own sources)
    evaluate: Callable[..., None] = ctypes.CDLL(str(library)).judge
    return evaluate


def c_call(
    evaluate: Callable[..., None], model: SpaceModel, columns: Columns, out: NDArray[np.uint16]
) -> Callable[[], None]:
    """Return a call of a C program on the columns, as sets of 16 bits, all rows at once."""
    outcomes = {model.save_outcomes(unit, SETTING.design, SETTING.memory) for unit in model.units}
    # In mapped memory a save has the same outcome on every CPU, so the C programs need a single word for it.
    (on_exceeding,) = (one.on_exceeding for one in outcomes)
    parameters = Parameters(EARLY + LATE, EARLY, on_exceeding, verdict_bits.ACCEPTED, verdict_bits.REFUSED)
    wide = [column.astype(np.uint16) for column in columns]
    pointers = (ctypes.c_void_p * len(wide))(*(column.ctypes.data for column in wide))
    arguments = (ctypes.byref(parameters), pointers, ctypes.c_void_p(out.ctypes.data), ctypes.c_long(ROWS))

    def call() -> None:
        assert wide  # the pointers are to these arrays, which must live as long as the call
        evaluate(*arguments)

    return call


def against_c(compiled: Callable[[], None], model: SpaceModel, columns: Columns, expected: NDArray[np.uint16]) -> None:
    """Compare our speed with that of both C programs."""
    if shutil.which("gcc") is None:
        print("!!! no gcc: the comparison with C is left out")
        return
    limits = {"row_by_row": (["-fno-tree-vectorize"], 20), "columns": ([], 1)}
    with TemporaryDirectory() as folder:
        for name, (options, limit) in limits.items():
            out = np.zeros(ROWS, np.uint16)
            call = c_call(built(name, options, Path(folder)), model, columns, out)
            call()
            assert (out == expected).all(), name
            pair = in_turns(compiled, call, calls=1, rounds=ROUNDS)
            print(
                f"c/{name}.c: {ROWS / pair.second_s / 1e6:,.0f} million systems a second; "
                f"ours {1 / pair.ratio:.2f} times as many (at least {limit})"
            )
            hold_at_least(f"speed against {name}", 1 / pair.ratio, limit)


def all_designs(columns: Columns) -> None:
    """Compare every named design under both relay settings with one design under one."""
    model = SpaceModel(replace(space(), designs=tuple(DESIGNS.values()), relays=tuple(Relay)))
    settings = model.space.settings
    every = partial(by_blocks, CompiledWords(model, distinct_by_outcome(settings)), columns)
    ratios = {}
    for design in DESIGNS.values():
        alone = CompiledWords(model, [replace(SETTING, design=design)])
        pair = in_turns(every, partial(by_blocks, alone, columns), calls=1, rounds=ROUNDS)
        ratios[design.name] = pair.ratio
        print(f"{len(settings)} settings: {pair.ratio:.2f} times the cost of {design.name} alone, relay relaxed")
    dearest = min(ratios, key=lambda name: ratios[name])
    print(f"the dearest is {dearest}: {ratios[dearest]:.2f} times (at most {MOST_SETTINGS_OVER_ONE})")
    hold("all settings over the dearest", ratios[dearest], MOST_SETTINGS_OVER_ONE)


def main() -> None:
    """Measure and print."""
    stream = np.random.default_rng(1)
    candidates, model = narrow_sets((0, *legal_vqs(512))), SpaceModel(space())
    columns: Columns = [candidates[stream.integers(0, len(candidates), ROWS)] for _ in range(EARLY + LATE)]
    evaluate = CompiledWords(model, [SETTING])
    (expected,) = evaluate(columns, ROWS)
    assert (outcome_bits(Batch(model, columns, ROWS), SETTING) == expected).all()
    compiled = partial(by_blocks, evaluate, columns)
    plain = partial(by_blocks, lambda some, rows: outcome_bits(Batch(model, some, rows), SETTING), columns)
    rate = ROWS / min(seconds(compiled) for _ in range(ROUNDS))
    # How near to the speed of memory: the bytes of a system's columns and word, against a copy that no cache holds.
    touched = (EARLY + LATE) * candidates.itemsize + expected.itemsize
    source, target = np.zeros(ROWS * 8, np.uint16), np.zeros(ROWS * 8, np.uint16)
    copied = 2 * source.nbytes / min(seconds(partial(np.copyto, target, source)) for _ in range(ROUNDS))
    print(f"compiled: {rate / 1e6:,.0f} million systems a second in blocks, as in a sweep, {1e9 / rate:.2f} ns each")
    at_once = ROWS / min(seconds(partial(evaluate, columns, ROWS)) for _ in range(ROUNDS))
    print(f"in one call, as the C programs have it: {at_once / 1e6:,.0f} million systems a second")
    print(
        f"columns read and written: {touched * rate / 1e9:.1f} GB/s; copying memory: {copied / 1e9:.1f} GB/s; "
        f"{touched * rate / copied:.0%} (at least {LEAST_OF_COPYING:.0%})"
    )
    hold_at_least("bytes read and written, against copying", touched * rate / copied, LEAST_OF_COPYING)
    print(f"plain numpy: {in_turns(plain, compiled, calls=1, rounds=ROUNDS).ratio:.1f} times as long")
    all_designs(columns)
    against_c(compiled, model, columns, expected)


if __name__ == "__main__":
    measured(main)
