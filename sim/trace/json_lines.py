"""Events of a boot as JSON lines."""

import msgspec

from sim.outcome import Outcome
from sim.rows import EventRow


def jsonl_text(outcome: Outcome) -> str:
    """Return a boot's events, a line of JSON each, with the columns of `EventRow`."""
    return msgspec.json.Encoder().encode_lines([EventRow(*event) for event in outcome.facts.events]).decode()
