"""The speed of batches of mixtures of cores against batches of vector lengths: columns of numpy, on one core.

A mixture has four clusters of the cores whose ID registers are all known; lengths are those of the space `late-cpu`,
four CPUs, under all its settings. Both count nothing: they compute the outcome of each system as a word.
"""

from pathlib import Path

from benchmarks.timing import hold, in_turns, measured
from sim.files.core_properties import complete_cores
from sim.files.space_file import read_space
from sim.study.batch import Batch, outcome_bits
from sim.study.mixture_batch import MixtureBatches
from sim.study.mixture_space import MixtureSpace
from sim.study.points import Sample
from sim.study.space_model import SpaceModel
from sim.sweep.sweep_part import distinct_by_outcome

CLUSTERS, ROUNDS, LIMIT = 4, 7, 3
LENGTHS = Path(__file__).parents[1] / "topologies" / "spaces" / "late-cpu.toml"


def main() -> None:
    """Measure, print and hold the ratio to its limit."""
    space = MixtureSpace(complete_cores(), CLUSTERS, ("6.12",))
    batches = MixtureBatches(space, "6.12")
    mixtures = list(space.blocks(0, space.points))
    lengths = read_space(LENGTHS)
    model, settings = SpaceModel(lengths), distinct_by_outcome(lengths.settings)
    blocks = list(Sample(lengths, space.points, 1).blocks(0, space.points))

    def of_mixtures() -> None:
        for block in mixtures:
            batches.words(block)

    def of_lengths() -> None:
        for block in blocks:
            batch = Batch(model, block.columns, block.rows)
            for setting in settings:
                outcome_bits(batch, setting)

    pair = in_turns(of_mixtures, of_lengths, calls=1, rounds=ROUNDS)
    print(f"mixtures of {CLUSTERS} cores: {pair.first_s / space.points * 1e9:.0f} ns each")
    print(f"lengths of {lengths.cpus} CPUs: {pair.second_s / space.points * 1e9:.0f} ns each; ratio {pair.ratio:.2f}")
    hold("the time of a mixture, against lengths", pair.ratio, LIMIT)


if __name__ == "__main__":
    measured(main)
