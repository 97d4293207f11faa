"""Fingerprints of states: equal fingerprints mean that everything that may still happen is the same.

A fingerprint is a digest of declared snapshots: each part of a boot (`snapshot()` of machine, kernel, processes and
environment) returns what later steps and hazards depend on. Time is not part of a state, nor is the past that only the
record tells: the log, the events, saves that are over. Nothing is read from the frames of generators, so a process may
be rewritten freely as long as its part declares what it holds.

`tests/explore/test_fingerprint.py` mutates every field of every part and expects another fingerprint, or the reason why
the field does not count.
"""

from hashlib import blake2b

from sim.boot_run import BootRun
from sim.explore.controlled_env import ControlledEnvironment

_DIGEST_BYTES = 16


def fingerprint(run: BootRun) -> bytes:
    """Return the fingerprint of a boot's current state: 16 bytes."""
    env, panic = run.system.env, run.system.recorder.panic
    assert isinstance(env, ControlledEnvironment)
    if panic is not None:
        # Nothing more happens, so states that differ elsewhere are the same.
        state: tuple[object, ...] = (panic.cpu, panic.sentence)
    else:
        state = (*run.snapshot(late_arrivals=bool(env.late)), env.snapshot())
    # Snapshots are tuples and records of plain values, whose repr is their content; a default repr has an address.
    return blake2b(repr(state).encode(), digest_size=_DIGEST_BYTES).digest()
