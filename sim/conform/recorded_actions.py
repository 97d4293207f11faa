"""Actions of user space as records write them: ``on:N``, ``off:N`` with a logical CPU number, and ``suspend``."""

import re

from sim.errors import InputError
from sim.scenario import Action, Do


def parse_action(text: str) -> Action:
    """Return the action that a record asks for.

    Raises:
        InputError: the text has another form.
    """
    if text == Do.SUSPEND:
        return Action(Do.SUSPEND)
    match = re.fullmatch(r"(on|off):(\d{1,5})", text)
    if match is None:
        raise InputError(f"unknown action {text[:40]!r}: allowed are on:N, off:N and suspend")
    return Action(Do.ONLINE if match[1] == "on" else Do.OFFLINE, f"cpu{match[2]}")


def action_text(do: str, cpu: int | None) -> str:
    """Write an action as records do.

    >>> action_text(Do.ONLINE, 3)
    'on:3'
    """
    if cpu is None:
        return do
    return f"{'on' if do == Do.ONLINE else 'off'}:{cpu}"
