"""Notes on a scenario's kernel and its cores as text, for pages that show several boots."""

from rich.console import Console

from sim.flag_notes import as_sentence, flag_notes
from sim.scenario import Scenario
from sim.show.console import line
from sim.unknown_features import core_sentences


def show_shared_notes(scenario: Scenario, console: Console) -> None:
    """Print what is unknown of a scenario's kernel and of its cores, once for all boots."""
    for note in flag_notes(scenario.release, scenario.kernel_flags):
        line(console, as_sentence(note))
    for sentence in core_sentences(scenario):
        line(console, as_sentence(sentence))
