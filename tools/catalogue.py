"""The catalogue of the scenarios and spaces that ship; `make catalogue` writes it."""

import sys

import msgspec

from sim.files.mixture_file import read_any_space
from sim.files.scenario_file import read_scenario
from sim.files.shipped_catalogue import Catalogue, ListedScenario, ListedSpace
from sim.files.shipped_scenarios import shipped, shipped_spaces
from sim.study.mixture_space import MixtureSpace


def catalogue_text() -> str:
    """Return the catalogue as JSON, made from the files."""
    made = Catalogue(tuple(_scenarios()), tuple(_spaces()))
    return msgspec.json.format(msgspec.json.encode(made)).decode() + "\n"


def _scenarios() -> list[ListedScenario]:
    scenarios = {file.stem: read_scenario(file) for file in shipped()}
    return [
        ListedScenario(stem, len(scenario.topology.cpus), scenario.name, scenario.topology.hypothetical)
        for stem, scenario in scenarios.items()
    ]


def _spaces() -> list[ListedSpace]:
    listed = []
    for file in shipped_spaces():
        space = read_any_space(file)
        if isinstance(space, MixtureSpace):
            kind, settings = "mixtures of cores", len(space.kernels)
        else:
            kind, settings = "vector lengths", len(space.settings)
        listed.append(ListedSpace(file.stem, kind, space.points, settings))
    return listed


if __name__ == "__main__":
    sys.stdout.write(catalogue_text())
