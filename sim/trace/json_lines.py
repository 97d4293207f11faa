"""Events of a boot as JSON lines."""

import msgspec

from sim.outcome import Outcome


def jsonl_text(outcome: Outcome) -> str:
    """Return a boot's events, a line of JSON each, with the columns of `EventRow`."""
    return msgspec.json.Encoder().encode_lines(outcome.event_rows()).decode()
